"""A SnapshotManager under many threads, across a fork, at interpreter exit, interrupted, and with a function that hangs."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import threading
from collections import Counter

import pytest

from tests.snapshots import content, snapshot_of
from valkyrie.errors import DuplicateKeyError, VersionConflictError, VersionEvictedError
from valkyrie.snapshot import Insert, Replace, SnapshotManager


@pytest.fixture
def impatient_switching():
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def run_all(work, n):
    failures: list[BaseException] = []

    def guarded(i):
        try:
            work(i)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=guarded, args=(i,)) for i in range(n)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []
    assert not any(thread.is_alive() for thread in threads)


@pytest.mark.usefixtures("impatient_switching")
def test_all_of_many_schedulers_is_applied_and_read_back():
    manager = SnapshotManager(snapshot_of(), queue=50, history=5)

    def schedule(i):
        for turn in range(60):
            key = 1000 * (i + 1) + turn
            manager.schedule(Insert([key], [turn]))
            if turn % 7 == 0:
                assert manager.flush().lookup(key) == turn  # what this thread wrote
                manager.schedule(Replace([key], [turn + 1]))
        assert manager.flush().lookup(1000 * (i + 1) + 56) == 57

    run_all(schedule, 6)
    manager.close()
    expected = {1000 * (i + 1) + turn: turn + (turn % 7 == 0) for i in range(6) for turn in range(60)}
    assert content(manager.current) == {10: 0, 20: 1, 30: 2} | expected
    assert manager.stats.failed == 0


@pytest.mark.usefixtures("impatient_switching")
def test_updates_of_many_threads_do_not_lose_each_other():
    manager = SnapshotManager(snapshot_of(routes={1: 0}), history=3)
    conflicts = Counter()

    def count(i):
        for turn in range(40):
            if turn % 3:
                manager.update(lambda s: s.with_routes({1: s.lookup(1) + 1}))
                continue
            while True:
                current = manager.current
                try:
                    manager.publish(current.with_routes({1: current.lookup(1) + 1}))
                    break
                except VersionConflictError:
                    conflicts[i] += 1

    run_all(count, 5)
    assert manager.current.lookup(1) == 200
    assert manager.current.version == 201


@pytest.mark.usefixtures("impatient_switching")
def test_each_error_is_raised_once():
    manager = SnapshotManager(snapshot_of())
    raised = []

    def work(i):
        for _ in range(30):
            manager.schedule(Insert([10], [i]))
            try:
                manager.flush()
            except DuplicateKeyError as error:
                raised.append(error)
            except ExceptionGroup as group:
                raised.extend(group.exceptions)

    run_all(work, 4)
    manager.close()
    assert len(raised) == len(set(map(id, raised))) == manager.stats.failed == 120


@pytest.mark.usefixtures("impatient_switching")
def test_readers_see_versions_that_rise_and_are_whole():
    manager = SnapshotManager(snapshot_of(a={1: 0}, b={2: 0}), history=4)
    done = threading.Event()

    def work(i):
        if i == 0:
            for turn in range(1, 300):
                manager.update(lambda s, turn=turn: s.with_routes({1: turn}, table="a").with_routes({2: turn}, table="b"))
            done.set()
            return
        last = 0
        while not done.is_set():
            snapshot = manager.current
            assert snapshot.version >= last
            last = snapshot.version
            assert snapshot.lookup(1, table="a") == snapshot.lookup(2, table="b") == last - 1
            with contextlib.suppress(VersionEvictedError):
                assert manager.at(version=last) is snapshot

    run_all(work, 4)
    assert manager.current.version == 300


def run_python(code):
    command = [sys.executable, "-W", "ignore", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    return done.returncode, done.stdout, done.stderr


HEAD = """
import os, sys, threading, time
import valkyrie as vk
from valkyrie.snapshot import *
manager = SnapshotManager(Snapshot.build(vk.IdTable.build([10, 20], [0, 1])))
"""

FORK = """
held = threading.Event()
def hang(snapshot):
    held.set()
    time.sleep(WAIT)
    return snapshot.with_routes({30: 2})
