"""Durations as ISO 8601 text: ``P1DT2H3M4.5S``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from valkyrie.interop.file_errors import require_pyarrow

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["text_of_durations"]

DIGITS = {"s": 0, "ms": 3, "us": 6, "ns": 9}


def text_of_durations(column: pa.Array) -> pa.Array:
    """An Arrow array of durations to an array of strings, exact to the unit; nulls stay null."""
    pa = require_pyarrow()
    digits = DIGITS[column.type.unit]
    counts = column.cast(pa.int64()).to_pylist()
    return pa.array([None if count is None else _text(count, digits) for count in counts], pa.string())


def _text(count: int, digits: int) -> str:
    seconds, fraction = divmod(abs(count), 10**digits)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    tail = f".{fraction:0{digits}d}".rstrip("0") if fraction else ""
    date = f"{days}D" if days else ""
    time = (f"{hours}H" if hours else "") + (f"{minutes}M" if minutes else "")
    if seconds or tail or not (date or time):
        time += f"{seconds}{tail}S"
    return f"{'-' if count < 0 else ''}P{date}{'T' + time if time else ''}"
