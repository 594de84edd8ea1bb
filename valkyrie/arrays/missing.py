"""What stands in a column where there is no answer: a default per dtype, or the caller's fill value, checked to fit."""

from __future__ import annotations

import numbers
from typing import Any

import numpy as np

from valkyrie.arrays.time_units import time_scalar
from valkyrie.errors import ArgumentError
from valkyrie.typing import AnyArray, BoolArray

__all__ = ["default_missing", "fill_scalar", "with_missing"]


def default_missing(dtype: np.dtype[Any]) -> Any:
    """Return the value that stands for "no answer" in a numpy array, which has no nulls.

    NaN for floats and complex, NaT for dates and durations, -1 for signed and the maximum for unsigned integers, False,
    empty text and bytes, zero bytes for ``V``, None for objects.
    """
    match dtype.kind:
        case "f" | "c":
            return np.nan
        case "M" | "m":
            return np.array("NaT", dtype=dtype)[()]
        case "i":
            return -1
        case "u":
            return np.iinfo(dtype).max
        case "b":
            return False
        case "U":
            return ""
        case "S":
            return b""
        case "V":
            return np.zeros((), dtype=dtype)[()]
        case _:
            return None


def fill_scalar(fill: Any, dtype: np.dtype[Any], name: str) -> Any:
    """Return ``fill`` as a scalar of ``dtype``.

    Raises
    ------
    ArgumentError
        The value does not fit the dtype of the column: another type, out of range, longer than the items, finer than the
        unit of dates and durations, or text without a UTF-8 form.
    """
    misfit = ArgumentError(
        f"missing: {fill!r} does not fit column {name!r} of dtype {dtype}",
        hint="Give a value of the column's type, or missing=None for nulls",
        argument="missing",
        column=name,
        value=fill,
    )
    # numpy counts booleans and durations among the integers
    number = isinstance(fill, numbers.Number) and not isinstance(fill, (bool, np.bool_, np.timedelta64))
    match dtype.kind:
        case "b":
            fits = isinstance(fill, (bool, np.bool_))
        case "i" | "u":
            limits = np.iinfo(dtype)
            fits = number and isinstance(fill, numbers.Integral) and limits.min <= int(fill) <= limits.max
        case "f":
            fits = number and isinstance(fill, numbers.Real)
        case "c":
            fits = number
        case "U" | "S":
            fits = isinstance(fill, str if dtype.kind == "U" else bytes)
        case "V":
            width = fill.nbytes if isinstance(fill, np.void) else len(fill) if isinstance(fill, bytes) else -1
            fits = width == dtype.itemsize
        case _:
            fits = True
    if not fits:
        raise misfit
    try:
        if dtype.kind in "Mm":
            return time_scalar(fill, dtype)
        if dtype.kind == "U":
            fill.encode()
        with np.errstate(over="ignore"):
            scalar = np.array(fill, dtype=dtype)
    except (TypeError, ValueError, OverflowError) as error:
        raise misfit from error
    if dtype.kind in "US" and scalar[()] != fill:
        raise misfit
    if dtype.kind in "fc" and np.isinf(scalar) and not np.isinf(np.asarray(fill, dtype=np.complex128)):
        raise misfit
    return scalar[()]


def with_missing(values: AnyArray, missing: BoolArray | None, value: Any) -> AnyArray:
    """Return ``values`` with ``value`` where ``missing`` is True; copied only if there is such a place."""
    if missing is None or not missing.any():
        return values
    out = values.copy()
    out[missing] = value
    return out
