"""Keys that lead elsewhere: how many, how much load they carry, from where to where."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np

from valkyrie.analysis.loads import grouped
from valkyrie.arrays import Columns
from valkyrie.typing import BoolArray, Float64Array, Int32Array, Int64Array

__all__ = ["Moves"]


class Moves:
    """Where keys led before and lead after. Immutable; safe to share between threads, and pickled as they are.

    A key has moved if it leads to another record, where tables have records, or else to another row. Targets are rows all the
    same, so that a way may lead from a row to itself: its record changed.

    Attributes
    ----------
    before, after : ndarray of int32, shape (n,)
        Targets, -1 where there is no route.
    load : ndarray of float64, shape (n,), or None
        What each key weighs; None is 1 each.
    moved : ndarray of bool, shape (n,)
    keys_moved : int
    """

    def __init__(self, before: Int32Array, after: Int32Array, load: Float64Array | None, moved: BoolArray) -> None:
        """Take what was compared; `load` was checked already."""
        self.before, self.after, self.load = before, after, load
        self.moved = moved
        self.keys_moved = int(np.count_nonzero(self.moved))
        for array in (before, after, self.moved):
            array.flags.writeable = False

    def __len__(self) -> int:
        return len(self.before)

    def __reduce__(self) -> tuple[Any, ...]:
        return Moves, (self.before, self.after, self.load, self.moved)

    @cached_property
    def renumbered(self) -> int:
        """How many keys lead to another row of the same record, and so have not moved."""
        return int(np.count_nonzero((self.before != self.after) & ~self.moved))

    @property
    def moved_share(self) -> float:
        """The share of keys that moved; 0 of no keys."""
        return self.keys_moved / len(self) if len(self) else 0.0

    @cached_property
    def total_load(self) -> float:
        """The load of all keys."""
        return float(len(self)) if self.load is None else float(self.load.sum())

    @cached_property
    def moved_load(self) -> float:
        """The load of the keys that moved."""
        return float(self.keys_moved) if self.load is None else float(self.load[self.moved].sum())

    @property
    def moved_load_share(self) -> float:
        """The share of load that moved; 0 of no load."""
        return min(self.moved_load / self.total_load, 1.0) if self.total_load else 0.0

    @cached_property
    def matrix(self) -> Columns:
        """``before``, ``after`` (targets, -1: no route), ``keys`` and ``load`` of each way that keys moved, ascending.

        Keys that stayed are in none: they are ``len(self) - keys_moved``.
        """
        at: Any = slice(None) if self.keys_moved == len(self) else np.flatnonzero(self.moved)
        before, after = self.before[at], self.after[at]
        width = int(after.max(initial=-1)) + 2
        codes: Int64Array = (before.astype(np.int64) + 1) * width
        codes += after
        codes += 1
        load = None if self.load is None else self.load[at]
        pairs, keys, loads = grouped(codes, load, (int(before.max(initial=-1)) + 2) * width)
        lead = {"before": (pairs // width - 1).astype(np.int32), "after": (pairs % width - 1).astype(np.int32)}
        return Columns(lead | {"keys": keys, "load": loads})

    @cached_property
    def by_target(self) -> Columns:
        """``target`` (-1: no route), ``keys_before``, ``keys_after``, ``load_before``, ``load_after``; ascending."""
        sides = [
            grouped(targets.astype(np.int64) + 1, self.load, int(targets.max(initial=-1)) + 2)
            for targets in (self.before, self.after)
        ]
        targets = np.union1d(sides[0][0], sides[1][0])
        columns: dict[str, Any] = {"target": (targets - 1).astype(np.int32)}
        figures = {"keys": np.zeros((2, len(targets)), np.int64), "load": np.zeros((2, len(targets)))}
        for side, (some, keys, loads) in enumerate(sides):
            at = np.searchsorted(targets, some)
            figures["keys"][side, at], figures["load"][side, at] = keys, loads
        for name, (old, new) in figures.items():
            columns |= {f"{name}_before": old, f"{name}_after": new}
        return Columns(columns)

    @cached_property
    def unrouted(self) -> int:
        """How many keys have no route after."""
        return int(np.count_nonzero(self.after < 0))

    @cached_property
    def unrouted_before(self) -> int:
        """How many keys had no route before."""
        return int(np.count_nonzero(self.before < 0))
