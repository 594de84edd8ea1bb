"""Changed keys of several tables as one: as columns where they are of one kind, as a pandas frame always."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np

from valkyrie.analysis.table_diff import TableDiff
from valkyrie.arrays import Columns
from valkyrie.errors import AmbiguousKeyError, MissingExtraError

__all__ = ["concatenated", "joined_keys", "pandas_frame"]

Change = Literal["added", "removed", "changed"]


def joined_keys(tables: Mapping[str, TableDiff], change: Change) -> Columns:
    """The changed keys of all tables in one, with ``table`` in front; a table without any does not matter.

    Raises
    ------
    AmbiguousKeyError
        They are of several kinds.
    """
    found = {name: getattr(table, change) for name, table in tables.items() if table.counts[change]}
    if not found:
        first = next(iter(tables.values()))
        return Columns({"table": [], **_by_name(getattr(first, change))})
    parts = list(found.values())
    kinds = {(part.names, "text" if part["key"].dtype.kind in "OUT" else part["key"].dtype.str) for part in parts}
    if len(kinds) > 1:
        name = next(iter(found))
        raise AmbiguousKeyError(
            f"{change}: the tables {', '.join(map(repr, found))} hold keys of several kinds",
            hint=f"Ask for those of one: tables[{name!r}].{change}",
            tables=list(found),
        )
    names = [name for name, part in found.items() for _ in range(len(part))]
    return Columns({"table": names} | {name: np.concatenate([part[name] for part in parts]) for name in parts[0].names})


def concatenated(tables: Mapping[str, TableDiff]) -> Any:
    """Every changed key of all tables as a pandas DataFrame.

    Raises
    ------
    MissingExtraError
    """
    pandas = _pandas()
    frames = []
    for name, table in tables.items():
        for change in ("removed", "changed", "added"):
            columns: Columns = getattr(table, change)
            frame = columns.to_pandas()
            frame.insert(0, "table", name)
            frame.insert(1, "change", change)
            frames.append(frame)
    filled = [frame for frame in frames if len(frame)] or frames[:1]
    return pandas.concat(filled, ignore_index=True)


def pandas_frame(columns: Columns) -> Any:
    """Columns as a pandas DataFrame.

    Raises
    ------
    MissingExtraError
    """
    _pandas()
    return columns.to_pandas()


def _by_name(columns: Columns) -> dict[str, Any]:
    return {name: columns[name] for name in columns.names}


def _pandas() -> Any:
    try:
        import pandas
    except ImportError as error:
        raise MissingExtraError(
            "frames need pandas, which is not installed",
            hint='Install it: pip install "valkyrie-routing[notebook]"',
            library="pandas",
        ) from error
    return pandas
