"""What became of the keys of a table, whatever type it and its successor are of."""

from __future__ import annotations

from valkyrie.errors import ArgumentError
from valkyrie.tables.any_table import Table, index_of
from valkyrie.tables.changes import KeyChanges
from valkyrie.tables.id_table import IdTable
from valkyrie.tables.prefix_table import PrefixTable

__all__ = ["key_changes"]


def key_changes(old: Table | None, new: Table | None) -> KeyChanges:
    """What became of the keys of a table: see `IdTable.changes_since`.

    Parameters
    ----------
    old, new : IdTable, PrefixTable or RouteTable, or None
        None is no table: all keys of the other were added, or removed. Of a RouteTable, rows are compared and not the payload.
        Keys that are looked up whole are other keys than prefixes.

    Raises
    ------
    ArgumentError
        Both are None.
    """
    before, after = (None if table is None else index_of(table) for table in (old, new))
    if before is None and after is None:
        raise ArgumentError("old, new: neither is a table", hint="Give one at least")
    if isinstance(before, IdTable) and isinstance(after, IdTable):
        return after.changes_since(before)
    if isinstance(before, PrefixTable) and isinstance(after, PrefixTable):
        return after.changes_since(before)
    gone, fresh = (None if index is None else key_changes(index.emptied(), index) for index in (before, after))
    if gone is None:
        assert fresh is not None
        return fresh
    return KeyChanges(gone.added.reversed(), gone.changed, gone.removed if fresh is None else fresh.added)
