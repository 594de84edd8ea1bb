"""Scheduled operations: all applied in order, those that fail alone, a queue that is bounded."""

from __future__ import annotations

import threading
import time

import numpy as np
import pandas as pd
import pytest

import valkyrie as vk
from tests.snapshots import SetClock, big_snapshot, content, snapshot_of
from valkyrie import records
from valkyrie.errors import (
    ArgumentError,
    CapacityError,
    DuplicateKeyError,
    KeyNotFoundError,
    ManagerBusyError,
    QueueFullError,
    ValkyrieError,
)
from valkyrie.snapshot import Insert, Modify, Remove, Replace, Snapshot, SnapshotManager
from valkyrie.snapshot.batch import Batch
from valkyrie.snapshot.operation_queue import OperationQueue

START = {10: 0, 20: 1, 30: 2}


@pytest.fixture
def clock():
    return SetClock()


@pytest.fixture
def manager(clock):
    with SnapshotManager(snapshot_of(), clock=clock) as manager:
        yield manager


def test_scheduled_operations_are_all_applied_in_order(manager):
    for operation in (
        Insert([40, 50], [3, 4]),
        Modify([10], [9]),
        Remove((20,)),
        Replace(np.array([30, 60]), np.array([8, 7])),
        Insert([20], [6]),
        Modify([20], [5]),
    ):
        manager.schedule(operation)
    assert content(manager.flush()) == {10: 9, 20: 5, 30: 8, 40: 3, 50: 4, 60: 7}
    assert manager.flush() is manager.current
    assert manager.stats.queued == 0


def test_what_waits_at_once_becomes_one_version(manager):
    def schedule(snapshot):
        for i in range(1000):
            manager.schedule(Replace([i % 7], [i]))
        manager.schedule(Remove([3]))
        return snapshot

    assert manager.update(schedule).version == 2
    flushed = manager.flush()
    assert flushed.version == 3
    assert content(flushed) == START | {i: max(j for j in range(1000) if j % 7 == i) for i in (0, 1, 2, 4, 5, 6)}
    assert manager.stats.coalesced == 1000


FAILING = [
    (Insert([10], [5]), DuplicateKeyError, "keys: 10 is in the table already"),
    (Insert([1, 20, 10, 30, 40], [5] * 5), DuplicateKeyError, "keys: 20, 10, 30 are in the table already"),
    (Modify([99], [5]), KeyNotFoundError, "keys: 99 is not in the table"),
    (Modify(np.array([10, 99, 20, 98, 97, 96]), np.arange(6)), KeyNotFoundError, "keys: 99, 98, 97 and 1 more are not in"),
    (Remove([99]), KeyNotFoundError, "99"),
    (Replace([1, 1], [0, 1]), DuplicateKeyError, "1"),
    (Insert(["text"], [0]), ValkyrieError, ""),
    (Replace([1], [0], table="nowhere"), ValkyrieError, "nowhere"),
    (Replace([1, None], [0, 0]), ValkyrieError, "null"),
    (Remove([10, None]), ValkyrieError, "null"),
]


@pytest.mark.parametrize(("operation", "error", "message"), FAILING)
def test_an_operation_that_fails_leaves_the_others_alone(manager, operation, error, message):
    def schedule(snapshot):
        for i in range(5):
            manager.schedule(operation)
            manager.schedule(Replace([100 + i], [i]))
        return snapshot

    manager.update(schedule)
    with pytest.raises(ExceptionGroup, match="5 scheduled operations failed") as caught:
        manager.flush()
    for each in caught.value.exceptions:
        assert isinstance(each, error)
        assert message in str(each)
        assert each.__notes__ == [f"in the scheduled {operation}"]
    assert content(manager.current) == START | {100 + i: i for i in range(5)}
    assert manager.flush().version == 3  # the errors were raised once
    apart = isinstance(operation.keys, np.ndarray)  # and not to be joined with lists
    assert (manager.stats.failed, manager.stats.coalesced) == (5, 0 if apart else 4)


THOUSANDS = dict.fromkeys(range(1000, 1500), 0)


@pytest.mark.parametrize("bad", [0, 1, 250, 499])
@pytest.mark.parametrize(("kind", "start"), [(Insert, {}), (Modify, THOUSANDS), (Remove, THOUSANDS)])
def test_one_bad_operation_of_a_run_fails_alone(kind, start, bad):
    keys = list(range(1000, 1500))
    wrong = 10 if kind is Insert else 5
    keys[bad] = wrong
    with SnapshotManager(snapshot_of(routes=START | start)) as manager:

        def schedule(snapshot):
            for key in keys:
                manager.schedule(Remove([key]) if kind is Remove else kind([key], [key]))
            return snapshot

        manager.update(schedule)
        with pytest.raises(ValkyrieError, match=f"{wrong}"):
            manager.flush()
        expected = START | start
        for key in keys:
            if key != wrong:
                expected = {k: v for k, v in expected.items() if k != key} if kind is Remove else expected | {key: key}
        assert content(manager.current) == expected
        assert manager.current.version == 3
        assert manager.stats.failed == 1
        assert manager.stats.coalesced > 480


