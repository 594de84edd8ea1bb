"""A file that appears under its name only when it is whole."""

from __future__ import annotations

import os
import secrets
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import BinaryIO

from valkyrie.interop.file_errors import system_error
from valkyrie.interop.file_formats import STANDARD_STREAM

__all__ = ["atomic_output"]


@contextmanager
def atomic_output(path: str) -> Iterator[BinaryIO]:
    """Open `path` for writing bytes so that nobody ever sees a part of it.

    The bytes go to a temporary file in the same directory; at the end of the block it is flushed to disk and renamed
    over `path` (over the file a symbolic link points to, with the mode of the file it replaces). If the block raises,
    whatever it raises, the temporary file is removed and an older file stays as it was. ``-``, pipes and devices have
    no such moment: they are written directly.

    Raises
    ------
    SourceError
        The directory is missing or closed to us, the disk is full.
    """
    if path == STANDARD_STREAM:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    target = os.path.realpath(path)
    mode = _mode(target)
    if mode is not None and stat.S_ISDIR(mode):
        raise system_error(IsADirectoryError(21, "Is a directory"), path, "write")
    regular = mode is None or stat.S_ISREG(mode)
    directory, name = os.path.split(target)
    temporary = os.path.join(directory, f".{name[:100]}.{secrets.token_hex(6)}.part") if regular else target
    file = _opened(temporary, path, os.O_CREAT | os.O_EXCL if regular else 0)
    try:
        yield file
        file.flush()
        if regular:
            if mode is not None:
                os.fchmod(file.fileno(), stat.S_IMODE(mode))
            os.fsync(file.fileno())
        file.close()
        if regular:
            os.replace(temporary, target)
    except BaseException:
        # Closing flushes again, and fails again where flushing failed.
        with suppress(OSError):
            file.close()
        if regular:
            with suppress(OSError):
                os.unlink(temporary)
        raise
    if regular:
        _sync_directory(directory)


def _opened(target: str, path: str, flags: int) -> BinaryIO:
    try:
        return os.fdopen(os.open(target, os.O_WRONLY | os.O_CLOEXEC | flags, 0o666), "wb")
    except OSError as error:
        raise system_error(error, path, "write") from error


def _mode(path: str) -> int | None:
    try:
        return os.stat(path).st_mode
    except FileNotFoundError:
        return None
    except OSError as error:
        raise system_error(error, path, "write") from error


def _sync_directory(directory: str) -> None:
    # Some network file systems refuse to sync a directory; the rename itself has happened.
    with suppress(OSError):
        descriptor = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
