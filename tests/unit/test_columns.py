import datetime
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from valkyrie.arrays import Columns, Strings
from valkyrie.errors import ArgumentError, UnknownColumnError, ValkyrieError


@pytest.fixture
def columns():
    return Columns({"id": np.arange(4), "name": ["a", None, "é", "a"], "x": np.ma.MaskedArray([1.5, 2, 3, 4], [0, 0, 0, 1])})


def test_columns_are_named_arrays(columns):
    assert len(columns) == 4
    assert columns.names == ("id", "name", "x")
    assert list(columns) == ["id", "name", "x"]
    assert "id" in columns
    assert "shard" not in columns
    assert columns["id"].tolist() == [0, 1, 2, 3]
    assert columns["name"].tolist() == ["a", None, "é", "a"]
    assert np.array_equal(columns["x"], [1.5, 2, 3, np.nan], equal_nan=True)
    assert columns.missing("name").tolist() == [False, True, False, False]
    assert columns.missing("x").tolist() == [False, False, False, True]
    assert not columns.missing("id").any()
    assert len(Columns({})) == 0


def test_text_of_every_form_is_text():
    forms = [["a", "b"], np.array(["a", "b"], dtype=object), np.array(["a", "b"], dtype=np.dtypes.StringDType())]
    forms += [Strings.from_texts(["a", "b"]), pd.Series(["a", "b"]), pl.Series(["a", "b"]), pa.array(["a", "b"])]
    for form in forms:
        assert Columns({"name": form}) == Columns({"name": ["a", "b"]})


@pytest.mark.parametrize(
    "rows", [slice(1, 3), slice(None, None, -2), np.array([3, 0, 0]), [1, -1], np.array([True, False, True, False]), []]
)
def test_rows_are_picked_as_numpy_picks_them(columns, rows):
    picked = columns[rows]
    assert isinstance(picked, Columns)
    index = rows if isinstance(rows, slice) or len(rows) else np.array([], dtype=int)
    for name in columns:
        assert np.array_equal(picked.missing(name), columns.missing(name)[index])
        assert [str(item) for item in picked[name]] == [str(item) for item in columns[name][index]]
    assert columns.take(rows) == picked


@pytest.mark.parametrize(
    "rows", [[4], [-5], np.array([True]), np.array([0.5]), 0, np.zeros((2, 2), dtype=int), np.array(["id"]), None]
)
def test_what_picks_no_rows_is_refused(columns, rows):
    with pytest.raises(ArgumentError, match="rows: "):
        columns[rows]


def test_columns_are_immutable(columns):
    for name in columns:
        with pytest.raises(ValueError, match="read-only"):
            columns[name][0] = 0
    with pytest.raises(TypeError):
        columns["id"] = [1]
    with pytest.raises(TypeError):
        hash(columns)


def test_numbers_are_borrowed():
    ids = np.arange(3)
    columns = Columns({"id": ids})
    assert np.shares_memory(columns["id"], ids)
    assert ids.flags.writeable
    assert columns.to_arrow()["id"].chunk(0).buffers()[1].address == ids.ctypes.data


def test_content_decides_equality(columns):
    assert columns == columns[:]
    assert columns[1:] != columns[:-1]
    assert columns != {"id": [1]}
    assert Columns({"a": [1]}) != Columns({"b": [1]})
    assert Columns({"a": [1], "b": [2]}) != Columns({"b": [2], "a": [1]})
    assert Columns({"a": np.array([1], dtype="i4")}) != Columns({"a": np.array([1], dtype="i8")})
    assert Columns({"a": [1.0, None]}) == Columns({"a": [1.0, None]})
    assert Columns({"a": [1.0, None]}) != Columns({"a": [1.0, np.nan]})
    assert Columns({"a": [-1, None]}) != Columns({"a": [-1, -1]})
    assert Columns({"a": np.array(["NaT"], dtype="M8[s]")}) == Columns({"a": np.array(["NaT"], dtype="M8[s]")})


def test_tables_of_every_library(columns):
    structured = columns.to_numpy()
    assert structured.dtype.names == columns.names
    assert structured["name"].tolist() == ["a", None, "é", "a"]
    records = [
        {"id": 0, "name": "a", "x": 1.5},
        {"id": 1, "name": None, "x": 2.0},
        {"id": 2, "name": "é", "x": 3.0},
        {"id": 3, "name": "a", "x": None},
    ]
    assert columns.to_polars().to_dicts() == records
    assert columns.to_arrow().to_pylist() == records
    frame = columns.to_pandas()
    assert frame["id"].dtype == "Int64"
    assert frame["name"].isna().tolist() == [False, True, False, False]
    assert frame["x"].isna().tolist() == [False, False, False, True]
    frame.loc[0, "id"] = 99
    assert columns["id"][0] == 0


