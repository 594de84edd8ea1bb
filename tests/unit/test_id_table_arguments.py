"""Bad input: every mistake is refused before anything is done, by an error that names the argument and the mend."""

from __future__ import annotations

import datetime
import decimal
import mmap
import tracemalloc
import uuid

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import valkyrie as vk
from valkyrie.errors import ArgumentError, CapacityError, KeyNotFoundError, KeyTypeError, ValkyrieError

ids = vk.IdTable.build([10, 20, 30])
texts = vk.IdTable.build(["a", "b"])
wides = vk.IdTable.build([uuid.UUID(int=1), uuid.UUID(int=2)])


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        ([1.5, 2.0], "keys.*float"),
        (np.array([1.0]), "keys.*float64.*Int64"),
        (np.array([1.0], np.float32), "keys.*float32"),
        (np.array([1j]), "keys.*complex"),
        ([True, False], "keys.*bool"),
        (np.array([True]), "keys.*bool"),
        (np.array(["2020-01-01"], "M8[D]"), "keys.*datetime64.*int64"),
        (np.array([5], "m8[s]"), "keys.*timedelta64"),
        ([datetime.date(2020, 1, 1)], "keys.*position 0, got date"),
        ([decimal.Decimal(1)], "keys.*position 0, got Decimal"),
        ([1, "a"], "keys: int expected at position 1, got str"),
        ([1, 2, float("nan")], "position 2, got float.*None for a missing key"),
        (["a", 5, None], "keys: str or bytes expected at position 1, got int"),
        ([uuid.UUID(int=5), 5], "keys: uuid.UUID expected at position 1"),
        ([[1, 2], [3]], "keys.*position 0, got list.*one flat column"),
        ([1, None], "keys: the key at position 1 is null.*Drop"),
        (["a", None], "keys: the key at position 1 is null.*Drop"),
        (pa.array([1, 2, None]), "keys: the key at position 2 is null"),
        (pd.Series(["a", None], dtype="str"), "keys: the key at position 1 is null"),
        (pl.Series([None, 5]), "keys: the key at position 0 is null"),
        (pd.Series([1.0, 2.0]), "keys.*float64"),
        (pl.Series([1.0]), "keys.*Float64"),
        (pa.array([1.0]), "keys.*double"),
        (pd.to_datetime(pd.Series(["2020-01-01"])), "keys.*datetime64"),
        (np.zeros(3, [("a", "i8"), ("b", "i8")]), "keys"),
        ([2**64], "keys.*position 0.*b16"),
        ([-1, 2**63], "keys.*signed"),
        (["\ud800"], "keys.*position 0.*surrogate"),
        (["fine", "\udfff"], "keys.*position 1.*surrogate"),
        (np.array(["fine", "\ud800"]), "keys.*position 1.*surrogate"),
    ],
)
def test_keys_that_cannot_be_keys(keys, says):
    with pytest.raises(KeyTypeError, match=says) as caught:
        vk.IdTable.build(keys)
    assert isinstance(caught.value, TypeError)
    assert isinstance(caught.value, ValkyrieError)
    assert caught.value.code == "key_type"
    assert caught.value.hint


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        (np.zeros((2, 2), int), r"keys.*shape \(2, 2\)"),
        (np.int64(5), "keys.*single"),
        (np.array(5), r"keys.*shape \(\)"),
        ("abc", "keys.*single str.*list"),
        (5, "keys.*single int"),
        ({1, 2}, "keys.*set"),
        ({"a": 1}, "keys.*dict"),
        (iter([1]), r"keys.*list\(keys\)"),
        (pd.DataFrame({"id": [1]}), "keys.*one column.*DataFrame"),
        (None, "keys"),
    ],
)
def test_what_is_no_column_of_keys(keys, says):
    for use in (vk.IdTable.build, ids.get_many, ids.contains_many):
        with pytest.raises(ArgumentError, match=says) as caught:
            use(keys)
        assert isinstance(caught.value, ValueError)
        assert caught.value.hint


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"rows": [1]}, r"rows.*\(2,\).*\(1,\)"),
        ({"rows": [1, 2, 3]}, r"rows.*\(2,\).*\(3,\)"),
        ({"rows": [[0], [1]]}, r"rows.*\(2, 1\)"),
        ({"rows": 5}, "rows"),
        ({"rows": [-1, 0]}, "rows must lie between 0 and 2147483647; got -1.*-1 is kept"),
        ({"rows": [0, 2**31]}, "rows.*2147483648"),
        ({"rows": np.array([0, 2**63], np.uint64)}, "rows.*9223372036854775808"),
        ({"rows": [0.5, 1.0]}, "rows must be whole numbers; got dtype float64"),
        ({"rows": [True, False]}, "rows must be whole numbers; got dtype bool"),
        ({"rows": ["a", "b"]}, "rows must be whole numbers"),
        ({"kind": "text"}, "kind"),
        ({"seed": -1}, "seed.*-1"),
        ({"seed": 2**64}, "seed.*18446744073709551616"),
        ({"seed": 1.0}, "seed.*1.0"),
        ({"seed": True}, "seed.*True"),
        ({"threads": 0}, "threads.*0"),
        ({"threads": -1}, "threads.*-1"),
        ({"threads": 1.5}, "threads.*1.5"),
        ({"threads": True}, "threads.*True"),
        ({"on_duplicate": "any"}, "on_duplicate.*error.*first.*last.*any"),
        ({"on_duplicate": None}, "on_duplicate"),
    ],
)
def test_options_of_a_build(options, says):
    with pytest.raises(ArgumentError, match=says):
        vk.IdTable.build([1, 2], **options)


