"""The bytes of a source file, read once, forward, with a look ahead and a count of what has been read."""

from __future__ import annotations

import os
import stat
import sys
from contextlib import ExitStack
from typing import IO, TYPE_CHECKING, Any

from valkyrie.errors import SourceError
from valkyrie.interop.file_errors import require_pyarrow
from valkyrie.interop.file_formats import STANDARD_STREAM, FileFormat
from valkyrie.vks import source_error

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["ByteInput", "empty_source", "open_bytes", "open_file"]


class _CountedFile:
    """A binary file that counts the bytes read from it."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file
        self.count = 0
        self.closed = False

    def read(self, size: int | None = -1) -> bytes:
        data = self.file.read(-1 if size is None else size)
        self.count += len(data)
        return data

    def close(self) -> None:
        self.closed = True


class ByteInput:
    """Decompressed bytes of a source, with the file protocol Arrow asks of a Python file.

    Not safe to use from several threads at once.
    """

    def __init__(self, file: IO[bytes] | pa.NativeFile, counted: _CountedFile, total: int | None) -> None:
        self._file = file
        self._counted = counted
        self._total = total
        self._ahead = b""
        self.closed = False

    def peek(self, size: int) -> bytes:
        """Return the next `size` bytes (fewer at the end) without consuming them."""
        while len(self._ahead) < size and (data := self._file.read(size - len(self._ahead))):
            self._ahead += data
        return self._ahead[:size]

    def read(self, size: int | None = -1) -> bytes:
        """Return at most `size` bytes; all that is left for -1 or None."""
        if size is None or size < 0:
            data, self._ahead = self._ahead + self._file.read(), b""
            return data
        if self._ahead:
            data, self._ahead = self._ahead[:size], self._ahead[size:]
            return data
        return bytes(self._file.read(size))

    def readable(self) -> bool:
        """Always true."""
        return True

    def close(self) -> None:
        """Mark as closed; the file belongs to the stack given to ``open_bytes``."""
        self.closed = True

    def share(self) -> float | None:
        """Share of the source read so far, 0 to 1; None where the size is unknown (a pipe)."""
        return min(self._counted.count / self._total, 1.0) if self._total else None


def open_file(stack: ExitStack, path: str) -> IO[bytes]:
    """Open a source for reading bytes; closed by the stack.

    Raises
    ------
    SourceError
        The file is missing, a directory, empty, or may not be read.
    """
    if path == STANDARD_STREAM:
        # Python has no object for a descriptor that was closed when it started.
        if sys.stdin is None:
            raise SourceError("cannot read standard input: it is closed", hint="Redirect it from a file, or name the file")
        return sys.stdin.buffer
    try:
        file = stack.enter_context(open(path, "rb"))  # noqa: SIM115
    except OSError as error:
        raise source_error(error, path, "read") from error
    status = os.fstat(file.fileno())
    if stat.S_ISREG(status.st_mode) and status.st_size == 0:
        raise empty_source(path)
    return file


def empty_source(path: str) -> SourceError:
    """The error for a source without a byte in it."""
    return SourceError(f"cannot read {path}: the file is empty", hint="A file of keys names its columns", path=path)


def open_bytes(stack: ExitStack, path: str, form: FileFormat) -> ByteInput:
    """Open a text source, decompressing where the format says so."""
    pa = require_pyarrow()
    file = open_file(stack, path)
    total: int | None = None
    if path != STANDARD_STREAM:
        status = os.fstat(file.fileno())
        total = status.st_size if stat.S_ISREG(status.st_mode) else None
    counted = _CountedFile(file)
    inner: Any = counted
    if form.compression:
        inner = stack.enter_context(pa.CompressedInputStream(pa.PythonFile(counted, "r"), form.compression))
    return ByteInput(inner, counted, total)
