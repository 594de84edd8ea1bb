"""Memory for tables: aligned, on huge pages when it is worth it, and read-only for good once it is frozen.

A random lookup in a big table misses the TLB as well as the cache, so arrays of a megabyte and more ask for 2 MB pages, which the
kernel grants only on 2 MB boundaries. Small arrays do not: a 2 MB page for 10 KB is a waste and takes a millisecond to clear.

``ndarray.flags.writeable = False`` can be undone by anyone who holds the array. Over a read-only memoryview it cannot, so that
is what `Block.freeze` gives: proof against mistakes, not against someone who digs for the memory below.
"""

from __future__ import annotations

import mmap
from contextlib import suppress
from typing import TypeVar, cast

import numpy as np

__all__ = ["Block", "freeze", "frozen", "huge_map", "huge_start", "read_only"]

_Array = TypeVar("_Array", bound=np.ndarray | None)

_HUGE_PAGE = 2 << 20
_HUGE_FROM = 1 << 20
_LINE = 64
_PRIVATE = {"flags": mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS} if hasattr(mmap, "MAP_PRIVATE") else {}
_ADVICE = getattr(mmap, "MADV_HUGEPAGE", None)


def huge_map(nbytes: int) -> mmap.mmap:
    """Return a zeroed map that has so many bytes from `huge_start` on, and asks for huge pages."""
    # Private: a shared anonymous map is a file in memory to the kernel, which gives it small pages.
    try:
        owner = mmap.mmap(-1, (nbytes // _HUGE_PAGE + 2) * _HUGE_PAGE, **_PRIVATE)
    except OSError as error:
        raise MemoryError(f"no memory for {nbytes:,} bytes") from error
    if _ADVICE is not None:
        with suppress(OSError):  # a kernel without huge pages gives small ones: slower, not wrong
            owner.madvise(_ADVICE)
    return owner


def huge_start(owner: mmap.mmap) -> int:
    """The first byte of a map that is on the boundary of a huge page."""
    return int(-np.frombuffer(owner, np.uint8).ctypes.data % _HUGE_PAGE)


class Block:
    """A zeroed piece of memory, aligned to 64 bytes, writable until it is frozen.

    Parameters
    ----------
    nbytes : int
        Size in bytes; zero is legal.
    """

    __slots__ = ("_view", "writable")

    def __init__(self, nbytes: int) -> None:
        if nbytes >= _HUGE_FROM:
            owner = huge_map(nbytes)
            whole, start = memoryview(owner), huge_start(owner)
        else:
            whole = memoryview(bytearray(nbytes + _LINE))
            start = -np.frombuffer(whole, np.uint8).ctypes.data % _LINE
        self._view = whole[start : start + nbytes]
        self.writable: np.ndarray = np.frombuffer(self._view, np.uint8)
        """The bytes, uint8 of shape (nbytes,), for whoever fills them."""

    def freeze(self) -> np.ndarray:
        """Return the bytes as an array whose flags nobody can set to writable; `writable` must not be used any more."""
        return np.frombuffer(self._view.toreadonly(), np.uint8)


def freeze(values: np.ndarray) -> np.ndarray:
    """Return a copy of a one-dimensional array that nobody can make writable, aligned to 64 bytes."""
    values = np.ascontiguousarray(values)
    block = Block(values.nbytes)
    if values.nbytes:
        block.writable[:] = values.view(np.uint8).reshape(-1)
    return block.freeze().view(values.dtype) if values.dtype.itemsize else np.empty(values.shape, values.dtype)


def frozen(values: np.ndarray) -> np.ndarray:
    """Return an array that is read-only, contiguous and aligned: the one given if it is, else a copy as `freeze` makes it."""
    flags = values.flags
    return values if flags.c_contiguous and flags.aligned and not flags.writeable else freeze(values)


def read_only(array: _Array) -> _Array:
    """Return a view of an array that cannot be written, or the array itself if it cannot be; None for None."""
    if array is None or not array.flags.writeable:
        return array  # the same object: who keeps arrays apart by identity sees that it is
    view = array.view()
    view.flags.writeable = False
    return cast(_Array, view)
