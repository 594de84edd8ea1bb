"""The compiled form of `slice_tree.prefix_ranges`; the essay there says what it searches.

Most prefixes end in a slice of the root, where both ends of all ranges are searched in step. Longer ones go on one by one.

What ends there are is told by the slices alone; the ranks that stand there would be a line more each, of eight bytes a slice.
So they may be given in short (`slice_tree.short_ranks`), two bytes a slice, most of which stay in cache.
"""
# mypy: ignore-errors

from __future__ import annotations

import numpy as np

from valkyrie._scan import slice_tree
from valkyrie._scan.slice_parts_jit import (
    BLOCK,
    LINE,
    NODE,
    ONES,
    SLICE,
    TEXT,
    address_of,
    comes_after,
    common_from,
    common_with_root,
    group_first,
    group_link,
    leaf_of,
    lines_in_root,
    node_at,
    node_count,
    node_depth,
    node_inner,
    position_in_line,
    slice_at,
    text_length,
    text_offset,
)
from valkyrie._scan.vector import compiled, count_le_at, inlined, item, load8, load32, load64, prefetch_at

__all__ = ["prefix_ranges"]

NO_LIMIT = 1 << 40  # deeper than any text
NOWHERE = -(1 << 40)  # no link
RANKS = slice_tree.SHORT_RANKS.itemsize
FAR = slice_tree.FAR


@inlined
def range_of_tail(address, n, size, terminator, backwards, fold, texts, arena, last):
    """The range of a text that goes on behind a slice, if only one stored text does: that of rank `last`, or none."""
    text, most = arena + text_offset(texts, last), text_length(texts, last)
    same = common_from(address, n, size, 0, terminator, backwards, fold, text, most)
    if same == size:
        return last, last + 1
    last += comes_after(address, n, same, terminator, backwards, fold, text, most)
    return last, last


@inlined
def without_padding(low, high, size, texts):
    """The lower end of a range less the texts that end in the prefix's last slice and are the prefix less some NULs."""
    while low < high and text_length(texts, low) < size:
        low += 1
    return low


@compiled
def range_below(
    address, n, size, number, end, limit, terminator, backwards, fold, nodes, inner, slices, groups, texts, arena
):  # fmt: skip
    """The range of one text below a node whose ranks end at `end`, skipped bytes not verified, as low and high.

    Then a rank whose text has the skipped bytes, and how many. Ends at a node deeper than `limit` with all its ranks.
    """
    while True:
        d, at, count = node_depth(nodes, number), node_at(nodes, number), node_count(nodes, number)
        lines = item(inner, node_inner(nodes, number), LINE)
        first = group_first(groups, at)
        left = size - d
        if d > limit or left <= 0:
            return first, end, first, d
        word = slice_at(address, n, d, terminator, backwards, fold)
        upper = word | (ONES >> np.uint64(8 * left) if left < 8 else np.uint64(0))
        high = position_in_line(upper, at, count, leaf_of(upper, count, lines), slices) + 1
        high_rank = group_first(groups, high) if high < at + count else end
        if left <= 8:
            lower = word - np.uint64(word != 0)
            low = position_in_line(lower, at, count, leaf_of(lower, count, lines), slices) + 1
            low = at if word == 0 else low
            low_rank = group_first(groups, low) if low < at + count else end
            return without_padding(low_rank, high_rank, size, texts), high_rank, first, d
        if high == at or load64(item(slices, high - 1, SLICE)) != word:
            return high_rank, high_rank, first, d
        link = group_link(groups, high - 1)
        if link < 0:
            low_rank, high_rank = range_of_tail(address, n, size, terminator, backwards, fold, texts, arena, ~link)
            return low_rank, high_rank, first, d
        number, end = link, high_rank


@compiled
def prefix_range(
    address, n, size, number, end, terminator, backwards, fold, nodes, inner, slices, groups, texts, arena
):  # fmt: skip
    """The range of one text below a node whose ranks end at `end`, verified."""
    low, high, rank, depth = range_below(
        address, n, size, number, end, NO_LIMIT, terminator, backwards, fold, nodes, inner, slices, groups, texts, arena
    )
    depth = min(depth, size)
    same = common_from(address, n, size, 0, terminator, backwards, fold, arena + text_offset(texts, rank), depth)
    if same >= depth:
        return low, high
    # It differs from skipped bytes: its place is before or behind all texts of the first node that skips them.
    low, high, rank, depth = range_below(
        address, n, size, number, end, same, terminator, backwards, fold, nodes, inner, slices, groups, texts, arena
    )
    text = arena + text_offset(texts, rank)
    if comes_after(address, n, same, terminator, backwards, fold, text, text_length(texts, rank)):
        return high, high
    return low, low


@inlined
def rank_behind(leaf, c, ranks, has_ranks, groups, count, total):
    """The lowest rank behind the first `c` slices of a line of the root."""
    if has_ranks:
        of_line = item(ranks, leaf, RANKS)
        more = load8(of_line + np.uint64(4 + c))
        if more != FAR:
            return np.int64(load32(of_line) + more)
    i = min(8 * leaf + c, count)
    return group_first(groups, i) if i < count else total


