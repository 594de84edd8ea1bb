"""Units of dates and durations: numpy has more of them than the other libraries."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from valkyrie.errors import ArgumentError
from valkyrie.typing import AnyArray

__all__ = ["to_unit_of"]


def to_unit_of(values: AnyArray, units: Sequence[str], name: str | None = None) -> AnyArray:
    """Return dates or durations in one of ``units`` (coarse to fine): their own, or the coarsest that is exact.

    Raises
    ------
    ArgumentError
        No unit of the library is as fine as the column's.
    """
    unit, multiple = np.datetime_data(values.dtype)
    if unit in units and multiple == 1:
        return values
    family = values.dtype.kind
    for other in units:
        target: np.dtype[Any] = np.dtype(f"{family}8[{other}]")
        if np.can_cast(values.dtype, target, casting="safe"):
            return values.astype(target)
    raise ArgumentError(
        f"{name or 'column'}: {values.dtype} has no counterpart in the result's library",
        hint=f"Store the column in one of the units {', '.join(units)}",
        column=name,
    )
