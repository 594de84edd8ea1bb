"""The thread pool: every index once, the first error raised, nothing begun after it, and threads counted as asked."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import numpy as np
import pytest

from valkyrie import parallel
from valkyrie.errors import ArgumentError


@pytest.mark.parametrize("threads", [1, 2, 3, 8])
@pytest.mark.parametrize(("n", "chunk"), [(0, 5), (1, 5), (5, 5), (6, 5), (1000, 1), (1000, 7), (1000, 10**6)])
def test_every_index_is_visited_once(n, chunk, threads):
    visits = np.zeros(n, np.int64)

    def task(start, stop):
        assert 0 <= start < stop <= n
        assert stop - start <= chunk
        visits[start:stop] += 1

    parallel.run(task, n, threads=threads, chunk=chunk)
    assert (visits == 1).all()


def test_one_thread_is_the_callers_own():
    seen = set()
    parallel.run(lambda start, stop: seen.add(threading.get_ident()), 100, threads=1, chunk=3)
    assert seen == {threading.get_ident()}


def test_chunks_run_at_the_same_time():
    meeting = threading.Barrier(3, timeout=30)
    parallel.run(lambda start, stop: meeting.wait() and None, 3, threads=3, chunk=1)
    assert not meeting.broken


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_the_error_of_a_chunk_is_raised_and_later_chunks_do_not_begin(threads):
    begun = []

    def task(start, stop):
        begun.append(start)
        if start == 10:
            raise ZeroDivisionError("chunk 10")

    with pytest.raises(ZeroDivisionError, match="chunk 10"):
        parallel.run(task, 5_000_000, threads=threads, chunk=1)
    assert len(begun) < 5_000_000
    assert len(set(begun)) == len(begun)
    visited = []
    parallel.run(lambda start, stop: visited.append(start), 10, threads=threads, chunk=1)
    assert sorted(visited) == list(range(10))


def test_no_chunk_is_under_way_after_an_error():
    under_way = []
    failed = threading.Event()
    lock = threading.Lock()

    def task(start, stop):
        with lock:
            under_way.append(start)
        if start == 0:
            failed.set()
            raise ValueError("the first")
        failed.wait(30)
        with lock:
            under_way.remove(start)

    with pytest.raises(ValueError, match="the first"):
        parallel.run(task, 50, threads=4, chunk=1)
    assert under_way == [0]


def test_many_callers_share_the_pool():
    results: dict[int, int] = {}

    def call(i):
        total = []
        parallel.run(lambda start, stop: total.append(stop - start), 1000 + i, threads=2 + i % 3, chunk=10)
        results[i] = sum(total)

    callers = [threading.Thread(target=call, args=(i,)) for i in range(12)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(timeout=60)
    assert results == {i: 1000 + i for i in range(12)}


@pytest.mark.parametrize("threads", [0, -1, 1.0, "2", True, False, 2.5])
def test_threads_that_are_no_number(threads):
    with pytest.raises(ArgumentError, match="threads must be a whole number from 1; got .* None uses all") as caught:
        parallel.thread_count(threads)
    assert repr(threads) in str(caught.value)


def test_none_means_every_cpu_this_process_may_use(monkeypatch):
    monkeypatch.delenv("VALKYRIE_NUM_THREADS", raising=False)
    assert parallel.thread_count(None) == parallel.available_threads() == len(os.sched_getaffinity(0))
    assert parallel.thread_count(7) == 7
    monkeypatch.setenv("VALKYRIE_NUM_THREADS", "3")
    assert parallel.thread_count(None) == 3
    assert parallel.thread_count(1) == 1


@pytest.mark.parametrize("value", ["0", "-1", "many", "1.5", " 2"])
def test_an_environment_that_makes_no_sense_is_named(monkeypatch, value):
    monkeypatch.setenv("VALKYRIE_NUM_THREADS", value)
    with pytest.raises(ArgumentError, match="VALKYRIE_NUM_THREADS.*whole number from 1, or unset"):
        parallel.thread_count(None)


AT_EXIT = """
import atexit, threading, numpy as np, valkyrie as vk
keys = np.arange(3_000_000) * 10**9
table = vk.IdTable.build(keys)
def last():
    print((table.get_many(keys, threads=2) == np.arange(len(keys))).all(), flush=True)
atexit.register(last)
if USED:
    table.get_many(keys, threads=2)
"""


@pytest.mark.parametrize("used", [False, True])
def test_at_exit_two_threads_are_one(used):
    """An interpreter on its way out starts no threads."""
    code = AT_EXIT.replace("USED", str(used))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("True\n", "")


WHILE_STARTING = """
import threading, numpy as np, valkyrie as vk
keys = np.arange(2_000_000) * 10**9
table = vk.IdTable.build(keys)
start = threading.Thread.start
def interrupted(thread):
    start(thread)
    raise KeyboardInterrupt
threading.Thread.start = interrupted
try:
    table.get_many(keys, threads=2)
except KeyboardInterrupt:
    print("interrupted")
threading.Thread.start = start
if AGAIN:
    print((table.get_many(keys, threads=2) == np.arange(len(keys))).all(), flush=True)
"""


@pytest.mark.parametrize(("again", "said"), [(False, "interrupted\n"), (True, "interrupted\nTrue\n")])
def test_ctrl_c_while_a_thread_is_starting_leaves_none_behind(again, said):
    """The executor does not know a thread yet whose start was interrupted, and would not end it: the process would never exit."""
    code = WHILE_STARTING.replace("AGAIN", str(again))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert (done.stdout, done.stderr) == (said, "")
