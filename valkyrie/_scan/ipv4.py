"""Longest match of IPv4 addresses in numpy: the twin of `valkyrie._scan.ipv4_jit`, with the same arguments and answers."""

from __future__ import annotations

import numpy as np

from valkyrie._scan.interval_tree import find_intervals
from valkyrie.typing import Int32Array, Int64Array, UInt8Array, UInt32Array, UInt64Array

__all__ = ["find_ipv4"]


def find_ipv4(
    queries: UInt32Array,
    shift: int,
    root: UInt64Array,
    nodes: UInt64Array,
    leaves: UInt8Array,
    deep_lines: UInt32Array,
    deep_steps: Int64Array,
    deep_ranks: Int32Array,
    out: Int32Array,
) -> None:
    """Write the rank of the longest prefix of each address, or -1.

    Parameters
    ----------
    queries : ndarray of uint32, shape (n,)
    shift : int
        Bits of an address below those that number the entries of the root.
    root, nodes : ndarray of uint64
        IPV4_NODE as two words.
    leaves : ndarray of uint8
    deep_lines, deep_steps, deep_ranks : ndarray
        The tree over what the leaves cannot say.
    out : ndarray of int32, shape (n,)
    """
    index = _slots(root, (queries >> np.uint32(shift)).astype(np.int64), queries >> np.uint32(shift - 6))
    at = _slots(nodes, index, queries >> np.uint32(shift - 12))
    code = leaves[at]
    rest = nodes[2 * index + 1]
    out[:] = (rest >> np.uint64(32)).astype(np.uint32).view(np.int32) + code
    covered = np.flatnonzero(code == 0)
    first = (rest[covered] & np.uint64(0xFFFFFFFF)).astype(np.int64)
    out[covered] = leaves[first[:, None] + np.arange(-4, 0)].view("<i4")[:, 0]
    deep = np.flatnonzero(code == 255)
    if len(deep):
        found = np.empty(len(deep), np.int32)
        find_intervals(queries[deep], deep_lines, deep_steps, deep_ranks, found)
        out[deep] = found


def _slots(words: UInt64Array, index: Int64Array, slot: UInt32Array) -> Int64Array:
    """Where slot 0 to 63 (the low six bits) of some nodes leads: ``first`` and the bits of ``starts`` up to its own."""
    starts = words[2 * index] << (~slot & np.uint32(63)).astype(np.uint64)
    first = words[2 * index + 1] & np.uint64(0xFFFFFFFF)
    at: Int64Array = first.astype(np.int64) + np.bitwise_count(starts)
    return at
