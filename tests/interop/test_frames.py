import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from valkyrie.arrays import Columns, key_column, payload_column, read_frame
from valkyrie.errors import ArgumentError, UnknownColumnError

DATA = {"id": [1, 2, 3], "shard": [7, 8, 9], "name": ["a", "b", "a"]}


class StreamExporter:
    def __init__(self, table):
        self.table = table

    def __arrow_c_stream__(self, requested_schema=None):
        return self.table.__arrow_c_stream__(requested_schema)


FRAMES = {
    "dict": DATA,
    "structured": Columns(DATA).to_numpy(),
    "columns": Columns(DATA),
    "pandas": pd.DataFrame(DATA, index=["x", "y", "z"]),
    "polars": pl.DataFrame(DATA),
    "table": pa.table(DATA),
    "batch": pa.record_batch(DATA),
    "stream": StreamExporter(pa.table(DATA)),
}


@pytest.mark.parametrize("name", FRAMES)
def test_frames_come_apart(name):
    frame = FRAMES[name]
    names, columns = read_frame(frame)
    assert names == list(DATA)
    assert key_column(columns[0]).values.tolist() == [1, 2, 3]
    assert payload_column(columns[1], "shard")[0].tolist() == [7, 8, 9]
    assert payload_column(columns[2], "name")[0].to_objects().tolist() == ["a", "b", "a"]
    key = key_column(read_frame(frame).column("name"))
    assert key.kind == "bytes"
    assert key.n == 3


def test_columns_keep_their_nulls():
    columns = Columns({"id": [1, None, 3], "name": ["a", None, "b"], "x": [1.5, None, 2.5]})
    names, raw = read_frame(columns)
    again = Columns(dict(zip(names, raw, strict=True)))
    assert again == columns
    assert key_column(raw[0]).nulls.tolist() == [False, True, False]
    assert key_column(raw[1]).nulls.tolist() == [False, True, False]


def test_columns_are_not_copied():
    ids = np.arange(3)
    assert np.shares_memory(read_frame({"id": ids}).column("id"), ids)
    assert np.shares_memory(read_frame(Columns({"id": ids})).column("id"), ids)
    records = np.zeros(3, dtype=[("id", "i8"), ("x", "u1")])
    assert np.shares_memory(read_frame(records).column("id"), records)


def test_an_unknown_column_names_the_nearest():
    frame = read_frame(DATA)
    with pytest.raises(UnknownColumnError, match=r"key: there is no column 'shrad'. Did you mean 'shard'?"):
        frame.column("shrad")
    with pytest.raises(UnknownColumnError, match="The columns are 'id', 'shard', 'name'"):
        frame.column("zzz")


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        ({"id": [1, 2], "shard": np.zeros(3)}, "unequal length: 'id' has 2, 'shard' has 3"),
        ({"id": [1], "shard": 5}, "column 'shard' is a int, an array is needed"),
        ({"id": [1], "shard": "x"}, "column 'shard' is a str"),
        ({1: [1]}, "names must be str, got 1"),
        (pd.DataFrame([[1, 2]]), "names must be str, got 0"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "column 'a' occurs twice"),
        (pa.table([[1], [2]], names=["a", "a"]), "column 'a' occurs twice"),
        (pl.LazyFrame(DATA), r"LazyFrame.*collect\(\)"),
        (np.zeros((2, 2)), "named columns are needed, got an array of dtype float64"),
        (pa.array([1]), "named columns are needed"),
        ([{"id": 1}], "a table of columns is needed, got list.*dict of arrays"),
        (None, "a table of columns is needed, got NoneType"),
    ],
    ids=lambda value: "" if isinstance(value, str) else type(value).__name__,
)
def test_what_is_no_table_is_refused(frame, message):
    with pytest.raises(ArgumentError, match=f"routes: .*{message}"):
        read_frame(frame, "routes")
