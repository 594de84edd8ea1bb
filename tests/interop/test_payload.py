"""Payload columns from every container come to the same values."""

import array
import datetime
import uuid
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import valkyrie as vk
from valkyrie.arrays import ListBox, Strings, payload_column
from valkyrie.errors import ArgumentError

WHEN = datetime.datetime(2026, 1, 2, 3, 4, 5, 6)
NUMBERS = [f"{kind}{width}" for kind in ("int", "uint") for width in (8, 16, 32, 64)] + ["float32", "float64"]


def read(raw):
    """Return the dtype (or str for text) and the values with None for null, checking the promised layout."""
    values, nulls = payload_column(raw, "column")
    if isinstance(values, Strings):
        assert nulls is None
        return str, values.to_objects().tolist()
    assert values.ndim == 1
    assert values.flags.c_contiguous
    assert values.dtype.isnative
    assert nulls is None or (nulls.dtype == bool and nulls.any() and len(nulls) == len(values))
    return values.dtype, ListBox().column(values, nulls)


@pytest.mark.parametrize("dtype", NUMBERS)
def test_numbers(dtype):
    items, holed = [1, 2, 3], [1, None, 3]
    base = np.array(items, dtype=dtype)
    nullable = dtype.replace("ui", "UI").replace("i", "I", 1).replace("f", "F")
    polars_dtype = getattr(pl, nullable)
    arrow_type = pa.from_numpy_dtype(np.dtype(dtype))
    for raw in (
        base,
        base.astype(base.dtype.newbyteorder(">")),
        np.repeat(base, 2)[::2],
        pd.Series(base, index=[3, 1, 2]),
        pd.Index(base),
        pd.Series(items, dtype=nullable),
        pd.Series(items, dtype=pd.ArrowDtype(arrow_type)),
        pd.Series(items, dtype=dtype).array,
        pd.Series(items, dtype=pd.SparseDtype(dtype)),
        pd.Series(items, dtype=dtype).astype("category"),
        pl.Series(items, dtype=polars_dtype),
        pa.array(items, arrow_type),
        pa.array([9, *items], arrow_type)[1:],
        pa.chunked_array([items[:1], items[1:]], arrow_type),
        pa.array(items, arrow_type).dictionary_encode(),
        array.array(base.dtype.char, items),
    ):
        assert read(raw) == (np.dtype(dtype), items)
    for raw in (
        np.ma.MaskedArray(base, [False, True, False]),
        pd.Series(holed, dtype=nullable),
        pd.Series(holed, dtype=pd.ArrowDtype(arrow_type)),
        pl.Series(holed, dtype=polars_dtype),
        pa.array(holed, arrow_type),
        pa.array([None, *holed], arrow_type)[1:],
        pa.array(holed, arrow_type).dictionary_encode(),
        pd.Series(holed, dtype=nullable).astype("category"),
    ):
        assert read(raw) == (np.dtype(dtype), holed)


def test_numbers_of_the_right_layout_are_borrowed():
    base = np.arange(5)
    for raw in (base, pd.Series(base, copy=False), pl.Series(base), pa.array(base)):
        assert np.shares_memory(payload_column(raw, "x")[0], raw if isinstance(raw, np.ndarray) else raw.to_numpy())


@settings(max_examples=100, deadline=None)
@given(st.lists(st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=5), min_size=1))
def test_text_of_every_container(texts):
    # numpy's U cannot hold a trailing NUL, so the other forms are compared
    arrow = pa.array(texts, pa.string())
    for raw in (
        texts,
        np.array([*texts, None], dtype=object)[:-1],
        np.array(texts, dtype=np.dtypes.StringDType(na_object=None)),
        pd.Series(texts, dtype="str"),
        pd.Series(texts, dtype="string[python]"),
        pd.Series(texts, dtype=object),
        pl.Series(texts, dtype=pl.String),
        pl.Series(texts, dtype=pl.Categorical),
        arrow,
        arrow.cast(pa.large_string()),
        arrow.cast(pa.string_view()),
        arrow.dictionary_encode(),
        pa.chunked_array([arrow, arrow[:0]]),
        pd.Series(texts, dtype=pd.ArrowDtype(pa.string())),
        pd.Series(texts, dtype="str").astype("category"),
    ):
        assert read(raw) == (str, texts)
    column = Strings.from_texts(texts)
    assert payload_column(column, "x")[0] is column
    assert len(column.dictionary) == len(set(texts) - {None})


