"""The lock of a published directory: one publisher at a time, and a word to the next about who that is.

The kernel drops it with the process, however that ends, so that a dead publisher holds nothing.
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
        Somebody else holds it.
    SourceError
        It cannot be taken, for instance since the file system has no locks.
    """

    __slots__ = ("__weakref__", "_disk", "_fd")

    def __init__(self, path: str, directory: str, disk: Disk) -> None:
        self._disk = disk
        self._fd: int | None = None
        try:
            fd = disk.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, 0o644)
            try:
                self._take(fd, directory)
            except BaseException:
                with suppress(OSError):
                    disk.close(fd)
                raise
        except OSError as failure:
            raise vks.source_error(failure, path, "lock") from failure
        self._fd = fd
        _locks.add(self)

    def _take(self, fd: int, directory: str) -> None:
        try:
            self._disk.lock(fd)
        except BlockingIOError:
            holder = _holder(self._disk.pread(fd, _CONTENT_BYTES, 0))
            raise DirectoryHeldError(
                f"{directory!r} is published to by {_described(holder)}",
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
            with suppress(OSError):
                self._disk.close(fd)

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
