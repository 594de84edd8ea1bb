"""Longest match of IPv4 addresses, compiled by numba; `valkyrie._scan.ipv4` says the same in numpy.

A lookup touches three lines: of the root (64 KB, always in cache), of a node, and of the leaves. 64 lookups go in step through
these, so that all their loads are under way at once, each asked for a stage ahead; no stage has a branch that data decides.
Addresses under leaves that are divided further are taken from a mask of the 64 codes, since a branch on each would be foreseen
wrongly wherever such leaves are many. They wait until there are 64, and go down their tree together.
"""
# mypy: ignore-errors

from __future__ import annotations

import numpy as np

from valkyrie._scan.interval_tree_jit import TOGETHER, descend32
from valkyrie._scan.vector import compiled, count_lt32, load_int32, popcount, prefetch, trailing_zeros, which_equal64

__all__ = ["find_ipv4"]

_ONE, _TWO, _SIX, _TWELVE, _SLOTS, _LOW = (np.uint64(x) for x in (1, 2, 6, 12, 63, 0xFFFFFFFF))
_ALL = np.uint64(2**64 - 1)
_HALF = np.uint64(32)


@compiled
def _find_deep(keys, places, n, lines, steps, ranks, at, out):
    descend32(keys, 0, n, lines, steps, at)
    last = steps[len(steps) - 1]
    for j in range(n):
        out[np.uint64(places[j])] = ranks[np.uint64(at[j] - last + count_lt32(lines, at[j], keys[j]))]


@compiled
def find_ipv4(queries, shift, root, nodes, leaves, deep_lines, deep_steps, deep_ranks, out):
    """Write the rank of the longest prefix of each address; `root` and `nodes` are two words a node."""
    node = np.empty(TOGETHER, np.uint64)
    leaf = np.empty(TOGETHER, np.uint64)
    rest = np.empty(TOGETHER, np.uint64)
    at = np.empty(TOGETHER, np.int64)
    waiting, keys = np.empty(2 * TOGETHER, np.int64), np.empty(2 * TOGETHER, np.uint32)
    waiters = np.uint64(0)
    codes = np.zeros(TOGETHER, np.uint8)
    entry_shift = np.uint64(shift)
    node_shift, leaf_shift = entry_shift - _SIX, entry_shift - _TWELVE
    for start in range(0, len(queries), TOGETHER):
        n = min(TOGETHER, len(queries) - start)
        for j in range(n):
            q = np.uint64(queries[np.uint64(start + j)])
            entry = _TWO * (q >> entry_shift)
            # Bits 0 to i of `starts`, counted; the shift by 63 - i is what x86 makes of the complement.
            x = _TWO * ((root[entry + _ONE] & _LOW) + popcount(root[entry] << (~(q >> node_shift) & _SLOTS)))
            prefetch(nodes, np.int64(x))
            node[j] = x
        for j in range(n):
            q = np.uint64(queries[np.uint64(start + j)])
            x = nodes[node[j] + _ONE]
            at_leaf = (x & _LOW) + popcount(nodes[node[j]] << (~(q >> leaf_shift) & _SLOTS))
            prefetch(leaves, np.int64(at_leaf))
            leaf[j] = at_leaf
            rest[j] = x
        for j in range(n):
            code = leaves[leaf[j]]
            cover = load_int32(leaves, np.int64(rest[j] & _LOW) - 4)
            rank = np.int32(np.int32(rest[j] >> _HALF) + np.int32(code))
            out[np.uint64(start + j)] = cover if code == 0 else rank
            codes[j] = code
        asking = which_equal64(codes, np.uint8(255)) & (_ALL >> np.uint64(TOGETHER - n))
        while asking != 0:
            i = np.uint64(start) + trailing_zeros(asking)
            waiting[waiters] = i
            keys[waiters] = queries[i]
            waiters += np.uint64(1)
            asking &= asking - np.uint64(1)
        if waiters >= TOGETHER:
            waiters -= np.uint64(TOGETHER)
            _find_deep(keys[waiters:], waiting[waiters:], TOGETHER, deep_lines, deep_steps, deep_ranks, at, out)
    _find_deep(keys, waiting, np.int64(waiters), deep_lines, deep_steps, deep_ranks, at, out)
