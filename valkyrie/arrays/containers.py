"""Results in the container the keys came in: one small class per library, all with the same two methods.

``column`` gives one column back, ``table`` several. Values are numpy arrays or ``Strings``; ``missing`` says where
there is no answer. Libraries with nulls get nulls; numpy gets ``default_missing``; a ``fill`` value takes the place of
both. The dtype of a result depends on the dtype of the column alone, never on whether something was missing.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Protocol, TypeAlias

import numpy as np

from valkyrie.arrays.missing import default_missing, fill_scalar, with_missing
from valkyrie.arrays.strings import Strings, is_encodable
from valkyrie.arrays.time_units import changed_times, with_not_a_time
from valkyrie.errors import ArgumentError
from valkyrie.typing import AnyArray, BoolArray

__all__ = ["Answers", "Container", "ListBox", "NumpyBox", "apply_fill", "fill_of", "python_value"]

_FINE = ("ns", "ps", "fs", "as")
"""Units finer than Python's dates and durations."""

Answers: TypeAlias = Mapping[str, tuple[AnyArray | Strings, BoolArray | None]]
"""Columns of a result by name: values, and where they are missing."""


class Container(Protocol):
    """How to give results back. Instances are immutable and safe to use from any thread."""

    def column(
        self, values: AnyArray | Strings, missing: BoolArray | None = None, name: str | None = None, fill: Any = None
    ) -> Any:
        """Return one column.

        Parameters
        ----------
        values : ndarray or Strings, shape (n,)
            Borrowed; the result may share its memory.
        missing : ndarray of bool, shape (n,), optional
            True where there is no answer.
        name : str, optional
            Name of the column, where the library has names; None keeps the name of the input.
        fill : scalar, optional
            Stands where there is no answer, in place of null.

        Raises
        ------
        ArgumentError
            ``fill`` does not fit the dtype of the column.
        """

    def table(self, columns: Answers, fill: Mapping[str, Any] | None = None) -> Any:
        """Return several columns as a table of the library; ``fill`` by name of column. Errors as ``column``."""


def apply_fill(
    values: AnyArray | Strings, missing: BoolArray | None, name: str | None, fill: Any
) -> tuple[AnyArray | Strings, BoolArray | None]:
    """Put the caller's fill value in its places, after which nothing is missing; without one, only merge the nulls.

    NaT is null, whoever made the column: beside a mask, Arrow would take the number behind it for a date.
    """
    if isinstance(values, Strings):
        values = values.masked(missing)
        if fill is None:
            return values, values.nulls
        if not isinstance(fill, str) or not is_encodable(fill):
            raise ArgumentError(
                f"missing: {fill!r} does not fit column {name or 'column'!r} of text",
                hint="Give a str that has a UTF-8 form, or missing=None for nulls",
                argument="missing",
                column=name,
                value=fill,
            )
        return values.filled(fill), None
    if not values.dtype.isnative:
        values = values.astype(values.dtype.newbyteorder("="))
    missing = with_not_a_time(values, missing)
    if fill is None:
        return values, missing
    return with_missing(values, missing, fill_scalar(fill, values.dtype, name or "column")), None


def fill_of(columns: Collection[str], fill: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """Return the fill values by column.

    Raises
    ------
    ArgumentError
        There is one for a column that is not asked for.
    """
    unknown = [name for name in fill or () if name not in columns]
    if unknown:
        raise ArgumentError(f"missing: no column {unknown[0]!r} is asked for", hint=f"The columns are {', '.join(columns)}")
    return fill or {}


class NumpyBox:
    """numpy arrays: text comes as object arrays of str and None; several columns as a structured array."""

    __slots__ = ()

    def column(
        self, values: AnyArray | Strings, missing: BoolArray | None = None, name: str | None = None, fill: Any = None
    ) -> AnyArray:
        values, missing = apply_fill(values, missing, name, fill)
        if isinstance(values, Strings):
            return values.to_objects()
        return with_missing(values, missing, default_missing(values.dtype))

    def table(self, columns: Answers, fill: Mapping[str, Any] | None = None) -> AnyArray:
        fills = fill_of(columns, fill)
        parts = {name: self.column(*pair, name, fills.get(name)) for name, pair in columns.items()}
        n = len(next(iter(parts.values()))) if parts else 0
        out = np.empty(n, dtype=[(name, part.dtype) for name, part in parts.items()])
        for name, part in parts.items():
            out[name] = part
        return out


class ListBox:
    """Lists and tuples: a list with None where there is no answer; several columns as a structured array."""

    __slots__ = ()

    def column(
        self, values: AnyArray | Strings, missing: BoolArray | None = None, name: str | None = None, fill: Any = None
    ) -> list[Any]:
        values, missing = apply_fill(values, missing, name, fill)
        if isinstance(values, Strings):
            texts: list[Any] = values.to_objects().tolist()
            return texts
        # where Python has no such type, numpy's own scalars keep the unit that tolist() would drop
        items: list[Any] = list(values) if _beyond_python(values.dtype) else values.tolist()
        if missing is not None:
            for i in np.flatnonzero(missing).tolist():
                items[i] = None
        return items

    def table(self, columns: Answers, fill: Mapping[str, Any] | None = None) -> AnyArray:
        return NumpyBox().table(columns, fill)


def python_value(item: Any) -> Any:
    """Return a numpy scalar as the Python value that is equal to it; numpy's own if Python has none, None for NaT."""
    if not isinstance(item, np.generic):
        return item
    if not isinstance(item, (np.datetime64, np.timedelta64)):
        return item.item()
    if np.isnat(item):
        return None
    time = np.asarray(item)
    coarse = time.astype(f"{time.dtype.kind}8[us]") if np.datetime_data(item.dtype)[0] in _FINE else time
    value = coarse.item()
    # an int is how numpy says that Python has no such date or duration
    return item if isinstance(value, int) or changed_times(time, coarse) else value


def _beyond_python(dtype: np.dtype[Any]) -> bool:
    return dtype.kind in "Mm" and np.datetime_data(dtype)[0] in (_FINE if dtype.kind == "M" else (*_FINE, "M", "Y"))
