"""SnapshotManager in one thread: versions, conflicts, what is kept, closing, and how errors speak."""

from __future__ import annotations

import gc
import math
import threading
import time
import weakref
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from tests.snapshots import Asked, SetClock, content, living_versions, snapshot_of, until
from valkyrie.errors import (
    ArgumentError,
    DuplicateKeyError,
    KeyNotFoundError,
    ManagerBusyError,
    ManagerClosedError,
    NestedCallError,
    VersionConflictError,
    VersionEvictedError,
)
from valkyrie.snapshot import Insert, ManagerStats, Remove, Replace, SnapshotManager
from valkyrie.snapshot.version_publisher import detach, install_foreign

START = {10: 0, 20: 1, 30: 2}


@pytest.fixture
def clock():
    return SetClock()


@pytest.fixture
def manager(clock):
    with SnapshotManager(snapshot_of(), clock=clock) as manager:
        yield manager


def failing(snapshot):
    raise ZeroDivisionError("no change")


def test_the_first_version_is_the_snapshot_given(manager):
    first = manager.current
    assert (first.version, first.created_at, first.digest) == (1, 1000.0, snapshot_of().digest)
    assert content(first) == START
    assert manager.at(version=1) is first
    assert repr(manager) == "SnapshotManager(version 1, 1 kept, 0 operations scheduled)"


def test_a_published_snapshot_goes_on_with_its_version():
    other = SnapshotManager(snapshot_of(), clock=SetClock(7.0))
    other.update(lambda s: s.with_routes({40: 3}))
    manager = SnapshotManager(other.current, clock=SetClock(1.0))
    assert (manager.current.version, manager.current.created_at) == (2, 7.0)
    assert manager.update(lambda s: s.without_routes([40])).version == 3
    assert manager.current.created_at == 7.0


def test_publish_gives_the_next_version(manager, clock):
    before = manager.current
    clock.now = 1001.5
    published = manager.publish(before.with_routes({40: 3}))
    assert published is manager.current
    assert (published.version, published.parent, published.created_at) == (2, before.digest, 1001.5)
    assert content(published) == START | {40: 3}
    assert content(before) == START


def test_the_same_snapshot_may_be_published_again(manager):
    again = manager.publish(manager.current)
    assert (again.version, again.digest, again.parent) == (2, manager.at(version=1).digest, manager.at(version=1).digest)


def test_a_stale_snapshot_is_refused(manager):
    stale = manager.current.with_routes({40: 3})
    manager.update(lambda s: s.with_routes({50: 4}))
    with pytest.raises(VersionConflictError, match="made from version 1, but version 2 is current.*update") as caught:
        manager.publish(stale)
    assert caught.value.data == {"expected": 1, "current": 2}
    with pytest.raises(VersionConflictError, match="made from version 1"):
        manager.publish(manager.at(version=1))
    assert content(manager.current) == START | {50: 4}
    assert manager.publish(stale, expected_version=2).version == 3


def test_expected_version_must_be_current(manager):
    with pytest.raises(VersionConflictError, match="expected_version is 7, but version 1 is current"):
        manager.publish(manager.current, expected_version=7)
    assert manager.publish(manager.current, expected_version=1).version == 2


def test_snapshots_from_elsewhere_cannot_conflict(manager):
    other = SnapshotManager(snapshot_of(), clock=SetClock())
    manager.publish(manager.current)
    assert manager.publish(other.current.with_routes({1: 1})).version == 3
    assert manager.publish(snapshot_of(routes={5: 5})).version == 4
    assert content(manager.current) == {5: 5}


def test_update_publishes_what_the_function_returns(manager):
    published = manager.update(lambda s: s.with_routes({10: 9}).without_routes([20]))
    assert published is manager.current
    assert content(published) == {10: 9, 30: 2}


def test_a_function_that_fails_leaves_the_old_version(manager):
    before = manager.current
    with pytest.raises(ZeroDivisionError, match="no change"):
        manager.update(failing)
    with pytest.raises(ArgumentError, match=r"what the function given to update\(\) returned must be a Snapshot; got NoneType"):
        manager.update(lambda s: None)
    assert manager.current is before
    assert manager.update(lambda s: s).version == 2


