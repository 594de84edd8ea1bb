"""Newline-delimited JSON: read in blocks of whole lines, written column by column.

Arrow parses JSON but does not write it. A batch is written by making every column an array of JSON texts and joining
them, so there is no Python object per value except in strings that need escapes and in nested columns.
"""

from __future__ import annotations

import io
import json
import uuid
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from valkyrie.errors import SourceError
from valkyrie.interop.byte_input import ByteInput, empty_source
from valkyrie.interop.file_errors import file_errors, require_pyarrow

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["NdjsonSource", "write_ndjson"]

BLOCK_BYTES = 8 << 20
HINT = "Every line is one JSON object in UTF-8; fields and types are those of the first 8 MiB"
NEEDS_ESCAPE = '[\\x00-\\x1f"\\\\]'


@dataclass(frozen=True, slots=True)
class NdjsonSource:
    """A file of one JSON object per line; `names` are the fields of its first block."""

    path: str
    data: ByteInput
    first: pa.Schema
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
        first = _parse(path, block, None).schema
        return cls(path, data, first, tuple(first.names))

    def stream(
        self, key: str, columns: Collection[str] | None, key_type: pa.DataType | None
    ) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
        """Schema and batches; `key_type` states the type of the key column where the table knows it."""
        pa = require_pyarrow()
        fields = []
        for field in self.first:
            if columns is not None and field.name not in columns:
                continue
            if field.name == key and key_type is not None:
                field = field.with_type(key_type)
            elif pa.types.is_null(field.type):
                field = field.with_type(pa.string())
            fields.append(field)
        schema = pa.schema(fields)
        return schema, self._batches(schema, "ignore" if columns is not None else "error")

    def table(self, columns: Collection[str] | None, types: dict[str, pa.DataType]) -> pa.Table:
        """The whole file; fields may appear late."""
        block = self.data.read()
        table = _parse(self.path, block, require_pyarrow().schema(list(types.items())) if types else None)
        return table if columns is None else table.select([name for name in table.column_names if name in columns])

    def _batches(self, schema: pa.Schema, unexpected: str) -> Iterator[pa.RecordBatch]:
        while block := self.data.read(len(_next_block(self.path, self.data))):
            if block.strip():
                table = _parse(self.path, block, schema, unexpected).combine_chunks().select(schema.names)
                yield from table.to_batches()


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

    options = arrow_json.ParseOptions(explicit_schema=schema, unexpected_field_behavior=unexpected)
    # A line may not cross Arrow's blocks; blocks of a stream are parsed as one.
    read = arrow_json.ReadOptions(block_size=min(len(block) + 1, 1 << 30))
    with file_errors(path, "read", HINT):
        # Arrow takes any bytes for a string.
        block.decode()
        return arrow_json.read_json(io.BytesIO(block), parse_options=options, read_options=read)


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
    if pa.types.is_boolean(kind) or pa.types.is_integer(kind):
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
