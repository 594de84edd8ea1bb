"""Payload columns in numpy arrays and lists, and the refusals of what cannot be one."""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np

from valkyrie.arrays.libraries import is_masked
from valkyrie.arrays.numpy_keys import string_nulls
from valkyrie.arrays.strings import Strings
from valkyrie.arrays.time_units import with_not_a_time
from valkyrie.errors import ArgumentError
from valkyrie.records import B16
from valkyrie.typing import AnyArray, BoolArray

__all__ = ["PayloadValues", "item_values", "ndarray_values", "unfit"]

PayloadValues: TypeAlias = tuple[AnyArray | Strings, BoolArray | None]
"""Values, and where they are null; Strings carry their nulls in their codes."""

_ALLOWED = "Payload columns are numbers, booleans, dates, durations, text or fixed-width bytes"


def unfit(name: str, got: str, hint: str = _ALLOWED, **data: Any) -> ArgumentError:
    """Return the error for values that cannot be a payload column."""
    return ArgumentError(f"column {name!r}: {got} cannot be stored", hint=hint, column=name, got=got, **data)


def ndarray_values(array: AnyArray, name: str) -> PayloadValues:
    """Read a payload column from an array of one dimension; the mask of a masked array marks nulls, and so does NaT."""
    nulls = np.ma.getmaskarray(array) if is_masked(array) else None
    array = np.asarray(array)
    dtype = array.dtype
    got = f"numpy {dtype}"
    if array.ndim != 1:
        hint = "A column has one dimension: give each part a column of its own"
        raise unfit(name, f"an array of shape {array.shape}", hint, shape=array.shape)
    if dtype.names is not None:
        raise unfit(name, got, "Give each field a column of its own")
    if dtype.kind == "T":
        absent = string_nulls(array)
        texts = array.astype(object)
        for mask in (absent, nulls):
            if mask is not None:
                texts[mask] = None
        return Strings.from_texts(texts.tolist(), f"column {name!r}"), None
    if dtype.kind == "O":
        items = array.tolist()
        if nulls is not None:
            items = [None if null else item for item, null in zip(items, nulls.tolist(), strict=True)]
        return item_values(items, name)
    if dtype.kind in "fc" and dtype.itemsize > (8 if dtype.kind == "f" else 16):
        raise unfit(name, got, f"Convert to {'float64' if dtype.kind == 'f' else 'complex128'}")
    if dtype.kind in "Mm" and np.datetime_data(dtype)[0] == "generic":
        raise unfit(name, f"{got} without a unit", "Convert to a dtype with a unit, such as 'datetime64[us]'")
    if dtype.kind in "SUV" and dtype.itemsize == 0:
        array = np.zeros(len(array), dtype=f"{dtype.kind}1")
    values = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("="))
    return values, with_not_a_time(values, nulls if nulls is not None and nulls.any() else None)


def item_values(items: Sequence[Any], name: str) -> PayloadValues:
    """Read a payload column from Python objects, None being null; a column without any value counts as text."""
    types = set(map(type, items))
    has_nulls = type(None) in types
    types.discard(type(None))
    groups = {_group(item_type) for item_type in types}
    if len(groups) > 1 and groups <= {"int", "float", "complex"}:
        groups = {"complex" if "complex" in groups else "float"}
    if len(groups) > 1 or "" in groups:
        raise _mixed(items, name)
    group = groups.pop() if groups else "text"
    if group == "text":
        return Strings.from_texts(items, f"column {name!r}"), None
    nulls = np.fromiter((item is None for item in items), np.bool_, len(items)) if has_nulls else None
    stand_in, dtype = _FORMS[group]
    values = [stand_in if item is None else item for item in items] if has_nulls else items
    match group:
        case "int":
            return _integers(values, name), nulls
        case "bytes":
            return _fixed_bytes(values, name), nulls
        case "uuid":
            return np.frombuffer(b"".join([value.bytes for value in values]), dtype=B16), nulls
        case "datetime" if any(value.tzinfo is not None for value in values):
            raise unfit(name, "datetimes with a time zone", "Convert them to UTC and drop the time zone")
        case _:
            array: AnyArray = np.array(values, dtype=dtype)
            return array, with_not_a_time(array, nulls)


_FORMS: dict[str, tuple[Any, str | None]] = {
    "bool": (False, "bool"),
    "int": (0, None),
    "float": (np.nan, "float64"),
    "complex": (np.nan, "complex128"),
    "bytes": (b"", None),
    "uuid": (uuid.UUID(int=0), None),
    "date": (datetime.date(1970, 1, 1), "datetime64[D]"),
    "datetime": (datetime.datetime(1970, 1, 1), "datetime64[us]"),
    "timedelta": (datetime.timedelta(0), "timedelta64[us]"),
    "datetime64": (np.datetime64("NaT"), None),
    "timedelta64": (np.timedelta64("NaT"), None),
}

_GROUPS: list[tuple[str, tuple[type, ...]]] = [
    ("bool", (bool, np.bool_)),
    ("timedelta64", (np.timedelta64,)),
    ("datetime64", (np.datetime64,)),
    ("int", (int, np.integer)),
    ("float", (float, np.float16, np.float32, np.float64)),
    ("complex", (complex, np.complex64, np.complex128)),
    ("text", (str,)),
    ("bytes", (bytes,)),
    ("uuid", (uuid.UUID,)),
]


def _group(item_type: type) -> str:
    # subclasses of datetime, such as pandas' Timestamp, hold more than microseconds
    exact = {datetime.date: "date", datetime.datetime: "datetime", datetime.timedelta: "timedelta"}
    if item_type in exact:
        return exact[item_type]
    return next((group for group, types in _GROUPS if issubclass(item_type, types)), "")


def _mixed(items: Sequence[Any], name: str) -> ArgumentError:
    expected = ""
    for position, item in enumerate(items):
        if item is None:
            continue
        got = type(item).__name__
        if isinstance(item, (list, tuple, dict, set, np.ndarray)):
            hint = "A column has one dimension and one value per row: give each part a column of its own"
            return unfit(name, f"a {got} (position {position})", hint, position=position)
        group = _group(type(item))
        if not group:
            hint = "Convert to int, float or text" if got == "Decimal" else _ALLOWED
            return unfit(name, f"a {got} (position {position})", hint, position=position)
        if expected and group != expected and not {group, expected} <= {"int", "float", "complex"}:
            got = f"a mixture of {expected} and {group} (position {position})"
            return unfit(name, got, "All values of a column must be of one type; None is null", position=position)
        expected = group
    raise AssertionError("called with items of one type")


def _integers(values: Sequence[Any], name: str) -> AnyArray:
    numbers = [int(value) for value in values]
    for dtype in (np.int64, np.uint64):
        try:
            return np.array(numbers, dtype=dtype)
        except OverflowError:
            continue
    raise unfit(name, "integers that fit neither int64 nor uint64", "Use float64, or text")


def _fixed_bytes(values: Sequence[bytes], name: str) -> AnyArray:
    position = next((i for i, value in enumerate(values) if value.endswith(b"\0")), None)
    if position is not None:
        hint = "Fixed-width bytes lose trailing NULs: use numpy 'V', or text"
        raise unfit(name, f"bytes with a trailing NUL (position {position})", hint, position=position)
    array: AnyArray = np.array(values, dtype=np.bytes_)
    return array