def test_current_cannot_be_assigned(manager):
    with pytest.raises(AttributeError, match=r"SnapshotManager.current cannot be assigned: use publish\(\)"):
        manager.current = snapshot_of()
    with pytest.raises(AttributeError, match="current"):
        del manager.current
    assert manager.current.version == 1


def test_a_clock_that_goes_back_does_not_take_the_times_with_it(manager, clock):
    for now in (1005.0, 900.0, 1006.0):
        clock.now = now
        manager.publish(manager.current)
    assert manager.history()["created_at"].tolist() == [1000.0, 1005.0, 1005.0, 1006.0]


def test_a_clock_that_fails_leaves_the_old_version():
    times = iter([1.0])
    manager = SnapshotManager(snapshot_of(), clock=lambda: next(times))
    with pytest.raises(StopIteration):
        manager.publish(manager.current)
    assert manager.current.version == 1


def test_rollback_is_a_new_version_with_old_content(manager):
    first = manager.current
    manager.update(lambda s: s.with_routes({40: 3}))
    again = manager.rollback(1)
    assert (again.version, again.digest, again.parent) == (3, first.digest, manager.at(version=2).digest)
    assert content(again) == START
    assert manager.rollback(3).version == 4
    assert manager.publish(again.with_routes({1: 1}), expected_version=4).version == 5


def test_versions_are_found_by_number_and_by_time(manager, clock):
    versions = [manager.current]
    for now in (1001.0, 1001.0, 1004.0):
        clock.now = now
        versions.append(manager.publish(manager.current))
    assert [manager.at(version=i + 1) for i in range(4)] == versions
    at = [(1000.0, 1), (1000.999, 1), (1001, 3), (1003.9, 3), (1004.0, 4), (math.inf, 4)]
    assert [manager.at(time=moment).version for moment, _ in at] == [version for _, version in at]
    assert manager.at(time=datetime.fromtimestamp(1003.9, UTC)).version == 3
    with pytest.raises(VersionEvictedError, match=r"the oldest version kept is of 1000.0, after 999.9. Kept: 1 to 4") as caught:
        manager.at(time=999.9)
    assert caught.value.data == {"time": 999.9, "retained": [1, 2, 3, 4]}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "either version= or time="),
        ({"version": 1, "time": 1.0}, "either version= or time="),
        ({"version": 1.0}, "version must be a whole number; got 1.0"),
        ({"version": True}, "version must be a whole number; got True"),
        ({"time": "14:03"}, "time must be seconds since the epoch or a datetime; got '14:03'"),
        ({"time": math.nan}, "time must be seconds"),
    ],
)
def test_what_names_no_version(manager, arguments, message):
    with pytest.raises(ArgumentError, match=message):
        manager.at(**arguments)


def test_the_history_is_bounded_by_number():
    manager = SnapshotManager(snapshot_of(), history=3)
    for _ in range(5):
        manager.publish(manager.current)
    assert manager.history()["version"].tolist() == [4, 5, 6]
    for evicted in (1, 3, 0, -1):
        with pytest.raises(VersionEvictedError, match=f"version {evicted} is not kept. Kept: 4 to 6") as caught:
            manager.rollback(evicted)
        assert caught.value.data == {"version": evicted, "retained": [4, 5, 6]}
    with pytest.raises(VersionEvictedError, match="version 7 was not published yet"):
        manager.at(version=np.int64(7))
    assert manager.rollback(4).version == 7
    alone = SnapshotManager(snapshot_of(), history=1)
    alone.publish(alone.current)
    with pytest.raises(VersionEvictedError, match="Kept: 2;"):
        alone.at(version=1)


