"""The two sides of a routed batch: its column of keys, and the columns a table appends."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from valkyrie.errors import ArgumentError, SourceError
from valkyrie.interop.file_errors import require_pyarrow
from valkyrie.interop.key_text import KeyText, is_text
from valkyrie.interop.ndjson import JsonKeys
from valkyrie.parallel import thread_count
from valkyrie.tables import IdTable, PrefixTable, RouteTable
from valkyrie.typing import Errors

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["FileKeys", "RoutedColumns"]

ROW = "row"
"""The column that a table without payload appends."""

Index: TypeAlias = IdTable | PrefixTable


@dataclass(slots=True)
class FileKeys:
    """The keys of a source: how they are read for one table, and how they are written back.

    Text that was read from CSV is written to CSV as it was; to a typed format integers are written as integers.
    """

    name: str
    text: KeyText
    keep_text: bool
    parsed: bool = field(default=False)
    mistyped: bool = field(default=False)

    @classmethod
    def of(cls, index: Index, path: str, name: str, errors: Errors, *, keep_text: bool) -> FileKeys:
        """Keys of the column `name` of `path` for the table `index`."""
        if errors not in ("raise", "coerce"):
            raise ArgumentError(
                f"errors must be 'raise' or 'coerce', got {errors!r}",
                hint="'raise' stops at a text that is no key, 'coerce' counts it as missing",
                argument="errors",
            )
        return cls(name, KeyText(_written_kind(index), _unsigned(index), errors, path, name), keep_text)

    @property
    def json(self) -> JsonKeys:
        """What is said of the column in JSON, where every number would otherwise be int64 or a float."""
        kind = self.text.type if self.text.kind == "int" else require_pyarrow().string()
        return JsonKeys(self.name, kind, self.text.is_json_key, self.text.errors == "coerce")

    def settle(self, schema: pa.Schema, index: Index, *, delimited: bool, lone: bool) -> pa.Schema:
        """Decide whether text is parsed, and return the schema of the columns as they are written.

        Parameters
        ----------
        delimited : bool
            The source is CSV or TSV.
        lone : bool
            The name was read from a first line that holds nothing else: a list of keys without a header looks the same.

        Raises
        ------
        SourceError
            The name of the only column of a CSV is itself a key: the file has no header.
        """
        kind = schema.field(self.name).type
        self.parsed = is_text(kind) and (delimited or self.text.kind == "b16")
        self.mistyped = is_text(kind) and not delimited and self.text.kind == "int"
        if delimited and lone and _is_key(self.name, index):
            raise SourceError(
                f"{self.text.path}: its first line, {self.name!r}, is a key and not the name of a column",
                hint="Say that the file has no header (header=False, --no-header), or name the column (key=, --key)",
                path=self.text.path,
            )
        if not self._written_typed:
            return schema
        position = schema.get_field_index(self.name)
        return schema.set(position, schema.field(position).with_type(self.text.type))

    @property
    def _written_typed(self) -> bool:
        return self.parsed and self.text.kind == "int" and not self.keep_text

    def split(self, batch: pa.RecordBatch, first_row: int) -> tuple[pa.Array, list[pa.Array]]:
        """Keys of a batch, and its columns as they are written."""
        columns = list(batch.columns)
        position = batch.schema.get_field_index(self.name)
        written = columns[position]
        if self.mistyped:
            return self.text.keys_of_wrong_type(written, first_row), columns
        if require_pyarrow().types.is_decimal(written.type) and self.text.kind == "int" and written.type.scale == 0:
            # Integers of JSON beyond 64 bits: no keys, and left as they are.
            return self.text.keys(written.cast(require_pyarrow().string()), first_row), columns
        if not self.parsed:
            return written, columns
        keys = self.text.keys(written, first_row)
        if self._written_typed:
            if self.text.errors == "raise" and keys.null_count > written.null_count:
                lost = int(np.argmax(np.asarray(keys.is_null()) & np.asarray(written.is_valid())))
                raise SourceError(
                    f"{self.text.path}: row {first_row + lost + 1} of column {self.name!r} is "
                    f"{written[lost].as_py()!r}, beyond the {self.text.type} of the table's keys",
                    hint='Write CSV to keep the text, or use errors="coerce" (--errors coerce) to write null',
                    row=first_row + lost,
                )
            columns[position] = keys
        return keys, columns


@dataclass(frozen=True, slots=True)
class RoutedColumns:
    """What a table appends to a batch of keys."""

    table: Index | RouteTable
    names: tuple[str, ...]
    threads: int | None
    text: KeyText

    @classmethod
    def of(
        cls, table: Index | RouteTable, columns: str | Sequence[str] | None, threads: int | None, errors: Errors = "coerce"
    ) -> RoutedColumns:
        """All or some of the payload columns of a table; `errors` says what becomes of malformed addresses and numbers.

        Raises
        ------
        ArgumentError, UnknownColumnError
            The table has no payload; no such column.
        """
        index = table.index if isinstance(table, RouteTable) else table
        own = list(table.column_names) if isinstance(table, RouteTable) else []
        if columns is None:
            names = own or [ROW]
        else:
            names = [columns] if isinstance(columns, str) else list(dict.fromkeys(columns))
            if not own and names != [ROW]:
                raise ArgumentError(
                    f"columns={names}: the table has no payload",
                    hint=f"It maps keys to rows: the one column is {ROW!r}",
                )
        return cls(table, tuple(names), threads, KeyText(_written_kind(index), _unsigned(index), errors, "", ""))

    @property
    def index(self) -> Index:
        """The table's keys."""
        return self.table.index if isinstance(self.table, RouteTable) else self.table

    def names_beside(self, names: Sequence[str]) -> dict[str, str]:
        """Routed column to the name it is written under, beside columns `names`."""
        written = {name: f"{name}_routed" if name in names else name for name in self.names}
        taken = [name for name in written.values() if name in names]
        if taken or len(set(written.values())) < len(written):
            raise ArgumentError(
                f"the input has columns {', '.join(map(repr, taken or names))}; the routed ones need these names",
                hint="Rename them, or write only the key and the routed columns (only=True, --only)",
            )
        return written

    def schema_beside(self, schema: pa.Schema, names: dict[str, str]) -> pa.Schema:
        """Schema of a written batch."""
        pa = require_pyarrow()
        values, _ = self.route(pa.array([], self.text.type))
        for name, column in zip(self.names, values, strict=True):
            schema = schema.append(pa.field(names[name], column.type))
        return schema

    def route(self, keys: pa.Array) -> tuple[list[pa.Array], int]:
        """Routed columns of a batch of keys, and how many of the keys the table does not hold."""
        pa = require_pyarrow()
        rows = self.index.locate(keys, errors=self.text.errors, threads=thread_count(self.threads)).rows
        absent = int(np.count_nonzero(rows < 0))
        if not isinstance(self.table, RouteTable) or self.names == (ROW,):
            return [pa.array(rows, mask=rows < 0)], absent
        routed: Any = self.table.route_many(keys, columns=list(self.names), threads=self.threads)
        return [_one_array(routed.column(name)) for name in self.names], absent


def _one_array(column: pa.ChunkedArray) -> pa.Array:
    pa = require_pyarrow()
    if column.num_chunks == 1:
        return column.chunk(0)
    return pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)


def _written_kind(index: Index) -> str:
    """The kind of keys that text in a file is read as: of all prefixes but bits it is searched as it stands."""
    if isinstance(index, PrefixTable):
        return "int" if index.kind == "bits" else "bytes"
    return index.kind


def _unsigned(index: Index) -> bool:
    return index.kind == "bits" if isinstance(index, PrefixTable) else index.kind == "int" and not index.is_signed


def _is_key(text: str, index: Index) -> bool:
    if isinstance(index, PrefixTable):  # of text, any word begins with the empty prefix
        return index.kind in ("ip", "digits") and index.lookup(text) is not None
    if index.kind == "int":
        return text.strip().lstrip("-").isdigit()
    if index.kind == "b16":
        with suppress(ValueError):
            return bool(uuid.UUID(text))
        return False
    return text in index
