"""Keys in, from any container: recognised without importing its library, then read by the module of that library."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Set
from typing import Any

import numpy as np

from valkyrie.arrays.arrow_container import ArrowBox
from valkyrie.arrays.arrow_keys import from_arrow
from valkyrie.arrays.containers import ListBox, NumpyBox
from valkyrie.arrays.key_kinds import KeyColumn, Lookup, check_kind
from valkyrie.arrays.libraries import loaded, pyarrow
from valkyrie.arrays.list_keys import from_objects
from valkyrie.arrays.numpy_keys import from_ndarray, from_strings
from valkyrie.arrays.pandas_keys import from_pandas, pandas_box
from valkyrie.arrays.polars_container import PolarsBox
from valkyrie.arrays.polars_keys import from_polars
from valkyrie.arrays.ranges import range_values
from valkyrie.arrays.strings import Strings
from valkyrie.errors import ArgumentError

__all__ = ["KeyColumn", "key_column"]

_SCALARS = (str, bytes, bytearray, int, float, complex, uuid.UUID, np.generic)


def key_column(
    keys: Any, *, kind: str | None = None, argument: str = "keys", lookup: Lookup | None = None
) -> KeyColumn:
    """Read a column of keys from the container it comes in.

    Parameters
    ----------
    keys : array-like, length n
        numpy array, list, tuple, range, pandas Series, Index or extension array, polars Series, pyarrow Array or
        ChunkedArray, an object with ``__arrow_c_array__`` or ``__arrow_c_stream__``, ``array.array``, memoryview, or an
        object with ``__array__``.
    kind : {"int", "b16", "bytes"}, optional
        The kind that is wanted; None takes what the container holds. "b16" also admits bytes of length 16, numpy
        ``S16``, Python ints below 2**128 and uint8 arrays of shape (n, 16).
    argument : str
        Name of the caller's argument, for messages.
    lookup : {"signed", "unsigned"}, optional
        The keys are looked up in a table of such integers (of either, if its keys are no integers). An integer that no such
        table holds then counts as null; for a build it is an error. Texts are not looked at: see ``encodable``.

    Returns
    -------
    KeyColumn
        Borrows the memory of ``keys`` wherever it can.

    Raises
    ------
    KeyTypeError
        The keys are of a type that cannot be a key, of mixed types, not of the kind wanted or, unless looked up, outside
        its range.
    ArgumentError
        Not a container of one dimension: a single key, an iterator, a set, a whole table.
    MissingExtraError
        The container can only be read with pyarrow, which is not installed.
    """
    check_kind(kind)
    if isinstance(keys, np.ndarray):
        return from_ndarray(keys, kind, argument, NumpyBox(), lookup)
    if isinstance(keys, (list, tuple)):
        # a copy, since another thread may change a list while it is read
        return from_objects(tuple(keys), kind, argument, ListBox(), lookup=lookup)
    if keys is None or isinstance(keys, _SCALARS):
        raise ArgumentError(
            f"{argument}: an array of keys is needed, got a single {type(keys).__name__}",
            hint="Wrap it in a list; single keys have calls of their own, named without _many",
            argument=argument,
        )
    if isinstance(keys, range):
        numbers = range_values(keys)
        if numbers is None:
            return from_objects(tuple(keys), kind, argument, NumpyBox(), lookup=lookup)
        return from_ndarray(numbers, kind, argument, NumpyBox(), lookup)
    if isinstance(keys, Strings):
        return from_strings(keys, kind, argument, NumpyBox())
    column = _from_library(keys, kind, argument, lookup)
    if column is not None:
        return column
    if hasattr(keys, "__arrow_c_array__"):
        return from_arrow(pyarrow(f"{argument} of {_named(keys)}").array(keys), kind, argument, ArrowBox())
    if hasattr(keys, "__arrow_c_stream__"):
        arrow = pyarrow(f"{argument} of {_named(keys)}")
        return from_arrow(arrow.chunked_array(keys), kind, argument, ArrowBox(chunked=True))
    if hasattr(keys, "__array__") or _has_buffer(keys):
        return from_ndarray(np.asarray(keys), kind, argument, NumpyBox(), lookup)
    mend = f"Use list({argument})" if hasattr(keys, "__iter__") else "Give a numpy array, list, or column of a table"
    if isinstance(keys, Mapping):
        mend = f"Use list({argument}) for its keys, list({argument}.values()) for its values"
    elif isinstance(keys, Set):
        mend = f"A set has no order to answer in: use list({argument})"
    raise ArgumentError(f"{argument}: an array of keys is needed, got {_named(keys)}", hint=mend, argument=argument)


def _from_library(keys: Any, kind: str | None, argument: str, lookup: Lookup | None) -> KeyColumn | None:
    pandas, polars, arrow = loaded("pandas"), loaded("polars"), loaded("pyarrow")
    whole = None
    if pandas is not None:
        if isinstance(keys, (pandas.Series, pandas.Index, pandas.api.extensions.ExtensionArray)):
            return from_pandas(keys, kind, argument, pandas_box(keys), lookup)
        whole = isinstance(keys, pandas.DataFrame)
    if polars is not None:
        if isinstance(keys, polars.Series):
            return from_polars(keys, kind, argument, PolarsBox(keys.name), lookup)
        whole = whole or isinstance(keys, (polars.DataFrame, polars.LazyFrame, polars.Expr))
    if arrow is not None:
        if isinstance(keys, (arrow.Array, arrow.ChunkedArray)):
            return from_arrow(keys, kind, argument, ArrowBox(isinstance(keys, arrow.ChunkedArray)))
        whole = whole or isinstance(keys, (arrow.Table, arrow.RecordBatch, arrow.RecordBatchReader))
    if whole:
        raise ArgumentError(
            f"{argument}: one column is needed, got {_named(keys)}",
            hint='Give the key column itself, such as frame["id"]',
            argument=argument,
        )
    return None


def _named(value: Any) -> str:
    kind = type(value)
    return kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__.partition('.')[0]} {kind.__name__}"


def _has_buffer(value: Any) -> bool:
    try:
        memoryview(value)
    except TypeError:
        return False
    return True
