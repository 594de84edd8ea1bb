"""What a manager asks before a version becomes current: a place where versions go besides its history."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from valkyrie.snapshot.snapshot import Snapshot

__all__ = ["Outlet"]


class Outlet(Protocol):
    """Where versions go. A manager has one at most: no order of writing to several makes them agree when the last one fails.

    All but `write_ahead` are called by whoever holds the writers' lock.

    Attributes
    ----------
    directory : str
        What it is called in messages.
    """

    directory: str

    def begin(self, current: Snapshot) -> None:
        """Make ready, with the current version there."""

    def write(self, snapshot: Snapshot) -> Callable[[], None]:
        """Write a version, so that nobody sees it yet; what is returned, when called, shows it. Either may raise to refuse it."""

    def write_ahead(self, merged: Snapshot) -> None:
        """Write the arrays of a merge while it is not current yet; called on the thread that merges."""

    def end(self, timeout: float | None = None) -> None:
        """Take no more versions, once a `write_ahead` under way has stopped.

        Raises
        ------
        ManagerBusyError
            It did not within so many seconds.
        """
