"""Differences of tables against those of dicts, for every kind of key, edits pending or not."""

from __future__ import annotations

import uuid

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

import valkyrie as vk

ROWS = st.integers(0, 4)
TEXTS = st.one_of(st.text("ab/.é", max_size=4), st.binary(max_size=3))


def as_bytes(text):
    return text.encode() if isinstance(text, str) else text


KINDS = {
    "int": st.integers(-8, 8),
    "b16": st.integers(0, 12).map(lambda i: uuid.UUID(int=(i % 4) << 70 | i)),
    "bytes": TEXTS.map(as_bytes),
}
PREFIXES = {
    "bytes": TEXTS.map(as_bytes),
    "path": st.text("a/", max_size=4),
    "digits": st.text("0123", max_size=3),
    "ip": st.one_of(
        st.tuples(st.integers(0, 3), st.integers(2, 4)).map(lambda pair: f"{pair[0] << 6}.0.0.0/{pair[1]}"),
        st.tuples(st.integers(0, 3), st.integers(4, 5)).map(lambda pair: f"{pair[0] << 14:x}::/{pair[1] - 2}"),
    ),
    "suffix": st.lists(st.sampled_from(["a", "b", "co"]), min_size=1, max_size=3).map(".".join),
}


def naive(before, after):
    return {
        "removed": {key: (row, -1) for key, row in before.items() if key not in after},
        "changed": {key: (row, after[key]) for key, row in before.items() if key in after and after[key] != row},
        "added": {key: (-1, row) for key, row in after.items() if key not in before},
    }


def check(found, before, after, read):
    for name, expected in naive(before, after).items():
        changed = getattr(found.changes, name)
        keys, columns = [read(key) for key in changed.keys().tolist()], changed.columns()
        assert len(keys) == len(set(keys)) == len(changed)
        assert dict(zip(keys, zip(columns["before"].tolist(), columns["after"].tolist(), strict=True), strict=True)) == expected


def reader(kind):
    return {"int": int, "b16": lambda raw: uuid.UUID(bytes=raw), "bytes": as_bytes}[kind]


@st.composite
def contents(draw):
    kind = draw(st.sampled_from(sorted(KINDS)))
    return kind, *(draw(st.dictionaries(KINDS[kind], ROWS, max_size=12)) for _ in range(2))


@given(contents())
@settings(max_examples=150)
def test_tables_that_were_built(case):
    kind, before, after = case
    old, new = (vk.IdTable.build(list(rows), list(rows.values()), kind=kind) for rows in (before, after))
    check(vk.diff(old, new).tables["routes"], before, after, reader(kind))


BIG = {
    "int": vk.IdTable.build(np.arange(20_000) + 100, np.zeros(20_000, np.int32)),
    "b16": vk.IdTable.build([uuid.UUID(int=1 << 100 | i) for i in range(20_000)], np.zeros(20_000, np.int32)),
    "bytes": vk.IdTable.build([f"stays-{i}" for i in range(20_000)], np.zeros(20_000, np.int32)),
}


@given(contents(), st.data())
@settings(max_examples=60)
def test_changes_that_are_pending(case, data):
    """Edits of one big table, in steps; keys that come back are as they were."""
    kind, before, after = case
    tables = []
    for rows in (before, after):
        table = BIG[kind]
        extra = data.draw(st.lists(KINDS[kind], max_size=4, unique=True))
        if extra:
            table = table.replace(extra, [9] * len(extra)).without(extra)
        if rows:
            table = table.replace(list(rows), list(rows.values()))
        tables.append(table)
    check(vk.diff(*tables).tables["routes"], before, after, reader(kind))
    check(vk.diff(tables[0], BIG[kind]).tables["routes"], before, {}, reader(kind))


@given(st.sampled_from(sorted(PREFIXES)), st.data())
@settings(max_examples=200)
def test_prefixes(kind, data):
    tables = []
    for _ in range(2):
        some = data.draw(st.dictionaries(PREFIXES[kind], ROWS, max_size=8))
        tables.append(vk.PrefixTable.build(list(some), list(some.values()), kind=kind, on_duplicate="last", strict=False))
    before, after = (dict(table.items()) for table in tables)
    check(vk.diff(*tables).tables["routes"], before, after, lambda key: key)
    more = data.draw(st.dictionaries(PREFIXES[kind], ROWS, min_size=1, max_size=3))
    edited = tables[0].replace(list(more), list(more.values()), on_duplicate="last")
    check(vk.diff(tables[0], edited).tables["routes"], before, dict(edited.items()), lambda key: key)


@given(contents(), st.data())
@settings(max_examples=100)
def test_moves_of_keys(case, data):
    kind, before, after = case
    keys = data.draw(st.lists(KINDS[kind], max_size=20))
    load = data.draw(st.lists(st.integers(0, 5), min_size=len(keys), max_size=len(keys)))
    old, new = (vk.IdTable.build(list(rows), list(rows.values()), kind=kind) for rows in (before, after))
    found = vk.diff(old, new, keys, load=load)
    ways = [(before.get(key, -1), after.get(key, -1)) for key in keys]
    assert found.moved.tolist() == [a != b for a, b in ways]
    matrix = {}
    for (a, b), weight in zip(ways, load, strict=True):
        if a != b:
            count, total = matrix.get((a, b), (0, 0))
            matrix[a, b] = count + 1, total + weight
    assert found.matrix.to_numpy().tolist() == [(a, b, *matrix[a, b]) for a, b in sorted(matrix)]
    went = sum(weight for (a, b), weight in zip(ways, load, strict=True) if a != b)
    assert found.moved_load_share == (went / sum(load) if sum(load) else 0)
    assert found.moves.unrouted == sum(b < 0 for _, b in ways)
