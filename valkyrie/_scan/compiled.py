"""One kernel, two forms: compiled by numba, or its numpy twin; which of them runs is decided here, call by call.

numba costs 0.3 s to import and a kernel up to a second to compile, so neither happens before it pays. A compiled kernel serves
every batch. Until it is compiled, a batch of fewer than `COMPILE_FROM` rows goes to the twin, and so does a call that finds
another thread compiling; a larger batch compiles in the thread that brought it. There are no background threads. Without numba,
or with ``VALKYRIE_JIT=0``, or where numba does not work, the twin serves everything. Both give the same answers.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import threading
import warnings
from collections.abc import Callable
from typing import Any

__all__ = ["COMPILE_FROM", "Kernel", "jit_wanted"]

COMPILE_FROM = 4096
"""Rows of a batch that is worth compiling for."""

_compiling = threading.Lock()
_unusable = False
"""Set for good when numba could not compile here, or may hang if it tried."""


def jit_wanted() -> bool:
    """Whether kernels may be compiled: numba works, and neither ``VALKYRIE_JIT=0`` nor ``NUMBA_DISABLE_JIT=1`` is set."""
    if _unusable:
        return False
    off = os.environ.get("VALKYRIE_JIT", "1") == "0" or os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0")
    return not off and importlib.util.find_spec("numba") is not None


class Kernel:
    """A numba kernel and its numpy twin.

    Parameters
    ----------
    module, name : str
        Where the numba function is; its module is imported (and numba with it) when it is first compiled.
    twin : callable
        The same function in numpy, with the same arguments.
    """

    __slots__ = ("_compiled", "_module", "_name", "twin")

    def __init__(self, module: str, name: str, twin: Callable[..., Any]) -> None:
        self.twin = twin
        self._module = module
        self._name = name
        self._compiled: Callable[..., Any] | None = None

    @property
    def is_compiled(self) -> bool:
        """Whether the compiled form is there."""
        return self._compiled is not None

    def choose(self, rows: int, warm: Callable[[Callable[..., Any]], None]) -> Callable[..., Any]:
        """The form to call for a batch of that many rows.

        Parameters
        ----------
        rows : int
        warm : callable
            Calls the function it is given with arguments of the types that will come, as small as can be: numba compiles at the
            first call. Runs at most once at a time, in this thread.
        """
        if self._compiled is not None:
            return self._compiled
        if rows < COMPILE_FROM or not jit_wanted():
            return self.twin
        if not _compiling.acquire(blocking=False):
            return self.twin
        try:
            return self._compile(warm)
        finally:
            _compiling.release()

    def warm_up(self, warm: Callable[[Callable[..., Any]], None]) -> bool:
        """Compile now, waiting for another thread that compiles; whether there is a compiled form then."""
        if self._compiled is None and jit_wanted():
            with _compiling:
                if self._compiled is None:
                    self._compile(warm)
        return self._compiled is not None

    def _compile(self, warm: Callable[[Callable[..., Any]], None]) -> Callable[..., Any]:
        """The compiled form or, where that fails, the twin."""
        global _unusable
        try:
            function: Callable[..., Any] = getattr(importlib.import_module(self._module), self._name)
            warm(function)
        except Exception as error:  # an installation that does not fit numpy or the machine fails in any way it likes
            _unusable = True
            warnings.warn(
                f"numba is installed but does not work here ({type(error).__name__}: {error}); numpy answers in its place, more"
                " slowly. Mend the installation of numba, or set VALKYRIE_JIT=0",
                RuntimeWarning,
                stacklevel=2,
            )
            return self.twin
        self._compiled = function
        return function


def _renew_lock() -> None:
    """In a forked child: the thread that was compiling is not there, but numba's own lock is still held for it."""
    global _compiling, _unusable
    _unusable = _unusable or _compiling.locked()
    _compiling = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_lock)
