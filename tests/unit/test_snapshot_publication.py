"""A directory of published versions: what is written, shared, kept, removed, refused."""

from __future__ import annotations

import gc
import json
import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import valkyrie as vk
from tests.published_files import ROWS, manager_of, replace, segments, version_fields
from valkyrie.errors import (
    ArgumentError,
    DirectoryHeldError,
    ManagerClosedError,
    NestedCallError,
    SnapshotFormatError,
    VersionConflictError,
)
from valkyrie.snapshot import Snapshot, SnapshotManager, directory_lock
from valkyrie.snapshot import segments as writing
from valkyrie.snapshot.directory_lock import DirectoryLock
from valkyrie.snapshot.publication import Publication
from valkyrie.snapshot.published_directory import PublishedDirectory, directory_history
from valkyrie.snapshot.segments import grouped
from valkyrie.vks.disk import DISK, Disk


@pytest.fixture
def published(tmp_path: Path) -> Iterator[tuple[SnapshotManager, Path]]:
    manager = manager_of()
    with manager.publish_to(tmp_path, retain=3, durable=False):
        yield manager, tmp_path


def test_what_is_in_the_directory(published: tuple[SnapshotManager, Path]) -> None:
    manager, path = published
    manager.update(lambda now: now.with_routes({7: 3}))
    assert sorted(os.listdir(path)) == ["CURRENT", "LOCK", "segments", "versions"]
    name, checksum = (path / "CURRENT").read_text().split()
    fields = version_fields(path, 2)
    assert (name, checksum) == ("2.json", fields["checksum"])
    assert (fields["version"], fields["digest"], fields["parent"]) == (2, manager.current.digest, manager.at(version=1).digest)
    (table,) = fields["tables"]
    assert (table["name"], table["type"]) == ("routes", "id_table")
    assert {segment["name"] for segment in table["segments"]} == segments(path)
    assert [segment["group"] for segment in table["segments"]] == ["index", "patch"]
    assert json.loads((path / "LOCK").read_text())["pid"] == os.getpid()