def test_the_history_is_bounded_by_bytes_that_only_it_holds():
    def fresh(i):
        return snapshot_of(routes={i * 10**9 + j * 10**6: j for j in range(2000)})

    one = fresh(0).nbytes
    manager = SnapshotManager(fresh(0), history_bytes=one * 5 // 2)
    for _ in range(10):
        manager.publish(manager.current)  # shares all arrays
    assert (manager.stats.retained, manager.stats.retained_bytes) == (11, 0)
    manager.publish(fresh(1))
    assert manager.stats.retained == 12
    assert manager.stats.retained_bytes == one  # of eleven versions, once
    for i in range(2, 6):
        manager.publish(fresh(i))
    assert manager.history()["version"].tolist() == [14, 15, 16]
    assert manager.stats.retained_bytes == 2 * one
    only = SnapshotManager(fresh(0), history_bytes=0)
    only.publish(fresh(1))
    assert (only.stats.retained, only.stats.retained_bytes) == (1, 0)


def test_snapshots_that_are_not_kept_go_away():
    manager = SnapshotManager(snapshot_of(), history=2)
    for i in range(30):
        manager.schedule(Replace([i], [i]))
        manager.schedule(Insert([10], [i]))
        with pytest.raises(DuplicateKeyError):
            manager.flush()
    assert living_versions(manager) == [manager.current.version - 1, manager.current.version]


def test_errors_that_nobody_flushed_keep_no_snapshots():
    manager = SnapshotManager(snapshot_of(), history=1)
    manager.schedule(Insert([10], [0]))
    until(lambda: manager.stats.failed == 1)
    for _ in range(3):
        manager.update(lambda s: s.with_routes({10: s.version}))
    assert living_versions(manager) == [4]
    with pytest.raises(DuplicateKeyError):
        manager.close()


def test_history_says_what_is_kept(manager, clock):
    clock.now = 1002.0
    manager.update(lambda s: s.with_routes({40: 3}))
    history = manager.history()
    assert history.names == ("version", "created_at", "keys", "pending", "nbytes", "digest")
    assert history["version"].tolist() == [1, 2]
    assert history["created_at"].tolist() == [1000.0, 1002.0]
    assert history["keys"].tolist() == [3, 4]
    assert history["digest"].tolist() == [manager.at(version=i).digest for i in (1, 2)]
    assert history["nbytes"].tolist() == [manager.at(version=i).nbytes for i in (1, 2)]


def test_explain_says_since_when(manager, clock):
    for now, edit in ((1001.0, {40: 3}), (1002.0, {10: 7}), (1003.0, {40: 5}), (1004.0, {40: 3}), (1005.0, {20: 8})):
        clock.now = now
        manager.update(lambda s, edit=edit: s.with_routes(edit))

    def since(key):
        answer = manager.explain(key)
        return answer.row, answer.version, answer.since_version, answer.since_time

    assert since(30) == (2, 6, 1, 1000.0)
    assert since(10) == (7, 6, 3, 1002.0)
    assert since(40) == (3, 6, 5, 1004.0)
    assert since(20) == (8, 6, 6, 1005.0)
    assert since(99)[1:] == (6, 1, 1000.0)
    assert manager.explain(40, table="routes").since_version == 5
    manager.publish(manager.current.with_table("names", snapshot_of(routes={"a": 1}).tables["routes"]))
    assert manager.explain("a", table="names").since_version == 7


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"history": 0}, "history must be a whole number from 1; got 0"),
        ({"history": True}, "history must be a whole number from 1; got True"),
        ({"history_bytes": -1}, "history_bytes must be a whole number from 0; got -1"),
        ({"queue": 0.5}, "queue must be a whole number from 1; got 0.5"),
        ({"merge_above": -1}, "merge_above must be a whole number from 0; got -1"),
    ],
)
def test_bounds_that_are_no_number(arguments, message):
    with pytest.raises(ArgumentError, match=message):
        SnapshotManager(snapshot_of(), **arguments)


