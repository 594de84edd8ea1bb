"""IdTable against a dict: integers and 128-bit ids of every shape, size and layout."""

from __future__ import annotations

import numpy as np
import pytest

import valkyrie as vk
from tests import naive
from tests.key_sets import INTEGERS, WIDE, absent_ids, neighbours
from tests.ways import agree, scalar_rows

SIZES = [0, 1, 2, 3, 5, 6, 7, 8, 9, 31, 32, 33, 1023, 1024, 1025, 16_383, 16_384, 16_385, 40_960, 40_961, 65_537]
LARGE = [81_920, 81_921, 100_000, 131_073]
LIMITS = [-(2**63), -(2**63) + 1, -(2**32), -1, 0, 1, 2**31 - 1, 2**31, 2**32, 2**63 - 2, 2**63 - 1]
BEYOND = [2**63, 2**63 + 1, 2**64 - 1, 2**64, 2**70, -(2**63) - 1, -(2**70)]


@pytest.mark.parametrize("is_signed", [False, True])
@pytest.mark.parametrize("n", SIZES)
def test_integers_of_every_shape(n, is_signed, rng):
    dtype = np.int64 if is_signed else np.uint64
    for name, make in INTEGERS.items():
        keys = make(n, rng).view(dtype)
        rng.shuffle(keys)
        table = vk.IdTable.build(keys)
        assert (len(table), table.kind, table.is_signed) == (n, "int", is_signed)
        expected = naive.rows_of(keys.tolist())
        ids = keys.view(np.uint64)
        queries = np.concatenate([ids, neighbours(ids[:4000]), absent_ids(min(n, 9000) + 19, rng)]).view(dtype)
        wanted = naive.get_many(expected, queries.tolist())
        assert np.array_equal(table.get_many(queries), wanted), name
        assert np.array_equal(table.get_many(queries, threads=2), wanted), name
        assert np.array_equal(table.contains_many(queries), wanted >= 0), name
        few = slice(None, None, max(1, len(queries) // 60))
        assert scalar_rows(table, queries[few].tolist()) == wanted[few].tolist(), name
        assert naive.recovered(table) == expected, name


@pytest.mark.parametrize("n", LARGE)
@pytest.mark.parametrize("name", INTEGERS)
def test_integers_around_the_edges_of_segments(n, name, rng, tmp_path):
    keys = INTEGERS[name](n, rng)
    rng.shuffle(keys)
    table = vk.IdTable.build(keys)
    assert table.layout == ("direct" if name in ("sequential", "dense with holes") else "lines")
    queries = np.concatenate([keys[: n // 2], neighbours(keys[:4000]), absent_ids(9000, rng)])
    agree(table, queries, naive.get_many(naive.rows_of(keys.tolist()), queries.tolist()), tmp_path, rng)
    assert len(np.unique(table.get_many(keys))) == n


@pytest.mark.parametrize("n", [16_384, 16_385, 81_920, 81_921])
def test_layouts_change_at_their_limits(n):
    table = vk.IdTable.build(np.arange(n, dtype=np.uint64) * np.uint64(10**12))
    assert table.layout == ("flat" if n <= 16_384 else "lines")
    header = table.to_columns()["header"][0]
    assert (header["segment_shift"] == 12) == (n > 40_960)  # 8,192 buckets of five keys are the most of a single segment
    assert len(table.lines) % int(header["segment_lines"]) == 0


@pytest.mark.parametrize("n", [0, 1, 2, 3, 4, 5, 6, 100, 5000, 60_000])
@pytest.mark.parametrize("name", WIDE)
def test_128_bit_ids(n, name, rng, tmp_path):
    every = WIDE[name](2 * n, rng)
    rng.shuffle(every)
    keys = every[:n]
    table = vk.IdTable.build(keys, kind="b16")
    assert (len(table), table.kind, table.layout) == (n, "b16", "lines")
    expected = np.where(np.arange(2 * n) < n, np.arange(2 * n), -1).astype(np.int32)
    agree(table, every, expected, tmp_path, rng)
    assert naive.recovered(table) == naive.rows_of(keys.tolist())


@pytest.mark.parametrize("spread", [1, 10**9])
def test_signed_tables_at_the_limits_of_int64(spread):
    keys = sorted({min(max(limit // spread * spread, -(2**63)), 2**63 - 1) for limit in LIMITS})
    table = vk.IdTable.build(np.array(keys, np.int64))
    assert table.is_signed
    expected = naive.rows_of(keys)
    queries = [*keys, *LIMITS, *BEYOND]
    assert scalar_rows(table, queries) == naive.get_many(expected, queries).tolist()
    for dtype in ("i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8"):
        info = np.iinfo(dtype)
        fitting = [q for q in queries if info.min <= q <= info.max]
        for order in "<>":
            array = np.array(fitting, f"{order}{dtype}")
            assert np.array_equal(table.get_many(array), naive.get_many(expected, fitting)), (order, dtype)


def test_a_query_of_the_other_sign_is_a_miss_and_never_an_alias(rng):
    for n in (3, 2_000, 30_000):
        low = rng.integers(0, 2**63, n, dtype=np.uint64)
        low = np.unique(low)
        high = low | np.uint64(2**63)
        signed = vk.IdTable.build(high.view(np.int64))
        unsigned = vk.IdTable.build(high)
        assert (signed.is_signed, unsigned.is_signed) == (True, False)
        assert not signed.contains_many(high).any()
        assert not unsigned.contains_many(high.view(np.int64)).any()
        assert signed.contains_many(high.view(np.int64)).all()
        assert unsigned.contains_many(high).all()
        assert not signed.contains_many(high.astype(">u8")).any()
        assert not unsigned.contains_many(high.view(np.int64).astype(">i8")).any()
        for some in high[:20].tolist():
            assert some not in signed
            assert some - 2**64 not in unsigned
            assert some - 2**64 in signed
            assert some in unsigned
    small = vk.IdTable.build(np.array([2**64 - 1, 2**64 - 2, 2**64 - 128, 255, 65_535, 2**32 - 1], np.uint64))
    for dtype in ("i1", "i2", "i4", "i8"):
        assert small.get_many(np.array([-1, -2, -128], dtype)).tolist() == [-1, -1, -1], dtype
    assert small.get_many(np.array([255], np.uint8)).tolist() == [3]
    assert small.get_many(np.array([65_535], np.uint16)).tolist() == [4]
    assert small.get_many(np.array([2**32 - 1], np.uint32)).tolist() == [5]


@pytest.mark.parametrize("base", [-(2**63), -500, -1, 0, 2**63 - 1000])
@pytest.mark.parametrize("step", [1, 2])
def test_dense_integers_answer_just_outside_their_range(base, step):
    keys = [base + i for i in range(0, 1000, step)]
    table = vk.IdTable.build(np.array(keys, np.int64))
    assert table.layout == "direct"
    queries = [q for q in range(base - 5, base + 1005) if -(2**63) <= q < 2**63] + LIMITS
    expected = naive.rows_of(keys)
    assert np.array_equal(table.get_many(np.array(queries, np.int64)), naive.get_many(expected, queries))
    assert scalar_rows(table, queries + BEYOND) == naive.get_many(expected, queries + BEYOND).tolist()
    assert naive.recovered(table) == expected
    assert table.keys().tolist() == keys


@pytest.mark.parametrize("base", [0, 2**63 - 500, 2**64 - 1000])
def test_dense_unsigned_integers_answer_just_outside_their_range(base):
    keys = [base + i for i in range(1000)]
    table = vk.IdTable.build(np.array(keys, np.uint64))
    assert table.layout == "direct"
    queries = [q for q in range(base - 5, base + 1005) if 0 <= q < 2**64] + [0, 2**63, 2**64 - 1]
    expected = naive.rows_of(keys)
    assert np.array_equal(table.get_many(np.array(queries, np.uint64)), naive.get_many(expected, queries))
    assert scalar_rows(table, [*queries, -1, -(2**63), 2**64]) == naive.get_many(expected, [*queries, -1, -1, -1]).tolist()
    assert naive.recovered(table) == expected


@pytest.mark.parametrize("dtype", ["i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", ">i2", ">u4", ">i8", ">u8"])
def test_keys_of_every_width_build_the_same_table(dtype, rng):
    info = np.iinfo(dtype)
    keys = np.unique(rng.integers(info.min, info.max, 5000, dtype=np.dtype(dtype).newbyteorder("="), endpoint=True))
    rng.shuffle(keys)
    expected = naive.rows_of(keys.tolist())
    for given in (keys.astype(dtype), keys.astype(dtype)[::-1][::-1], np.repeat(keys.astype(dtype), 2)[::2]):
        table = vk.IdTable.build(given)
        assert table.is_signed == (np.dtype(dtype).kind == "i")
        assert naive.recovered(table) == expected
        assert np.array_equal(table.get_many(given), np.arange(len(keys)))


def test_a_table_of_nothing_answers():
    for kind, queries in (("int", [1, 2]), ("b16", [bytes(16)]), ("bytes", ["", b"a"])):
        table = vk.IdTable.build([], kind=kind)
        assert (len(table), table.kind) == (0, kind)
        assert table.get_many(queries).tolist() == [-1] * len(queries)
        assert scalar_rows(table, queries) == [-1] * len(queries)
        assert table.get_many([]).shape == (0,)
        assert (table.keys().shape, table.rows().shape) == ((0,), (0,))
        assert naive.recovered(table) == {}
    assert vk.IdTable.build(np.array([])).get_many(np.array([])).shape == (0,)