def test_a_key_twice_in_a_run_is_as_one_after_the_other(manager):
    def schedule(snapshot):
        for operation in (
            Insert([40], [1]), Insert([40], [2]),
            Modify([10], [1]), Modify([10], [2]),
            Remove([20]), Remove([20]),
            Replace([50], [1]), Replace([50, 60], [2, 2]), Replace([60], [3]),
        ):  # fmt: skip
            manager.schedule(operation)
        return snapshot

    manager.update(schedule)
    with pytest.raises(ExceptionGroup) as caught:
        manager.flush()
    assert [type(error) for error in caught.value.exceptions] == [DuplicateKeyError, KeyNotFoundError]
    assert content(manager.current) == {10: 2, 30: 2, 40: 1, 50: 2, 60: 3}


def test_operations_go_to_the_table_they_name_or_whose_kind_they_are():
    with SnapshotManager(snapshot_of(ids={1: 1}, names={"a": 1})) as manager:
        for operation in (
            Replace([1], [2]), Replace(["b"], [3]), Replace([5], [6], table="ids"), Replace(["c"], [4], "names"),
            Remove(["a"]), Insert(np.array([7], np.uint8), [7]), Insert(np.array(["d"]), [8]), Insert(pd.Series(["e"]), [9]),
        ):  # fmt: skip
            manager.schedule(operation)
        manager.flush()
        assert content(manager.current, "ids") == {1: 2, 5: 6, 7: 7}
        assert content(manager.current, "names") == {"b": 3, "c": 4, "d": 8, "e": 9}


def test_prefixes_come_with_their_lengths():
    nets = vk.PrefixTable.build(["10.0.0.0/8", "10.1.0.0/16"], kind="ip")
    with SnapshotManager(Snapshot.build(nets)) as manager:

        def schedule(snapshot):
            for operation in (
                Insert(np.array([0x0A020000], np.uint32), [2], lengths=[16]),
                Insert(np.array([0x0A020000, 0x0A030000], np.uint32), [3, 4], lengths=[15, 16]),
                Insert(np.array([0x0A070000], np.uint32), [10], lengths=[16]),
                Insert(["10.4.0.0/16"], [5]),
                Insert(["10.5.0.0/16", "10.6.0.0/16"], [6, 7]),
                Replace(["10.1.2.3/32"], [8]),
                Modify(np.array([0x0A000000], np.uint32), [9], None, [8]),
                Remove(np.array([0x0A010000], np.uint32), lengths=[16]),
                Insert(np.array([0x0A000000], np.uint32), [0], lengths=[8]),
                Modify(np.array([0x0A000000], np.uint32), [0], lengths=[9]),
            ):
                manager.schedule(operation)
            return snapshot

        manager.update(schedule)
        with pytest.raises(ExceptionGroup) as caught:
            manager.flush()
        assert [type(error) for error in caught.value.exceptions] == [DuplicateKeyError, KeyNotFoundError]
        addresses = ["10.2.0.1", "10.3.0.1", "10.4.0.1", "10.5.0.1", "10.6.0.1", "10.1.2.3", "10.1.2.4", "10.200.0.1"]
        assert manager.current.lookup_many(addresses)["target"].tolist() == [2, 4, 5, 6, 7, 8, 9, 9]
        assert manager.stats.coalesced == 5


@pytest.mark.parametrize("make", [list, np.array, pd.Series])
def test_operations_hold_what_they_were_given(manager, make):
    keys, rows = make([40, 50]), np.array([3, 4], np.int32)
    insert, remove = Insert(keys, rows), Remove(keys)
    keys[0] = 99
    rows[:] = 0
    manager.schedule(insert)
    assert content(manager.flush()) == START | {40: 3, 50: 4}
    manager.schedule(remove)
    assert content(manager.flush()) == START
    with pytest.raises(ValueError, match="read-only"):
        insert.rows[0] = 1
    with pytest.raises(AttributeError):
        insert.rows = rows


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Insert("key", [1]), "keys: an array or a list is needed, got str. Wrap a single key in a list"),
        (lambda: Remove(5), "keys: an array or a list is needed, got int"),
        (lambda: Insert(iter([1]), [1]), "keys: an array or a list is needed, got list_iterator"),
        (lambda: Insert([1, 2], [1]), r"rows must have one value a key, shape \(2,\); got shape \(1,\)"),
        (lambda: Replace([1], [-1]), "rows must lie between 0 and"),
        (lambda: Modify([1], [0.5]), "rows must be whole numbers"),
        (lambda: Insert([1, 2], [1, 2], lengths=[8]), r"lengths must have one whole number a key, 2; got shape \(1,\)"),
        (lambda: Remove([1], lengths=[0.5]), "lengths must have one whole number a key, 1; got shape .* float64"),
        (lambda: Modify([1], None), "rows: one row a key is needed, got None"),
    ],
)
def test_an_operation_that_makes_no_sense_is_refused_at_once(make, message):
    with pytest.raises(ArgumentError, match=message):
        make()


