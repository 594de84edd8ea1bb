"""Searching trees of intervals in numpy: the twins of `valkyrie._scan.interval_tree_jit`, with the same arguments and answers.

The last level of a tree is the sorted list of all interval ends, so numpy needs none of the levels above it. Pure functions: any
thread may call them.
"""

from __future__ import annotations

import numpy as np

from valkyrie.typing import AnyArray, Int32Array, Int64Array, UInt64Array

__all__ = ["bisect", "find_intervals", "find_ipv6"]


def find_intervals(queries: AnyArray, lines: AnyArray, steps: Int64Array, ranks: Int32Array, out: Int32Array) -> None:
    """Write the rank of the interval that holds each query.

    Parameters
    ----------
    queries : ndarray of uint64 or uint32, shape (n,)
    lines : ndarray of the same type
        All levels, the top one first.
    steps : ndarray of int64, one a level
        Where the last level begins is its last.
    ranks : ndarray of int32
        Of each interval.
    out : ndarray of int32, shape (n,)
    """
    out[:] = ranks[np.searchsorted(lines[int(steps[-1]) :], queries)]


def find_ipv6(
    queries: UInt64Array,
    lines: UInt64Array,
    steps: Int64Array,
    ranks: Int32Array,
    bounds: Int64Array,
    low_last: UInt64Array,
    low_ranks: Int32Array,
    out: Int32Array,
) -> None:
    """Write the rank of the interval that holds each address.

    Parameters
    ----------
    queries : ndarray of uint64, shape (2 * n,)
        Two words an address, in network order.
    lines, steps, ranks
        The tree over the high words; a rank of -2 - g sends on to group g.
    bounds : ndarray of int64, one more than there are groups
    low_last, low_ranks : ndarray
        Ends (low words) and ranks of the intervals of all groups.
    out : ndarray of int32, shape (n,)
    """
    find_intervals(queries[::2].byteswap(), lines, steps, ranks, out)
    deep = np.flatnonzero(out < -1)
    if len(deep):
        group = -2 - out[deep].astype(np.int64)
        low = queries[2 * deep + 1].byteswap()
        out[deep] = low_ranks[bisect(low_last, low, bounds[group], bounds[group + 1] - 1)]


def bisect(values: AnyArray, keys: AnyArray, begin: Int64Array, end: Int64Array, *, right: bool = False) -> Int64Array:
    """Where each key belongs in its own sorted stretch ``values[begin:end]``, as `numpy.searchsorted` would say.

    Parameters
    ----------
    values : ndarray
    keys : ndarray, shape (n,)
    begin, end : ndarray of int64, shape (n,)
    right : bool
        Behind equal values instead of before them.

    Returns
    -------
    ndarray of int64, shape (n,)
        From begin to end, whatever the values are.
    """
    begin, end = begin.copy(), end.copy()
    open_ = np.flatnonzero(begin < end)
    while len(open_):
        middle = (begin[open_] + end[open_]) >> 1
        found = values[middle]
        beyond = found <= keys[open_] if right else found < keys[open_]
        begin[open_[beyond]] = middle[beyond] + 1
        end[open_[~beyond]] = middle[~beyond]
        open_ = open_[begin[open_] < end[open_]]
    return begin
