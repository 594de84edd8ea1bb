"""Keys in pandas Series, Index and extension arrays, read through pandas' public interface only."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from valkyrie.arrays.arrow_buffers import dictionary_codes
from valkyrie.arrays.arrow_keys import from_arrow
from valkyrie.arrays.containers import Container
from valkyrie.arrays.key_kinds import DtypeName, KeyColumn, Lookup, refused, require_kind, untyped_column
from valkyrie.arrays.libraries import loaded, pyarrow
from valkyrie.arrays.list_keys import from_objects
from valkyrie.arrays.numpy_keys import from_ndarray
from valkyrie.arrays.pandas_container import PandasBox
from valkyrie.typing import BoolArray, ObjectArray

__all__ = ["from_pandas", "pandas_box", "pandas_dtype", "pandas_nulls", "pandas_objects"]


def pandas_box(column: Any) -> PandasBox:
    """Return how to give results back to a Series, Index or extension array."""
    import pandas as pd

    if isinstance(column, pd.Series):
        return PandasBox(column.index, column.name)
    if isinstance(column, pd.Index):
        return PandasBox(column, column.name, form="index")
    return PandasBox(None, None, form="array")


def pandas_nulls(column: Any) -> BoolArray | None:
    """Return where pandas sees a missing value: ndarray of bool, shape (n,); None if nowhere."""
    nulls: BoolArray = np.asarray(column.isna(), dtype=np.bool_)
    return nulls if nulls.any() else None


def pandas_objects(column: Any) -> ObjectArray:
    """Return the values as Python objects, None where missing: C-contiguous ndarray of object, shape (n,)."""
    objects: ObjectArray = np.ascontiguousarray(column, dtype=object)
    nulls = pandas_nulls(column)
    if nulls is not None:
        objects = objects.copy()
        objects[nulls] = None
    return objects


def pandas_dtype(column: Any) -> Any:
    """Return the dtype of a column; numpy's own for the extension array that pandas wraps around numpy arrays."""
    import pandas as pd

    # pandas derives its Python-backed string array from it
    wrapped = isinstance(column, pd.arrays.NumpyExtensionArray) and not isinstance(column.dtype, pd.StringDtype)
    return column.dtype.numpy_dtype if wrapped else column.dtype


def from_pandas(
    column: Any, kind: str | None, argument: str, box: Container, lookup: Lookup | None = None
) -> KeyColumn:
    """Read keys from a pandas column; integers without nulls and Arrow-backed text are not copied.

    Parameters
    ----------
    column : pandas.Series, pandas.Index or pandas.api.extensions.ExtensionArray, length n
        Integers (numpy, nullable, Arrow), text, bytes, objects, or a Categorical of these. None, NaN, NA and NaT are
        null.
    kind, argument, box, lookup
        As ``key_column``.

    Raises
    ------
    KeyTypeError
        The dtype cannot be a key, or is not of the kind wanted.
    """
    import pandas as pd

    dtype = pandas_dtype(column)
    got = DtypeName("pandas", dtype)
    if isinstance(column, pd.MultiIndex):
        raise refused(argument, "a pandas MultiIndex", "nested")
    if isinstance(dtype, pd.CategoricalDtype):
        return _from_categorical(column, kind, argument, box, lookup)
    if isinstance(dtype, pd.ArrowDtype):
        return from_arrow(pyarrow(str(got)).array(getattr(column, "array", column)), kind, argument, box)
    if isinstance(dtype, pd.StringDtype):
        if dtype.storage == "pyarrow" and loaded("pyarrow") is not None:
            return from_arrow(pyarrow(str(got)).array(getattr(column, "array", column)), kind, argument, box)
        objects = pandas_objects(column)
        require_kind(kind, "bytes", argument, got)
        return KeyColumn("bytes", "object", objects, len(objects), box, nulls=pandas_nulls(column))
    if isinstance(dtype, pd.SparseDtype):
        return from_ndarray(np.asarray(column), kind, argument, box)
    if isinstance(dtype, np.dtype):
        if dtype.kind == "O":
            objects = pandas_objects(column)
            return from_objects(objects.tolist(), kind, argument, box, objects, lookup)
        return from_ndarray(column.to_numpy(), kind, argument, box, lookup)
    if pd.api.types.is_integer_dtype(dtype):
        require_kind(kind, "int", argument, got)
        values = column.to_numpy(dtype=dtype.numpy_dtype, na_value=0)
        return KeyColumn("int", "int", values, len(values), box, nulls=pandas_nulls(column))
    raise refused(argument, got, _reason(dtype), dtype=str(dtype))


def _from_categorical(
    column: Any, kind: str | None, argument: str, box: Container, lookup: Lookup | None
) -> KeyColumn:
    import pandas as pd

    categorical = column.array if isinstance(column, pd.Series) else column
    entries = from_pandas(categorical.categories, kind, argument, box, lookup)
    n = len(categorical)
    if entries.untyped:
        return untyped_column(n, kind, box)
    codes, nulls = dictionary_codes(np.asarray(categorical.codes), None, entries.nulls, entries.n, argument)
    return replace(entries, n=n, codes=codes, nulls=nulls)


def _reason(dtype: Any) -> str:
    import pandas as pd

    if pd.api.types.is_float_dtype(dtype):
        return "float"
    if pd.api.types.is_bool_dtype(dtype):
        return "bool"
    return "time" if isinstance(dtype, (pd.DatetimeTZDtype, pd.PeriodDtype)) else "other"