@pytest.mark.parametrize(("keys", "kind"), [([1], "bytes"), (["a"], "int"), (["a"], "b16"), ([uuid.UUID(int=1)], "int")])
def test_a_kind_that_the_keys_are_not(keys, kind):
    with pytest.raises(KeyTypeError, match="keys"):
        vk.IdTable.build(keys, kind=kind)


@pytest.mark.parametrize("dtype", ["i8", "u2", "V16", "S3", "U2"])
def test_more_rows_than_int32_are_refused_before_memory_is_asked_for(dtype, tmp_path):
    with open(tmp_path / "holes", "w+b") as file:
        file.truncate(2**31 * np.dtype(dtype).itemsize)
        keys = np.frombuffer(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ), dtype)
    tracemalloc.start()
    with pytest.raises(CapacityError, match="keys: 2147483648 keys.*2147483647.*Split") as caught:
        vk.IdTable.build(keys)
    assert isinstance(caught.value, OverflowError)
    assert tracemalloc.get_traced_memory()[1] < 2**20
    tracemalloc.stop()


@pytest.mark.parametrize(
    ("table", "keys", "says"),
    [
        (ids, ["a"], "int.*str"),
        (ids, [1.0], "float"),
        (ids, np.array([1.0]), "Int64"),
        (ids, [uuid.UUID(int=1)], "int.*uuid"),
        (ids, pd.Series(["a"]), "int"),
        (ids, pl.Series([1.5]), "Float64"),
        (texts, [1], "bytes.*int"),
        (texts, ["a", 1], "position 1, got int"),
        (texts, np.array([1]), "bytes.*int64"),
        (texts, [uuid.UUID(int=1)], "bytes.*UUID"),
        (wides, ["a"], "16 bytes.*position 0"),
        (wides, [b"short"], "16 bytes.*position 0.*length 5"),
        (wides, np.array([1]), "b16.*int64"),
    ],
)
def test_queries_of_another_kind(table, keys, says):
    for use in (table.get_many, table.contains_many):
        with pytest.raises(KeyTypeError, match=says) as caught:
            use(keys)
        assert "keys" in str(caught.value)


