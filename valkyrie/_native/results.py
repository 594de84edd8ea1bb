"""Memory for large results, used again when they are gone.

A result of tens of megabytes is written once, as fast as memory takes it; but the system clears each page before it hands it
over, which takes three times as long. The allocator of C keeps what is freed for the next call only up to 32 MB. So here the
memory of a large array that nobody holds any more is kept for the next one, and the system is told that it may have it back
whenever it runs short (MADV_FREE), which costs nothing. Where a system has no such advice, nothing is kept.
"""

from __future__ import annotations

import mmap
import weakref
from contextlib import suppress
from typing import Any

import numpy as np

from valkyrie._native.memory import huge_map, huge_start

__all__ = ["KEPT_BYTES", "LARGE_BYTES", "large_result"]

LARGE_BYTES = 16 << 20
"""Smaller results are left to numpy."""
KEPT_BYTES = 128 << 20
"""At most as much is kept, in one piece."""

_LAZY_FREE = getattr(mmap, "MADV_FREE", None)
_held: dict[int, tuple[weakref.ref[Any], mmap.mmap]] = {}
_idle: list[mmap.mmap] = []


def large_result(n: int, dtype: Any) -> np.ndarray:
    """Return a writable array of n items that are arbitrary, as `numpy.empty` does."""
    dtype = np.dtype(dtype)
    nbytes = n * dtype.itemsize
    if nbytes < LARGE_BYTES or _LAZY_FREE is None:
        return np.empty(n, dtype)
    memory = _taken(nbytes)
    # Every view of the array, and what else reads it, holds this one in the end.
    whole = np.frombuffer(memory, np.uint8)
    key = id(memory)
    _held[key] = weakref.ref(whole, lambda _: _give_back(key)), memory
    start = huge_start(memory)
    return whole[start : start + nbytes].view(dtype)


def _taken(nbytes: int) -> mmap.mmap:
    """Kept memory of that size, if it is not far too much; otherwise new memory in its place."""
    with suppress(IndexError):  # none, or another thread was faster
        memory = _idle.pop()
        if huge_start(memory) + nbytes <= len(memory) <= 4 * nbytes:
            return memory
    return huge_map(nbytes)


def _give_back(key: int) -> None:
    """Keep the memory of an array that is gone, unless there is some already."""
    _, memory = _held.pop(key)
    if len(memory) <= KEPT_BYTES and not _idle:
        with suppress(OSError):
            memory.madvise(_LAZY_FREE)  # type: ignore[arg-type]  # nothing is kept without it
            _idle.append(memory)
