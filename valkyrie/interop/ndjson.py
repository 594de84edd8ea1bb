"""Newline-delimited JSON: read in blocks of whole lines, written column by column.

Arrow parses JSON but does not write it. A batch is written by making every column an array of JSON texts and joining
them, so there is no Python object per value except in strings that need escapes and in nested columns.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from valkyrie.errors import SourceError
from valkyrie.interop.byte_input import ByteInput, empty_source
from valkyrie.interop.file_errors import file_errors, require_pyarrow
from valkyrie.interop.ndjson_types import require_exact, stated_schema

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["NdjsonSource", "write_ndjson"]

BLOCK_BYTES = 8 << 20
HINT = "Every line is one JSON object in UTF-8; fields and types are those of the first 8 MiB"
NEEDS_ESCAPE = '[\\x00-\\x1f"\\\\]'


@dataclass(frozen=True, slots=True)
class JsonKeys:
    """What the table says of the field of keys.

    Parameters
    ----------
    name : str
        The field.
    type : pyarrow.DataType
        Integers of the table's width, or text.
    is_key : callable
        ``is_key(value, row)`` for a value that is not null: True if it is of the type; otherwise False, or an error.
    coerce : bool
        Whether a value that is no key counts as missing.
    """

    name: str
    type: pa.DataType
    is_key: Callable[[Any, int], bool]
    coerce: bool


@dataclass(frozen=True, slots=True)
class NdjsonSource:
    """A file of one JSON object per line; `names` are the fields of its first block."""

    path: str
    data: ByteInput
    names: tuple[str, ...]

    @classmethod
    def open(cls, path: str, data: ByteInput) -> NdjsonSource:
        """Read the first block.

        Raises
        ------
        SourceError
            There is nothing in the file, or it is not one object per line.
        """
        block = _next_block(path, data)
        if not block.strip():
            raise empty_source(path)
        try:
            names = _parse(path, block, None).column_names
        except SourceError:
            # Values of several types under one name. If that is the name of the keys, a table knows what to do.
            records = _objects(block)
            if records is None:
                raise
            names = list(dict.fromkeys(name for record in records if record for name in record))
        return cls(path, data, tuple(names))

    def stream(self, keys: JsonKeys, columns: Collection[str] | None) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
        """Schema and batches; the field of keys has the type of the table's where its values fit."""
        pa = require_pyarrow()
        block = _next_block(self.path, self.data)
        try:
            sample = _parse(self.path, block, None)
        except SourceError:
            stated = pa.schema([(keys.name, keys.type)])
            mended = _mended(block, keys, 0)
            if mended is None:
                raise
            block = mended
            sample = _parse(self.path, block, stated)
        if columns is not None:
            sample = sample.select([name for name in sample.column_names if name in columns])
        fields = []
        for field in stated_schema(self.path, block, sample):
            if field.name == keys.name:
                field = field.with_type(_key_type(field.type, keys))
            elif pa.types.is_null(field.type):
                field = field.with_type(pa.string())
            fields.append(field)
        schema = pa.schema(fields)
        return schema, self._batches(schema, keys, "ignore" if columns is not None else "error")

    def table(self, columns: Collection[str] | None, types: dict[str, pa.DataType]) -> pa.Table:
        """The whole file; fields may appear late."""
        block = self.data.read()
        table = _parse(self.path, block, require_pyarrow().schema(list(types.items())) if types else None)
        if columns is not None:
            table = table.select([name for name in table.column_names if name in columns])
        stated = stated_schema(self.path, block, table)
        if stated != table.schema:
            table = _parse(self.path, block, stated, "ignore").select(table.column_names)
        require_exact(self.path, block, table, 0)
        return table

    def _batches(self, schema: pa.Schema, keys: JsonKeys, unexpected: str) -> Iterator[pa.RecordBatch]:
        rows = 0
        while block := self.data.read(len(_next_block(self.path, self.data))):
            if block.strip():
                try:
                    table = _parse(self.path, block, schema, unexpected)
                except SourceError:
                    mended = _mended(block, keys, rows)
                    if mended is None:
                        raise
                    table = _parse(self.path, mended, schema, unexpected)
                table = table.combine_chunks().select(schema.names)
                require_exact(self.path, block, table, rows)
                rows += table.num_rows
                yield from table.to_batches()


def _key_type(found: pa.DataType, keys: JsonKeys) -> pa.DataType:
    """The type of the field of keys: the table's, unless the values in the file have another and may miss."""
    types = require_pyarrow().types
    if types.is_integer(keys.type) and (types.is_uint64(found) or types.is_decimal(found)):
        return found
    return found if keys.coerce and types.is_integer(keys.type) and types.is_string(found) else keys.type


