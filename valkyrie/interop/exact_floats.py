"""Integers that a column of floats would round, found where they were written as text."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["EXACT", "first_rounded", "is_rounded"]

EXACT = 2.0**53
"""Below it a float holds every integer."""
INTEGER = r"^\s*[-+]?[0-9]+\s*$"


def is_rounded(text: str) -> bool:
    """True if the integer `text` is not the float nearest to it."""
    return Decimal(float(text)) != Decimal(text)


def first_rounded(texts: pa.ChunkedArray, floats: pa.ChunkedArray) -> int | None:
    """Position of the first integer among `texts` that is not the float it became; None if there is none."""
    import pyarrow.compute as pc

    large = pc.fill_null(pc.greater_equal(pc.abs(floats), EXACT), False)
    if not pc.any(large).as_py():
        return None
    integers = pc.and_(large, pc.fill_null(pc.match_substring_regex(texts, INTEGER), False))
    return next((int(row) for row in np.flatnonzero(np.asarray(integers)) if is_rounded(texts[int(row)].as_py())), None)