manager.schedule(Replace([40], [3]))
manager.flush()
watch = manager.watch(timeout=0)
busy = threading.Thread(target=manager.update, args=(hang,))
busy.start()
held.wait()
manager.schedule(Replace([50], [4]))     # waits, since the other thread holds the writers' lock
child = os.fork()
if child == 0:
    assert manager.stats.queued == 0 and not manager.stats.writer_alive
    assert manager.current.version == 2 and manager.at(version=1).lookup(40) is None
    assert manager.publish(manager.current.with_routes({60: 5})).version == 3
    manager.schedule(Replace([70], [6]))
    assert manager.flush().lookup(70) == 6
    assert manager.stats.writer_alive and manager.current.lookup(50) is None and manager.current.lookup(30) is None
    assert [change.version for change in watch] == [3, 4]
    manager.schedule(Replace([80], [7]))
    manager.close()
    assert manager.current.lookup(80) == 7
    sys.stdout.write("child ")
    sys.stdout.flush()
    sys.exit(0)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
busy.join()
manager.flush()
assert [manager.current.lookup(key) for key in (10, 30, 40, 50, 60, 70)] == [0, 2, 3, 4, None, None]
print("parent")
"""


def test_a_forked_child_publishes_for_itself():
    assert run_python(HEAD + FORK.replace("WAIT", "0.5")) == (0, "child parent\n", "")


FORK_IN_THE_MIDDLE = """
def hold():
    with manager._gate, manager._changes.condition, manager._queue._filled, manager._failures._lock:
        held.set()
        time.sleep(0.5)
def hang(snapshot):
    hanging.set()
    time.sleep(0.5)
    return merged(snapshot)
held, hanging, merged = threading.Event(), threading.Event(), Snapshot.merged
Snapshot.merged = hang
ids = list(range(0, 200_000, 7))
manager = SnapshotManager(Snapshot.build(vk.IdTable.build(ids)), merge_above=2)
manager.update(lambda s: s.with_routes({1: 1, 2: 2, 3: 3}))
hanging.wait()
threading.Thread(target=hold, daemon=True).start()
held.wait()
# as if another thread had come halfway with the next version
manager._history.add(manager.current.as_published(version=3, parent=None, created_at=time.time(), origin=manager.current.origin))
child = os.fork()
if child == 0:
    Snapshot.merged = merged
    assert manager.history()["version"].tolist() == [1, 2]
    assert manager.publish(manager.current.with_routes({4: 4})).version == 3
    assert manager.at(version=3).lookup(4) == 4
    while manager.current.pending:       # merges for itself
        time.sleep(0.001)
    assert manager.current.lookup(4) == 4
    print("child")
    sys.exit(0)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_a_fork_may_come_while_others_hold_every_lock_and_are_halfway():
    assert run_python(HEAD + FORK_IN_THE_MIDDLE) == (0, "child\n", "")


FORK_ANY_TIME = """
stop = threading.Event()
def write():
    turn = 0
    while not stop.is_set():
        manager.schedule(Replace([turn % 50], [turn]))
        manager.update(lambda s: s)
        manager.flush()
        turn += 1
threads = [threading.Thread(target=write) for _ in range(2)]
for thread in threads:
    thread.start()
for _ in range(30):
    child = os.fork()
    if child == 0:
        before = manager.current.version
        assert manager.history()["version"].tolist()[-1] == before
        assert manager.update(lambda s: s.with_routes({99: 9})).version == before + 1
        manager.schedule(Replace([98], [8]))
        assert manager.flush().lookup(98) == 8
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
stop.set()
for thread in threads:
    thread.join()
print(manager.current.lookup(99))
"""


def test_a_fork_may_come_at_any_time():
    assert run_python(HEAD + FORK_ANY_TIME) == (0, "None\n", "")


AT_EXIT = """
def tell(snapshot):
    os.write(1, f"{snapshot.version} {snapshot.lookup(999)}\\n".encode())
from tests.snapshots import Asked
Asked.by(manager, tell)
def schedule(snapshot):
    for i in range(1000):
        manager.schedule(Replace([i], [i]))
    return snapshot
manager.update(schedule)
"""


