"""Keys in polars Series: numbers through polars' own numpy views, text through Arrow where pyarrow is installed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from valkyrie.arrays.arrow_keys import from_arrow
from valkyrie.arrays.containers import Container
from valkyrie.arrays.key_kinds import DtypeName, KeyColumn, Lookup, refused, require_kind, untyped_column
from valkyrie.arrays.libraries import installed
from valkyrie.arrays.list_keys import from_objects
from valkyrie.typing import BoolArray, Kind, ObjectArray

__all__ = ["from_polars", "polars_nulls", "polars_objects"]


def polars_nulls(series: Any) -> BoolArray | None:
    """Return where a Series is null: ndarray of bool, shape (n,); None if nowhere."""
    if series.null_count() == 0:
        return None
    nulls: BoolArray = series.is_null().to_numpy()
    return nulls


def polars_objects(series: Any) -> ObjectArray:
    """Return the values as Python objects, None where null: ndarray of object, shape (n,)."""
    objects: ObjectArray = np.empty(len(series), dtype=object)
    objects[:] = series.to_list()
    return objects


def from_polars(
    series: Any, kind: str | None, argument: str, box: Container, lookup: Lookup | None = None
) -> KeyColumn:
    """Read keys from a Series; integers in one chunk and without nulls are not copied.

    Parameters
    ----------
    series : polars.Series, length n
        Integers of up to 64 bits, String, Binary, Categorical, Enum, Null, or Object.
    kind, argument, box, lookup
        As ``key_column``.

    Raises
    ------
    KeyTypeError
        The dtype cannot be a key, or is not of the kind wanted.
    """
    import polars as pl

    dtype = series.dtype
    got = DtypeName("polars", dtype)
    n = len(series)
    if dtype == pl.Null:
        return untyped_column(n, kind, box)
    if dtype in (pl.String, pl.Binary, pl.Categorical, pl.Enum):
        if not installed("pyarrow"):
            return _text_without_arrow(series, kind, argument, box)
        return from_arrow(series.to_arrow(), kind, argument, box)
    if dtype == pl.Object:
        column = polars_objects(series)
        return from_objects(column.tolist(), kind, argument, box, column, lookup)
    if dtype.is_integer() and str(dtype) not in ("Int128", "UInt128"):
        require_kind(kind, "int", argument, got)
        nulls = polars_nulls(series)
        values = series.to_numpy() if nulls is None else series.fill_null(0).to_numpy()
        return KeyColumn("int", "int", values, n, box, nulls=nulls)
    raise refused(argument, got, _reason(dtype), dtype=str(dtype))


def _text_without_arrow(series: Any, kind: str | None, argument: str, box: Container) -> KeyColumn:
    import polars as pl

    binary = series.dtype == pl.Binary
    offered: Kind = "b16" if binary and kind == "b16" else "bytes"
    require_kind(kind, offered, argument, f"polars {series.dtype}")
    if series.null_count() == len(series):
        return replace(untyped_column(len(series), offered, box), untyped=False)
    items = polars_objects(series if binary else series.cast(pl.String))
    return from_objects(items.tolist(), kind, argument, box, items)


def _reason(dtype: Any) -> str:
    if dtype.is_integer():
        return "wide"
    if dtype.is_float():
        return "float"
    if dtype.is_decimal():
        return "decimal"
    if dtype.is_temporal():
        return "time"
    if dtype.is_nested():
        return "nested"
    return "bool" if str(dtype) == "Boolean" else "other"
