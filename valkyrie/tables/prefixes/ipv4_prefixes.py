"""Longest match over IPv4 prefixes: three small loads an address, four bytes a prefix."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Self

import numpy as np

from valkyrie import records
from valkyrie._native import freeze, prefix_build
from valkyrie._scan.compiled import Kernel
from valkyrie._scan.ipv4 import find_ipv4
from valkyrie.errors import SnapshotFormatError
from valkyrie.tables.prefixes.interval_tree import IntervalTree
from valkyrie.tables.prefixes.order import OrderedPrefixes, PrefixOrder, kernel_array, stored_column
from valkyrie.typing import AnyArray, Int32Array, Int64Array, UInt8Array, UInt32Array

__all__ = ["Ipv4Prefixes"]

_FIND = Kernel("valkyrie._scan.ipv4_jit", "find_ipv4", find_ipv4)
_SHARED = bytes([0, 0, 0, 0, 1])


class Ipv4Prefixes(OrderedPrefixes):
    """Sorted, unique IPv4 prefixes and the index that finds the longest over an address.

    Ranks are positions in the sorted order. Immutable: any thread may read. `records.IPV4_NODE` tells how the index lies in
    memory.

    Attributes
    ----------
    root, nodes : ndarray of IPV4_NODE
    leaves : ndarray of uint8
    deep : IntervalTree
        What the leaves cannot say.
    """

    def __init__(self, order: PrefixOrder, root: AnyArray, nodes: AnyArray, leaves: UInt8Array, deep: IntervalTree) -> None:
        self.root, self.nodes, self.leaves, self.deep = root, nodes, leaves, deep
        super().__init__(order)
        self._shift = 33 - len(root).bit_length()
        arrays = (root.view(np.uint64), nodes.view(np.uint64), leaves, deep.words, deep.steps, deep.ranks)
        self._arguments = (self._shift, *arrays)

    @classmethod
    def build(cls, starts: UInt32Array, lengths: UInt8Array) -> Self:
        """Build from prefixes.

        Parameters
        ----------
        starts : ndarray of uint32, shape (n,)
            First addresses as numbers, sorted, then by length; no bit set beyond the length.
        lengths : ndarray of uint8, shape (n,)
            0 to 32; no prefix twice.
        """
        n = len(starts)
        last, ranks = np.empty(2 * n + 1, np.uint32), np.empty(2 * n + 1, np.int32)
        m = prefix_build.paint(starts, lengths, None, -1, last, ranks, None)
        last, ranks = last[:m], ranks[:m]
        bits = min(12, max(4, n.bit_length() + 1))
        # Room for the worst case: memory that is not written costs nothing.
        blocks = min(2 * m, 64 << bits)
        root, nodes = np.empty(16 << bits, np.uint8), np.empty(16 * blocks, np.uint8)
        leaves = np.empty(len(_SHARED) + 5 * blocks + 2 * m, np.uint8)
        deep_last, deep_ranks = np.empty(8 * m, np.uint32), np.empty(8 * m, np.int32)
        used = prefix_build.pack_ipv4(last, ranks, lengths, bits, root, nodes, leaves, deep_last, deep_ranks)
        deep = max(1, used[2])
        if not used[2]:
            deep_last[0], deep_ranks[0] = 0xFFFFFFFF, -1
        return cls(
            PrefixOrder.of(starts, lengths),
            freeze(root.view(records.IPV4_NODE)),
            freeze(nodes.view(records.IPV4_NODE)[: used[0]]),
            freeze(leaves[: used[1]]),
            IntervalTree.build(deep_last[:deep], deep_ranks[:deep]),
        )

    @property
    def starts(self) -> UInt32Array:
        """First addresses: uint32, shape (n,)."""
        return self._order.starts

    @property
    def index_nbytes(self) -> int:
        return int(self.root.nbytes + self.nodes.nbytes + self.leaves.nbytes + self.deep.nbytes)

    def reader_arguments(self) -> tuple[Any, ...]:
        return self.starts, self.lengths, *self._arguments

    def lookup(self, queries: UInt32Array, out: Int32Array) -> None:
        """Write the rank of the longest prefix of each address, -1 if there is none.

        Parameters
        ----------
        queries : ndarray of uint32, shape (n,)
            Addresses as numbers.
        out : ndarray of int32, shape (n,)
            Contiguous and aligned; not the memory of `queries`.
        """
        _FIND.choose(len(queries), self._warm)(kernel_array(queries, np.uint32), *self._arguments, out)

    def warm_up(self) -> bool:
        """Compile the lookup now; whether it is compiled then."""
        return _FIND.warm_up(self._warm)

    def find(self, starts: UInt32Array, lengths: UInt8Array) -> Int32Array:
        """The rank of each given prefix, -1 where it is not in the table: int32."""
        return self._order.find(starts, lengths)

    def ranges(self, starts: UInt32Array, lengths: UInt8Array) -> tuple[Int32Array, Int32Array]:
        """The ranks ``[lo, hi)`` of the prefixes under each given one, itself included: two arrays of int32."""
        return self._order.ranges(starts, lengths)

    def to_columns(self) -> dict[str, AnyArray]:
        return {
            "starts": self.starts,
            "lengths": self.lengths,
            "root": self.root,
            "nodes": self.nodes,
            "leaves": self.leaves,
            "deep_lines": self.deep.lines,
            "deep_ranks": self.deep.ranks,
        }

    @classmethod
    def from_columns(cls, columns: Mapping[str, AnyArray]) -> Self:
        order = PrefixOrder(stored_column(columns, "starts", np.uint32), stored_column(columns, "lengths", np.uint8))
        order.check()
        root = stored_column(columns, "root", records.IPV4_NODE)
        nodes = stored_column(columns, "nodes", records.IPV4_NODE)
        leaves = stored_column(columns, "leaves", np.uint8)
        if len(root) not in (1 << bits for bits in range(4, 13)):
            raise SnapshotFormatError(f"column root must have 16 to 4096 entries, a power of two; got {len(root)}")
        if int(_last_slot(root).max()) >= len(nodes):
            raise SnapshotFormatError("column root leads outside the nodes")
        _check_leaves(nodes, leaves, len(order.starts))
        lines = stored_column(columns, "deep_lines", records.INTERVAL_LINE32)
        ranks = stored_column(columns, "deep_ranks", np.int32)
        deep = IntervalTree.from_arrays(lines, ranks, "deep_lines", lowest=-1, end=len(order.starts))
        return cls(order, root, nodes, leaves, deep)

    def _warm(self, function: Callable[..., Any]) -> None:
        function(kernel_array(np.empty(0, np.uint32), np.uint32), *self._arguments, np.empty(0, np.int32))


def _last_slot(nodes: AnyArray) -> Int64Array:
    """The highest index that each node leads to."""
    last: Int64Array = nodes["first"].astype(np.int64) + np.bitwise_count(nodes["starts"])
    return last


def _check_leaves(nodes: AnyArray, leaves: UInt8Array, n: int) -> None:
    """Check that every node leads to leaves that are there, and every leaf to a rank below n or -1."""
    # In the order of their leaves, so that what lies between two nodes is reduced once and not once a node.
    nodes = nodes[np.argsort(nodes["first"], kind="stable")]
    first, last = nodes["first"].astype(np.int64), _last_slot(nodes)
    if int(first.min()) < 4 or int(last.max()) >= len(leaves):
        raise SnapshotFormatError("column nodes leads outside the leaves")
    # Each node's codes from first to last, whether or not nodes overlap; 255 says nothing about ranks.
    codes = np.append(np.where(leaves == 255, np.uint8(0), leaves), np.uint8(0))
    stretches = np.stack([first, last + 1], axis=1).reshape(-1)
    highest = np.maximum.reduceat(codes, stretches)[::2].astype(np.int64)
    base = nodes["base"].astype(np.int64)
    if int(base.min()) < -2 or bool((base + highest >= n).any()):
        raise SnapshotFormatError(f"column leaves: a rank lies outside -1 to {n - 1}")
    covered = first[np.minimum.reduceat(np.append(leaves, np.uint8(0)), stretches)[::2] == 0]
    covers = leaves[covered[:, None] + np.arange(-4, 0)].view("<i4")
    if covers.size and (int(covers.min()) < -1 or int(covers.max()) >= n):
        raise SnapshotFormatError(f"column leaves: a covering rank lies outside -1 to {n - 1}")
