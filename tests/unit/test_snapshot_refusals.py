"""What a manager refuses before anything comes of it: a clock that tells no time, and leaving its process."""

from __future__ import annotations

import copy
import math
import pickle
from pathlib import Path
from typing import Any

import pytest

from tests.snapshots import SetClock, snapshot_of
from valkyrie.errors import ArgumentError, ProcessBoundError
from valkyrie.snapshot import Replace, SnapshotManager
from valkyrie.snapshot.published_directory import directory_history


@pytest.mark.parametrize("given", [math.nan, math.inf, -math.inf, "noon", None, pytest.param(10**400, id="huge")])
def test_a_clock_that_tells_no_time(tmp_path: Path, given: Any) -> None:
    clock = SetClock()
    manager = SnapshotManager(snapshot_of(), clock=clock)
    with manager.publish_to(tmp_path, durable=False):
        clock.now = given
        for call in (
            lambda: manager.publish(manager.current),
            lambda: manager.update(lambda now: now),
            lambda: manager.rollback(1),
        ):
            with pytest.raises(ArgumentError, match="clock gave .* nothing was published.*time.time") as caught:
                call()
            assert caught.value.data["argument"] == "clock"
        manager.schedule(Replace([10], [7]))
        with pytest.raises(ArgumentError, match="clock gave"):
            manager.flush()
        assert manager.current.version == 1
        clock.now = 1001
        assert manager.flush().created_at == 1001.0  # what was scheduled stayed scheduled
    assert directory_history(tmp_path)["created_at"].tolist() == [1000.0, 1001.0]
    with pytest.raises(ArgumentError, match="clock gave"):
        SnapshotManager(snapshot_of(), clock=SetClock(given))


def test_a_manager_stays_in_its_process(tmp_path: Path) -> None:
    with SnapshotManager(snapshot_of()) as manager, manager.publish_to(tmp_path), SnapshotManager.follow(tmp_path) as follower:
        for each in (manager, follower):
            for call in (pickle.dumps, copy.copy, copy.deepcopy):
                with pytest.raises(ProcessBoundError, match=rf"^{type(each).__name__}: .*publish_to\(\).*follow\(\)") as caught:
                    call(each)
                assert isinstance(caught.value, TypeError)
        assert pickle.loads(pickle.dumps(manager.current)).digest == manager.current.digest