def test_slices_of_text_hold_only_their_own_bytes():
    whole = pa.array(["a" * 1000, "b", "c" * 1000])
    values, _ = payload_column(whole[1:2], "x")
    assert values.dictionary.data.tobytes() == b"b"


def test_a_dictionary_of_arrow_is_kept():
    array = pa.DictionaryArray.from_arrays(pa.array([1, None, 0, 2], pa.int8()), pa.array(["x", "y", None]))
    values, _ = payload_column(array, "x")
    assert values.codes.tolist() == [1, -1, 0, -1]
    assert read(array) == (str, ["y", None, "x", None])


def test_fixed_width_arrays_stay_as_they_are():
    assert read(np.array(["a", "é"])) == (np.dtype("U1"), ["a", "é"])
    assert read(np.array(["a", "é"], dtype=">U4")) == (np.dtype("U4"), ["a", "é"])
    assert read(np.array([b"a", b"bc"])) == (np.dtype("S2"), [b"a", b"bc"])
    assert read(np.zeros(2, dtype="V3")) == (np.dtype("V3"), [b"\0\0\0"] * 2)
    assert read(pa.array([b"a", None, b"bc"])) == (np.dtype("S2"), [b"a", None, b"bc"])
    assert read(pl.Series([b"a", None, b"bc"])) == (np.dtype("S2"), [b"a", None, b"bc"])
    assert read(pa.array([b"ab\0", None], pa.binary(3))) == (np.dtype("V3"), [b"ab\0", None])


def test_booleans():
    items = [True, None, False]
    for raw in (
        items,
        pd.Series(items, dtype="boolean"),
        pd.Series(items, dtype=object),
        pd.Series(items, dtype=pd.ArrowDtype(pa.bool_())),
        pl.Series(items),
        pa.array(items),
        pa.array([True] * 9 + items)[9:],
    ):
        assert read(raw) == (np.dtype(bool), items)
    assert read(np.array([True, False])) == (np.dtype(bool), [True, False])
    assert read([np.True_, False]) == (np.dtype(bool), [True, False])


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("kind", ["M", "m"])
def test_dates_and_durations(kind, unit):
    base = np.array([1, "NaT", 3], dtype=f"{kind}8[{unit}]")
    containers = [
        base,
        pd.Series(base),
        pa.array(base),
        pd.Series(pa.array(base), dtype=pd.ArrowDtype(pa.array(base).type)),
    ]
    if unit != "s":
        containers.append(pl.Series(base))
    for raw in containers:
        values, nulls = payload_column(raw, "when")
        assert values.dtype == base.dtype
        assert values[[0, 2]].tolist() == base[[0, 2]].tolist()
        assert nulls.tolist() == [False, True, False]
    masked = np.ma.MaskedArray(base, [True, False, False])
    assert payload_column(masked, "when")[1].tolist() == [True, True, False]
    assert payload_column(list(base), "when")[1].tolist() == [False, True, False]
    assert payload_column(base[[0, 2]], "when")[1] is None


def test_days():
    items = [datetime.date(2026, 1, 2), None]
    for raw in (items, pa.array(items), pl.Series(items), pd.Series(items, dtype=object)):
        assert read(raw) == (np.dtype("M8[D]"), items)
    assert read(pa.array(items, pa.date64()))[0] == np.dtype("M8[ms]")


