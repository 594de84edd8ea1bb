"""What RouteTables do differently, against dicts from key to record: records are compared, in whatever rows they lie."""

from __future__ import annotations

import math

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

import valkyrie as vk

KEYS = st.integers(0, 9)
RECORDS = st.tuples(
    st.sampled_from([0.0, -0.0, 1.5, math.nan, None]),
    st.sampled_from(["a", "b", "", None]),
    st.sampled_from([b"123", b"124"]),
)
CONTENTS = st.dictionaries(KEYS, RECORDS, max_size=8)


def same(one, other):
    """Whether two records, or no record, are equal: as `repr` tells them apart, -0.0 from 0.0 and no NaN from another."""
    return repr(one) == repr(other)


def build(records, order, nan=math.nan, numbered=()):
    """A table of records in some order, with a payload that has more rows: of keys from 100 on."""
    keys = [*sorted(records, key=order.index), *(100 + number for number in numbered)]
    rows = [records.get(key, (2.5, "c", b"999")) for key in keys]
    columns = [list(column) for column in zip(*rows, strict=True)] or [[], [], []]
    weight = pa.array([nan if value is not None and math.isnan(value) else value for value in columns[0]], pa.float64())
    text = pa.array(columns[1], pa.string()).dictionary_encode()
    frame = {"id": np.array(keys, np.int64), "weight": weight, "text": text, "code": pa.array(columns[2], pa.binary(3))}
    return vk.RouteTable.build(frame)


ORDERS = st.permutations(range(10))
OTHER_NAN = np.array([0x7FF8_0000_0000_0001], np.uint64).view(np.float64)[0]


@given(CONTENTS, CONTENTS, ORDERS, ORDERS, st.lists(KEYS, max_size=12), st.sampled_from([1, 40]), st.sampled_from([1, 2]))
@settings(max_examples=200)
def test_tables_that_were_built(before, after, one_order, other_order, asked, times, threads):
    old, new = build(before, one_order), build(after, other_order, OTHER_NAN, numbered=range(2))
    keys = asked * times
    found = vk.diff(old, new, keys, threads=threads)
    assert found.moved.tolist() == [not same(before.get(key), after.get(key)) for key in keys]
    rows = [{key: table.index.get(key) for key in range(10)} for table in (old, new)]
    assert found.renumbered == sum(
        rows[0][key] != rows[1][key] and same(before.get(key), after.get(key)) for key in keys
    )
    check_tables(found.tables["routes"], rows, before, after)
    check_tables(vk.diff(new, old).tables["routes"], rows[::-1], after, before, more=2)


def check_tables(found, rows, before, after, more=0):
    both = before.keys() & after.keys()
    changed = {key for key in both if not same(before[key], after[key])}
    assert found.changed["key"].tolist() == sorted(changed)
    assert found.changed["before"].tolist() == [rows[0][key] for key in sorted(changed)]
    assert found.changed["after"].tolist() == [rows[1][key] for key in sorted(changed)]
    assert found.renumbered == sum(rows[0][key] != rows[1][key] for key in both - changed)
    assert found.counts["removed"] == len(before.keys() - after.keys()) + more


@given(CONTENTS, ORDERS, st.lists(st.tuples(KEYS, KEYS), max_size=6), st.sampled_from([1, 40]))
@settings(max_examples=100)
def test_edits_that_share_a_payload(records, order, edits, times):
    """A key that is led to another row has moved if that row holds another record."""
    table = build(records, order)
    edits = {key: sorted(records, key=order.index).index(source) for key, source in edits if source in records}
    edited = table.replace(list(edits), list(edits.values())) if edits else table
    after = records | {key: records[sorted(records, key=order.index)[row]] for key, row in edits.items()}
    keys = list(range(10)) * times
    found = vk.diff(table, edited, keys)
    assert found.moved.tolist() == [not same(records.get(key), after.get(key)) for key in keys]
    rows = [{key: each.index.get(key) for key in range(10)} for each in (table, edited)]
    check_tables(found.tables["routes"], rows, records, after)


@given(st.lists(CONTENTS, min_size=2, max_size=4), ORDERS, st.integers(1, 3))
@settings(max_examples=100)
def test_snapshots_of_several_tables(contents, order, split):
    """The table that answers does not count, only what it answers."""
    sides = contents[:split], contents[split:] or contents[:1]
    snapshots = [
        vk.Snapshot.build({f"{side}{at}": build(each, order) for at, each in enumerate(tables)})
        for side, tables in enumerate(sides)
    ]
    answers = [{key: next((each[key] for each in tables if key in each), None) for key in range(10)} for tables in sides]
    moved = [not same(answers[0][key], answers[1][key]) for key in range(10)]
    assert vk.diff(*snapshots, list(range(10))).moved.tolist() == moved
    outcome = vk.what_if(snapshots[0], list(range(10)), {"other": lambda now: snapshots[1]})
    assert outcome["other"].moved.tolist() == moved
    assert outcome.scenarios["moved"].tolist() == [sum(moved)]
