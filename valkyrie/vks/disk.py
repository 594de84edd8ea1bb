"""The system calls of reading and writing a file, as one object that a test can make fail; the errors they cause."""

from __future__ import annotations

import errno
import fcntl
import mmap
import os
from typing import Final

from valkyrie.errors import ArgumentError, SourceError

__all__ = ["DISK", "Disk", "PermissionSourceError", "SourceNotFoundError", "file_path", "source_error"]


class SourceNotFoundError(SourceError, FileNotFoundError):
    """There is no such file or directory."""


class PermissionSourceError(SourceError, PermissionError):
    """The operating system does not allow it."""


class Disk:
    """One method for one system call; `DISK` is the real one. Stateless, safe to call from any thread."""

    def stat(self, path: str) -> os.stat_result:
        return os.stat(path)

    def listdir(self, path: str) -> list[str]:
        return os.listdir(path)

    def open(self, path: str, flags: int, mode: int = 0o600) -> int:
        return os.open(path, flags | os.O_CLOEXEC, mode)

    def lock(self, fd: int) -> None:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def fstat(self, fd: int) -> os.stat_result:
        return os.fstat(fd)

    def pread(self, fd: int, n_bytes: int, offset: int) -> bytes:
        return os.pread(fd, n_bytes, offset)

    def preadv(self, fd: int, buffer: memoryview, offset: int) -> int:
        return os.preadv(fd, [buffer], offset)

    def pwrite(self, fd: int, data: bytes | memoryview, offset: int) -> int:
        return os.pwrite(fd, data, offset)

    def fchmod(self, fd: int, mode: int) -> None:
        os.fchmod(fd, mode)

    def fsync(self, fd: int) -> None:
        os.fsync(fd)

    def replace(self, source: str, target: str) -> None:
        os.replace(source, target)

    def unlink(self, path: str) -> None:
        os.unlink(path)

    def close(self, fd: int) -> None:
        os.close(fd)

    def map(self, fd: int, n_bytes: int) -> mmap.mmap:
        return mmap.mmap(fd, n_bytes, access=mmap.ACCESS_READ)

    def umask(self) -> int:
        # os.umask() can only be read by setting it, for the whole process; Linux also tells.
        try:
            with open("/proc/self/status", encoding="ascii", errors="replace") as status:
                for line in status:
                    if line.startswith("Umask:"):
                        return int(line.split()[1], 8)
        except OSError:
            pass
        # While it is set, another thread can create a file: too private a file is better than too public a one.
        mask = os.umask(0o077)
        os.umask(mask)
        return mask


DISK: Final = Disk()

_MENDS: Final = {
    errno.ENOSPC: "Free space on that disk, or write to another",
    errno.EDQUOT: "The disk quota is used up: free space, or write to another disk",
    errno.EFBIG: "The file system or a limit (ulimit -f) does not allow a file of this size: raise it, or write elsewhere",
    errno.EROFS: "The file system is read-only: write to another",
    errno.EACCES: "Check the permissions of the file and of every directory above it",
    errno.EPERM: "Check the permissions and attributes of the file and of its directory",
    errno.ENOENT: "Check the spelling; directories are not created",
    errno.ENOTDIR: "A part of the path before the last is not a directory",
    errno.EISDIR: "Name a file, such as one in it",
    errno.ENAMETOOLONG: "Choose a shorter name",
    errno.EMFILE: "Too many files are open: close some, or raise the limit (ulimit -n)",
    errno.ENODEV: 'The file system cannot map files: read it with mode="copy"',
    errno.ENOMEM: "Not enough memory or address space: free some",
    errno.EIO: "The disk or its connection failed: look into the system log, then try again",
}


def source_error(failure: OSError, path: str, action: str, state: str = "") -> SourceError:
    """The `SourceError` for a failed system call, a `FileNotFoundError` or `PermissionError` too where it was one.

    Parameters
    ----------
    failure : OSError
        What the operating system said; `errno` and `strerror` are taken over.
    path : str
        The file the caller named.
    action : str
        What was being done: ``"read"``, ``"write"``.
    state : str
        What the path holds now.
    """
    if isinstance(failure, FileNotFoundError):
        kind: type[SourceError] = SourceNotFoundError
    elif isinstance(failure, PermissionError):
        kind = PermissionSourceError
    else:
        kind = SourceError
    # Arrow's own have neither number nor text of the system, and may go on for lines.
    reason = failure.strerror or (str(failure).splitlines() or ["unknown reason"])[0].rstrip(".")
    mend = _MENDS.get(failure.errno or 0, "Look into the system log, try again, or name another path")
    hint = ". ".join(part for part in (mend, state) if part)
    error = kind(f"cannot {action} {path!r}: {reason}", hint=hint, path=path, errno=failure.errno)
    error.errno, error.strerror, error.filename = failure.errno, reason, path
    return error


def file_path(path: str | os.PathLike[str]) -> str:
    """The path as text; `ArgumentError` for one that no file can have."""
    if not isinstance(path, (str, bytes, os.PathLike)):
        raise ArgumentError(
            f"path must be a str or os.PathLike, got {type(path).__name__}", hint="Give the path of a .vks file"
        )
    text = os.fsdecode(os.fspath(path))
    if not text or "\0" in text:
        raise ArgumentError(f"path {text!r} is empty or holds a NUL character", hint="Give the path of a .vks file")
    return text
