"""The numba kernel over intervals written in C (``interval_tree.c``), to see what numba costs."""

from __future__ import annotations

import ctypes
import functools

from .compiler import compile_c
from .data import Keys


@functools.cache
def _compiled() -> ctypes.CDLL:
    library = compile_c("interval_tree.c")
    pointer, size = ctypes.c_void_p, ctypes.c_size_t
    library.find_uint64.argtypes = [pointer, size, pointer, pointer, size, pointer, pointer]
    library.find_uint64.restype = None
    return library


def find_uint64(queries: Keys, lines: Keys, steps: Keys, ranks: Keys, out: Keys) -> None:
    """As the kernel of the same name, with the same arguments, contiguous arrays all.

    Raises
    ------
    RuntimeError
        There is no C compiler.
    """
    _compiled().find_uint64(
        queries.ctypes.data, len(queries), lines.ctypes.data, steps.ctypes.data, len(steps), ranks.ctypes.data, out.ctypes.data
    )
