"""How a version comes after another: published by a caller, made by a function, an earlier one again, or merged.

Whoever publishes holds the writers' lock from before a version is made until it is current. Readers never take it. The last
step, which shows a version to others, is taken behind a gate that `close` shuts for the manager's own threads: what they were
doing when it gave up waiting for them comes to nothing, and what callers were doing is finished by them.
"""

from __future__ import annotations

import math
import threading
import time
import weakref
from collections.abc import Callable
from typing import Any, TypeVar

from valkyrie.errors import ArgumentError, ManagerClosedError, VersionConflictError
from valkyrie.snapshot.arguments import checked_seconds, checked_snapshot, checked_whole
from valkyrie.snapshot.history import creation_time, version_number
from valkyrie.snapshot.kept_versions import KeptVersions
from valkyrie.snapshot.merging import MergeAbove, Merging, caught_up
from valkyrie.snapshot.outlet import Outlet
from valkyrie.snapshot.snapshot import Lineage, Origin, Snapshot
from valkyrie.snapshot.writers_lock import WritersLock

__all__ = ["Halted", "VersionPublisher", "attach", "check_can_attach", "detach", "install_foreign", "reserve"]

_T = TypeVar("_T")


class Halted(Exception):
    """One of the manager's own threads was about to publish after `close`. Callers never see it."""


