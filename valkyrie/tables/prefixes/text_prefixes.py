"""TextPrefixes: longest-prefix search over texts, for the kinds "bytes", "path" and "suffix" of a prefix table.

Prefixes are kept sorted in their stored form (see `text_build`), and a *rank* is a position in that order. What is searched is a
tree of slices (`valkyrie._scan.slice_tree`); the three kinds differ only in how a text is read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Self

import numpy as np

from valkyrie._native import freeze, prefix_texts, read_only
from valkyrie._scan import slice_tree
from valkyrie._scan.compiled import COMPILE_FROM, Kernel
from valkyrie.tables.prefixes.text_build import TextForm, sorted_texts, tree_columns
from valkyrie.tables.prefixes.text_columns import checked_columns
from valkyrie.typing import AnyArray, BoolArray, Int32Array, Int64Array, UInt8Array, UInt64Array

__all__ = ["TextBuild", "TextPrefixes"]

_LONGEST = Kernel("valkyrie._scan.slice_tree_jit", "longest_prefixes", slice_tree.longest_prefixes)
_RANGES = Kernel("valkyrie._scan.slice_ranges_jit", "prefix_ranges", slice_tree.prefix_ranges)
_TREE = ("nodes", "inner", "slices", "groups", "texts", "arena")


class TextBuild(NamedTuple):
    """What a build gives.

    Attributes
    ----------
    engine : TextPrefixes
    order : ndarray of int64, shape (n,)
        Where the prefix of each rank was in what the build was given.
    duplicates : ndarray of int64, shape (d, 2)
        Pairs of positions of equal prefixes, the earlier first.
    """

    engine: TextPrefixes
    order: Int64Array
    duplicates: Int64Array


class TextPrefixes:
    """Immutable sorted prefixes of text. Safe to share between threads and across a fork.

    Queries are addresses and lengths of texts that stay alive during a call; everything answers in ranks.

    Attributes
    ----------
    n : int
        Prefixes.
    form : TextForm
        How texts are read.
    texts : ndarray of PREFIX_TEXT, shape (n,)
    arena : ndarray of uint8
        The stored texts.
    nodes, slices, groups, inner : ndarray
        The tree.
    """

    __slots__ = (
        "_arguments", "_columns", "_padded", "_short_ranks",
        "arena", "form", "groups", "inner", "n", "nodes", "slices", "texts",
    )  # fmt: skip

    def __init__(self, columns: dict[str, AnyArray]) -> None:
        """Take checked arrays; use `build` or `from_columns`."""
        header = columns["header"][0]
        self._columns = columns
        self._padded = bool(header["padded"])
        self.form = TextForm(int(header["terminator"]), bool(header["backwards"]), bool(header["fold"]))
        self.nodes, self.inner, self.slices, self.groups, self.texts, self.arena = (columns[name] for name in _TREE)
        self.n = len(self.texts)
        self._arguments = tuple(columns[name] for name in _TREE)
        self._short_ranks: UInt8Array = freeze(np.empty(0, np.uint8))  # made for the first batch of ranges that it pays for

    @classmethod
    def build(cls, data: UInt8Array, offsets: Int64Array, form: TextForm, *, keep_last: bool = False) -> TextBuild:
        """Build from texts in their stored form, in any order.

        Parameters
        ----------
        data : ndarray of uint8
        offsets : ndarray of int64, shape (n + 1,)
            As `text_build.normalised` gives them.
        form : TextForm
        keep_last : bool
            Of equal prefixes the last is kept instead of the first.

        Raises
        ------
        CapacityError
            There are more than 2**28.
        """
        order, duplicates = sorted_texts(data, offsets, keep_last=keep_last)
        return TextBuild(cls(tree_columns(data, offsets, order, form)), order, duplicates)

    @classmethod
    def from_columns(cls, columns: Mapping[str, AnyArray]) -> Self:
        """Take the arrays that `to_columns` gave, borrowed and not copied: they must not change.

        Raises
        ------
        SnapshotFormatError
            They are no prefixes of text. What searches follow is checked to lie inside the arrays, not to make sense.
        """
        return cls(checked_columns(columns))

    def to_columns(self) -> dict[str, AnyArray]:
        """The arrays by name, for storing."""
        return dict(self._columns)

    @property
    def nbytes(self) -> int:
        """Bytes of all arrays."""
        return sum(int(array.nbytes) for array in self._columns.values())

    @property
    def index_nbytes(self) -> int:
        """Bytes that a search may read: all, since it ends by comparing with the texts themselves."""
        return self.nbytes

    @property
    def lengths(self) -> AnyArray:
        """Bytes of each prefix in its stored form: uint32, shape (n,)."""
        lengths: AnyArray = self.texts["length"]
        return lengths

    @property
    def parents(self) -> Int32Array:
        """Rank of the longest other prefix that each begins with, -1 if none: int32, shape (n,)."""
        parents: Int32Array = self.texts["parent"]
        return parents

    def reader_arguments(self) -> tuple[Any, ...]:
        """What the reader of single keys takes: how texts are read, then the arrays, records as bytes."""
        arrays = (array.view(np.uint8) if array.dtype.names else array for array in self._arguments)
        return tuple(self.form), self._padded, *arrays

    def key_texts(self, ranks: Any) -> list[bytes]:
        """The stored form of the prefixes of some ranks."""
        chosen = self.texts[np.asarray(ranks, np.int64)]
        begins = chosen["offset"].tolist()
        return [self.arena[at : at + size].tobytes() for at, size in zip(begins, chosen["length"].tolist(), strict=True)]

    def stored_texts(self) -> tuple[UInt64Array, UInt64Array]:
        """Addresses and lengths of the prefixes in their stored form, by rank: uint64, shape (n,); good while this lives."""
        return self.texts["offset"] + np.uint64(self.arena.ctypes.data), self.texts["length"].astype(np.uint64)

    def merged(self, kept: BoolArray, others: TextPrefixes) -> tuple[Self, Int64Array]:
        """The prefixes that are kept and others, which are none of them, and by rank their positions among the two, the kept
        ones first."""
        address, length = (
            np.concatenate([mine[kept], theirs]) for mine, theirs in zip(self.stored_texts(), others.stored_texts(), strict=True)
        )
        offsets = np.zeros(len(address) + 1, np.int64)
        np.cumsum(length, out=offsets[1:], dtype=np.int64)
        data = np.empty(int(offsets[-1]), np.uint8)
        prefix_texts.store(address, offsets, -1, False, False, data)  # they are in their stored form already
        order, _ = sorted_texts(data, offsets)
        return type(self)(tree_columns(data, offsets, order, self.form)), order

    def lookup(self, address: UInt64Array, length: UInt64Array, out: Int32Array) -> None:
        """Write the rank of the longest prefix of each text to `out`, -1 where there is none.

        Parameters
        ----------
        address, length : ndarray of uint64, shape (m,)
        out : ndarray of int32, shape (m,)

        Notes
        -----
        A domain may end with the dot of the root. A path is asked as it is: "/api/" lies under "/api", and so does "/api//".
        """
        self._search(address, self.trimmed(address, length) if self.form.backwards else length, out)

    def _search(self, address: UInt64Array, length: UInt64Array, out: Int32Array) -> None:
        if self.n == 0:
            out[:] = -1
            return
        kernel = _LONGEST.choose(len(out), self._warm_longest)
        kernel(read_only(address), read_only(length), *self.form, self._padded, *self._arguments, out)

    def find(self, address: UInt64Array, length: UInt64Array) -> Int32Array:
        """The rank of each prefix that is stored, -1 for others: int32, shape (m,)."""
        length = self.trimmed(address, length)
        out = np.empty(len(address), np.int32)
        self._search(address, length, out)
        sizes = length.astype(np.int64) + ((length > 0) & (self.form.terminator >= 0))
        if self.n:
            out[(self.lengths[out] != sizes) & (out >= 0)] = -1
        return out

    def ranges(self, address: UInt64Array, length: UInt64Array, low: Int32Array, high: Int32Array) -> None:
        """Write the ranks [low, high) of the prefixes that lie under each of the given ones, itself included.

        Where there are none, both are where it would be.

        Parameters
        ----------
        address, length : ndarray of uint64, shape (m,)
        low, high : ndarray of int32, shape (m,)
        """
        if self.n == 0:
            low[:] = high[:] = 0
            return
        length = self.trimmed(address, length)
        kernel = _RANGES.choose(len(low), self._warm_ranges)
        if len(low) >= COMPILE_FROM and not len(self._short_ranks):
            self._short_ranks = freeze(slice_tree.short_ranks(self.nodes, self.groups, self.n))
        kernel(read_only(address), read_only(length), *self.form, *self._arguments, self._short_ranks, low, high)

    def warm_up(self) -> bool:
        """Compile the kernels now; whether there are any then."""
        return all([_LONGEST.warm_up(self._warm_longest), _RANGES.warm_up(self._warm_ranges)])

    def _warm_longest(self, function: Callable[..., Any]) -> None:
        nothing = read_only(np.empty(0, np.uint64))
        function(nothing, nothing, *self.form, self._padded, *self._arguments, np.empty(0, np.int32))

    def _warm_ranges(self, function: Callable[..., Any]) -> None:
        nothing, ranks = read_only(np.empty(0, np.uint64)), np.empty(0, np.int32)
        function(nothing, nothing, *self.form, *self._arguments, self._short_ranks, ranks, ranks)

    def trimmed(self, address: UInt64Array, length: UInt64Array) -> UInt64Array:
        """Lengths without one trailing terminator, as the stored prefixes have lost theirs."""
        if self.form.terminator < 0:
            return length
        out = np.empty(len(length), np.uint64)
        prefix_texts.trim(address, length, self.form.terminator, out)
        return out
