"""What is installed, and which kernels are in use: the first thing to look at when something is slow."""

from __future__ import annotations

import os
import platform

from valkyrie._native import cpu_level, cpu_levels
from valkyrie.parallel import available_threads

__all__ = ["show_versions", "versions"]

_OPTIONAL = ("pandas", "polars", "pyarrow", "typer", "rich", "numba", "matplotlib")


def versions() -> dict[str, str]:
    """Return names and versions of Valkyrie, Python, the libraries that matter, and the kernels in use."""
    found = {
        "valkyrie": _version("valkyrie-routing"),
        "python": f"{platform.python_version()} ({platform.python_implementation()})",
        "platform": platform.platform(),
        "cpu level": f"{cpu_level()} (of {', '.join(cpu_levels())}; VALKYRIE_CPU={os.environ.get('VALKYRIE_CPU', '')})",
        "threads": str(available_threads()),
        "numpy": _version("numpy"),
        "xxhash": _version("xxhash"),
    }
    return found | {name: _version(name) for name in _OPTIONAL}


def show_versions() -> None:
    """Print what `versions` returns, one a line."""
    for name, version in versions().items():
        print(f"{name:10} {version}")


def _version(distribution: str) -> str:
    from importlib import metadata  # takes longer to import than all of Valkyrie

    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return "not installed"
