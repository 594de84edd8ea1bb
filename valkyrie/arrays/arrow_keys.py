"""Keys in Arrow arrays, pyarrow's or anyone's who speaks the Arrow C interface."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from valkyrie.arrays.arrow_buffers import (
    dictionary_codes,
    fixed_size_values,
    is_arrow_text,
    null_mask,
    number_values,
    one_array,
    text_buffers,
)
from valkyrie.arrays.containers import Container
from valkyrie.arrays.key_kinds import DtypeName, KeyColumn, refused, require_kind, untyped_column
from valkyrie.arrays.libraries import pyarrow
from valkyrie.errors import KeyTypeError
from valkyrie.records import B16
from valkyrie.typing import AnyArray, BoolArray, UInt8Array

__all__ = ["from_arrow"]


def from_arrow(column: Any, kind: str | None, argument: str, box: Container) -> KeyColumn:
    """Read keys from a pyarrow Array or ChunkedArray, without a copy if it has one chunk, no views and no runs.

    Parameters
    ----------
    column : pyarrow.Array or pyarrow.ChunkedArray, length n
        Integers, string, binary, their large and view forms, fixed_size_binary, arrow.uuid, null, or a dictionary or runs
        of these. fixed_size_binary(16) is a column of 128-bit ids, other widths are bytes.
    kind, argument, box
        As ``key_column``.

    Raises
    ------
    KeyTypeError
        The type cannot be a key, or is not of the kind wanted.
    ArgumentError
        A damaged array: its offsets or codes point outside it.
    """
    types = pyarrow("an Arrow column").types
    array = one_array(column, argument)
    arrow_type, n = array.type, len(array)
    got = DtypeName("Arrow", arrow_type)
    if types.is_dictionary(arrow_type):
        return _from_dictionary(array, kind, argument, box)
    if types.is_null(arrow_type):
        return untyped_column(n, kind, box)
    if types.is_integer(arrow_type):
        require_kind(kind, "int", argument, got)
        return KeyColumn("int", "int", number_values(array), n, box, nulls=null_mask(array))
    if types.is_fixed_size_binary(arrow_type):
        data = fixed_size_values(array)
        if arrow_type.byte_width == 16:
            require_kind(kind, "b16", argument, got, "If they are text, cast them to Arrow binary" if kind == "bytes" else "")
            return KeyColumn("b16", "b16", data.view(B16), n, box, nulls=null_mask(array))
        require_kind(kind, "bytes", argument, got)
        offsets = np.arange(n + 1, dtype=np.int64) * arrow_type.byte_width
        return KeyColumn("bytes", "offsets", data, n, box, offsets=offsets, nulls=null_mask(array))
    if is_arrow_text(arrow_type):
        offsets, data = text_buffers(array, argument)
        nulls = null_mask(array)
        if kind == "b16" and (types.is_binary(arrow_type) or types.is_large_binary(arrow_type)):
            return KeyColumn("b16", "b16", _b16_values(offsets, data, nulls, argument), n, box, nulls=nulls)
        require_kind(kind, "bytes", argument, got)
        return KeyColumn("bytes", "offsets", data, n, box, offsets=offsets, nulls=nulls)
    raise refused(argument, got, _reason(types, arrow_type), dtype=str(arrow_type))


def _from_dictionary(array: Any, kind: str | None, argument: str, box: Container) -> KeyColumn:
    entries = from_arrow(array.dictionary, kind, argument, box)
    n = len(array)
    if entries.untyped:
        return untyped_column(n, kind, box)
    codes, nulls = dictionary_codes(number_values(array.indices), null_mask(array.indices), entries.nulls, entries.n, argument)
    if entries.codes is not None and entries.n:
        codes = np.where(codes < 0, np.int32(-1), entries.codes[codes])
    return replace(entries, n=n, codes=codes, nulls=nulls)


def _b16_values(offsets: AnyArray, data: UInt8Array, nulls: BoolArray | None, argument: str) -> AnyArray:
    lengths = np.diff(offsets)
    if (lengths == 16).all():
        return np.ascontiguousarray(data[offsets[0] : offsets[-1]]).view(B16)
    given = np.ones(len(lengths), dtype=np.bool_) if nulls is None else ~nulls
    wrong = np.flatnonzero((lengths != 16) & given)
    if wrong.size:
        position = int(wrong[0])
        raise KeyTypeError(
            f"{argument}: 16 bytes expected at position {position}, got {int(lengths[position])}",
            hint="128-bit ids are 16 bytes each; parse text with uuid.UUID first",
            argument=argument,
            position=position,
        )
    values = np.zeros((len(lengths), 16), dtype=np.uint8)
    values[given] = data[offsets[:-1][given][:, None] + np.arange(16)]
    return values.reshape(-1).view(B16)


def _reason(types: Any, arrow_type: Any) -> str:
    if types.is_floating(arrow_type):
        return "float"
    if types.is_boolean(arrow_type):
        return "bool"
    if types.is_temporal(arrow_type):
        return "time"
    if types.is_decimal(arrow_type):
        return "decimal"
    return "nested" if types.is_nested(arrow_type) else "other"
