"""The lock of those who publish: one at a time, a bounded wait if asked for, and a refusal instead of a deadlock."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

from valkyrie.errors import ManagerBusyError, NestedCallError

__all__ = ["WritersLock"]

_T = TypeVar("_T")


class WritersLock:
    """Held while a version is made and published. Readers never take it. Safe to use from any thread."""

    __slots__ = ("_lock", "_owner")

    def __init__(self) -> None:
        self.renew()

    def renew(self) -> None:
        """In a forked child: the thread that held it is not there."""
        self._lock = threading.Lock()
        self._owner: int | None = None

    @property
    def is_mine(self) -> bool:
        """Whether this thread holds it."""
        return self._owner == threading.get_ident()

    def check_not_mine(self, call: str) -> None:
        """Refuse a call that would wait for the thread that makes it.

        Raises
        ------
        NestedCallError
        """
        if self.is_mine:
            raise NestedCallError(
                f"{call}() was called while this thread publishes, from the function given to update() or a hook of it",
                hint="Return the changed snapshot, and call it afterwards",
                call=call,
            )

    def run(self, action: Callable[[], _T], *, call: str, timeout: float | None = None) -> _T:
        """Return what `action` returns, called while the lock is held.

        Raises
        ------
        NestedCallError
            The caller holds it already.
        ManagerBusyError
            Another thread held it for all of `timeout` seconds.
        """
        self.check_not_mine(call)
        lock = self._lock  # of this process, should the action fork
        if timeout is None:
            with lock:
                return self._owned(action)
        if not lock.acquire(timeout=timeout):
            raise ManagerBusyError(
                f"{call}() waited {timeout:g} seconds for another thread that publishes",
                hint="Wait longer, or find out what the function given to update() waits for",
                call=call,
            )
        try:
            return self._owned(action)
        finally:
            lock.release()

    def _owned(self, action: Callable[[], _T]) -> _T:
        self._owner = threading.get_ident()
        try:
            return action()
        finally:
            self._owner = None
