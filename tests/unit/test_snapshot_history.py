"""What a manager says of versions that are not kept any more, and of moments and numbers that are none."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tests.snapshots import SetClock, snapshot_of
from valkyrie.errors import ArgumentError, SnapshotFormatError, VersionEvictedError
from valkyrie.snapshot import Snapshot, SnapshotManager
from valkyrie.snapshot.version_publisher import install_foreign


def test_an_answer_may_be_older_than_what_is_kept():
    manager = SnapshotManager(snapshot_of(), history=3, clock=SetClock())
    assert (manager.explain(10).since_version, manager.explain(10).or_before) == (1, False)
    for row in (5, 6, 6, 6):
        manager.update(lambda s, row=row: s.with_routes({20: row}))
    # Versions 3 to 5 are kept: since when 20 has led to row 6, nobody can tell any more, though it was since 3.
    for key in (10, 20, 99):
        answer = manager.explain(key)
        assert (answer.since_version, answer.or_before) == (3, True)
        assert str(answer).endswith("; version 5, and so since version 3, 1970-01-01 00:16:40 UTC or before")
    manager.update(lambda s: s.with_routes({20: 7}))
    answer = manager.explain(20)
    assert (answer.since_version, answer.or_before) == (6, False)
    assert not str(answer).endswith("or before")


def test_versions_between_two_that_are_kept_may_have_been_missed():
    publisher = SnapshotManager(snapshot_of())
    follower = SnapshotManager(publisher.current)
    for row in (5, 5):
        publisher.update(lambda s, row=row: s.with_routes({20: row}))
    install_foreign(follower, publisher.current)
    assert (follower.explain(20).since_version, follower.explain(20).or_before) == (3, True)
    assert (follower.explain(10).since_version, follower.explain(10).or_before) == (1, False)




def test_a_moment_before_all_versions():
    manager = SnapshotManager(snapshot_of())
    hint = "Kept: 1; history= and history_bytes= of a manager, and retain= of a directory, say how many are"
    with pytest.raises(VersionEvictedError) as caught:
        manager.at(time=datetime(1970, 1, 2, tzinfo=UTC))
    assert caught.value.hint == hint


@pytest.mark.parametrize("version", [2**62 + 1, 2**63, 10**30, -1])
def test_versions_that_leave_no_room_to_count_on_are_refused(version):
    highest = SnapshotManager(Snapshot(snapshot_of().tables, version=2**62))
    assert highest.publish(highest.current).version == 2**62 + 1
    assert highest.history()["version"].tolist() == [2**62, 2**62 + 1]
    with pytest.raises(SnapshotFormatError, match="makes no sense"):
        Snapshot.from_columns(Snapshot(snapshot_of().tables, version=version).to_columns())


@pytest.mark.parametrize("time", [10**400, -(10**400), 10**5000], ids=["far", "long ago", "beyond words"])
def test_moments_that_no_clock_tells(time):
    with pytest.raises(ArgumentError, match="time lies beyond what any clock tells"):
        SnapshotManager(snapshot_of()).at(time=time)