def _mended(block: bytes, keys: JsonKeys, first_row: int) -> bytes | None:
    """The block with null for every value that is no key; None if there is none, or the block is no JSON at all."""
    records = _objects(block)
    if records is None:
        return None
    lines, row, changed = block.split(b"\n"), first_row, False
    for i, record in enumerate(records):
        if record is None:
            continue
        value = record.get(keys.name)
        if value is not None and not keys.is_key(value, row):
            lines[i] = json.dumps(record | {keys.name: None}).encode()
            changed = True
        row += 1
    return b"\n".join(lines) if changed else None


def _objects(block: bytes) -> list[dict[str, Any] | None] | None:
    """The object of every line, None for a blank one; None if a line holds something else."""
    try:
        values = [json.loads(line) if line.strip() else None for line in block.split(b"\n")]
    except ValueError:
        return None
    return values if all(value is None or isinstance(value, dict) for value in values) else None


def _next_block(path: str, data: ByteInput) -> bytes:
    """The next whole lines, about ``BLOCK_BYTES`` of them, not consumed; empty at the end."""
    size = BLOCK_BYTES
    while True:
        block = data.peek(size)
        if len(block) < size:
            return block
        if (end := block.rfind(b"\n") + 1) > 0:
            return block[:end]
        if size >= 1 << 30:
            raise SourceError(f"cannot read {path}: a line is longer than 1 GiB", hint="Put one object on a line", path=path)
        size *= 2


def _parse(path: str, block: bytes, schema: pa.Schema | None, unexpected: str = "infer") -> pa.Table:
    import pyarrow.json as arrow_json

    pa = require_pyarrow()
    options = arrow_json.ParseOptions(explicit_schema=schema, unexpected_field_behavior=unexpected)
    # A line may not cross Arrow's blocks; blocks of a stream are parsed as one.
    read = arrow_json.ReadOptions(block_size=min(len(block) + 1, 1 << 30))
    with file_errors(path, "read", HINT):
        # Arrow takes any bytes for a string.
        block.decode()
        return arrow_json.read_json(pa.BufferReader(block), parse_options=options, read_options=read)


def write_ndjson(file: IO[bytes], batch: pa.RecordBatch) -> None:
    """Write the rows of a batch, one object per line.

    Not-a-number and infinities become null; 16-byte values UUID text; other bytes text if they are UTF-8; dates ISO
    8601 text.
    """
    import pyarrow.compute as pc

    if batch.num_rows == 0:
        return
    if batch.num_columns == 0:
        file.write(b"{}\n" * batch.num_rows)
        return
    parts: list[Any] = []
    for i, (field, column) in enumerate(zip(batch.schema, batch.columns, strict=True)):
        name = json.dumps(field.name, ensure_ascii=False)
        parts += [_text(f"{'{' if i == 0 else ', '}{name}: "), _json_text(column)]
    lines = pc.binary_join_element_wise(*parts, _text("}\n"), _text(""))
    offsets = np.frombuffer(lines.buffers()[1], np.int64)
    file.write(memoryview(lines.buffers()[2])[offsets[lines.offset] : offsets[lines.offset + len(lines)]])


def _json_text(column: pa.Array) -> pa.Array:
    """Every value as its JSON text (large_string), null as ``null``."""
    pa = require_pyarrow()
    import pyarrow.compute as pc

    kind = column.type
    if pa.types.is_boolean(kind) or pa.types.is_integer(kind) or (pa.types.is_decimal(kind) and kind.scale == 0):
        text = column.cast(pa.large_string())
    elif pa.types.is_floating(kind):
        finite = pc.if_else(pc.is_finite(column), column, pa.scalar(None, kind))
        text = finite.cast(pa.large_string())
        # Arrow prints 1.0 as "1"; a reader that guesses types would take the column for integers.
        whole = pc.invert(pc.match_substring_regex(text, "[.e]"))
        text = pc.binary_join_element_wise(text, pc.if_else(whole, _text(".0"), _text("")), _text(""))
    elif pa.types.is_string(kind) or pa.types.is_large_string(kind):
        text = _quoted(column.cast(pa.large_string()))
    else:
        text = pa.array([None if v is None else json.dumps(v, default=_plain) for v in column.to_pylist()], pa.large_string())
    return pc.fill_null(text, "null")


def _quoted(column: pa.Array) -> pa.Array:
    pa = require_pyarrow()
    import pyarrow.compute as pc

    special = pc.fill_null(pc.match_substring_regex(column, NEEDS_ESCAPE), False)
    if pc.any(special).as_py():
        escaped = pa.array(
            [json.dumps(value, ensure_ascii=False)[1:-1] for value in column.filter(special).to_pylist()],
            pa.large_string(),
        )
        column = pc.replace_with_mask(column, special, escaped)
    return pc.binary_join_element_wise(_text('"'), column, _text('"'), _text(""))


def _text(value: str) -> pa.Scalar:
    pa = require_pyarrow()
    return pa.scalar(value, pa.large_string())


def _plain(value: Any) -> Any:
    """What ``json`` cannot write by itself."""
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return value.hex()
    if isinstance(value, uuid.UUID):
        return str(value)
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
