"""IdTable, the fingerprinted id table: exact lookup of integers, 128-bit ids and texts, one or many.

Every key lies in one 64-byte line, which its hash and the one-byte pilot of its bucket name, so a lookup touches one line whether
it hits or misses. See `valkyrie.records` for the line and the essay of ``vk_types.h`` for how a hash finds it. Three layouts:

    lines     five integers or texts, or three 128-bit ids, a line; the layout of all but
    flat      integers up to 16,384: one slot of 16 bytes a key, half of them empty, all in cache
    direct    integers dense in their range: an array of rows over that range
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from typing import Any, Literal, Self, cast

import numpy as np

from valkyrie._native import IdTableReader, check_cpu_level
from valkyrie.arrays import KeyColumn, encodable, key_column
from valkyrie.arrays.texts import PIECE, scratch_bytes, text_piece
from valkyrie.errors import ArgumentError, KeyTypeError, SnapshotFormatError
from valkyrie.parallel import run, thread_count
from valkyrie.tables.changes import Differ, KeyChanges
from valkyrie.tables.content_sum import ContentSum
from valkyrie.tables.ids.build import build_parts
from valkyrie.tables.ids.check import check_structure
from valkyrie.tables.ids.contents import in_order
from valkyrie.tables.ids.differences import TableContents, id_table_changes
from valkyrie.tables.ids.edits import all_keys, edit_keys, edited, raise_unknown, rebuilt
from valkyrie.tables.ids.keys import BuildKeys
from valkyrie.tables.ids.parts import IdTableParts, as_bytes
from valkyrie.tables.ids.patch import Patch, found_rows
from valkyrie.tables.ids.scalar_keys import scalar_key
from valkyrie.tables.ids.stats import IdTableStats, id_table_stats
from valkyrie.tables.ids.sums import carry_sum, id_table_sum
from valkyrie.tables.located import Located, check_errors, check_out, checked_missing, checked_rows
from valkyrie.tables.stored_table import StoredTable
from valkyrie.typing import AnyArray, BoolArray, Errors, Int32Array, Kind, OnDuplicate, UInt8Array

__all__ = ["IdTable"]

_CHUNK = 1 << 19
_FREE_THREADED = not getattr(sys, "_is_gil_enabled", lambda: True)()
_POLICIES = ("error", "first", "last")
_PATCH = "patch/"
_MERGE_SHARE = 2048


class IdTable(StoredTable, IdTableReader):
    """An immutable table from keys to rows.

    Made by `build`, `valkyrie.load` or `from_columns`. `replace` and `without` give changed tables that share its arrays. Safe to
    share between threads and across a fork.

    Attributes
    ----------
    lines : ndarray of ID_LINE, B16_LINE, ID_SLOT or ROW_SLOT
        The table itself, read-only; every key and row can be read from it (and `arena`) with numpy alone, but for changes that
        are pending: those are arrays of their own, under ``patch/`` in `to_columns`.
    pilots : ndarray of uint8
        One a bucket.
    arena : ndarray of uint8
        Records of the texts of a "bytes" table, else empty.
    fallback : ndarray of FALLBACK
        Keys that no line could take, sorted by hash.
    seed : int
        Of the hash in use.
    """

    content = "id_table"
    section_kind = "index"

    lines: AnyArray
    pilots: UInt8Array
    arena: UInt8Array
    fallback: AnyArray
    _parts: IdTableParts
    _patch: Patch | None
    _base: IdTableReader | None

    def __new__(cls, parts: IdTableParts, patch: Patch | None = None, base: IdTableReader | None = None) -> Self:
        """Take the arrays of a table, changes that wait beside it, and the reader without them; use `build` or `from_columns`."""
        check_cpu_level()
        arguments = parts.reader_arguments()
        if patch is not None:
            arguments |= patch.reader_arguments() | {"entries": parts.entries + patch.grown_by}
        try:
            self: Self = super().__new__(cls, **arguments)
            # Without changes the table itself, which must not hold itself: it would stay in memory until cycles are looked for.
            self._base = None if patch is None else IdTableReader(**parts.reader_arguments()) if base is None else base
        except ValueError as error:
            raise SnapshotFormatError(
                f"the arrays of the id table do not fit its numbers: {error}", hint="Build or save the table again"
            ) from error
        self._parts, self._patch = parts, patch
        self.lines, self.pilots, self.arena, self.fallback = parts.lines, parts.pilots, parts.arena, parts.fallback
        return self

    @classmethod
    def build(
        cls,
        keys: Any,
        rows: Any = None,
        *,
        kind: Kind | None = None,
        on_duplicate: OnDuplicate = "error",
        seed: int | None = None,
        threads: int | None = 1,
    ) -> Self:
        """Build a table.

        Parameters
        ----------
        keys : array-like, length n
            Integers, 128-bit ids, or text and bytes, in any container; none null.
        rows : array-like of int, length n, optional
            Row of each key, from 0 to 2**31 - 1; several keys may share one. By default the position of the key.
        kind : {"int", "b16", "bytes"}, optional
            By default what the container holds; "b16" reads 16-byte strings as 128-bit ids.
        on_duplicate : {"error", "first", "last"}
            Which of equal keys counts.
        seed : int, optional
            Seed of the hash, from 0 to 2**64 - 1; by default random, so that nobody can choose keys that collide. The same
            seed, keys and rows give the same table, byte for byte.
        threads : int or None
            How many threads build; None is all.

        Raises
        ------
        DuplicateKeyError, KeyTypeError, CapacityError, ArgumentError

        Notes
        -----
        Buckets take their pilots largest first, as in CHD (Belazzougui, Botelho, Dietzfelbinger 2009). Expected time O(n).
        """
        return cls.build_column(key_column(keys, kind=kind), rows, on_duplicate=on_duplicate, seed=seed, threads=threads)

    @classmethod
    def build_column(
        cls,
        column: KeyColumn,
        rows: Any = None,
        *,
        on_duplicate: OnDuplicate = "error",
        seed: int | None = None,
        threads: int | None = 1,
    ) -> Self:
        """Build a table from a column of keys that was read already; otherwise as `build`."""
        if on_duplicate not in _POLICIES:
            raise _unknown_policy(on_duplicate)
        every = checked_rows(rows, column.n)
        return cls(build_parts(column, every, on_duplicate=on_duplicate, seed=seed, threads=thread_count(threads)))

    @property
    def kind(self) -> Kind:
        """What the keys are: "int", "b16" or "bytes"."""
        return cast(Kind, self._parts.kind)

    @property
    def is_signed(self) -> bool:
        """Whether an "int" table holds signed integers."""
        return bool(self._parts.is_signed)

    @property
    def layout(self) -> str:
        """How the table lies in memory: "direct", "flat" or "lines"."""
        return str(self._parts.layout)

    @property
    def nbytes(self) -> int:
        """Bytes of all arrays."""
        return sum(int(array.nbytes) for array in self.arrays())

    def arrays(self) -> tuple[AnyArray, ...]:
        """All arrays, as they lie in memory; tables that were made from one another by changes share most of them."""
        own = self.lines, self.pilots, self.arena, self.fallback
        return own if self._patch is None else (*own, *self._patch.arrays())

    @property
    def pending(self) -> int:
        """How many changed keys wait beside the arrays of the table: see `replace`."""
        return 0 if self._patch is None else self._patch.keys.n

    @property
    def stats(self) -> IdTableStats:
        """How full, how large, how hashed; computed when asked."""
        return id_table_stats(self._parts, len(self), self.nbytes, self.pending)

    def keys(self) -> AnyArray:
        """All keys by row, then key: int64, uint64, V16, or object (str, or bytes where not UTF-8), shape (n,)."""
        return in_order(*all_keys(self._parts, self._patch))[0]

    def rows(self) -> Int32Array:
        """The rows of `keys()`, in its order: int32, shape (n,)."""
        return in_order(*all_keys(self._parts, self._patch))[1]

    def __iter__(self) -> Iterator[Any]:
        """Keys by row, then key, as Python values."""
        return iter(self.keys().tolist())

    def replace(
        self, keys: Any, rows: Any, *, on_duplicate: OnDuplicate = "error", threads: int | None = 1
    ) -> Self:
        """A table in which keys have these rows, whether or not they were in it; all others stay as they are.

        Parameters
        ----------
        keys : array-like, length m
            Of the table's kind, in any container, none null.
        rows : array-like of int, length m
            From 0 to 2**31 - 1.
        on_duplicate : {"error", "first", "last"}
            Which of equal keys counts.
        threads : int or None
            How many threads build, if the table is built again.

        Raises
        ------
        DuplicateKeyError, KeyTypeError, CapacityError, ArgumentError

        Notes
        -----
        Up to a sixteenth of the keys (and always 65,536) may be *pending*: they wait in a small table beside the big one, which
        is shared, so the change costs what waits and not what is there, and lookups ask both. Beyond, and for tables of up to
        16,384 keys always, the table is built again. Either answers as `build` from all keys would.
        """
        if on_duplicate not in _POLICIES:
            raise _unknown_policy(on_duplicate)
        column = key_column(keys, kind=self.kind)
        every = checked_rows(rows, column.n)
        if every is None:
            raise ArgumentError("rows: one row a key is needed, got None", hint="without() removes keys")
        changed = edit_keys(column, self.kind, is_signed=self.is_signed)
        return self._edited(changed, every, on_duplicate, thread_count(threads))

    def without(self, keys: Any, *, errors: Literal["raise", "ignore"] = "raise", threads: int | None = 1) -> Self:
        """A table in which keys are not; all others stay as they are. See `replace` for the cost.

        Parameters
        ----------
        keys : array-like, length m
            In any container, none null; it does not matter if one stands there twice.
        errors : {"raise", "ignore"}
            Whether a key that is not in the table is an error.
        threads : int or None
            How many threads build, if the table is built again.

        Raises
        ------
        KeyNotFoundError, KeyTypeError, ArgumentError
        """
        if errors not in ("raise", "ignore"):
            raise ArgumentError(f'errors must be "raise" or "ignore"; got {errors!r}', hint='Use "raise", the default')
        gone = edit_keys(key_column(keys, kind=self.kind), self.kind, is_signed=self.is_signed)
        known = found_rows(self, gone) >= 0
        if not known.all():
            if errors == "raise":
                raise_unknown(gone, known)
            gone = gone.take(np.flatnonzero(known))
        return self._edited(gone, np.full(gone.n, -1, np.int32), "first", thread_count(threads))

    def emptied(self) -> Self:
        """A table of the same kind without keys."""
        if self.kind != "int":
            return type(self).build([], kind=self.kind)
        return type(self).build(np.empty(0, np.int64 if self.is_signed else np.uint64))

    def merged(self, *, threads: int | None = 1) -> Self:
        """The same keys and rows with nothing pending: built again, unless there is nothing to do."""
        if self._patch is None:
            return self
        parts = rebuilt(self._parts, self._patch, threads=thread_count(threads))
        carry_sum(self._parts, self._patch, parts)
        return type(self)(parts)

    @property
    def merge_due(self) -> bool:
        """Whether so much is pending that lookups feel it: more than one key in 2,048."""
        return self.pending * _MERGE_SHARE > len(self)

    def changes_since(self, other: IdTable, differ: Differ | None = None) -> KeyChanges:
        """What became of the keys of another table in this one: which are not in it, lead to other rows, or are new.

        Keys of another kind are other keys; integers count by value. Where both tables are edits of the same one, only what is
        pending is compared; but all keys are if `differ` says which lead elsewhere.
        """
        return id_table_changes(other._contents(), self._contents(), differ)

    def rebased(self, before: Any, merged: Any) -> Self | None:
        """`merged` with what differs between `before` and this table; None unless the two lie over the same arrays.

        All tables do that were edited from one another without a new build, and every key that changed is in their patches: it
        costs what waits. See `StoredTable.rebased`.
        """
        if self is before:
            return cast(Self, merged)
        if not (isinstance(before, IdTable) and isinstance(merged, IdTable) and self._parts is before._parts):
            return None
        table = cast(Self, merged)
        for patch in (before._patch, self._patch):
            if patch is not None:
                rows = found_rows(self, patch.keys)
                differ = np.flatnonzero(rows != found_rows(table, patch.keys))
                table = table._edited(patch.keys.take(differ), rows[differ], "error", 1)
        return table

    def _contents(self) -> TableContents:
        return TableContents(self, self._parts, self._patch)

    def content_sum(self) -> ContentSum:
        """Two numbers that are equal for tables of equal keys and rows, however they were built or edited.

        Computed when first asked for, about 10 ns a key; then an edit costs what it changes.
        """
        return id_table_sum(self._parts, self._patch)

    def _edited(self, keys: BuildKeys, rows: Int32Array, on_duplicate: OnDuplicate, threads: int) -> Self:
        if keys.n == 0:
            return self
        parts, patch = edited(
            self._unchanged, self._parts, self._patch, keys, rows, on_duplicate=on_duplicate, threads=threads
        )
        return type(self)(parts, patch, self._unchanged if parts is self._parts else None)

    @property
    def _unchanged(self) -> IdTableReader:
        """The reader without the changes that are pending."""
        return self if self._base is None else self._base

    def contains_many(self, keys: Any, *, threads: int | None = 1) -> BoolArray:
        """Which keys are in the table: ndarray of bool, shape (n,). Arguments and errors as `get_many`."""
        found: BoolArray = self.get_many(keys, threads=threads) >= 0
        return found

    def get_column(self, column: KeyColumn, *, missing: int = -1, out: Int32Array | None = None, threads: int = 1) -> Int32Array:
        """The rows of a column of keys that was read already; otherwise as `get_many`."""
        threads = thread_count(threads)
        if out is not None:
            check_out(out, column.n, *_arrays(column))
        rows = np.empty(column.n, np.int32) if out is None else out
        try:
            self._find(column, rows, missing, threads)
        except KeyTypeError:
            mended = encodable(column)  # a text without a UTF-8 form is in no table, so it is a miss
            if mended is None:
                raise
            self._find(mended, rows, missing, threads)
        return rows

    def locate(self, keys: Any, *, errors: Errors = "coerce", threads: int = 1) -> Located:
        """The rows of keys, -1 where there is none, and the container that results go back into; errors as `get_many`.

        No key is malformed here, whatever `errors` says of such.
        """
        check_errors(errors)
        column = self._query_column(keys)
        return Located(self.get_column(column, threads=threads), column.box)

    def _find(self, column: KeyColumn, rows: Int32Array, missing: int, threads: int) -> None:
        if column.untyped:
            rows[:] = missing
        elif column.codes is not None:
            some = np.empty(len(column.values) if column.offsets is None else len(column.offsets) - 1, np.int32)
            self._probe(column, some, missing, threads)
            # A null has code -1 and no place in the dictionary; an empty dictionary has no place at all.
            np.take(np.append(some, np.int32(missing)), column.codes, out=rows, mode="wrap")
        else:
            self._probe(column, rows, missing, threads)
        if column.nulls is not None:
            rows[column.nulls] = missing

    def to_columns(self) -> dict[str, AnyArray]:
        """The arrays of the table by name, for storing: ``header`` (its numbers) and all that is not empty."""
        columns: dict[str, AnyArray] = self._parts.to_columns()
        if self._patch is not None:
            columns |= {f"{_PATCH}{name}": values for name, values in self._patch.to_columns().items()}
        return columns

    @classmethod
    def from_columns(cls, columns: Mapping[str, AnyArray]) -> Self:
        """Take the arrays that `to_columns` gave, borrowed and not copied: they must not change.

        Raises
        ------
        SnapshotFormatError
            They are no table. What lookups read is checked to lie inside the arrays, not to make sense.
        """
        changes = {name.removeprefix(_PATCH): array for name, array in columns.items() if name.startswith(_PATCH)}
        parts = IdTableParts.from_columns(columns)
        if not changes:
            return cls(parts)
        return cls(parts, Patch.from_columns(changes, parts))

    def check(self, *, sample: int | None = None) -> None:
        """Check that the table makes sense: that every key lies where a lookup looks for it, that a miss is answered as one.

        Parameters
        ----------
        sample : int, optional
            Look at so many lines only, spread evenly; by default at all.

        Raises
        ------
        SnapshotFormatError
            It does not. Tables that `build` made always do; files may hold anything behind right checksums.
        """
        check_structure(self._parts, sample)
        if self._patch is not None:
            check_structure(self._patch.parts, sample)
            if (found_rows(self._unchanged, self._patch.keys) != self._patch.old).any():
                raise SnapshotFormatError(
                    "the id table makes no sense: a change is not one of this table", hint="Build and save it again"
                )

    def __repr__(self) -> str:
        pending = f", {self.pending:,} pending" if self.pending else ""
        return f"IdTable({len(self):,} keys of kind {self.kind!r}, {self.layout}, {self.nbytes:,} bytes{pending})"

    def _repr_html_(self) -> str:
        return f"<b>IdTable</b>{self.stats._repr_html_()}"

    def _scalar_key(self, key: Any) -> int | bytes | None:
        return scalar_key(key, self.kind)

    def _get_many(self, keys: Any, missing: Any, out: Any, threads: Any) -> Int32Array:
        workers = thread_count(threads)
        missing = checked_missing(missing)
        if out is None and self.kind == "bytes" and _holds_objects(keys):
            rows = self._object_rows(keys, missing)
            if rows is not None:
                return rows
        column = self._query_column(keys)
        if out is not None:
            check_out(out, column.n, keys, *_arrays(column))
        return self.get_column(column, missing=missing, out=out, threads=workers)

    def _query_column(self, keys: Any) -> KeyColumn:
        """Read keys to look up: integers that the table cannot hold are misses."""
        return key_column(keys, kind=self.kind, lookup="signed" if self.is_signed else "unsigned")

    def _object_rows(self, keys: Any, missing: int) -> Int32Array | None:
        """Look up Python texts where they lie; None if an item needs a closer look (another kind of null, or a wrong type)."""
        if _FREE_THREADED:
            keys = tuple(keys)  # nobody can free a text of ours while it is being read
        out = np.empty(len(keys), np.int32)
        for start in range(0, len(out), _CHUNK):
            piece = out[start : start + _CHUNK]
            if len(keys) < start + len(piece):
                raise ArgumentError("keys: another thread made the list shorter during the call", hint="Give a copy of it")
            if self._probe_objects(keys, start, missing, piece) >= 0:
                return None
        return out

    def _probe(self, column: KeyColumn, out: Int32Array, missing: int, threads: int) -> None:
        """Look up the values of a column, in pieces, on threads."""
        if column.kind != self.kind:
            raise KeyTypeError(
                f"keys: the table holds keys of kind {self.kind!r}, got kind {column.kind!r}",
                hint="Convert them first: a table holds keys of one kind",
            )
        values = column.values

        def ints(start: int, stop: int) -> None:
            self._probe_ints(values[start:stop], missing, out[start:stop])

        def b16(start: int, stop: int) -> None:
            self._probe_b16(as_bytes(values[start:stop]), missing, out[start:stop])

        def texts(start: int, stop: int) -> None:
            scratch = np.empty(scratch_bytes(column, min(PIECE, stop - start)), np.uint8)
            for at in range(start, stop, PIECE):
                end = min(stop, at + PIECE)
                piece = text_piece(column, at, end, scratch=scratch)
                self._probe_texts(piece.address, piece.length, missing, out[at:end])

        probe = {"int": ints, "b16": b16, "bytes": texts}[self.kind]
        share = -(-len(out) // threads)
        run(probe, len(out), threads=threads, chunk=min(_CHUNK, max(PIECE, share)))


def _unknown_policy(on_duplicate: Any) -> ArgumentError:
    return ArgumentError(
        f'on_duplicate must be "error", "first" or "last"; got {on_duplicate!r}', hint='Use "error", the default'
    )


def _holds_objects(keys: Any) -> bool:
    if type(keys) is list or type(keys) is tuple:
        return True
    return type(keys) is np.ndarray and keys.dtype == object and keys.ndim == 1 and keys.flags.carray


def _arrays(column: KeyColumn) -> tuple[AnyArray | None, ...]:
    """What a lookup of the column reads."""
    return column.values, column.offsets, column.codes, column.nulls