@pytest.mark.parametrize(
    ("items", "dtype"),
    [
        ([1, None, -3], "i8"),
        ([1, 2**63], "u8"),
        ([np.int8(1), 2], "i8"),
        ([1, 2.5, None], "f8"),
        ([np.float32(1), None], "f8"),
        ([1, 2j], "c16"),
        ([b"a", None, b"bc"], "S2"),
        ([WHEN, None], "M8[us]"),
        ([datetime.timedelta(seconds=3), None], "m8[us]"),
        ([np.datetime64("2026-01-01T00:00:00", "s"), None], "M8[s]"),
    ],
    ids=str,
)
def test_lists_of_python_values(items, dtype):
    assert read(items) == (np.dtype(dtype), items)
    assert read(tuple(items)) == read(items)
    assert read(np.array([*items, None], dtype=object)[:-1]) == read(items)


def test_uuids_are_16_bytes():
    ids = [uuid.UUID(int=1), None]
    assert read(ids) == (np.dtype("V16"), [ids[0].bytes, None])


def test_ranges_and_columns_without_a_value():
    assert read(range(3)) == (np.dtype("i8"), [0, 1, 2])
    assert read(range(2**63, 2**63 + 2)) == (np.dtype("u8"), [2**63, 2**63 + 1])
    for raw in ([None, None], pa.nulls(2), pl.Series([None, None]), pd.Series([None, None], dtype=object)):
        assert read(raw) == (str, [None, None])
    assert read([]) == (str, [])
    assert read(np.array([])) == (np.dtype("f8"), [])


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ([[1, 2], [3]], r"a list \(position 0\) cannot be stored.*column of its own"),
        ([1, [2]], r"a list \(position 1\)"),
        ([1, "a"], r"a mixture of int and text \(position 1\).*one type"),
        ([True, 1], r"a mixture of bool and int"),
        ([Decimal(1)], r"a Decimal \(position 0\).*int, float or text"),
        ([object()], r"a object \(position 0\)"),
        ([2**64], "neither int64 nor uint64"),
        (range(2**64, 2**64 + 2), "neither int64 nor uint64"),
        ([b"a\0"], "trailing NUL"),
        ([WHEN.replace(tzinfo=datetime.UTC)], "time zone"),
        ([WHEN, WHEN.date()], "a mixture of datetime and date"),
        (np.zeros((2, 2)), r"an array of shape \(2, 2\)"),
        (np.zeros(2, dtype=[("a", "i4")]), "Give each field a column of its own"),
        (np.zeros(2, dtype="g"), "Convert to float64"),
        (np.zeros(2, dtype="M8"), "without a unit"),
        (pd.Series([WHEN]).dt.tz_localize("UTC"), r"tz_localize\(None\)"),
        (pd.Series(pd.period_range("2026", periods=1, freq="D")), "period"),
        (pd.MultiIndex.from_tuples([(1, 2)]), "MultiIndex"),
        (pl.Series([[1]]), "List"),
        (pl.Series([1]).cast(pl.Decimal(10, 2)), "Decimal.*Cast to Int64"),
        (pl.Series([1], dtype=pl.Int128), "Int128"),
        (pl.Series([WHEN], dtype=pl.Datetime("us", "UTC")), "time zone"),
        (pl.Series([WHEN.time()]), "Time"),
        (pa.array([[1]]), "list.*flatten"),
        (pa.array([{"a": 1}]), "struct.*flatten"),
        (pa.array([b""], pa.binary(0)), "fixed_size_binary.0. cannot be stored"),
        (pa.array([Decimal(1)]), "decimal.*Cast to"),
        (pa.array([0], pa.timestamp("us", "UTC")), "time zone"),
        (pa.array([0], pa.time64("us")), "time64"),
        ({1, 2}, "a set cannot be stored"),
        ((i for i in [1]), "a generator cannot be stored"),
        (["\ud800"], "position 0 holds a lone surrogate"),
    ],
    ids=lambda value: "" if isinstance(value, str) else type(value).__name__,
)
def test_what_cannot_be_stored_is_refused_by_column(raw, message):
    with pytest.raises(ArgumentError, match=f"column 'shard': .*{message}"):
        payload_column(raw, "shard")


