"""Payload columns in Arrow arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from valkyrie.arrays.arrow_buffers import (
    boolean_values,
    checked,
    decoded_dictionary,
    dictionary_codes,
    fixed_size_values,
    is_arrow_text,
    null_mask,
    number_values,
    one_array,
    text_buffers,
)
from valkyrie.arrays.libraries import pyarrow
from valkyrie.arrays.payload_values import PayloadValues, item_values, unfit
from valkyrie.arrays.strings import StringDictionary, Strings

__all__ = ["arrow_values"]


def arrow_values(column: Any, name: str) -> PayloadValues:
    """Read a payload column from an Array or ChunkedArray; text becomes codes into its distinct values.

    Raises
    ------
    ArgumentError
        A damaged array, or a type that cannot be payload.
    """
    types = pyarrow("an Arrow column").types
    argument = f"column {name!r}"
    array = one_array(column, argument)
    arrow_type = array.type
    if types.is_dictionary(arrow_type) or is_arrow_text(arrow_type):
        checked(array, argument, full=True)
    got = f"Arrow {arrow_type}"
    if types.is_dictionary(arrow_type):
        if not _is_string(types, one_array(array.dictionary, argument).type):
            return arrow_values(decoded_dictionary(array, argument), name)
        return _strings(array, name), None
    if _is_string(types, arrow_type):
        return _strings(array.dictionary_encode(), name), None
    if types.is_null(arrow_type):
        return item_values([None] * len(array), name)
    nulls = null_mask(array)
    if is_arrow_text(arrow_type):
        return item_values(array.to_pylist(), name)
    if types.is_boolean(arrow_type):
        return boolean_values(array), nulls
    if types.is_integer(arrow_type) or types.is_floating(arrow_type):
        return number_values(array), nulls
    if types.is_fixed_size_binary(arrow_type) and arrow_type.byte_width > 0:
        return fixed_size_values(array).view(f"V{arrow_type.byte_width}"), nulls
    if types.is_date32(arrow_type):
        return number_values(array, np.int32).astype("datetime64[D]"), nulls
    if types.is_timestamp(arrow_type) and arrow_type.tz is not None:
        raise unfit(name, got, "Cast to a timestamp without a time zone")
    if types.is_date64(arrow_type) or types.is_timestamp(arrow_type):
        unit = "ms" if types.is_date64(arrow_type) else arrow_type.unit
        return number_values(array, f"datetime64[{unit}]"), nulls
    if types.is_duration(arrow_type):
        return number_values(array, f"timedelta64[{arrow_type.unit}]"), nulls
    if types.is_decimal(arrow_type):
        raise unfit(name, got, "Cast to int64, float64 or string")
    if types.is_nested(arrow_type):
        raise unfit(name, got, "A column has one value per row: flatten it into columns of its own")
    raise unfit(name, got)


def _is_string(types: Any, arrow_type: Any) -> bool:
    return bool(types.is_string(arrow_type) or types.is_large_string(arrow_type))


def _strings(array: Any, name: str) -> Strings:
    argument = f"column {name!r}"
    dictionary = one_array(array.dictionary, argument)
    offsets, data = text_buffers(dictionary, argument)
    first, last = int(offsets[0]), int(offsets[-1])
    texts = StringDictionary(offsets.astype(np.int64) - first, data[first:last])
    indices = array.indices
    codes, _ = dictionary_codes(
        number_values(indices), null_mask(indices), null_mask(dictionary), len(dictionary), argument
    )
    return Strings(codes, texts)
