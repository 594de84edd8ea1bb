"""Dates and durations between units: numpy has more of them than the other libraries, and wraps without a word."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import Any

import numpy as np

from valkyrie.errors import ArgumentError
from valkyrie.typing import AnyArray, BoolArray

__all__ = ["changed_times", "time_scalar", "to_unit_of", "with_not_a_time"]

_DAYS = np.iinfo(np.int32)
"""Days that a date holds in Arrow and polars."""


def to_unit_of(values: AnyArray, units: Sequence[str], name: str | None = None, missing: BoolArray | None = None) -> AnyArray:
    """Return dates or durations in one of ``units`` (coarse to fine): their own, or the coarsest that is exact.

    Parameters
    ----------
    missing : ndarray of bool, shape (n,), optional
        Where the values are arbitrary.

    Raises
    ------
    ArgumentError
        No unit of the library is as fine as the column's, or a value is beyond the range of that unit.
    """
    family = values.dtype.kind
    unit, multiple = np.datetime_data(values.dtype)
    out = None
    for other in [unit] if unit in units and multiple == 1 else units:
        target: np.dtype[Any] = np.dtype(f"{family}8[{other}]")
        if np.can_cast(values.dtype, target, casting="safe"):
            out = values.astype(target, copy=False)
            break
    if out is None:
        raise ArgumentError(
            f"{name or 'column'}: {values.dtype} has no counterpart in the result's library",
            hint=f"Store the column in one of the units {', '.join(units)}",
            column=name,
        )
    changed = np.zeros(len(values), np.bool_) if out.dtype == values.dtype else changed_times(values, out)
    if np.datetime_data(out.dtype)[0] == "D" and family == "M":
        days = out.view(np.int64)
        changed |= ((days < _DAYS.min) | (days > _DAYS.max)) & ~np.isnat(out)
    if missing is not None:
        changed &= ~missing
    if changed.any():
        position = int(np.argmax(changed))
        raise ArgumentError(
            f"{name or 'column'}: {values[position]!r} is beyond the dates or durations of the result's library",
            hint="Ask for numpy arrays",
            column=name,
            position=position,
        )
    return out


def changed_times(values: AnyArray, converted: AnyArray) -> BoolArray:
    """Return which dates or durations a conversion cut or wrapped: ndarray of bool, of their shape."""
    back = converted.astype(values.dtype)
    changed: BoolArray = ~((back == values) | (np.isnat(values) & np.isnat(back)))
    return changed


def time_scalar(value: Any, dtype: np.dtype[Any]) -> Any:
    """Return a date or duration as a scalar of ``dtype``.

    Raises
    ------
    ValueError
        It does not fit: another type, a time zone, finer than the unit, or beyond its range.
    TypeError
        numpy does not convert between the units, such as months and days.
    """
    python = datetime.date if dtype.kind == "M" else datetime.timedelta
    own: Any = np.datetime64 if dtype.kind == "M" else np.timedelta64
    if not isinstance(value, (own, python)):
        raise ValueError("another type")
    if isinstance(value, datetime.datetime) and value.tzinfo is not None:
        raise ValueError("a time zone")
    # pandas' Timestamp and Timedelta are Python's with nanoseconds, which numpy would not see
    exact = getattr(value, "to_datetime64" if dtype.kind == "M" else "to_timedelta64", None)
    given = np.asarray(own(value) if exact is None else exact())
    converted = given.astype(dtype, casting="same_kind")
    if changed_times(given, converted):
        raise ValueError("cut or wrapped")
    return converted[()]


def with_not_a_time(values: AnyArray, missing: BoolArray | None) -> BoolArray | None:
    """Return where there is no value, NaT counting as none; ``missing`` itself if ``values`` have no NaT."""
    if values.dtype.kind not in "Mm":
        return missing
    absent: BoolArray = np.isnat(values)
    if not absent.any():
        return missing
    return absent if missing is None else absent | missing
