"""RouteTable: every payload type, container and way of asking, against plain Python."""

from __future__ import annotations

import datetime
import pickle
import uuid

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import valkyrie as vk
from valkyrie.errors import ArgumentError, KeyTypeError, SnapshotFormatError, UnknownColumnError

N = 300
IDS = (np.arange(N) * 7919 + 10**6).tolist()
PAYLOAD = {
    "flag": np.arange(N) % 2 == 0,
    "tiny": (np.arange(N) % 100).astype("i1"),
    "wide": np.arange(N, dtype="u8") << np.uint64(40),
    "half": np.arange(N).astype("f2"),
    "real": np.arange(N) / 7,
    "complex": np.arange(N) * 1j,
    "day": np.datetime64("2020-01-01") + np.arange(N),
    "span": np.arange(N).astype("m8[s]"),
    "code": np.array([f"c{i}" for i in range(N)], "S5"),
    "name": [f"näme {i % 17}" if i % 5 else None for i in range(N)],
    "blob": np.frombuffer(bytes(range(150)) * 40, "V20")[:N],
}


@pytest.fixture(scope="module")
def table():
    return vk.RouteTable.build({"id": IDS, **PAYLOAD})


QUERIES = [IDS[5], 3, IDS[0], IDS[-1], -1, IDS[5], IDS[6]]
ROWS = [5, -1, 0, N - 1, -1, 5, 6]


@pytest.mark.parametrize("name", PAYLOAD)
def test_numpy_and_list_columns_equal_the_payload(table, name):
    column = PAYLOAD[name]
    got = table.route_many(np.array(QUERIES), name)
    assert len(got) == len(QUERIES)
    for value, row in zip(got.tolist(), ROWS, strict=True):
        expected = column[row] if row >= 0 else None
        expected = expected.tolist() if isinstance(expected, np.generic) else expected
        if expected is not None:
            assert value == expected
    for value, row in zip(table.route_many(QUERIES, name), ROWS, strict=True):
        assert (value is None) == (row < 0 or column[row] is None)


def test_every_container_comes_back_as_it_went_in(table):
    expected = [PAYLOAD["name"][r] if r >= 0 else None for r in ROWS]
    series = pd.Series(QUERIES, index=list("abcdefg"), name="key")
    got = table.route_many(series, "name")
    assert isinstance(got, pd.Series)
    assert got.index.tolist() == list("abcdefg")
    assert [None if pd.isna(x) else x for x in got] == expected
    frame = series.to_frame()
    frame["tiny"] = table.route_many(frame["key"], "tiny")
    assert frame["tiny"].isna().tolist() == [r < 0 for r in ROWS]
    assert table.route_many(pl.Series("k", QUERIES), "name").to_list() == expected
    for arrow in (pa.array(QUERIES), pa.chunked_array([QUERIES[:3], QUERIES[3:]])):
        got = table.route_many(arrow, "name")
        assert isinstance(got, pa.ChunkedArray) == isinstance(arrow, pa.ChunkedArray)
        assert got.to_pylist() == expected
    whole = table.route_many(pa.array(QUERIES), ["name", "tiny"])
    assert isinstance(whole, pa.Table)
    assert whole.column_names == ["name", "tiny"]
    assert isinstance(table.route_many(series, ["tiny"]), pd.DataFrame)
    assert isinstance(table.route_many(pl.Series(QUERIES), ["tiny", "real"]), pl.DataFrame)
    for keys in (QUERIES, np.array(QUERIES)):
        records = table.route_many(keys, ["tiny", "name"])
        assert records.dtype.names == ("tiny", "name")
        assert records["tiny"][0] == 5


def test_missing_takes_the_place_of_null(table):
    assert table.route_many(QUERIES, "tiny", missing=7) == [5, 7, 0, (N - 1) % 100, 7, 5, 6]
    assert table.route_many(np.array(QUERIES), "name", missing="?").tolist()[1] == "?"
    with pytest.raises(ArgumentError, match="missing"):
        table.route_many(QUERIES, "tiny", missing=1000)


def test_a_single_key_gives_a_record(table):
    record = table.route(IDS[6])
    assert list(record) == list(PAYLOAD)
    assert record["name"] == "näme 6"
    assert {name: type(record[name]) for name in ("day", "span", "code", "blob", "half", "complex")} == {
        "day": datetime.date,
        "span": datetime.timedelta,
        "code": bytes,
        "blob": bytes,
        "half": float,
        "complex": complex,
    }
    assert record["day"] == datetime.date(2020, 1, 7)
    assert record["span"] == datetime.timedelta(seconds=6)
    assert record["blob"] == PAYLOAD["blob"][6].tobytes()
    assert table.route(IDS[5])["name"] is None
    assert table.route(3) is None
    assert table.route(3, "nowhere") == "nowhere"