def test_what_is_scheduled_is_published_before_the_interpreter_exits():
    code, out, err = run_python(HEAD + AT_EXIT)
    assert (code, err) == (0, "")
    assert out.splitlines()[0] == "2 None"
    assert out.splitlines()[-1].split()[1] == "999"


@pytest.mark.parametrize("started", [False, True])
def test_what_is_scheduled_while_the_interpreter_exits_is_published(started):
    code = """
import atexit
def last():
    manager.schedule(Replace([30], [2]))
    print(manager.flush().lookup(30))
    manager.schedule(Replace([40], [3]))
atexit.register(last)
from tests.snapshots import Asked
Asked.by(manager, lambda snapshot: print(snapshot.lookup(40), flush=True))
"""
    start = "manager.schedule(Replace([1], [1]))\nmanager.flush()\n" if started else ""
    returned, out, err = run_python(HEAD + start + code)
    assert (returned, err) == (0, "")
    assert out.split() == ["None", "2", "3"]


def test_an_error_that_nobody_flushed_is_printed_at_exit():
    code, _, err = run_python(HEAD + "manager.update(lambda s: manager.schedule(Remove([99])) or s)\n")
    assert code == 0
    assert "KeyNotFoundError" in err
    assert "99" in err
    assert "in the scheduled Remove of 1 key" in err


HANGING = """
def hang(snapshot):
    manager.schedule(Replace([1], [1]))
    print("hanging", flush=True)
    time.sleep(1000)
threading.Thread(target=manager.update, args=(hang,), daemon=True).start()
while not manager.stats.queued:
    time.sleep(0.001)
sys.modules["valkyrie.snapshot.manager"]._EXIT_SECONDS = 0.2
"""


def test_a_function_that_hangs_does_not_keep_the_interpreter_from_exiting():
    code, out, err = run_python(HEAD + HANGING)
    assert (code, out) == (0, "hanging\n")
    assert "exit() waited 0.2 seconds for another thread that publishes" in err


CLOSE = """
try:
    manager.close(timeout=0.1)
except vk.errors.ManagerBusyError as error:
    print(error.code)
"""


def test_close_with_a_function_that_hangs_says_so():
    code, out, err = run_python(HEAD + HANGING + CLOSE)
    assert (code, out) == (0, "hanging\nmanager_busy\n")
    assert "exit() waited" in err


INTERRUPT = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
edit = Snapshot.with_routes
main = threading.get_ident()
def interrupted(self, routes, **how):
    if threading.get_ident() == main:
        signal.raise_signal(signal.SIGINT)
    return edit(self, routes, **how)
def schedule(snapshot):
    for i in range(100):
        manager.schedule(Insert([100 + i], [i]))
    raise KeyError("stop")
type(manager._queue).start = lambda *arguments: True      # no writer thread: the main thread applies all
try:
    manager.update(schedule)
except KeyError:
    pass
Snapshot.with_routes = interrupted
try:
    manager.flush()
except KeyboardInterrupt:
    print("interrupted", manager.stats.queued, manager.current.version)
Snapshot.with_routes = edit
print(sum(manager.flush().lookup(100 + i) == i for i in range(100)), manager.current.version, manager.stats.failed)
"""


def test_ctrl_c_during_a_flush_loses_nothing_and_applies_nothing_twice():
    assert run_python(HEAD + INTERRUPT) == (0, "interrupted 100 1\n100 2 0\n", "")


WAITING = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
try:
    print("waiting", flush=True)
    for change in manager.watch():
        pass
except KeyboardInterrupt:
    print("interrupted", manager.publish(manager.current).version, flush=True)
"""


def test_ctrl_c_ends_a_wait_for_changes():
    child = subprocess.Popen([sys.executable, "-c", HEAD + WAITING], stdout=subprocess.PIPE, text=True)
    try:
        assert child.stdout is not None
        assert child.stdout.readline() == "waiting\n"
        child.send_signal(signal.SIGINT)
        said, _ = child.communicate(timeout=30)
    finally:
        child.kill()
    assert said == "interrupted 2\n"
