"""what_if: which of my keys would move under each of several scenarios, and how the load would lie then."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from types import MappingProxyType
from typing import Any

import numpy as np

from valkyrie.analysis.answers import answers, refuse_iterators
from valkyrie.analysis.diff import Diff, as_snapshot, moves_of
from valkyrie.analysis.frames import pandas_frame
from valkyrie.analysis.loads import checked_load
from valkyrie.arrays import Columns
from valkyrie.errors import ArgumentError, ScenarioError, ValkyrieError
from valkyrie.parallel import thread_count
from valkyrie.snapshot import Snapshot, Table

__all__ = ["Scenario", "WhatIf", "what_if"]

Scenario = Callable[[Snapshot], Snapshot]
"""From a snapshot to the one that would be."""

_LOAD = ("keys_before", "keys_after", "load_before", "load_after")


def what_if(
    snapshot: Snapshot | Table,
    keys: Any,
    scenarios: Mapping[str, Scenario] | Iterable[tuple[str, Scenario]],
    *,
    load: Any = None,
    table: str | None = None,
    threads: int | None = 1,
) -> WhatIf:
    """Look keys up in a snapshot, and in what it would be under each scenario; compared by what they lead to, as `diff` does.

    Parameters
    ----------
    snapshot : Snapshot, or table
        A table counts as a snapshot that holds it alone, under the name "routes".
    keys : array-like, length n
        In any container but an iterator; looked up once in `snapshot`, and once a scenario.
    scenarios : mapping of str to callable, or list of (str, callable)
        Each takes the snapshot and gives another, by `Snapshot.with_routes` and the like; the snapshot stays as it is.
    load : array-like of float, length n, optional
        What each key weighs, finite, 0 or more; by default 1. An array of float64 is borrowed.
    table : str, optional
        Look in this table alone; where a scenario takes it away, nothing has a route.
    threads : int or None
        Of the lookups; scenarios run one after another, in the calling thread.

    Returns
    -------
    WhatIf

    Raises
    ------
    ScenarioError
        A scenario failed, or gave no snapshot, or one without a table for the keys; the message names it.
    ArgumentError, AmbiguousKeyError, KeyTypeError
    """
    named = _named(scenarios)
    base = as_snapshot(snapshot, "snapshot")
    workers = thread_count(threads)
    if table is not None and table not in base.tables:
        raise ArgumentError(f"table: there is no table {table!r}", hint=f"The tables are {', '.join(map(repr, base.tables))}")
    refuse_iterators(keys)
    before = answers(base, keys, table, workers, "")
    weights = checked_load(load, len(before.rows))
    diffs = {}
    for name, scenario in named.items():
        try:
            other = scenario(base)
            if not isinstance(other, Snapshot):
                raise ArgumentError(
                    f"it gave {type(other).__name__}, a Snapshot is needed", hint="Return what with_routes() and the like give"
                )
            after = before if other is base else answers(other, keys, table, workers, "")
        except Exception as error:
            raise _failed(name, error) from error
        diffs[name] = Diff(base, other, table, moves_of(before, after, weights, workers))
    return WhatIf(base, diffs)


def _named(scenarios: Any) -> dict[str, Scenario]:
    hint = 'Such as {"without db-7": lambda s: s.without_routes(ids)}'
    try:
        pairs = list(scenarios.items() if isinstance(scenarios, Mapping) else scenarios)
        named = dict(pairs)
    except (TypeError, ValueError) as error:
        raise ArgumentError(
            f"scenarios: names and functions are needed, got {type(scenarios).__name__}", hint=hint
        ) from error
    if not named:
        raise ArgumentError("scenarios: there is none", hint=hint)
    if len(named) < len(pairs):
        raise ArgumentError(f"scenarios: a name stands twice among {[name for name, _ in pairs]}", hint="Name each its own")
    for name, scenario in named.items():
        if not isinstance(name, str) or not callable(scenario):
            raise ArgumentError(f"scenarios: {name!r}: {scenario!r} is no name with a function"[:200], hint=hint)
    return named


def _failed(name: str, error: Exception) -> ScenarioError:
    what = error.message if isinstance(error, ValkyrieError) else f"{type(error).__name__}: {error}"
    hint = error.hint if isinstance(error, ValkyrieError) else "It is called with the snapshot"
    return ScenarioError(f"scenario {name!r} failed: {what}", hint=hint, scenario=name)


class WhatIf:
    """What would become of keys under scenarios. Immutable; safe to share between threads. A pickle holds all snapshots.

    Iterating gives the names of the scenarios; ``result[name]`` is a `Diff`.

    Attributes
    ----------
    snapshot : Snapshot
        That the scenarios start from.
    diffs : mapping of str to Diff
        By scenario, in their order.
    """

    def __init__(self, snapshot: Snapshot, diffs: Mapping[str, Diff]) -> None:
        """Take what was found; use `what_if`."""
        self.snapshot = snapshot
        self.diffs: Mapping[str, Diff] = MappingProxyType(dict(diffs))

    def __reduce__(self) -> tuple[Any, ...]:
        return WhatIf, (self.snapshot, dict(self.diffs))

    def __iter__(self) -> Iterator[str]:
        return iter(self.diffs)

    def __len__(self) -> int:
        return len(self.diffs)

    def __getitem__(self, name: str) -> Diff:
        try:
            return self.diffs[name]
        except KeyError:
            raise ArgumentError(
                f"there is no scenario {name!r}", hint=f"The scenarios are {', '.join(map(repr, self.diffs))}"
            ) from None

    @cached_property
    def scenarios(self) -> Columns:
        """A row a scenario: ``scenario``; ``moved``, keys; ``moved_share``; ``moved_load``; ``moved_load_share``; ``renumbered``,
        keys at another row of the same record; ``unrouted``, keys without a route; ``unrouted_before``."""
        moves = [each.moves for each in self.diffs.values()]
        return Columns(
            {
                "scenario": list(self.diffs),
                "moved": np.array([each.keys_moved for each in moves], np.int64),
                "moved_share": np.array([each.moved_share for each in moves], np.float64),
                "moved_load": np.array([each.moved_load for each in moves], np.float64),
                "moved_load_share": np.array([each.moved_load_share for each in moves], np.float64),
                "renumbered": np.array([each.renumbered for each in moves], np.int64),
                "unrouted": np.array([each.unrouted for each in moves], np.int64),
                "unrouted_before": np.array([each.unrouted_before for each in moves], np.int64),
            }
        )

    @cached_property
    def targets(self) -> Columns:
        """A row a scenario and target: ``scenario``, ``target`` (-1: no route), ``keys_before``, ``keys_after``, ``load_before``,
        ``load_after``."""
        parts = {name: each.moves.by_target for name, each in self.diffs.items()}
        names = [name for name, part in parts.items() for _ in range(len(part))]
        columns = {name: np.concatenate([part[name] for part in parts.values()]) for name in ("target", *_LOAD)}
        return Columns({"scenario": names} | columns)

    def to_frame(self) -> Any:
        """`scenarios` as a pandas DataFrame; for targets, ``targets.to_pandas()``.

        Raises
        ------
        MissingExtraError
            pandas is not installed.
        """
        return pandas_frame(self.scenarios)

    def __repr__(self) -> str:
        n = len(next(iter(self.diffs.values())).moves)
        lines = [f"WhatIf: {n:,} keys, {len(self)} scenario{'s' * (len(self) != 1)}"]
        for name, each in self.diffs.items():
            moves = each.moves
            load = "" if moves.load is None else f", {moves.moved_load_share:.2%} of the load"
            share = f"{moves.keys_moved:,} keys move ({moves.moved_share:.2%}){load}"
            lines.append(f"  {name}: {share}; {moves.unrouted:,} without route")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        return self.scenarios._repr_html_()
