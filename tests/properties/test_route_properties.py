"""Any payload behind any keys, asked in any container: a RouteTable answers as a dict and a list do."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import valkyrie as vk
from tests import naive
from tests.containers import INTS, TEXTS, WIDES, listed
from tests.strategies import keys_of, payload_columns

FORMS = {"int": INTS | {"numpy": np.array}, "b16": WIDES, "bytes": TEXTS}
FILLS = {"b": True, "i": 1, "u": 1, "f": 0.5, "S": b"x", "U": "x", "O": "filled"}


def dtype_kind(column: Any) -> str:
    return "O" if isinstance(column, list) else column.dtype.kind


def items(column: Any) -> list[Any]:
    return column if isinstance(column, list) else column.tolist()


def numpy_missing(column: Any) -> Any:
    """What stands for "no answer" in an array that has no nulls."""
    kind = dtype_kind(column)
    if kind == "u":
        return 2 ** (8 * column.dtype.itemsize) - 1
    return {"b": False, "i": -1, "f": None, "S": b"", "U": "", "O": None}[kind]


def without_nan(values: list[Any]) -> list[Any]:
    return [None if isinstance(value, float) and value != value else value for value in values]


def library(values: Any) -> str:
    return "builtins" if isinstance(values, list | tuple) else type(values).__module__.split(".")[0]


def fields(answer: Any, names: list[str]) -> dict[str, Any]:
    """Columns of a table of any library."""
    if isinstance(answer, np.ndarray):
        assert answer.dtype.names == tuple(names)
    else:
        assert list(answer.columns if isinstance(answer, pd.DataFrame | pl.DataFrame) else answer.column_names) == names
    return {name: answer[name] for name in names}


@pytest.mark.parametrize("kind", FORMS)
@given(data=st.data())
def test_routes_in_any_container(kind, data):
    keys = data.draw(st.lists(keys_of(kind), max_size=25, unique_by=naive.canonical))
    name = st.text(min_size=1, max_size=5).filter(lambda name: name != "id")
    names = data.draw(st.lists(name, min_size=1, max_size=3, unique=True))
    payload = {name: data.draw(payload_columns(len(keys))) for name in names}
    table = vk.RouteTable.build({"id": FORMS[kind]["list of bytes" if kind == "b16" else "list"](keys), **payload}, kind=kind)
    assert (table.column_names, len(table), table.key_name) == (names, len(keys), "id")
    rows = naive.rows_of(keys)
    queries = [*keys, *data.draw(st.lists(st.none() | keys_of(kind), max_size=25))]
    if kind == "bytes":
        queries = [query for query in queries if not isinstance(query, bytes)]
    form = data.draw(st.sampled_from(list(FORMS[kind])))
    if form == "numpy":
        queries = [query for query in queries if query is not None]
    asked = FORMS[kind][form](queries)
    whole = fields(table.route_many(asked), names)
    for name, column in payload.items():
        answer = table.route_many(asked, name)
        no_answer = numpy_missing(column) if isinstance(answer, np.ndarray) else None
        expected = without_nan(naive.routed(rows, items(column), queries, no_answer))
        assert type(answer).__module__.split(".")[0] == type(asked).__module__.split(".")[0].replace(
            "tuple", "list"
        ) or isinstance(asked, np.ma.MaskedArray)
        assert without_nan(listed(answer)) == expected
        in_table = numpy_missing(column) if isinstance(whole[name], np.ndarray) else None
        assert without_nan(listed(whole[name])) == without_nan(naive.routed(rows, items(column), queries, in_table))
        fill = FILLS[dtype_kind(column)]
        filled = without_nan(naive.routed(rows, items(column), queries, fill))
        assert without_nan(listed(table.route_many(asked, name, missing=fill, threads=2))) == filled
    for query in queries[:5]:
        row = rows.get(naive.canonical(query), -1)
        record = None if row < 0 else {name: items(column)[row] for name, column in payload.items()}
        got = table.route(query)
        assert (got is None) == (record is None)
        if got is not None:
            assert without_nan(list(got.values())) == without_nan(list(record.values()))
            assert list(got) == names
    again = pickle.loads(pickle.dumps(table))
    assert all(
        without_nan(listed(again.route_many(queries, name))) == without_nan(naive.routed(rows, items(payload[name]), queries))
        for name in names
    )


@given(data=st.data())
def test_saved_routes_are_the_same(data, tmp_path):
    keys = data.draw(st.lists(keys_of("bytes"), max_size=25, unique_by=naive.canonical))
    columns = data.draw(st.lists(payload_columns(len(keys)), max_size=3))
    payload = {f"c{i}": column for i, column in enumerate(columns)}
    table = vk.RouteTable.build({"name": keys, **payload}, key="name", kind="bytes")
    path = tmp_path / "routes.vks"
    table.save(path)
    queries = [*keys, "no such", None]
    for mode in ("mmap", "copy"):
        loaded = vk.load(path, mode=mode)
        assert (loaded.key_name, loaded.column_names, len(loaded)) == ("name", list(payload), len(keys))
        for name, column in payload.items():
            assert without_nan(loaded.route_many(queries, name)) == without_nan(
                naive.routed(naive.rows_of(keys), items(column), queries)
            )
    first = path.read_bytes()
    loaded.save(path)
    assert path.read_bytes() == first
