"""The bounded queue of scheduled operations, and the thread that empties it.

The thread holds no reference to the manager while it waits, so a manager that nobody uses goes away, and the thread with it.
While operations wait or are being applied the queue holds the manager: what was scheduled is not lost with the last reference.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from valkyrie.errors import ManagerClosedError, QueueFullError
from valkyrie.snapshot.operations import Operation

__all__ = ["OperationQueue"]

_RETRY_SECONDS = 1.0


class OperationQueue:
    """Operations that wait for the writer thread. Safe to use from any thread.

    Parameters
    ----------
    bound : int
        How many may wait.
    """

    __slots__ = ("_bound", "_filled", "_retry_at", "_room", "_taken", "_waiting", "is_closed", "is_stopped", "owner", "thread")

    def __init__(self, bound: int) -> None:
        self._bound = bound
        self.is_closed = self.is_stopped = False
        self.renew()

    def renew(self) -> None:
        """In a forked child: what waits is the parent's to apply, and the thread is the parent's."""
        lock = threading.RLock()  # stop() may be called by the garbage collector, in the middle of anything
        self._filled, self._room = threading.Condition(lock), threading.Condition(lock)
        self._waiting: deque[Operation] = deque()
        self._taken: deque[Operation] = deque()
        self._retry_at: float | None = None
        self.owner: Any = None
        self.thread: threading.Thread | None = None

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, operation: Operation, owner: Any, timeout: float | None) -> None:
        """Add an operation, once there is room.

        Raises
        ------
        QueueFullError, ManagerClosedError
        """
        with self._filled:
            if len(self._waiting) >= self._bound:
                self._room.wait_for(lambda: self.is_closed or len(self._waiting) < self._bound, timeout)
            if self.is_closed:
                raise ManagerClosedError("schedule(): the manager was closed", hint="Schedule before close()")
            if len(self._waiting) >= self._bound:
                raise QueueFullError(
                    f"schedule(): {self._bound} operations wait to be published already",
                    hint="Schedule more slowly, wait longer (timeout=None waits for ever), or give the manager a longer queue",
                    queue=self._bound,
                )
            self.owner = owner
            self._waiting.append(operation)
            self._filled.notify()

    def take(self) -> Sequence[Operation]:
        """All that waits, which leaves the queue empty; `settle` must follow."""
        with self._filled:
            self._taken, self._waiting = self._waiting, deque()
            self._retry_at = None
            self._room.notify_all()
            return tuple(self._taken)

    def settle(self, *, put_back: bool, pause: bool = False) -> None:
        """Say that what was taken is done with, or put it back to where it was; the thread takes it at once, or after a pause."""
        with self._filled:
            if put_back:
                self._retry_at = time.monotonic() + _RETRY_SECONDS if pause else None
                self._taken, self._waiting = deque(), deque((*self._taken, *self._waiting))
                self._filled.notify()
            self._taken = deque()
            if not self._waiting:
                self.owner = None

    def wait(self) -> bool:
        """Wait until there is something to apply, and a pause is over; False if there never will be, or nobody waits longer."""
        with self._filled:
            while not self.is_stopped:
                pause = None if self._retry_at is None else self._retry_at - time.monotonic()
                if self._waiting and (pause is None or pause <= 0):
                    return True
                self._filled.wait(pause if self._waiting else None)
            return bool(self._waiting) and self._retry_at is None

    def close(self) -> None:
        """Take no more operations."""
        with self._filled:
            self.is_closed = True
            self._room.notify_all()

    def stop(self) -> None:
        """Let the thread end once nothing waits."""
        with self._filled:
            self.is_closed = self.is_stopped = True
            self._filled.notify_all()
            self._room.notify_all()

    def start(self, work: Callable[..., None], *arguments: Any) -> bool:
        """Have a thread that does `work`, unless there is one; False where none can be started."""
        with self._filled:
            if self.thread is None or not self.thread.is_alive():
                self.thread = threading.Thread(target=work, args=arguments, name="valkyrie-snapshots", daemon=True)
                try:
                    self.thread.start()
                except RuntimeError:  # the interpreter is on its way out and starts no thread any more
                    self.thread = None
                    return False
            return True
