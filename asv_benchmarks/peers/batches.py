"""Whole arrays of keys: the mixes of hits and misses, and 2 threads."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from .. import data
from ..data import KeyPool, Queries
from ..floor import Floor
from .clock import interleave
from .contender import Contender
from .entrants import check, enter
from .forms import TEXT_FORMS
from .goals import FLOOR
from .measurement import OURS, Measurement, Settings
from .valkyrie_table import Valkyrie

BYTES_PER_ENTRY = 14.8
"""Of the table that the floor stands for, when ours is not there to be asked."""


@dataclass(frozen=True)
class Workload:
    """Keys in one container; `mixes` are shares of hits in per cent, or none for Zipf."""

    name: str
    n: int
    form: str
    pool: Callable[[int, int], KeyPool]
    mixes: tuple[int, ...] = (100, 50, 0)
    m: int | None = None
    """Queries per call, where there are too few distinct misses for the usual number."""

    def rows(self) -> dict[str, int | None]:
        """The rows that this workload fills, and the share of hits of each."""
        return {f"{self.name}-h{mix}": mix for mix in self.mixes} or {self.name: None}


def _surnames(n: int, n_absent: int) -> KeyPool:
    pool = data.single_surnames()
    return KeyPool(pool.keys[:n], pool.absent[:n_absent])


WORKLOADS: tuple[Workload, ...] = (
    Workload("u64-1e4", 10**4, "u64", data.uniform_u64),
    Workload("u64-1e6", 10**6, "u64", data.uniform_u64),
    Workload("u64-1e7", 10**7, "u64", data.uniform_u64),
    Workload("zipf-1e6", 10**6, "u64", data.uniform_u64, ()),
    Workload("zipf-1e7", 10**7, "u64", data.uniform_u64, ()),
    Workload("dense-1e6", 10**6, "u64", data.dense_u64, (100, 0)),
    Workload("b16-1e6", 10**6, "b16", data.uniform_b16),
    *(Workload(f"{form}-1e6", 10**6, form, data.surname_pairs) for form in TEXT_FORMS),
    Workload("surnames", 491_000, "arrow", _surnames, m=491_000),
)


def measure_workload(workload: Workload, settings: Settings, wanted: Callable[[str], bool]) -> Iterator[Measurement]:
    """Build every contender once, then time each mix; rows that are not `wanted` are passed over."""
    m = workload.m or settings.batch(workload.n)
    pool = workload.pool(workload.n, m)
    contenders, missing = enter(pool.keys, workload.form, settings)
    for name, mix in workload.rows().items():
        if wanted(name):
            queries = pool.zipf(m) if mix is None else pool.queries(m, mix)
            measurement = Measurement(name, problems=dict(missing))
            footprint = int(BYTES_PER_ENTRY * workload.n) if workload.form == "u64" else None
            time_batch(contenders, queries, settings.rounds, measurement, footprint)
            yield measurement


def time_batch(
    contenders: list[Contender], queries: Queries, rounds: int, measurement: Measurement, footprint: int | None
) -> None:
    """Check every contender on `queries`, then time those that answer rightly into `measurement`.

    With a `footprint` in bytes the floor runs along: for the size of our table if it takes part, else for that size.
    """
    tasks: dict[str, Callable[[], Any]] = {}
    for contender in contenders:
        if check(contender, queries, measurement):
            tasks[contender.name] = functools.partial(contender.answer, contender.prepare(queries.keys))
        if isinstance(contender, Valkyrie) and footprint is not None:
            footprint = contender.table.nbytes
    if footprint is not None:
        try:
            tasks[FLOOR] = functools.partial(Floor(footprint, queries.keys).touch, queries.keys)
        except RuntimeError as error:
            measurement.problems[FLOOR] = str(error)
    measurement.costs = interleave(tasks, rounds, len(queries.keys))


def measure_threads(n: int, settings: Settings) -> Measurement:
    """Our own lookups on one thread and on two, free to use every core, by wall time."""
    pool = data.uniform_u64(n, 0)
    queries = pool.queries(settings.batch(n), 100)
    ours = Valkyrie(pool.keys, "u64")
    measurement = Measurement("threads-1e7", wall=True)
    check(ours, queries, measurement)
    pinned = os.sched_getaffinity(0)
    os.sched_setaffinity(0, range(os.cpu_count() or 1))
    try:
        tasks = {
            OURS: functools.partial(ours.table.get_many, queries.keys, threads=2),
            "1 thread": functools.partial(ours.table.get_many, queries.keys, threads=1),
        }
        if not (tasks[OURS]() == queries.rows).all():
            raise AssertionError("two threads give another answer than one")
        measurement.costs = interleave(tasks, max(9, settings.rounds), len(queries.keys))
    finally:
        os.sched_setaffinity(0, pinned)
    return measurement
