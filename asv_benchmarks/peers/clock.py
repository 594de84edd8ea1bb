"""Timing tasks side by side."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Cost:
    """Median cost of one item, in ns unless the row has another unit: CPU time of the process, and wall time."""

    cpu: float
    wall: float


def interleave(tasks: Mapping[str, Callable[[], Any]], rounds: int, items: int) -> dict[str, Cost]:
    """Run every task once per round, each round beginning with another one, and return the cost per item.

    What a task returns is released after its clock has stopped. Process time rather than thread time, since some
    libraries compute in a pool of their own; it leaves out the time that other processes take from a shared core.
    """
    names = list(tasks)
    samples: dict[str, list[tuple[int, int]]] = {name: [] for name in names}
    gc.collect()
    gc.disable()
    try:
        for i in range(rounds):
            for name in names[i % len(names) :] + names[: i % len(names)]:
                task = tasks[name]
                wall, cpu = time.perf_counter_ns(), time.process_time_ns()
                result = task()
                cpu, wall = time.process_time_ns() - cpu, time.perf_counter_ns() - wall
                del result
                samples[name].append((cpu, wall))
    finally:
        gc.enable()
    return {
        name: Cost(statistics.median(s[0] for s in taken) / items, statistics.median(s[1] for s in taken) / items)
        for name, taken in samples.items()
    }


def percentiles(call: Callable[[Any], Any], keys: list[Any]) -> tuple[float, float]:
    """The 50th and 99th percentile of single calls in ns, wall time, less the median cost of reading the clock."""
    clock = time.perf_counter_ns
    idle, taken = [], []
    for _ in keys:
        start = clock()
        idle.append(clock() - start)
    for key in keys:
        start = clock()
        call(key)
        taken.append(clock() - start)
    taken.sort()
    offset = statistics.median(idle)
    return taken[len(taken) // 2] - offset, taken[len(taken) * 99 // 100] - offset