@pytest.mark.parametrize("timeout", [-1, math.nan, "1", True, timedelta(seconds=-1)])
def test_timeouts_that_are_no_duration(manager, timeout):
    calls = (
        lambda: manager.flush(timeout=timeout),
        lambda: manager.update(lambda s: s, timeout=timeout),
        lambda: manager.schedule(Remove([10]), timeout=timeout),
        lambda: manager.watch(timeout=timeout),
        lambda: manager.close(timeout=timeout),
    )
    for call in calls:
        with pytest.raises(ArgumentError, match="timeout must be seconds from 0, or a timedelta"):
            call()
    assert manager.flush(timeout=timedelta(seconds=5)).version == 1


def test_calls_that_would_wait_for_themselves_are_refused(manager):
    for name, call in {
        "publish": lambda s: manager.publish(s),
        "update": lambda s: manager.update(lambda t: t),
        "rollback": lambda s: manager.rollback(1),
        "flush": lambda s: manager.flush(),
        "close": lambda s: manager.close(),
    }.items():
        with pytest.raises(NestedCallError, match=rf"{name}\(\) was called while this thread publishes"):
            manager.update(call)
    assert manager.update(lambda s: manager.at(version=1)).version == 2  # reading is fine
    Asked.by(manager, lambda s: manager.flush())
    with pytest.raises(NestedCallError):
        manager.publish(manager.current)


def test_close_applies_what_waits_and_then_refuses():
    manager = SnapshotManager(snapshot_of())
    for i in range(100):
        manager.schedule(Replace([i], [i]))
    thread = manager._queue.thread
    manager.close()
    assert content(manager.current) == START | {i: i for i in range(100)}
    assert not manager.stats.writer_alive
    assert thread is not None
    assert not thread.is_alive()
    for name, call in {
        "publish": lambda: manager.publish(manager.current),
        "update": lambda: manager.update(lambda s: s),
        "rollback": lambda: manager.rollback(1),
        "schedule": lambda: manager.schedule(Remove([10])),
    }.items():
        with pytest.raises(ManagerClosedError, match=rf"{name}\(\): the manager was closed"):
            call()
    assert manager.flush() is manager.current is manager.at(version=manager.current.version)
    manager.close()


def test_close_raises_what_nobody_flushed():
    manager = SnapshotManager(snapshot_of())
    manager.schedule(Remove([99]))
    with pytest.raises(KeyNotFoundError, match="99"):
        manager.close()
    manager.close()


def leave_a_block(error):
    with SnapshotManager(snapshot_of()) as manager:
        manager.schedule(Remove([99]))
        if error is not None:
            raise error


def test_leaving_a_block_raises_what_nobody_flushed_but_hides_no_other_error():
    with pytest.raises(KeyNotFoundError, match="99"):
        leave_a_block(None)
    with pytest.raises(ZeroDivisionError):
        leave_a_block(ZeroDivisionError())


def test_close_says_when_it_cannot_wait_longer():
    manager = SnapshotManager(snapshot_of())
    entered, leave = threading.Event(), threading.Event()

    def hang(snapshot):
        entered.set()
        assert leave.wait(30)
        return snapshot.with_routes({40: 3})

    busy = threading.Thread(target=manager.update, args=(hang,))
    busy.start()
    assert entered.wait(30)
    manager.schedule(Replace([50], [4]))
    with pytest.raises(ManagerBusyError, match=r"close\(\) waited 0.05 seconds"):
        manager.close(timeout=0.05)
    with pytest.raises(ManagerClosedError):
        manager.schedule(Replace([60], [4]))
    assert manager.stats.queued == 1
    leave.set()
    busy.join(30)
    manager.close(timeout=30)
    assert content(manager.current) == START | {40: 3, 50: 4}
    assert not manager.stats.writer_alive


