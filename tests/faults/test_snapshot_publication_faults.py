"""A publish that fails or dies at any system call leaves the old version or the new, whole, and the next publisher goes on."""

from __future__ import annotations

import errno
import os
import shutil
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from tests.faults.vks_fault_disks import DyingDisk, FailingDisk, FaultyDisk, ForgetfulDisk, PowerLoss
from valkyrie import vks
from valkyrie.errors import DuplicateKeyError, SourceError, ValkyrieError
from valkyrie.snapshot import Insert, Replace, Snapshot, SnapshotManager
from valkyrie.snapshot.publication import Publication
from valkyrie.snapshot.published_directory import PublishedDirectory
from valkyrie.tables import IdTable

MOST_CALLS = 300
NEVER = 10**9
OLD, NEW, LATER = {1: 1, 2: 2}, {1: 1, 2: 7, 3: 3}, {9: 9}


def snapshot_of(routes: dict[int, int]) -> Snapshot:
    return Snapshot.build({"routes": IdTable.build(list(routes), list(routes.values()))})


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory that keeps two versions, 1 and 2, and has no room for more."""
    path = tmp_path_factory.mktemp("published") / "template"
    manager = SnapshotManager(snapshot_of({5: 5}))
    with Publication(manager, path, retain=2, durable=False):
        manager.publish(snapshot_of(OLD))
    return path


def held(directory: Path) -> tuple[int, str]:
    """(version, which content) that a follower which comes now is given."""
    with SnapshotManager.follow(directory, poll=5.0) as follower:
        snapshot = follower.current
    table = snapshot.tables["routes"]
    content = dict(zip(table.keys().tolist(), table.rows().tolist(), strict=True))
    assert snapshot.version is not None
    return snapshot.version, {str(OLD): "old", str(NEW): "new", str(LATER): "later"}[str(dict(sorted(content.items())))]


def check_successor(directory: Path) -> None:
    """The next publisher goes on, and leaves nothing there that no version needs."""
    before = held(directory)[0]
    manager = SnapshotManager.resume(directory)
    assert manager.current.version == before
    with manager.publish_to(directory, retain=2, durable=False):
        assert manager.publish(snapshot_of(LATER)).version == before + 1
    assert held(directory) == (before + 1, "later")
    check_tidy(directory, {before, before + 1})


def check_tidy(directory: Path, versions: set[int]) -> None:
    place = PublishedDirectory(directory)
    assert set(os.listdir(directory)) == {"CURRENT", "LOCK", "versions", "segments"}
    assert set(os.listdir(place.versions)) == {f"{version}.json" for version in versions}
    needed = {segment.name for version in versions for segment in place.read_version(version).segments}
    assert set(os.listdir(place.segments)) == needed


def opened(template: Path, directory: Path, disk: FaultyDisk) -> tuple[SnapshotManager, Publication]:
    shutil.copytree(template, directory)
    manager = SnapshotManager.resume(directory)
    return manager, Publication(manager, directory, retain=2, disk=disk)


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


@pytest.mark.parametrize(
    ("failure", "done"),
    [("EIO", "nothing"), ("ENOSPC", "half"), ("EIO", "all"), ("Ctrl-C", "nothing"), ("Ctrl-C", "all"), ("memory", "nothing")],
)
def test_a_failure_at_any_call_of_a_publish(tmp_path: Path, template: Path, failure: str, done: str) -> None:
    fault: BaseException = {"Ctrl-C": KeyboardInterrupt(), "memory": MemoryError()}.get(failure) or OSError(
        getattr(errno, failure, errno.EIO), "made to fail"
    )
    outcomes, doubts = [], 0
    for call in range(1, MOST_CALLS):
        directory = tmp_path / str(call)
        disk = FailingDisk(NEVER, fault, done)
        n_open = open_files()
        manager, publication = opened(template, directory, disk)
        disk.fail_at = disk.n_calls + call
        raised: BaseException | None = None
        try:
            manager.publish(snapshot_of(NEW))
        except (SourceError, KeyboardInterrupt, MemoryError) as error:
            raised = error
        was_reached, disk.fail_at = disk.n_calls >= disk.fail_at, NEVER
        version, content = held(directory)
        assert (version, content) in {(2, "old"), (3, "new")}
        assert manager.current.version == (2 if raised else 3)
        if raised is None:
            assert version == 3
            doubts += bool(publication.stats.doubt)
        elif isinstance(fault, OSError):
            assert isinstance(raised, SourceError)
            assert version == 2
        else:
            assert raised is fault
        outcomes.append((raised is None, version))
        # The same manager goes on, under a number that nobody has seen yet.
        follows = manager.publish(snapshot_of(LATER))
        assert follows.version == version + 1
        assert held(directory) == (version + 1, "later")
        if done != "all":  # a file that was made by a call that failed is swept when the directory is opened
            check_tidy(directory, {version, version + 1})
        publication.close()
        fault.__traceback__ = raised = None  # its frames hold a file that was mapped
        assert open_files() == n_open
        check_successor_after(directory)
        if not was_reached:
            break
        shutil.rmtree(directory)
    else:
        pytest.fail(f"a publish still makes {MOST_CALLS} calls")
    assert call > 50
    assert (False, 2) in outcomes
    assert ((False, 3) in outcomes) == (failure in {"Ctrl-C", "memory"})
    assert (doubts > 0) == (failure in {"EIO", "ENOSPC"})


@pytest.mark.parametrize("call", [1, 5, 20])
def test_what_is_scheduled_outlives_a_full_disk(tmp_path: Path, template: Path, call: int) -> None:
    disk = FailingDisk(NEVER, OSError(errno.ENOSPC, "no space left"), "nothing")
    manager, publication = opened(template, tmp_path / "it", disk)

    def schedule(_: Snapshot) -> Snapshot:
        manager.schedule(Insert([1], [9]))
        manager.schedule(Replace([2, 3], [7, 3]))
        disk.fail_at = disk.n_calls + call
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        manager.update(schedule)
    for _ in range(2):  # the writer thread may come first: whoever runs into the fault, nothing is lost
        with suppress(SourceError, DuplicateKeyError):
            manager.flush()
    assert disk.n_calls > disk.fail_at
    assert manager.stats.failed == 1
    publication.close()
    manager.close()
    assert held(tmp_path / "it") == (3, "new")


def check_successor_after(directory: Path) -> None:
    before = held(directory)[0]
    manager = SnapshotManager.resume(directory)
    with manager.publish_to(directory, retain=2, durable=False):
        manager.publish(snapshot_of(LATER))
    check_tidy(directory, {before, before + 1})


@pytest.mark.parametrize("failure", ["EIO", "Ctrl-C"])
def test_a_failure_at_any_call_of_the_opening(tmp_path: Path, template: Path, failure: str) -> None:
    fault: BaseException = KeyboardInterrupt() if failure == "Ctrl-C" else OSError(errno.EIO, "made to fail")
    for call in range(1, MOST_CALLS):
        directory = tmp_path / str(call)
        shutil.copytree(template, directory)
        (directory / "segments" / f".vks-{call}.tmp").touch()
        manager = SnapshotManager.resume(directory)
        manager.publish(snapshot_of(NEW))
        disk = FailingDisk(call, fault, "nothing")
        n_open = open_files()
        raised: BaseException | None = None
        try:
            Publication(manager, directory, retain=2, disk=disk).close()
        except (ValkyrieError, KeyboardInterrupt) as error:
            raised = error
        assert raised is None or (isinstance(raised, SourceError) if failure == "EIO" else raised is fault)
        fault.__traceback__ = raised = None
        assert open_files() == n_open
        assert held(directory) in {(2, "old"), (3, "new")}
        check_successor(directory)
        if disk.n_calls < call:
            break
        shutil.rmtree(directory)
    else:
        pytest.fail(f"opening a directory still makes {MOST_CALLS} calls")
    assert call > 60


@pytest.mark.parametrize(("data", "renames"), [("kept", "lost"), ("lost", "kept"), ("lost", "lost"), ("some", "lost")])
def test_a_power_failure_at_any_call(tmp_path: Path, template: Path, data: str, renames: str) -> None:
    outcomes = power_failures(tmp_path, template, DyingDisk, data, renames)
    assert "damaged" not in outcomes
    assert outcomes[0] == "old"
    assert outcomes[-1] == "new"


def test_the_test_sees_a_missing_fsync(tmp_path: Path, template: Path) -> None:
    assert "damaged" in power_failures(tmp_path, template, ForgetfulDisk, "lost", "kept")


def power_failures(tmp_path: Path, template: Path, kind: type[DyingDisk], data: str, renames: str) -> list[str]:
    """What a follower is given after a failure at call 1, 2, 3... until the publish went through."""
    rng = np.random.default_rng(11)
    outcomes = []
    for call in range(1, MOST_CALLS):
        directory = tmp_path / f"{kind.__name__}-{call}"
        disk = kind(NEVER, data, renames, rng)
        manager, publication = opened(template, directory, disk)
        disk.fail_at = disk.n_calls + call
        try:
            manager.publish(snapshot_of(NEW))
        except PowerLoss:
            publication._lock._fd = None  # the descriptor went with the process
        else:
            disk.fail_at = NEVER
            publication.close()
            return [*outcomes, held(directory)[1]]
        try:
            outcomes.append(held(directory)[1])
        except ValkyrieError:
            outcomes.append("damaged")
        else:
            check_successor(directory)
        shutil.rmtree(directory)
    raise AssertionError(f"a publish still makes {MOST_CALLS} calls")


def test_a_disk_that_is_never_right_again(tmp_path: Path, template: Path) -> None:
    """From one call on all fail: the publisher fails each time, and followers keep what they have."""

    class Broken(FailingDisk):
        def _counted(self, name, call):  # type: ignore[no-untyped-def]
            counted = super()._counted(name, call)

            def mortal(*args):  # type: ignore[no-untyped-def]
                if self.n_calls >= self.fail_at and name != "close":
                    raise OSError(errno.EROFS, "gone")
                return counted(*args)

            return mortal

    disk = Broken(NEVER, OSError(errno.EROFS, "gone"), "nothing")
    manager, publication = opened(template, tmp_path / "it", disk)
    with SnapshotManager.follow(tmp_path / "it") as follower:
        disk.fail_at = disk.n_calls + 1
        for _ in range(3):
            with pytest.raises(SourceError):
                manager.publish(snapshot_of(NEW))
        assert (manager.current.version, follower.current.version) == (2, 2)
        disk.fail_at = NEVER
        assert manager.publish(snapshot_of(NEW)).version == 3
    publication.close()
    assert held(tmp_path / "it") == (3, "new")


def test_the_order_of_writing(tmp_path: Path, template: Path) -> None:
    class Recording(FaultyDisk):
        renamed: list[str]

        def replace(self, source: str, target: str) -> None:
            self.renamed.append(os.path.relpath(target, tmp_path / "it").split("-")[0])
            super().replace(source, target)

        def unlink(self, path: str) -> None:
            self.renamed.append("unlink " + os.path.basename(path).split("-")[0])
            super().unlink(path)

    disk = Recording(NEVER)
    disk.renamed = []
    manager, publication = opened(template, tmp_path / "it", disk)
    manager.publish(snapshot_of(NEW))
    publication.close()
    assert disk.renamed == ["segments/3", "versions/3.json", "CURRENT", "unlink 1.json", "unlink 1"]


def test_not_durable_makes_no_fsync(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    manager = SnapshotManager(snapshot_of(OLD))
    with manager.publish_to(tmp_path, durable=False):
        manager.publish(snapshot_of(NEW))
    assert synced == []
    with manager.publish_to(tmp_path):
        manager.publish(snapshot_of(OLD))
    assert len(synced) >= 6
    assert vks.read(next((tmp_path / "segments").iterdir())).content == "segment"
