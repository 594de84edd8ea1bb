"""A file that appears under its name only when it is whole; and the outputs that cannot: standard output, pipes, devices."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import BinaryIO

from valkyrie.interop.file_formats import STANDARD_STREAM
from valkyrie.vks import replacement, source_error

__all__ = ["atomic_output"]


@contextmanager
def atomic_output(path: str) -> Iterator[BinaryIO]:
    """Open `path` for writing bytes so that nobody ever sees a part of it.

    A file is written as a `vks.replacement`: at the end of the block it is flushed to disk and renamed over `path`; if
    the block raises, whatever it raises, an older file stays as it was. ``-``, pipes and devices have no such moment:
    they are written directly.

    Raises
    ------
    SourceError
        The directory is missing or closed to us, the disk is full; also a FileNotFoundError or PermissionError where it
        is one.
    """
    if path == STANDARD_STREAM:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
    elif _is_special(path):
        with _left_to_us(_opened(path)) as file:
            yield file
    else:
        with replacement(path) as new, _left_to_us(os.fdopen(new.fd, "wb", closefd=False)) as file:
            yield file


@contextmanager
def _left_to_us(file: BinaryIO) -> Iterator[BinaryIO]:
    try:
        yield file
        file.flush()
    finally:
        # Closing flushes again, and fails again where flushing failed.
        with suppress(OSError):
            file.close()


def _is_special(path: str) -> bool:
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return False
    return not stat.S_ISREG(mode) and not stat.S_ISDIR(mode)


def _opened(path: str) -> BinaryIO:
    try:
        return os.fdopen(os.open(path, os.O_WRONLY | os.O_CLOEXEC), "wb")
    except OSError as error:
        raise source_error(error, path, "write") from error
