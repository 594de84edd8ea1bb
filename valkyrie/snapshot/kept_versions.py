"""The versions that readers see: the current one, those before it that are kept, and those to come.

``current`` is an ordinary attribute of an ordinary Python class, so that reading it is one load, takes no lock and is safe
without the GIL: a reader gets the old snapshot or the new one, and its reference keeps that alive.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

import numpy as np

from valkyrie.arrays import Columns
from valkyrie.errors import ArgumentError, ValkyrieError
from valkyrie.snapshot.arguments import checked_moment, checked_seconds, checked_whole
from valkyrie.snapshot.explanation import Explanation
from valkyrie.snapshot.history import History, version_number
from valkyrie.snapshot.snapshot import Snapshot
from valkyrie.snapshot.watching import Changes, Watch

__all__ = ["KeptVersions"]


class KeptVersions:
    """What readers use of a `SnapshotManager`; use that.

    Attributes
    ----------
    current : Snapshot
        The newest version. Reading it never waits; it cannot be assigned. Whoever needs several answers of one version reads it
        once and keeps it.
    """

    __slots__ = ("__weakref__", "_changes", "_history", "current")

    current: Snapshot
    _changes: Changes
    _history: History

    def __init__(self, first: Snapshot, history: int, history_bytes: int) -> None:
        self._changes = Changes()
        self._history = History(history, history_bytes, (first,))
        _set_current(self, first)

    def __setattr__(self, name: str, value: Any) -> None:
        self._check_settable(name)
        object.__setattr__(self, name, value)

    def __delattr__(self, name: str) -> None:
        self._check_settable(name)
        object.__delattr__(self, name)

    def at(self, *, version: int | None = None, time: float | datetime | None = None) -> Snapshot:
        """A version that is still kept. Never waits.

        Parameters
        ----------
        version : int
        time : float or datetime
            Seconds since the epoch: the newest version created at or before that time. Give this or `version`.

        Raises
        ------
        VersionEvictedError
            It is kept no longer, or never was there; the error says which versions are.
        ArgumentError
        """
        if (version is None) == (time is None):
            raise ArgumentError("at() takes either version= or time=", hint="For the newest snapshot read current")
        if version is not None:
            return self._history.of_version(checked_whole(version, "version"))
        return self._history.at_time(checked_moment(time))

    def history(self) -> Columns:
        """The versions that are kept, the oldest first. Never waits.

        Returns
        -------
        Columns
            ``version`` int64; ``created_at`` float64, seconds since the epoch; ``keys``, ``pending`` and ``nbytes`` int64 (the
            bytes are those of each version by itself, though versions share most of them); ``digest`` text.
        """
        kept = self._history.snapshots
        return Columns(
            {
                "version": np.array([each.version for each in kept], np.int64),
                "created_at": np.array([each.created_at for each in kept], np.float64),
                "keys": np.array([sum(map(len, each.tables.values())) for each in kept], np.int64),
                "pending": np.array([each.pending for each in kept], np.int64),
                "nbytes": np.array([each.nbytes for each in kept], np.int64),
                "digest": [each.digest for each in kept],
            }
        )

    def watch(self, *, since: int | None = None, timeout: Any = None) -> Watch:
        """Follow the versions as they are published, with ``for`` or ``async for``.

        Parameters
        ----------
        since : int, optional
            The last version that is known already; by default the current one. 0, when none is, gives all that are kept, from
            the oldest on, and then those that follow.
        timeout : float or timedelta, optional
            The iteration ends, without an error, when no version comes for so many seconds; by default it goes on until `close`.

        Returns
        -------
        Watch
            Of `Change`, each version once and in order. A watch takes no memory for versions it has not come to. If one that
            comes next, to a watch that was too slow or after `since`, is kept no longer, it gets the current version instead,
            with ``resync=True``: none is missed without a word.

        Raises
        ------
        ArgumentError
            `since` was not published yet, or is below 0.
        """
        newest = version_number(self.current)
        known = newest if since is None else checked_whole(since, "since", least=0)
        if known > newest:
            raise ArgumentError(
                f"since: version {known} was not published yet, version {newest} is current",
                hint="A manager counts from 1 again after a restart: begin with since=0",
                argument="since",
            )
        if since is not None and not known:
            known = self._history.evicted
        return Watch(self._changes, lambda: (self.current, self._history), known, checked_seconds(timeout))

    def explain(self, key: Any, *, table: str | None = None) -> Explanation:
        """Why a key goes where it goes, and since when.

        Returns
        -------
        Explanation
            As `Snapshot.explain` gives it for the current version, with ``version``, and with ``since_version`` and
            ``since_time`` of the earliest version kept from which on the answer was the same, payload included; where the
            version before that is not kept, ``or_before`` says that it may have been the same even earlier.

        Raises
        ------
        KeyTypeError, AmbiguousKeyError, ArgumentError
        """
        newest = self.current
        answer = newest.explain(key, table=table)
        first, before = newest, 0  # no version before the first there ever was
        for earlier in reversed(self._history.before(newest)):
            try:
                then = earlier.explain(key, table=table)
                same = _answer(then) == _answer(answer)
            except ValkyrieError:  # it had no such table, or several that could take the key
                same = False
            if not same:
                before = version_number(earlier)
                break
            first = earlier
        return replace(
            answer,
            version=newest.version,
            since_version=first.version,
            since_time=first.created_at,
            or_before=before != version_number(first) - 1,
        )

    def _check_settable(self, name: str) -> None:
        if name == "current":
            raise AttributeError(f"{type(self).__name__}.current cannot be assigned: use publish() or update()")

    def _renew(self) -> None:
        """In a forked child: a version that was becoming current never will."""
        self._changes.renew()
        self._history = self._history.until(self.current)

    def _replace_current(self, snapshot: Snapshot, record: Callable[[History], None]) -> None:
        """Make a snapshot current, recorded in the history; the caller holds the writers' lock."""

        def change() -> None:
            record(self._history)
            _set_current(self, snapshot)

        try:
            self._changes.announce(change)
        except BaseException:  # Ctrl-C: the history goes no further than what readers see
            self._history = self._history.until(self.current)
            raise


_set_current: Callable[[KeptVersions, Snapshot], None] = KeptVersions.__dict__["current"].__set__


def _answer(explanation: Explanation) -> str:
    return repr((explanation.table, explanation.row, explanation.rule, explanation.record))  # as text, NaN is equal to NaN
