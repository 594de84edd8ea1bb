"""The compiled form of `slice_tree.prefix_ranges`; the essay there says what it searches.

Most prefixes end in a slice of the root, where both ends of all ranges are searched in step. Longer ones go on one by one.
"""
# mypy: ignore-errors

from __future__ import annotations

import numpy as np

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
    group_first,
    group_link,
    leaf_of,
    node_at,
    node_count,
    node_depth,
    node_inner,
    position_in_line,
    positions_in_root,
    slice_at,
    text_length,
    text_offset,
)
from valkyrie._scan.vector import compiled, inlined, item, load64, prefetch_at

__all__ = ["prefix_ranges"]

NO_LIMIT = 1 << 40  # deeper than any text
NOWHERE = -(1 << 40)  # no link


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


@compiled
def prefix_ranges(
    address, length, terminator, backwards, fold, nodes, inner, slices, groups, texts, arena, low, high
):  # fmt: skip
    """As the twin of the same name says."""
    if len(low) == 0:
        return  # the tree may be empty too: this is how the kernel is compiled
    total = np.int64(len(texts))
    nodes, inner, slices, groups = address_of(nodes), address_of(inner), address_of(slices), address_of(groups)
    texts, arena = address_of(texts), address_of(arena)
    d, count = node_depth(nodes, 0), node_count(nodes, 0)
    ends = 1 if terminator >= 0 else 0
    words = np.empty(BLOCK, np.uint64)
    bound = np.empty(BLOCK, np.uint64)
    at_low = np.empty(BLOCK, np.int64)
    at_high = np.empty(BLOCK, np.int64)
    link = np.empty(BLOCK, np.int64)
    active = np.empty(BLOCK, np.uint32)
    left = np.empty(BLOCK, np.int64)  # bytes behind what all texts share; -1 if the prefix has other bytes there
    for start in range(0, len(low), BLOCK):
        m = min(BLOCK, len(low) - start)
        for k in range(m):
            n = np.int64(length[start + k])
            size = n + ends if n > 0 else 0
            left[k] = max(size - d, 0)
            if d > 0:
                same = common_from(
                    address[start + k], n, size, 0, terminator, backwards, fold, arena + text_offset(texts, 0), d
                )  # fmt: skip
                left[k] = left[k] if same == min(d, size) else -1
            word = slice_at(address[start + k], n, d, terminator, backwards, fold) if left[k] > 0 else np.uint64(0)
            words[k] = word
            bound[k] = word | (ONES >> np.uint64(8 * left[k]) if 0 <= left[k] < 8 else np.uint64(0))
        positions_in_root(bound, m, at_high, nodes, inner, slices, groups)
        for k in range(m):
            bound[k] = words[k] - np.uint64(words[k] != 0)
        positions_in_root(bound, m, at_low, nodes, inner, slices, groups)
        going = 0
        for k in range(m):
            if left[k] > 8:
                j = max(at_high[k], 0)
                link[k] = group_link(groups, j) if load64(item(slices, j, SLICE)) == words[k] else NOWHERE
                prefetch_at(item(nodes, link[k], NODE) if link[k] >= 0 else item(texts, ~link[k], TEXT))
                active[going] = k
                going += 1
        for a in range(going):
            k = active[a]
            if NOWHERE < link[k] < 0:
                prefetch_at(arena + text_offset(texts, ~link[k]) + np.uint64(d + 8))
        for k in range(m):
            n = np.int64(length[start + k])
            size = n + ends if n > 0 else 0
            j = at_high[k] + 1
            behind = group_first(groups, j) if j < count else total
            if left[k] > 8:
                if link[k] == NOWHERE:
                    first = behind
                elif link[k] < 0:
                    first, behind = range_of_tail(
                        address[start + k], n, size, terminator, backwards, fold, texts, arena, ~link[k]
                    )
                else:
                    first, behind = prefix_range(
                        address[start + k], n, size, link[k], behind, terminator, backwards, fold,
                        nodes, inner, slices, groups, texts, arena,
                    )  # fmt: skip
            elif left[k] >= 0:
                word = words[k]
                i = at_low[k] + 1 if word != 0 else 0
                first = group_first(groups, i) if i < count else total
                if left[k] > 0 and (word >> np.uint64(64 - 8 * left[k])) & np.uint64(255) == 0:
                    first = without_padding(first, behind, size, texts)
            else:
                text = arena + text_offset(texts, 0)
                same = common_from(address[start + k], n, size, 0, terminator, backwards, fold, text, d)
                first = total * comes_after(address[start + k], n, same, terminator, backwards, fold, text, d)
                behind = first
            low[start + k] = first
            high[start + k] = max(first, behind)