def test_a_small_change_of_a_big_table_writes_little(tmp_path: Path) -> None:
    n = 1_000_000
    keys = np.arange(n) * 977
    table = vk.RouteTable.build({"id": keys, "host": np.array(["a", "b", "c", "d"] * (n // 4)), "weight": np.arange(n) / 7})
    manager = SnapshotManager(Snapshot.build(table))
    with manager.publish_to(tmp_path, durable=False) as publication:
        before = segments(tmp_path)
        assert publication.stats.last_bytes > 20_000_000
        for i in range(3):
            manager.update(lambda now, i=i: now.with_routes((keys[100 * i : 100 * (i + 1)], np.arange(100))))  # type: ignore[misc]
            assert publication.stats.last_bytes < 1_000_000
            new = segments(tmp_path) - before
            assert [name.split("-")[:2] for name in new] == [[str(manager.current.version), "patch"]]
            before |= new
        written = sum(path.stat().st_size for path in tmp_path.rglob("*-patch-*"))
        assert publication.stats.segments == 5
        assert written < 100_000
        with SnapshotManager.follow(tmp_path) as follower:
            assert follower.current.digest == manager.current.digest
            assert follower.current.lookup_many(keys[:300])["target"].tolist() == list(range(100)) * 3


def test_groups_are_by_path_whatever_columns_are_called() -> None:
    one = np.arange(3)
    names = ["header", "patch/new", "index/lines", "index/patch/old", "payload/patch/values", "payload/w/nulls", "key", "patches"]
    groups = {group: list(columns) for group, columns in grouped(dict.fromkeys(names, one)).items()}
    assert groups == {
        "index": ["header", "index/lines", "key", "patches"],
        "payload": ["payload/patch/values", "payload/w/nulls"],
        "patch": ["patch/new", "index/patch/old"],
    }


def test_equal_tables_that_are_other_objects_are_written_anew(published: tuple[SnapshotManager, Path]) -> None:
    manager, path = published
    before = segments(path)
    manager.publish(manager_of().current)
    assert len(segments(path) - before) == 1
    same = manager.publish(manager.current)
    assert (same.version, len(segments(path))) == (3, 2)


def test_an_array_in_the_place_of_another_is_not_taken_for_it(
    published: tuple[SnapshotManager, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a table that is gone was known by, its arrays' ids, may be those of another table of the same size."""
    manager, path = published
    monkeypatch.setattr(writing, "id", lambda _: 1, raising=False)
    other = vk.IdTable.build(np.arange(ROWS) * 7 + 1)
    manager.publish(Snapshot.build(other))
    manager.publish(Snapshot.build(vk.IdTable.build(np.arange(ROWS) * 7 + 2, seed=other.seed)))
    assert SnapshotManager.resume(path).current.digest == manager.current.digest


def test_retention(published: tuple[SnapshotManager, Path]) -> None:
    manager, path = published
    for i in range(5):
        manager.update(lambda now, i=i: now.with_routes({7 * i: 1}))  # type: ignore[misc]
    assert directory_history(path)["version"].tolist() == [4, 5, 6]
    kept = {segment.name for version in (4, 5, 6) for segment in PublishedDirectory(path).read_version(version).segments}
    assert segments(path) == kept
    assert sorted(name.split("-")[0] for name in kept) == ["1", "4", "5", "6"]  # the big segment of version 1 is needed by all
    manager.publish(manager_of(5).current)
    for _ in range(2):
        manager.publish(manager.current)
    assert sorted(name.split("-")[0] for name in segments(path)) == ["7"]
    held = manager.at(version=1)
    assert held.lookup(7) == 1


def test_a_rollback_shares_the_segments_of_the_version(published: tuple[SnapshotManager, Path]) -> None:
    manager, path = published
    manager.publish(manager_of(5).current)
    before = segments(path)
    manager.rollback(1)
    assert segments(path) == before


def test_history(published: tuple[SnapshotManager, Path]) -> None:
    manager, path = published
    manager.update(lambda now: now.with_routes({7: 3}))
    replace(path / "versions" / "1.json", b"{}")
    replace(path / "versions" / "9.json", b"of a publisher that died before it was done")
    history = directory_history(path)
    assert history["version"].tolist() == [1, 2]
    assert list(history["digest"]) == [None, manager.current.digest]
    assert history["created_at"][1] == manager.current.created_at
    assert history["bytes"][1] > ROWS * 5
    assert 0 < history["new_bytes"][1] < 5_000
    assert "missing" in history["error"][0]
    with pytest.raises(FileNotFoundError):
        directory_history(path / "nowhere")


def test_one_publisher_at_a_time(published: tuple[SnapshotManager, Path]) -> None:
    _, path = published
    with pytest.raises(DirectoryHeldError, match=f"process {os.getpid()} on") as caught:
        manager_of().publish_to(path)
    since = caught.value.data["holder"]["since"]
    assert abs(since - time.time()) < 3600
    assert f"{datetime.fromtimestamp(since, UTC):%Y-%m-%d %H:%M:%S} UTC" in str(caught.value)


def test_a_lock_that_holds_rubbish(published: tuple[SnapshotManager, Path]) -> None:
    _, path = published
    for rubbish in (b"", b"\xff\xfe", b'{"pid": "x\\n"}', b"[" * 400, b'{"pid": 1, "host": "a\\nb", "since": 1e300}'):
        with open(path / "LOCK", "r+b") as lock:
            lock.truncate(0)
            lock.write(rubbish)
        with pytest.raises(DirectoryHeldError) as caught:
            manager_of().publish_to(path)
        assert "\n" not in str(caught.value)


def test_close_lets_another_publish(published: tuple[SnapshotManager, Path]) -> None:
    manager, path = published
    first = manager_of(5)
    publication = first.publish_to(path / "second", durable=False)
    publication.close()
    publication.close()
    assert "closed" in repr(publication)
    first.publish(first.current)
    manager.publish(manager.current)
    assert publication.stats.version == 1
    assert directory_history(path)["version"].tolist() == [1, 2]
    other = SnapshotManager.resume(path / "second")
    with other.publish_to(path / "second") as second:
        assert "version 1, open" in repr(second)
        with pytest.raises(NestedCallError):
            other.update(lambda now: second.close() or now)  # type: ignore[func-returns-value]


def test_a_manager_publishes_to_one_directory(published: tuple[SnapshotManager, Path]) -> None:
    """Of two, one would have a version that the other, and so the manager, has not, when the second cannot be written."""
    manager, path = published
    for second in (path / "second", path):
        with pytest.raises(ArgumentError, match=f"this manager publishes to {str(path)!r}.*Close that publication") as caught:
            manager.publish_to(second)
        assert caught.value.data["argument"] == "directory"
    assert not (path / "second").exists()
    manager.publish(manager.current)
    assert directory_history(path)["version"].tolist() == [1, 2]


def test_a_manager_may_publish_to_one_directory_after_another(tmp_path: Path) -> None:
    manager = manager_of(5)
    for i in range(3):
        with manager.publish_to(tmp_path / str(i), durable=False):
            manager.publish(manager.current)
    assert [directory_history(tmp_path / str(i))["version"].tolist() for i in range(3)] == [[1, 2], [2, 3], [3, 4]]


def test_a_refused_publication_makes_and_holds_nothing(tmp_path: Path) -> None:
    manager = manager_of(5)
    with pytest.raises(NestedCallError, match=r"publish_to\(\)"):
        manager.update(lambda now: manager.publish_to(tmp_path / "it") and now)
    assert not (tmp_path / "it").exists()
    manager.close()
    with pytest.raises(ManagerClosedError, match=r"publish_to\(\)"):
        manager.publish_to(tmp_path / "it")
    assert not (tmp_path / "it").exists()


def test_a_publication_that_could_not_begin_holds_nothing(tmp_path: Path) -> None:
    manager = manager_of(5)
    manager.publish_to(tmp_path).close()
    other = manager_of(9)
    with pytest.raises(VersionConflictError):
        other.publish_to(tmp_path)
    with manager.publish_to(tmp_path), other.publish_to(tmp_path / "own"):
        manager.publish(manager.current)
    assert directory_history(tmp_path)["version"].tolist() == [1, 2]


@pytest.mark.parametrize("replaced", [False, True])
def test_a_publisher_whose_lock_was_removed_writes_over_nothing(published: tuple[SnapshotManager, Path], replaced: bool) -> None:
    manager, path = published
    (path / "LOCK").unlink()
    if replaced:
        (path / "LOCK").touch()
    with SnapshotManager.resume(path) as other, other.publish_to(path, durable=False):
        theirs = other.update(lambda now: now.with_routes({7: 3}))
        with pytest.raises(DirectoryHeldError, match=r"LOCK' was removed or replaced.*publish_to\(\) again"):
            manager.update(lambda now: now.with_routes({7: 4}))
        assert manager.current.version == 1
        with SnapshotManager.follow(path) as follower:
            assert (follower.current.version, follower.current.digest) == (2, theirs.digest)


def test_a_publisher_whose_lock_is_removed_meanwhile_stops_before_current(tmp_path: Path) -> None:
    class Removing(Disk):
        def replace(self, source: str, target: str) -> None:
            super().replace(source, target)
            if target.endswith("2.json"):
                (tmp_path / "LOCK").unlink()

    manager = manager_of(5)
    publication = Publication(manager, tmp_path, retain=3, disk=Removing())
    with pytest.raises(DirectoryHeldError, match="LOCK"):
        manager.publish(manager.current)
    assert (manager.current.version, PublishedDirectory(tmp_path).read_current().version) == (1, 1)
    publication.close()
    with manager.publish_to(tmp_path):
        assert manager.publish(manager.current).version == 2
    assert directory_history(tmp_path)["version"].tolist() == [1, 2]


def test_a_lock_that_is_removed_while_it_is_taken_is_none(tmp_path: Path) -> None:
    class Removing(Disk):
        def lock(self, fd: int) -> None:
            (tmp_path / "LOCK").unlink()
            super().lock(fd)

    with pytest.raises(DirectoryHeldError, match="LOCK"):
        Publication(manager_of(5), tmp_path, retain=3, disk=Removing())
    manager_of(5).publish_to(tmp_path).close()


def test_a_lock_is_dropped_without_a_word_when_the_interpreter_exits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the GIL, modules are emptied before what they hold is dropped."""
    lock = DirectoryLock(str(tmp_path / "LOCK"), str(tmp_path), DISK)
    with monkeypatch.context() as patched:
        for name in [name for name in vars(directory_lock) if not name.startswith("__")]:
            patched.setattr(directory_lock, name, None)
        lock.__del__()
    assert not lock.is_held
    DirectoryLock(str(tmp_path / "LOCK"), str(tmp_path), DISK).release()


def test_a_manager_that_is_gone_holds_nothing(tmp_path: Path) -> None:
    manager = manager_of(5)
    manager.publish_to(tmp_path)
    with pytest.raises(DirectoryHeldError):
        SnapshotManager.resume(tmp_path).publish_to(tmp_path)
    del manager
    gc.collect()
    SnapshotManager.resume(tmp_path).publish_to(tmp_path).close()


def test_a_forked_child_publishes_for_itself(published: tuple[SnapshotManager, Path]) -> None:
    manager, path = published
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            version = manager.publish(manager.current).version
            code = 0 if version == 2 and directory_history(path)["version"].tolist() == [1] else 2
        finally:
            os._exit(code)
    assert os.waitpid(pid, 0)[1] == 0
    assert manager.publish(manager.current).version == 2
    assert directory_history(path)["version"].tolist() == [1, 2]


def test_a_forked_child_holds_no_lock(tmp_path: Path) -> None:
    manager = manager_of(5)
    publication = manager.publish_to(tmp_path)
    (reader, end), (told, ready) = os.pipe(), os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(end)
        os.write(ready, b"!")
        os.read(reader, 1)  # until the parent closes its end
        os._exit(0)
    try:
        assert os.read(told, 1) == b"!"
        publication.close()
        SnapshotManager.resume(tmp_path).publish_to(tmp_path).close()
    finally:
        os.close(end)
        os.waitpid(pid, 0)
        for fd in (reader, told, ready):
            os.close(fd)


def test_resume_goes_on_where_the_directory_is(tmp_path: Path) -> None:
    first = manager_of()
    with first.publish_to(tmp_path, durable=False):
        first.update(lambda now: now.with_routes({7: 3}))
    manager = SnapshotManager.resume(tmp_path)
    assert manager.history()["version"].tolist() == [1, 2]
    assert [each.digest for each in (manager.at(version=1), manager.current)] == [
        first.at(version=1).digest,
        first.current.digest,
    ]
    before = segments(tmp_path)
    with manager.publish_to(tmp_path, durable=False) as publication:
        assert (publication.stats.segments, publication.stats.version) == (0, 2)
        manager.rollback(1)
        assert (publication.stats.segments, segments(tmp_path)) == (0, before)
        manager.update(lambda now: now.with_routes({14: 9}))
        assert len(segments(tmp_path) - before) == 1
    assert directory_history(tmp_path)["version"].tolist() == [1, 2, 3, 4]


def test_resume_leaves_damaged_versions_out(published: tuple[SnapshotManager, Path], caplog: pytest.LogCaptureFixture) -> None:
    manager, path = published
    manager.publish(manager.current)
    manager.publish(manager.current)
    replace(path / "versions" / "2.json", b"{}")
    assert SnapshotManager.resume(path).history()["version"].tolist() == [1, 3]
    assert "version 2" in caplog.text
    replace(path / "versions" / "3.json", b"{}")
    with pytest.raises(SnapshotFormatError, match=r"3\.json"):
        SnapshotManager.resume(path)


def test_versions_of_a_directory_only_rise(published: tuple[SnapshotManager, Path], tmp_path_factory: Any) -> None:
    manager, path = published
    manager.publish(manager.current)
    other = SnapshotManager(manager_of(9).current)
    own = tmp_path_factory.mktemp("own")
    with SnapshotManager.resume(path).publish_to(own):
        pass
    with pytest.raises(VersionConflictError, match=r"at version 2, the manager at version 1 only.*resume") as caught:
        other.publish_to(own)
    assert caught.value.data == {"expected": 1, "current": 2}
    other.publish(manager_of(10).current)
    with pytest.raises(VersionConflictError, match="other content"):
        other.publish_to(own)
    other.publish(other.current)
    with other.publish_to(own) as publication:
        assert publication.stats.version == 3
    with SnapshotManager.follow(own) as follower:
        assert follower.current.digest == other.current.digest


def test_an_opening_publisher_sweeps_what_a_dead_one_left(tmp_path: Path) -> None:
    manager_of().publish_to(tmp_path).close()
    before = segments(tmp_path)
    left = ["versions/7.json", "versions/.vks-00-ff.tmp", "segments/7-index-0123456789abcdef.vks", "segments/.vks-0-1.tmp"]
    foreign = ["versions/notes.json", "segments/README", "notes", ".vks-mine.tmp", "segments/mine.vks"]
    for name in left + foreign:
        (tmp_path / name).write_bytes(b"?")
    with SnapshotManager.resume(tmp_path).publish_to(tmp_path):
        assert [name for name in left if (tmp_path / name).exists()] == []
        assert [name for name in foreign if not (tmp_path / name).exists()] == []
        assert before <= segments(tmp_path)


def test_a_damaged_current_is_not_written_over(tmp_path: Path) -> None:
    manager_of().publish_to(tmp_path).close()
    replace(tmp_path / "CURRENT", b"1.json\n")
    for attempt in (lambda: manager_of().publish_to(tmp_path), lambda: SnapshotManager.follow(tmp_path)):
        with pytest.raises(SnapshotFormatError, match="CURRENT"):
            attempt()
    assert (tmp_path / "CURRENT").read_bytes() == b"1.json\n"
    (tmp_path / "CURRENT").unlink()
    with manager_of(5).publish_to(tmp_path), SnapshotManager.follow(tmp_path) as follower:
        assert len(follower.current.tables["routes"]) == 5


def test_arguments(tmp_path: Path) -> None:
    manager = manager_of(5)
    for retain in (0, -1, True, 1.5, "2"):
        with pytest.raises(ArgumentError, match="retain"):
            manager.publish_to(tmp_path, retain=retain)  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="path"):
        manager.publish_to(7)
    with pytest.raises(OSError, match="cannot create"):
        manager.publish_to("/proc/nowhere")
    for options in ({"poll": 0}, {"poll": -1}, {"poll": "1s"}, {"verify": "some"}, {"verify": None}, {"timeout": -1}):
        with pytest.raises(ArgumentError, match=next(iter(options))):
            SnapshotManager.follow(tmp_path, **options)  # type: ignore[arg-type]
    with pytest.raises(FileNotFoundError):
        SnapshotManager.follow(tmp_path)
    manager.close()
    with pytest.raises(ManagerClosedError):
        manager.publish_to(tmp_path)
    assert not (tmp_path / "CURRENT").exists()


def test_a_merge_is_written_before_it_is_published(tmp_path):
    """Else the next version of a hundred keys would write, and followers wait for, all ten million."""
    base = vk.Snapshot.build(vk.IdTable.build(np.arange(40_000) * 977))
    with vk.SnapshotManager(base, merge_above=50) as manager, manager.publish_to(tmp_path) as publication:
        manager.update(lambda now: now.with_routes((np.arange(60), np.arange(60))))
        deadline = time.monotonic() + 60
        while not manager.stats.merges and time.monotonic() < deadline:
            time.sleep(0.01)
        assert manager.current.pending == 0
        written = publication.stats.segments_bytes
        manager.update(lambda now: now.with_routes({1: 7}))
        assert publication.stats.last_bytes < 10_000
        assert publication.stats.segments_bytes - written < 10_000
        new_bytes = directory_history(tmp_path)["new_bytes"].tolist()
        assert new_bytes[0] > 200_000 > new_bytes[1]
        assert new_bytes[2] > 200_000  # what the merge wrote, this version is the first to need
        with vk.SnapshotManager.follow(tmp_path) as follower:
            assert follower.current.digest == manager.current.digest
            assert follower.current.lookup_many([1, 59, 977])["target"].tolist() == [7, 59, 1]
        for i in range(40):  # retention removes what no version names, and keeps what one does
            manager.update(lambda now, i=i: now.with_routes({i: i + 1}))
        with vk.SnapshotManager.follow(tmp_path, verify="full") as follower:
            assert follower.current.digest == manager.current.digest
