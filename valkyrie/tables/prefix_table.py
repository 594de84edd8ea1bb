"""PrefixTable, the compressed radix arena: longest-prefix match and prefix scans over arrays.

A query is answered by the longest stored prefix that it begins with. What "begins with" means is the kind's:

    ip        networks of IPv4 and IPv6, in one table
    digits    telephone numbers and the like, digit by digit, up to 16 digits
    bits      uint64 whose leading bits count: hardware addresses, shards
    bytes     text and bytes, byte by byte
    path      whole segments: ``/api`` holds ``/api/v1`` and not ``/apix``; ``/`` is the empty text, and holds everything
    suffix    whole labels from the right, in any case: ``co.uk`` holds ``bbc.co.uk``

Prefixes are kept in sorted order and everything is found as a *rank*, a position in that order, so that what lies under a prefix
is a range of ranks. `rows_by_rank` leads to rows; where the rows are the ranks it costs nothing. Batches are searched by kernels
that numba compiles (see `valkyrie._scan.compiled` for when), or by their numpy twins, which give the same answers.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, Literal, Self

import numpy as np

from valkyrie import records
from valkyrie._native import PrefixChains, PrefixTableReader, check_cpu_level, freeze, read_only
from valkyrie.arrays import is_encodable
from valkyrie.errors import ArgumentError
from valkyrie.parallel import thread_count
from valkyrie.tables.changes import Differ, KeyChanges
from valkyrie.tables.content_sum import ContentSum
from valkyrie.tables.located import Located, check_errors, checked_missing, checked_rows
from valkyrie.tables.prefixes.building import built_index, check_lengths, stored_index
from valkyrie.tables.prefixes.containing import ContainingPrefixes
from valkyrie.tables.prefixes.differences import prefix_changes
from valkyrie.tables.prefixes.index import PrefixIndex
from valkyrie.tables.prefixes.merging import replaced, require_known
from valkyrie.tables.prefixes.rank_rows import checked_rows_by_rank, rows_of, stored_rows, taken
from valkyrie.tables.prefixes.scans import PrefixScans
from valkyrie.tables.prefixes.single import one_prefix
from valkyrie.tables.prefixes.stats import PrefixTableStats
from valkyrie.tables.prefixes.wildcard_index import WildcardIndex
from valkyrie.tables.stored_table import StoredTable
from valkyrie.typing import AnyArray, Errors, Int32Array, OnDuplicate, PrefixKind

__all__ = ["PrefixTable"]

_ITEMS_AT_ONCE = 4096


class PrefixTable(StoredTable, ContainingPrefixes, PrefixScans, PrefixTableReader):
    """An immutable table from prefixes to rows, searched for the longest that a query begins with.

    Made by `build`, `valkyrie.load` or `from_columns`. Safe to share between threads and across a fork.
    """

    content = "prefix_table"
    section_kind = "index"

    __slots__ = ("_build_seconds", "_chains", "_header", "_index", "_rows", "_sum")

    def __init__(self, index: PrefixIndex, rows: Int32Array | None, *, build_seconds: float = float("nan")) -> None:
        """Take an index and the rows of its ranks (None: the ranks themselves); use `build`."""
        check_cpu_level()
        self._index = index
        self._rows = rows
        self._build_seconds = build_seconds
        self._chains: PrefixChains | None = None
        self._sum: ContentSum | None = None
        header = np.zeros(1, records.PREFIX_TABLE_HEADER)
        header["kind"] = records.PREFIX_KINDS.index(self.kind)
        header["entries"] = len(self)
        header["wildcards"] = self._wildcards
        self._header = freeze(header)

    @classmethod
    def build(
        cls,
        prefixes: Any,
        rows: Any = None,
        *,
        kind: PrefixKind = "bytes",
        lengths: Any = None,
        strict: bool = True,
        wildcards: bool = False,
        on_duplicate: OnDuplicate = "error",
    ) -> Self:
        """Build a table.

        Parameters
        ----------
        prefixes : array-like, length n
            In any container, none null. "ip": text such as ``10.0.0.0/8``, `ipaddress` objects, or arrays of addresses with
            `lengths` (uint32 for IPv4; V16 or Arrow fixed_size_binary(16), in network order, for IPv6). "digits": text with or
            without ``+``, or integers. "bits": uint64, aligned to the left. "bytes", "path", "suffix": text or bytes; the empty
            text is the prefix of everything.
        rows : array-like of int, length n, optional
            Row of each prefix, from 0 to 2**31 - 1; several may share one. By default the position of the prefix.
        kind : {"bytes", "path", "digits", "suffix", "ip", "bits"}
            What the prefixes are, and so what it means to begin with one: see the module.
        lengths : array-like of int or int, optional
            How many leading bits count, with "bits" and with arrays of addresses.
        strict : bool
            Whether bits set behind the length are an error; otherwise they are cleared.
        wildcards : bool
            With "suffix", whether ``*.ck`` and ``!www.ck`` are rules of the public suffix list. Lengths that lookups return
            are then those of the rule's domain without its mark, and what `all_matches` gives ends with the rule that wins.
        on_duplicate : {"error", "first", "last"}
            Which of equal prefixes counts.

        Raises
        ------
        DuplicateKeyError
            Two prefixes are equal; the first few are named.
        KeyTypeError
            A null, or prefixes of another kind.
        CapacityError
            Too many prefixes, or one that is too long.
        ArgumentError
            A malformed prefix (the first is named), or an argument that cannot be.

        Notes
        -----
        One thread builds; others may run meanwhile. Two prefixes of a path are equal if they differ by one ``/`` at the end
        only, two domains by one dot or by case.
        """
        return cls.build_counted(
            prefixes, rows, kind=kind, lengths=lengths, strict=strict, wildcards=wildcards, on_duplicate=on_duplicate
        )[0]

    @classmethod
    def build_counted(
        cls,
        prefixes: Any,
        rows: Any = None,
        *,
        kind: PrefixKind,
        lengths: Any = None,
        strict: bool = True,
        wildcards: bool = False,
        on_duplicate: OnDuplicate = "error",
    ) -> tuple[Self, int]:
        """Build a table, and say how many prefixes it was given, those included that did not count; otherwise as `build`."""
        began = time.perf_counter()
        search, order, given = built_index(
            prefixes, lengths, kind=kind, strict=strict, wildcards=wildcards, on_duplicate=on_duplicate
        )
        every = checked_rows(rows, given)
        by_rank = order.astype(np.int32) if every is None else every[order]
        table = cls(search, stored_rows(by_rank), build_seconds=time.perf_counter() - began)
        return table, given

    @property
    def _wildcards(self) -> bool:
        return isinstance(self._index, WildcardIndex)

    @property
    def rows_by_rank(self) -> Int32Array:
        """The row of each rank: int32, shape (n,), read-only."""
        if self._rows is not None:
            return self._rows
        return read_only(np.arange(len(self), dtype=np.int32))

    @property
    def arena(self) -> Mapping[str, AnyArray]:
        """The arrays of the table by name, read-only; every prefix and row can be read from them with numpy alone."""
        return MappingProxyType(self.to_columns())

    @property
    def nbytes(self) -> int:
        """Bytes of all `arrays`: of those in `to_columns`, and with wildcards of what says which rule wins."""
        return sum(int(array.nbytes) for array in self.arrays())

    @property
    def stats(self) -> PrefixTableStats:
        """How many, how deep, how large; computed when asked."""
        n = len(self)
        return PrefixTableStats(
            entries=n,
            kind=self.kind,
            deepest=int(self._index.depths.max(initial=0)),
            longest=int(self._index.lengths.max(initial=0)),
            index_bytes_per_entry=self._index.index_nbytes / n if n else float("nan"),
            bytes_per_entry=self.nbytes / n if n else float("nan"),
            rows_stored=self._rows is not None,
            build_seconds=self._build_seconds,
        )

    def __len__(self) -> int:
        return self._index.n

    def lookup_many(
        self,
        keys: Any,
        *,
        missing: int = -1,
        return_length: bool = False,
        errors: Errors = "coerce",
        out: Int32Array | None = None,
        threads: int | None = 1,
    ) -> Int32Array | tuple[Int32Array, Int32Array]:
        """The rows of the longest prefixes that keys begin with.

        Parameters
        ----------
        keys : array-like, length n
            In any container. "ip": text, `ipaddress` objects, uint32 (IPv4), or 16 bytes in network order (IPv6). "digits": text
            or integers. "bits": uint64, or Python ints in a list. The others: text or bytes.
        missing : int
            Stands where no prefix matches, the key is null or malformed.
        return_length : bool
            Also give the length of the prefix that matched: in bits, digits or bytes. Of paths and suffixes the ``/`` or the
            dot that ends them does not count, since a key may lack it: "/api/" is 4 long, "/" and "" 0, "//" is 1 long.
        errors : {"coerce", "raise"}
            Whether malformed text is a miss, or an error that names the first.
        out : ndarray of int32, shape (n,), optional
            Where rows are written; not memory of `keys`. It is checked before anything is searched.
        threads : int or None
            How many threads look up; None is all.

        Returns
        -------
        rows : ndarray of int32, shape (n,)
            `out`, if there is one; otherwise a new array.
        lengths : ndarray of int32, shape (n,)
            With `return_length` only; -1 where no prefix matches.

        Raises
        ------
        KeyTypeError
            The keys are of another kind, or a text has no UTF-8 form.
        ArgumentError
            An argument that cannot be, or malformed text with ``errors="raise"``.

        Notes
        -----
        Any thread may call; the GIL is released while kernels search.
        """
        missing = checked_missing(missing)
        check_errors(errors)
        ranks = self._index.match(keys, errors=errors, threads=thread_count(threads), out=out).ranks
        lengths = taken(self._index.lengths, ranks, -1) if return_length else None
        rows = rows_of(self._rows, ranks, missing)
        return rows if lengths is None else (rows, lengths)

    def get_many(self, prefixes: Any, *, lengths: Any = None, missing: int = -1) -> Int32Array:
        """The rows of prefixes themselves.

        Parameters
        ----------
        prefixes : array-like, length n
            As `build` takes them.
        lengths : array-like of int or int, optional
            How many leading bits count, with "bits" and with arrays of addresses.
        missing : int
            Stands where a prefix is not in the table.

        Returns
        -------
        ndarray of int32, shape (n,)

        Raises
        ------
        KeyTypeError
            A null, or prefixes of another kind.
        ArgumentError
            A malformed prefix: the first is named. (Of one alone, `get` says that it is not in the table.)
        """
        return rows_of(self._rows, self._index.find(prefixes, check_lengths(lengths, self.kind)), checked_missing(missing))

    def match(self, key: Any) -> tuple[Any, int] | None:
        """The longest prefix that one key begins with.

        Parameters
        ----------
        key : str, bytes, int, `ipaddress` address, or numpy scalar
            As `lookup` takes it.

        Returns
        -------
        prefix : str, bytes or tuple
            As `items` gives it.
        row : int
            Or None instead of both, if no prefix matches.

        Raises
        ------
        KeyTypeError
            The key is of another kind.
        """
        rank = self._index.reader.rank_of(key)
        if rank < -1:
            rank = self._rank(key)
        return None if rank < 0 else next(self.items(rank, rank + 1))

    def replace(
        self, prefixes: Any, rows: Any, *, lengths: Any = None, on_duplicate: OnDuplicate = "error", threads: int | None = 1
    ) -> Self:
        """A table in which prefixes have these rows, whether or not they were in it; all others stay as they are.

        Parameters
        ----------
        prefixes, lengths
            As `build` takes them.
        rows : array-like of int, length m
        on_duplicate : {"error", "first", "last"}

            Which of equal prefixes counts.
        threads : int or None
            Checked, and that is all: see the notes.

        Raises
        ------
        DuplicateKeyError, KeyTypeError, CapacityError, ArgumentError

        Notes
        -----
        Where every prefix is there already, the rows are copied and no more. A new one builds the index again, from columns that
        are merged and not sorted: 0.9 M IPv4 networks in tens of milliseconds. One thread does it, whatever `threads` says.
        """
        thread_count(threads)
        if rows is None:
            raise ArgumentError("rows: one row a prefix is needed, got None", hint="without() removes prefixes")
        changed = type(self).build(
            prefixes, rows, kind=self.kind, lengths=lengths, wildcards=self._wildcards, on_duplicate=on_duplicate
        )
        if not len(changed):
            return self
        index, by_rank = replaced(
            self._index, self.rows_by_rank, self._index.find(prefixes, lengths), changed._index, changed.rows_by_rank
        )
        return type(self)(index, stored_rows(by_rank))

    def without(
        self,
        prefixes: Any,
        *,
        lengths: Any = None,
        errors: Literal["raise", "ignore"] = "raise",
        threads: int | None = 1,
    ) -> Self:
        """A table in which prefixes are not; what lies under them stays.

        Parameters
        ----------
        prefixes, lengths
            As `build` takes them; it does not matter if one stands there twice.
        errors : {"raise", "ignore"}
            Whether a prefix that is not in the table is an error. A malformed one always is.
        threads : int or None
            As in `replace`.

        Raises
        ------
        KeyNotFoundError, KeyTypeError, ArgumentError
        """
        thread_count(threads)
        if errors not in ("raise", "ignore"):
            raise ArgumentError(f'errors must be "raise" or "ignore"; got {errors!r}', hint='Use "raise", the default')
        known = self._index.find(prefixes, check_lengths(lengths, self.kind))
        if errors == "raise":
            require_known(known)
        if not (known >= 0).any():
            return self
        nothing = self.emptied()
        index, by_rank = replaced(self._index, self.rows_by_rank, known, nothing._index, nothing.rows_by_rank)
        return type(self)(index, stored_rows(by_rank))

    def emptied(self) -> Self:
        """A table of the same kind without prefixes."""
        none: list[int] | None = [] if self.kind == "bits" else None
        return type(self).build([], kind=self.kind, wildcards=self._wildcards, lengths=none)

    def arrays(self) -> tuple[AnyArray, ...]:
        """All arrays, as they lie in memory."""
        own = (self._header, *self._index.arrays())
        return own if self._rows is None else (*own, self._rows)

    def changes_since(self, other: PrefixTable, differ: Differ | None = None) -> KeyChanges:
        """What became of each prefix of another table in this one; those with wildcards and those without have none in common.

        Parameters
        ----------
        other : PrefixTable
            Of any kind: prefixes of another kind are other prefixes.
        differ : callable, optional
            Says which rows lead elsewhere; by default those that differ.
        """
        return prefix_changes((other._index, other.rows_by_rank), (self._index, self.rows_by_rank), differ)

    def content_sum(self) -> ContentSum:
        """Two numbers that are equal for tables of equal prefixes and rows, however they were built; kept once computed."""
        if self._sum is None:
            self._sum = self._index.content_sum(self.rows_by_rank)
        return self._sum

    def items(self, start: int = 0, stop: int | None = None) -> Iterator[tuple[Any, int]]:
        """Prefixes and their rows in sorted order, of all ranks or of a range of them, as `range_many` gives it.

        Parameters
        ----------
        start, stop : int
            Ranks, as in a slice.

        Yields
        ------
        prefix : str, bytes or tuple
            Networks and digits as text, bits as (word, length), text as str, or bytes where it is not UTF-8. Paths and domains
            are without the ``/`` or dot at their end, unless they would then end with another: "//" stays.
        row : int
        """
        begin, end, _ = slice(start, stop).indices(len(self))
        for at in range(begin, end, _ITEMS_AT_ONCE):
            ranks = np.arange(at, min(at + _ITEMS_AT_ONCE, end))
            rows = ranks if self._rows is None else self._rows[ranks]
            yield from zip(self._index.prefixes(ranks), rows.tolist(), strict=True)

    def warm_up(self) -> bool:
        """Compile the kernels now rather than in the first large batch.

        They are kept on disk, so the next process loads them in a tenth of a second. Any thread may call; one compiles.

        Returns
        -------
        bool
            Whether they are compiled then: not without numba, or with ``VALKYRIE_JIT=0``.
        """
        return self._index.warm_up()

    def to_columns(self) -> dict[str, AnyArray]:
        """The arrays of the table by name, for storing."""
        columns = {"header": self._header} | {f"search/{name}": values for name, values in self._index.to_columns().items()}
        return columns if self._rows is None else columns | {"rows": self._rows}

    @classmethod
    def from_columns(cls, columns: Mapping[str, AnyArray]) -> Self:
        """Take the arrays that `to_columns` gave, borrowed and not copied: they must not change.

        Raises
        ------
        SnapshotFormatError
            They are no prefix table. What lookups read is checked to lie inside the arrays, not to make sense.
        ArgumentError
            They are not by name.
        """
        index = stored_index(columns)
        return cls(index, checked_rows_by_rank(columns.get("rows"), index.n))

    def check(self, *, sample: int | None = None) -> None:
        """Check that the table makes sense: that every prefix is found, and that a search for it ends at it or below.

        Parameters
        ----------
        sample : int, optional
            Look at so many prefixes only, spread evenly; by default at all.

        Raises
        ------
        SnapshotFormatError
            It does not. Tables that `build` made always do; files may hold anything behind right checksums.
        """
        self._index.check(sample)

    def locate(self, keys: Any, *, errors: Errors = "coerce", threads: int = 1) -> Located:
        """The rows of keys, -1 where there is none, and the container that results go back into; otherwise as `lookup_many`.

        Raises
        ------
        KeyTypeError, ArgumentError
        """
        check_errors(errors)
        ranks, box = self._index.match(keys, errors=errors, threads=threads)
        return Located(rows_of(self._rows, ranks, -1), box)

    def __repr__(self) -> str:
        return f"PrefixTable({len(self):,} prefixes of kind {self.kind!r}, {self.nbytes:,} bytes)"

    def _repr_html_(self) -> str:
        return f"<b>PrefixTable</b>{self.stats._repr_html_()}"

    def _noted_chains(self) -> PrefixChains:
        if self._chains is None:
            self._chains = PrefixChains(self._index.parents, self._rows)
        return self._chains

    def _find(self, prefix: Any) -> int:
        """The rank of one prefix that the reader does not take; -1 for what can be no prefix."""
        if prefix is None or (isinstance(prefix, str) and self.kind != "bits" and not is_encodable(prefix)):
            return -1
        try:
            keys, lengths = one_prefix(prefix, self.kind)
            return int(self._index.find(keys, lengths)[0])
        except ArgumentError:  # malformed: so it is in no table
            return -1
