"""Publishing the versions of a manager to a directory, for other processes to follow.

::

    segments -> version file -> CURRENT -> (then only) removal of what retention let go

Each is written whole or not at all, and made durable before the next begins, so that after a crash at any point CURRENT names a
version that is all there: the one before, or the new one. A version becomes current in the manager only after it did so in the
directory; if it does not get there, the publish fails. Before the version file and before CURRENT, the lock is checked: whoever
removes its file lets a second publisher in, and the first must not write over what that one did.

Once CURRENT is replaced, followers may have seen the version, so its number is never given to another one, whatever happens
then. Should the last step fail, which makes the replacement durable, the version stands, here and there; `Publication.stats` and
the log say that a power failure could undo it.
"""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from valkyrie import vks
from valkyrie.errors import ManagerBusyError, SnapshotFormatError, SourceError, VersionConflictError
from valkyrie.snapshot.arguments import checked_whole
from valkyrie.snapshot.directory_lock import DirectoryLock
from valkyrie.snapshot.history import creation_time, version_number
from valkyrie.snapshot.published_directory import UNSYNCED, PublishedDirectory
from valkyrie.snapshot.segments import SegmentWriter
from valkyrie.snapshot.snapshot import Snapshot
from valkyrie.snapshot.version_files import CurrentLine, VersionFile, is_segment_name, is_version_name
from valkyrie.snapshot.version_publisher import attach, check_can_attach, detach, reserve
from valkyrie.tables.stats import Statistics
from valkyrie.vks.disk import DISK, Disk

if TYPE_CHECKING:
    from valkyrie.snapshot.manager import SnapshotManager

__all__ = ["Publication", "PublicationStats"]


@dataclass(frozen=True, eq=False, repr=False)
class PublicationStats(Statistics):
    """Statistics of a Publication; attributes, and a mapping of the same names.

    Attributes
    ----------
    version : int
        The last that was published.
    retained : int
        Versions in the directory.
    segments, segments_bytes : int
        Segments written since the publication began, and their length.
    last_bytes : int
        Of all files that the last version wrote.
    last_seconds : float
        What it took to write them.
    doubt : str
        Why the last version may not outlive a power failure; empty if nothing is wrong.
    """

    version: int
    retained: int
    segments: int
    segments_bytes: int
    last_bytes: int
    last_seconds: float
    doubt: str


