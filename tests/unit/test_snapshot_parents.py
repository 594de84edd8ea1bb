"""A version names the one before by its digest, and keeps nothing of it in memory that it does not share."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest

import valkyrie as vk
from tests.snapshots import big_snapshot, until
from valkyrie.snapshot import Snapshot, SnapshotManager

N = 20_000
INDEX = vk.IdTable.build(np.arange(N))


def scratch(i: int) -> Snapshot:
    return Snapshot.build(vk.IdTable.build(np.arange(N) * (i + 1)))


def same_keys_other_payload(i: int) -> Snapshot:
    built = vk.RouteTable.build({"id": np.arange(N), "value": np.arange(N) * i}).to_columns()
    index = {f"index/{name}": values for name, values in INDEX.to_columns().items()}
    return Snapshot.build(vk.RouteTable.from_columns(built | index))


def big_arrays(snapshot: Snapshot) -> list[weakref.ref]:
    """Of the snapshot; whoever wants to know whether they go away must not ask for its digest, which settles that."""
    return [weakref.ref(array) for array in snapshot.arrays() if array.nbytes >= N]


@pytest.mark.parametrize("build", [scratch, same_keys_other_payload])
def test_versions_that_are_not_kept_leave_nothing_in_memory(build):
    manager = SnapshotManager(build(0), history=1)
    arrays = []
    for i in range(1, 20):
        arrays += big_arrays(manager.current)
        manager.publish(build(i))
    gc.collect()
    current = {id(array) for array in manager.current.arrays()}
    assert [array.nbytes for ref in arrays if (array := ref()) is not None and id(array) not in current] == []
    assert manager.current.parent == build(18).digest


def test_a_version_that_was_merged_lets_go_of_the_arrays_of_the_one_before():
    manager = SnapshotManager(big_snapshot(), history=1, merge_above=10)
    arrays = big_arrays(manager.current)
    few, more = dict.fromkeys(range(1, 50, 7), 1), dict.fromkeys(range(51, 90, 7), 1)
    manager.update(lambda s: s.with_routes(few))
    manager.update(lambda s: s.with_routes(more))
    until(lambda: manager.stats.merges == 1)
    until(lambda: gc.collect() >= 0 and all(ref() is None for ref in arrays))
    assert manager.current.parent == big_snapshot().with_routes(few).digest


def test_a_snapshot_that_was_merged_lets_go_of_what_it_was_edited_from():
    first = big_snapshot()
    arrays = big_arrays(first)
    merged = first.with_routes({1: 1}).merged()
    del first
    gc.collect()
    assert all(ref() is None for ref in arrays)
    assert merged.parent == big_snapshot().digest


def test_the_parent_of_a_small_edit_is_hashed_when_somebody_asks(monkeypatch):
    manager = SnapshotManager(big_snapshot())
    monkeypatch.setattr("valkyrie.snapshot.snapshot.content_digest", None)
    edited = manager.current.with_routes({1: 1})
    manager.publish(edited.with_routes({2: 2}))
    monkeypatch.undo()
    assert edited.parent == manager.current.parent == big_snapshot().digest
