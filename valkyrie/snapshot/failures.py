"""What went wrong with scheduled operations, until somebody is told."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from valkyrie.errors import ValkyrieError

__all__ = ["Failures"]

_KEPT = 64


class Failures:
    """Errors of operations that failed, each to be raised once, in one thread. Safe to use from any thread.

    Attributes
    ----------
    total : int
        How many operations failed, those that somebody was told of included.
    """

    __slots__ = ("_errors", "_lock", "_untold", "total")

    def __init__(self) -> None:
        self.total = 0
        self.renew()

    def renew(self) -> None:
        """In a forked child: the parent is told of what failed before."""
        self._lock = threading.RLock()
        self._errors: list[Exception] = []
        self._untold = 0

    def add(self, errors: Sequence[Exception]) -> None:
        """Keep errors of operations that failed, up to a number."""
        kept = [_without_frames(error) for error in errors[:_KEPT]]
        with self._lock:
            self.total += len(errors)
            self._untold += len(errors)
            self._errors = [*self._errors, *kept][:_KEPT]

    def collect(self) -> Exception | None:
        """The error since the last time, or a group of several; None if nothing failed."""
        with self._lock:
            errors, untold = self._errors, self._untold
            self._errors, self._untold = [], 0
        if len(errors) < 2:
            return errors[0] if errors else None
        kept = "" if len(errors) == untold else f", {len(errors)} errors were kept"
        return ExceptionGroup(f"{untold} scheduled operations failed{kept}", errors)

    def report(self, refusal: Exception | None = None) -> None:
        """Raise what there is to tell, if there is something, together with why a version was refused."""
        error = self.collect()
        if error is None:
            error = refusal
        elif refusal is not None:
            error = ExceptionGroup("scheduled operations failed, and others could not be published", [error, refusal])
        if error is not None:
            raise error


def _without_frames(error: Exception) -> Exception:
    """The error without its traceback, whose frames hold the snapshots that were being made; what that would say is a note."""
    if not isinstance(error, ValkyrieError):  # those say all there is to say
        import traceback  # seldom needed, and not small

        error.add_note("".join(traceback.format_tb(error.__traceback__)).rstrip())
    link: BaseException | None = error
    while link is not None:
        link.__traceback__ = None
        link = link.__cause__ or link.__context__
    return error
