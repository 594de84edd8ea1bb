"""Publishers that are killed, and a follower in another process that checks every version it sees."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.published_versions import expected_digest, first_snapshot
from valkyrie.errors import DirectoryHeldError
from valkyrie.snapshot import SnapshotManager
from valkyrie.snapshot.published_directory import PublishedDirectory, directory_history

CHECKOUT = Path(__file__).resolve().parents[2]
ROWS, CHANGES = 20_000, 50
KILLS = 20
SECONDS = 60.0


@contextmanager
def started(*arguments: Any) -> Iterator[subprocess.Popen[bytes]]:
    """A process that is gone at the end, whatever the test came to."""
    command = [sys.executable, "-m", "tests.publishing_process", *map(str, arguments)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(CHECKOUT), os.environ.get("PYTHONPATH", "")])}
    with subprocess.Popen(command, cwd=CHECKOUT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            yield process
        finally:
            process.kill()


def line(process: subprocess.Popen[bytes]) -> bytes:
    assert process.stdout is not None
    return process.stdout.readline()


def told(process: subprocess.Popen[bytes], text: str) -> None:
    assert process.stdin is not None
    process.stdin.write(text.encode() + b"\n")
    process.stdin.flush()


def began(publishers: subprocess.Popen[bytes]) -> int:
    """Start a publisher, and return its process id."""
    told(publishers, "go")
    word, pid = line(publishers).split()
    assert word == b"began"
    return int(pid)


def killed(publishers: subprocess.Popen[bytes], pid: int) -> list[int]:
    """Kill a publisher, and return the versions it said it had published."""
    os.kill(pid, signal.SIGKILL)
    versions = []
    while not (text := line(publishers)).startswith(b"ended"):
        versions.append(json.loads(text)[0])
    assert text == b"ended -9\n"
    return versions


def test_a_follower_survives_publishers_that_are_killed(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    published = seen = 0
    with started("follow", tmp_path, ROWS, CHANGES, "tell") as follower:
        with started("publish", tmp_path, ROWS, CHANGES, 0.0) as publishers:
            for i in range(KILLS):
                pid = began(publishers)
                versions = [json.loads(line(publishers))[0]] if i % 2 else []
                time.sleep(float(rng.uniform(0, 0.08)))
                versions += killed(publishers, pid)
                assert versions == sorted(versions)
                assert not versions or versions[0] > published
                if versions and not published:
                    assert line(follower) == b"follows\n"
                published = max([published, *versions])
                while seen < published:  # what came before the kill comes to the follower in any case
                    seen = int(line(follower))
            publishers.communicate()
        with SnapshotManager.resume(tmp_path) as last:
            version = last.current.version
            assert version is not None
            assert 0 < published <= version <= published + 1  # the last may have been killed before it could say so
            assert last.current.digest == expected_digest(version, ROWS, CHANGES)
            last.publish_to(tmp_path).close()
        place = PublishedDirectory(tmp_path)
        kept = [place.read_version(number) for number in place.version_numbers()]
        assert kept[-1].version == version
        assert set(os.listdir(place.segments)) == {segment.name for file in kept for segment in file.segments}
        output, _ = follower.communicate(f"{version}\n".encode(), timeout=SECONDS)
    report = json.loads(output.splitlines()[-1])
    assert report["wrong"] == []
    assert report["error"] == ""
    assert report["seen"][-1][0] == version
    assert report["loaded"] >= KILLS // 2


def test_a_second_publisher_is_told_of_the_first(tmp_path: Path) -> None:
    with started("publish", tmp_path, ROWS, CHANGES, 0.01) as publishers:
        pid = began(publishers)
        first = json.loads(line(publishers))[0]
        manager = SnapshotManager.resume(tmp_path)
        with pytest.raises(DirectoryHeldError, match=f"process {pid} on '{socket.gethostname()}' since") as caught:
            manager.publish_to(tmp_path)
        assert caught.value.data["holder"]["pid"] == pid
        killed(publishers, pid)
        publishers.communicate()
    manager = SnapshotManager.resume(tmp_path)
    assert manager.current.version is not None
    assert manager.current.version >= first
    manager.publish_to(tmp_path).close()


def test_interpreters_that_exit_end(tmp_path: Path) -> None:
    """With a follower, a publication and a watch that nobody closes."""
    code = """
import sys, threading
from valkyrie.snapshot import SnapshotManager
from tests.published_versions import first_snapshot
manager = SnapshotManager(first_snapshot(100, 5))
publication = manager.publish_to(sys.argv[1])
follower = SnapshotManager.follow(sys.argv[1])
threading.Thread(target=next, args=(follower.watch(),), daemon=True).start()
manager.publish(manager.current)
print(follower.current.lookup(0) is not None)
"""
    environment = os.environ | {"PYTHONPATH": str(CHECKOUT)}
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        cwd=CHECKOUT,
        env=environment,
        capture_output=True,
        timeout=SECONDS,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"True\n", b"")
    assert directory_history(tmp_path)["version"].tolist() == [1, 2]


def test_what_is_scheduled_at_exit_is_published(tmp_path: Path) -> None:
    code = """
import sys
from valkyrie.snapshot import Replace, SnapshotManager
from tests.published_versions import first_snapshot
manager = SnapshotManager(first_snapshot(100, 5))
publication = manager.publish_to(sys.argv[1])
manager.schedule(Replace([0], [77]))
"""
    environment = os.environ | {"PYTHONPATH": str(CHECKOUT)}
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], cwd=CHECKOUT, env=environment, timeout=SECONDS, check=True)
    assert SnapshotManager.resume(tmp_path).current.lookup(0) == 77
    assert first_snapshot(100, 5).lookup(0) != 77
