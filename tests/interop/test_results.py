"""Results come back in the container the keys came in, with nulls where the library has them."""

import datetime
import uuid

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import valkyrie as vk
from valkyrie.arrays import (
    ArrowBox,
    ListBox,
    NumpyBox,
    PandasBox,
    PolarsBox,
    StringDictionary,
    Strings,
    default_missing,
    key_column,
)
from valkyrie.errors import ArgumentError

MISSING = np.array([False, True, False])
NAMES = Strings.from_texts(["x", "y", "é"])

# values, the dtypes they come in from pandas, Arrow and polars, and what Python sees of them
COLUMNS = {
    **{
        f"{sign}nt{width}": (np.array([1, 2, 3], dtype=f"{sign}nt{width}"), [1, 2, 3])
        for sign in ("i", "ui")
        for width in (8, 16, 32, 64)
    },
    "big endian": (np.array([1, 2, 3], dtype=">i4"), [1, 2, 3]),
    "strided": (np.arange(6, dtype=np.int64)[1::2], [1, 3, 5]),
    "float16": (np.array([1.5, 2, 3], dtype="f2"), [1.5, 2.0, 3.0]),
    "float32": (np.array([1.5, 2, 3], dtype="f4"), [1.5, 2.0, 3.0]),
    "float64": (np.array([1.5, 2, 3]), [1.5, 2.0, 3.0]),
    "bool": (np.array([True, True, False]), [True, True, False]),
    "text": (NAMES, ["x", "y", "é"]),
    "U": (np.array(["a", "b", "é"]), ["a", "b", "é"]),
    "S": (np.array([b"a", b"b", b"c"]), [b"a", b"b", b"c"]),
    "V16": (np.frombuffer(bytes(range(48)), dtype="V16"), [bytes(range(i, i + 16)) for i in (0, 16, 32)]),
    "days": (np.array([1, 2, 3], dtype="M8[D]"), [datetime.date(1970, 1, i) for i in (2, 3, 4)]),
    "hours": (np.array([1, 2, 3], dtype="M8[h]"), [datetime.datetime(1970, 1, 1, i) for i in (1, 2, 3)]),
    "us": (np.array([1, 2, 3], dtype="M8[us]"), [datetime.datetime(1970, 1, 1, 0, 0, 0, i) for i in (1, 2, 3)]),
    "25s": (np.array([0, 1, 2], dtype="M8[25s]"), [datetime.datetime(1970, 1, 1, 0, 0, i) for i in (0, 25, 50)]),
    "duration": (np.array([1, 2, 3], dtype="m8[ms]"), [datetime.timedelta(milliseconds=i) for i in (1, 2, 3)]),
    "duration days": (np.array([1, 2, 3], dtype="m8[D]"), [datetime.timedelta(days=i) for i in (1, 2, 3)]),
}
each_column = pytest.mark.parametrize("column", COLUMNS)


def holed(items):
    return [items[0], None, items[2]]


def python_value(item):
    """Undo pandas' own scalar types and its widening of dates."""
    item = item.item() if isinstance(item, np.generic) else item
    if item is None or item is pd.NaT or item is pd.NA or (isinstance(item, float) and np.isnan(item)):
        return None
    if isinstance(item, pd.Timestamp):
        return item.to_pydatetime()
    return item.to_pytimedelta() if isinstance(item, pd.Timedelta) else item


def same(left, right):
    midnight = datetime.time()
    widened = [datetime.datetime.combine(item, midnight) if type(item) is datetime.date else item for item in right]
    left = list(left)
    return left == list(right) or left == widened


@each_column
def test_list(column):
    values, items = COLUMNS[column]
    assert ListBox().column(values) == items
    assert ListBox().column(values, MISSING) == holed(items)


@each_column
def test_numpy(column):
    values, items = COLUMNS[column]
    out = NumpyBox().column(values, MISSING)
    plain = NumpyBox().column(values)
    assert out.dtype == plain.dtype
    assert plain.tolist() == items
    assert out[[0, 2]].tolist() == [items[0], items[2]]
    if isinstance(values, Strings):
        assert out.dtype == object
        assert out[1] is None
    elif out.dtype.kind in "fM":
        assert np.isnat(out[1]) if out.dtype.kind == "M" else np.isnan(out[1])
    elif out.dtype.kind != "m":
        assert out[1] == default_missing(out.dtype)


