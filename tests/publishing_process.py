"""Processes that publish version after version until they are killed, and one that follows and checks each version it sees.

``python -m tests.publishing_process publish DIRECTORY ROWS CHANGES PAUSE`` starts a publisher for every line of its standard
input: a fork, so that it takes no time to start. That prints "began", and each version with the times at which its publish began
and ended and the bytes it wrote; then comes "ended" and its exit code. ``... follow DIRECTORY ROWS CHANGES`` checks until it is
told a version on its standard input and has seen that, then prints what it saw; with a further argument "tell", also each version
when it has checked it. Times are of the clock that all processes share.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from typing import Any

import numpy as np

from tests.published_versions import changed_keys, expected_digest, first_snapshot, rows_of
from valkyrie.errors import SourceError
from valkyrie.snapshot import SnapshotManager


def publish(directory: str, rows: int, changes: int, pause: float) -> None:
    """Publish for ever, from where the directory is."""
    keys = changed_keys(changes)
    try:
        manager = SnapshotManager.resume(directory, merge_above=None)
    except SourceError:
        manager = SnapshotManager(first_snapshot(rows, changes), merge_above=None)
    print(f"began {os.getpid()}", flush=True)
    publication = manager.publish_to(directory)
    parent = os.getppid()
    while os.getppid() == parent:
        version = (manager.current.version or 0) + 1
        began = time.monotonic()
        snapshot = manager.update(lambda now, version=version: now.with_routes((keys, rows_of(version, changes))))  # type: ignore[misc]
        ended = time.monotonic()
        assert snapshot.version == version
        print(json.dumps([version, began, ended, publication.stats.last_bytes]), flush=True)
        time.sleep(pause)


def publish_again_and_again(*arguments: Any) -> None:
    """A publisher for every line of standard input, one after the other."""
    for _ in sys.stdin:
        pid = os.fork()
        if pid == 0:
            try:
                publish(*arguments)
            finally:
                os._exit(1)
        print(f"ended {os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])}", flush=True)


def follow(directory: str, rows: int, changes: int, *, tell: bool) -> dict[str, Any]:
    """Check every version that comes, until the last; print each that was checked if asked to."""
    keys, last = changed_keys(changes), [2**63]
    threading.Thread(target=lambda: last.append(int(sys.stdin.readline() or 0)), daemon=True).start()
    manager = SnapshotManager.follow(directory, timeout=60.0)
    print("follows", flush=True)
    seen: list[tuple[int, float]] = []
    wrong: list[str] = []
    while not seen or seen[-1][0] < last[-1]:
        snapshot = manager.current
        version = snapshot.version or 0
        if seen and version == seen[-1][0]:
            time.sleep(0.0005)
            continue
        answers = snapshot.lookup_many(keys)["target"]
        seen.append((version, time.monotonic()))
        if len(seen) > 1 and version < seen[-2][0]:
            wrong.append(f"version {version} after {seen[-2][0]}")
        if not np.array_equal(answers, rows_of(version, changes)):
            wrong.append(f"version {version}: other answers than the oracle's")
        if rows <= 100_000 and snapshot.digest != expected_digest(version, rows, changes):
            wrong.append(f"version {version}: another digest than that of a table built from scratch")
        if tell:
            print(version, flush=True)
    stats = manager.follower
    manager.close()
    return {"seen": seen, "wrong": wrong, "error": stats.error, "loaded": stats.loaded}


def main(arguments: list[str]) -> None:
    directory, rows, changes = arguments[1], int(arguments[2]), int(arguments[3])
    if arguments[0] == "publish":
        publish_again_and_again(directory, rows, changes, float(arguments[4]))
    else:
        print(json.dumps(follow(directory, rows, changes, tell="tell" in arguments)), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