@pytest.mark.parametrize(
    ("dtype", "number", "expected"),
    [
        ("M8[D]", 1, datetime.date(1970, 1, 2)),
        ("M8[s]", 1, datetime.datetime(1970, 1, 1, 0, 0, 1)),
        ("M8[ns]", 1000, datetime.datetime(1970, 1, 1, 0, 0, 0, 1)),
        ("M8[ns]", 1001, np.datetime64(1001, "ns")),
        ("M8[s]", 2**60, np.datetime64(2**60, "s")),
        ("m8[ns]", 1000, datetime.timedelta(microseconds=1)),
        ("m8[ns]", 1, np.timedelta64(1, "ns")),
        ("m8[D]", 2, datetime.timedelta(days=2)),
        ("m8[M]", 2, np.timedelta64(2, "M")),
    ],
)
def test_a_record_holds_times_of_python_where_there_are_such(dtype, number, expected):
    table = vk.RouteTable.build({"id": [1, 2], "when": np.array([number, "NaT"], dtype)})
    got = table.route(1)["when"]
    assert type(got) is type(expected)
    assert got == expected
    assert table.route(2) == {"when": None}


@pytest.mark.parametrize("dtype", ["M8[D]", "M8[ns]", "m8[s]", "m8[ns]"])
def test_not_a_time_is_null(dtype):
    table = vk.RouteTable.build({"id": [1, 2, 3], "when": np.array([1, "NaT", 3], dtype)})
    parts = {name: values for name, values in table.to_columns().items() if name != "payload/when/nulls"}
    assert len(parts) < len(table.to_columns())
    for one in (table, vk.RouteTable.from_columns(parts)):
        assert one.route(2) == {"when": None}
        for keys in ([1, 2, 9], pa.array([1, 2, 9]), pl.Series([1, 2, 9]), pd.Series([1, 2, 9]), np.array([1, 2, 9])):
            for got in (one.route_many(keys, "when"), one.route_many(keys, ["when"])["when"]):
                items = got.to_pylist() if hasattr(got, "to_pylist") else list(got)
                assert pd.isna(items).tolist() == [False, True, True]


def test_one_column_fills_are_refused_by_its_name(table):
    for name, fill in (("name", 5), ("name", "\ud800"), ("tiny", 1000), ("span", np.timedelta64(1, "ms"))):
        for keys in (QUERIES, pd.Series(QUERIES, name="key"), pa.array(QUERIES)):
            with pytest.raises(ArgumentError, match=f"missing: .* does not fit column '{name}'"):
                table.route_many(keys, name, missing=fill)
    series = table.route_many(pd.Series(QUERIES, name="key"), "name", missing="?")
    assert (series.name, series[1]) == ("key", "?")


def test_structured_results_for_lists_hold_no_nulls(table):
    records = table.route_many([IDS[0], 3], ["tiny", "wide", "name"])
    assert records[1].tolist() == (-1, 2**64 - 1, None)


@pytest.mark.parametrize("arrow_type", [pa.uuid(), pa.binary(16)], ids=str)
def test_uuids_are_no_keys_of_a_table_of_text(arrow_type):
    ids = [uuid.UUID(int=i).bytes for i in (1, 2)]
    texts = vk.RouteTable.build({"id": ids, "x": [1, 2]})
    assert texts.index.kind == "bytes"
    asked = pa.array(ids, pa.binary(16)).cast(arrow_type)
    for keys in (asked, pa.chunked_array([asked, asked]), pa.DictionaryArray.from_arrays([0, 1], asked)):
        with pytest.raises(KeyTypeError, match="kind 'bytes'.*cast them to Arrow binary"):
            texts.route_many(keys, "x")
    assert texts.route_many(asked.cast(pa.binary(16)).cast(pa.binary()), "x").to_pylist() == [1, 2]