def test_columns_stream_as_arrow(columns):
    table = pa.table(columns)
    assert table.equals(columns.to_arrow())
    assert pl.DataFrame(columns).shape == (4, 3)
    assert pa.RecordBatchReader.from_stream(columns).read_all().num_rows == 4


@given(
    st.lists(
        st.tuples(
            st.integers(-(2**63), 2**63 - 1),
            st.none() | st.text(st.characters(exclude_categories=["Cs"])),
            st.none() | st.floats(allow_nan=False),
            st.none() | st.booleans(),
        ),
        min_size=1,
    )
)
def test_nothing_is_lost_on_the_way_through_other_libraries(rows):
    ids, names, xs, flags = (list(part) for part in zip(*rows, strict=True))
    if all(x is None for x in xs) or all(flag is None for flag in flags):
        xs, flags = [0.5] * len(rows), [True] * len(rows)
    columns = Columns({"id": ids, "name": names, "x": xs, "flag": flags})
    arrow = columns.to_arrow()
    assert Columns({name: arrow[name] for name in columns}) == columns
    polars = columns.to_polars()
    assert Columns({name: polars[name] for name in columns}) == columns


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ({"id": [1, 2], "name": ["a"]}, "columns of unequal length: 'id' has 2, 'name' has 1"),
        ({1: [1]}, "names must be str, got 1"),
        ({"id": [[1, 2], [3]]}, "column 'id': a list"),
        ({"id": 5}, "column 'id'"),
    ],
)
def test_what_is_no_column_is_refused(raw, message):
    with pytest.raises(ArgumentError, match=message):
        Columns(raw)


def test_an_unknown_column_is_refused(columns):
    for call in (lambda: columns["shard"], lambda: columns.missing("shard")):
        with pytest.raises(UnknownColumnError, match=r"no column 'shard'. The columns are 'id', 'name', 'x'") as error:
            call()
        assert isinstance(error.value, (KeyError, ValkyrieError))


def test_repr_shows_a_head_of_rows(columns):
    assert repr(columns).splitlines() == [
        "Columns: 4 rows, 3 columns",
        "     id  name        x",
        "  int64  text  float64",
        "      0  a         1.5",
        "      1  -         2.0",
        "      2  é         3.0",
        "      3  a           -",
    ]
    long = repr(Columns({"id": range(2000)}))
    assert long.splitlines()[0] == "Columns: 2,000 rows, 1 column"
    assert long.splitlines()[-1] == "  … 1,990 more rows"
    assert len(long.splitlines()) == 3 + 10 + 1
    assert repr(Columns({})) == "Columns: 0 rows, 0 columns"
    assert repr(Columns({"when": [datetime.date(2026, 1, 2)]})).splitlines()[-1].strip() == "2026-01-02"
    wide = repr(Columns({f"c{i}": [i] for i in range(30)}))
    assert wide.splitlines()[-1] == "  … 18 more columns"


def test_repr_keeps_hostile_text_in_its_cell():
    text = repr(Columns({"a\nb": ["\x1b[2J\r\n", "x" * 500]}))
    assert len(text.splitlines()) == 5
    assert "\x1b" not in text
    assert max(map(len, text.splitlines())) < 60


class Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.depth, self.text = [], 0, ""

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.depth += tag != "br"

    def handle_endtag(self, tag):
        self.depth -= 1

    def handle_data(self, data):
        self.text += data


def test_html_is_escaped():
    script = "<script>alert(1)</script>"
    html = Columns({script: [script, "\"&'", None] * 5})._repr_html_()
    seen = Tags()
    seen.feed(html)
    assert seen.depth == 0
    assert set(seen.tags) <= {"div", "table", "thead", "tbody", "tr", "th", "td", "br", "small"}
    assert seen.tags.count("td") == 10
    assert script in seen.text
    assert "5 more rows" in seen.text
    assert "currentColor" in html
    assert "<script" not in html


def test_not_a_time_is_missing():
    times = np.array([1, "NaT"], "M8[s]")
    for columns in (Columns({"when": times}), Columns.from_answers({"when": (times, None)})):
        assert columns.missing("when").tolist() == [False, True]
        assert columns.to_arrow()["when"].null_count == 1
