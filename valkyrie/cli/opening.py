"""The table that a command works on: the one in a file, or that of a snapshot."""

from __future__ import annotations

from pathlib import Path

import valkyrie as vk
from valkyrie.errors import ArgumentError
from valkyrie.typing import Verify

__all__ = ["open_table"]


def open_table(path: str | Path, *, verify: Verify = "full") -> vk.IdTable | vk.PrefixTable | vk.RouteTable:
    """Load the table in a file; of a snapshot the only table it holds.

    Raises
    ------
    ArgumentError
        The file holds a snapshot of several tables.
    """
    loaded = vk.load(path, verify=verify)
    if not isinstance(loaded, vk.Snapshot):
        return loaded
    if len(loaded.tables) > 1:
        raise ArgumentError(
            f"{path}: the file holds a snapshot of the tables {', '.join(map(repr, loaded.tables))}",
            hint="Save the table you mean on its own: valkyrie.load(path).tables[name].save(other)",
        )
    return next(iter(loaded.tables.values()))
