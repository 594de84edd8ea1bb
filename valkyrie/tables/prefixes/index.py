"""What every kind of prefix table answers, in ranks: positions in the sorted order of its prefixes.

A `PrefixIndex` reads prefixes and queries of its kind from any container and asks its engine. `PrefixTable` stands above it and
turns ranks into rows. What the kinds have in common is here: which of equal prefixes counts, and dictionary-encoded queries.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import fields
from functools import cached_property
from typing import Any, ClassVar, NamedTuple, NoReturn, Self

import numpy as np

from valkyrie._native import PrefixReader, prefix_build, read_only
from valkyrie.arrays import Container
from valkyrie.errors import ArgumentError, DuplicateKeyError, KeyTypeError, SnapshotFormatError
from valkyrie.tables.content_sum import ContentSum
from valkyrie.tables.located import check_out
from valkyrie.typing import AnyArray, BoolArray, Errors, Int32Array, Int64Array, OnDuplicate, PrefixKind

__all__ = ["BuiltIndex", "Matches", "PrefixIndex", "Queries", "raise_duplicate_prefixes", "without_duplicates"]

_NAMED = 3
_WRITTEN_AT_ONCE = 4096


class Matches(NamedTuple):
    """The longest match of each query.

    Attributes
    ----------
    ranks : ndarray of int32, shape (n,)
        -1 where there is none: no prefix, a null, a malformed query.
    box : Container
        How to give results back.
    """

    ranks: Int32Array
    box: Container


class Queries(NamedTuple):
    """Queries that were read and wait to be searched.

    Attributes
    ----------
    column : IpColumn, WordColumn or KeyColumn
        Its `n`, `box`, `nulls` and `codes` say how answers go back.
    values : int
        How many values there are to search: rows, or entries of a dictionary.
    bad : ndarray of bool, shape (values,), optional
        Values that are malformed.
    search : callable
        Writes the rank of the longest match of each value to an array of int32, shape (values,); anything where `bad`.
    """

    column: Any
    values: int
    bad: BoolArray | None
    search: Callable[[Int32Array], None]


class BuiltIndex(NamedTuple):
    """What a build gives.

    Attributes
    ----------
    search : PrefixIndex
    order : ndarray of int64, shape (n,)
        Where the prefix of each rank was in what the build was given.
    given : int
        How many prefixes that were, duplicates and all.
    """

    search: PrefixIndex
    order: Int64Array
    given: int


class PrefixIndex(ABC):
    """Sorted, unique prefixes of one kind and the means to search them. Immutable; safe to share between threads.

    Attributes
    ----------
    kind : str
    reader : PrefixReader
        Finds ranks of single keys.
    """

    kind: PrefixKind

    reader: PrefixReader

    kinds: ClassVar[tuple[PrefixKind, ...]]

    @classmethod
    @abstractmethod
    def build(
        cls, prefixes: Any, lengths: Any, *, kind: PrefixKind, strict: bool, wildcards: bool, on_duplicate: OnDuplicate
    ) -> BuiltIndex:
        """Read prefixes from their container, sort them, and build the engine."""

    @classmethod
    @abstractmethod
    def from_columns(cls, columns: Mapping[str, AnyArray], kind: PrefixKind) -> Self:
        """Take the arrays that `to_columns` gave; SnapshotFormatError if a search over them could leave them."""

    @abstractmethod
    def to_columns(self) -> dict[str, AnyArray]:
        """All arrays by name, for storing."""

    @property
    @abstractmethod
    def n(self) -> int:
        """Number of prefixes."""

    @property
    @abstractmethod
    def lengths(self) -> Int32Array:
        """Length of each prefix by rank, in its unit: bits, digits or bytes. Computed when first asked for, and kept."""

    @property
    @abstractmethod
    def parents(self) -> Int32Array:
        """Rank of the next shorter prefix that contains each, -1 if none. Computed when first asked for, and kept."""

    @cached_property
    def depths(self) -> Int32Array:
        """How many prefixes contain each, itself among them, by rank. Computed when first asked for, and kept."""
        depths = np.empty(self.n, np.int32)
        prefix_build.count_open(self.parents, depths)
        return read_only(depths)

    @property
    @abstractmethod
    def index_nbytes(self) -> int:
        """Bytes that a longest-match lookup needs."""

    def arrays(self) -> tuple[AnyArray, ...]:
        """All arrays, as they lie in memory: those that are stored, and what was made of them for searching."""
        return tuple(self.to_columns().values())

    @abstractmethod
    def queries(self, keys: Any, *, errors: Errors, threads: int) -> Queries:
        """Read queries from any container; nothing is searched yet."""

    def match(self, keys: Any, *, errors: Errors, threads: int, out: Int32Array | None = None) -> Matches:
        """The longest match of each query, from any container.

        Parameters
        ----------
        out : ndarray of int32, shape (n,), optional
            Where ranks are written; checked before anything is searched.

        Raises
        ------
        KeyTypeError, ArgumentError
        """
        column, values, bad, search = self.queries(keys, errors=errors, threads=threads)
        if out is not None:
            check_out(out, column.n, keys, *(getattr(column, field.name) for field in fields(column)))
        ranks = np.empty(column.n, np.int32) if out is None else out
        found = ranks if column.codes is None else np.empty(values, np.int32)
        search(found)
        if bad is not None:
            found[bad] = -1
        if column.codes is not None:
            # A null has code -1 and no place in the dictionary; an empty dictionary has no place at all.
            np.take(np.append(found, np.int32(-1)), column.codes, out=ranks, mode="wrap")
        elif column.nulls is not None:
            ranks[column.nulls] = -1
        return Matches(ranks, column.box)

    @abstractmethod
    def find(self, prefixes: Any, lengths: Any) -> Int32Array:
        """Rank of each prefix itself, -1 where it is not in the table."""

    @abstractmethod
    def ranges(self, prefixes: Any, lengths: Any) -> tuple[Int32Array, Int32Array]:
        """Ranks ``[lo, hi)`` of what lies under each prefix, itself included."""

    @abstractmethod
    def merged(self, kept: BoolArray, others: Self) -> tuple[Self, Int64Array]:
        """An index of the prefixes that are kept and those of another, none of which is among them.

        Parameters
        ----------
        kept : ndarray of bool, shape (n,)
        others : PrefixIndex
            Of the same type and kind.

        Returns
        -------
        index : PrefixIndex
        order : ndarray of int64
            By its ranks, positions among the prefixes that are kept, followed by the others.
        """

    @abstractmethod
    def content_sum(self, rows: Int32Array) -> ContentSum:
        """The content sum of the prefixes with these rows, by rank."""

    @abstractmethod
    def prefixes(self, ranks: Int64Array) -> list[Any]:
        """The prefixes of some ranks, as a person would write them."""

    @abstractmethod
    def warm_up(self) -> bool:
        """Compile what lookups need; whether it is compiled then."""

    def asked(self, prefixes: list[Any]) -> tuple[Any, Any, Any]:
        """For some of `prefixes`: the first query under each, and what `find` takes, prefixes and lengths."""
        return prefixes, prefixes, None

    def ranks_in(self, other: Self) -> Int32Array:
        """By rank, where each prefix is in another index of this type and kind, -1 where it is not: int32, shape (n,)."""
        out = np.empty(self.n, np.int32)
        for start in range(0, self.n, _WRITTEN_AT_ONCE):
            stop = min(self.n, start + _WRITTEN_AT_ONCE)
            _, prefixes, lengths = self.asked(self.prefixes(np.arange(start, stop)))
            out[start:stop] = other.find(prefixes, lengths)
        return out

    def check(self, sample: int | None) -> None:
        """Check that so many prefixes (None: all) are found, and that a search for them ends there or below.

        Raises
        ------
        SnapshotFormatError
        """
        ranks = np.unique(np.linspace(0, self.n - 1, min(self.n, sample or self.n)).astype(np.int64))
        for start in range(0, len(ranks), _WRITTEN_AT_ONCE):
            some = ranks[start : start + _WRITTEN_AT_ONCE]
            try:
                queries, prefixes, lengths = self.asked(self.prefixes(some))
                lo, hi = self.ranges(prefixes, lengths)
                found, matched = self.find(prefixes, lengths), self.match(queries, errors="coerce", threads=1).ranks
            except (ArgumentError, KeyTypeError) as error:  # what is stored is no prefix of the kind
                raise _senseless(error.message) from error
            if not ((found == some) & (lo == some) & (lo <= matched) & (matched < hi)).all():
                raise _senseless("a prefix is not where a search ends")


def _senseless(what: str) -> SnapshotFormatError:
    return SnapshotFormatError(f"the prefix table makes no sense: {what}", hint="Build and save it again")


def without_duplicates(
    order: Int64Array, equal: BoolArray, on_duplicate: OnDuplicate, name: Callable[[int], Any]
) -> Int64Array:
    """The positions that count, in their order.

    Parameters
    ----------
    order : ndarray of int64, shape (n,)
        Positions sorted by prefix, equal ones by position.
    equal : ndarray of bool, shape (n - 1,)
        Whether each is equal to the next.
    on_duplicate : {"error", "first", "last"}
    name : callable
        A position's prefix as a person would write it.

    Raises
    ------
    DuplicateKeyError
        Two are equal, and on_duplicate is "error".
    """
    if not equal.any():
        return order
    if on_duplicate == "error":
        at = np.flatnonzero(equal)
        raise_duplicate_prefixes(np.stack([order[at], order[at + 1]], axis=1), name)
    kept = np.ones(len(order), np.bool_)
    (kept[1:] if on_duplicate == "first" else kept[:-1])[equal] = False
    return order[kept]


def raise_duplicate_prefixes(pairs: Int64Array, name: Callable[[int], Any]) -> NoReturn:
    """Raise DuplicateKeyError for pairs of positions, naming the first few by the place of the later one."""
    pairs = pairs[np.argsort(pairs[:, 1])]
    positions = [(int(first), int(again)) for first, again in pairs[:_NAMED]]
    named = [name(again) for _, again in positions]
    listed = ", ".join(f"{prefix!r} at {a} and {b}" for prefix, (a, b) in zip(named, positions, strict=True))
    more = f" and {len(pairs) - _NAMED} more" if len(pairs) > _NAMED else ""
    raise DuplicateKeyError(
        f"prefixes: {len(pairs)} duplicate{'s' if len(pairs) > 1 else ''}: {listed}{more}",
        hint='Drop them, or choose with on_duplicate="first" or "last"',
        keys=named,
        positions=positions,
    )
