"""What became of the keys of a table, whatever type it and its successor are of, and what counts as leading elsewhere."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from valkyrie.errors import ArgumentError
from valkyrie.tables.any_table import Table, index_of
from valkyrie.tables.changes import Differ, KeyChanges
from valkyrie.tables.id_table import IdTable
from valkyrie.tables.prefix_table import PrefixTable
from valkyrie.tables.route_table import RouteTable
from valkyrie.typing import BoolArray, Int32Array

__all__ = ["ComparedTables", "compared_tables", "has_records", "lead_elsewhere"]

class ComparedTables(NamedTuple):
    """What became of the keys of a table.

    Attributes
    ----------
    changes : KeyChanges
    renumbered : int
        How many keys lead to another row of the same record, and so are in none of the changes.
    payload_differs : bool
        Whether the same row may hold another record.
    """

    changes: KeyChanges
    renumbered: int
    payload_differs: bool


def has_records(table: Table) -> bool:
    """Whether a table answers with records: a RouteTable of keys alone answers with rows, as a bare table does."""
    return isinstance(table, RouteTable) and bool(table.column_names)


def lead_elsewhere(old: Table, before: Int32Array, new: Table, after: Int32Array, *, threads: int = 1) -> BoolArray:
    """Which keys lead elsewhere: to another record, of RouteTables that have records; to another row, of other tables.

    A record and a row are never the same.

    Parameters
    ----------
    before, after : ndarray of int32, shape (n,)
        The row of each key in the old table and in the new, -1 for none.

    Returns
    -------
    ndarray of bool, shape (n,)
    """
    if has_records(old) != has_records(new):
        apart: BoolArray = (before >= 0) | (after >= 0)
        return apart
    if isinstance(old, RouteTable) and isinstance(new, RouteTable) and has_records(old):
        return old.differ_from(before, new, after, threads=threads)
    rows: BoolArray = before != after
    return rows


def compared_tables(old: Table | None, new: Table | None) -> ComparedTables:
    """What became of the keys of a table: see `IdTable.changes_since`.

    Parameters
    ----------
    old, new : IdTable, PrefixTable or RouteTable, or None
        None is no table: all keys of the other were added, or removed. What a key leads to is compared as `lead_elsewhere` does.
        Keys that are looked up whole are other keys than prefixes.

    Raises
    ------
    ArgumentError
        Both are None.
    """
    if old is None and new is None:
        raise ArgumentError("old, new: neither is a table", hint="Give one at least")
    if old is None or new is None:
        return ComparedTables(_changes(old, new), 0, payload_differs=False)
    payload_differs = isinstance(old, RouteTable) and isinstance(new, RouteTable) and old.payload_digest() != new.payload_digest()
    if has_records(old) == has_records(new) and not payload_differs:
        # The same row is the same answer, so that only keys of other rows need be looked at.
        changes = _changes(old, new)
        elsewhere = lead_elsewhere(old, changes.changed.rows[0], new, changes.changed.rows[1])
        renumbered = len(elsewhere) - int(np.count_nonzero(elsewhere))
        if renumbered:
            changes = changes._replace(changed=changes.changed.where(elsewhere))
        return ComparedTables(changes, renumbered, payload_differs=False)
    count = 0

    def differ(before: Int32Array, after: Int32Array) -> BoolArray:
        nonlocal count
        elsewhere = lead_elsewhere(old, before, new, after)
        count = int(np.count_nonzero((before != after) & ~elsewhere))
        return elsewhere

    changes = _changes(old, new, differ)
    return ComparedTables(changes, count, payload_differs)


def _changes(old: Table | None, new: Table | None, differ: Differ | None = None) -> KeyChanges:
    before, after = (None if table is None else index_of(table) for table in (old, new))
    if isinstance(before, IdTable) and isinstance(after, IdTable):
        return after.changes_since(before, differ)
    if isinstance(before, PrefixTable) and isinstance(after, PrefixTable):
        return after.changes_since(before, differ)
    gone, fresh = (None if index is None else _changes(index.emptied(), index) for index in (before, after))
    if gone is None:
        assert fresh is not None
        return fresh
    return KeyChanges(gone.added.reversed(), gone.changed, gone.removed if fresh is None else fresh.added)
