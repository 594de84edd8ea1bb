"""The lock of a published directory: one publisher at a time, and a word to the next about who that is.

The kernel drops it with the process, however that ends, so that a dead publisher holds nothing. What is locked is the file, not
its name: once somebody removes it, another publisher can lock a new one of that name. So whoever holds it checks, before others
would see what it did, that its file is still the one there.
"""

from __future__ import annotations

import json
import os
import socket
import time
import weakref
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from valkyrie import vks
from valkyrie.errors import DirectoryHeldError
from valkyrie.vks.disk import Disk

__all__ = ["DirectoryLock"]

_CONTENT_BYTES = 512
_locks: weakref.WeakSet[DirectoryLock] = weakref.WeakSet()


class DirectoryLock:
    """Held from when it is made until `release`.

    Parameters
    ----------
    path : str
        Of the lock file, which is made if it is not there, and stays.
    directory : str
        What it locks, for messages.
    disk : Disk
        The system calls.

    Raises
    ------
    DirectoryHeldError
        Somebody else holds it, or removed it just now.
    SourceError
        It cannot be taken, for instance since the file system has no locks.
    """

    __slots__ = ("__weakref__", "_directory", "_disk", "_fd", "_path")

    def __init__(self, path: str, directory: str, disk: Disk) -> None:
        self._path = path
        self._directory = directory
        self._disk = disk
        self._fd: int | None = None
        try:
            fd = disk.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, 0o644)
            try:
                self._take(fd)
                self._check(fd)
            except BaseException:
                with suppress(OSError):
                    disk.close(fd)
                raise
        except OSError as failure:
            raise vks.source_error(failure, path, "lock") from failure
        self._fd = fd
        _locks.add(self)

    def check(self) -> None:
        """Make sure that nobody else can have locked the directory meanwhile.

        Raises
        ------
        DirectoryHeldError
            The file was removed or replaced, or the lock released.
        SourceError
            That cannot be told.
        """
        try:
            self._check(self._fd)
        except OSError as failure:
            raise vks.source_error(failure, self._path, "check") from failure

    def _check(self, fd: int | None) -> None:
        with suppress(FileNotFoundError):
            if fd is not None and os.path.samestat(self._disk.fstat(fd), self._disk.stat(self._path)):
                return
        raise DirectoryHeldError(
            f"{self._path!r} was removed or replaced: another manager may publish to {self._directory!r}, so this one did not",
            hint="Close its publication and call publish_to() again; never remove that file, which holds nobody up by itself",
            holder={},
        )

    def _take(self, fd: int) -> None:
        try:
            self._disk.lock(fd)
        except BlockingIOError:
            holder = _holder(self._disk.pread(fd, _CONTENT_BYTES, 0))
            raise DirectoryHeldError(
                f"{self._directory!r} is published to by {_described(holder)}",
                hint="Close that manager or its publication, or publish to another directory",
                holder=holder,
            ) from None
        content = {"pid": os.getpid(), "host": socket.gethostname()[:200], "since": round(time.time(), 3)}
        # Of fixed length, so that nothing of a holder before is left at its end.
        self._disk.pwrite(fd, json.dumps(content).encode().ljust(_CONTENT_BYTES - 1) + b"\n", 0)

    @property
    def is_held(self) -> bool:
        """Whether it still is, by this process."""
        return self._fd is not None

    def release(self) -> None:
        """Let others have it. Does nothing if it was released before, or belongs to the parent of this process."""
        fd, self._fd = self._fd, None
        if fd is not None:
            # An interpreter that exits may have emptied this module before it drops the lock: only builtins are sure to be there.
            try:  # noqa: SIM105
                self._disk.close(fd)
            except OSError:
                pass

    def __del__(self) -> None:
        if getattr(self, "_fd", None) is not None:
            self.release()


def _holder(content: bytes) -> dict[str, Any]:
    """What the holder wrote about itself; empty if that is not known, since it may be writing it."""
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _described(holder: dict[str, Any]) -> str:
    pid, host, since = holder.get("pid"), holder.get("host"), holder.get("since")
    if not isinstance(pid, int) or not isinstance(host, str):
        return "another process"
    when = ""
    if isinstance(since, float):
        with suppress(ValueError, OverflowError, OSError):
            when = f" since {datetime.fromtimestamp(since, UTC):%Y-%m-%d %H:%M:%S} UTC"
    return f"process {pid} on {host!a}{when}"


def _drop_all() -> None:
    """In a forked child: the lock is the parent's, and must go when the parent does."""
    for lock in list(_locks):
        lock.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_drop_all)
