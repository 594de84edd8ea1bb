"""Followers of a published directory: they answer as the publisher does, and keep the last good version."""

from __future__ import annotations

import gc
import logging
import os
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

import valkyrie as vk
from tests.published_files import ROWS, SECONDS, manager_of, replace, until, version_fields
from valkyrie.errors import ArgumentError, ManagerClosedError, ValkyrieError
from valkyrie.snapshot import Snapshot, SnapshotManager
from valkyrie.snapshot.version_files import CurrentLine, VersionFile
from valkyrie.snapshot.version_publisher import Halted, install_foreign
from valkyrie.tables import payload
from valkyrie.tables.ids import sums


@pytest.fixture
def published(tmp_path: Path) -> Iterator[tuple[SnapshotManager, Path]]:
    manager = manager_of()
    with manager.publish_to(tmp_path, retain=3, durable=False):
        yield manager, tmp_path


def test_a_follower_answers_as_the_publisher(tmp_path: Path) -> None:
    tables = {
        "ids": vk.IdTable.build(np.arange(ROWS) * 7),
        "nets": vk.PrefixTable.build(["10.0.0.0/8", "10.1.0.0/16", "2001:db8::/32"], kind="ip"),
        "hosts": vk.RouteTable.build({"id": ["a", "b", "ž"], "host": ["x", None, "y"], "w": [1.5, 2.5, 3.5]}),
    }
    manager = SnapshotManager(Snapshot.build(tables))
    with manager.publish_to(tmp_path), SnapshotManager.follow(tmp_path) as follower:
        changes: list[Callable[[Snapshot], Snapshot]] = [
            lambda now: now.with_routes(([7, 8], [5, 6]), table="ids"),
            lambda now: now.with_routes((["10.2.0.0/16"], [9]), table="nets").without_routes(["a"], table="hosts"),
            lambda now: now.without_table("nets").with_table("more", tables["nets"]),
            lambda now: now,
        ]
        for change in changes:
            snapshot = manager.update(change)
            until(lambda now=snapshot: follower.current.version == now.version)  # type: ignore[misc]
            seen = follower.current
            assert (seen.digest, seen.parent, seen.created_at) == (snapshot.digest, snapshot.parent, snapshot.created_at)
            assert list(seen.tables) == list(snapshot.tables)
            for table, keys in (("ids", [7, 8, 14, 15]), ("hosts", ["a", "b", "ž", "c"])):
                there = snapshot.lookup_many(keys, table=table)["target"]
                assert seen.lookup_many(keys, table=table)["target"].tolist() == there.tolist()
            nets = "nets" if "nets" in snapshot.tables else "more"
            assert seen.lookup("10.2.0.1", table=nets) == snapshot.lookup("10.2.0.1", table=nets)
        hosts: Any = follower.current.tables["hosts"]
        assert hosts.route("ž") == {"host": "y", "w": 3.5}
        assert follower.follower["loaded"] == 5


def test_a_follower_that_comes_first_waits(tmp_path: Path) -> None:
    began = time.monotonic()
    with pytest.raises(FileNotFoundError) as caught:
        SnapshotManager.follow(tmp_path, timeout=0.05)
    assert time.monotonic() - began >= 0.05
    assert "nothing was published" in caught.value.__notes__[0]
    manager = manager_of(5)
    starter = threading.Timer(0.05, lambda: manager.publish_to(tmp_path))
    starter.start()
    with SnapshotManager.follow(tmp_path, timeout=SECONDS) as follower:
        assert follower.current.digest == manager.current.digest
    starter.join()


def test_a_follower_waits_no_longer_than_it_may_however_seldom_it_looks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    with pytest.raises(FileNotFoundError):
        SnapshotManager.follow(tmp_path, timeout=0.05, poll=3)
    assert 0 < max(slept) <= 0.05


def test_a_follower_does_not_wait_for_arguments_to_become_right(published: tuple[SnapshotManager, Path]) -> None:
    _, path = published
    with pytest.raises(ArgumentError, match="history"):
        SnapshotManager.follow(path, timeout=SECONDS, history=0)


def test_a_follower_that_was_closed_takes_nothing_up(published: tuple[SnapshotManager, Path]) -> None:
    manager, path = published
    gate = threading.Event()
    follower = SnapshotManager.follow(path)
    thread, waits = follower._follower._thread, held_up(follower, gate)
    manager.update(lambda now: now.with_routes({7: 3}))
    assert waits.wait(SECONDS)
    assert thread is not None
    follower.close(timeout=0)
    with pytest.raises(Halted):
        install_foreign(follower, manager.current)
    gate.set()
    thread.join(SECONDS)
    assert (follower.current.version, follower.follower.error) == (1, "")


