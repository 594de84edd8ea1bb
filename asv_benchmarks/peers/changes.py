"""What a change of a few keys of a big table costs those who publish it, and those who look up meanwhile."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

import valkyrie as vk

from .. import data
from .clock import interleave
from .entrants import WrongAnswerError
from .measurement import OURS, Measurement, Settings

N_CHANGED = 100
_SETS = 64


def measure_changes(n: int, settings: Settings, wanted: Callable[[str], bool]) -> list[Measurement]:
    """Publishing `N_CHANGED` random keys, half of them new; lookups while they wait, and when they are merged.

    A publish is timed by the clock on the wall, as whoever waits for it would.
    """
    pool = data.uniform_u64(n, N_CHANGED * _SETS)
    keys, queries = pool.keys, pool.queries(settings.batch(n), 100)
    rng = np.random.default_rng(5)
    changes = []
    new = pool.queries(N_CHANGED * _SETS, 0).keys
    for i in range(_SETS):
        known = rng.choice(keys, N_CHANGED // 2, replace=False)
        some = np.unique(np.concatenate([known, new[i * N_CHANGED : i * N_CHANGED + N_CHANGED // 2]]))
        changes.append((some, rng.integers(0, n, len(some), dtype=np.int32)))
    base = vk.Snapshot.build(vk.IdTable.build(keys))
    measured = []
    if wanted("publish-1e7"):
        measured.append(_publishes(base, changes, settings))
    if wanted("pending-1e7") or wanted("merged-1e7"):
        measured += [each for each in _lookups(base, changes[0], queries, settings) if wanted(each.row)]
    return measured


def _publishes(base: vk.Snapshot, changes: list[tuple[Any, Any]], settings: Settings) -> Measurement:
    measurement = Measurement("publish-1e7", wall=True)
    manager = vk.SnapshotManager(base, history=4)
    upcoming = itertools.cycle(changes)

    def ours() -> vk.Snapshot:
        change = next(upcoming)
        # From the unchanged table each time, so that every publish is the first after a merge.
        return manager.publish(base.with_routes(change), expected_version=manager.current.version)

    for keys, rows in changes:
        if not (manager.publish(base.with_routes((keys, rows))).targets_of(keys) == rows).all():
            raise WrongAnswerError("a published change does not answer")
    lines = next(iter(base.tables.values())).arrays()[0]
    tasks: dict[str, Callable[[], Any]] = {OURS: ours}
    if settings.peers:
        tasks["copy of the whole table"] = lines.copy
    measurement.costs = interleave(tasks, max(15, settings.rounds), 1000)
    manager.close()
    return measurement


def _lookups(base: vk.Snapshot, change: tuple[Any, Any], queries: Any, settings: Settings) -> list[Measurement]:
    pending = base.with_routes(change)
    merged = pending.merged()
    tables = {"pending-1e7": pending, "merged-1e7": merged}
    measured = []
    for row, changed in tables.items():
        expected = queries.rows.copy()
        places = {int(key): int(target) for key, target in zip(*change, strict=True)}
        for at in np.flatnonzero(np.isin(queries.keys, change[0])):
            expected[at] = places[int(queries.keys[at])]
        ours, before = (next(iter(snapshot.tables.values())) for snapshot in (changed, base))
        assert isinstance(ours, vk.IdTable)
        assert isinstance(before, vk.IdTable)
        if not (ours.get_many(queries.keys) == expected).all():
            raise WrongAnswerError(f"{row}: a changed table gives another answer")
        measurement = Measurement(row)
        tasks = {
            OURS: functools.partial(ours.get_many, queries.keys),
            "before the change": functools.partial(before.get_many, queries.keys),
        }
        measurement.costs = interleave(tasks, max(15, settings.rounds), len(queries.keys))
        measured.append(measurement)
    return measured
