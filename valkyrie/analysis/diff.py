"""Diff: what two snapshots, or two tables, do differently, key by key."""

from __future__ import annotations

import html
from collections.abc import Mapping
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from valkyrie.analysis.answers import Answers, answers, moved_keys, refuse_iterators
from valkyrie.analysis.frames import concatenated, joined_keys, pandas_frame
from valkyrie.analysis.loads import checked_load
from valkyrie.analysis.moves import Moves
from valkyrie.analysis.table_diff import TableDiff
from valkyrie.arrays import Columns
from valkyrie.display import move_plot
from valkyrie.errors import ArgumentError
from valkyrie.parallel import thread_count
from valkyrie.snapshot import Snapshot, Table
from valkyrie.tables import IdTable, PrefixTable, RouteTable
from valkyrie.typing import BoolArray, Float64Array, Int32Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Diff", "as_snapshot", "diff", "moves_of"]

_NAMED = 8


def diff(
    a: Snapshot | Table,
    b: Snapshot | Table,
    keys: Any = None,
    *,
    load: Any = None,
    table: str | None = None,
    threads: int | None = 1,
) -> Diff:
    """Compare two snapshots, or two tables, by what keys lead to.

    Two answers are the same when the records of the RouteTables that gave them are equal: all columns by name, type and the bytes
    of their values, where NaN is NaN and null is null. The rows of the records do not count, and are reported apart
    (`Diff.renumbered`). Tables without payload have nothing but rows, which are compared; a record and a row are never the same.

    Parameters
    ----------
    a, b : Snapshot, or table
        Before and after; both snapshots, or both tables.
    keys : array-like, length n, optional
        Keys to look up in both, in any container but an iterator. Without, the keys of the tables themselves are compared, in
        time O(n), or O(pending) where both tables are edits of the same one; of prefix tables, the prefixes.
    load : array-like of float, length n, optional
        What each key weighs, finite, 0 or more; by default 1. An array of float64 is borrowed.
    table : str, optional
        Compare this table alone; where only one snapshot has it, the other has no route. With `keys`, needed if tables of
        several kinds could hold them.
    threads : int or None
        Of the lookups.

    Returns
    -------
    Diff

    Raises
    ------
    ArgumentError, AmbiguousKeyError, KeyTypeError
    """
    before, after, workers = as_snapshot(a, "a"), as_snapshot(b, "b"), thread_count(threads)
    if isinstance(a, Snapshot) != isinstance(b, Snapshot):
        raise ArgumentError(
            f"a is {type(a).__name__} and b {type(b).__name__}",
            hint="Compare two snapshots, or two tables: snapshot.tables[name]",
        )
    if table is not None and table not in before.tables and table not in after.tables:
        named = ", ".join(map(repr, dict.fromkeys([*before.tables, *after.tables])))
        raise ArgumentError(f"table: there is no table {table!r}", hint=f"The tables are {named}")
    if keys is None:
        if load is not None:
            raise ArgumentError("load: loads are of keys, and none were given", hint="Give keys=")
        found = Diff(before, after, table)
        assert found.tables  # computed now, where the caller expects the wait
        return found
    refuse_iterators(keys)
    old = answers(before, keys, table, workers, "a: ")
    new = old if _same_tables(before, after, table) else answers(after, keys, table, workers, "b: ")
    return Diff(before, after, table, moves_of(old, new, checked_load(load, len(old.rows)), workers))


def moves_of(old: Answers, new: Answers, load: Float64Array | None, threads: int) -> Moves:
    """What moved; the load was checked already."""
    moved = np.zeros(len(old.rows), np.bool_) if new is old else moved_keys(old, new, threads)
    return Moves(old.rows, new.rows, load, moved)


def as_snapshot(given: Any, argument: str) -> Snapshot:
    """A snapshot as it is, a table as the snapshot that holds it alone."""
    if isinstance(given, Snapshot):
        return given
    if isinstance(given, IdTable | PrefixTable | RouteTable):
        return Snapshot.build(given)
    raise ArgumentError(
        f"{argument}: a snapshot or a table is needed, got {type(given).__name__}", hint="valkyrie.load reads either from a file"
    )


def _same_tables(a: Snapshot, b: Snapshot, table: str | None) -> bool:
    if table is not None:
        return a.tables.get(table) is b.tables.get(table)
    return list(a.tables) == list(b.tables) and all(a.tables[name] is b.tables[name] for name in a.tables)