class VersionPublisher(KeptVersions):
    """What a `SnapshotManager` is without its queue; use that."""

    __slots__ = (
        "_clock",
        "_gate",
        "_is_halted",
        "_is_left_to_holder",
        "_last_seconds",
        "_least_version",
        "_merging",
        "_outlet",
        "_published",
        "_refusal",
        "_taken_as",
        "_token",
        "_writers",
    )

    def __init__(
        self,
        snapshot: Snapshot,
        *,
        history: int,
        history_bytes: int,
        clock: Callable[[], float],
        merge_above: MergeAbove,
    ) -> None:
        snapshot = checked_snapshot(snapshot, "snapshot")
        self._clock = clock
        self._gate = threading.Lock()
        self._is_halted = False  # written behind the gate
        self._is_left_to_holder = False  # a close that could not wait leaves the rest to whoever holds the writers' lock
        self._last_seconds = math.nan
        self._least_version = 1
        self._merging = Merging(merge_above)
        self._outlet: Outlet | None = None
        self._published = 0
        self._refusal: str | None = None
        self._taken_as: weakref.WeakKeyDictionary[Origin, int] = weakref.WeakKeyDictionary()
        self._token = object()
        self._writers = WritersLock()
        version = 1 if snapshot.version is None else snapshot.version
        created_at = self._now() if snapshot.created_at is None else float(snapshot.created_at)
        super().__init__(self._stamped(snapshot, version, snapshot.parent, created_at), history, history_bytes)
        self._remember(snapshot, version)

    def publish(self, snapshot: Snapshot, *, expected_version: int | None = None) -> Snapshot:
        """Make a snapshot the current one, under the next version.

        Parameters
        ----------
        snapshot : Snapshot
            Edited from the current snapshot, or built from scratch; the current one itself may be published again.
        expected_version : int, optional
            Publish only if this is the current version. By default an earlier version of this manager is refused, and so is an
            edit of one or of what was published as one: it would undo what came between.

        Returns
        -------
        Snapshot
            As published, with version, parent and created_at.

        Raises
        ------
        VersionConflictError
            Another version was published meanwhile.
        ManagerClosedError, NestedCallError
        ArgumentError
            Also if the clock gives no finite number; nothing is published then, by `update` and the others neither.

        Notes
        -----
        Waits for other threads that publish. Operations that are scheduled and not yet applied come after this version.
        """
        snapshot = checked_snapshot(snapshot, "snapshot")
        if expected_version is not None:
            expected_version = checked_whole(expected_version, "expected_version")

        def action() -> Snapshot:
            self._check_open("publish")
            began = time.perf_counter()
            current = self.current.version
            expected = self._version_edited(snapshot) if expected_version is None else expected_version
            if expected is not None and expected != current:
                what = "expected_version is" if expected_version is not None else "the snapshot was made from version"
                raise VersionConflictError(
                    f"publish(): {what} {expected}, but version {current} is current",
                    hint="Make the change again from current, or use update(), which cannot conflict",
                    expected=expected,
                    current=current,
                )
            return self._install(snapshot, began)

        return self._run(action, call="publish")

    def update(self, change: Callable[[Snapshot], Snapshot], *, timeout: Any = None) -> Snapshot:
        """Publish what a function makes of the current snapshot; nobody else publishes meanwhile.

        Parameters
        ----------
        change : callable
            Takes the current snapshot, returns the one to publish. If it raises, the old version stays and the error passes. It
            may read this manager and schedule operations, but not publish, update or flush.
        timeout : float or timedelta, optional
            How long to wait for other threads that publish, in seconds; the function may take as long as it likes.

        Returns
        -------
        Snapshot
            As published.

        Raises
        ------
        ManagerBusyError
            Another thread was publishing for all that time.
        VersionConflictError
            The function returned an edit of an earlier version, which would undo what came between.
        ManagerClosedError, NestedCallError, ArgumentError
        """

        if not callable(change):
            raise ArgumentError(
                f"change must be a function of the current snapshot; got {type(change).__name__}",
                hint="publish() takes a snapshot",
                argument="change",
            )

        def action() -> Snapshot:
            self._check_open("update")
            began = time.perf_counter()
            made = checked_snapshot(change(self.current), "what the function given to update() returned")
            edited, current = self._version_edited(made), self.current.version
            if edited is not None and edited != current:
                raise VersionConflictError(
                    f"update(): the function returned an edit of version {edited}, but version {current} is current",
                    hint="Edit the snapshot that the function is given; rollback() brings an old one back",
                    expected=edited,
                    current=current,
                )
            return self._install(made, began)

        return self._run(action, call="update", timeout=checked_seconds(timeout))

    def rollback(self, version: int) -> Snapshot:
        """Publish the content of an earlier version again, as a new version with the same digest.

        Raises
        ------
        VersionEvictedError
            It is kept no longer; the error says which versions are.
        ManagerClosedError, NestedCallError, ArgumentError
        """
        version = checked_whole(version, "version")

        def action() -> Snapshot:
            self._check_open("rollback")
            began = time.perf_counter()
            return self._install(self._history.of_version(version), began)

        return self._run(action, call="rollback")

    def _run(self, action: Callable[[], _T], *, call: str, timeout: float | None = None) -> _T:
        """Return what a caller's `action` returns, called while the writers' lock is held; finish what a close left to it."""

        def whole() -> _T:
            try:
                return action()
            finally:
                if self._is_left_to_holder:
                    self._wind_up()

        return self._writers.run(whole, call=call, timeout=timeout)

    def _halt(self) -> None:
        """Have the manager's own threads publish no more, from when this returns. Waits for whoever is showing a version."""
        with self._gate:
            self._is_halted = True

    def _wind_up(self, timeout: float | None = None) -> Exception | None:
        """End all that publishing needs; the caller holds the writers' lock. Does nothing the second time.

        Returns what kept a manager from ending: None here.
        """
        self._is_left_to_holder = False
        self._halt()
        self._changes.end()
        if self._outlet is not None:
            self._outlet.end(timeout)
            self._outlet = None
        return None

    def _now(self) -> float:
        """What the clock says: a time that every reader of a version accepts."""
        given = self._clock()
        try:
            now = float(given)
        except (TypeError, ValueError, OverflowError):
            now = math.nan
        if not math.isfinite(now):
            raise ArgumentError(
                f"clock gave {given!r}, which is no time; nothing was published",
                hint="It must return finite seconds since the epoch, as time.time does",
                argument="clock",
            )
        return now

    def _check_open(self, call: str) -> None:
        if self._refusal is not None:
            raise ManagerClosedError(f"{call}(): {self._refusal}", hint="What it holds can still be read")

    def _install(self, snapshot: Snapshot, began: float, *, by_own_thread: bool = False) -> Snapshot:
        """Make a snapshot, on which work began by ``time.perf_counter``, the next version; the caller holds the writers' lock.

        Raises
        ------
        Halted
            A thread of the manager's own called, and it was closed meanwhile.
        """
        before = self.current
        now, earlier = self._now(), creation_time(before)
        stamped = self._stamped(
            snapshot,
            max(version_number(before) + 1, self._least_version),
            before.lineage_for(snapshot.tables),
            now if now > earlier else earlier,  # a clock that is set back must not make times ambiguous
        )
        show = None if self._outlet is None else self._outlet.write(stamped)
        with self._gate:
            if by_own_thread and self._is_halted:
                raise Halted
            if show is not None:
                show()
            self._replace_current(stamped, lambda history: history.add(stamped))
        self._remember(snapshot, version_number(stamped))
        self._published += 1
        self._last_seconds = time.perf_counter() - began
        if not self._is_halted:
            self._merging.begin_if_due(stamped, self._merge)
        return stamped

    def _stamped(self, snapshot: Snapshot, version: int, parent: Lineage, created_at: float) -> Snapshot:
        origin = Origin(self._token, version)
        return snapshot.as_published(version=version, parent=parent, created_at=created_at, origin=origin)

    def _remember(self, snapshot: Snapshot, version: int) -> None:
        """Take note of the version that a snapshot from elsewhere became, for edits of it that may follow."""
        origin = snapshot.origin
        if origin.manager is not self._token and not (snapshot.is_edit and origin in self._taken_as):
            self._taken_as[origin] = version

    def _version_edited(self, snapshot: Snapshot) -> int | None:
        """The version of this manager that a snapshot is or was edited from; None if it was made elsewhere, or from scratch."""
        origin = snapshot.origin
        if origin.manager is self._token:
            return origin.version
        return self._taken_as.get(origin) if snapshot.is_edit else None

    def _merge(self, before: Snapshot) -> None:
        """Work what waits in a snapshot into its arrays; then put the outcome in the place of the current one, if it fits."""
        merged: Snapshot | None = None
        try:
            merged = before.merged()  # and with it, here where nobody waits, the sums that the parent's digest is made of
            outlet = self._outlet
            if outlet is not None and not self._is_halted:
                outlet.write_ahead(merged)
        finally:
            self._writers.run(lambda: self._finish_merge(before, merged), call="merge")

    def _finish_merge(self, before: Snapshot, merged: Snapshot | None) -> None:
        now, same = self.current, None
        try:
            result = None if merged is None or self._is_halted else caught_up(now, before, merged)
            if result is not None:
                stamped = self._stamped(result, version_number(now), now.parent, creation_time(now))
                with self._gate:
                    if not self._is_halted:
                        same = stamped
                        self._replace_current(stamped, lambda history: history.replace_newest(stamped))
        finally:
            self._merging.finished(of_use=same is not None and self.current is same)

    def _renew(self) -> None:
        """In a forked child: no thread but this one is there, and none will finish what it was doing."""
        self._gate = threading.Lock()
        self._writers.renew()
        self._merging.renew()
        super()._renew()


