"""One table under many threads, across a fork, and interrupted."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

import valkyrie as vk


@pytest.fixture(scope="module")
def tables():
    rng = np.random.default_rng(0)
    ids = np.unique(rng.integers(0, 2**64, 60_000, dtype=np.uint64))
    texts = [f"name {i}" for i in range(20_000)]
    wide = np.array([i.to_bytes(16, "big") for i in range(20_000)], "V16")
    return [
        (vk.IdTable.build(ids), ids),
        (vk.IdTable.build(texts), np.array(texts, object)),
        (vk.IdTable.build(texts), np.array(texts, np.dtypes.StringDType())),
        (vk.IdTable.build(wide), wide),
    ]


def test_many_threads_read_one_table(tables):
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    wrong: list[str] = []

    def read(seed):
        rng = np.random.default_rng(seed)
        for turn in range(40):
            table, keys = tables[turn % len(tables)]
            at = rng.integers(0, len(keys), int(rng.integers(0, 5000)))
            got = table.get_many(keys[at], threads=int(rng.integers(1, 4)))
            if not np.array_equal(got, at):
                wrong.append(f"{seed} {turn}")

    try:
        threads = [threading.Thread(target=read, args=(i,)) for i in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(before)
    assert not wrong


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_threads_do_not_change_the_answer_or_the_table(threads):
    rng = np.random.default_rng(1)
    keys = np.unique(rng.integers(0, 2**64, 400_000, dtype=np.uint64))
    table = vk.IdTable.build(keys, seed=3, threads=threads)
    alone = vk.IdTable.build(keys, seed=3)
    assert table.lines.tobytes() == alone.lines.tobytes()
    queries = rng.choice(keys, 1_500_000)
    assert np.array_equal(table.get_many(queries, threads=threads), np.searchsorted(keys, queries))


def test_an_error_in_one_thread_is_raised_and_the_pool_goes_on():
    table = vk.IdTable.build(["a"])
    texts = np.full(80_001, "a")
    texts.view(np.uint32)[40_000] = 0x110000  # no code point
    with pytest.raises(vk.errors.KeyTypeError, match="40000"):
        table.get_many(texts, threads=2)
    assert (table.get_many(np.array(["a"] * 50_000), threads=2) == 0).all()


FORK = """
import os, sys, numpy as np, valkyrie as vk
keys = np.arange(300_000) * 10**9
table = vk.IdTable.build(keys, threads=2)
assert (table.get_many(np.tile(keys, 4), threads=2) >= 0).all()
child = os.fork()
if child == 0:
    ok = (table.get_many(np.tile(keys, 4), threads=2) == np.tile(np.arange(300_000), 4)).all()
    os._exit(0 if ok else 3)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_a_forked_child_has_a_pool_of_its_own():
    assert subprocess.run([sys.executable, "-W", "ignore", "-c", FORK], timeout=60).returncode == 0


INTERRUPT = """
import signal, sys, numpy as np, valkyrie as vk
signal.signal(signal.SIGINT, signal.default_int_handler)    # a shell's background jobs start with it ignored
table = vk.IdTable.build(np.arange(100_000) * 10**9)
try:
    print("ready", flush=True)
    while True:
        table.get_many(np.zeros(40_000_000, np.int64), threads=THREADS)
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""


@pytest.mark.parametrize("threads", [1, 2])
def test_ctrl_c_ends_a_long_batch(threads):
    code = INTERRUPT.replace("THREADS", str(threads))
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    try:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        child.send_signal(signal.SIGINT)
        said, _ = child.communicate(timeout=30)
    finally:
        child.kill()
    assert said == "interrupted\n"


class Interrupted(vk.IdTable):
    """Raises SIGINT in its second chunk, and counts the chunks that begin."""

    chunks = 0

    def _probe_ints(self, keys, missing, out):
        self.chunks += 1
        if self.chunks == 2:
            signal.raise_signal(signal.SIGINT)
        time.sleep(0.01)
        super()._probe_ints(keys, missing, out)


@pytest.mark.parametrize("threads", [1, 2])
def test_after_ctrl_c_no_more_than_a_few_chunks_begin(threads):
    table = Interrupted.build(np.arange(1000) * 10**9)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            table.get_many(np.broadcast_to(np.int64(0), 100_000_000), threads=threads)
    finally:
        signal.signal(signal.SIGINT, before)
    assert 2 <= table.chunks <= 40  # of 191; a busy machine may be late to notice


def test_threads_argument_is_checked():
    table = vk.IdTable.build([1])
    for bad in (0, -1, 1.5, "2", True):
        with pytest.raises(vk.errors.ArgumentError, match="threads"):
            table.get_many([1], threads=bad)
    assert table.get_many([1], threads=None).tolist() == [0]
