"""Prefixes over bits as sorted columns: exact search, what lies under a prefix, parents; and the checks of stored columns.

Sorted by (start, length), the prefixes under a prefix are neighbours, and it stands before all of them. 128-bit prefixes have
their low words in a column of their own. The columns are complete: a table can be recovered from them with numpy alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np

from valkyrie._native import freeze, prefix_build, read_only
from valkyrie._scan.interval_tree import bisect
from valkyrie.errors import SnapshotFormatError
from valkyrie.tables.prefixes.merging import inserted
from valkyrie.typing import AnyArray, BoolArray, Int32Array, Int64Array, UInt8Array, UInt64Array

__all__ = ["OrderedPrefixes", "PrefixOrder", "kernel_array", "last_addresses", "stored_column"]


def kernel_array(values: AnyArray, dtype: Any) -> AnyArray:
    """The values as kernels are compiled for them: of the type, contiguous, aligned, read-only; a copy only where it must be."""
    return read_only(np.require(values, dtype, ["C", "A"]))


def stored_column(columns: Mapping[str, AnyArray], name: str, dtype: Any) -> AnyArray:
    """A column that was stored, read-only, after checking that it is there, one-dimensional and of the type.

    Raises
    ------
    SnapshotFormatError
    """
    values = columns.get(name)
    if not isinstance(values, np.ndarray) or values.dtype != np.dtype(dtype) or values.ndim != 1:
        raise SnapshotFormatError(
            f"column {name} must be a one-dimensional array of {np.dtype(dtype)}; got {_described(values)}",
            hint="Build and save the table again, or give the arrays as to_columns() gave them",
        )
    return kernel_array(values, dtype)


def _described(values: Any) -> str:
    if isinstance(values, np.ndarray):
        return f"{values.dtype} of shape {values.shape}"
    return "nothing" if values is None else type(values).__name__


def last_addresses(starts: AnyArray, lengths: UInt8Array) -> AnyArray:
    """The last address under each prefix, of the type of `starts`; a length beyond its bits counts as all of them."""
    bits = 8 * starts.dtype.itemsize
    every = np.array(np.iinfo(starts.dtype).max, starts.dtype)
    below = every >> np.minimum(lengths, bits - 1).astype(starts.dtype)
    last: AnyArray = starts | np.where(lengths >= bits, starts.dtype.type(0), below)
    return last


@dataclass(frozen=True, slots=True, eq=False)
class PrefixOrder:
    """Sorted, unique prefixes.

    Attributes
    ----------
    starts : ndarray of uint32 or uint64, shape (n,)
        First addresses, of 128-bit prefixes their high words.
    low : ndarray of uint64, shape (n,), or None
        Low words of the first addresses of 128-bit prefixes.
    lengths : ndarray of uint8, shape (n,)
        In bits.
    """

    starts: AnyArray
    lengths: UInt8Array
    low: UInt64Array | None = None

    @classmethod
    def of(cls, starts: AnyArray, lengths: UInt8Array, low: UInt64Array | None = None) -> PrefixOrder:
        """Copies of the columns that nobody can change."""
        return cls(freeze(starts), freeze(lengths), None if low is None else freeze(low))

    def check(self) -> None:
        """Check that stored columns are sorted, unique prefixes without bits beyond their lengths.

        Raises
        ------
        SnapshotFormatError
        """
        n, starts, lengths, low = len(self.starts), self.starts, self.lengths, self.low
        if len(lengths) != n or (low is not None and len(low) != n) or n > 2**31 - 1:
            raise SnapshotFormatError(f"prefixes: {n:,} starts and {len(lengths):,} lengths")
        bits = 8 * starts.dtype.itemsize
        if int(lengths.max(initial=0)) > (bits if low is None else 128):
            raise SnapshotFormatError(f"prefixes: a length of {int(lengths.max())} bits")
        spare = starts & last_addresses(np.zeros_like(starts), lengths)
        after, same = starts[1:] > starts[:-1], starts[1:] == starts[:-1]
        if low is not None:
            spare = spare | low & last_addresses(np.zeros_like(low), lengths - np.minimum(lengths, np.uint8(64)))
            after, same = after | same & (low[1:] > low[:-1]), same & (low[1:] == low[:-1])
        if bool(spare.any()):
            raise SnapshotFormatError("prefixes: an address has bits beyond its length")
        if not bool((after | same & (lengths[1:] > lengths[:-1])).all()):
            raise SnapshotFormatError("prefixes: not sorted, or one is there twice")

    def merged(self, kept: BoolArray, others: PrefixOrder) -> tuple[PrefixOrder, Int64Array]:
        """The prefixes that are kept and others, which are none of them: the columns, and the order as `inserted` gives it."""
        order = inserted(kept, self.first(others.starts, others.lengths, others.low))

        def both(mine: AnyArray | None, theirs: AnyArray | None) -> Any:
            return None if mine is None or theirs is None else np.concatenate([mine[kept], theirs])[order]

        starts, lengths = both(self.starts, others.starts), both(self.lengths, others.lengths)
        return PrefixOrder(starts, lengths, both(self.low, others.low)), order

    @property
    def nbytes(self) -> int:
        """Bytes of all columns."""
        return int(self.starts.nbytes + self.lengths.nbytes + (0 if self.low is None else self.low.nbytes))

    def parents(self) -> Int32Array:
        """The rank of the next shorter prefix that contains each, or -1: int32, shape (n,). One pass, O(n)."""
        n = len(self.starts)
        parents = np.empty(n, np.int32)
        if self.low is not None:
            prefix_build.parents_of_pairs(self.starts, self.low, self.lengths, parents)
        else:
            last, painted = np.empty(2 * n + 1, self.starts.dtype), np.empty(2 * n + 1, np.int32)
            prefix_build.paint(self.starts, self.lengths, None, -1, last, painted, parents)
        return freeze(parents)

    def find(self, starts: AnyArray, lengths: UInt8Array, low: UInt64Array | None = None) -> Int32Array:
        """The rank of each prefix, or -1: int32. Arguments as the attributes, any order, any number."""
        at = self.first(starts, lengths, low)
        found = at < len(self.starts)
        inside = np.where(found, at, 0)
        if len(self.starts):
            found &= (self.starts[inside] == starts) & (self.lengths[inside] == lengths)
            if self.low is not None:
                found &= self.low[inside] == low
        return np.where(found, at, -1).astype(np.int32)

    def ranges(
        self, starts: AnyArray, lengths: UInt8Array, low: UInt64Array | None = None
    ) -> tuple[Int32Array, Int32Array]:
        """Ranks from and to of the prefixes under each prefix, itself included: two arrays of int32, empty where equal."""
        first = self.first(starts, lengths, low)
        last = last_addresses(starts, lengths)
        end = np.searchsorted(self.starts, last, "right")
        if self.low is not None and low is not None:
            begin = np.searchsorted(self.starts, last, "left")
            low_last = last_addresses(low, lengths - np.minimum(lengths, np.uint8(64)))
            end = bisect(self.low, low_last, begin, end, right=True)
        return first.astype(np.int32), end.astype(np.int32)

    def first(self, starts: AnyArray, lengths: UInt8Array, low: UInt64Array | None = None) -> Int64Array:
        """The first rank that is not before each prefix."""
        begin, end = np.searchsorted(self.starts, starts, "left"), np.searchsorted(self.starts, starts, "right")
        if self.low is not None and low is not None:
            begin, end = bisect(self.low, low, begin, end), bisect(self.low, low, begin, end, right=True)
        return bisect(self.lengths, lengths, begin, end)


class OrderedPrefixes:
    """What tables of prefixes over bits have in common: the sorted columns, and how a table is stored."""

    def __init__(self, order: PrefixOrder) -> None:
        self._order = order

    @property
    def order(self) -> PrefixOrder:
        """The sorted columns."""
        return self._order

    @property
    def n(self) -> int:
        """Number of prefixes."""
        return len(self._order.starts)

    @property
    def lengths(self) -> UInt8Array:
        """Lengths in bits: uint8, shape (n,)."""
        return self._order.lengths

    @cached_property
    def parents(self) -> Int32Array:
        """The rank of the next shorter prefix that contains each, or -1: int32, shape (n,). Computed when first asked for."""
        return self._order.parents()

    @property
    def index_nbytes(self) -> int:
        """Bytes that a lookup of the longest match needs."""
        raise NotImplementedError

    def reader_arguments(self) -> tuple[Any, ...]:
        """What the reader of single keys takes: the sorted columns, then the index."""
        raise NotImplementedError

    @property
    def nbytes(self) -> int:
        """Bytes of all stored arrays."""
        return self.index_nbytes + self._order.nbytes

    def to_columns(self) -> dict[str, AnyArray]:
        """All arrays by name."""
        raise NotImplementedError

    @classmethod
    def from_columns(cls, columns: Mapping[str, AnyArray]) -> Self:
        """Take the arrays that `to_columns` gave, borrowed and not copied: they must not change.

        Raises
        ------
        SnapshotFormatError
            They are no such table. What lookups read is checked to lie inside the arrays, not to make sense.
        """
        raise NotImplementedError

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self).from_columns, (self.to_columns(),)
