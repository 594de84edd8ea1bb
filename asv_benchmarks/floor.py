"""The machine's limit for a table of a given size, measured in the same run as the tables (see ``floor.c``)."""

from __future__ import annotations

import ctypes
import functools
import time
import weakref

import numpy as np
import numpy.typing as npt

from .compiler import compile_c

LINE_BYTES = 64
LEVELS = {"t0": 0, "t1": 1, "none": 2}
DISTANCES = (16, 32, 64, 128)


@functools.cache
def compile_floor() -> ctypes.CDLL:
    """Compile ``floor.c`` and load it.

    Raises
    ------
    RuntimeError
        If there is no compiler, or it fails.
    """
    loaded = compile_c("floor.c")
    loaded.floor_allocate.restype = ctypes.c_void_p
    loaded.floor_allocate.argtypes = [ctypes.c_size_t]
    loaded.floor_free.argtypes = [ctypes.c_void_p]
    loaded.floor_touch.argtypes = [
        ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p, ctypes.c_int,
        ctypes.c_size_t,
    ]  # fmt: skip
    return loaded


class Floor:
    """A block of memory of `footprint_bytes` whose lines are touched at random, one line per id.

    Parameters
    ----------
    footprint_bytes : int
        Size of the table that the limit is meant for.
    ids : ndarray of uint64, shape (n,)
        On which the prefetch level and distance are chosen: the fastest of all, by CPU time.
    """

    def __init__(self, footprint_bytes: int, ids: npt.NDArray[np.uint64]) -> None:
        self._library = compile_floor()
        self.n_lines = max(1, footprint_bytes // LINE_BYTES)
        self._lines = self._library.floor_allocate(self.n_lines)
        if not self._lines:
            raise MemoryError(f"{footprint_bytes} bytes for the floor")
        weakref.finalize(self, self._library.floor_free, self._lines)
        self.level, self.ahead = min(
            ((level, ahead) for level in LEVELS for ahead in DISTANCES), key=lambda choice: self._cost(ids, *choice)
        )

    def touch(self, ids: npt.NDArray[np.uint64]) -> npt.NDArray[np.int32]:
        """Touch one line per id; returns an int32 array, shape (n,), of no meaning."""
        return self._touch(ids, self.level, self.ahead)

    def _touch(self, ids: npt.NDArray[np.uint64], level: str, ahead: int) -> npt.NDArray[np.int32]:
        out = np.empty(len(ids), np.int32)
        self._library.floor_touch(ids.ctypes.data, len(ids), self._lines, self.n_lines, out.ctypes.data, LEVELS[level], ahead)
        return out

    def _cost(self, ids: npt.NDArray[np.uint64], level: str, ahead: int) -> int:
        costs = []
        for _ in range(3):
            start = time.process_time_ns()
            self._touch(ids, level, ahead)
            costs.append(time.process_time_ns() - start)
        return min(costs)
