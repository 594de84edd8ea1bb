"""Keys in lists, tuples and object arrays: the types of all items decide, by their value and never through float."""

from __future__ import annotations

import operator
import uuid
from collections.abc import Sequence
from typing import Any

import numpy as np

from valkyrie.arrays.containers import Container
from valkyrie.arrays.key_kinds import KeyColumn, Lookup, refused, require_kind, untyped_column
from valkyrie.errors import KeyTypeError
from valkyrie.records import B16
from valkyrie.typing import AnyArray, BoolArray, ObjectArray

__all__ = ["from_objects"]

_RANGES: dict[Lookup, range] = {"signed": range(-(2**63), 2**63), "unsigned": range(2**64)}
_B16_RANGE = range(2**128)
_EXPECTED = {"int": "int", "text": "str or bytes", "uuid": "uuid.UUID", "": "int, str, bytes or uuid.UUID"}


def from_objects(
    items: Sequence[Any],
    kind: str | None,
    argument: str,
    box: Container,
    array: ObjectArray | None = None,
    lookup: Lookup | None = None,
) -> KeyColumn:
    """Read keys from Python objects; None is null.

    Parameters
    ----------
    items : list or tuple, length n
        Keys: all int (Python's or numpy's), all str or bytes, or all uuid.UUID.
    kind : str, optional
        The kind that is wanted. With "b16", bytes of length 16 and ints below 2**128 are taken too.
    argument, box, lookup
        As ``key_column``.
    array : ndarray of object, shape (n,), optional
        The same items, if they came as an array.

    Raises
    ------
    KeyTypeError
        Items are of different types or of a type that cannot be a key (the first such position is named), or integers
        are beyond 64 bits and this is not for a lookup.
    """
    types = set(map(type, items))
    has_nulls = type(None) in types
    types.discard(type(None))
    n = len(items)
    if not types:
        return untyped_column(n, kind, box)
    groups = {_group(t) for t in types}
    if len(groups) > 1 or "" in groups:
        raise _mixed(items, argument)
    group = groups.pop()
    nulls = np.fromiter((item is None for item in items), np.bool_, n) if has_nulls else None
    if group == "uuid":
        require_kind(kind, "b16", argument, "uuid.UUID")
        return KeyColumn("b16", "b16", _b16([v if v is None else v.bytes for v in items]), n, box, nulls=nulls)
    if group == "text":
        if kind == "b16":
            _check_b16_bytes(items, argument)
            return KeyColumn("b16", "b16", _b16(items), n, box, nulls=nulls)
        require_kind(kind, "bytes", argument, "str" if str in types else "bytes")
        return KeyColumn("bytes", "object", _object_array(items, array), n, box, nulls=nulls)
    if types != {int}:
        items = [v if v is None else operator.index(v) for v in items]
    if kind == "b16":
        try:
            ids = _b16_of_ints(items, argument)
        except KeyTypeError:
            if lookup is None:
                raise
            items, nulls = _null_outside(items, _B16_RANGE)
            ids = _b16_of_ints(items, argument)
        return KeyColumn("b16", "b16", _b16(ids), n, box, nulls=nulls)
    require_kind(kind, "int", argument, "int")
    try:
        values = _integers(items, has_nulls, argument)
    except KeyTypeError:
        if lookup is None:
            raise
        items, nulls = _null_outside(items, _RANGES[lookup])
        values = _integers(items, True, argument)
    return KeyColumn("int", "int", values, n, box, nulls=nulls)


def _group(item_type: type) -> str:
    if issubclass(item_type, (bool, np.bool_, np.timedelta64)):
        return ""
    if issubclass(item_type, (int, np.integer)):
        return "int"
    if issubclass(item_type, (str, bytes)):
        return "text"
    return "uuid" if issubclass(item_type, uuid.UUID) else ""


def _mixed(items: Sequence[Any], argument: str) -> KeyTypeError:
    expected = ""
    for position, item in enumerate(items):
        if item is None:
            continue
        group = _group(type(item))
        if group and (not expected or group == expected):
            expected = group
            continue
        if isinstance(item, (list, tuple, np.ndarray, dict, set)):
            hint = "Keys must be one flat column; a list of lists, ragged or not, is not one"
        elif isinstance(item, (float, np.floating)):
            hint = "Use None for a missing key, and whole numbers as int"
        elif type(item).__name__ in ("NAType", "NaTType"):
            hint = "Use None for a missing key"
        else:
            hint = f"All keys must be {_EXPECTED[expected]}"
        return KeyTypeError(
            f"{argument}: {_EXPECTED[expected]} expected at position {position}, got {type(item).__name__}",
            hint=hint,
            argument=argument,
            position=position,
            got=type(item).__name__,
        )
    raise AssertionError("called with items of one type")


def _null_outside(items: Sequence[Any], held: range) -> tuple[list[Any], BoolArray]:
    kept = [v if v is not None and v in held else None for v in items]
    return kept, np.fromiter((v is None for v in kept), np.bool_, len(kept))


def _integers(items: Sequence[Any], has_nulls: bool, argument: str) -> AnyArray:
    values = [0 if v is None else v for v in items] if has_nulls else items
    try:
        return np.array(values, dtype=np.int64)
    except OverflowError:
        low, high = min(values), max(values)
    if low < -(2**63) or high >= 2**64:
        position = next(i for i, v in enumerate(values) if not -(2**63) <= v < 2**64)
        raise refused(argument, f"integers beyond 64 bits (first at position {position})", "wide", position=position)
    if low < 0:
        raise KeyTypeError(
            f"{argument}: negative integers and integers of 2**63 and more in one column ({low} and {high})",
            hint="A table is signed (int64) or unsigned (uint64): convert the keys to one of them",
            argument=argument,
        )
    return np.array(values, dtype=np.uint64)


def _b16(items: Sequence[bytes | None]) -> AnyArray:
    zero = bytes(16)
    return np.frombuffer(b"".join([zero if v is None else v for v in items]), dtype=B16)


def _check_b16_bytes(items: Sequence[Any], argument: str) -> None:
    for position, item in enumerate(items):
        if item is None or (isinstance(item, bytes) and len(item) == 16):
            continue
        got = f"bytes of length {len(item)}" if isinstance(item, bytes) else type(item).__name__
        raise KeyTypeError(
            f"{argument}: 16 bytes expected at position {position}, got {got}",
            hint="128-bit ids are bytes of length 16, uuid.UUID or int; parse text with uuid.UUID first",
            argument=argument,
            position=position,
            got=got,
        )


def _b16_of_ints(items: Sequence[Any], argument: str) -> list[bytes | None]:
    try:
        return [v if v is None else v.to_bytes(16, "big") for v in items]
    except OverflowError:
        position = next(i for i, v in enumerate(items) if v is not None and not 0 <= v < 2**128)
        raise KeyTypeError(
            f"{argument}: the integer at position {position} is outside 0 .. 2**128 - 1",
            hint="A 128-bit id is not negative and has at most 128 bits",
            argument=argument,
            position=position,
        ) from None


def _object_array(items: Sequence[Any], array: ObjectArray | None) -> ObjectArray:
    if array is not None:
        return np.ascontiguousarray(array)
    out = np.empty(len(items), dtype=object)
    out[:] = items
    return out
