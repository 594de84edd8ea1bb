"""Payload columns in, from any container: numbers, dates and fixed-width items as numpy arrays, text as ``Strings``."""

from __future__ import annotations

from typing import Any

import numpy as np

from valkyrie.arrays.arrow_buffers import dictionary_codes
from valkyrie.arrays.libraries import installed, loaded, pyarrow
from valkyrie.arrays.pandas_keys import pandas_dtype, pandas_nulls, pandas_objects
from valkyrie.arrays.payload_arrow import arrow_values
from valkyrie.arrays.payload_values import PayloadValues, item_values, ndarray_values, unfit
from valkyrie.arrays.polars_keys import polars_nulls, polars_objects
from valkyrie.arrays.ranges import range_values
from valkyrie.arrays.strings import Strings

__all__ = ["payload_column"]


def payload_column(raw: Any, name: str) -> PayloadValues:
    """Read a payload column from the container it comes in.

    Parameters
    ----------
    raw : array-like, length n
        Any container that ``key_column`` reads, or Strings; numbers, booleans, dates and durations, text, bytes.
    name : str
        Name of the column, for messages.

    Returns
    -------
    values : ndarray, shape (n,), or Strings
        C-contiguous, of native byte order; any dtype but object, structured and StringDType. May share the memory of
        ``raw`` and need not be writeable: copy what must not change.
    nulls : ndarray of bool, shape (n,), or None
        True where ``raw`` is null; the value there is arbitrary. None if nothing is, and with Strings, whose codes are
        -1 there. NaT is null; NaN in a numpy array is a value.

    Raises
    ------
    ArgumentError
        Nested, ragged, two-dimensional or structured values, decimals, time zones, mixed types, other objects.
    MissingExtraError
        The container can only be read with pyarrow, which is not installed.
    """
    if isinstance(raw, Strings):
        return raw, None
    if isinstance(raw, np.ndarray):
        return ndarray_values(raw, name)
    if isinstance(raw, (list, tuple)):
        # a copy, since another thread may change a list while it is read
        return item_values(tuple(raw), name)
    if isinstance(raw, range):
        numbers = range_values(raw)
        return item_values(raw, name) if numbers is None else ndarray_values(numbers, name)
    pandas, polars, arrow = loaded("pandas"), loaded("polars"), loaded("pyarrow")
    if pandas is not None and isinstance(raw, (pandas.Series, pandas.Index, pandas.api.extensions.ExtensionArray)):
        return _pandas_values(raw, name)
    if polars is not None and isinstance(raw, polars.Series):
        return _polars_values(raw, name)
    if arrow is not None and isinstance(raw, (arrow.Array, arrow.ChunkedArray)):
        return arrow_values(raw, name)
    if hasattr(raw, "__arrow_c_array__"):
        return arrow_values(pyarrow(f"column {name!r}").array(raw), name)
    if hasattr(raw, "__arrow_c_stream__"):
        return arrow_values(pyarrow(f"column {name!r}").chunked_array(raw), name)
    if hasattr(raw, "__array__") or isinstance(raw, memoryview) or type(raw).__module__ == "array":
        return ndarray_values(np.asarray(raw), name)
    raise unfit(name, f"a {type(raw).__name__}", "Give an array, a list, or a column of a table")


def _pandas_values(column: Any, name: str) -> PayloadValues:
    import pandas as pd

    dtype = pandas_dtype(column)
    if isinstance(column, pd.MultiIndex):
        raise unfit(name, "a pandas MultiIndex", "Give each level a column of its own")
    if isinstance(dtype, pd.CategoricalDtype):
        return _categorical_values(column.array if isinstance(column, pd.Series) else column, name)
    if isinstance(dtype, pd.ArrowDtype) or (isinstance(dtype, pd.StringDtype) and dtype.storage == "pyarrow"):
        return arrow_values(pyarrow(f"column {name!r}").array(getattr(column, "array", column)), name)
    if isinstance(dtype, pd.StringDtype) or dtype == np.dtype("O"):
        return item_values(pandas_objects(column).tolist(), name)
    if isinstance(dtype, pd.SparseDtype):
        return ndarray_values(np.asarray(column), name)
    if isinstance(dtype, np.dtype):
        return ndarray_values(np.asarray(column), name)
    if isinstance(dtype, pd.DatetimeTZDtype):
        raise unfit(name, f"pandas {dtype}", 'Drop the time zone: .dt.tz_convert("UTC").dt.tz_localize(None)')
    numpy_dtype = getattr(dtype, "numpy_dtype", None)
    if isinstance(numpy_dtype, np.dtype):
        values, _ = ndarray_values(column.to_numpy(dtype=numpy_dtype, na_value=numpy_dtype.type(0)), name)
        return values, pandas_nulls(column)
    raise unfit(name, f"pandas {dtype}")


def _categorical_values(categorical: Any, name: str) -> PayloadValues:
    entries, _ = _pandas_values(categorical.categories, name)
    codes, nulls = dictionary_codes(np.asarray(categorical.codes), None, None, len(entries), f"column {name!r}")
    if isinstance(entries, Strings):
        # codes of codes: categories are distinct, but need not be coded in their own order
        coded = entries.codes[codes] if len(entries) else codes
        return Strings(np.where(codes < 0, np.int32(-1), coded), entries.dictionary), None
    if len(entries) == 0:
        return np.zeros(len(codes), dtype=entries.dtype), nulls
    return entries[np.maximum(codes, 0)], nulls


def _polars_values(series: Any, name: str) -> PayloadValues:
    import polars as pl

    dtype = series.dtype
    got = f"polars {dtype}"
    if dtype in (pl.String, pl.Binary, pl.Categorical, pl.Enum):
        if installed("pyarrow"):
            return arrow_values(series.to_arrow(), name)
        return item_values(polars_objects(series if dtype == pl.Binary else series.cast(pl.String)).tolist(), name)
    if dtype in (pl.Object, pl.Null):
        return item_values(polars_objects(series).tolist(), name)
    if dtype == pl.Datetime and dtype.time_zone is not None:
        raise unfit(name, got, "Drop the time zone: .dt.convert_time_zone('UTC').dt.replace_time_zone(None)")
    nulls = polars_nulls(series)
    if dtype in (pl.Date, pl.Datetime, pl.Duration):
        return ndarray_values(series.to_numpy(), name)[0], nulls
    if dtype == pl.Boolean:
        return ndarray_values((series if nulls is None else series.fill_null(False)).to_numpy(), name)[0], nulls
    if dtype.is_float() or (dtype.is_integer() and str(dtype) not in ("Int128", "UInt128")):
        return ndarray_values((series if nulls is None else series.fill_null(0)).to_numpy(), name)[0], nulls
    hint = "Cast to Int64, Float64 or String" if dtype.is_decimal() or dtype.is_integer() else None
    raise unfit(name, got, hint) if hint else unfit(name, got)
