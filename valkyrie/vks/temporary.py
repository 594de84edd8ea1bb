"""Temporary files of writers, and how those left by a crash are told from those of a writer at work.

A temporary file stands beside its target, ``.vks-<hash of the target's name>-<random>.tmp``, and its writer holds an
exclusive ``flock`` on it for as long as it lives. The kernel drops the lock with the process, however it ends, so a
temporary file that can be locked has no writer. That holds where process ids mislead: they are used again, and two
containers that share a directory have ids of their own. Where a file system has no locks, nothing is taken for stale.
"""

from __future__ import annotations

import errno
import os
from contextlib import suppress

import xxhash

from valkyrie.vks.disk import Disk

__all__ = ["create", "sweep"]

_NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EINVAL}
_ATTEMPTS = 100


def _prefix(target: str) -> str:
    # A hash, because the target's own name may already be as long as a name can be.
    return f".vks-{xxhash.xxh3_64_hexdigest(os.fsencode(os.path.basename(target)))}-"


def create(target: str, disk: Disk) -> tuple[int, str]:
    """A new, empty, locked file beside `target` that only its owner can read: (descriptor, path)."""
    prefix = os.path.join(os.path.dirname(target), _prefix(target))
    for _ in range(_ATTEMPTS):
        path = f"{prefix}{os.urandom(8).hex()}.tmp"
        try:
            fd = disk.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        except FileExistsError:
            continue
        try:
            if _lock(fd, disk) and disk.fstat(fd).st_nlink == 1:
                return fd, path
        except BaseException:
            with suppress(OSError):
                disk.unlink(path)
            with suppress(OSError):
                disk.close(fd)
            raise
        # Between open and lock, another writer's sweep took the file for stale: it is theirs to remove.
        disk.close(fd)
    raise FileExistsError(errno.EEXIST, "no free name for a temporary file", target)


def _lock(fd: int, disk: Disk) -> bool:
    try:
        disk.lock(fd)
    except BlockingIOError:
        return False
    except OSError as failure:
        if failure.errno not in _NO_LOCKS:
            raise
    return True


def sweep(target: str, disk: Disk) -> None:
    """Remove what dead writers of the same target left; whatever cannot be removed stays, without an error."""
    directory, prefix = os.path.dirname(target), _prefix(target)
    with suppress(OSError):
        for name in disk.listdir(directory):
            if name.startswith(prefix) and name.endswith(".tmp"):
                with suppress(OSError):
                    _remove_if_dead(os.path.join(directory, name), disk)


def _remove_if_dead(path: str, disk: Disk) -> None:
    fd = disk.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        disk.lock(fd)
        disk.unlink(path)
    finally:
        disk.close(fd)
