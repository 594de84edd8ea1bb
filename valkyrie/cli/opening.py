"""The tables that a command works on: the one in a file, or those of a snapshot."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import valkyrie as vk
from valkyrie.arrays import require_column
from valkyrie.cli.options import names
from valkyrie.errors import ArgumentError
from valkyrie.snapshot import Table
from valkyrie.typing import Verify

__all__ = ["chosen_columns", "open_table", "open_tables"]


def open_tables(path: str | Path, *, table: str | None = None, verify: Verify = "full") -> Mapping[str, Table]:
    """Load the tables in a file, by name, in the order in which lookups try them; a table on its own has the name "routes".

    Parameters
    ----------
    table : str, optional
        Give this one alone.

    Raises
    ------
    ArgumentError
        There is no such table.
    """
    if Path(path).is_dir():
        raise ArgumentError(
            f"{path} is a directory, a file is needed",
            hint="Of a directory that versions are published to, `valkyrie snapshot history` lists them",
        )
    loaded = vk.load(path, verify=verify)
    tables = loaded.tables if isinstance(loaded, vk.Snapshot) else {"routes": loaded}
    if table is None:
        return tables
    if table not in tables:
        raise ArgumentError(f"--table: {path} has no table {table!r}", hint=f"The tables are {', '.join(map(repr, tables))}")
    return {table: tables[table]}


def open_table(path: str | Path, *, table: str | None = None, verify: Verify = "full") -> Table:
    """Load the table in a file; of a snapshot the one that is named, or the only one it holds.

    Raises
    ------
    ArgumentError
        The file holds a snapshot of several tables, and none is named, or none of the name.
    """
    tables = open_tables(path, table=table, verify=verify)
    if len(tables) > 1:
        raise ArgumentError(
            f"{path}: the file holds a snapshot of the tables {', '.join(map(repr, tables))}",
            hint="Name one with --table where there is that option, or save it on its own: "
            "valkyrie.load(path).tables[name].save(other)",
        )
    return next(iter(tables.values()))


def chosen_columns(table: Table, columns: str | None) -> list[str]:
    """The columns of an answer: those of ``--columns``, or all; of a table without payload, its row.

    Raises
    ------
    ArgumentError, UnknownColumnError
    """
    wanted = names(columns)
    if not isinstance(table, vk.RouteTable):
        if wanted is not None:
            raise ArgumentError(f"--columns {columns}: the table has no payload", hint="It maps keys to rows")
        return ["row"]
    chosen = table.column_names if wanted is None else wanted
    for name in chosen:
        require_column(table.column_names, name)
    return chosen
