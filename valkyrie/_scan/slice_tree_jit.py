"""The compiled form of `slice_tree.longest_prefixes`; the essay there says what it searches and why the answer is right.

A block of 64 queries goes through stages: each stage asks for the memory of the next before that needs it, so that 64 cache
misses are on their way at once. Queries that go down further are kept in a list, ever fewer of them.
"""
# mypy: ignore-errors

from __future__ import annotations

import numpy as np

from valkyrie._scan.slice_parts_jit import (
    BLOCK,
    GROUP,
    LINE,
    NODE,
    SLICE,
    TEXT,
    address_of,
    common_from,
    common_with_root,
    equal_bytes,
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
    text_parent,
)
from valkyrie._scan.vector import compiled, item, load64, prefetch_at

__all__ = ["longest_prefixes"]


@compiled
def longest_prefixes(
    address, length, terminator, backwards, fold, padded, nodes, inner, slices, groups, texts, arena, out
):  # fmt: skip
    """As the twin of the same name says."""
    if len(out) == 0:
        return  # the tree may be empty too: this is how the kernel is compiled
    nodes, inner, slices, groups = address_of(nodes), address_of(inner), address_of(slices), address_of(groups)
    texts, arena = address_of(texts), address_of(arena)
    root_depth = node_depth(nodes, 0)
    ends = 1 if terminator >= 0 else 0
    words = np.empty(BLOCK, np.uint64)
    position = np.empty(BLOCK, np.int64)
    depth = np.empty(BLOCK, np.int64)
    known = np.empty(BLOCK, np.int64)  # bytes that are verified: all up to depth if it is equal to depth
    rank = np.empty(BLOCK, np.int64)
    common = np.empty(BLOCK, np.int64)  # bytes shared with the text of rank, -1 while that is to be compared
    node = np.empty(BLOCK, np.int64)
    begin = np.empty(BLOCK, np.int64)  # of the node's slices
    leaf = np.empty(BLOCK, np.int64)
    active = np.empty(BLOCK, np.uint32)  # unsigned, so that no index is tested for being negative
    for start in range(0, len(out), BLOCK):
        m = min(BLOCK, len(out) - start)
        for k in range(m):
            words[k] = slice_at(address[start + k], np.int64(length[start + k]), root_depth, terminator, backwards, fold)
            depth[k] = root_depth
            known[k] = root_depth
            begin[k] = 0
            active[k] = k
        positions_in_root(words, m, position, nodes, inner, slices, groups)
        going = m
        if root_depth > 0:
            # What all texts share is in cache: verified at once, so that it does not count as skipped.
            going = 0
            text = arena + text_offset(texts, 0)
            for k in range(m):
                n = np.int64(length[start + k])
                same = common_with_root(address[start + k], n, n + ends, terminator, backwards, fold, text, root_depth)
                rank[k] = 0
                common[k] = same
                active[going] = k
                going += 1 if same == root_depth else 0
        while going > 0:
            # Where each stands in its node: its rank, or the node below.
            descending = 0
            for a in range(going):
                k = active[a]
                d = depth[k]
                word = words[k]
                size = np.int64(length[start + k]) + ends
                is_below = position[k] < begin[k]
                j = max(position[k], begin[k])
                found = load64(item(slices, j, SLICE))
                link = group_link(groups, j)
                goes_on = (found == word) & (size > d + 8) & (not is_below)
                if goes_on & (link >= 0):
                    node[k] = link
                    prefetch_at(item(nodes, link, NODE))
                    active[descending] = k
                    descending += 1
                    continue
                x = group_first(groups, j)
                if padded and link >= 0 and not is_below:
                    x = max(x, group_first(groups, node_at(nodes, link)) - 1)
                x = x if is_below | (link >= 0) else ~link
                prefetch_at(item(texts, x, TEXT))
                rank[k] = x
                same = min(d + equal_bytes(found ^ word), size)
                same = d if is_below else same
                is_known = known[k] == d
                common[k] = same if is_known & (not goes_on) else -1
                known[k] += 8 if is_known & goes_on else 0
            going = descending
            for a in range(going):
                k = active[a]
                i = node[k]
                d = node_depth(nodes, i)
                known[k] += 8 if known[k] == depth[k] else 0
                depth[k] = d
                begin[k] = node_at(nodes, i)
                prefetch_at(item(inner, node_inner(nodes, i), LINE))
                words[k] = slice_at(address[start + k], np.int64(length[start + k]), d, terminator, backwards, fold)
            for a in range(going):
                k = active[a]
                i = node[k]
                leaf[k] = leaf_of(words[k], node_count(nodes, i), item(inner, node_inner(nodes, i), LINE))
                prefetch_at(item(slices, begin[k] + 8 * leaf[k], SLICE))
                prefetch_at(item(groups, begin[k] + 8 * leaf[k], GROUP))
            for a in range(going):
                k = active[a]
                position[k] = position_in_line(words[k], begin[k], node_count(nodes, node[k]), leaf[k], slices)
        for k in range(m):
            if common[k] < 0:
                text = arena + text_offset(texts, rank[k])
                prefetch_at(text + np.uint64(known[k]))
        for k in range(m):
            x = rank[k]
            same = common[k]
            if same < 0:
                n = np.int64(length[start + k])
                text, most = arena + text_offset(texts, x), text_length(texts, x)
                same = common_from(address[start + k], n, n + ends, known[k], terminator, backwards, fold, text, most)
            while x >= 0 and text_length(texts, x) > same:
                x = text_parent(texts, x)
            out[start + k] = x
