"""Longest match over prefixes of 64 and of 128 bits: a tree of disjoint intervals, and for IPv6 a second stage below /64."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Self

import numpy as np

from valkyrie import records
from valkyrie._native import freeze, prefix_build
from valkyrie._scan.compiled import Kernel
from valkyrie._scan.interval_tree import find_intervals, find_ipv6
from valkyrie.errors import SnapshotFormatError
from valkyrie.tables.prefixes.interval_tree import IntervalTree
from valkyrie.tables.prefixes.order import OrderedPrefixes, PrefixOrder, kernel_array, stored_column
from valkyrie.typing import AnyArray, Int32Array, Int64Array, UInt8Array, UInt64Array

__all__ = ["Ipv6Prefixes", "Uint64Prefixes"]

_JIT = "valkyrie._scan.interval_tree_jit"
_FIND_UINT64 = Kernel(_JIT, "find_uint64", find_intervals)
_FIND_IPV6 = Kernel(_JIT, "find_ipv6", find_ipv6)


class Uint64Prefixes(OrderedPrefixes):
    """Sorted, unique prefixes of up to 64 bits, left-aligned in uint64, and the tree that finds the longest over a number.

    Ranks are positions in the sorted order. Immutable: any thread may read.

    Attributes
    ----------
    tree : IntervalTree
        The intervals between the ends of prefixes, each with the rank of the innermost prefix over it.
    """

    def __init__(self, order: PrefixOrder, tree: IntervalTree) -> None:
        self.tree = tree
        super().__init__(order)

    @classmethod
    def build(cls, starts: UInt64Array, lengths: UInt8Array) -> Self:
        """Build from prefixes.

        Parameters
        ----------
        starts : ndarray of uint64, shape (n,)
            First numbers, sorted, then by length; no bit set beyond the length.
        lengths : ndarray of uint8, shape (n,)
            0 to 64; no prefix twice.
        """
        return cls(PrefixOrder.of(starts, lengths), _painted_tree(starts, lengths, None))

    @property
    def starts(self) -> UInt64Array:
        """First numbers: uint64, shape (n,)."""
        return self._order.starts

    @property
    def index_nbytes(self) -> int:
        return self.tree.nbytes

    def reader_arguments(self) -> tuple[Any, ...]:
        return self.starts, self.lengths, self.tree.words, self.tree.steps, self.tree.ranks

    def lookup(self, queries: UInt64Array, out: Int32Array) -> None:
        """Write the rank of the longest prefix of each number, -1 if there is none.

        Parameters
        ----------
        queries : ndarray of uint64, shape (n,)
            Left-aligned.
        out : ndarray of int32, shape (n,)
            Contiguous and aligned; not the memory of `queries`.
        """
        tree = self.tree
        find = _FIND_UINT64.choose(len(queries), self._warm)
        find(kernel_array(queries, np.uint64), tree.words, tree.steps, tree.ranks, out)

    def warm_up(self) -> bool:
        """Compile the lookup now; whether it is compiled then."""
        return _FIND_UINT64.warm_up(self._warm)

    def find(self, starts: UInt64Array, lengths: UInt8Array) -> Int32Array:
        """The rank of each given prefix, -1 where it is not in the table: int32."""
        return self._order.find(starts, lengths)

    def ranges(self, starts: UInt64Array, lengths: UInt8Array) -> tuple[Int32Array, Int32Array]:
        """The ranks ``[lo, hi)`` of the prefixes under each given one, itself included: two arrays of int32."""
        return self._order.ranges(starts, lengths)

    def to_columns(self) -> dict[str, AnyArray]:
        return {"starts": self.starts, "lengths": self.lengths, "lines": self.tree.lines, "ranks": self.tree.ranks}

    @classmethod
    def from_columns(cls, columns: Mapping[str, AnyArray]) -> Self:
        order = PrefixOrder(stored_column(columns, "starts", np.uint64), stored_column(columns, "lengths", np.uint8))
        order.check()
        return cls(order, _stored_tree(columns, -1, len(order.starts)))

    def _warm(self, function: Callable[..., Any]) -> None:
        tree = self.tree
        function(kernel_array(np.empty(0, np.uint64), np.uint64), tree.words, tree.steps, tree.ranks, np.empty(0, np.int32))


class Ipv6Prefixes(OrderedPrefixes):
    """Sorted, unique prefixes of up to 128 bits and the index that finds the longest over an address.

    The tree knows high words only. Where a network is divided below /64, its rank for that high word is -2 - g: then the
    intervals of group g, over low words, have the answer; they are few wherever addresses are real. Ranks are positions in the
    sorted order. Immutable: any thread may read.

    Attributes
    ----------
    tree : IntervalTree
    bounds : ndarray of int64, shape (groups + 1,)
        Where the intervals of each group begin; then their number.
    low_last : ndarray of uint64
        The last low word of each interval; in each group they rise to the highest.
    low_ranks : ndarray of int32
    """

    def __init__(
        self, order: PrefixOrder, tree: IntervalTree, bounds: Int64Array, low_last: UInt64Array, low_ranks: Int32Array
    ) -> None:
        self.tree, self.bounds, self.low_last, self.low_ranks = tree, bounds, low_last, low_ranks
        super().__init__(order)
        self._arguments = (tree.words, tree.steps, tree.ranks, bounds, low_last, low_ranks)

    @classmethod
    def build(cls, high: UInt64Array, low: UInt64Array, lengths: UInt8Array) -> Self:
        """Build from prefixes.

        Parameters
        ----------
        high, low : ndarray of uint64, shape (n,)
            First addresses, sorted, then by length; no bit set beyond the length.
        lengths : ndarray of uint8, shape (n,)
            0 to 128; no prefix twice.
        """
        order = PrefixOrder.of(high, lengths, low)
        deep = lengths > 64
        # A group is all prefixes below /64 of one high word: neighbours, behind those of /64 and less that begin there.
        opens = deep.copy()
        opens[1:] &= ~deep[:-1] | (high[1:] != high[:-1])
        labels = np.arange(len(high), dtype=np.int32)
        labels[opens] = -2 - np.arange(int(opens.sum()), dtype=np.int32)
        shown = ~deep | opens
        # The group takes the place of a /64 at the same word, which goes on as its background.
        shown[:-1] &= ~(opens[1:] & (lengths[:-1] == 64) & (high[1:] == high[:-1]))
        tree = _painted_tree(high[shown], np.minimum(lengths[shown], np.uint8(64)), labels[shown])
        bounds, last, ranks = _painted_groups(order, np.flatnonzero(deep), np.flatnonzero(opens))
        return cls(order, tree, freeze(bounds), freeze(last), freeze(ranks))

    @property
    def high(self) -> UInt64Array:
        """High words of the first addresses: uint64, shape (n,)."""
        return self._order.starts

    @property
    def low(self) -> UInt64Array:
        """Low words of the first addresses: uint64, shape (n,)."""
        assert self._order.low is not None
        return self._order.low

    @property
    def index_nbytes(self) -> int:
        return self.tree.nbytes + int(self.bounds.nbytes + self.low_last.nbytes + self.low_ranks.nbytes)

    def reader_arguments(self) -> tuple[Any, ...]:
        return self.high, self.low, self.lengths, *self._arguments

    def lookup(self, queries: UInt64Array, out: Int32Array) -> None:
        """Write the rank of the longest prefix of each address, -1 if there is none.

        Parameters
        ----------
        queries : ndarray of uint64, shape (2 * n,)
            The memory of n addresses of 16 bytes in network order.
        out : ndarray of int32, shape (n,)
            Contiguous and aligned; not the memory of `queries`.
        """
        find = _FIND_IPV6.choose(len(out), self._warm)
        find(kernel_array(queries, np.uint64)[: 2 * len(out)], *self._arguments, out)

    def warm_up(self) -> bool:
        """Compile the lookup now; whether it is compiled then."""
        return _FIND_IPV6.warm_up(self._warm)

    def find(self, high: UInt64Array, low: UInt64Array, lengths: UInt8Array) -> Int32Array:
        """The rank of each given prefix, -1 where it is not in the table: int32."""
        return self._order.find(high, lengths, low)

    def ranges(self, high: UInt64Array, low: UInt64Array, lengths: UInt8Array) -> tuple[Int32Array, Int32Array]:
        """The ranks ``[lo, hi)`` of the prefixes under each given one, itself included: two arrays of int32."""
        return self._order.ranges(high, lengths, low)

    def to_columns(self) -> dict[str, AnyArray]:
        return {
            "high": self.high,
            "low": self.low,
            "lengths": self.lengths,
            "lines": self.tree.lines,
            "ranks": self.tree.ranks,
            "bounds": self.bounds,
            "low_last": self.low_last,
            "low_ranks": self.low_ranks,
        }

    @classmethod
    def from_columns(cls, columns: Mapping[str, AnyArray]) -> Self:
        high, low = stored_column(columns, "high", np.uint64), stored_column(columns, "low", np.uint64)
        order = PrefixOrder(high, stored_column(columns, "lengths", np.uint8), low)
        order.check()
        bounds = stored_column(columns, "bounds", np.int64)
        last, ranks = stored_column(columns, "low_last", np.uint64), stored_column(columns, "low_ranks", np.int32)
        if len(bounds) == 0 or bounds[0] != 0 or bounds[-1] != len(last) or bool((bounds[1:] <= bounds[:-1]).any()):
            raise SnapshotFormatError("column bounds does not rise from 0 to the number of low words")
        if len(ranks) != len(last) or int(ranks.min(initial=-1)) < -1 or int(ranks.max(initial=-1)) >= len(high):
            raise SnapshotFormatError(f"column low_ranks: not one a low word, or one outside -1 to {len(high) - 1}")
        return cls(order, _stored_tree(columns, -len(bounds), len(high)), bounds, last, ranks)

    def _warm(self, function: Callable[..., Any]) -> None:
        function(kernel_array(np.empty(0, np.uint64), np.uint64), *self._arguments, np.empty(0, np.int32))


def _painted_tree(starts: UInt64Array, lengths: UInt8Array, labels: Int32Array | None) -> IntervalTree:
    room = 2 * len(starts) + 1
    last, painted = np.empty(room, np.uint64), np.empty(room, np.int32)
    m = prefix_build.paint(starts, lengths, labels, -1, last, painted, None)
    return IntervalTree.build(last[:m], painted[:m])


def _painted_groups(order: PrefixOrder, deep: Int64Array, opens: Int64Array) -> tuple[Int64Array, UInt64Array, Int32Array]:
    """Bounds, ends and ranks of the intervals of all groups; `deep` are the ranks below /64, `opens` the first of each
    group."""
    assert order.low is not None
    room = 2 * len(deep) + len(opens)
    last, painted = np.empty(room, np.uint64), np.empty(room, np.int32)
    bounds = np.zeros(len(opens) + 1, np.int64)
    if len(opens):
        groups = np.append(np.searchsorted(deep, opens), len(deep))
        # The parent of the first prefix of a group is no deeper than /64: one that were would stand before it, in the group.
        backgrounds = order.parents()[opens]
        lengths = order.lengths[deep] - np.uint8(64)
        ranks = deep.astype(np.int32)
        prefix_build.paint_groups(groups, order.low[deep], lengths, ranks, backgrounds, last, painted, bounds[1:])
    return bounds, last[: bounds[-1]], painted[: bounds[-1]]


def _stored_tree(columns: Mapping[str, AnyArray], lowest: int, end: int) -> IntervalTree:
    lines = stored_column(columns, "lines", records.INTERVAL_LINE)
    return IntervalTree.from_arrays(lines, stored_column(columns, "ranks", np.int32), "lines", lowest=lowest, end=end)
