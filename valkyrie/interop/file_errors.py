"""What the system and Arrow say about a file, as one ``SourceError`` that names the file and the mend."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

from valkyrie.errors import MissingExtraError, SourceError, ValkyrieError
from valkyrie.vks import source_error

__all__ = ["MEND", "file_errors", "require_pyarrow"]

MEND = "Check that the file is whole and of the format its name says; format= (--format) names another"
"""The hint for what Arrow says of a file, where there is no better one."""


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


@contextmanager
def file_errors(path: str, verb: str, hint: str = MEND) -> Iterator[None]:
    """Turn errors of the system and of Arrow inside the block into ``SourceError``.

    Our own errors, ``BrokenPipeError`` and whatever is a fault of the program pass unchanged.
    """
    arrow = require_pyarrow().lib.ArrowException
    try:
        yield
    except (ValkyrieError, BrokenPipeError):
        raise
    except (OSError, arrow, UnicodeDecodeError) as error:
        # Without a number it is Arrow's own, about what is in the file.
        if isinstance(error, OSError) and error.errno:
            raise source_error(error, path, verb) from error
        reason = (str(error).splitlines() or ["unknown reason"])[0].rstrip(".")
        raise SourceError(f"cannot {verb} {path}: {reason}", hint=hint, path=path) from error
