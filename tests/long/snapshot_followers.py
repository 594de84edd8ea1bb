"""Publish to followers in other processes: ``python -m tests.long.snapshot_followers --rows 10000000 --followers 2``.

Each follower checks every version that it sees. Publishers are killed at random moments, and each time another goes on. Prints
how long versions took from when their publish began and ended to when a follower had answered with them, and what they wrote.

Ends with an error if a follower saw anything wrong, if a version wrote a megabyte or more, or if half of the answers came more
than 50 ms after the end of the publish. The last is a promise about a machine that has a core for each process.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from tests.long.vks_mutations import commit
from tests.published_versions import first_snapshot
from valkyrie.snapshot import SnapshotManager

CHECKOUT = Path(__file__).resolve().parents[2]
MOST_BYTES = 1_000_000
"""That a version of a hundred changes may write."""
MOST_SECONDS = 0.05
"""From the end of a publish to an answer, in the median."""


def start(*arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.publishing_process", *map(str, arguments)]
    return subprocess.Popen(command, cwd=CHECKOUT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def publish(directory: str, options: argparse.Namespace) -> tuple[dict[int, tuple[float, float]], list[int], int]:
    """Run publishers and kill them: (begin and end of each publish, bytes written by each, versions that are kept at the end)."""
    rng = np.random.default_rng(options.seed)
    times: dict[int, tuple[float, float]] = {}
    written: list[int] = []
    publishers = start("publish", directory, options.rows, options.changes, options.pause)
    assert publishers.stdin is not None
    assert publishers.stdout is not None
    for _ in range(options.kills + 1):
        publishers.stdin.write("go\n")
        publishers.stdin.flush()
        pid = int(publishers.stdout.readline().split()[1])
        texts = [publishers.stdout.readline()]  # a big table takes its time
        time.sleep(float(rng.uniform(0.5, 1.5)) * options.seconds)
        os.kill(pid, signal.SIGKILL)
        while not texts[-1].startswith("ended"):
            texts.append(publishers.stdout.readline())
        for version, began, ended, n_bytes in map(json.loads, texts[:-1]):
            times[version] = began, ended
            written.append(n_bytes)
    publishers.communicate()
    return times, written, max(times)


def shown(name: str, seconds: list[float]) -> str:
    at = np.percentile(np.array(seconds) * 1e3, [50, 99, 100])
    return f"  {name:48} p50 {at[0]:8.2f}  p99 {at[1]:8.2f}  most {at[2]:8.2f} ms"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--changes", type=int, default=100)
    parser.add_argument("--followers", type=int, default=1)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=1.0, help="a publisher lives, on average")
    parser.add_argument("--pause", type=float, default=0.05, help="between two versions, in seconds")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        SnapshotManager(first_snapshot(options.rows, options.changes)).publish_to(directory).close()
        followers = [start("follow", directory, options.rows, options.changes) for _ in range(options.followers)]
        for each in followers:  # what comes after the first version is measured
            assert each.stdout is not None
            assert each.stdout.readline() == "follows\n"
        times, written, last = publish(directory, options)
        reports = [json.loads(each.communicate(f"{last}\n")[0].splitlines()[-1]) for each in followers]
    print(f"{options}, commit {commit()}, {platform.platform()}, {platform.machine()}")
    from_begin = [at - times[version][0] for each in reports for version, at in each["seen"] if version in times]
    from_end = [at - times[version][1] for each in reports for version, at in each["seen"] if version in times]
    print(f"{len(times)} versions, {len(from_end)} sightings, {options.kills + 1} publishers killed")
    print(shown("from the beginning of a publish to an answer", from_begin))
    print(shown("from its end to an answer", from_end))
    print(shown("publish, the edit included", [ended - began for began, ended in times.values()]))
    print(f"  bytes written by a version: median {int(np.median(written)):,}, most {max(written):,}")
    wrong = [each["wrong"] for each in reports]
    assert not any(wrong), wrong
    print("0 versions that went back, answered otherwise than the oracle, or had another digest")
    assert max(written) < MOST_BYTES, f"a version wrote {max(written):,} bytes, {MOST_BYTES:,} are too many"
    median = float(np.median(from_end))
    in_time = median <= MOST_SECONDS
    print(f"{'pass' if in_time else 'FAIL'}: half of the answers came within {median * 1e3:.2f} ms, of {MOST_SECONDS * 1e3:.0f}")
    return 0 if in_time else 1


if __name__ == "__main__":
    sys.exit(main())