@compiled
def prefix_ranges(
    address, length, terminator, backwards, fold, nodes, inner, slices, groups, texts, arena, ranks, low, high
):  # fmt: skip
    """As the twin of the same name says."""
    if len(low) == 0:
        return  # the tree may be empty too: this is how the kernel is compiled
    total = np.int64(len(texts))
    has_ranks = len(ranks) > 0
    nodes, inner, slices, groups = address_of(nodes), address_of(inner), address_of(slices), address_of(groups)
    texts, arena, ranks = address_of(texts), address_of(arena), address_of(ranks)
    d, count = node_depth(nodes, 0), node_count(nodes, 0)
    own = 255 >> max(8 - count, 0)  # a small root shares its line
    ends = 1 if terminator >= 0 else 0
    lower = np.empty(BLOCK, np.uint64)  # what is above it, and not above the upper bound, is in the range (of zeros, they too)
    upper = np.empty(BLOCK, np.uint64)
    at_low = np.empty(BLOCK, np.int64)
    at_high = np.empty(BLOCK, np.int64)
    left = np.empty(BLOCK, np.int64)  # bytes behind what all texts share; -1 if the prefix has other bytes there
    link = np.empty(BLOCK, np.int64)
    short = np.empty(BLOCK, np.uint32)  # those that are less than a slice, and begin in another line than they end
    bound = np.empty(BLOCK, np.uint64)
    line = np.empty(BLOCK, np.int64)
    active = np.empty(BLOCK, np.uint32)  # those that the slices of the root do not settle
    for start in range(0, len(low), BLOCK):
        m = min(BLOCK, len(low) - start)
        begin = np.uint64(start)
        some, going = 0, 0
        for k in range(np.uint64(m)):
            n = np.int64(length[begin + k])
            size = n + ends if n > 0 else 0
            behind = max(size - d, 0)
            if d > 0:
                text = arena + text_offset(texts, 0)
                same = common_with_root(address[begin + k], n, size, terminator, backwards, fold, text, d)
                behind = behind if same == min(d, size) else -1
            word = slice_at(address[begin + k], n, d, terminator, backwards, fold) if behind > 0 else np.uint64(0)
            unused = np.uint64(max(64 - 8 * max(behind, 1), 0))
            left[k] = behind
            lower[k] = word - np.uint64(word != 0)
            upper[k] = word | ((np.uint64(1) << unused) - np.uint64(1))
            short[some] = k
            bound[some] = lower[k]
            some += 1 if behind < 8 else 0
            active[going] = k
            going += 1 if (behind < 1) | (behind > 8) | ((word >> unused) & np.uint64(255) == 0) else 0
        lines_in_root(upper, m, at_high, nodes, inner)
        for k in range(np.uint64(m)):
            prefetch_at(item(slices, at_high[k], LINE))
            prefetch_at(item(ranks, at_high[k], RANKS))
            at_low[k] = at_high[k]  # of a whole slice: it is in that line if anywhere, and nothing less is between
        if some > 0:
            lines_in_root(bound, some, line, nodes, inner)
            for a in range(some):
                prefetch_at(item(slices, line[a], LINE))
                prefetch_at(item(ranks, line[a], RANKS))
                at_low[short[a]] = line[a]
        for k in range(np.uint64(m)):
            c = count_le_at(item(slices, at_low[k], LINE), lower[k], own)
            first = rank_behind(at_low[k], c, ranks, has_ranks, groups, count, total)
            c = count_le_at(item(slices, at_high[k], LINE), upper[k], own)
            low[begin + k] = first
            high[begin + k] = max(first, rank_behind(at_high[k], c, ranks, has_ranks, groups, count, total))
        if going == 0:
            continue
        for a in range(going):
            k = active[a]
            if left[k] > 8:
                c = count_le_at(item(slices, at_high[k], LINE), upper[k], own)
                j = max(min(8 * at_high[k] + c, count) - 1, 0)
                link[k] = group_link(groups, j) if load64(item(slices, j, SLICE)) == upper[k] else NOWHERE
                prefetch_at(item(nodes, link[k], NODE) if link[k] >= 0 else item(texts, ~link[k], TEXT))
        for a in range(going):
            k = active[a]
            if left[k] > 8 and NOWHERE < link[k] < 0:
                prefetch_at(arena + text_offset(texts, ~link[k]) + np.uint64(d + 8))
        for a in range(going):
            k = active[a]
            row = begin + np.uint64(k)
            n = np.int64(length[row])
            size = n + ends if n > 0 else 0
            first, end = np.int64(low[row]), np.int64(high[row])
            if left[k] > 8:
                if link[k] == NOWHERE:
                    first = end
                elif link[k] < 0:
                    first, end = range_of_tail(address[row], n, size, terminator, backwards, fold, texts, arena, ~link[k])
                else:
                    first, end = prefix_range(
                        address[row], n, size, link[k], end, terminator, backwards, fold,
                        nodes, inner, slices, groups, texts, arena,
                    )  # fmt: skip
            elif left[k] > 0:
                if upper[k] >> np.uint64(64 - 8 * left[k]) == 0:  # NULs only: no slice is less
                    first = group_first(groups, 0)
                first = without_padding(first, end, size, texts)
            elif left[k] == 0:
                first, end = group_first(groups, 0), total
            else:
                text = arena + text_offset(texts, 0)
                same = common_from(address[row], n, size, 0, terminator, backwards, fold, text, d)
                first = total * comes_after(address[row], n, same, terminator, backwards, fold, text, d)
                end = first
            low[row] = first
            high[row] = max(first, end)