class Publication:
    """What a manager publishes goes to a directory too; made by `SnapshotManager.publish_to`, ends with `close`.

    Threads of the manager share it. A forked child has no part in it: what its manager publishes stays with it.

    Attributes
    ----------
    directory : str
    retain : int
        How many versions the directory keeps.
    """

    __slots__ = (
        "__weakref__",
        "_ahead",
        "_doubt",
        "_is_ending",
        "_last_bytes",
        "_last_seconds",
        "_lock",
        "_manager",
        "_pid",
        "_place",
        "_retained",
        "_segments",
        "_unwanted",
        "directory",
        "retain",
    )

    def __init__(
        self, manager: SnapshotManager, directory: Any, *, retain: int, durable: bool = True, disk: Disk | None = None
    ) -> None:
        """Begin; use `SnapshotManager.publish_to`.

        Parameters
        ----------
        disk : Disk, optional
            The system calls, for tests; by default the real ones.
        """
        self.retain = checked_whole(retain, "retain", least=1)
        self._place = PublishedDirectory(directory, disk or (DISK if durable else UNSYNCED))
        self._manager = weakref.ref(manager)
        self._pid = os.getpid()
        self._retained: list[VersionFile] = []
        self._segments = SegmentWriter(self._place)
        self._unwanted: set[str] = set()
        self._ahead = threading.Lock()  # held while what a merge made is written
        self._is_ending = False
        self._doubt, self._last_bytes, self._last_seconds = "", 0, 0.0
        self.directory = self._place.path
        check_can_attach(manager, "publish_to")
        self._place.make()
        self._lock = DirectoryLock(self._place.lock, self.directory, self._place.disk)
        try:
            attach(manager, self, "publish_to")
        except BaseException:
            self.close()
            raise
        # At exit what is scheduled is still published; the lock goes with the process.
        weakref.finalize(manager, self._lock.release).atexit = False

    @property
    def stats(self) -> PublicationStats:
        """What was written."""
        return PublicationStats(
            version=self._retained[-1].version,
            retained=len(self._retained),
            segments=self._segments.written,
            segments_bytes=self._segments.written_bytes,
            last_bytes=self._last_bytes,
            last_seconds=self._last_seconds,
            doubt=self._doubt,
        )

    def close(self) -> None:
        """Let another manager publish to the directory. What this one publishes from then on stays with it.

        Waits for other threads that publish. Does nothing if it, or the manager, was closed before.

        Raises
        ------
        NestedCallError
            Called from the function given to `update`; nothing was closed.
        """
        manager = self._manager()
        if manager is not None:
            detach(manager, self, "close")
        self.end()

    def end(self, timeout: float | None = None) -> None:
        """Let go of the directory; `close` calls this, and the manager when it is closed."""
        self._is_ending = True
        if os.getpid() != self._pid:  # the lock is the parent's, and so is the thread that may have been writing
            return
        if not self._ahead.acquire(timeout=-1 if timeout is None else timeout):
            raise ManagerBusyError(
                f"close() could not wait longer for a merge that is being written to {self.directory!r}",
                hint="Close it again: until then the directory stays held",
                call="close",
            )
        try:
            self._lock.release()
        finally:
            self._ahead.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def __repr__(self) -> str:
        version = self._retained[-1].version if self._retained else None
        return f"Publication({self.directory!r}, version {version}, {'open' if self._lock.is_held else 'closed'})"

    def begin(self, current: Snapshot) -> None:
        """Take the directory over as it is, and bring it to the current version."""
        try:
            line = self._place.read_current()
        except vks.SourceNotFoundError:
            line = None
        if line is not None:
            named = self._place.read_named(line)
            self._check_successor(current, named)
            self._retained = [*self._earlier(line.version), named]
        self._sweep()
        self._segments.adopt(current, {entry for file in self._retained for entry in file.segments})
        if line is None or line.version != current.version:
            self.write(current)()

    def _check_successor(self, current: Snapshot, named: VersionFile) -> None:
        mine, theirs = version_number(current), named.version
        if mine > theirs or (mine == theirs and current.digest == named.digest):
            return
        state = f"too, with other content than {theirs}.json" if mine == theirs else "only"
        raise VersionConflictError(
            f"publish_to(): {self.directory!r} is at version {theirs}, the manager at version {mine} {state}",
            hint="Versions only rise: SnapshotManager.resume(directory) gives a manager that goes on from there",
            expected=mine,
            current=theirs,
        )

    def _earlier(self, version: int) -> list[VersionFile]:
        """The files of the versions before, but for damaged ones: those can be of no use to anybody."""
        found = []
        for number in self._place.version_numbers():
            if number < version:
                with suppress(SnapshotFormatError, vks.SourceNotFoundError):
                    found.append(self._place.read_version(number))
        return found

    def _sweep(self) -> None:
        """Remove what a publisher that was killed left: whoever holds the lock knows all that belongs here."""
        place = self._place
        named = {place.version_path(file.version) for file in self._retained}
        named |= {place.segment_path(each.name) for file in self._retained for each in file.segments}
        for directory, is_ours in ((place.versions, is_version_name), (place.segments, is_segment_name)):
            for name in place.names(directory):
                path = os.path.join(directory, name)
                if (is_ours(name) or (name.startswith(".vks-") and name.endswith(".tmp"))) and path not in named:
                    self._unwanted.add(path)
        self._remove_unwanted()

    def write(self, snapshot: Snapshot) -> Callable[[], None]:
        """Write a version, but not that it is current: what is returned does that."""
        if os.getpid() != self._pid:
            return lambda: None
        began, before = time.perf_counter(), self._segments.written_bytes
        version = version_number(snapshot)
        file = VersionFile(version, snapshot.digest, snapshot.parent, creation_time(snapshot), self._segments.write(snapshot))
        data = file.pack()
        self._lock.check()
        self._place.write(self._place.version_path(version), data)

        def show() -> None:
            self._show(file)
            self._last_bytes = len(data) + len(file.line.pack()) + self._segments.written_bytes - before
            self._last_seconds = time.perf_counter() - began

        return show

    def _show(self, file: VersionFile) -> None:
        """Replace CURRENT."""
        self._lock.check()
        line, doubt = file.line, ""
        try:
            self._place.write(self._place.current, line.pack())
            self._keep(file)
        except BaseException as error:
            stands = self._stands(line)
            if stands is not False:
                self._keep(file)
            if not stands or not isinstance(error, SourceError):
                raise
            doubt = error.message
            self._warn(file.version, doubt)
        self._doubt = doubt
        self._let_go()

    def write_ahead(self, merged: Snapshot) -> None:
        """Write the big arrays of a merge while it is not current yet, and nobody waits for them."""
        if os.getpid() != self._pid:
            return
        with self._ahead, suppress(SourceError):  # the version that needs them tries again, and says why it fails
            self._segments.write_ahead(merged, until=lambda: self._is_ending)

    def _keep(self, file: VersionFile) -> None:
        """Followers have seen a version, or may have: what it needs stays, and its number is taken."""
        if file not in self._retained:
            self._retained.append(file)
        manager = self._manager()
        if manager is not None:
            reserve(manager, file.version)

    def _stands(self, line: CurrentLine) -> bool | None:
        """Whether CURRENT says so; None if that cannot be told."""
        try:
            return self._place.read_current() == line
        except vks.SourceNotFoundError:
            return False
        except (SnapshotFormatError, SourceError):
            return None

    def _warn(self, version: int, doubt: str) -> None:
        import logging  # not before something is wrong

        logging.getLogger(__name__).warning(
            "version %d is published to %r, but a power failure now could undo that: %s", version, self.directory, doubt
        )

    def _let_go(self) -> None:
        """Remove versions beyond retention, and segments that no other version needs."""
        gone, self._retained = self._retained[: -self.retain], self._retained[-self.retain :]
        needed = {each.name for file in self._retained for each in file.segments}
        segments = (self._segments.names | {each.name for file in gone for each in file.segments}) - needed
        self._segments.forget(segments)
        self._unwanted |= {self._place.version_path(file.version) for file in gone}
        self._unwanted |= {self._place.segment_path(name) for name in segments}
        self._remove_unwanted()

    def _remove_unwanted(self) -> None:
        """Remove files; those that cannot be are tried again after the next version."""
        for path in sorted(self._unwanted, key=lambda path: path.endswith(".vks")):  # a version before what it names
            try:
                self._place.disk.unlink(path)
            except FileNotFoundError:
                pass
            except OSError:
                continue
            self._unwanted.discard(path)
