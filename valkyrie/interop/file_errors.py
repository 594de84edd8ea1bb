"""What the system and Arrow say about a file, as one ``SourceError`` that names the file and the mend."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

from valkyrie.errors import MissingExtraError, SourceError, ValkyrieError

__all__ = ["file_errors", "require_pyarrow", "system_error"]

HINTS = {
    errno.ENOENT: "Check the path",
    errno.ENOTDIR: "Check the path",
    errno.EISDIR: "Name a file, not a directory",
    errno.EACCES: "Check the permissions of the file and of its directory",
    errno.EPERM: "Check the permissions of the file and of its directory",
    errno.EROFS: "Write to a file system that is not read-only",
    errno.ENOSPC: "Free some space, or write elsewhere; nothing was left behind",
    errno.EDQUOT: "Free some space, or write elsewhere; nothing was left behind",
    errno.EFBIG: "The file would exceed the size limit; raise it, or write elsewhere; nothing was left behind",
}


def require_pyarrow() -> ModuleType:
    """Return the ``pyarrow`` module.

    Raises
    ------
    MissingExtraError
        It is not installed; the hint is the install line.
    """
    try:
        import pyarrow
    except ImportError as error:
        raise MissingExtraError(
            "reading and writing files of keys needs pyarrow",
            hint='pip install "valkyrie-routing[arrow]"',
            extra="arrow",
        ) from error
    module: ModuleType = pyarrow
    return module


def system_error(error: OSError, path: str, verb: str) -> SourceError:
    """``SourceError`` for what the operating system refused, with ``errno`` and ``filename`` kept."""
    reason = os.strerror(error.errno) if error.errno else str(error).splitlines()[0]
    hint = HINTS.get(error.errno or 0, "")
    result = SourceError(f"cannot {verb} {path}: {reason[:1].lower()}{reason[1:]}", hint=hint, path=path)
    result.errno, result.filename = error.errno, path
    return result


@contextmanager
def file_errors(path: str, verb: str, hint: str = "") -> Iterator[None]:
    """Turn errors of the system and of Arrow inside the block into ``SourceError``.

    Our own errors, ``BrokenPipeError`` and whatever is a fault of the program pass unchanged.
    """
    arrow = require_pyarrow().lib.ArrowException
    try:
        yield
    except (ValkyrieError, BrokenPipeError):
        raise
    except OSError as error:
        raise system_error(error, path, verb) from error
    except (arrow, UnicodeDecodeError) as error:
        reason = (str(error).splitlines() or ["unknown reason"])[0].rstrip(".")
        raise SourceError(f"cannot {verb} {path}: {reason}", hint=hint, path=path) from error
