"""A directory that a manager publishes to: where its files are, how the small ones are read, and what versions there were."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable
from contextlib import suppress

import numpy as np

from valkyrie import vks
from valkyrie.arrays import Columns
from valkyrie.errors import SnapshotFormatError, SourceError
from valkyrie.snapshot.version_files import MAX_VERSION_BYTES, CurrentLine, SegmentEntry, VersionFile, is_version_name
from valkyrie.vks.disk import DISK, Disk, file_path

__all__ = ["UNSYNCED", "PublishedDirectory", "directory_history"]

_CURRENT_BYTES = 4096


class _UnsyncedDisk(Disk):
    def fsync(self, fd: int) -> None:
        pass


UNSYNCED = _UnsyncedDisk()
"""Leaves it to the kernel when files reach the disk: they outlive the process, but not a power failure."""


class PublishedDirectory:
    """Paths, and readers of the small files. Safe to use from any thread.

    Parameters
    ----------
    path : str or os.PathLike
    disk : Disk
        The system calls.

    Attributes
    ----------
    path, current, lock, versions, segments : str
        The directory and what is in it.
    """

    __slots__ = ("current", "disk", "lock", "path", "segments", "versions")

    def __init__(self, path: str | os.PathLike[str], disk: Disk = DISK) -> None:
        self.path = file_path(path)
        self.disk = disk
        self.current = os.path.join(self.path, "CURRENT")
        self.lock = os.path.join(self.path, "LOCK")
        self.versions = os.path.join(self.path, "versions")
        self.segments = os.path.join(self.path, "segments")

    def version_path(self, version: int) -> str:
        """Of the file of a version."""
        return os.path.join(self.versions, f"{version}.json")

    def segment_path(self, name: str) -> str:
        """Of a segment."""
        return os.path.join(self.segments, name)

    def read_current(self) -> CurrentLine:
        """Which version is current.

        Raises
        ------
        SourceNotFoundError
            Nothing was published yet.
        SnapshotFormatError, SourceError
        """
        return CurrentLine.parse(self._read(self.current, _CURRENT_BYTES), self.current)

    def read_version(self, version: int) -> VersionFile:
        """What a version is made of.

        Raises
        ------
        SourceNotFoundError
            There is no such version, or not any more.
        SnapshotFormatError, SourceError
        """
        path = self.version_path(version)
        file = VersionFile.parse(self._read(path, MAX_VERSION_BYTES), path)
        if file.version != version:
            raise SnapshotFormatError(
                f"{path!r}: version is {file.version}, not that of its name", hint="Restore it from a copy", path=path
            )
        return file

    def read_named(self, line: CurrentLine) -> VersionFile:
        """What the version is made of that CURRENT names.

        Raises
        ------
        SnapshotFormatError
            It is another than was meant.
        SourceError
        """
        file = self.read_version(line.version)
        if file.line != line:
            raise SnapshotFormatError(
                f"{self.current!r}: it was written for another version {line.version} than the one that is there",
                hint="Restore the directory from a copy",
                path=self.current,
            )
        return file

    def version_numbers(self) -> list[int]:
        """Of all version files that are there, rising.

        Raises
        ------
        SourceError
        """
        return sorted(int(name.removesuffix(".json")) for name in self.names(self.versions) if is_version_name(name))

    def names(self, directory: str) -> list[str]:
        """What is in a directory.

        Raises
        ------
        SourceError
        """
        try:
            return self.disk.listdir(directory)
        except OSError as failure:
            raise vks.source_error(failure, directory, "read") from failure

    def make(self) -> None:
        """Make the directories that are not there.

        Raises
        ------
        SourceError
        """
        try:
            for path in (self.path, self.versions, self.segments):
                os.makedirs(path, exist_ok=True)
        except OSError as failure:
            raise vks.source_error(failure, self.path, "create") from failure

    def write(self, path: str, data: bytes) -> None:
        """Put a small file under its path, whole or not at all.

        Raises
        ------
        SourceError
        """
        with vks.replacement(path, self.disk) as new:
            at = 0
            while at < len(data):
                written = self.disk.pwrite(new.fd, memoryview(data)[at:], at)
                if not written:
                    raise OSError(errno.EIO, "the file system takes no more bytes, without saying why")
                at += written

    def _read(self, path: str, most: int) -> bytes:
        try:
            fd = self.disk.open(path, os.O_RDONLY | os.O_NONBLOCK)
            try:
                status = self.disk.fstat(fd)
                if not stat.S_ISREG(status.st_mode) or status.st_size > most:
                    what = f"has {status.st_size} bytes" if stat.S_ISREG(status.st_mode) else "is no file"
                    raise SnapshotFormatError(
                        f"{path!r}: it {what}, a file of up to {most} bytes belongs there",
                        hint="Restore the directory from a copy",
                        path=path,
                    )
                return self._whole(fd, status.st_size)
            finally:
                with suppress(OSError):
                    self.disk.close(fd)
        except OSError as failure:
            raise vks.source_error(failure, path, "read") from failure

    def _whole(self, fd: int, n_bytes: int) -> bytes:
        parts: list[bytes] = []
        at = 0
        while at < n_bytes and (part := self.disk.pread(fd, n_bytes - at, at)):
            parts.append(part)
            at += len(part)
        return b"".join(parts)


def directory_history(directory: str | os.PathLike[str]) -> Columns:
    """The versions that a published directory keeps, the oldest first.

    Parameters
    ----------
    directory : path-like

    Returns
    -------
    Columns
        ``version`` int64; ``created_at`` float64, seconds since the epoch; ``bytes`` int64, of all files it is made of, and
        ``new_bytes``, of those that none before it needs (of the oldest: that were written for it); ``digest`` and ``parent``
        text, null where there is none; ``error`` text, what is wrong with the file of a version that cannot be read, else null.

    Raises
    ------
    SourceError
        There is no such directory, nothing was published to it, or it cannot be read.
    SnapshotFormatError
        CURRENT is damaged.

    Notes
    -----
    A publisher may be at work meanwhile; what it removes is left out.
    """
    place = PublishedDirectory(directory)
    newest = place.read_current().version
    numbers: list[int] = []
    files: list[VersionFile | None] = []
    errors: list[str | None] = []
    for number in place.version_numbers():
        if number > newest:  # not finished, or never will be
            continue
        try:
            file, error = place.read_version(number), None
        except vks.SourceNotFoundError:
            continue
        except (SnapshotFormatError, SourceError) as failure:
            file, error = None, failure.message
        numbers.append(number)
        files.append(file)
        errors.append(error)
    sizes = [0 if file is None else sum(each.nbytes for each in set(file.segments)) for file in files]
    return Columns(
        {
            "version": np.array(numbers, np.int64),
            "created_at": np.array([np.nan if file is None else file.created_at for file in files], np.float64),
            "bytes": np.array(sizes, np.int64),
            "new_bytes": np.array(_new_bytes(files), np.int64),
            "digest": [None if file is None else file.digest for file in files],
            "parent": [None if file is None else file.parent for file in files],
            "error": errors,
        }
    )


def _new_bytes(files: Iterable[VersionFile | None]) -> list[int]:
    """What each version brought: not by the names of segments, since those of a merge are written before a version needs them."""
    known: set[SegmentEntry] = set()
    sizes = []
    for file in files:
        needed = set() if file is None else set(file.segments)
        new = needed - known
        if file is not None and not known:
            new = {each for each in needed if each.name.startswith(f"{file.version}-")}
        sizes.append(sum(each.nbytes for each in new))
        known |= needed
    return sizes
