"""What the two kinds of index give a RouteTable, and the arguments that both of them take."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from valkyrie.arrays import Container
from valkyrie.arrays.libraries import is_masked
from valkyrie.errors import ArgumentError
from valkyrie.records import MAX_ROWS
from valkyrie.typing import Int32Array

__all__ = ["Located", "check_errors", "check_out", "checked_missing", "checked_rows"]


_FLAT = "Give a flat array of int32"


class Located(NamedTuple):
    """Where keys lead.

    Attributes
    ----------
    rows : ndarray of int32, shape (n,)
        -1 where there is none.
    box : Container
        How to give results back.
    """

    rows: Int32Array
    box: Container


def checked_rows(rows: Any, n: int) -> Int32Array | None:
    """Read the rows of a build: n whole numbers from 0 to 2**31 - 1; None stays None.

    Raises
    ------
    ArgumentError
    """
    if rows is None:
        return None
    try:
        values = np.asarray(rows)
    except ValueError as error:
        raise ArgumentError(f"rows must be one whole number a key; got {type(rows).__name__}: {error}", hint=_FLAT) from error
    if is_masked(rows) and np.ma.getmaskarray(rows).any():
        raise ArgumentError("rows: a row is masked", hint="Drop keys without a row first")
    if values.dtype.kind not in "iu" and values.size:
        raise ArgumentError(f"rows must be whole numbers; got dtype {values.dtype}", hint=_FLAT)
    if values.ndim != 1 or len(values) != n:
        raise ArgumentError(
            f"rows must have one value a key, shape ({n},); got shape {values.shape}", hint="Give as many rows as keys"
        )
    if n and (int(values.min()) < 0 or int(values.max()) > MAX_ROWS):
        raise ArgumentError(
            f"rows must lie between 0 and {MAX_ROWS}; got {int(values.min())} to {int(values.max())}",
            hint="A row is a position in a payload; -1 is kept for what is missing",
        )
    return np.ascontiguousarray(values, dtype=np.int32)


def checked_missing(missing: Any) -> int:
    """Read what stands for a miss: a whole number that fits int32.

    Raises
    ------
    ArgumentError
    """
    whole = isinstance(missing, int | np.integer) and not isinstance(missing, bool | np.timedelta64)
    if not whole or not -(2**31) <= missing < 2**31:
        raise ArgumentError(f"missing must be a whole number that fits int32; got {missing!r}", hint="Use -1, the default")
    return int(missing)


def check_out(out: Any, n: int, *borrowed: Any) -> None:
    """Check an array for n rows: that they fit, and that it shares no memory with arrays that are read meanwhile.

    Raises
    ------
    ArgumentError
    """
    if not isinstance(out, np.ndarray) or out.dtype != np.int32 or not out.dtype.isnative or out.shape != (n,):
        got = f"{out.dtype} of shape {out.shape}" if isinstance(out, np.ndarray) else type(out).__name__
        raise ArgumentError(f"out must be an int32 array of shape ({n},); got {got}", hint="Use np.empty(n, np.int32)")
    if not (out.flags.c_contiguous and out.flags.writeable and out.flags.aligned):
        raise ArgumentError("out must be contiguous, aligned and writeable", hint="Use np.empty(n, np.int32)")
    if any(isinstance(array, np.ndarray) and np.may_share_memory(out, array) for array in borrowed):
        raise ArgumentError("out shares memory with keys", hint="Give an array of its own")


def check_errors(errors: str) -> None:
    """Raise ArgumentError unless ``errors`` is one of the two words."""
    if errors not in ("coerce", "raise"):
        raise ArgumentError(f'errors must be "coerce" or "raise"; got {errors!r}', argument="errors", value=errors)
