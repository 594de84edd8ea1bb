"""RouteTable: an index and the payload behind it; routes a column of keys to columns of payload, in the container of the keys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Self

import numpy as np

from valkyrie import records
from valkyrie.arrays import apply_fill, fill_of, key_column, python_value, read_frame, require_column
from valkyrie.errors import ArgumentError, SnapshotFormatError
from valkyrie.parallel import thread_count
from valkyrie.tables.content_sum import ContentSum
from valkyrie.tables.id_table import IdTable
from valkyrie.tables.located import checked_rows
from valkyrie.tables.payload import PayloadColumn, payload_columns, payload_digest
from valkyrie.tables.prefix_table import PrefixTable
from valkyrie.tables.record_comparison import RecordComparison
from valkyrie.tables.stored_table import StoredTable
from valkyrie.typing import AnyArray, BoolArray, Errors, Int32Array, Kind, OnDuplicate, PrefixKind

__all__ = ["PREFIX_KINDS", "RouteTable", "edit_lengths"]

PREFIX_KINDS: dict[str | None, PrefixKind] = {
    "prefix": "bytes",
    "path": "path",
    "digits": "digits",
    "suffix": "suffix",
    "ip": "ip",
    "bits": "bits",
}
"""Kinds of prefixes by the name they have here, where "bytes" are keys that are looked up whole."""

_AGAIN = "Build the table again, or give the arrays as to_columns() gave them"


class RouteTable(StoredTable):
    """An immutable table from keys to records of payload.

    Made by `build` or `valkyrie.load`. Safe to share between threads and across a fork.
    """

    content = "route_table"
    section_kind = "table"

    __slots__ = ("_index", "_key_name", "_payload", "_payload_digest")

    def __init__(self, index: IdTable | PrefixTable, payload: Mapping[str, PayloadColumn], key_name: str) -> None:
        """Put an index and payload together; use `build`."""
        self._index = index
        self._key_name = key_name
        self._payload = dict(payload)
        self._payload_digest: bytes | None = None

    @classmethod
    def build(
        cls,
        frame_or_columns: Any,
        key: str = "id",
        *,
        kind: Kind | PrefixKind | Literal["prefix"] | None = None,
        lengths: Any = None,
        strict: bool = True,
        wildcards: bool = False,
        on_duplicate: OnDuplicate = "error",
        seed: int | None = None,
        threads: int | None = 1,
    ) -> Self:
        """Build a table from a frame.

        Parameters
        ----------
        frame_or_columns : dict of arrays, structured array, pandas or polars DataFrame, pyarrow Table, or Columns
            The key column, and the payload: numbers, booleans, dates, fixed-width items, text; nulls are kept. It is copied.
        key : str
            Name of the key column.
        kind : str, optional
            "int", "b16" or "bytes": keys are looked up whole, as in an `IdTable`; by default what the column holds. "ip",
            "digits", "bits", "path", "suffix" or "prefix" (text, byte by byte): the key column holds prefixes, and a query is
            routed by the longest that it begins with, as in a `PrefixTable`.
        lengths : str or array-like of int or int, optional
            With prefixes that need them, how many leading bits count; a str names a column of the frame, then no payload.
        strict, wildcards : bool
            With prefixes, as for `PrefixTable.build`.
        on_duplicate, seed, threads
            As for `IdTable.build`; a table of prefixes has no seed and is built on one thread.

        Raises
        ------
        UnknownColumnError, DuplicateKeyError, KeyTypeError, ArgumentError, CapacityError
        """
        frame = read_frame(frame_or_columns)
        for name in frame.names:
            _check_name(name)
        raw_keys, own = frame.column(key), {key}
        index: IdTable | PrefixTable
        if isinstance(kind, str) and kind in PREFIX_KINDS:
            if isinstance(lengths, str):
                own.add(lengths)
                lengths = frame.column(lengths)
            index, n = PrefixTable.build_counted(
                raw_keys,
                kind=PREFIX_KINDS[kind],
                lengths=lengths,
                strict=strict,
                wildcards=wildcards,
                on_duplicate=on_duplicate,
            )
        else:
            if lengths is not None or wildcards:
                raise ArgumentError(
                    f"{'wildcards' if wildcards else 'lengths'}: keys of kind {kind!r} are looked up whole",
                    hint='Leave it out, or name a kind of prefixes, such as kind="ip"',
                )
            _check_kind(kind)
            keys = key_column(raw_keys, kind=kind, argument=key)
            index, n = IdTable.build_column(keys, on_duplicate=on_duplicate, seed=seed, threads=threads), keys.n
        others = [(name, raw) for name, raw in zip(frame.names, frame.columns, strict=True) if name not in own]
        return cls(index, payload_columns([name for name, _ in others], [raw for _, raw in others], n), key)

    @property
    def index(self) -> IdTable | PrefixTable:
        """From key to row of the payload."""
        return self._index

    @property
    def key_name(self) -> str:
        """Name of the key column the table was built from."""
        return self._key_name

    @property
    def column_names(self) -> list[str]:
        """Names of the payload columns."""
        return list(self._payload)

    @property
    def nbytes(self) -> int:
        """Bytes of the index and the payload."""
        return self.index.nbytes + sum(column.nbytes for column in self._payload.values())

    def __len__(self) -> int:
        return len(self.index)

    def route_many(
        self,
        keys: Any,
        columns: str | Sequence[str] | None = None,
        *,
        missing: Any = None,
        errors: Errors = "coerce",
        threads: int | None = 1,
    ) -> Any:
        """Route a column of keys.

        Parameters
        ----------
        keys : array-like, length n
            Of the table's kind, in any container.
        columns : str, sequence of str, or None
            One column by name gives one container like that of `keys`; several, or None for all, give a table of the same
            library, and a structured array for numpy and lists, which cannot hold nulls: see `missing`.
        missing : scalar or dict of them by column, optional
            What stands where a key is null or not in the table (an integer beyond its range, for one), or the payload is
            null. By default null. numpy arrays, and the structured array that several columns give for a list, have no
            nulls, so there it is NaN, NaT, -1, the maximum of unsigned integers, False, or empty text (None where text was
            not of fixed width). A list asked for one column holds None.
        errors : {"coerce", "raise"}
            Whether a malformed address or number is missing, or an error that names the first.
        threads : int or None

        Returns
        -------
        container of length n
            In the order of the keys; a pandas Series keeps index and name.

        Raises
        ------
        UnknownColumnError, KeyTypeError, ArgumentError
        """
        single = isinstance(columns, str)
        try:
            names = [columns] if isinstance(columns, str) else list(self._payload if columns is None else columns)
        except TypeError:
            raise ArgumentError(
                f"columns: names of columns are needed, got {columns!r}",
                hint=f"The columns are {', '.join(map(repr, self.column_names))}",
                argument="columns",
            ) from None
        for name in names:
            require_column(self.column_names, name)
        if not names:
            raise ArgumentError("columns: there is no column to give", hint="Name some, or use index.get_many for rows")
        if len(set(names)) < len(names):
            raise ArgumentError(f"columns: a name stands twice in {names}", hint="Ask for each column once")
        fills = fill_of(names, missing if isinstance(missing, Mapping) else dict.fromkeys(names, missing))
        workers = thread_count(threads)
        rows, box = self.index.locate(keys, errors=errors, threads=workers)
        taken = {name: self._payload[name].take(rows, workers) for name in names}
        if single:
            answer, fill = taken[names[0]], fills.get(names[0])
            # filled here, since only here the name is known: the box leaves a column that of the keys
            return box.column(*(answer if fill is None else apply_fill(*answer, names[0], fill)))
        return box.table(taken, fills)

    def route(self, key: Any, default: Any = None) -> Any:
        """The record of one key, or `default`.

        Returns
        -------
        dict
            From column name to Python value, None where the payload is null: datetime, date or timedelta for times (numpy's
            own scalar for one that Python cannot hold, such as nanoseconds), bytes for UUIDs and other fixed-width items.

        Raises
        ------
        KeyTypeError
        """
        row = self.index.lookup(key) if isinstance(self.index, PrefixTable) else self.index.get(key)
        return default if row is None else self.record(row)

    def record(self, row: int) -> dict[str, Any]:
        """The record of one row of the payload; values as `route` gives them, all None for a row that the payload has not."""
        return self.record_many([row])[0]

    def record_many(self, rows: Any, columns: Sequence[str] | None = None) -> list[dict[str, Any]]:
        """The records of rows of the payload, each as `record` gives it.

        Parameters
        ----------
        rows : array-like of int, length n
            All values are None for a row that the payload has not.
        columns : sequence of str, optional
            Names of columns; by default all.

        Returns
        -------
        list of dict, length n

        Raises
        ------
        UnknownColumnError

        Notes
        -----
        Each column is gathered once for all rows. Any thread may call.
        """
        names = self.column_names if columns is None else list(columns)
        for name in names:
            require_column(self.column_names, name)
        at = np.asarray(rows, np.int32)
        values = [_python_values(*self._payload[name].take(at, 1)) for name in names]
        return [dict(zip(names, record, strict=True)) for record in zip(*values, strict=True)] if names else [{} for _ in at]

    def replace(
        self, keys: Any, rows: Any, *, lengths: Any = None, on_duplicate: OnDuplicate = "error", threads: int | None = 1
    ) -> Self:
        """A table in which keys lead to these rows of its payload, which is shared; see `IdTable.replace`.

        Parameters
        ----------
        keys : array-like, length m
            Of the table's kind, in any container, none null.
        rows : array-like of int, length m
            Rows that the payload has.
        lengths : array-like of int, optional
            Of prefixes that need them.
        on_duplicate : {"error", "first", "last"}
        threads : int or None

        Raises
        ------
        DuplicateKeyError, KeyTypeError, CapacityError, ArgumentError
        """
        self.check_rows(rows)
        more = edit_lengths(self, lengths)
        return self._with_index(self.index.replace(keys, rows, on_duplicate=on_duplicate, threads=threads, **more))

    def check_rows(self, rows: Any) -> None:
        """Check that they are rows, and that the payload has them all.

        Raises
        ------
        ArgumentError
        """
        m = next((len(column) for column in self._payload.values()), None)
        if m is None or not hasattr(rows, "__len__"):
            return
        read = checked_rows(rows, len(rows))
        highest = -1 if read is None else int(np.max(read, initial=-1))
        if highest >= m:
            raise ArgumentError(f"rows: {highest} is no row of the payload, which has {m}", hint="Name a row that is there")

    def without(
        self,
        keys: Any,
        *,
        lengths: Any = None,
        errors: Literal["raise", "ignore"] = "raise",
        threads: int | None = 1,
    ) -> Self:
        """A table in which keys are not; the payload is shared, and keeps their rows. See `IdTable.without`."""
        return self._with_index(self.index.without(keys, errors=errors, threads=threads, **edit_lengths(self, lengths)))

    @property
    def pending(self) -> int:
        """How many changed keys wait beside the arrays of the index."""
        return self.index.pending

    @property
    def merge_due(self) -> bool:
        """Whether so much is pending that lookups feel it."""
        return self.index.merge_due

    def merged(self, *, threads: int | None = 1) -> Self:
        """The same keys and rows with nothing pending."""
        return self._with_index(self.index.merged(threads=threads))

    def rebased(self, before: Any, merged: Any) -> Self | None:
        """The content of this table over the arrays of another: see `IdTable.rebased`."""
        if not isinstance(before, RouteTable) or not isinstance(merged, RouteTable):
            return None
        index = self.index.rebased(before.index, merged.index)
        return None if index is None else self._with_index(index)

    def _with_index(self, index: IdTable | PrefixTable) -> Self:
        if index is self.index:
            return self
        table = type(self)(index, self._payload, self.key_name)
        table._payload_digest = self._payload_digest
        return table

    def arrays(self) -> tuple[AnyArray, ...]:
        """All arrays of index and payload, as they lie in memory."""
        payload = (array for name, column in self._payload.items() for array in column.to_columns(name).values())
        return (*self.index.arrays(), *payload)

    def content_sum(self) -> ContentSum:
        """The content sum of the index: see `IdTable.content_sum`."""
        return self.index.content_sum()

    def differ_from(self, rows: Int32Array, other: RouteTable, other_rows: Int32Array, *, threads: int = 1) -> BoolArray:
        """Which rows hold other records than rows of another table: see `RecordComparison.differ`; bool, shape (n,)."""
        return RecordComparison(self._payload, other._payload, threads).differ(rows, other_rows)

    def payload_digest(self) -> bytes:
        """XXH3-128 of names, types and values of the payload, in order: 16 bytes. Computed when first asked for."""
        if self._payload_digest is None:
            self._payload_digest = payload_digest(self._payload)
        return self._payload_digest

    def to_columns(self) -> dict[str, AnyArray]:
        """The arrays of the table by name, for storing: ``index/...``, ``payload/...`` and the name of the key column."""
        columns = {f"index/{name}": values for name, values in self.index.to_columns().items()}
        for name, column in self._payload.items():
            columns |= {f"payload/{part}": values for part, values in column.to_columns(name).items()}
        columns["key"] = np.frombuffer(self.key_name.encode(), np.uint8)
        return columns

    @classmethod
    def from_columns(cls, columns: Mapping[str, AnyArray]) -> Self:
        """Take the arrays of a file, by section name, borrowed and not copied.

        Raises
        ------
        SnapshotFormatError
            They are no route table.
        """
        index, payload = _below(columns, "index/"), _below(columns, "payload/")
        names = [name.removesuffix("/values") for name in payload if name.endswith("/values")]
        table = cls(
            PrefixTable.from_columns(index) if _of_prefixes(index) else IdTable.from_columns(index),
            {name: PayloadColumn.from_columns(name, payload) for name in names},
            _text(columns.get("key")),
        )
        lengths = {len(column) for column in table._payload.values()}
        if len(lengths) > 1:
            raise SnapshotFormatError(f"the payload columns have different lengths: {sorted(lengths)}", hint=_AGAIN)
        return table

    def __repr__(self) -> str:
        columns = ", ".join(f"{name} {column.dtype_name}" for name, column in self._payload.items())
        return f"RouteTable({len(self):,} keys {self.key_name!r} of kind {self.index.kind!r} -> {columns or 'no payload'})"

    def _repr_html_(self) -> str:
        import html

        rows = "".join(
            f"<tr><td>{html.escape(name)}</td><td>{html.escape(column.dtype_name)}</td><td>{column.nbytes:,}</td></tr>"
            for name, column in self._payload.items()
        )
        head = "<tr><th>column</th><th>type</th><th>bytes</th></tr>"
        key = f"{len(self):,} keys <i>{html.escape(self.key_name)}</i> of kind {self.index.kind}"
        return f"<b>RouteTable</b>, {key}<table>{head}{rows}</table>"


def _check_kind(kind: Any) -> None:
    if kind is not None and kind not in records.KINDS:
        listed = ", ".join(map(repr, (*records.KINDS, *PREFIX_KINDS)))
        raise ArgumentError(f"kind: {kind!r} is not a kind of keys or prefixes", hint=f"Use one of {listed}", argument="kind")


def edit_lengths(table: IdTable | PrefixTable | RouteTable, lengths: Any) -> dict[str, Any]:
    """Lengths of prefixes as an edit of a table takes them, by argument.

    Raises
    ------
    ArgumentError
        The keys of the table have none.
    """
    if lengths is None:
        return {}
    if isinstance(table.index if isinstance(table, RouteTable) else table, IdTable):
        raise ArgumentError("lengths: the keys of this table are looked up whole", hint="Leave it out")
    return {"lengths": lengths}


def _check_name(name: str) -> None:
    try:
        name.encode()
    except UnicodeEncodeError:
        raise ArgumentError(
            f"frame: the name of column {name!r} holds a lone surrogate, so no file can hold it",
            hint="Rename the column",
            argument="frame",
            column=name,
        ) from None


def _below(columns: Mapping[str, AnyArray], prefix: str) -> dict[str, AnyArray]:
    return {name.removeprefix(prefix): values for name, values in columns.items() if name.startswith(prefix)}


def _python_values(values: Any, missing: Any) -> list[Any]:
    items = values.to_objects() if hasattr(values, "to_objects") else values
    absent = [False] * len(items) if missing is None else missing.tolist()
    return [None if nothing else python_value(item) for item, nothing in zip(items, absent, strict=True)]


def _text(raw: AnyArray | None) -> str:
    try:
        return "id" if raw is None else raw.tobytes().decode()
    except UnicodeDecodeError as error:
        raise SnapshotFormatError("the name of the key column is not UTF-8", hint=_AGAIN) from error


def _of_prefixes(index: Mapping[str, AnyArray]) -> bool:
    header = index.get("header")
    return isinstance(header, np.ndarray) and header.dtype == records.PREFIX_TABLE_HEADER
