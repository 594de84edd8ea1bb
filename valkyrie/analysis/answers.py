"""Where keys lead in a snapshot, and which of them lead elsewhere in another."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from valkyrie.arrays import key_column
from valkyrie.errors import ArgumentError, ValkyrieError
from valkyrie.snapshot import Snapshot, Table
from valkyrie.snapshot.kinds import fitting_tables
from valkyrie.tables import has_records, lead_elsewhere
from valkyrie.typing import BoolArray, Int16Array, Int32Array

__all__ = ["Answers", "answers", "moved_keys", "refuse_iterators"]


class Answers(NamedTuple):
    """Where n keys lead.

    Attributes
    ----------
    rows : ndarray of int32, shape (n,)
        -1 for no route.
    tables : tuple of tables
        That may have answered.
    rule : ndarray of int16, shape (n,), or None
        Position in `tables` of the one that answered, -1 for none; None where there is one table at most.
    """

    rows: Int32Array
    tables: tuple[Table, ...]
    rule: Int16Array | None


def refuse_iterators(keys: Any) -> None:
    """Refuse keys that can be read once only, since they are looked up in each snapshot.

    Raises
    ------
    ArgumentError
    """
    if isinstance(keys, Iterator):
        raise ArgumentError(
            f"keys: they are looked up more than once, but a {type(keys).__name__} can be read once only",
            hint="Give list(keys)",
            argument="keys",
        )


def answers(snapshot: Snapshot, keys: Any, table: str | None, threads: int, whose: str) -> Answers:
    """Look keys up. An error says in which snapshot it was; a table that is not there answers nothing."""
    try:
        if table is not None and table not in snapshot.tables:
            n = len(keys) if hasattr(keys, "__len__") else key_column(keys, lookup="signed").n
            return Answers(np.full(n, -1, np.int32), (), None)
        names = fitting_tables(snapshot.tables, keys, table)
        if len(names) == 1:
            rows = snapshot.targets_of(keys, table=names[0], threads=threads)
            return Answers(rows, (snapshot.tables[names[0]],), None)
        found = snapshot.lookup_many(keys, threads=threads)
        return Answers(found["target"], tuple(snapshot.tables.values()), found["rule"])
    except ValkyrieError as error:
        raise type(error)(whose + error.message, hint=error.hint, **error.data) from error


def moved_keys(before: Answers, after: Answers, threads: int) -> BoolArray:
    """Which keys lead elsewhere: bool, shape (n,).

    Answers of RouteTables are compared by their records, whatever table of the snapshot gave them; others by their rows.
    """
    if not any(has_records(table) for table in (*before.tables, *after.tables)):
        rows: BoolArray = before.rows != after.rows
        return rows
    if before.rule is None and after.rule is None and before.tables and after.tables:
        return lead_elsewhere(before.tables[0], before.rows, after.tables[0], after.rows, threads=threads)
    moved: BoolArray = before.rows != after.rows
    both = (before.rows >= 0) & (after.rows >= 0)
    for i, old in enumerate(before.tables):
        here = both if before.rule is None else both & (before.rule == i)
        if not here.any():
            continue
        for j, new in enumerate(after.tables):
            at = np.flatnonzero(here if after.rule is None else here & (after.rule == j))
            moved[at] = lead_elsewhere(old, before.rows[at], new, after.rows[at], threads=threads)
    return moved