def test_a_manager_that_only_follows_publishes_nothing(clock):
    manager = SnapshotManager(snapshot_of(), clock=clock)
    manager._refusal = "this manager is read-only: it follows /srv/routes"
    for call in (
        lambda: manager.publish(manager.current),
        lambda: manager.update(lambda s: s),
        lambda: manager.rollback(1),
        lambda: manager.schedule(Remove([10])),
    ):
        with pytest.raises(ManagerClosedError, match="read-only: it follows /srv/routes"):
            call()
    other = SnapshotManager(snapshot_of(), clock=SetClock(2000.0))
    for _ in range(4):
        other.update(lambda s: s.with_routes({10: s.version}))
    clock.now = 5000.0
    install_foreign(manager, other.at(version=3))
    install_foreign(manager, other.current)
    current = manager.current
    assert (current.version, current.parent, current.created_at) == (5, other.at(version=4).digest, 2000.0)
    assert manager.history()["version"].tolist() == [1, 3, 5]
    assert [change.version for change in manager.watch(since=0, timeout=0)] == [1, 3, 5]
    with pytest.raises(ArgumentError, match="version 4 does not follow version 5"):
        install_foreign(manager, other.at(version=4))
    with pytest.raises(VersionEvictedError, match="version 2 is not kept"):
        manager.at(version=2)
    manager.close()


def test_who_is_asked_before_a_version_becomes_current_may_refuse_it(manager):
    seen = []

    def refuse(snapshot):
        seen.append((snapshot.version, manager.current.version))
        if snapshot.version == 3:
            raise OSError("no space left")

    outlet = Asked.by(manager, refuse)
    manager.publish(manager.current)
    with pytest.raises(OSError, match="no space left"):
        manager.publish(manager.current)

    manager.schedule(Replace([40], [3]))
    with pytest.raises(OSError, match="no space left") as caught:
        manager.flush()
    assert caught.value.__notes__ == ["when 1 scheduled operations were to be published; they stay scheduled"]
    assert content(manager.current) == START
    assert (manager.current.version, manager.stats.failed, manager.stats.queued) == (2, 0, 1)
    detach(manager, outlet, "a test")
    assert manager.flush().version == 3
    assert content(manager.current) == START | {40: 3}
    assert set(seen) == {(2, 1), (3, 2)}


def test_stats_say_what_happened(manager):
    assert math.isnan(manager.stats.last_publish_seconds)
    assert not manager.stats.writer_alive
    manager.publish(manager.current)
    manager.schedule(Remove([99]))
    with pytest.raises(KeyNotFoundError):
        manager.flush()
    stats = manager.stats
    assert isinstance(stats, ManagerStats)
    assert (stats.version, stats.published, stats.failed, stats.queued, stats.retained, stats.merges) == (2, 1, 1, 0, 2, 0)
    assert 0 <= stats.last_publish_seconds < 60
    assert stats.writer_alive
    assert dict(stats)["version"] == 2
    assert "retained_bytes" in repr(stats)


def test_a_manager_that_nobody_uses_goes_away_with_its_thread():
    manager = SnapshotManager(snapshot_of())
    manager.schedule(Replace([1], [1]))
    thread, gone = manager._queue.thread, weakref.ref(manager)
    assert thread is not None
    until(lambda: gone().current.version == 2)  # by the writer thread
    del manager
    thread.join(30)
    gc.collect()
    assert gone() is None
    assert not thread.is_alive()


def test_what_was_scheduled_is_published_though_the_manager_is_dropped():
    published = threading.Event()
    manager = SnapshotManager(snapshot_of())
    Asked.by(manager, lambda s: published.set() if s.lookup(1) == 1 else None)
    manager.schedule(Replace([1], [1]))
    del manager
    assert published.wait(30)


def test_reads_of_current_do_not_wait(manager):
    entered, leave = threading.Event(), threading.Event()

    def hang(snapshot):
        entered.set()
        assert leave.wait(30)
        return snapshot

    busy = threading.Thread(target=manager.update, args=(hang,))
    busy.start()
    assert entered.wait(30)
    began = time.monotonic()
    assert manager.current is manager.at(version=1) is manager.at(time=2000.0)
    assert manager.history()["version"].tolist() == [1]
    assert manager.explain(10).row == 0
    assert manager.stats.version == 1
    assert time.monotonic() - began < 20
    leave.set()
    busy.join(30)
