"""What became of one table: keys that are gone, lead elsewhere, or are new."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from valkyrie.arrays import Columns
from valkyrie.snapshot import Table
from valkyrie.tables import KeyChanges, compared_tables

__all__ = ["TableDiff"]


@dataclass(frozen=True, eq=False)
class TableDiff:
    """What became of a table. Immutable; safe to share between threads, and pickled with the keys that changed.

    A key of a RouteTable leads elsewhere if the record it leads to is another: names, types or bytes of its values, where NaN is
    NaN and null is null. A key of any other table does if its row is another.

    Attributes
    ----------
    name : str
    keys_before, keys_after : int
        How many keys it had and has; 0 where there is no such table.
    payload_differs : bool
        Of RouteTables: whether the same row may hold other values now.
    renumbered : int
        Of RouteTables: how many keys lead to another row of the same record; they changed in nothing that a user sees.
    changes : KeyChanges
        What is in the columns below, before its keys are read.
    """

    name: str
    keys_before: int
    keys_after: int
    payload_differs: bool
    renumbered: int
    changes: KeyChanges

    @classmethod
    def of(cls, name: str, old: Table | None, new: Table | None) -> TableDiff:
        """Compare two tables, of which one may be absent."""
        found = compared_tables(old, new)
        before, after = (0 if table is None else len(table) for table in (old, new))
        return cls(name, before, after, found.payload_differs, found.renumbered, found.changes)

    @cached_property
    def added(self) -> Columns:
        """``key`` (and ``length``, of prefixes that are words), ``before`` and ``after``: rows, -1 for none. Ascending by key."""
        return self.changes.added.columns()

    @cached_property
    def removed(self) -> Columns:
        """Columns as `added`."""
        return self.changes.removed.columns()

    @cached_property
    def changed(self) -> Columns:
        """Columns as `added`, of keys that lead elsewhere."""
        return self.changes.changed.columns()

    @property
    def counts(self) -> dict[str, int]:
        """How many keys were removed, changed and added."""
        return {name: len(keys) for name, keys in zip(self.changes._fields, self.changes, strict=True)}

    def summary(self) -> str:
        """How many keys, and what became of them, on one line."""
        found = ", ".join(f"{count:,} {name}" for name, count in self.counts.items())
        renumbered = f"; {self.renumbered:,} to another row of the same record" if self.renumbered else ""
        payload = "; the payload differs" if self.payload_differs else ""
        return f"{self.keys_before:,} keys before, {self.keys_after:,} after: {found}{renumbered}{payload}"

    def __repr__(self) -> str:
        return f"TableDiff({self.name!r}, {self.summary()})"
