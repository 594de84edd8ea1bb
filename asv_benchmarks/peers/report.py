"""The measurements as a table for people and as JSON for programs."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .goals import FLOOR, Goal, find_row
from .measurement import OURS, Measurement, Settings
from .valkyrie_table import cpu_level

PEER_PACKAGES = (
    "numpy", "numba", "pandas", "polars", "pyarrow", "phashmap", "arraymap", "hirola", "cykhash", "duckdb",
    "pytricia", "datrie", "marisa-trie", "phonenumbers",
)  # fmt: skip
HEADINGS = ("row", "against", "ours", "(wall)", "unit", "theirs", "ratio", "must", "moonshot", "verdict")
WIDTHS = (25, 30, 9, 9, 8, 10, 8, 7, 9, 9)


def environment(settings: Settings) -> dict[str, Any]:
    """The machine, the versions and the settings that the figures hold for."""
    versions = {}
    for package in ("valkyrie-routing", *PEER_PACKAGES):
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            versions[package] = "not installed"
    return {
        "cpu": _cpu_model(),
        "cpu_level": cpu_level(),
        "core": settings.cpu,
        "load": os.getloadavg()[0],
        "python": platform.python_version(),
        "versions": versions,
        "rounds": settings.rounds,
    }


def heading(settings: Settings) -> str:
    """What comes above the table."""
    about = environment(settings)
    versions = ", ".join(f"{name} {version}" for name, version in about["versions"].items())
    core = "no core" if settings.cpu is None else f"core {settings.cpu}"
    lines = [
        f"{about['cpu']}, level {about['cpu_level']}, pinned to {core}, load {about['load']:.1f}, Python {about['python']}",
        versions,
        f"median of {settings.rounds} interleaved rounds; CPU time of the process, wall time in brackets",
        "",
        _line(HEADINGS),
        "-" * sum(WIDTHS),
    ]
    return "\n".join(lines)


def lines_of(measurement: Measurement, levels: Mapping[str, float] | None = None) -> str:
    """The lines of one row: one per goal, then every contender's own figures and what could not be measured."""
    row = find_row(measurement.row)
    lines = [_goal_line(measurement, goal, row.unit, first=i == 0) for i, goal in enumerate(row.goals)]
    named = [_named(measurement, name) for name in [*measurement.peers(), FLOOR] if name in measurement.costs]
    if levels:
        named += [f"ours at level {level} {_number(cost)}" for level, cost in levels.items()]
    lines += [f"    {row.workload}: " + "; ".join(named)] if named else [f"    {row.workload}"]
    lines += [f"    {name}: {problem}" for name, problem in measurement.problems.items()]
    return "\n".join(lines)


def as_record(measurement: Measurement, levels: Mapping[str, float] | None = None) -> dict[str, Any]:
    """One row for JSON."""
    row = find_row(measurement.row)
    goals = []
    for goal in row.goals:
        figure = measurement.figure(goal)
        goals.append(
            {
                "against": measurement.opponent(goal) or goal.against,
                "figure": figure,
                "must": goal.must,
                "moonshot": goal.moonshot,
                "verdict": None if figure is None else goal.verdict(figure),
            }
        )
    costs = {name: {"cpu": cost.cpu, "wall": cost.wall} for name, cost in measurement.costs.items()}
    record = {"row": row.name, "workload": row.workload, "unit": row.unit, "costs": costs, "goals": goals}
    return record | {"problems": measurement.problems, "levels": dict(levels or {})}


def _goal_line(measurement: Measurement, goal: Goal, unit: str, *, first: bool) -> str:
    ours = measurement.costs.get(OURS)
    figure, opponent = measurement.figure(goal), measurement.opponent(goal)
    theirs = "" if opponent is None else _number(measurement.cost(opponent))
    sign = "x" if goal.against else ""
    bound = "" if goal.higher_is_better else "<="
    return _line(
        (
            measurement.row if first else "",
            opponent or ("(not measured)" if goal.against else ""),
            _number(ours.cpu) if ours and first else "",
            f"({_number(ours.wall)})" if ours and first else "",
            unit if first else "",
            theirs,
            "" if figure is None or not goal.against else f"{sign}{_number(figure)}",
            "" if goal.must is None else f"{bound}{sign}{goal.must:.3g}",
            "" if goal.moonshot is None else f"{bound}{sign}{goal.moonshot:.3g}",
            "" if figure is None else goal.verdict(figure),
        )
    )


def _named(measurement: Measurement, name: str) -> str:
    cost = measurement.cost(name)
    return f"{name} {_number(cost)}" + (f" x{_number(cost / measurement.cost(OURS))}" if OURS in measurement.costs else "")


def _line(cells: tuple[str, ...]) -> str:
    left = [cell.ljust(width) for cell, width in zip(cells[:2], WIDTHS[:2], strict=True)]
    right = [cell.rjust(width) for cell, width in zip(cells[2:], WIDTHS[2:], strict=True)]
    return "".join(left + right).rstrip()


def _number(value: float) -> str:
    return f"{value:.2f}" if value < 100 else f"{value:.0f}"


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())