def test_numpy_stands_in_for_nulls():
    expected = {"i2": -1, "u2": 65535, "?": False, "U3": "", "S3": b"", "O": None}
    for dtype, value in expected.items():
        assert NumpyBox().column(np.ones(3, dtype=dtype), MISSING)[1] == value
    assert np.isnan(NumpyBox().column(np.ones(3, dtype="c16"), MISSING)[1])
    assert NumpyBox().column(np.ones(3, dtype="V2"), MISSING).tolist()[1] == b"\0\0"


@each_column
@pytest.mark.parametrize("chunked", [False, True])
def test_arrow(column, chunked):
    values, items = COLUMNS[column]
    out = ArrowBox(chunked).column(values, MISSING)
    assert isinstance(out, pa.ChunkedArray if chunked else pa.Array)
    assert out.to_pylist() == holed(items)
    plain = ArrowBox(chunked).column(values)
    assert plain.type == out.type
    assert plain.to_pylist() == items
    plain.validate(full=True)
    out.validate(full=True)


@each_column
def test_polars(column):
    values, items = COLUMNS[column]
    out = PolarsBox("key").column(values, MISSING)
    plain = PolarsBox("key").column(values, name="other")
    assert isinstance(out, pl.Series)
    assert (out.name, plain.name) == ("key", "other")
    assert out.dtype == plain.dtype
    assert out.to_list() == holed(items)
    assert plain.to_list() == items


@each_column
@pytest.mark.parametrize("form", ["series", "index", "array"])
def test_pandas(column, form):
    values, items = COLUMNS[column]
    index = pd.Index([30, 10, 20], name="row") if form == "series" else None
    out = PandasBox(index, "key", form).column(values, MISSING)
    plain = PandasBox(index, "key", form).column(values)
    assert isinstance(out, {"series": pd.Series, "index": pd.Index}.get(form, pd.api.extensions.ExtensionArray))
    assert out.dtype == plain.dtype
    assert same(map(python_value, out), holed(items))
    assert same(map(python_value, plain), items)
    if form == "series":
        assert out.index.equals(index)
    if form != "array":
        assert out.name == "key"


def test_pandas_dtypes_are_nullable():
    expected = {
        "i4": "Int32",
        "u8": "UInt64",
        "f8": "float64",
        "f4": "float32",
        "?": "boolean",
        "M8[D]": "datetime64[s]",
    }
    for dtype, name in expected.items():
        for missing in (None, MISSING):
            assert str(PandasBox(None, None).column(np.zeros(3, dtype=dtype), missing).dtype) == name
    assert str(PandasBox(None, None).column(NAMES, MISSING).dtype) == "str"


def test_arrow_text_shares_one_dictionary():
    first, second = ArrowBox().column(NAMES), ArrowBox().column(NAMES.take(np.array([2, 0])), np.array([True, False]))
    assert first.type == pa.dictionary(pa.int32(), pa.string())
    assert first.dictionary.buffers()[2].address == second.dictionary.buffers()[2].address
    assert second.to_pylist() == [None, "x"]


def test_numbers_are_not_copied():
    values = np.arange(5)
    assert np.shares_memory(NumpyBox().column(values, np.zeros(5, dtype=bool)), values)
    assert ArrowBox().column(values).buffers()[1].address == values.ctypes.data
    series = PandasBox(None, None).column(values)
    assert np.shares_memory(series.to_numpy(dtype="int64", na_value=0), values)


def test_read_only_values_give_frames_that_can_be_written():
    values = np.arange(3)
    values.flags.writeable = False
    series = PandasBox(None, None).column(values)
    series.iloc[0] = 9
    assert series.tolist() == [9, 1, 2]
    assert values[0] == 0


KEYS = {
    "numpy": np.array([5, 6, 7]),
    "list": [5, None, 7],
    "tuple": (5, 6, 7),
    "arrow": pa.array([5, None, 7]),
    "chunked": pa.chunked_array([[5], [6, 7]]),
    "pandas": pd.Series([5, 6, 7], index=["c", "a", "b"], name="id"),
    "pandas str": pd.Series(["5", None, "7"], index=[2, 2, 3]),
    "categorical": pd.Categorical(["a", "b", "a"]),
    "index": pd.Index([5, 6, 7], name="id"),
    "polars": pl.Series("id", [5, None, 7]),
}


