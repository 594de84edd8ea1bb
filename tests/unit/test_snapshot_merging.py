"""Changes that wait beside big arrays are worked in beside the writers, and nothing that happens meanwhile is lost."""

from __future__ import annotations

import threading
import uuid

import numpy as np
import pytest

import valkyrie as vk
from tests.snapshots import big_snapshot, content, snapshot_of, until
from valkyrie.errors import KeyNotFoundError
from valkyrie.snapshot import Insert, Modify, Remove, Replace, Snapshot, SnapshotManager

WAITS = {"history": 100, "merge_above": 50}


def edit(n, start=0):
    """Routes for n keys that are not in a big snapshot."""
    return {1 + 7 * (start + i): i for i in range(n)}


@pytest.fixture
def held_merge(monkeypatch):
    """A merge that has begun waits until it is let go: (begun, let_go)."""
    begun, let_go = threading.Event(), threading.Event()
    merged = Snapshot.merged

    def wait(snapshot):
        begun.set()
        assert let_go.wait(30)
        return merged(snapshot)

    monkeypatch.setattr(Snapshot, "merged", wait)
    yield begun, let_go
    let_go.set()


def test_what_waits_is_merged_under_the_same_version():
    manager = SnapshotManager(big_snapshot(), **WAITS)
    expected = content(manager.current) | edit(40) | edit(20, start=40)
    manager.update(lambda s: s.with_routes(edit(40)))
    assert manager.current.pending == 40
    published = manager.update(lambda s: s.with_routes(edit(20, start=40)))
    until(lambda: manager.stats.merges == 1)
    merged = manager.current
    assert merged is not published
    assert (merged.version, merged.digest, merged.parent, merged.created_at) == (
        published.version, published.digest, published.parent, published.created_at,
    )  # fmt: skip
    assert (merged.pending, published.pending) == (0, 60)
    assert content(merged) == content(published) == expected
    assert manager.at(version=merged.version) is merged
    assert manager.history()["pending"].tolist() == [0, 40, 0]
    assert [change.version for change in manager.watch(since=0, timeout=0)] == [1, 2, 3]
    assert list(manager.watch(timeout=0)) == []
    # a snapshot made from the one before the merge is not stale
    assert manager.publish(published.with_routes({1: 5})).version == 4
    manager.close()


def test_nothing_is_merged_without_a_bound():
    manager = SnapshotManager(big_snapshot(), merge_above=None)
    manager.update(lambda s: s.with_routes(edit(5000)))
    assert manager.current.pending == 5000
    assert not manager._merging.is_under_way
    manager.close()


def test_operations_of_meanwhile_are_not_lost(held_merge):
    begun, let_go = held_merge
    manager = SnapshotManager(big_snapshot(), **WAITS)
    manager.update(lambda s: s.with_routes(edit(60)))
    assert begun.wait(30)
    expected = content(manager.current)
    for operation in (
        Insert([2], [5]), Modify([7, 1], [6, 7]), Remove([14, 8]), Insert([8], [4]), Remove([3]), Replace([2], [9]),
    ):  # fmt: skip
        manager.schedule(operation)
    with pytest.raises(KeyNotFoundError, match="3"):
        manager.flush()
    manager.schedule(Replace([2], [10]))
    now = manager.flush()  # while the merge is held: nobody waits for it
    let_go.set()
    until(lambda: manager.stats.merges == 1)
    assert (manager.current.version, manager.current.digest) == (now.version, now.digest)
    assert content(manager.current) == {key: row for key, row in expected.items() if key != 14} | {2: 10, 7: 6, 1: 7, 8: 4}
    assert manager.current.pending < now.pending
    manager.close()


@pytest.mark.parametrize(
    ("meanwhile", "waits"),
    [
        (lambda manager: manager.update(lambda s: s.with_routes({2: 5, 1: 9}, table="routes")), 3),
        (lambda manager: manager.publish(manager.current.without_routes([1, 7], table="routes")), 3),
        (lambda manager: manager.publish(manager.current.without_table("other")), 1),
        (lambda manager: manager.publish(manager.current.with_table("third", snapshot_of().tables["routes"])), 1),
        (lambda manager: manager.publish(manager.current.with_table("other", big_snapshot(30_000).tables["routes"])), 1),
        (lambda manager: manager.publish(manager.current), 1),
        (lambda manager: manager.rollback(1), 1),  # less waits without the merge, so its outcome is not taken
        (lambda manager: manager.rollback(2), 1),
    ],
)
def test_versions_of_meanwhile_are_not_lost(held_merge, meanwhile, waits):
    begun, let_go = held_merge
    tables = {"routes": big_snapshot().tables["routes"], "other": big_snapshot(20_001).tables["routes"]}
    manager = SnapshotManager(Snapshot.build(tables), **WAITS)
    manager.update(lambda s: s.with_routes(edit(60), table="other").with_routes(edit(30), table="routes"))
    assert begun.wait(30)
    meanwhile(manager)
    manager.schedule(Replace([3], [8], table="routes"))
    now = manager.flush()
    let_go.set()
    until(lambda: not manager._merging.is_under_way)
    merged = manager.current
    assert (merged.version, merged.digest, merged.parent) == (now.version, now.digest, now.parent)
    assert list(merged.tables) == list(now.tables)
    for name in now.tables:
        assert content(merged, name) == content(now, name)
    assert merged.pending == waits
    manager.close()


