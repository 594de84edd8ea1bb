"""Arguments that several methods of a SnapshotManager take, checked."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from valkyrie.errors import ArgumentError
from valkyrie.snapshot.snapshot import Snapshot

__all__ = ["checked_moment", "checked_seconds", "checked_snapshot", "checked_whole"]

_NOW = "Use time.time()"


def checked_seconds(timeout: Any, argument: str = "timeout") -> float | None:
    """Read a duration: seconds or a timedelta, from 0; None, for ever, stays None.

    Raises
    ------
    ArgumentError
    """
    if timeout is None:
        return None
    if isinstance(timeout, timedelta):
        timeout = timeout.total_seconds()
    if isinstance(timeout, bool) or not isinstance(timeout, int | float) or not timeout >= 0:
        raise ArgumentError(f"{argument} must be seconds from 0, or a timedelta; got {timeout!r}", hint="None waits for ever")
    return min(float(timeout), threading.TIMEOUT_MAX)


def checked_moment(time: Any) -> float:
    """Read a moment: seconds since the epoch, or a datetime.

    Raises
    ------
    ArgumentError
    """
    if isinstance(time, bool) or not isinstance(time, datetime | int | float) or time != time:
        raise ArgumentError(f"time must be seconds since the epoch or a datetime; got {time!r}", hint=_NOW)
    try:
        return time.timestamp() if isinstance(time, datetime) else float(time)
    except (OverflowError, ValueError, OSError) as error:
        raise ArgumentError("time lies beyond what any clock tells", hint=_NOW) from error


def checked_whole(value: Any, argument: str, *, least: int | None = None) -> int:
    """Read a whole number, from `least` if that is given.

    Raises
    ------
    ArgumentError
    """
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool | np.timedelta64)
    if not whole or (least is not None and value < least):
        bound = "" if least is None else f" from {least}"
        raise ArgumentError(f"{argument} must be a whole number{bound}; got {value!r}", hint="Such as 64", argument=argument)
    return int(value)


def checked_snapshot(snapshot: Any, argument: str) -> Snapshot:
    """Read a snapshot.

    Raises
    ------
    ArgumentError
    """
    if not isinstance(snapshot, Snapshot):
        raise ArgumentError(
            f"{argument} must be a Snapshot; got {type(snapshot).__name__}",
            hint="Snapshot.build() makes one from tables",
            argument=argument,
        )
    return snapshot
