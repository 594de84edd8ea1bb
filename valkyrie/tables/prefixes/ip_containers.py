"""Containers of addresses that `key_column` does not tell from others: objects of `ipaddress`, and packed addresses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from valkyrie.arrays import Container, KeyColumn, ListBox, NumpyBox, PolarsBox, key_column
from valkyrie.arrays.libraries import is_masked, loaded, pyarrow
from valkyrie.arrays.pandas_keys import pandas_box, pandas_dtype, pandas_objects
from valkyrie.arrays.polars_keys import polars_objects
from valkyrie.tables.prefixes.keys import any_of

__all__ = ["ip_objects", "packed_column"]


def packed_column(keys: Any) -> Any:
    """Recognise packed addresses that `key_column` does not tell from others.

    Returns
    -------
    For V4, uint8 of shape (n, 4) and fixed_size_binary(4), a KeyColumn of big-endian uint32; for uint8 of shape (n, 16), V16; for
    an Arrow array of another library, the same as pyarrow's; else the keys, as they are.
    """
    if isinstance(keys, np.ndarray):
        if keys.dtype == np.uint8 and keys.ndim == 2 and keys.shape[1] in (4, 16) and not is_masked(keys):
            keys = np.ascontiguousarray(keys).reshape(-1).view(f"V{keys.shape[1]}")
        if keys.dtype != np.dtype("V4") or keys.ndim != 1:
            return keys
        nulls = any_of(np.ma.getmaskarray(keys)) if is_masked(keys) else None
        numbers = np.ascontiguousarray(np.asarray(keys)).view(">u4")
        return KeyColumn("int", "int", numbers, len(numbers), NumpyBox(), nulls=nulls)
    keys, arrow_type = _arrow_form(keys)
    if arrow_type != "fixed_size_binary[4]":
        return keys
    column = key_column(keys, kind="bytes")
    return replace(column, kind="int", form="int", values=column.values.view(">u4"), offsets=None)


def ip_objects(keys: Any) -> tuple[Sequence[Any], Container] | None:
    """The Python objects of a container that holds such, a list or a tuple, and its box; None for every other container.

    None stands where the container has a null.
    """
    if isinstance(keys, list | tuple):
        return (keys if type(keys) in (list, tuple) else tuple(keys)), ListBox()
    if isinstance(keys, np.ndarray):
        if keys.dtype != object or keys.ndim != 1:
            return None
        items: list[Any] = np.asarray(keys).tolist()
        if is_masked(keys):
            items = [None if gone else item for item, gone in zip(items, np.ma.getmaskarray(keys).tolist(), strict=True)]
        return items, NumpyBox()
    pandas, polars = loaded("pandas"), loaded("polars")
    if pandas is not None and isinstance(keys, (pandas.Series, pandas.Index, pandas.api.extensions.ExtensionArray)):
        if pandas_dtype(keys) != np.dtype(object) or isinstance(keys, pandas.MultiIndex):
            return None
        return pandas_objects(keys).tolist(), pandas_box(keys)
    if polars is not None and isinstance(keys, polars.Series) and keys.dtype == polars.Object:
        return polars_objects(keys).tolist(), PolarsBox(keys.name)
    return None


def _arrow_form(keys: Any) -> tuple[Any, str]:
    """An Arrow column and the name of its type; of another library's array, pyarrow's view. Anything else as it is, and ""."""
    pandas, arrow = loaded("pandas"), loaded("pyarrow")
    libraries = {base.__module__.partition(".")[0] for base in type(keys).__mro__}
    if libraries.isdisjoint(("pandas", "polars", "pyarrow")):
        if hasattr(keys, "__arrow_c_array__"):
            keys = pyarrow("an Arrow column").array(keys)
        elif hasattr(keys, "__arrow_c_stream__"):
            keys = pyarrow("an Arrow column").chunked_array(keys)
        arrow = loaded("pyarrow")
    arrow_type = None
    if arrow is not None and isinstance(keys, (arrow.Array, arrow.ChunkedArray)):
        arrow_type = keys.type
    elif pandas is not None and isinstance(getattr(keys, "dtype", None), pandas.ArrowDtype):
        arrow_type = keys.dtype.pyarrow_dtype
    return keys, str(getattr(arrow_type, "value_type", arrow_type))