def test_frames_of_every_library_build_the_same_table(table):
    plain = {"id": IDS, "tiny": PAYLOAD["tiny"], "name": PAYLOAD["name"]}
    frames = [
        plain,
        pd.DataFrame(plain),
        pl.DataFrame(plain),
        pa.table({"id": IDS, "tiny": PAYLOAD["tiny"], "name": pa.array(PAYLOAD["name"])}),
        vk.Columns({"id": np.array(IDS), "tiny": PAYLOAD["tiny"], "name": pa.array(PAYLOAD["name"])}),
    ]
    for frame in frames:
        got = vk.RouteTable.build(frame)
        assert got.column_names == ["tiny", "name"]
        assert got.route_many(QUERIES, "name") == table.route_many(QUERIES, "name")
        assert got.route_many(QUERIES, "tiny") == table.route_many(QUERIES, "tiny")
    structured = np.zeros(3, [("id", "i8"), *vk.ROUTE.descr])
    structured["id"] = [5, 50, 500]
    structured["shard"] = [1, 2, 3]
    routes = vk.RouteTable.build(structured)
    assert routes.column_names == list(vk.ROUTE.names)
    assert routes.route_many(np.array([500, 5, 1]), "shard").tolist() == [3, 1, 2**32 - 1]


@pytest.mark.parametrize("mode", ["mmap", "copy"])
@pytest.mark.parametrize("verify", ["full", "header", "none"])
def test_saved_and_loaded(table, tmp_path, mode, verify):
    path = tmp_path / "t.vks"
    table.save(path)
    loaded = vk.load(path, mode=mode, verify=verify)
    assert loaded.key_name == "id"
    assert loaded.column_names == table.column_names
    for name in PAYLOAD:
        assert str(loaded.route_many(QUERIES, name)) == str(table.route_many(QUERIES, name))
    assert pickle.loads(pickle.dumps(loaded)).route(IDS[6])["name"] == "näme 6"


def test_rows_outside_the_payload_are_missing(tmp_path):
    table = vk.RouteTable.build({"id": [1, 10**9, 10**12], "x": [10, 20, 30]})
    index = vk.IdTable.build([1, 10**9, 10**12], rows=[0, 2**31 - 1, 3])
    broken = vk.RouteTable(index, table._payload, "id")
    assert broken.route_many([1, 10**9, 10**12], "x") == [10, None, None]


def test_text_keys_and_uuid_keys():
    ids = [uuid.UUID(int=i) for i in range(50)]
    table = vk.RouteTable.build({"id": ids, "n": range(50)})
    assert table.route_many([ids[7], uuid.UUID(int=99), None], "n") == [7, None, None]
    names = vk.RouteTable.build(pd.DataFrame({"host": ["a", "b"], "port": [80, 443]}), key="host")
    assert names.route("b") == {"port": 443}
    assert names.route_many(pd.Series(["b", None, "a"], dtype="str"), "port").tolist() == [443, pd.NA, 80]


def test_dates_come_back_as_dates():
    days = [datetime.date(2020, 1, 1), datetime.date(2021, 2, 3)]
    table = vk.RouteTable.build({"id": [1, 2], "day": pa.array(days)})
    assert table.route_many(pa.array([2, 3, 1]), "day").to_pylist() == [days[1], None, days[0]]


@pytest.mark.parametrize(
    ("make", "error", "says"),
    [
        (lambda t: t.route_many([1], "nmae"), UnknownColumnError, "'name'"),
        (lambda t: t.route_many([1], 5), ArgumentError, "columns: names of columns are needed, got 5"),
        (lambda t: t.route_many([1], ["tiny", "zzz"]), UnknownColumnError, "zzz"),
        (lambda t: t.route_many(["x"], "tiny"), KeyTypeError, "int"),
        (lambda t: vk.RouteTable.build({"id": [1], "x": [1]}, key="idd"), UnknownColumnError, "'id'"),
        (lambda t: vk.RouteTable.build({"id": [1, 2], "x": [1]}), ArgumentError, "x"),
        (lambda t: vk.RouteTable.build({"id": [1], "x": [[1, 2]]}), ArgumentError, "x"),
        (lambda t: vk.RouteTable.build({"id": np.array([1.5]), "x": [1]}), KeyTypeError, "Int64"),
        (lambda t: vk.RouteTable.build([1, 2]), ArgumentError, "frame"),
        (lambda t: vk.RouteTable.build({"id\udc80": [1], "x": [1]}, key="id\udc80"), ArgumentError, "surrogate"),
        (lambda t: vk.RouteTable.build({"id": [1], "x\udc80": [1]}), ArgumentError, "surrogate"),
        (lambda t: t.route_many([1], "tiny", missing={"tniy": 1}), ArgumentError, "'tniy'"),
        (lambda t: t.route_many([1], ["tiny", "wide"], missing={"tniy": 1}), ArgumentError, "'tniy'"),
        (lambda t: vk.RouteTable.from_columns({}), SnapshotFormatError, "header"),
        (lambda t: with_part(t, "key", np.array([255], "u1")), SnapshotFormatError, "UTF-8. Build"),
        (lambda t: with_part(t, "payload/tiny/values", np.zeros(2, "i1")), SnapshotFormatError, "lengths: [2, 300]. Build"),
        (lambda t: with_part(t, "payload/flag/values", np.full(N, 2, "u1").view(bool)), SnapshotFormatError, "bool. Build"),
        (lambda t: with_part(t, "payload/tiny/nulls", np.zeros(2, bool)), SnapshotFormatError, "values. Build"),
        (lambda t: with_part(t, "payload/name/values", np.zeros(N, "i8")), SnapshotFormatError, "values int64. Build"),
        (lambda t: with_part(t, "payload/tiny/values", np.zeros((N, 1))), SnapshotFormatError, "one-dimensional"),
    ],
)
def test_mistakes_are_named(table, make, error, says):
    with pytest.raises(error) as caught:
        make(table)
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("held", "asked"),
    [
        ([5, -7], [2**64, 5, -(2**70), 2**63, -7]),
        ([5, 2**63], [2**64, 5, -1, 2**63]),
        ([uuid.UUID(int=5)], [5, -1, 2**128]),
        (["a", "b"], ["a", "\ud800", b"b", None]),
    ],
    ids=["signed", "unsigned", "b16", "text"],
)
@pytest.mark.parametrize("container", [list, tuple, lambda k: np.array(k, object), lambda k: pd.Series(k, dtype=object)])
def test_keys_that_no_table_holds_are_misses(held, asked, container):
    table = vk.RouteTable.build({"id": held, "x": np.arange(10, 10 + len(held))})
    expected = [(table.route(key) or {"x": -1})["x"] for key in asked]
    assert -1 in expected
    assert list(table.route_many(container(asked), "x", missing=-1)) == expected
    assert table.route_many(container(asked), ["x"], missing={"x": -1}) is not None


