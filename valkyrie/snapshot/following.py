"""Reading what another process publishes to a directory: on and on, as it comes, or once, to go on from there.

A follower looks at CURRENT a hundred times a second: one small read. It does not look at the file's time or number instead: both
may be those of an earlier file, where a file system counts time in steps of milliseconds and uses numbers again. What it has
loaded stays until something better is there, whatever happens to the directory.
"""

from __future__ import annotations

import math
import os
import threading
import time
import weakref
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, get_args

from valkyrie import vks
from valkyrie.errors import ArgumentError, SnapshotFormatError, SourceError, ValkyrieError, VersionConflictError
from valkyrie.snapshot.arguments import checked_seconds
from valkyrie.snapshot.history import version_number
from valkyrie.snapshot.manager import SnapshotManager
from valkyrie.snapshot.published_directory import PublishedDirectory
from valkyrie.snapshot.segments import SegmentReader
from valkyrie.snapshot.snapshot import Snapshot
from valkyrie.snapshot.version_files import CurrentLine
from valkyrie.snapshot.version_publisher import Halted, install_foreign
from valkyrie.tables.stats import Statistics
from valkyrie.typing import Verify

if TYPE_CHECKING:
    from logging import Logger

__all__ = ["FollowerStats", "FollowingManager", "follow", "resume"]

_RETRIES = 5
_SLOWEST_RETRY_SECONDS = 1.0
_END_SECONDS = 1.0


@dataclass(frozen=True, eq=False, repr=False)
class FollowerStats(Statistics):
    """Statistics of a follower; attributes, and a mapping of the same names.

    Attributes
    ----------
    directory : str
    version : int
        Of the current snapshot.
    loaded : int
        Versions loaded so far.
    last_seconds : float
        What it took to load the last.
    error : str
        Why the newest version could not be loaded, or CURRENT not be read; empty if nothing is wrong.
    errors : int
        How often that was tried in vain since it was last well.
    failing_since : float
        When that began, in seconds since the epoch; NaN if nothing is wrong.
    is_alive : bool
        Whether the thread runs: until `close`, and not in a forked child.
    """

    directory: str
    version: int
    loaded: int
    last_seconds: float
    error: str
    errors: int
    failing_since: float
    is_alive: bool


class FollowingManager(SnapshotManager):
    """A manager whose versions come from a directory; made by `SnapshotManager.follow`.

    It reads as any manager does, and refuses to publish. Safe to use from any thread. A forked child keeps the versions that are
    there, and follows no more.
    """

    __slots__ = ("_follower",)

    def __init__(self, snapshot: Snapshot, follower: _Follower, **options: Any) -> None:
        """Follow a directory; use `SnapshotManager.follow`."""
        self._follower = follower  # first: a fork may come as soon as the manager is known
        super().__init__(snapshot, merge_above=None, **options)
        self._refusal = f"this manager is read-only: it follows {follower.place.path!r}"
        follower.start(self)

    @property
    def follower(self) -> FollowerStats:
        """What was loaded, and what is wrong."""
        return self._follower.stats(version_number(self.current))

    def close(self, timeout: Any = 5.0) -> None:
        """Follow no more, and end all watches. Reading goes on."""
        seconds, began = checked_seconds(timeout), time.monotonic()
        self._follower.stop(seconds)
        super().close(None if seconds is None else max(0.0, seconds - (time.monotonic() - began)))

    def _renew(self) -> None:
        self._follower.renew()
        super()._renew()