def test_a_follower_only_reads(published: tuple[SnapshotManager, Path]) -> None:
    _, path = published
    with SnapshotManager.follow(path) as follower:
        with pytest.raises(ManagerClosedError, match="it follows"):
            follower.publish(follower.current)
        with pytest.raises(ManagerClosedError, match="it follows"):
            follower.publish_to(path / "other")


def test_a_follower_has_the_versions_it_saw(published: tuple[SnapshotManager, Path]) -> None:
    manager, path = published
    with SnapshotManager.follow(path, history=3) as follower:
        watch = follower.watch(timeout=SECONDS)
        for i in range(4):
            manager.update(lambda now, i=i: now.with_routes({7: 100 + i}))  # type: ignore[misc]
            change = next(watch)
            assert (change.version, change.snapshot.lookup(7)) == (2 + i, 100 + i)
        assert follower.history()["version"].tolist() == [3, 4, 5]
        assert follower.at(version=4).lookup(7) == 102
        assert follower.explain(7).since_version == 5


def test_what_a_follower_knows_of_unchanged_arrays_it_does_not_find_out_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    summed: list[int] = []
    add_up = sums._sum

    def counted(keys: Any, rows: Any) -> Any:
        summed.append(keys.n)
        return add_up(keys, rows)

    monkeypatch.setattr(sums, "_sum", counted)
    hosts = [f"host {i % 2_000}" for i in range(ROWS)]
    table = vk.RouteTable.build({"id": np.arange(ROWS) * 7, "host": hosts, "up": np.ones(ROWS, bool)})
    manager = SnapshotManager(Snapshot.build(table))
    with manager.publish_to(tmp_path, durable=False), SnapshotManager.follow(tmp_path) as follower:
        before: Any = follower.current.tables["routes"]
        assert summed == [ROWS, ROWS]
        with monkeypatch.context() as patched:
            patched.setattr(payload, "_payload_digest", None)
            manager.update(lambda now: now.with_routes({7: 3, 14: 4}))
            until(lambda: follower.current.version == 2)
        assert max(summed[2:]) == 2
        after: Any = follower.current.tables["routes"]
        columns = before.to_columns(), after.to_columns()
        large = [name for name, values in columns[0].items() if values.nbytes > 4096]
        assert {"index/lines", "payload/host/values", "payload/host/offsets", "payload/up/values"} <= set(large)
        assert all(columns[1][name] is columns[0][name] for name in large)
        assert after.route(7) == {"host": "host 3", "up": True}


def test_a_follower_reads_what_is_new_only(published: tuple[SnapshotManager, Path]) -> None:
    manager, path = published
    with SnapshotManager.follow(path) as follower:
        first: Any = follower.current.tables["routes"]
        manager.update(lambda now: now.with_routes({7: 3}))
        until(lambda: follower.current.version == 2)
        second: Any = follower.current.tables["routes"]
        assert second.lines is first.lines
        manager.update(lambda now: now.with_table("more", vk.IdTable.build([1, 2])))
        until(lambda: follower.current.version == 3)
        assert follower.current.tables["routes"] is second