OUTSIDE = np.array([0, 1 << 30, 3], np.int32)


@pytest.mark.parametrize("arrow_type", [pa.string(), pa.binary(), pa.string_view()], ids=str)
@pytest.mark.parametrize("coded", [False, True], ids=["plain", "dictionary"])
def test_damaged_arrow_arrays_are_refused(arrow_type, coded):
    if arrow_type == pa.string_view():
        buffers = [pa.py_buffer(np.array([40, 0, 0, 1 << 28] * 2, np.int32)), pa.py_buffer(b"abc")]
    else:
        buffers = [pa.py_buffer(OUTSIDE), pa.py_buffer(b"abc")]
    array = pa.Array.from_buffers(arrow_type, 2, [None, *buffers])
    if coded:
        array = pa.DictionaryArray.from_arrays(pa.array([0, 1], pa.int32()), array, safe=False)
    with pytest.raises(ArgumentError, match=r"column 'x': the Arrow array is damaged"):
        payload_column(array, "x")
    with pytest.raises(ArgumentError, match=r"column 'x': the Arrow array is damaged"):
        vk.RouteTable.build({"id": [1, 2], "x": array})


def test_codes_outside_a_dictionary_of_numbers_are_refused():
    array = pa.DictionaryArray.from_arrays(pa.array([0, 1 << 30], pa.int32()), pa.array([1.5, 2.5]), safe=False)
    with pytest.raises(ArgumentError, match="damaged"):
        payload_column(array, "x")


UUIDS = pa.array([bytes(16), b"x" * 16], pa.binary(16)).cast(pa.uuid())
BLOBS = pa.array([b"\xff", None])
ENTRIES = [
    pa.array(["x", None]),
    pa.array(["x", None]).cast(pa.string_view()),
    pa.array(["x", None]).dictionary_encode(),
    pa.array([1.5, None]),
    pa.array([datetime.date(2026, 1, 2), None]),
    BLOBS,
    BLOBS.cast(pa.binary_view()),
    UUIDS,
]


@pytest.mark.parametrize("entries", ENTRIES, ids=lambda entries: str(entries.type))
def test_dictionaries_and_runs_of_every_type(entries):
    dtype, (first, second) = read(entries)
    one = pa.DictionaryArray.from_arrays(pa.array([1, 0]), entries)
    assert read(one) == (dtype, [second, first])
    assert read(pa.chunked_array([one, one[1:]])) == (dtype, [second, first, first])
    runs = pa.RunEndEncodedArray.from_arrays([2, 3], entries)
    assert read(runs) == (dtype, [first, first, second])
    assert read(pa.chunked_array([runs, runs[1:]])) == (dtype, [first, first, second, first, second])


def test_a_dictionary_of_an_empty_dictionary_is_a_column_of_nulls():
    empty = pa.array([], pa.string()).dictionary_encode()
    array = pa.DictionaryArray.from_arrays(pa.array([None, None], pa.int8()), empty)
    assert read(array) == (str, [None, None])


@pytest.mark.parametrize("null", [None, np.nan, object(), 5], ids=["None", "NaN", "object", "5"])
def test_whatever_stands_for_null_in_string_dtype_is_null(null):
    assert read(np.array(["a", null, ""], dtype=np.dtypes.StringDType(na_object=null))) == (str, ["a", None, ""])


def test_a_text_that_stands_for_null_is_that_text():
    assert read(np.array(["a", "none"], dtype=np.dtypes.StringDType(na_object="none"))) == (str, ["a", "none"])
