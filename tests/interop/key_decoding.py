"""Reads a KeyColumn back into Python values, slowly and by the letter of its description: the oracle of these tests."""

from __future__ import annotations

from typing import Any

from valkyrie.arrays import KeyColumn

FORMS = {"int": {"int"}, "b16": {"b16"}, "bytes": {"offsets", "fixed", "ucs4", "object", "string_dtype"}}


def decoded(column: KeyColumn) -> list[Any]:
    """Return ints, or bytes (text as UTF-8), None where null; checks the promises on shapes on the way."""
    assert column.form in FORMS[column.kind]
    values = column.values
    assert values.ndim == 1
    if column.form == "offsets":
        assert column.offsets is not None
        assert column.offsets.dtype in ("int32", "int64")
        data, bounds = values.tobytes(), column.offsets.tolist()
        items: list[Any] = [data[bounds[i] : bounds[i + 1]] for i in range(len(bounds) - 1)]
    else:
        assert column.offsets is None
        items = values.tolist()
    if column.form != "int":
        assert values.flags.c_contiguous
        assert values.dtype.isnative
        items = [item.encode() if isinstance(item, str) else item for item in items]
    if column.codes is not None:
        assert column.codes.dtype == "int32"
        items = [None if code < 0 else items[code] for code in column.codes.tolist()]
    assert len(items) == column.n
    if column.nulls is not None:
        assert column.nulls.dtype == bool
        assert column.nulls.any()
        assert len(column.nulls) == column.n
        items = [None if null else item for item, null in zip(items, column.nulls.tolist(), strict=True)]
    return items
