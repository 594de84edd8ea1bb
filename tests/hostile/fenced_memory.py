"""Arrays that end where memory ends: the page behind them cannot be read, so a kernel that reads one byte too far is caught."""

from __future__ import annotations

import ctypes
import mmap
import os
from typing import Any

import numpy as np

__all__ = ["fenced", "fenced_bytes"]

_PAGE = mmap.PAGESIZE
_PROT_NONE = 0
_libc = ctypes.CDLL(None, use_errno=True)
_REFERENCES = 1 << 16
_kept: list[Any] = []


def fenced(array: Any, *, front: bool = False) -> Any:
    """Return a read-only copy that ends (or with `front` starts) at a page that nobody may touch: doing so ends the process."""
    nbytes = array.nbytes
    pages = max(1, -(-nbytes // _PAGE))
    memory = mmap.mmap(-1, (pages + 1) * _PAGE)
    start = _PAGE if front else pages * _PAGE - nbytes
    if nbytes:
        np.frombuffer(memory, np.uint8, nbytes, start)[:] = np.frombuffer(array.tobytes(), np.uint8)
    address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    if _libc.mprotect(ctypes.c_void_p(address + (0 if front else pages * _PAGE)), _PAGE, _PROT_NONE):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return np.ndarray(array.shape, array.dtype, memoryview(memory).toreadonly()[start : start + nbytes])


def fenced_bytes(data: bytes) -> bytes:
    """Return a bytes object whose terminating NUL is the last byte before a page that nobody may touch.

    It is the copy of an object, header and all, that had many references when it was copied: so it is never released, and its
    memory is kept.
    """
    original = bytes(bytearray(data))
    references = [original] * _REFERENCES
    memory = fenced(np.frombuffer(ctypes.string_at(id(original), bytes.__basicsize__ + len(data)), np.uint8))
    del references
    _kept.append(memory)
    copied: bytes = ctypes.cast(memory.ctypes.data, ctypes.py_object).value
    return copied