@pytest.mark.parametrize("threads", [1, 2])
def test_a_query_without_utf8_form_is_a_miss(threads):
    keys = ["a"] * 20_000
    keys[17_321] = "\ud800"
    expected = texts.get_many(["a"] * 20_000)
    expected[17_321] = -1
    for given in (keys, np.array(keys), np.array(keys, object), np.array(keys)[::-1][::-1]):
        assert np.array_equal(texts.get_many(given, threads=threads), expected)
        assert np.array_equal(texts.get_many(given, out=np.empty(20_000, np.int32), threads=threads), expected)


@pytest.mark.parametrize("threads", [1, 2])
def test_integers_that_no_table_holds_are_misses(threads):
    keys = [10, 2**70, -1, 2**63, -(2**90), 20]
    for table in (vk.IdTable.build([10, 20]), vk.IdTable.build(np.array([10, 20], np.uint64))):
        expected = [table.get(key, -1) for key in keys]
        assert expected == [0, -1, -1, -1, -1, 1]
        for given in (keys, tuple(keys), np.array(keys, object), pd.Series(keys, dtype=object)):
            assert table.get_many(given, threads=threads).tolist() == expected
            assert table.get_many(given, out=np.empty(6, np.int32), threads=threads).tolist() == expected
    assert wides.get_many([2, -1, 2**128]).tolist() == [1, -1, -1]


@pytest.mark.parametrize(
    ("table", "key"),
    [
        (ids, "a"), (ids, 1.0), (ids, b"a"), (ids, True), (ids, uuid.UUID(int=1)), (ids, np.float32(1)), (ids, (1,)),
        (ids, np.timedelta64(1, "s")), (ids, np.True_),
        (texts, 1), (texts, 1.0), (texts, uuid.UUID(int=1)), (texts, ["a"]),
        (wides, "a"), (wides, b"short"), (wides, 1.0), (wides, True), (wides, bytes(17)),
    ],
)  # fmt: skip
def test_a_single_key_of_another_kind(table, key):
    for use in (table.get, table.__getitem__, table.__contains__):
        with pytest.raises(KeyTypeError, match="key: .*kind.*got"):
            use(key)


def test_a_single_null_is_a_miss():
    for table in (ids, texts, wides):
        assert table.get(None) is None
        assert table.get(None, 5) == 5
        assert None not in table


def test_single_keys_of_unusual_types():
    for key in (np.int8(20), np.uint64(20), np.int64(20)):
        assert ids.get(key) == 1
    assert ids.get(np.uint64(2**64 - 1)) is None
    assert wides.get(2) == 1
    assert wides.get(-1) is None
    assert wides.get(2**128) is None
    assert wides.get(np.void(uuid.UUID(int=2).bytes)) == 1
    assert texts.get(np.str_("b")) == 1
    assert texts.get(np.bytes_(b"b")) == 1

    class Name(str):
        __slots__ = ()

    assert texts.get(Name("b")) == 1
    assert texts.get_many([Name("b"), np.str_("a")]).tolist() == [1, 0]


def test_a_key_that_is_not_there_is_a_key_error():
    for table, key in ((ids, 5), (texts, "c"), (wides, uuid.UUID(int=9))):
        with pytest.raises(KeyNotFoundError, match="not in the table.*get") as caught:
            table[key]
        assert isinstance(caught.value, KeyError)
        assert caught.value.data["key"] == key


@pytest.mark.parametrize("missing", [2**31, -(2**31) - 1, 1.5, None, "a", True])
def test_missing_must_fit_int32(missing):
    for table, keys in ((ids, np.array([1])), (ids, [1]), (texts, ["a"]), (wides, [bytes(16)])):
        with pytest.raises(ArgumentError, match="missing must be a whole number that fits int32"):
            table.get_many(keys, missing=missing)


@pytest.mark.parametrize("missing", [2**31 - 1, -(2**31), 0, np.int64(7)])
def test_missing_may_be_any_int32(missing):
    for keys in (np.array([20, 5]), np.array([20, 5], np.int16), [20, 5], np.array([20, 5], np.uint64)):
        assert ids.get_many(keys, missing=missing).tolist() == [1, missing]
    assert texts.get_many(["b", "z", None], missing=missing).tolist() == [1, missing, missing]


