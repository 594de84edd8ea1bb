"""Types for the fields of NDJSON under which their values come out as they went in.

Arrow takes a text that looks like a date for a point in time, and loses its zone; it takes an integer beyond int64 for
a float, and rounds it. Here such text stays text, and such integers are uint64 or decimal, or an error.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from valkyrie.errors import SourceError
from valkyrie.interop.exact_floats import EXACT, is_rounded
from valkyrie.interop.file_errors import require_pyarrow

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["require_exact", "stated_schema"]

DECIMAL_DIGITS = 38


class _Integer(str):
    """An integer as it is written; one among strings is told apart."""


def stated_schema(path: str, block: bytes, table: pa.Table) -> pa.Schema:
    """The schema to read `block` with, which Arrow on its own reads as `table`.

    Raises
    ------
    SourceError
        An integer of more than 64 bits stands beside fractions, within an object or a list, or is too long.
    """
    pa = require_pyarrow()
    schema = pa.schema([field.with_type(_with_text(field.type)) for field in table.schema])
    for name in _with_large_floats(table):
        position = schema.get_field_index(name)
        if pa.types.is_floating(schema.field(position).type):
            schema = schema.set(position, pa.field(name, _number_type(path, block, name)))
    return schema


def require_exact(path: str, block: bytes, table: pa.Table, first_row: int) -> None:
    """Refuse an integer of `block` that became a float of `table` and was rounded.

    Raises
    ------
    SourceError
        With the row, counted from 1 at the start of the file, and the field.
    """
    names = _with_large_floats(table)
    if not names:
        return
    kinds = {name: table.schema.field(name).type for name in names}
    for row, record in enumerate(_records(block)):
        for name, kind in kinds.items():
            rounded = next((text for text in _floats_of(record.get(name), kind) if _rounds(text)), None)
            if rounded is not None:
                raise _too_large(path, first_row + row, name, rounded)


def _with_text(kind: pa.DataType) -> pa.DataType:
    pa = require_pyarrow()
    if pa.types.is_timestamp(kind):
        return pa.string()
    if pa.types.is_list(kind):
        return pa.list_(_with_text(kind.value_type))
    if pa.types.is_struct(kind):
        return pa.struct([field.with_type(_with_text(field.type)) for field in kind])
    return kind


def _with_large_floats(table: pa.Table) -> list[str]:
    return [name for name, column in zip(table.column_names, table.columns, strict=True) if any(map(_is_large, column.chunks))]


def _is_large(column: pa.Array) -> bool:
    """True if a float of the column, or within it, is one of those that are not next to each other."""
    import pyarrow.compute as pc

    types = require_pyarrow().types
    if types.is_floating(column.type):
        return bool(pc.any(pc.greater_equal(pc.abs(column), EXACT)).as_py())
    if types.is_struct(column.type):
        return any(map(_is_large, column.flatten()))
    return bool(types.is_list(column.type)) and _is_large(column.flatten())


def _number_type(path: str, block: bytes, name: str) -> pa.DataType:
    """The type that holds every number of a field: uint64, decimal, or float where that rounds nothing."""
    pa = require_pyarrow()
    values = [(row, record.get(name)) for row, record in enumerate(_records(block))]
    present = [value for _, value in values if value is not None]
    if all(isinstance(value, _Integer) for value in present):
        if max(map(len, present)) <= DECIMAL_DIGITS:
            numbers = list(map(int, present))
            return pa.uint64() if min(numbers) >= 0 and max(numbers) < 1 << 64 else pa.decimal128(DECIMAL_DIGITS, 0)
        row, longest = max(values, key=lambda value: len(value[1] or ""))
        raise _too_large(path, row, name, str(longest))
    for row, value in values:
        if _rounds(value):
            raise _too_large(path, row, name, str(value))
    return pa.float64()


def _records(block: bytes) -> Iterator[dict[str, Any]]:
    decoder = json.JSONDecoder(parse_int=_Integer)
    return (decoder.decode(line.decode()) for line in block.split(b"\n") if line.strip())


def _floats_of(value: Any, kind: pa.DataType) -> Iterable[Any]:
    """The values that a type of floats, or with floats in it, is to hold."""
    types = require_pyarrow().types
    if value is None:
        return
    if types.is_floating(kind):
        yield value
    elif types.is_struct(kind):
        for field in kind:
            yield from _floats_of(value.get(field.name), field.type)
    elif types.is_list(kind):
        for item in value:
            yield from _floats_of(item, kind.value_type)


def _rounds(value: Any) -> bool:
    return isinstance(value, _Integer) and is_rounded(value)


def _too_large(path: str, row: int, name: str, value: str) -> SourceError:
    shown = value if len(value) <= 50 else f"{value[:20]}... ({len(value):,} digits)"
    return SourceError(
        f"cannot read {path}: row {row + 1:,}, field {name!r}: the integer {shown} would be rounded",
        hint="Write such numbers as text, in quotes, or route only the key (only=True, --only)",
        path=path,
        row=row,
    )
