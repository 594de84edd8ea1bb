"""Who would undo what came between is refused."""

from __future__ import annotations

import copy
import gc

import pytest

from tests.snapshots import Asked, snapshot_of
from valkyrie.errors import ArgumentError, VersionConflictError
from valkyrie.snapshot import Snapshot, SnapshotManager
from valkyrie.snapshot.version_publisher import detach


@pytest.fixture
def built():
    return snapshot_of(routes={10: 0, 20: 1})


def test_update_refuses_an_edit_of_an_earlier_version(built):
    manager = SnapshotManager(built)
    old = manager.current
    manager.update(lambda now: now.with_routes({30: 5}))
    with pytest.raises(VersionConflictError, match="an edit of version 1, but version 2 is current"):
        manager.update(lambda _: old.with_routes({40: 6}))
    assert manager.current.lookup(30) == 5
    assert manager.update(lambda now: now).version == 3


@pytest.mark.parametrize("given", ["built", "edited", "loaded", "published elsewhere"])
def test_an_edit_of_what_a_manager_was_given_is_one_of_the_version_it_became(built, tmp_path, given):
    first = built
    if given == "edited":
        first = built.with_routes({15: 3})
    elif given == "loaded":
        built.save(tmp_path / "it.vks")
        first = Snapshot.load(tmp_path / "it.vks")
    elif given == "published elsewhere":
        first = SnapshotManager(built).current
    manager = SnapshotManager(first)
    early = first.with_routes({30: 5}).without_routes([10])
    assert manager.publish(early).version == 2
    for stale in (first.with_routes({40: 6}), first.merged().without_routes([20]), early.with_routes({40: 6})):
        with pytest.raises(VersionConflictError, match="made from version 1, but version 2 is current") as caught:
            manager.publish(stale)
        assert caught.value.data == {"expected": 1, "current": 2}
        with pytest.raises(VersionConflictError, match="an edit of version 1"):
            manager.update(lambda _, stale=stale: stale)
    assert manager.publish(first.with_routes({40: 6}), expected_version=2).version == 3


def test_an_edit_of_what_was_published_is_one_of_the_version_it_became(built):
    manager = SnapshotManager(built)
    scratch = snapshot_of(routes={1: 1})
    manager.publish(scratch)
    assert manager.publish(scratch.with_routes({2: 2})).version == 3
    with pytest.raises(VersionConflictError, match="made from version 2, but version 3 is current"):
        manager.publish(scratch.with_routes({3: 3}))
    # A snapshot that was built is whole: who publishes it again means just that.
    assert manager.publish(scratch).version == 4
    assert manager.publish(built).version == 5
    assert manager.publish(scratch).version == 6
    assert manager.publish(scratch.with_routes({3: 3})).version == 7


def test_what_was_refused_became_no_version(built):
    manager = SnapshotManager(built)
    scratch = snapshot_of(routes={1: 1})
    edit = scratch.with_routes({2: 2})

    def refuse(snapshot):
        raise OSError("no space left")

    outlet = Asked.by(manager, refuse)
    with pytest.raises(OSError, match="no space left"):
        manager.publish(edit)
    detach(manager, outlet, "a test")
    assert manager.publish(edit).version == 2


def test_a_manager_remembers_nothing_of_what_nobody_holds(built):
    manager = SnapshotManager(built)
    for i in range(20):
        manager.publish(snapshot_of(routes={i: i}).with_routes({50: 5}))
    gc.collect()
    assert list(manager._taken_as) == [built.origin]


def test_an_expected_version_is_a_number(built):
    manager = SnapshotManager(built)
    for wrong in ("1", 1.0, True):
        with pytest.raises(ArgumentError, match=f"expected_version must be a whole number; got {wrong!r}"):
            manager.publish(manager.current, expected_version=wrong)


def test_a_snapshot_is_published_and_a_function_updates(built):
    manager = SnapshotManager(built)
    with pytest.raises(ArgumentError, match=r"change must be a function .*; got Snapshot. publish\(\) takes a snapshot"):
        manager.update(built)


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy])
def test_a_copy_of_a_snapshot_is_the_snapshot(built, copied):
    """Of another one edits would count as made from scratch, and undo what came between."""
    manager = SnapshotManager(built)
    old = copied(manager.current)
    manager.update(lambda now: now.with_routes({30: 5}))
    with pytest.raises(VersionConflictError):
        manager.publish(old.with_routes({40: 6}))
