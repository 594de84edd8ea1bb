"""The command: ``python -m asv_benchmarks.peers [--quick] [--rows u64-1e6,...] [--rounds 5] [--json FILE]``."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS", "POLARS_MAX_THREADS")


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m asv_benchmarks.peers", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="three rounds of the small rows, under a minute")
    parser.add_argument("--rows", default="", help="beginnings of row names, separated by commas (default: all)")
    parser.add_argument("--rounds", type=int, default=None, help="timed rounds (default: 5, with --quick 3)")
    parser.add_argument("--cpu", type=int, default=0, help="the core to run on, -1 for any (default: 0)")
    parser.add_argument("--json", type=Path, default=None, help="also write the figures to this file")
    parser.add_argument("--all-peers", action="store_true", help="run the slow peers too, at every size")
    parser.add_argument("--no-peers", action="store_true", help="only ours and the floor")
    parser.add_argument("--levels", default="", help="print ours at these CPU levels too, for instance default,v3")
    parser.add_argument("--list", action="store_true", help="name the rows and stop")
    return parser.parse_args(arguments)


def main() -> int:
    """Measure and print; 1 if a goal that must be reached is not, or if one of our answers is wrong."""
    options = parse_arguments()
    # Pools of threads take their size, and their affinity, when a library is imported: so all this comes first.
    os.environ.update(dict.fromkeys(ONE_THREAD, "1"))
    if options.cpu >= 0 and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {options.cpu})

    from . import report
    from .goals import ROWS
    from .measurement import Settings
    from .scenarios import run_scenarios

    if options.list:
        print("\n".join(f"{row.name:<22}{row.workload}" for row in ROWS))
        return 0
    settings = Settings(
        rounds=options.rounds or (3 if options.quick else 5),
        cpu=options.cpu if options.cpu >= 0 else None,
        quick=options.quick,
        all_peers=options.all_peers,
        peers=not options.no_peers,
    )
    levels = {level: measure_level(level, options) for level in filter(None, options.levels.split(","))}
    print(report.heading(settings), flush=True)
    records = []
    for measurement in run_scenarios([prefix for prefix in options.rows.split(",") if prefix], settings):
        beside = {level: costs[measurement.row] for level, costs in levels.items() if measurement.row in costs}
        print(report.lines_of(measurement, beside), flush=True)
        records.append(report.as_record(measurement, beside))
    short = [record["row"] for record in records if any(goal["verdict"] == "short" for goal in record["goals"])]
    print(f"\n{len(records)} rows; short of a must: {', '.join(short) or 'none'}")
    if options.json:
        content = {"environment": report.environment(settings), "rows": records}
        options.json.write_text(json.dumps(content, indent=1) + "\n")
    return 1 if short else 0


def measure_level(level: str, options: argparse.Namespace) -> dict[str, float]:
    """Our own costs by row at a forced CPU level; a process of its own, since the level is chosen at import."""
    with tempfile.TemporaryDirectory() as directory:
        figures = Path(directory, "level.json")
        command = [sys.executable, "-m", "asv_benchmarks.peers", "--no-peers"]
        command += ["--json", str(figures), "--cpu", str(options.cpu)]
        command += ["--rows", options.rows] if options.rows else []
        command += ["--rounds", str(options.rounds)] if options.rounds else []
        command += ["--quick"] if options.quick else []
        subprocess.run(command, env=os.environ | {"VALKYRIE_CPU": level}, stdout=subprocess.DEVNULL, check=False)
        rows = json.loads(figures.read_text())["rows"]
    return {row["row"]: row["costs"]["valkyrie"]["cpu"] for row in rows if "valkyrie" in row["costs"]}


if __name__ == "__main__":
    sys.exit(main())
