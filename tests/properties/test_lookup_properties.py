"""Any keys in any container and layout in memory: a table answers as a dict does."""

from __future__ import annotations

import uuid

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import valkyrie as vk
from tests import naive
from tests.containers import INTS, TEXTS, WIDES
from tests.strategies import integer_arrays, keys_of
from tests.ways import scalar_rows

FORMS = {"int": INTS, "b16": WIDES, "bytes": TEXTS}
SEEDS = st.integers(0, 2**64 - 1)
POLICIES = st.sampled_from(["first", "last"])


@given(integer_arrays(), st.lists(integer_arrays(), min_size=1, max_size=5), POLICIES, SEEDS, st.integers(-(2**31), 2**31 - 1))
def test_integers_in_any_layout(keys, batches, policy, seed, missing):
    table = vk.IdTable.build(keys, on_duplicate=policy, seed=seed)
    assert table.is_signed == (keys.dtype.kind == "i")
    expected = naive.rows_of(keys.tolist(), on_duplicate=policy)
    assert naive.recovered(table) == expected
    assert np.array_equal(table.get_many(keys), naive.get_many(expected, keys.tolist()))
    for queries in (*batches, keys[::-2]):
        wanted = naive.get_many(expected, queries.tolist(), missing)
        assert np.array_equal(table.get_many(queries, missing=missing), wanted)
        out = np.empty(len(queries), np.int32)
        assert np.array_equal(table.get_many(queries, missing=missing, out=out, threads=2), wanted)
        assert np.array_equal(table.contains_many(queries), naive.get_many(expected, queries.tolist()) >= 0)
        assert scalar_rows(table, queries[:9].tolist()) == naive.get_many(expected, queries[:9].tolist()).tolist()
        assert [table.get(query, -1) for query in queries[:9]] == naive.get_many(expected, queries[:9].tolist()).tolist()


@pytest.mark.parametrize("kind", FORMS)
@given(data=st.data())
def test_keys_and_nulls_in_any_container(kind, data):
    keys = data.draw(st.lists(keys_of(kind), max_size=50))
    policy = data.draw(POLICIES)
    rows = data.draw(st.none() | st.lists(st.integers(0, 2**31 - 1), min_size=len(keys), max_size=len(keys)))
    only_text = kind == "bytes" and not all(isinstance(key, str) for key in keys)
    form = data.draw(st.sampled_from(list(FORMS[kind])))
    given_keys = keys if only_text else FORMS[kind][form](keys)
    table = vk.IdTable.build(given_keys, rows, kind=kind, on_duplicate=policy, seed=data.draw(SEEDS))
    expected = naive.rows_of(keys, rows, policy)
    assert len(table) == len(expected)
    assert naive.recovered(table) == expected
    queries = [*keys, *data.draw(st.lists(st.none() | keys_of(kind), max_size=50))]
    if kind == "bytes":
        texts = [query for query in queries if not isinstance(query, bytes)]
        asked = FORMS[kind][data.draw(st.sampled_from(list(FORMS[kind])))](texts)
        assert np.array_equal(table.get_many(asked), naive.get_many(expected, texts))
        assert np.array_equal(table.get_many(queries), naive.get_many(expected, queries))
    else:
        asked = FORMS[kind][data.draw(st.sampled_from(list(FORMS[kind])))](queries)
        assert np.array_equal(table.get_many(asked, missing=5), naive.get_many(expected, queries, 5))
    assert scalar_rows(table, queries) == naive.get_many(expected, queries).tolist()


@given(st.lists(st.uuids(), max_size=40), st.lists(st.uuids(), max_size=10))
def test_uuids_are_their_bytes(keys, others):
    table = vk.IdTable.build(keys, kind="b16", on_duplicate="first")
    raw = vk.IdTable.build([key.bytes for key in keys], kind="b16", on_duplicate="first")
    queries = [*keys, *others, *(uuid.UUID(int=key.int ^ 1) for key in keys)]
    expected = naive.get_many(naive.rows_of(keys), queries)
    for asked in (queries, [query.bytes for query in queries], [query.int for query in queries]):
        assert np.array_equal(table.get_many(asked), expected)
        assert np.array_equal(raw.get_many(asked), expected)
        assert scalar_rows(table, asked) == expected.tolist()


@given(st.lists(st.text(max_size=5), max_size=30), st.lists(st.text(max_size=5), max_size=30))
def test_texts_that_have_no_utf8_form_are_in_no_table(keys, queries):
    table = vk.IdTable.build(keys, kind="bytes", on_duplicate="first")
    odd = [query + "\udc80" for query in queries]
    assert scalar_rows(table, odd) == [-1] * len(odd)