def _read_only(n):
    out = np.empty(n, np.int32)
    out.flags.writeable = False
    return out


@pytest.mark.parametrize(
    ("out", "says"),
    [
        (np.empty(2, np.int64), r"out must be an int32 array of shape \(2,\); got int64"),
        (np.empty(2, np.uint32), "out.*uint32"),
        (np.empty(2, ">i4"), "out"),
        (np.empty(3, np.int32), r"out.*\(2,\).*\(3,\)"),
        (np.empty((2, 1), np.int32), r"out.*\(2, 1\)"),
        ([0, 0], "out.*list"),
        (np.empty(4, np.int32)[::2], "out must be contiguous"),
        (np.empty(2, np.int32)[::-1], "out must be contiguous"),
        (_read_only(2), "out must be.*writeable"),
        (np.frombuffer(bytearray(9), np.int32, 2, offset=1), "out must be.*aligned"),
    ],
)
def test_out_of_another_form(out, says):
    for table, keys in ((ids, np.array([10, 5])), (texts, ["a", "z"]), (wides, [bytes(16), bytes(16)])):
        with pytest.raises(ArgumentError, match=says):
            table.get_many(keys, out=out)


def test_out_is_filled():
    out = np.empty(3, np.int32)
    assert ids.get_many([30, 5, 10], out=out) is out
    assert out.tolist() == [2, -1, 0]
    assert texts.get_many(np.array(["b", "c", ""]), out=out, missing=4) is out
    assert out.tolist() == [1, 4, 4]
    part = np.zeros(9, np.int32)
    ids.get_many([30, 5, 10], out=part[3:6])
    assert part.tolist() == [0, 0, 0, 2, -1, 0, 0, 0, 0]


def test_out_that_overlaps_the_keys_is_refused():
    memory = np.zeros(64, np.int64)
    n = 8
    for keys in (memory[:n], memory[:n].view(np.uint64), memory[: 2 * n : 2], memory.view(np.int32)[4 : 4 + n]):
        for out in (memory.view(np.int32)[:n], memory.view(np.int32)[2 : 2 + n]):
            with pytest.raises(ArgumentError, match="out shares memory with keys"):
                ids.get_many(keys, out=out)
    raw = np.zeros(n * 16, np.uint8)
    with pytest.raises(ArgumentError, match="out shares memory with keys"):
        wides.get_many(raw.view("V16"), out=raw.view(np.int32)[:n])
    with pytest.raises(ArgumentError, match="out shares memory with keys"):
        wides.get_many(raw.reshape(n, 16), out=raw.view(np.int32)[-n:])
    fields = np.zeros(n, "S8")
    with pytest.raises(ArgumentError, match="out shares memory with keys"):
        texts.get_many(fields, out=fields.view(np.int32)[:n])
    with pytest.raises(ArgumentError, match="out shares memory with keys"):
        ids.get_many(pd.Series(memory[:n], copy=False), out=memory.view(np.int32)[:n])
    buffer = pa.py_buffer(memory)
    with pytest.raises(ArgumentError, match="out shares memory with keys"):
        ids.get_many(pa.Array.from_buffers(pa.int64(), n, [None, buffer]), out=memory.view(np.int32)[:n])
    assert ids.get_many(memory[:n], out=memory.view(np.int32)[-n:]).tolist() == [-1] * n


def test_threads_of_a_lookup():
    for threads in (0, -1, 1.0, True, "2"):
        with pytest.raises(ArgumentError, match="threads must be a whole number from 1"):
            ids.get_many([1], threads=threads)
        with pytest.raises(ArgumentError, match="threads must be a whole number from 1"):
            texts.get_many(np.array(["a"]), threads=threads)
    assert ids.get_many([20], threads=None).tolist() == [1]


def test_a_bad_load_argument_is_named(tmp_path):
    path = tmp_path / "t.vks"
    ids.save(path)
    with pytest.raises(ArgumentError, match="mode='rw'"):
        vk.load(path, mode="rw")
    with pytest.raises(ArgumentError, match="verify='some'"):
        vk.load(path, verify="some")
