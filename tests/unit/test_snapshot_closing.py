"""What is over when a manager is closed: the directory, the watches, and whatever its own threads were about to publish."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.snapshots import Asked, big_snapshot, content, snapshot_of, until
from valkyrie.errors import DirectoryHeldError, ManagerBusyError, ManagerClosedError
from valkyrie.snapshot import Replace, Snapshot, SnapshotManager, version_publisher
from valkyrie.snapshot.published_directory import directory_history
from valkyrie.snapshot.segments import SegmentWriter
from valkyrie.snapshot.writers_lock import WritersLock

SECONDS = 30.0


class Held:
    """A call that has begun waits until it is let go."""

    def __init__(self) -> None:
        self.begun, self.let_go = threading.Event(), threading.Event()

    def wait(self) -> None:
        self.begun.set()
        assert self.let_go.wait(SECONDS)


@pytest.fixture
def held() -> Iterator[Held]:
    held = Held()
    yield held
    held.let_go.set()


def started(work: Callable[[], Any]) -> threading.Thread:
    thread = threading.Thread(target=work)
    thread.start()
    return thread


def can_be_published_to(directory: Path) -> bool:
    try:
        SnapshotManager.resume(directory).publish_to(directory).close()
    except DirectoryHeldError:
        return False
    return True


def summary(changes: Any) -> list[tuple[int, bool]]:
    return [(change.version, change.resync) for change in changes]


def test_close_lets_go_of_the_directory(tmp_path: Path) -> None:
    manager = SnapshotManager(snapshot_of())
    publication = manager.publish_to(tmp_path)
    manager.schedule(Replace([10], [7]))
    assert not can_be_published_to(tmp_path)
    manager.close()
    assert SnapshotManager.resume(tmp_path).current.lookup(10) == 7
    assert can_be_published_to(tmp_path)
    assert "closed" in repr(publication)
    publication.close()
    manager.close()


def test_a_call_that_close_could_not_wait_for_finishes_it(tmp_path: Path, held: Held) -> None:
    manager = SnapshotManager(snapshot_of())
    manager.publish_to(tmp_path)
    watch = manager.watch()

    def change(now: Snapshot) -> Snapshot:
        held.wait()
        return now.with_routes({40: 3})

    busy = started(lambda: manager.update(change))
    assert held.begun.wait(SECONDS)
    manager.schedule(Replace([50], [4]))
    thread = manager._queue.thread
    assert thread is not None
    with pytest.raises(ManagerBusyError, match=r"close\(\)"):
        manager.close(timeout=0.01)
    with pytest.raises(ManagerClosedError):
        manager.schedule(Replace([60], [4]))
    held.let_go.set()
    assert summary(watch) == [(2, False), (3, False)]  # and then it ends
    busy.join(SECONDS)
    thread.join(SECONDS)
    assert not thread.is_alive()
    assert content(manager.current) == {10: 0, 20: 1, 30: 2, 40: 3, 50: 4}
    assert directory_history(tmp_path)["version"].tolist() == [1, 2, 3]
    assert can_be_published_to(tmp_path)
    manager.close()
    assert manager.current.version == 3


def test_the_writer_thread_publishes_nothing_once_close_gave_up_on_it(held: Held) -> None:
    manager = SnapshotManager(snapshot_of())
    Asked.by(manager, lambda _: held.wait())
    watch = manager.watch()
    manager.schedule(Replace([40], [3]))
    assert held.begun.wait(SECONDS)
    manager.schedule(Replace([50], [4]))
    thread = manager._queue.thread
    assert thread is not None
    with pytest.raises(ManagerBusyError):
        manager.close(timeout=0.01)
    held.let_go.set()
    thread.join(SECONDS)
    assert not thread.is_alive()
    assert (manager.current.version, manager.stats.queued, manager.stats.failed) == (1, 2, 0)
    manager.close()
    assert content(manager.current) == {10: 0, 20: 1, 30: 2, 40: 3, 50: 4}
    assert summary(watch) == [(2, False)]


def test_the_writer_thread_writes_nothing_that_it_would_begin_after_close(held: Held) -> None:
    manager = SnapshotManager(snapshot_of())
    asked: list[int | None] = []
    Asked.by(manager, lambda snapshot: asked.append(snapshot.version))
    busy = started(lambda: manager._writers.run(held.wait, call="a test"))  # as the thread that merges does
    assert held.begun.wait(SECONDS)
    manager.schedule(Replace([40], [3]))
    thread = manager._queue.thread
    assert thread is not None
    with pytest.raises(ManagerBusyError):
        manager.close(timeout=0.01)
    held.let_go.set()
    for each in (busy, thread):
        each.join(SECONDS)
    assert not thread.is_alive()
    assert (asked, manager.stats.queued) == ([], 1)
    manager.close()
    assert asked == [2]


def test_close_does_not_give_up_on_a_version_that_is_being_shown(held: Held) -> None:
    """Others may see it already, so the manager must come to it too, before it says that nothing follows."""
    manager = SnapshotManager(snapshot_of())
    outlet = Asked.by(manager, lambda _: None)
    outlet.write = lambda _: held.wait  # type: ignore[method-assign]
    raised: list[tuple[type[BaseException], int | None]] = []

    def close() -> None:
        try:
            manager.close(timeout=0)
        except ManagerBusyError as error:
            raised.append((type(error), manager.current.version))

    manager.schedule(Replace([40], [3]))
    assert held.begun.wait(SECONDS)
    closing = started(close)
    closing.join(0.1)
    assert closing.is_alive()
    held.let_go.set()
    closing.join(SECONDS)
    assert raised == [(ManagerBusyError, 2)]


def merging(manager: SnapshotManager) -> Snapshot:
    """Publish so much that a merge begins."""
    return manager.update(lambda now: now.with_routes({1 + 7 * i: i for i in range(60)}))


@pytest.mark.parametrize("waits", [False, True])
def test_a_merge_comes_to_nothing_once_the_manager_is_closed(
    tmp_path: Path, held: Held, monkeypatch: pytest.MonkeyPatch, waits: bool
) -> None:
    merged = Snapshot.merged

    def hold(snapshot: Snapshot) -> Snapshot:
        held.wait()
        return merged(snapshot)

    monkeypatch.setattr(Snapshot, "merged", hold)
    manager = SnapshotManager(big_snapshot(), merge_above=50)
    publication = manager.publish_to(tmp_path)
    published = merging(manager)
    assert held.begun.wait(SECONDS)
    thread = manager._merging._thread
    assert thread is not None
    written = publication.stats.segments
    if waits:
        closing = started(manager.close)
        held.let_go.set()
        closing.join(SECONDS)
    else:
        manager.close(timeout=0)
        held.let_go.set()
        thread.join(SECONDS)
    assert not thread.is_alive()
    assert manager.current is published
    assert (manager.stats.merges, publication.stats.segments) == (0, written)
    assert not manager._merging.is_under_way


def test_a_merge_is_not_written_once_close_gave_up_on_others(held: Held, monkeypatch: pytest.MonkeyPatch) -> None:
    compute, compute_held = Snapshot.merged, Held()

    def hold(snapshot: Snapshot) -> Snapshot:
        compute_held.wait()
        return compute(snapshot)

    monkeypatch.setattr(Snapshot, "merged", hold)
    manager = SnapshotManager(big_snapshot(), merge_above=50)
    written: list[Snapshot] = []
    Asked.by(manager, lambda _: None).write_ahead = written.append  # type: ignore[method-assign]
    merging(manager)
    assert compute_held.begun.wait(SECONDS)
    busy = started(lambda: manager._writers.run(held.wait, call="a test"))
    assert held.begun.wait(SECONDS)
    with pytest.raises(ManagerBusyError):
        manager.close(timeout=0.01)
    compute_held.let_go.set()
    held.let_go.set()
    busy.join(SECONDS)
    manager.close()
    until(lambda: not manager._merging.is_under_way)
    assert written == []


def test_a_merge_that_close_gave_up_on_takes_no_place(held: Held, monkeypatch: pytest.MonkeyPatch) -> None:
    catch_up = version_publisher.caught_up

    def hold(*snapshots: Snapshot) -> Snapshot | None:
        held.wait()
        return catch_up(*snapshots)

    monkeypatch.setattr(version_publisher, "caught_up", hold)
    manager = SnapshotManager(big_snapshot(), merge_above=50)
    published = merging(manager)
    assert held.begun.wait(SECONDS)
    with pytest.raises(ManagerBusyError):
        manager.close(timeout=0.01)
    held.let_go.set()
    manager.close()
    until(lambda: not manager._merging.is_under_way)
    assert manager.current is published
    assert manager.stats.merges == 0


def test_no_merge_begins_once_the_manager_is_closed(held: Held) -> None:
    manager = SnapshotManager(big_snapshot(), merge_above=50)

    def change(now: Snapshot) -> Snapshot:
        held.wait()
        return now.with_routes({1 + 7 * i: i for i in range(60)})

    busy = started(lambda: manager.update(change))
    assert held.begun.wait(SECONDS)
    with pytest.raises(ManagerBusyError):
        manager.close(timeout=0)
    held.let_go.set()
    busy.join(SECONDS)
    manager.close()
    assert (manager.current.version, manager.current.pending) == (2, 60)
    assert manager._merging._thread is None


def test_a_directory_is_held_while_a_merge_is_written_to_it(tmp_path: Path, held: Held, monkeypatch: pytest.MonkeyPatch) -> None:
    write_ahead = SegmentWriter.write_ahead

    def hold(writer: SegmentWriter, *arguments: Any, **options: Any) -> None:
        held.wait()
        write_ahead(writer, *arguments, **options)

    monkeypatch.setattr(SegmentWriter, "write_ahead", hold)
    manager = SnapshotManager(big_snapshot(), merge_above=50)
    publication = manager.publish_to(tmp_path)
    watch = manager.watch()
    merging(manager)
    assert held.begun.wait(SECONDS)
    written = publication.stats.segments
    with pytest.raises(ManagerBusyError, match=r"close\(\) could not wait longer for a merge"):
        manager.close(timeout=0.01)
    assert summary(watch) == [(2, False)]
    assert not can_be_published_to(tmp_path)
    closing = started(publication.close)
    held.let_go.set()
    closing.join(SECONDS)
    until(lambda: not manager._merging.is_under_way)
    manager.close()
    assert can_be_published_to(tmp_path)
    assert publication.stats.segments == written


def test_close_does_itself_what_the_holder_left_too_soon_to_see(held: Held, monkeypatch: pytest.MonkeyPatch) -> None:
    """The holder looks whether anything was left to it, and leaves, after close gave up and before it says so."""
    manager = SnapshotManager(snapshot_of())
    outlet = Asked.by(manager, lambda _: None)
    busy = started(lambda: manager.update(lambda now: (held.wait(), now.with_routes({40: 3}))[1]))
    assert held.begun.wait(SECONDS)
    watch = manager.watch()
    run = WritersLock.run

    def slowly(self: WritersLock, action: Callable[[], Any], *, call: str, timeout: float | None = None) -> Any:
        try:
            return run(self, action, call=call, timeout=timeout)
        except ManagerBusyError:
            held.let_go.set()
            busy.join(SECONDS)
            raise

    monkeypatch.setattr(WritersLock, "run", slowly)
    manager.close(timeout=0.01)
    assert content(manager.current) == {10: 0, 20: 1, 30: 2, 40: 3}
    assert manager._outlet is not outlet
    assert summary(watch) == [(2, False)]