def test_what_is_no_operation_is_refused(manager):
    with pytest.raises(ArgumentError, match="operation must be an Insert, Modify, Remove or Replace; got function"):
        manager.schedule(lambda s: s)
    with pytest.raises(ArgumentError, match="snapshot must be a Snapshot; got IdTable"):
        manager.publish(vk.IdTable.build([1]))
    with pytest.raises(ArgumentError, match="snapshot must be a Snapshot; got IdTable"):
        SnapshotManager(vk.IdTable.build([1]))


def test_a_full_queue_blocks_or_says_so():
    manager = SnapshotManager(snapshot_of(), queue=10)
    entered, leave = threading.Event(), threading.Event()

    def hang(snapshot):
        entered.set()
        assert leave.wait(30)
        return snapshot

    busy = threading.Thread(target=manager.update, args=(hang,))
    busy.start()
    assert entered.wait(30)
    for i in range(10):
        manager.schedule(Replace([i], [i]))
    # the writer thread may not take any of them while another thread publishes
    with pytest.raises(QueueFullError, match=r"10 operations wait to be published already.*timeout=None") as caught:
        manager.schedule(Replace([10], [10]), timeout=0.01)
    assert caught.value.data == {"queue": 10}
    with pytest.raises(ManagerBusyError, match=r"flush\(\) waited 0.01 seconds for another thread that publishes"):
        manager.flush(timeout=0.01)
    with pytest.raises(ManagerBusyError, match=r"update\(\) waited 0 seconds"):
        manager.update(lambda s: s, timeout=0)
    assert manager.stats.queued == 10
    blocked = threading.Thread(target=manager.schedule, args=(Replace([10], [99]),))
    blocked.start()
    leave.set()
    blocked.join(30)
    busy.join(30)
    assert content(manager.flush()) == START | {i: i for i in range(10)} | {10: 99}
    manager.close()


def test_what_is_put_back_wakes_the_thread_that_waits():
    queue = OperationQueue(10)
    self = object()
    queue.put(Remove([1, 2]), self, None)
    taken = queue.take()
    woken: list[bool] = []
    waiting = threading.Thread(target=lambda: woken.append(queue.wait()))
    waiting.start()
    time.sleep(0.01)
    queue.settle(put_back=True)
    waiting.join(30)
    assert woken == [True]
    queue.put(Remove([3, 4, 5]), self, None)
    assert queue.owner is self
    assert queue.take()[: len(taken)] == taken  # before what came later
    queue.settle(put_back=False)
    assert (queue.owner, len(queue)) == (None, 0)


def test_a_function_given_to_update_cannot_wait_for_room():
    manager = SnapshotManager(snapshot_of(), queue=3)

    def schedule(snapshot):
        for i in range(4):
            manager.schedule(Replace([i], [i]), timeout=None)

    with pytest.raises(QueueFullError):
        manager.update(schedule)
    assert content(manager.flush()) == START | {0: 0, 1: 1, 2: 2}
    manager.close()


def test_many_errors_are_bounded(manager):
    def schedule(snapshot):
        for i in range(1000):
            manager.schedule(Remove([10_000 + i]))
        return snapshot

    manager.update(schedule)
    with pytest.raises(ExceptionGroup, match="1000 scheduled operations failed, 64 errors were kept") as caught:
        manager.flush()
    assert "10000" in str(caught.value.exceptions[0])
    assert manager.stats.failed == 1000
    assert manager.current.version == 2  # nothing was applied, so nothing was published


def test_operations_that_fail_cost_no_edit():
    first = big_snapshot()
    wanted = first.with_routes({3: 1, 10: 1})
    failing = [Insert([7 * i], [1]) for i in range(500)], [Modify([7 * i + 1], [1]) for i in range(500)]
    for spoiled in (*failing, [Replace([None], [1])] * 500, [Replace(["a"], [1])] * 500, [Replace([5, 5], [1, 1])] * 500):
        batch = Batch(first, [Replace([3], [1]), *spoiled[:250], Replace([10], [1]), *spoiled[250:]])
        assert (len(batch.errors), batch.applied, batch.edits) == (500, 2, 1)
        assert batch.snapshot.digest == wanted.digest
        assert batch.snapshot.pending == 2
    assert Batch(first, failing[0]).snapshot is first


def test_hints_name_no_option_that_an_operation_has_not():
    wrong = Replace([1, 1], [0, 1]), Remove([99]), Insert([0], [0]), Modify([99], [0])
    again = "Replace takes keys that are there or not"
    hints = [error.hint for error in Batch(big_snapshot(), wrong).errors]
    assert hints == ["Name each key once in an operation", "Remove only what is there", again, again]


def test_what_no_key_tells_is_found_out_one_by_one(monkeypatch):
    monkeypatch.setattr(records, "MAX_ROWS", 20_001)
    batch = Batch(big_snapshot(), [Insert([key], [0]) for key in (1, 2, 3)])
    assert (batch.applied, [type(error) for error in batch.errors]) == (1, [CapacityError] * 2)
