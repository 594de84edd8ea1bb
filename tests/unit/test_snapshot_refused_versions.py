"""A version that is refused takes nothing with it: what was scheduled for it stays scheduled, and is published when it can be."""

from __future__ import annotations

import logging
import threading

import pytest

from tests.snapshots import Asked, content, snapshot_of, until
from valkyrie.errors import DuplicateKeyError, QueueFullError
from valkyrie.snapshot import Insert, Replace, SnapshotManager, operation_queue

START = {10: 0, 20: 1, 30: 2}


class FullDisk:
    """Refuses versions while it is full, as a publication to a directory does."""

    def __init__(self) -> None:
        self.is_full = True
        self.refused = 0

    def __call__(self, snapshot: object) -> None:
        if self.is_full:
            self.refused += 1
            raise OSError("no space left")


@pytest.fixture
def disk():
    return FullDisk()


@pytest.fixture
def manager(disk):
    manager = SnapshotManager(snapshot_of(), queue=10)
    Asked.by(manager, disk)
    yield manager
    disk.is_full = False
    manager.close()


def schedule_at_once(manager, *operations):
    """So that the writer thread takes all or none of them."""
    with pytest.raises(ZeroDivisionError):
        manager.update(lambda snapshot: [*map(manager.schedule, operations), 1 / 0])


def test_flush_says_why_and_a_later_one_publishes(manager, disk):
    schedule_at_once(manager, Insert([40], [4]), Insert([10], [9]), Replace([20], [8]))
    for _ in range(3):
        with pytest.raises(OSError, match="no space left") as caught:
            manager.flush()
        assert caught.value.__notes__ == ["when 2 scheduled operations were to be published; they stay scheduled"]
        assert (manager.stats.queued, manager.stats.failed, manager.current.version) == (3, 0, 1)
    manager.schedule(Replace([40], [5]))  # comes after those that wait
    disk.is_full = False
    with pytest.raises(DuplicateKeyError, match="10 is in the table already"):  # told when the others are published
        manager.flush()
    assert content(manager.current) == START | {20: 8, 40: 5}
    assert (manager.stats.queued, manager.stats.failed, manager.current.version) == (0, 1, 2)


def test_the_thread_tries_again_without_being_asked(manager, disk, monkeypatch, caplog):
    monkeypatch.setattr(operation_queue, "_RETRY_SECONDS", 0.01)
    with caplog.at_level(logging.WARNING):
        manager.schedule(Replace([40], [4]))
        until(lambda: disk.refused > 2)
    assert "1 scheduled operations cannot be published yet: no space left" in caplog.text
    disk.is_full = False
    until(lambda: manager.stats.queued == 0)
    assert content(manager.flush()) == START | {40: 4}


def test_the_thread_does_not_try_without_end(manager, disk, monkeypatch):
    monkeypatch.setattr(operation_queue, "_RETRY_SECONDS", 1000.0)
    manager.schedule(Replace([40], [4]))
    until(lambda: disk.refused == 1 and manager.stats.queued == 1)
    for i in range(8):
        manager.schedule(Replace([41 + i], [4]))
    assert not threading.Event().wait(0.05)
    assert disk.refused == 1  # not once more for each of them
    with pytest.raises(OSError, match="no space left"):
        manager.flush()
    assert disk.refused == 2


def test_who_waits_for_room_gets_it_when_the_disk_has_some(manager, disk, monkeypatch):
    monkeypatch.setattr(operation_queue, "_RETRY_SECONDS", 0.01)
    schedule_at_once(manager, *(Replace([40 + i], [i]) for i in range(10)))
    until(lambda: disk.refused > 0)
    blocked = threading.Thread(target=manager.schedule, args=(Replace([99], [9]),))
    blocked.start()
    until(lambda: disk.refused > 3)
    disk.is_full = False
    blocked.join(30)
    assert content(manager.flush()) == START | {40 + i: i for i in range(10)} | {99: 9}


def test_close_says_why_and_another_one_publishes(disk):
    manager = SnapshotManager(snapshot_of(), queue=1)
    Asked.by(manager, disk)
    manager.schedule(Replace([40], [4]))
    until(lambda: disk.refused == 1 and manager.stats.queued == 1)
    with pytest.raises(QueueFullError):
        manager.schedule(Replace([41], [4]), timeout=0)
    with pytest.raises(OSError, match="no space left"):
        manager.close()
    assert not manager.stats.writer_alive
    assert (manager.stats.queued, content(manager.current)) == (1, START)
    disk.is_full = False
    manager.close()
    assert content(manager.current) == START | {40: 4}


def test_failures_of_before_are_told_together_with_the_refusal(manager, disk):
    disk.is_full = False
    manager.schedule(Insert([10], [9]))
    until(lambda: manager.stats.failed == 1)
    disk.is_full = True
    manager.schedule(Insert([40], [4]))
    with pytest.raises(ExceptionGroup, match="scheduled operations failed, and others could not be published") as caught:
        manager.flush()
    assert [type(error) for error in caught.value.exceptions] == [DuplicateKeyError, OSError]