def broken(path: Path, how: str) -> None:
    """Break the newest version."""
    number = int((path / "CURRENT").read_bytes().split(b".")[0])
    version = path / "versions" / f"{number}.json"
    segment = path / "segments" / version_fields(path, number)["tables"][0]["segments"][-1]["name"]
    target = version if "version" in how else segment
    data = target.read_bytes()
    if "missing" in how:
        target.unlink()
    elif "truncated" in how:
        replace(target, data[: len(data) * 2 // 3])
    elif "flipped" in how:
        at = len(data) // 2
        replace(target, data[:at] + bytes([data[at] ^ 4]) + data[at + 1 :])
    elif how == "another segment":
        other = next(each for each in (path / "segments").iterdir() if each.name != segment.name)
        replace(target, other.read_bytes())
    elif how.startswith("no file"):
        (path / "elsewhere").mkdir()
        (path / "link").symlink_to(path / "elsewhere")
        (path / "link").replace(target)  # at once: a follower that finds nothing there warns of that too


def held_up(follower: Any, gate: threading.Event) -> threading.Event:
    """Have a follower wait at a gate before it reads segments; the event returned tells that it does."""
    load, waits = follower._follower._reader.snapshot, threading.Event()

    class Reader:
        @staticmethod
        def snapshot(file: VersionFile) -> Snapshot:
            waits.set()
            gate.wait(SECONDS)
            return cast(Snapshot, load(file))

    follower._follower._reader = Reader()
    return waits


def test_retention_may_be_faster_than_a_follower(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    manager, gate = manager_of(), threading.Event()
    with manager.publish_to(tmp_path, retain=1, durable=False), SnapshotManager.follow(tmp_path) as follower:
        waits = held_up(follower, gate)
        manager.update(lambda now: now.with_routes({7: 3}))
        assert waits.wait(SECONDS)
        manager.update(lambda now: now.with_routes({7: 4}))
        gate.set()
        until(lambda: follower.current.version == 3)
        assert follower.current.lookup(7) == 4
        assert follower.follower.loaded == 2
    assert caplog.records == []


@pytest.mark.parametrize(
    "how",
    [
        "version missing", "version truncated", "version flipped", "segment missing", "segment truncated", "segment flipped",
        "another segment", "no file", "no file for a version",
    ],
)  # fmt: skip
def test_a_follower_keeps_the_last_good_version(
    published: tuple[SnapshotManager, Path], how: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    manager, path = published
    gate = threading.Event()
    with SnapshotManager.follow(path) as follower:
        held_up(follower, gate)
        manager.update(lambda now: now.with_routes({7: 3}))
        broken(path, how)
        gate.set()
        until(lambda: follower.follower.errors > 2)
        stats = follower.follower
        assert (follower.current.version, stats.version, follower.current.lookup(7)) == (1, 1, 1)
        assert stats.is_alive
        assert str(path) in stats.error
        assert stats.failing_since <= time.time()
        assert sum("last good" in record.message for record in caplog.records) == 1
        with pytest.raises(ValkyrieError):
            SnapshotManager.follow(path)
        manager.update(lambda now: now.with_routes({7: 4, 14: 5}))
        until(lambda: follower.current.version == 3)
        until(lambda: follower.follower.error == "")
        assert follower.current.lookup(7) == 4
        assert follower.follower.errors == 0
        assert np.isnan(follower.follower.failing_since)
        assert sum("well again" in record.message for record in caplog.records) == 1


def test_what_is_damaged_is_read_again_less_and_less_often(published: tuple[SnapshotManager, Path]) -> None:
    _, path = published
    with SnapshotManager.follow(path, poll=0.001) as follower:
        replace(path / "CURRENT", CurrentLine(2, "0" * 32).pack())
        until(lambda: follower.follower.errors >= 6)  # 1 + 2 + 4 ... milliseconds: a hundred looks, could each have read it
        began, errors = time.monotonic(), follower.follower.errors
        time.sleep(0.3)
        looks = (time.monotonic() - began) / 0.032
        assert follower.follower.errors - errors <= looks


def test_a_follower_never_goes_back(published: tuple[SnapshotManager, Path]) -> None:
    manager, path = published
    manager.publish(manager.current)
    older = (path / "CURRENT").read_bytes()
    manager.update(lambda now: now.with_routes({7: 3}))
    newer = (path / "CURRENT").read_bytes()
    with SnapshotManager.follow(path) as follower:
        replace(path / "CURRENT", older)
        until(lambda: "does not follow" in follower.follower.error)
        assert follower.current.version == 3
        replace(path / "CURRENT", b"rubbish")
        until(lambda: "it must hold the name" in follower.follower.error)
        (path / "CURRENT").unlink()
        until(lambda: "No such file" in follower.follower.error)
        replace(path / "CURRENT", CurrentLine(3, "0" * 32).pack())
        until(lambda: "does not follow" in follower.follower.error)
        replace(path / "CURRENT", newer)
        until(lambda: follower.follower.error == "")
        assert (follower.current.version, follower.current.lookup(7)) == (3, 3)


def test_without_full_verification_the_digest_is_taken_on_trust(published: tuple[SnapshotManager, Path]) -> None:
    manager, path = published
    for verify in ("header", "none"):
        with SnapshotManager.follow(path, verify=verify) as follower:  # type: ignore[arg-type]
            assert follower.current.digest == manager.current.digest
            assert follower.current.lookup(14) == 2


def test_close_ends_the_thread(published: tuple[SnapshotManager, Path]) -> None:
    manager, path = published
    follower = SnapshotManager.follow(path, poll=60.0)
    assert follower.follower.is_alive
    began = time.monotonic()
    follower.close()
    assert time.monotonic() - began < 1.0
    assert not follower.follower.is_alive
    manager.update(lambda now: now.with_routes({7: 3}))
    assert follower.current.lookup(7) == 1
    follower.close()


def test_a_follower_that_is_gone_has_no_thread(published: tuple[SnapshotManager, Path]) -> None:
    _, path = published
    follower = SnapshotManager.follow(path)
    thread, reference = follower._follower._thread, weakref.ref(follower)
    assert thread is not None
    del follower
    gc.collect()
    until(lambda: reference() is None and not thread.is_alive())


def test_a_forked_child_follows_no_more(published: tuple[SnapshotManager, Path]) -> None:
    manager, path = published
    with SnapshotManager.follow(path) as follower:
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                good = follower.current.lookup(7) == 1 and not follower.follower.is_alive
                follower.close()
                code = 0 if good and follower.current.version == 1 else 2
            finally:
                os._exit(code)
        assert os.waitpid(pid, 0)[1] == 0
        manager.update(lambda now: now.with_routes({7: 3}))
        until(lambda: follower.current.lookup(7) == 3)
