"""Memory of large results: as good as new, back when nobody holds it, and never in two hands."""

from __future__ import annotations

import gc

import numpy as np
import pytest

from valkyrie._native import gather, large_result, results

N = results.LARGE_BYTES // 4 + 3
kept = pytest.mark.skipif(results._LAZY_FREE is None, reason="this system has no MADV_FREE: nothing is kept")


@pytest.fixture(autouse=True)
def _nothing_kept():
    gc.collect()
    results._idle.clear()
    yield
    results._idle.clear()


def address(array):
    return array.ctypes.data


@pytest.mark.parametrize("n", [0, 1, N, 3 * N])
def test_it_is_an_array_as_any_other(n):
    array = large_result(n, np.int32)
    assert (array.shape, array.dtype, array.flags.writeable, array.flags.c_contiguous) == ((n,), np.int32, True, True)
    array[:] = 7
    assert array.sum() == 7 * n


@kept
def test_memory_is_used_again_when_its_array_is_gone():
    first = large_result(N, np.int32)
    place = address(first)
    second = large_result(N, np.int32)
    assert not np.shares_memory(first, second)
    del first
    third = large_result(N - 3, np.int32)
    assert address(third) == place
    del second, third
    assert len(results._idle) == 1
    assert not results._held


@kept
@pytest.mark.parametrize("hold", [lambda a: a[5:], lambda a: a.view(np.uint8)[::2], memoryview, lambda a: a[1:].reshape(-1, 1).T])
def test_whoever_looks_at_the_memory_holds_it(hold):
    array = large_result(N, np.int32)
    array[:] = 1
    view = hold(array)
    del array
    other = large_result(N, np.int32)
    other[:] = 2
    assert not results._idle
    assert not np.shares_memory(np.asarray(view), other)
    del view
    assert len(results._idle) == 1


@kept
def test_neither_far_too_much_nor_too_little_is_used_again():
    big = large_result(5 * N, np.int32)
    place = address(big)
    del big
    small = large_result(N, np.int32)
    assert address(small) != place
    del small
    assert large_result(3 * N, np.int32).nbytes == 12 * N


@kept
def test_no_more_is_kept_than_is_said(monkeypatch):
    monkeypatch.setattr(results, "KEPT_BYTES", 4 * N)
    array = large_result(3 * N, np.int32)
    del array
    assert not results._idle
    assert not results._held


@pytest.mark.parametrize("rows", [None, np.arange(200, 0, -1, dtype=np.int32)])
def test_ranges_of_any_length_are_written_out(rows):
    rng = np.random.default_rng(3)
    for trial in range(60):
        sizes = rng.integers(0, [2, 9, 70][trial % 3], rng.integers(1, 30))
        starts = rng.integers(0, 100, len(sizes)).astype(np.int32)
        offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        room = np.full(int(offsets[-1]) + 16, -5, np.int32)
        shift = trial % 8  # however the results lie in memory, nothing before or behind them is touched
        out = room[shift : shift + int(offsets[-1])]
        gather.expand_ranges(starts, offsets, rows, out)
        expected = [np.arange(a, a + size) for a, size in zip(starts, sizes, strict=True)]
        expected = np.concatenate(expected)
        assert np.array_equal(out, expected if rows is None else rows[expected])
        assert (np.delete(room, np.s_[shift : shift + len(out)]) == -5).all()


def test_a_range_may_end_at_the_greatest_number():
    out = np.empty(20, np.int32)
    gather.expand_ranges(np.array([2**31 - 11, 0], np.int32), np.array([0, 10, 20], np.int64), None, out)
    assert out.tolist() == [*range(2**31 - 11, 2**31 - 1), *range(10)]
