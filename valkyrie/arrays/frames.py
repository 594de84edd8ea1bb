"""Tables of columns in: dicts, structured arrays, pandas, polars, Arrow and ``Columns``, split into raw columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from valkyrie.arrays.columns import Columns, check_lengths
from valkyrie.arrays.libraries import loaded, pyarrow
from valkyrie.errors import ArgumentError, UnknownColumnError

__all__ = ["Frame", "read_frame", "require_column"]

_MEND = "Give a dict of arrays, a structured array, a pandas or polars DataFrame, a pyarrow Table, or valkyrie Columns"


class Frame(NamedTuple):
    """A table taken apart: names, and raw columns for ``key_column`` and ``payload_column``."""

    names: list[str]
    columns: list[Any]

    def column(self, name: str, argument: str = "key") -> Any:
        """Return the raw column of a name; UnknownColumnError if there is none."""
        return self.columns[self.names.index(require_column(self.names, name, argument))]


def require_column(names: Sequence[str], name: str, argument: str = "columns") -> str:
    """Return ``name`` if it is one of ``names``.

    Raises
    ------
    UnknownColumnError
        It is not; the hint names the nearest, or all.
    """
    if name in names:
        return name
    import difflib  # only a mistake pays for it

    near = difflib.get_close_matches(str(name), names, n=1)
    hint = f"Did you mean {near[0]!r}?" if near else f"The columns are {', '.join(map(repr, names)) or 'none'}"
    raise UnknownColumnError(
        f"{argument}: there is no column {name!r}", hint=hint, argument=argument, column=name, columns=list(names)
    )


def read_frame(frame: Any, argument: str = "frame") -> Frame:
    """Take a table of columns apart; no column is copied.

    Parameters
    ----------
    frame : mapping of str to array-like, structured ndarray of shape (n,), pandas.DataFrame, polars.DataFrame,
        pyarrow.Table or RecordBatch, Columns, or an object with ``__arrow_c_stream__`` that streams a table.
    argument : str
        Name of the caller's argument, for messages.

    Raises
    ------
    ArgumentError
        Not a table, columns of unequal length (all are named), or names that are not text or occur twice.
    MissingExtraError
        The table can only be read with pyarrow, which is not installed.
    """
    names, columns = _split(frame, argument)
    odd = next((name for name in names if not isinstance(name, str)), None)
    if odd is not None:
        raise ArgumentError(f"{argument}: column names must be str, got {odd!r}", hint="Rename the columns", argument=argument)
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ArgumentError(
            f"{argument}: the column {twice!r} occurs twice", hint="Rename one of them", argument=argument, column=twice
        )
    check_lengths(names, columns, argument)
    return Frame(names, columns)


def _split(frame: Any, argument: str) -> tuple[list[Any], list[Any]]:
    if isinstance(frame, Columns):
        return list(frame.names), frame.raw()
    if isinstance(frame, Mapping):
        return list(frame), list(frame.values())
    if isinstance(frame, np.ndarray):
        if frame.dtype.names is None or frame.ndim != 1:
            what = f"an array of dtype {frame.dtype} and shape {frame.shape}"
            raise ArgumentError(f"{argument}: named columns are needed, got {what}", hint=_MEND, argument=argument)
        return list(frame.dtype.names), [frame[name] for name in frame.dtype.names]
    pandas, polars = loaded("pandas"), loaded("polars")
    if pandas is not None and isinstance(frame, pandas.DataFrame):
        return list(frame.columns), [frame.iloc[:, i] for i in range(frame.shape[1])]
    if polars is not None:
        if isinstance(frame, polars.LazyFrame):
            raise ArgumentError(f"{argument}: got a polars LazyFrame", hint="Use .collect()", argument=argument)
        if isinstance(frame, polars.DataFrame):
            return list(frame.columns), frame.get_columns()
    if hasattr(frame, "__arrow_c_stream__") or hasattr(frame, "__arrow_c_array__"):
        return _split_arrow(frame, argument)
    raise ArgumentError(f"{argument}: a table of columns is needed, got {type(frame).__name__}", hint=_MEND, argument=argument)


def _split_arrow(frame: Any, argument: str) -> tuple[list[Any], list[Any]]:
    pa = pyarrow(f"{argument} of type {type(frame).__name__}")
    try:
        table = frame if isinstance(frame, (pa.Table, pa.RecordBatch)) else pa.table(frame)
    except (TypeError, pa.ArrowInvalid) as error:
        raise ArgumentError(
            f"{argument}: named columns are needed, got {type(frame).__name__}", hint=_MEND, argument=argument
        ) from error
    return list(table.schema.names), list(table.columns)