@pytest.mark.parametrize("name", KEYS)
def test_results_are_like_the_keys(name):
    keys = KEYS[name]
    box = key_column(keys).box
    out = box.column(np.array([1.0, 2.0, 3.0]), MISSING)
    table = box.table({"shard": (np.array([1, 2, 3], dtype="u4"), MISSING), "name": (NAMES, MISSING)})
    assert len(out) == len(table) == 3
    match name:
        case "numpy":
            assert isinstance(out, np.ndarray)
        case "list" | "tuple":
            assert isinstance(out, list)
        case "arrow" | "chunked":
            assert isinstance(out, pa.ChunkedArray if name == "chunked" else pa.Array)
            assert table.to_pylist()[:2] == [{"shard": 1, "name": "x"}, {"shard": None, "name": None}]
        case "polars":
            assert out.name == "id"
            assert table.to_dicts()[:2] == [{"shard": 1, "name": "x"}, {"shard": None, "name": None}]
        case "categorical":
            assert isinstance(out, pd.api.extensions.ExtensionArray)
            assert table.index.equals(pd.RangeIndex(3))
        case _:
            assert type(out) is type(keys)
            assert out.name == keys.name
            assert table.index.equals(keys if name == "index" else keys.index)
    if name in ("numpy", "list", "tuple"):
        assert table.dtype.names == ("shard", "name")
        assert table["shard"].tolist() == [1, 2**32 - 1, 3]
        assert table["name"].tolist() == ["x", None, "é"]


@pytest.mark.parametrize("index", [None, ["c", "a", "b"], [1, 1, 1]])
def test_pandas_results_can_be_assigned(index):
    frame = pd.DataFrame({"id": [5, 6, 7]}, index=index)
    for keys in (frame["id"], frame["id"].array):
        box = key_column(keys).box
        frame["shard"] = box.column(np.array([1, 2, 3]), MISSING, "shard")
        frame["name"] = box.column(NAMES, MISSING)
        assert frame["shard"].isna().tolist() == MISSING.tolist()
        assert frame["name"].fillna("").tolist() == ["x", "", "é"]


def test_polars_and_arrow_results_can_be_assigned():
    frame = pl.DataFrame({"id": [5, 6, 7]})
    frame = frame.with_columns(key_column(frame["id"]).box.column(NAMES, MISSING, "name"))
    assert frame["name"].to_list() == ["x", None, "é"]
    table = pa.table({"id": [5, 6, 7]})
    table = table.append_column("name", key_column(table["id"]).box.column(NAMES, MISSING))
    assert table["name"].to_pylist() == ["x", None, "é"]


BOXES = [NumpyBox(), ListBox(), ArrowBox(), ArrowBox(chunked=True), PandasBox(None, None), PolarsBox()]
each_box = pytest.mark.parametrize("box", BOXES, ids=lambda box: type(box).__name__)


def listed(container):
    return container.to_pylist() if hasattr(container, "to_pylist") else list(container)


@each_box
def test_a_fill_value_stands_in_every_container(box):
    fills = [
        (np.array([1, 2, 3], dtype="u1"), 255),
        (np.array([1, 2, 3], dtype=">i4"), -7),
        (np.array([1.0, 2, 3]), 0.5),
        (np.array([1.0, 2, 3]), 7),
        (np.array([False, False, False]), True),
        (np.array(["a", "b", "c"]), "z"),
        (NAMES, "none"),
        (NAMES, "x"),
        (np.array([1, 2, 3], dtype="M8[us]"), datetime.datetime(2026, 1, 1)),
        (np.array([1, 2, 3], dtype="M8[s]"), datetime.datetime(9999, 12, 31)),
        (np.array([1, 2, 3], dtype="m8[ms]"), datetime.timedelta(milliseconds=1500)),
    ]
    for values, fill in fills:
        out = listed(box.column(values, MISSING, fill=fill))
        assert python_value(out[1].item() if isinstance(out[1], np.generic) else out[1]) == fill
        assert listed(box.column(values, np.zeros(3, dtype=bool), fill=fill)) == listed(box.column(values))
    assert NAMES.to_objects().tolist() == ["x", "y", "é"]