def check_can_attach(publisher: VersionPublisher, call: str) -> None:
    """Refuse what `attach` would refuse, as long as nothing was made for it yet.

    Raises
    ------
    ManagerClosedError, NestedCallError
    ArgumentError
        There is an outlet already.
    """
    publisher._writers.check_not_mine(call)
    _check_free(publisher, call)


def attach(publisher: VersionPublisher, outlet: Outlet, call: str) -> None:
    """Have versions go to an outlet too, from the current one on. Waits for other threads that publish.

    Raises
    ------
    ManagerClosedError, NestedCallError, ArgumentError
        As `check_can_attach`.
    Exception
        What the outlet raised when it began.
    """

    def action() -> None:
        _check_free(publisher, call)
        outlet.begin(publisher.current)
        publisher._outlet = outlet

    publisher._run(action, call=call)


def detach(publisher: VersionPublisher, outlet: Outlet, call: str) -> None:
    """Have no more versions go to an outlet. Does nothing if none do. Waits for other threads that publish.

    Raises
    ------
    NestedCallError
    """

    def action() -> None:
        if publisher._outlet is outlet:
            publisher._outlet = None

    publisher._run(action, call=call)


def reserve(publisher: VersionPublisher, version: int) -> None:
    """Never give a version number, or one below, to another version; called by an outlet that may have shown it to others."""
    publisher._least_version = version + 1


def install_foreign(publisher: VersionPublisher, snapshot: Snapshot) -> None:
    """Make a snapshot current that another manager published: version, parent and time are kept.

    Raises
    ------
    ArgumentError
        Its version is not above the current one.
    Halted
        The manager was closed.
    """

    def action() -> None:
        began, before = time.perf_counter(), publisher.current
        if snapshot.version is None or snapshot.version <= version_number(before):
            raise ArgumentError(
                f"snapshot: version {snapshot.version} does not follow version {before.version}", hint="Versions only rise"
            )
        created_at = max(creation_time(snapshot), creation_time(before))
        stamped = publisher._stamped(snapshot, snapshot.version, snapshot.parent, created_at)
        with publisher._gate:
            if publisher._is_halted:
                raise Halted
            publisher._replace_current(stamped, lambda history: history.add(stamped))
        publisher._remember(snapshot, snapshot.version)
        publisher._published += 1
        publisher._last_seconds = time.perf_counter() - began

    publisher._writers.run(action, call="install")


def _check_free(publisher: VersionPublisher, call: str) -> None:
    publisher._check_open(call)
    if publisher._outlet is not None:
        raise ArgumentError(
            f"{call}(): this manager publishes to {publisher._outlet.directory!r}, and can to one directory only",
            hint="Close that publication first, or have another manager publish what watch() of this one gives",
            argument="directory",
        )