class _Follower:
    """What the thread of a follower does and knows. It holds no manager while it waits."""

    __slots__ = (
        "_error",
        "_errors",
        "_failed_line",
        "_failing_since",
        "_last_seconds",
        "_loaded",
        "_poll",
        "_reader",
        "_retry_at",
        "_retry_seconds",
        "_settled",
        "_stop",
        "_thread",
        "place",
    )

    def __init__(self, directory: Any, poll: float, verify: Verify) -> None:
        self.place = PublishedDirectory(directory)
        self._poll = poll
        self._reader = SegmentReader(self.place, verify)
        self._settled: CurrentLine | None = None
        self._loaded, self._last_seconds = 0, 0.0
        self._error, self._errors, self._failing_since = "", 0, float("nan")
        self._failed_line: CurrentLine | None = None
        self._retry_at = self._retry_seconds = 0.0
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def load(self, above: int) -> Snapshot | None:
        """The version that CURRENT names; None if it is the one that was loaded last, or failed and is not to be tried yet.

        Raises
        ------
        VersionConflictError
            It is not above a version.
        SnapshotFormatError, DigestMismatchError, SourceError
        """
        for _ in range(_RETRIES):
            line = self.place.read_current()
            if line == self._settled:
                self._failed_line = None
                return None
            if line == self._failed_line and time.monotonic() < self._retry_at:
                return None
            self._failed_line = line  # unless it is loaded
            if line.version <= above:
                raise VersionConflictError(
                    f"{self.place.path!r} is at version {line.version}, which does not follow version {above}",
                    hint="Somebody put back an older state, or began anew: publish versions above that, or follow it anew",
                    expected=above,
                    current=line.version,
                )
            began = time.perf_counter()
            try:
                snapshot = self._reader.snapshot(self.place.read_named(line))
            except (vks.SourceNotFoundError, SnapshotFormatError):
                # Retention may have been faster, or the version another one when CURRENT was read: then CURRENT tells.
                with suppress(SourceError):
                    if self.place.read_current() != line:
                        continue
                raise
            self._last_seconds = time.perf_counter() - began
            self._loaded += 1
            self._settled, self._failed_line = line, None
            return snapshot
        raise SourceError(f"{self.place.path!r}: versions are removed faster than they can be read", hint="Retain more")

    def look(self, manager: SnapshotManager) -> None:
        """Bring a manager up to date, or note why not."""
        try:
            snapshot = self.load(version_number(manager.current))
            if snapshot is not None:
                if self._stop.is_set():
                    return
                try:
                    install_foreign(manager, snapshot)
                except Halted:
                    return
                except BaseException:
                    self._settled, self._failed_line = None, self._settled  # it was read, and is to be read again
                    raise
            if self._failed_line is None:
                self._recover()
        except Exception as error:  # whatever it is, the last good version serves on, and the next may be well
            self._fail(error)

    def _fail(self, error: Exception) -> None:
        if self._errors == 0:
            self._failing_since = time.time()
        self._errors += 1
        self._retry_seconds = min(max(2 * self._retry_seconds, self._poll), _SLOWEST_RETRY_SECONDS)
        self._retry_at = time.monotonic() + self._retry_seconds
        message = error.message if isinstance(error, ValkyrieError) else f"{type(error).__name__}: {error}"
        if message != self._error:
            self._error = message
            _logger().warning("following %r, the last good version stays: %s", self.place.path, message)

    def _recover(self) -> None:
        if self._errors:
            _logger().info("following %r is well again, after %d errors", self.place.path, self._errors)
            self._error, self._errors, self._failing_since = "", 0, float("nan")
            self._retry_seconds = 0.0

    def start(self, manager: SnapshotManager) -> None:
        """Start the thread; it ends with the manager, or before the interpreter exits."""
        thread = threading.Thread(target=_run, args=(self, weakref.ref(manager)), name="valkyrie-snapshots-follow", daemon=True)
        self._thread = thread
        thread.start()
        weakref.finalize(manager, self.stop, _END_SECONDS)

    def stop(self, seconds: float | None) -> None:
        """End the thread, and wait for that, but no longer than some seconds, and than one."""
        self._stop.set()
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(_END_SECONDS if seconds is None else min(seconds, _END_SECONDS))

    def wait(self) -> bool:
        """Wait until it is time to look again; False if that will not be."""
        return not self._stop.wait(self._poll)

    def renew(self) -> None:
        """In a forked child: the thread is the parent's, which may have been holding the lock of the event."""
        self._stop, self._thread = threading.Event(), None
        self._stop.set()

    def stats(self, version: int) -> FollowerStats:
        thread = self._thread
        return FollowerStats(
            directory=self.place.path,
            version=version,
            loaded=self._loaded,
            last_seconds=self._last_seconds,
            error=self._error,
            errors=self._errors,
            failing_since=self._failing_since,
            is_alive=thread is not None and thread.is_alive(),
        )


def _run(follower: _Follower, reference: weakref.ref[SnapshotManager]) -> None:
    while follower.wait():
        manager = reference()
        if manager is None:
            return
        follower.look(manager)
        del manager


def _logger() -> Logger:
    import logging

    return logging.getLogger(__name__)


def follow(directory: Any, *, poll: Any, verify: Verify, timeout: Any, **options: Any) -> FollowingManager:
    """Follow what another process publishes; see `SnapshotManager.follow`."""
    if not isinstance(verify, str) or verify not in get_args(Verify):
        raise ArgumentError(f"verify={verify!r} is unknown", hint=f"Use one of {', '.join(map(repr, get_args(Verify)))}")
    interval, patience = checked_seconds(poll, "poll"), checked_seconds(timeout)
    if not interval:
        raise ArgumentError(f"poll must be seconds above 0; got {poll!r}", hint="Leave it out for 0.01", argument="poll")
    follower = _Follower(directory, interval, verify)
    deadline = None if patience is None else time.monotonic() + patience
    snapshot = None
    while snapshot is None:
        try:
            snapshot = follower.load(0)
        except ValkyrieError as error:
            left = math.inf if deadline is None else deadline - time.monotonic()
            if left <= 0:
                if isinstance(error, vks.SourceNotFoundError) and not os.path.exists(follower.place.current):
                    error.add_note(f"nothing was published to {follower.place.path!r} yet; timeout= waits for that")
                raise
            time.sleep(min(interval, left))
    return FollowingManager(snapshot, follower, **options)


def resume(kind: type[SnapshotManager], directory: Any, *, verify: Verify, **options: Any) -> SnapshotManager:
    """Make a manager of all that a directory keeps; see `SnapshotManager.resume`."""
    place = PublishedDirectory(directory)
    named = place.read_named(place.read_current())
    reader = SegmentReader(place, verify)
    snapshots: list[Snapshot] = []
    for version in place.version_numbers():
        if version < named.version:
            try:
                snapshots.append(reader.snapshot(place.read_version(version)))
            except ValkyrieError as error:
                _logger().warning("version %d in %r is left out: %s", version, place.path, error.message)
    snapshots.append(reader.snapshot(named))
    manager = kind(snapshots[0], **options)
    for snapshot in snapshots[1:]:
        install_foreign(manager, snapshot)
    return manager
