"""Searching linearised trees of intervals, compiled by numba; `valkyrie._scan.interval_tree` says the same in numpy.

64 queries go down together, one level after the other: what one of them waits for, the others fill. A level costs a query one
compare of a whole line, one population count and some arithmetic; there is no branch in it. The top levels stay in the
first-level cache, and the lines of the lower ones are asked for a level ahead. The
layout is told in `valkyrie.tables.prefixes.interval_tree`.

Indices are made unsigned where they are used: for signed ones numba adds the test whether they count from the end.
"""
# mypy: ignore-errors

from __future__ import annotations

import numpy as np

from valkyrie._scan.vector import byte_swap, compiled, count_lt, count_lt32, prefetch

__all__ = ["TOGETHER", "descend32", "descend64", "find_ipv6", "find_uint64"]

TOGETHER = 64
"""Queries that go down together."""

# Words from an IPv6 address that is read to the one that is asked for: left to themselves, reads of 16 bytes a query take a third
# of the time.
_AHEAD = 256


@compiled
def descend64(keys, start, n, lines, steps, at):
    """Write to ``at[:n]`` where the line of the last level begins that answers each of ``keys[start:start + n]``."""
    for j in range(n):
        at[j] = 0
    for level in range(len(steps) - 1):
        step = steps[level]
        for j in range(n):
            a = at[j]
            a = 9 * a + 8 * count_lt(lines, a, keys[np.uint64(start + j)]) + step
            prefetch(lines, a)
            at[j] = a


@compiled
def descend32(keys, start, n, lines, steps, at):
    """As `descend64`, where a line is sixteen uint32."""
    for j in range(n):
        at[j] = 0
    for level in range(len(steps) - 1):
        step = steps[level]
        for j in range(n):
            a = at[j]
            a = 17 * a + 16 * count_lt32(lines, a, keys[np.uint64(start + j)]) + step
            prefetch(lines, a)
            at[j] = a


@compiled
def find_uint64(queries, lines, steps, ranks, out):
    """Write the rank of the interval that holds each query."""
    at = np.empty(TOGETHER, np.int64)
    last = steps[len(steps) - 1]
    for start in range(0, len(queries), TOGETHER):
        n = min(TOGETHER, len(queries) - start)
        descend64(queries, start, n, lines, steps, at)
        for j in range(n):
            i = np.uint64(start + j)
            out[i] = ranks[np.uint64(at[j] - last + count_lt(lines, at[j], queries[i]))]


@compiled
def find_ipv6(queries, lines, steps, ranks, bounds, low_last, low_ranks, out):
    """Write the rank of the interval that holds each address; two big-endian words an address."""
    at = np.empty(TOGETHER, np.int64)
    high = np.empty(TOGETHER, np.uint64)
    last = steps[len(steps) - 1]
    for start in range(0, len(out), TOGETHER):
        n = min(TOGETHER, len(out) - start)
        for j in range(n):
            prefetch(queries, 2 * (start + j) + _AHEAD)
            high[j] = byte_swap(queries[np.uint64(2 * (start + j))])
        descend64(high, 0, n, lines, steps, at)
        for j in range(n):
            i = np.uint64(start + j)
            rank = ranks[np.uint64(at[j] - last + count_lt(lines, at[j], high[j]))]
            if rank < -1:  # rare: a network that is divided below /64
                low = byte_swap(queries[np.uint64(2) * i + np.uint64(1)])
                group = np.uint64(-2 - rank)
                begin, end = bounds[group], bounds[group + np.uint64(1)] - 1
                while begin < end:
                    middle = (begin + end) >> 1
                    if low_last[np.uint64(middle)] < low:
                        begin = middle + 1
                    else:
                        end = middle
                rank = low_ranks[np.uint64(begin)]
            out[i] = rank
