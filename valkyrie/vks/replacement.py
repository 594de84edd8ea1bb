"""Writing any file so that its path holds the old file or the new one, whole, after any failure or crash.

::

    temporary file in the same directory, mode 0600, locked
      -> what the caller writes
      -> final mode -> fsync -> what the caller checks
      -> rename over the target -> fsync of the directory

A failed fsync is a failed write and is not tried again: the kernel may have dropped the pages that it could not write,
and the second call would say that all is well.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from valkyrie.errors import SourceError
from valkyrie.vks import temporary
from valkyrie.vks.disk import DISK, Disk, source_error

__all__ = ["Replacement", "replacement"]


@dataclass(slots=True)
class Replacement:
    """A file that is being written.

    Attributes
    ----------
    fd : int
        Descriptor of the temporary file, empty at first; closed by `replacement`.
    check : callable, optional
        Called once the bytes are on disk, before they get their name: if it raises, they never do.
    """

    fd: int
    check: Callable[[], None] | None = None


@contextmanager
def replacement(path: str, disk: Disk = DISK) -> Iterator[Replacement]:
    """Write a file in the block; at its end, not before, it is under its path.

    Parameters
    ----------
    path : str
        Where to; a file that is there is replaced and its permissions are kept, a symbolic link is followed. Readers
        that have the old file open keep it.
    disk : Disk
        The system calls.

    Raises
    ------
    SourceError
        The file cannot be written, or the block raised an OSError. Nothing is left beside the target, which holds the
        old file, if there was one; only if the last step fails, making the rename durable, it holds the new one and the
        message says so. Whatever else the block raises passes unchanged.

    Notes
    -----
    Safe to call from any thread or process: of several writers to one path, the last to finish wins. What a writer that
    was killed left behind is removed by the next one to the same path.
    """
    state = "What was there before is unchanged"
    try:
        target = os.path.realpath(path)
        mode = _final_mode(target, path, disk)
        temporary.sweep(target, disk)
        fd, unfinished = temporary.create(target, disk)
        try:
            new = Replacement(fd)
            yield new
            _set_mode(fd, mode, disk)
            disk.fsync(fd)
            if new.check is not None:
                new.check()
            disk.replace(unfinished, target)
            state = "The new file is in place, but a power failure now could bring back the old one: write it again"
            _sync_directory(os.path.dirname(target), disk)
        except BaseException:
            with suppress(OSError):
                disk.unlink(unfinished)
            raise
        finally:
            # Only now, with the lock: before the rename, another writer could take the file for stale.
            with suppress(OSError):
                disk.close(fd)
    except (SourceError, BrokenPipeError):
        # No file breaks a pipe: that is about a stream the block has to do with.
        raise
    except OSError as failure:
        raise source_error(failure, path, "write", state) from failure


def _final_mode(target: str, named: str, disk: Disk) -> int:
    try:
        present = disk.stat(target)
    except FileNotFoundError:
        return 0o666 & ~disk.umask()
    if stat.S_ISDIR(present.st_mode):
        raise IsADirectoryError(errno.EISDIR, "it is a directory", named)
    if not stat.S_ISREG(present.st_mode):
        raise OSError(errno.EINVAL, "it is a device, pipe or socket, which a file would replace", named)
    return stat.S_IMODE(present.st_mode) & 0o777


def _set_mode(fd: int, mode: int, disk: Disk) -> None:
    try:
        disk.fchmod(fd, mode)
    except OSError as failure:
        # File systems without permissions (FAT, some network shares) refuse; there is nothing to protect or to grant.
        if failure.errno not in (errno.EPERM, errno.EOPNOTSUPP):
            raise


def _sync_directory(directory: str, disk: Disk) -> None:
    fd = disk.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        disk.fsync(fd)
    except OSError as failure:
        # Some network and FUSE file systems have no fsync of directories, and say so in this way.
        if failure.errno not in (errno.EINVAL, errno.EOPNOTSUPP):
            raise
    finally:
        disk.close(fd)