class Diff:
    """What two snapshots do differently. Immutable; safe to share between threads. A pickle holds both snapshots.

    The keys of the tables are compared in `tables`, `added`, `removed` and `changed`. What concerns the keys that `diff` was
    given, `moves` and all behind it, raises ArgumentError where there were none.

    Attributes
    ----------
    a, b : Snapshot
        Before and after; of tables, snapshots that hold them alone.
    """

    def __init__(self, a: Snapshot, b: Snapshot, table: str | None, moves: Moves | None = None) -> None:
        """Take two snapshots, and what was looked up in them; use `diff`."""
        self.a, self.b = a, b
        self._table = table
        self._moves = moves

    def __reduce__(self) -> tuple[Any, ...]:
        return Diff, (self.a, self.b, self._table, self._moves)

    @cached_property
    def tables(self) -> Mapping[str, TableDiff]:
        """What became of each table, by name; computed when first asked for if keys were given."""
        names = dict.fromkeys([*self.a.tables, *self.b.tables]) if self._table is None else [self._table]
        found = {name: TableDiff.of(name, self.a.tables.get(name), self.b.tables.get(name)) for name in names}
        return MappingProxyType(found)

    @property
    def counts(self) -> dict[str, int]:
        """How many keys of all tables were removed, changed and added."""
        by_table = [each.counts for each in self.tables.values()]
        return {name: sum(counts[name] for counts in by_table) for name in ("removed", "changed", "added")}

    @property
    def renumbered(self) -> int:
        """How many keys lead to another row of the same record, and so did not move: of those given, or else of all tables."""
        return sum(each.renumbered for each in self.tables.values()) if self._moves is None else self._moves.renumbered

    @property
    def changed_share(self) -> float:
        """The share of the keys in the tables of `a` that were removed or lead elsewhere; 0 of no keys."""
        before = sum(each.keys_before for each in self.tables.values())
        counts = self.counts
        return (counts["removed"] + counts["changed"]) / before if before else 0.0

    @cached_property
    def added(self) -> Columns:
        """``table``, ``key`` (and ``length``, of prefixes that are words), ``before`` and ``after``: rows, -1 for none.

        Raises
        ------
        AmbiguousKeyError
            Keys of several kinds were: ask for ``tables[name].added``.
        """
        return joined_keys(self.tables, "added")

    @cached_property
    def removed(self) -> Columns:
        """Columns and errors as `added`."""
        return joined_keys(self.tables, "removed")

    @cached_property
    def changed(self) -> Columns:
        """Columns and errors as `added`, of keys that lead elsewhere."""
        return joined_keys(self.tables, "changed")

    @property
    def moves(self) -> Moves:
        """Where the given keys led, and lead.

        Raises
        ------
        ArgumentError
            `diff` was given none.
        """
        if self._moves is None:
            raise ArgumentError("this diff was made without keys", hint="Give them: diff(a, b, keys)")
        return self._moves

    @property
    def before(self) -> Int32Array:
        """Where the given keys led: int32, -1 for no route, shape (n,), read-only."""
        return self.moves.before

    @property
    def after(self) -> Int32Array:
        """Where the given keys lead: int32, -1 for no route, shape (n,), read-only."""
        return self.moves.after

    @property
    def moved(self) -> BoolArray:
        """Which of the given keys lead elsewhere: bool, shape (n,), read-only."""
        return self.moves.moved

    @property
    def moved_share(self) -> float:
        """The share of the given keys that moved."""
        return self.moves.moved_share

    @property
    def moved_load_share(self) -> float:
        """The share of their load that moved; that of the keys, if no load was given."""
        return self.moves.moved_load_share

    @property
    def matrix(self) -> Columns:
        """``before``, ``after``, ``keys`` and ``load`` of each way that keys moved: see `Moves.matrix`."""
        return self.moves.matrix

    def to_frame(self) -> Any:
        """The matrix as a pandas DataFrame; without keys, every changed key: ``table``, ``change``, and columns as `added`.

        Raises
        ------
        MissingExtraError
            pandas is not installed.
        """
        if self._moves is not None:
            return pandas_frame(self.matrix)
        return concatenated(self.tables)

    def plot(self, *, weight: Literal["load", "keys"] = "load", most: int = 16, axes: Axes | None = None) -> Axes:
        """Draw the matrix as a heat map; see `valkyrie.display.move_plot`."""
        return move_plot(self.matrix, weight=weight, most=most, axes=axes)

    def summary(self) -> str:
        """What changed, in a few lines of text."""
        return "\n".join([self._title(), *(f"  {name}: {text}" for name, text in self._facts())])

    def __repr__(self) -> str:
        return self.summary()

    def _repr_html_(self) -> str:
        rows = "".join(f"<tr><th>{html.escape(name)}</th><td>{html.escape(text)}</td></tr>" for name, text in self._facts())
        return f"<b>{html.escape(self._title())}</b><table>{rows}</table>"

    def _title(self) -> str:
        sides = [f"version {each.version}" if each.version is not None else "unpublished" for each in (self.a, self.b)]
        return "Diff" if sides == ["unpublished"] * 2 else f"Diff of {sides[0]} and {sides[1]}"

    def _facts(self) -> list[tuple[str, str]]:
        if self._moves is None:
            return [(name, each.summary()) for name, each in self.tables.items()]
        moves = self._moves
        facts = [("moved", f"{moves.keys_moved:,} of {len(moves):,} keys ({moves.moved_share:.2%})")]
        if moves.load is not None:
            facts.append(("load moved", f"{moves.moved_load:,.6g} of {moves.total_load:,.6g} ({moves.moved_load_share:.2%})"))
        if moves.renumbered:
            facts.append(("moved by row only", f"{moves.renumbered:,} keys, to another row of the same record"))
        facts.append(("no route", f"{moves.unrouted_before:,} before, {moves.unrouted:,} after"))
        order = np.argsort(-self.matrix["load"], kind="stable")
        for way in order[:_NAMED].tolist():
            old, new, count = (int(self.matrix[name][way]) for name in ("before", "after", "keys"))
            load = "" if moves.load is None else f", load {float(self.matrix['load'][way]):,.6g}"
            facts.append((f"{_target(old)} → {_target(new) if new != old else 'another record there'}", f"{count:,} keys{load}"))
        if len(order) > _NAMED:
            facts.append(("other ways", f"{len(order) - _NAMED:,}"))
        return facts


def _target(target: int) -> str:
    return "no route" if target < 0 else str(target)
