"""Watches: every version once and in order, or a word that some were missed; from threads and coroutines; nothing left behind."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading

import pytest

from tests.snapshots import living_versions, snapshot_of
from valkyrie.errors import ArgumentError
from valkyrie.snapshot import SnapshotManager


@pytest.fixture
def manager():
    with SnapshotManager(snapshot_of(), history=8) as manager:
        yield manager


def publish(manager, times):
    return [manager.publish(manager.current) for _ in range(times)]


def summary(changes):
    return [(change.version, change.resync) for change in changes]


def test_a_watch_begins_after_the_current_version(manager):
    publish(manager, 2)
    watch = manager.watch(timeout=0)
    assert watch.version == 3
    published = publish(manager, 3)
    assert [change.snapshot for change in watch] == published
    assert watch.version == 6
    publish(manager, 1)
    assert list(watch) == []  # what has ended stays so
    assert summary(manager.watch(since=watch.version, timeout=0)) == [(7, False)]


def test_since_gives_what_is_kept(manager):
    publish(manager, 3)
    assert summary(manager.watch(since=0, timeout=0)) == [(1, False), (2, False), (3, False), (4, False)]
    assert summary(manager.watch(since=2, timeout=0)) == [(3, False), (4, False)]
    assert summary(manager.watch(since=4, timeout=0)) == []
    with pytest.raises(ArgumentError, match="since: version 5 was not published yet, version 4 is current.*since=0"):
        manager.watch(since=5)
    with pytest.raises(ArgumentError, match="since must be a whole number from 0; got 'all'"):
        manager.watch(since="all")
    with pytest.raises(ArgumentError, match="since must be a whole number from 0; got -1"):
        manager.watch(since=-1)


def test_from_the_beginning_means_all_that_is_kept_and_then_all_that_follows(manager):
    publish(manager, 12)  # 6 to 13 are kept
    watch = manager.watch(since=0, timeout=0)
    assert next(watch).version == 6
    publish(manager, 1)
    assert summary(watch) == [(version, False) for version in range(7, 15)]
    assert summary(manager.watch(since=6, timeout=0)) == [(version, False) for version in range(7, 15)]
    assert summary(manager.watch(since=5, timeout=0)) == [(14, True)]  # 6 came after 5, and is gone
    late = manager.watch(since=0, timeout=0)
    publish(manager, 1)
    assert summary(late) == [(15, True)]  # what was there when it began is not all there any more


def test_a_watch_that_is_too_slow_is_told_to_resync(manager):
    watch, other = manager.watch(timeout=0), manager.watch(timeout=0)
    publish(manager, 7)  # version 1 to 8 are kept
    assert next(other).version == 2
    publish(manager, 1)
    assert next(other).version == 3
    publish(manager, 2)  # 4 to 11 are kept: the one is just in time, the other too late
    assert summary(other) == [(version, False) for version in range(4, 12)]
    change = next(watch)
    assert (change.version, change.resync, change.snapshot) == (11, True, manager.current)
    publish(manager, 1)
    assert summary(watch) == [(12, False)]
    assert summary(manager.watch(since=3, timeout=0)) == [(12, True)]
    assert summary(manager.watch(since=4, timeout=0)) == [(version, False) for version in range(5, 13)]


def test_a_manager_that_began_with_a_later_version_knows_nothing_of_those_before(manager):
    publish(manager, 4)
    later = SnapshotManager(manager.current)
    assert summary(later.watch(since=4, timeout=0)) == [(5, False)]
    assert summary(later.watch(since=0, timeout=0)) == [(5, False)]
    assert summary(later.watch(since=3, timeout=0)) == [(5, True)]


def test_a_watch_keeps_no_versions():
    manager = SnapshotManager(snapshot_of(), history=1)
    watch = manager.watch(timeout=0)
    publish(manager, 20)
    assert living_versions(manager) == [21]
    assert summary(watch) == [(21, True)]


def test_threads_see_every_version_in_order():
    manager = SnapshotManager(snapshot_of(), history=10_000)
    seen: list[list[tuple[int, bool]]] = [[] for _ in range(4)]

    def follow(changes, watch):
        changes.extend(summary(watch))

    followers = [threading.Thread(target=follow, args=(changes, manager.watch())) for changes in seen]
    for follower in followers:
        follower.start()
    publish(manager, 2000)
    manager.close()
    for follower in followers:
        follower.join(30)
    assert seen == [[(version, False) for version in range(2, 2002)]] * 4


def test_threads_that_share_a_watch_share_its_changes():
    manager = SnapshotManager(snapshot_of(), history=10_000)
    watch, seen = manager.watch(), []
    followers = [threading.Thread(target=lambda: seen.extend(summary(watch))) for _ in range(3)]
    for follower in followers:
        follower.start()
    publish(manager, 300)
    manager.close()
    for follower in followers:
        follower.join(30)
    assert sorted(seen) == [(version, False) for version in range(2, 302)]


def test_close_ends_watches_once_all_was_given(manager):
    watch, waiting = manager.watch(), manager.watch()
    ended = threading.Thread(target=lambda: list(waiting))
    ended.start()
    publish(manager, 3)
    manager.close()
    ended.join(30)
    assert not ended.is_alive()
    assert summary(watch) == [(2, False), (3, False), (4, False)]
    assert summary(manager.watch(since=0)) == [(1, False), (2, False), (3, False), (4, False)]
    assert summary(manager.watch()) == []


def test_a_watch_can_be_closed_while_a_thread_waits(manager):
    watch, seen = manager.watch(), []
    began = threading.Event()

    def follow():
        for change in watch:
            seen.append(change.version)
            began.set()

    follower = threading.Thread(target=follow)
    follower.start()
    publish(manager, 1)
    assert began.wait(30)
    watch.close()
    follower.join(30)
    assert not follower.is_alive()
    publish(manager, 1)
    assert seen == [2]


def test_a_timeout_counts_from_the_last_change(manager):
    began, seen = threading.Event(), []

    def follow():
        for change in manager.watch(timeout=30):
            seen.append(change.version)
            began.set()
            if change.version == 3:
                return

    follower = threading.Thread(target=follow)
    follower.start()
    publish(manager, 1)
    assert began.wait(30)
    publish(manager, 1)
    follower.join(30)
    assert seen == [2, 3]
    assert list(manager.watch(timeout=0.01)) == []


def test_coroutines_see_every_version_in_order():
    manager = SnapshotManager(snapshot_of(), history=10_000)

    async def follow(watch):
        return [(change.version, change.resync) async for change in watch]

    async def main():
        tasks = [asyncio.create_task(follow(manager.watch())) for _ in range(5)]
        await asyncio.sleep(0)
        writer = threading.Thread(target=lambda: (publish(manager, 500), manager.close()))
        writer.start()
        seen = await asyncio.wait_for(asyncio.gather(*tasks), 30)
        await asyncio.to_thread(writer.join)
        return seen

    assert asyncio.run(main()) == [[(version, False) for version in range(2, 502)]] * 5
    assert manager._changes.wakes == set()


def test_a_coroutine_that_is_cancelled_leaves_nothing_behind(manager):
    async def main():
        watch = manager.watch()
        tasks = [asyncio.create_task(anext(watch)) for _ in range(3)]
        while len(manager._changes.wakes) < 3:
            await asyncio.sleep(0.001)
        for task in tasks:
            task.cancel()
        assert [type(outcome) for outcome in await asyncio.gather(*tasks, return_exceptions=True)] == [asyncio.CancelledError] * 3
        assert manager._changes.wakes == set()
        publish(manager, 1)
        return (await anext(watch)).version  # a change that nobody was given is still to come

    assert asyncio.run(main()) == 2


def test_an_event_loop_that_is_gone_does_not_disturb_who_publishes(manager):
    loop = asyncio.new_event_loop()
    task = loop.create_task(anext(manager.watch()))
    loop.run_until_complete(asyncio.sleep(0.01))
    assert len(manager._changes.wakes) == 1
    loop.close()
    assert publish(manager, 2)[-1].version == 3
    assert manager._changes.wakes == set()
    task._log_destroy_pending = False
    task.get_coro().close()


def test_a_coroutine_stops_waiting_after_its_timeout(manager):
    async def main():
        publish(manager, 2)
        return [change.version async for change in manager.watch(since=0, timeout=0.01)]

    assert asyncio.run(main()) == [1, 2, 3]
    assert manager._changes.wakes == set()

    async def closed():
        watch = manager.watch()
        asyncio.get_running_loop().call_later(0.01, watch.close)
        return [change.version async for change in watch]

    assert asyncio.run(closed()) == []
    assert manager._changes.wakes == set()


def test_a_slow_coroutine_is_told_to_resync(manager):
    async def main():
        watch = manager.watch()
        publish(manager, 1)
        first = await anext(watch)
        publish(manager, 20)
        return summary([first, await anext(watch)])

    assert asyncio.run(main()) == [(2, False), (22, True)]


def test_watching_in_threads_needs_no_asyncio():
    code = """
import sys
import valkyrie as vk
from valkyrie.snapshot import Snapshot, SnapshotManager
with SnapshotManager(Snapshot.build(vk.IdTable.build([1]))) as manager:
    watch = manager.watch(timeout=0)
    manager.publish(manager.current)
    print([change.version for change in watch], "asyncio" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert (done.stdout, done.stderr) == ("[2] False\n", "")
