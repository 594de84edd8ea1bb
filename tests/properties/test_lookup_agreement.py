"""Scalar, batch, pieces, threads, mapped, copied and a dict agree, for every kind, on millions of queries."""

from __future__ import annotations

import numpy as np
import pytest

import valkyrie as vk
from tests import naive
from tests.key_sets import INTEGERS, WIDE, absent_ids, names, neighbours
from tests.sizes import ROWS
from tests.ways import agree


@pytest.mark.parametrize("name", ["uniform", "clustered", "equal low halves", "dense with holes"])
@pytest.mark.parametrize("is_signed", [False, True])
def test_integers(name, is_signed, rng, tmp_path):
    n = ROWS
    dtype = np.int64 if is_signed else np.uint64
    keys = INTEGERS[name](n, rng)
    rng.shuffle(keys)
    keys = keys.view(dtype)
    rows = rng.integers(0, 2**31, n)
    table = vk.IdTable.build(keys, rows, threads=2)
    queries = np.concatenate([keys.view(np.uint64), neighbours(keys[: n // 6].view(np.uint64)), absent_ids(n // 4, rng)]).view(
        dtype
    )
    rng.shuffle(queries)
    expected = naive.rows_of(keys.tolist(), rows.tolist())
    agree(table, queries, naive.get_many(expected, queries.tolist()), tmp_path, rng)
    assert naive.recovered(table) == expected


@pytest.mark.parametrize("name", WIDE)
def test_128_bit_ids(name, rng, tmp_path):
    n = ROWS
    both = WIDE[name](2 * n, rng)
    rng.shuffle(both)
    keys = both[:n]
    table = vk.IdTable.build(keys, kind="b16", threads=2)
    queries = rng.permutation(both)
    expected = naive.rows_of(keys.tolist())
    agree(table, queries, naive.get_many(expected, queries.tolist()), tmp_path, rng)
    assert naive.recovered(table) == expected


@pytest.mark.parametrize("form", ["list", "StringDType", "U", "S"])
def test_texts(form, rng, tmp_path):
    n = ROWS
    every = names(2 * n, plain=form in "US")
    order = rng.permutation(2 * n).tolist()
    keys = [every[i] for i in order[:n]]
    make = {
        "list": list,
        "StringDType": lambda texts: np.array(texts, np.dtypes.StringDType()),
        "U": np.array,
        "S": lambda texts: np.array([text.encode() for text in texts]),
    }[form]
    table = vk.IdTable.build(make(keys), threads=2)
    queries = [*every, "", "no such"]
    expected = naive.rows_of(keys)
    agree(table, make(queries), naive.get_many(expected, queries), tmp_path, rng)
    assert naive.recovered(table) == expected