def test_cells_of_numpy_that_have_no_utf8_form_are_misses():
    table = vk.RouteTable.build({"id": ["a", ""], "x": [1, 2]})
    assert table.route_many(np.array(["a", "\udfff", ""]), "x").tolist() == [1, -1, 2]


def with_part(table, name, array):
    return vk.RouteTable.from_columns(table.to_columns() | {name: array})


@pytest.mark.parametrize("name", [*PAYLOAD, "name/offsets", "name/texts"])
def test_arrays_that_lie_badly_in_memory_are_copied(table, name):
    part = f"payload/{name}" if "/" in name else f"payload/{name}/values"
    sound = table.to_columns()[part]
    strided = np.zeros(2 * len(sound), sound.dtype)
    strided[::2] = sound
    askew = np.frombuffer(b"\0" + sound.tobytes(), np.uint8)[1:].view(sound.dtype)
    strided.flags.writeable = False
    for array in (strided[::2], askew):
        other = with_part(table, part, array)
        column = name.partition("/")[0]
        assert str(other.route_many(QUERIES, column)) == str(table.route_many(QUERIES, column))
        stored = other.to_columns()[part]
        assert stored.flags.c_contiguous
        assert stored.flags.aligned


def test_the_parts_of_a_table_are_read_only(table):
    for name in ("index", "key_name", "column_names"):
        with pytest.raises(AttributeError):
            setattr(table, name, None)


def test_an_empty_table_routes_nothing():
    table = vk.RouteTable.build({"id": np.array([], int), "x": np.array([], float)})
    assert len(table) == 0
    assert np.isnan(table.route_many(np.array([1, 2]), "x")).all()
    assert table.route(1) is None


def test_representations_escape_names():
    table = vk.RouteTable.build({"id": [1], "<script>": [1]})
    assert "<script>" not in table._repr_html_()
    assert "1 keys" in repr(table)
    assert "entries" in repr(table.index.stats)
    assert "<table>" in table.index._repr_html_()


@pytest.mark.parametrize("rows", [["x"], [None], [{"name": "x"}], [0.5], [[0]]])
@pytest.mark.parametrize("kind", ["ip", "bytes"])
def test_rows_of_an_edit_that_are_none_are_refused(kind, rows):
    table = vk.RouteTable.build({"net": ["10.0.0.0/8"], "name": ["ten"]}, key="net", kind=kind)
    with pytest.raises(ArgumentError, match="^rows"):
        table.replace(["10.2.0.0/16"], rows)


@pytest.mark.parametrize("kind", ["cidr", "IP", ["ip"], 3])
def test_an_unknown_kind_is_told_which_there_are(kind):
    with pytest.raises(ArgumentError, match="'int'.*'ip'.*'bits'"):
        vk.RouteTable.build({"net": ["10.0.0.0/8"]}, key="net", kind=kind)
