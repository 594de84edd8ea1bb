"""How much each key weighs: read from any container, checked, summed by target."""

from __future__ import annotations

from typing import Any

import numpy as np

from valkyrie.arrays import Strings, payload_column
from valkyrie.errors import ArgumentError
from valkyrie.typing import Float64Array, Int32Array, Int64Array

__all__ = ["checked_load", "grouped"]

_HINT = "Give one finite number a key, 0 or more: requests a second, bytes, money"


def checked_load(load: Any, n: int) -> Float64Array | None:
    """Loads as float64, shape (n,); None stays None, and means 1 a key.

    Raises
    ------
    ArgumentError
        They are not n numbers, finite, none negative or null.
    """
    if load is None:
        return None
    values, nulls = payload_column(load, "load")
    if isinstance(values, Strings) or values.dtype.kind not in "iufb":
        if len(values) or n:
            got = "text" if isinstance(values, Strings) else str(values.dtype)
            raise ArgumentError(f"load: numbers are needed, got {got}", hint=_HINT, argument="load")
        values = np.empty(0)
    if len(values) != n:
        raise ArgumentError(f"load: there are {len(values):,} loads for {n:,} keys", hint=_HINT, argument="load")
    numbers: Float64Array = values.astype(np.float64, copy=False)
    with np.errstate(over="ignore", invalid="ignore"):
        # Of loads that are not negative the sum is finite if each is, unless they are beyond all measure.
        sound = (nulls is None or not nulls.any()) and numbers.min(initial=0.0) >= 0 and bool(np.isfinite(numbers.sum()))
    if not sound:
        bad = ~np.isfinite(numbers) | (numbers < 0)
        if nulls is not None:
            bad |= nulls
        if not bad.any():
            raise ArgumentError("load: the sum is too large for a float", hint="Choose a larger unit", argument="load")
        position = int(np.argmax(bad))
        got = "null" if nulls is not None and nulls[position] else repr(float(numbers[position]))
        raise ArgumentError(f"load: the one at position {position} is {got}", hint=_HINT, argument="load", position=position)
    return numbers


def grouped(
    codes: Int64Array | Int32Array, load: Float64Array | None, end: int
) -> tuple[Int64Array, Int64Array, Float64Array]:
    """Count and weigh codes.

    Parameters
    ----------
    codes : ndarray of int32 or int64, shape (m,)
        From 0 to `end` - 1.
    load : ndarray of float64, shape (m,), optional
        By default 1 each.
    end : int

    Returns
    -------
    distinct : ndarray of int64, shape (d,)
        Ascending.
    counts : ndarray of int64, shape (d,)
    loads : ndarray of float64, shape (d,)
    """
    if end <= max(1 << 16, 2 * len(codes)):
        every: Int64Array = np.bincount(codes, minlength=1).astype(np.int64, copy=False)
        distinct: Int64Array = np.flatnonzero(every)
        weights = every.astype(np.float64) if load is None else np.bincount(codes, load, 1).astype(np.float64, copy=False)
        return distinct, every[distinct], weights[distinct]
    order = None if load is None else np.argsort(codes, kind="stable")
    ascending = np.sort(codes) if order is None else codes[order]
    first = np.ones(len(codes), np.bool_)
    np.not_equal(ascending[1:], ascending[:-1], out=first[1:])
    starts = np.flatnonzero(first)
    counts: Int64Array = np.diff(starts, append=len(codes))
    loads: Float64Array = counts.astype(np.float64)
    if load is not None and order is not None and len(starts):
        loads = np.add.reduceat(load[order], starts)
    return ascending[starts].astype(np.int64), counts, loads
