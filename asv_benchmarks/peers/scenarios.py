"""Every scenario by name, and the rows that it fills."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from .batches import WORKLOADS, measure_threads, measure_workload
from .builds import measure_build, measure_bytes, measure_file
from .calls import measure_calls, measure_scalar
from .changes import measure_changes
from .goals import QUICK_SCENARIOS
from .measurement import Measurement, Settings
from .prefix_batches import PrefixWorkload, measure_prefixes
from .prefix_start import measure_start
from .prefix_workloads import PREFIX_WORKLOADS

Wanted = Callable[[str], bool]


@dataclass(frozen=True)
class Scenario:
    """Rows that are measured together, since they share a table."""

    name: str
    rows: tuple[str, ...]
    run: Callable[[Settings, Wanted], Iterable[Measurement]]


def _workload(index: int) -> Scenario:
    workload = WORKLOADS[index]
    return Scenario(workload.name, tuple(workload.rows()), functools.partial(measure_workload, workload))


def _scalar(name: str, n: int) -> Scenario:
    rows = (name, f"{name}-p50", f"{name}-p99")
    return Scenario(name, rows, lambda settings, wanted: measure_scalar(name, n, settings))


def _single(name: str, measure: Callable[[Settings], Measurement]) -> Scenario:
    return Scenario(name, (name,), lambda settings, wanted: [measure(settings)])


def _prefixes(workload: PrefixWorkload) -> Scenario:
    return Scenario(workload.name, workload.rows, functools.partial(measure_prefixes, workload))


SCENARIOS: tuple[Scenario, ...] = (
    *(_workload(index) for index in range(len(WORKLOADS))),
    _scalar("scalar-1e4", 10**4),
    _scalar("scalar-1e6", 10**6),
    _single("call-1", lambda settings: measure_calls("call-1", 1, 10**6, settings)),
    _single("call-256", lambda settings: measure_calls("call-256", 256, 10**6, settings)),
    _single("bytes-1e6", lambda settings: measure_bytes("bytes-1e6", 10**6, settings)),
    _single("bytes-1e7", lambda settings: measure_bytes("bytes-1e7", 10**7, settings)),
    _single("build-1e7", lambda settings: measure_build("build-1e7", 10**7, settings)),
    _single("threads-1e7", lambda settings: measure_threads(10**7, settings)),
    Scenario("file-1e7", ("load-1e7", "mapped-1e7"), lambda settings, wanted: measure_file(10**7, settings, wanted)),
    Scenario(
        "changes-1e7",
        ("publish-1e7", "pending-1e7", "merged-1e7"),
        lambda settings, wanted: measure_changes(10**7, settings, wanted),
    ),
    *(_prefixes(workload) for workload in PREFIX_WORKLOADS),
    Scenario("prefix-start", ("prefix-start-jit", "prefix-start-nojit"), measure_start),
)


def run_scenarios(chosen: list[str], settings: Settings) -> Iterator[Measurement]:
    """Measure the rows whose names begin with one of `chosen` (all of them if it is empty)."""

    def wanted(row: str) -> bool:
        quick = not settings.quick or not row.endswith(("-h50", "-h0")) or row.startswith(("u64", "dense"))
        return any(row.startswith(prefix) for prefix in chosen) if chosen else quick

    for scenario in SCENARIOS:
        offered = bool(chosen) or not settings.quick or scenario.name in QUICK_SCENARIOS
        if offered and any(wanted(row) for row in scenario.rows):
            yield from (measured for measured in scenario.run(settings, wanted) if wanted(measured.row))
