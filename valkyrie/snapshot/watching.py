"""Following the versions of a manager as they are published, from threads and from coroutines.

A watch keeps a version number and no queue: it reads what comes next from the history. One that was too slow, so that its next
version is gone, is told so and goes on from the current version. Nothing polls: threads wait on a condition, coroutines on a
future that whoever publishes sets.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from valkyrie.snapshot.history import History, version_number

if TYPE_CHECKING:
    from valkyrie.snapshot.snapshot import Snapshot

__all__ = ["Change", "Changes", "Watch"]


@dataclass(frozen=True, eq=False)
class Change:
    """A version that was published.

    Attributes
    ----------
    version : int
    snapshot : Snapshot
    resync : bool
        Versions between the one before and this were missed, since the history holds them no longer.
    """

    version: int
    snapshot: Snapshot
    resync: bool


class Changes:
    """Where watches wait for whoever publishes. Safe to use from any thread.

    Attributes
    ----------
    condition : threading.Condition
        Held while a version becomes current, and while a watch looks for one.
    wakes : set of callable
        What coroutines want to be called at the next change, once; under the condition.
    are_over : bool
        There will be no more.
    """

    __slots__ = ("are_over", "condition", "wakes")

    def __init__(self) -> None:
        self.are_over = False
        self.renew()

    def renew(self) -> None:
        """In a forked child: the threads and event loops that waited are the parent's."""
        self.condition = threading.Condition()
        self.wakes: set[Callable[[], None]] = set()

    def announce(self, change: Callable[[], None] | None = None) -> None:
        """Make a change that watches wait for, and wake them."""
        with self.condition:
            if change is not None:
                change()
            self.condition.notify_all()
            wakes, self.wakes = self.wakes, set()
        for wake in wakes:
            wake()

    def end(self) -> None:
        """Tell all watches that there will be no more."""
        self.are_over = True
        self.announce()


class Watch(Iterator[Change], AsyncIterator[Change]):
    """The versions after one, each once and in order, for ``for`` or ``async for``; made by `SnapshotManager.watch`.

    It ends when the manager is closed and all was given, when no version comes for as long as its timeout, or with `close`;
    ``manager.watch(since=watch.version)`` goes on where it ended. Several threads may share one: each change goes to one of them.

    Attributes
    ----------
    version : int
        The last that was given; before the first, the one that it began after.
    """

    __slots__ = ("_changes", "_is_over", "_timeout", "_versions", "version")

    def __init__(
        self, changes: Changes, versions: Callable[[], tuple[Snapshot, History]], since: int, timeout: float | None
    ) -> None:
        """Watch a manager; use `SnapshotManager.watch`.

        Parameters
        ----------
        changes : Changes
            Of the manager.
        versions : callable
            Gives its current version, and those that it keeps.
        since : int
            The version to begin after.
        timeout : float or None
            In seconds.
        """
        self._changes = changes
        self._versions = versions
        self._timeout = timeout
        self._is_over = False
        self.version = since

    def close(self) -> None:
        """End the iteration, also of a thread or coroutine that waits."""
        self._is_over = True
        self._changes.announce()

    def __next__(self) -> Change:
        condition = self._changes.condition
        with condition:
            condition.wait_for(self._has_news, self._timeout)
            change = self._next_change()
            if change is None:
                self._is_over = True
                raise StopIteration
            return change

    def __aiter__(self) -> Watch:
        return self

    async def __anext__(self) -> Change:
        import asyncio  # takes longer to import than all of Valkyrie

        loop, changes = asyncio.get_running_loop(), self._changes
        deadline = None if self._timeout is None else loop.time() + self._timeout
        while True:
            news = asyncio.Event()

            def wake(news: asyncio.Event = news) -> None:
                with contextlib.suppress(RuntimeError):  # a loop that was closed has nobody left to tell
                    loop.call_soon_threadsafe(news.set)

            with changes.condition:
                change = self._next_change()
                if change is not None:
                    return change
                if self._has_news() or (deadline is not None and loop.time() >= deadline):
                    self._is_over = True
                    raise StopAsyncIteration
                changes.wakes.add(wake)
            try:
                await asyncio.wait_for(news.wait(), None if deadline is None else deadline - loop.time())
            except TimeoutError:
                pass  # what came at the last moment is still given
            finally:
                with changes.condition:
                    changes.wakes.discard(wake)

    def _has_news(self) -> bool:
        newest, _ = self._versions()
        return version_number(newest) > self.version or self._is_over or self._changes.are_over

    def _next_change(self) -> Change | None:
        """What comes after the last version given, if it is there."""
        newest, history = self._versions()
        if self._is_over or version_number(newest) <= self.version:
            return None
        following = history.after(self.version)
        snapshot = newest if following is None else following
        self.version = version_number(snapshot)
        return Change(self.version, snapshot, resync=following is None)
