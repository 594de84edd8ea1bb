"""Which build of the hot kernels this process uses: ``default``, ``v3`` (AVX2) or ``v4`` (AVX-512).

The best that the CPU has, or what ``VALKYRIE_CPU`` says, read once, when Valkyrie is imported. If that is no level there is, the
import goes well all the same, so that the command line can say so; but no table can be made.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
from types import ModuleType

from valkyrie._native import hashing
from valkyrie.errors import ArgumentError

__all__ = ["check_cpu_level", "cpu_level", "cpu_levels", "kernel"]

_LEVELS = ("default", "v3", "v4")


def _available() -> tuple[str, ...]:
    best = _LEVELS.index(hashing.cpu_features()["level"])
    return tuple(level for level in _LEVELS[: best + 1] if importlib.util.find_spec(_name("id_table", level)) is not None)


def _name(noun: str, level: str) -> str:
    return f"valkyrie._native.{noun}" + ("" if level == "default" else f"_{level}")


_AVAILABLE = _available()
_ASKED = os.environ.get("VALKYRIE_CPU", "")
_CHOSEN = _ASKED if _ASKED in _AVAILABLE else _AVAILABLE[-1]


def cpu_levels() -> tuple[str, ...]:
    """The levels that this CPU can run and this build has, the plainest first."""
    return _AVAILABLE


def cpu_level() -> str:
    """The level in use."""
    return _CHOSEN


def check_cpu_level() -> None:
    """Raise ArgumentError if another level was asked for than there is."""
    if _ASKED and _ASKED != _CHOSEN:
        raise ArgumentError(
            f"the environment variable VALKYRIE_CPU asks for {_ASKED!r}, which this CPU or this build does not have",
            hint=f"use one of {', '.join(_AVAILABLE)}, or unset it",
        )


def kernel(noun: str, level: str | None = None) -> ModuleType:
    """The extension module of a noun at a level (the one in use by default)."""
    return importlib.import_module(_name(noun, level or _CHOSEN))