@each_box
@pytest.mark.parametrize(
    ("values", "fill"),
    [
        (np.zeros(3, dtype="u1"), -1),
        (np.zeros(3, dtype="u1"), 256),
        (np.zeros(3, dtype="i8"), 1.5),
        (np.zeros(3, dtype="i8"), True),
        (np.zeros(3, dtype="i8"), "1"),
        (np.zeros(3, dtype="i8"), np.timedelta64(1, "s")),
        (np.zeros(3, dtype="f8"), "nan"),
        (np.zeros(3, dtype="f4"), 1e300),
        (np.zeros(3, dtype="?"), 1),
        (np.zeros(3, dtype="U2"), "abc"),
        (np.zeros(3, dtype="U2"), b"a"),
        (np.zeros(3, dtype="S2"), "a"),
        (np.zeros(3, dtype="M8[s]"), 5),
        (np.zeros(3, dtype="m8[s]"), 5),
        (np.zeros(3, dtype="M8[ns]"), datetime.date(9999, 12, 31)),
        (np.zeros(3, dtype="M8[ns]"), np.datetime64(2**60, "Y")),
        (np.zeros(3, dtype="M8[D]"), datetime.datetime(2026, 1, 1, 12, 34)),
        (np.zeros(3, dtype="M8[us]"), pd.Timestamp(1)),
        (np.zeros(3, dtype="M8[s]"), datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)),
        (np.zeros(3, dtype="m8[s]"), datetime.timedelta(milliseconds=1500)),
        (np.zeros(3, dtype="m8[s]"), np.timedelta64(1500, "ms")),
        (np.zeros(3, dtype="m8[s]"), np.timedelta64(1, "M")),
        (np.zeros(3, dtype="m8[ns]"), datetime.timedelta.max),
        (np.zeros(3, dtype="M8[s]"), np.timedelta64(1, "s")),
        (np.zeros(3, dtype="U2"), "\ud800"),
        pytest.param(NAMES, "\ud800", id="text-surrogate"),
        pytest.param(NAMES, np.timedelta64(1, "s"), id="text-timedelta64"),
        (np.zeros(3, dtype="V4"), b"abc"),
        pytest.param(NAMES, 5, id="text-5"),
    ],
    ids=str,
)
def test_a_fill_value_that_does_not_fit_is_refused(box, values, fill):
    with pytest.raises(ArgumentError, match=r"missing: .* does not fit column 'shard'"):
        box.column(values, MISSING, "shard", fill=fill)
    with pytest.raises(ArgumentError, match=r"missing: .* does not fit column 'shard'"):
        box.table({"shard": (values, None)}, fill={"shard": fill})


@each_box
def test_fill_values_of_tables_go_by_column(box):
    columns = {"a": (np.array([1, 2, 3]), MISSING), "b": (NAMES, MISSING)}
    table = box.table(columns, fill={"b": "none"})
    assert listed(table["b"])[1] == "none"
    with pytest.raises(ArgumentError, match=r"no column 'c' is asked for.*a, b"):
        box.table(columns, fill={"c": 1})


@each_box
def test_empty_results(box):
    assert len(box.column(np.empty(0, dtype="i4"))) == 0
    assert len(box.column(NAMES.take(slice(0, 0)))) == 0
    assert len(box.table({"a": (np.empty(0), None), "b": (NAMES.take(slice(0, 0)), np.empty(0, dtype=bool))})) == 0


@pytest.mark.parametrize("box", [ArrowBox(), PolarsBox()], ids=["arrow", "polars"])
def test_numbers_without_a_counterpart_are_refused(box):
    with pytest.raises(ArgumentError, match=r"phase: .* has no type for numpy complex128"):
        box.column(np.zeros(3, dtype="c16"), name="phase")
    with pytest.raises(ArgumentError, match=r"datetime64.ps. has no counterpart"):
        box.column(np.zeros(3, dtype="M8[ps]"))


