"""Optional libraries: recognised without importing them, imported only where their objects must be made or read."""

from __future__ import annotations

import importlib
import sys
from types import ModuleType

from valkyrie.errors import MissingExtraError

__all__ = ["installed", "is_masked", "loaded", "pyarrow"]


def loaded(name: str) -> ModuleType | None:
    """Return the module if the program has imported it: an object of a library that is not loaded cannot exist."""
    return sys.modules.get(name)


def is_masked(array: object) -> bool:
    """Whether it is a masked array of numpy's, which imports the module of those when it is first asked for: 10 ms."""
    # Another thread may be importing it: then there is no such array yet.
    masked = getattr(loaded("numpy.ma"), "MaskedArray", None)
    return masked is not None and isinstance(array, masked)


def installed(name: str) -> bool:
    """Tell whether a library can be imported; imports it."""
    try:
        importlib.import_module(name)
    except ImportError:
        return False
    return True


def pyarrow(purpose: str) -> ModuleType:
    """Import pyarrow.

    Parameters
    ----------
    purpose : str
        What it is needed for; opens the error message.

    Raises
    ------
    MissingExtraError
        pyarrow is not installed.
    """
    try:
        return importlib.import_module("pyarrow")
    except ImportError as error:
        raise MissingExtraError(
            f"{purpose} needs pyarrow, which is not installed",
            hint='Install it: pip install "valkyrie-routing[arrow]"',
            library="pyarrow",
        ) from error