@pytest.mark.parametrize("kind", ["text", "b16", "unsigned", "routes"])
def test_tables_of_all_kinds_are_merged(held_merge, kind):
    begun, let_go = held_merge
    numbers = np.arange(20_000)
    keys = {
        "text": [f"key {number}" for number in numbers.tolist()],
        "b16": [uuid.UUID(int=number << 70 | 5) for number in numbers.tolist()],
        "unsigned": numbers.astype(np.uint64) + np.uint64(2**63),
        "routes": numbers,
    }[kind]
    table = vk.IdTable.build(keys) if kind != "routes" else vk.RouteTable.build({"id": keys, "host": numbers % 7})
    manager = SnapshotManager(Snapshot.build(table), **WAITS)
    manager.update(lambda s: s.with_routes((keys[:60], numbers[60:120])))
    assert begun.wait(30)
    manager.update(lambda s: s.without_routes(keys[50:70]).with_routes((keys[40:55], numbers[:15])))
    now = manager.current
    let_go.set()
    until(lambda: manager.stats.merges == 1)
    assert manager.current.digest == now.digest
    assert manager.current.pending == 30
    assert np.array_equal(manager.current.lookup_many(keys)["target"], now.lookup_many(keys)["target"])
    manager.close()


def test_a_table_is_rebased_whatever_happened_to_it():
    table = big_snapshot().tables["routes"]
    before = table.replace([1, 2, 7], [1, 2, 3]).without([14])
    merged = before.merged()
    for now in (table, before, before.without([1]), table.replace([2, 21], [9, 9]), before.replace([14], [2])):
        moved = now.rebased(before, merged)
        assert (moved.lines is merged.lines, moved.content_sum()) == (True, now.content_sum())
        assert (moved.keys().tolist(), moved.rows().tolist()) == (now.keys().tolist(), now.rows().tolist())
    assert before.rebased(before, merged) is merged
    prefixes = vk.PrefixTable.build(["a", "b"])
    routes = vk.RouteTable.build({"id": table.keys()})
    for other in (merged, prefixes, routes, big_snapshot().tables["routes"], vk.IdTable.build(["a"])):
        assert other.rebased(before, merged) is None
    assert before.rebased(None, None) is None
    assert prefixes.rebased(vk.PrefixTable.build(["a"]), prefixes) is None


def test_a_merge_that_fails_changes_nothing(monkeypatch):
    failures = []
    monkeypatch.setattr(threading, "excepthook", lambda failure: failures.append(failure.exc_type))
    monkeypatch.setattr(Snapshot, "merged", lambda snapshot: 1 // 0)
    manager = SnapshotManager(big_snapshot(), **WAITS)
    published = manager.update(lambda s: s.with_routes(edit(60)))
    until(lambda: failures == [ZeroDivisionError])
    assert manager.current is published
    assert manager.update(lambda s: s.with_routes({2: 2})).version == 3
    until(lambda: len(failures) == 2 and not manager._merging.is_under_way)
    assert manager.stats.merges == 0
    manager.close()


def test_a_merge_beside_a_hot_writer_loses_nothing():
    manager = SnapshotManager(big_snapshot(), history=4, merge_above=20)
    expected = content(manager.current)
    for i in range(1500):
        key = 7 * (i * 37 % 500) + i % 2
        manager.schedule(Replace([key], [i]))
        expected[key] = i
        if i % 50 == 0:
            manager.flush()
        if i % 100 == 0:
            manager.update(lambda s: s.with_routes({3: 3}))
            expected[3] = 3
    assert content(manager.flush()) == expected
    until(lambda: not manager._merging.is_under_way)
    assert content(manager.current) == expected
    assert manager.current.digest == snapshot_of(routes=expected).digest
    assert manager.stats.merges > 0
    manager.close()