def test_dictionaries_are_checked():
    for offsets, data in (([0, 5], b"abc"), ([2, 1], b"abc"), ([-1, 1], b"abc"), ([], b"")):
        with pytest.raises(ArgumentError, match="offsets"):
            StringDictionary(np.array(offsets, dtype=np.int64), np.frombuffer(data, dtype=np.uint8))
    for codes in ([0, 3], [-2]):
        with pytest.raises(ArgumentError, match=r"not all in the dictionary of 3 texts\. A code is"):
            Strings(np.array(codes, dtype=np.int32), NAMES.dictionary)
    broken = Strings(np.zeros(1, dtype=np.int32), StringDictionary(np.array([0, 1]), np.array([255], dtype=np.uint8)))
    for box in BOXES:
        with pytest.raises(ArgumentError, match="not valid UTF-8"):
            box.column(broken)


def test_lone_surrogates_are_refused_at_their_position():
    with pytest.raises(ArgumentError, match=r"column 'name': the text at position 1 holds a lone surrogate"):
        Strings.from_texts(["a", "\ud800"], "column 'name'")


def test_strings_are_read_only():
    for array in (NAMES.codes, NAMES.dictionary.data, NAMES.dictionary.offsets, NAMES.dictionary.objects):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


def test_uuid_payload_comes_as_bytes():
    values = np.array([uuid.UUID(int=1).bytes], dtype="V16")
    assert ArrowBox().column(values).type == pa.binary(16)
    assert PolarsBox().column(values).dtype == pl.Binary


@pytest.mark.parametrize("unit", ["D", "s", "ns"])
@pytest.mark.parametrize("kind", ["M", "m"])
@each_box
def test_not_a_time_is_null_beside_other_nulls(box, kind, unit):
    values = np.array([1, 2, "NaT"], dtype=f"{kind}8[{unit}]")
    for missing in (None, MISSING):
        out = listed(box.column(values, missing))
        assert pd.isna(out).tolist() == [False, missing is not None, True]
        table = box.table({"when": (values, missing)})
        assert pd.isna(listed(table["when"])).tolist() == [False, missing is not None, True]


def test_nanoseconds_and_pandas_times_fill_in_full():
    out = NumpyBox().column(np.array([1, 2, 3], "M8[ns]"), MISSING, fill=pd.Timestamp(5))
    assert out.astype(int).tolist() == [1, 5, 3]
    assert np.isnat(NumpyBox().column(np.array([1, 2, 3], "M8[ns]"), MISSING, fill=pd.NaT)[1])
    out = NumpyBox().column(np.array([1, 2, 3], "m8[ns]"), MISSING, fill=pd.Timedelta(5))
    assert out.astype(int).tolist() == [1, 5, 3]


@pytest.mark.parametrize(
    ("box", "dtype"),
    [
        (ArrowBox(), "M8[D]"),
        (PolarsBox(), "M8[D]"),
        (PandasBox(None, None), "M8[D]"),
        (ArrowBox(), "M8[h]"),
        (PolarsBox(), "M8[s]"),
        (ArrowBox(), "m8[D]"),
        (PolarsBox(), "m8[s]"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_times_beyond_a_library_are_refused(box, dtype):
    values = np.array([1, 2**60, 3], dtype)
    with pytest.raises(ArgumentError, match=r"when: .* is beyond the dates or durations of the result's library"):
        box.column(values, name="when")
    # what is missing has no value that could be beyond anything
    assert pd.isna(listed(box.column(values, MISSING))).tolist() == MISSING.tolist()


def test_bytes_keep_the_nuls_within_them():
    items = np.array([b"\0\1", b"", b"a\0b", b"abc"], "S3")
    table = vk.RouteTable.build({"id": [1, 2, 3, 4], "raw": items})
    for keys in (pa.array([4, 1, 9, 3, 2]), pa.chunked_array([[4, 1], [9, 3, 2]])):
        answer = table.route_many(keys, "raw")
        assert answer.type == pa.binary()
        assert answer.to_pylist() == [b"abc", b"\0\1", None, b"a\0b", b""]
    assert table.route_many(pa.array([], pa.int64()), "raw").to_pylist() == []
    assert table.route_many(pl.Series([4, 1, 9]), "raw").to_list() == [b"abc", b"\0\1", None]
    assert table.route_many(pd.Series([4, 1]), "raw").tolist() == [b"abc", b"\0\1"]
