"""IdTable against a dict in every container: texts, integers and 128-bit ids, with nulls and without."""

from __future__ import annotations

import numpy as np
import pytest

import valkyrie as vk
from tests import naive
from tests.containers import INTS, TEXTS, WIDES
from tests.key_sets import names
from tests.ways import scalar_rows


@pytest.mark.parametrize("form", TEXTS)
@pytest.mark.parametrize("n", [0, 1, 7, 2000, 43_000])
def test_texts(n, form, rng):
    keys = names(n)
    strangers = ["", "no such", "x" * 3000, *[key + "!" for key in keys[:100]]]
    queries = [*keys[::-1], *strangers]
    expected = naive.rows_of(keys)
    table = vk.IdTable.build(TEXTS[form](keys), kind="bytes")
    assert (len(table), table.kind) == (n, "bytes")
    wanted = naive.get_many(expected, queries)
    given = TEXTS[form](queries)
    assert np.array_equal(table.get_many(given), wanted)
    assert np.array_equal(table.get_many(given, threads=2), wanted)
    assert np.array_equal(vk.IdTable.build(keys, kind="bytes").get_many(given, missing=7), np.where(wanted < 0, 7, wanted))
    if n <= 2000:
        assert naive.recovered(table) == expected
        some = queries[-150:]
        assert scalar_rows(table, some) == scalar_rows(table, [key.encode() for key in some]) == wanted[-150:].tolist()


@pytest.mark.parametrize("form", TEXTS)
def test_null_texts_are_missing_and_the_empty_text_is_not(form):
    table = vk.IdTable.build(["", "a", "b"])
    queries = ["a", None, "", "c", None]
    assert table.get_many(TEXTS[form](queries)).tolist() == [1, -1, 0, -1, -1]
    assert table.get_many(TEXTS[form](queries), missing=-5).tolist() == [1, -5, 0, -5, -5]
    assert table.get_many(TEXTS[form]([None] * 3), missing=9).tolist() == [9, 9, 9]
    assert vk.IdTable.build(["a"]).get_many(TEXTS[form](queries)).tolist() == [0, -1, -1, -1, -1]


@pytest.mark.parametrize("form", INTS)
@pytest.mark.parametrize("n", [0, 1, 500, 20_000])
def test_integers(n, form, rng):
    keys = np.unique(rng.integers(-(2**63), 2**63, n)).tolist()
    table = vk.IdTable.build(INTS[form](keys), kind="int")
    expected = naive.rows_of(keys)
    queries = [*keys[::-2], None, 0, -1, 2**63 - 1, None]
    assert np.array_equal(table.get_many(INTS[form](queries)), naive.get_many(expected, queries))
    assert np.array_equal(table.get_many(INTS[form](queries), missing=-9, threads=2), naive.get_many(expected, queries, -9))
    assert naive.recovered(table) == expected


@pytest.mark.parametrize("form", WIDES)
@pytest.mark.parametrize("n", [0, 1, 500, 9_000])
def test_128_bit_ids(n, form, rng):
    keys = [rng.bytes(16) for _ in range(n)]
    table = vk.IdTable.build(WIDES[form](keys), kind="b16")
    expected = naive.rows_of(keys)
    queries = [*keys[::-2], None, bytes(16), rng.bytes(16), None]
    assert np.array_equal(table.get_many(WIDES[form](queries)), naive.get_many(expected, queries))
    assert np.array_equal(table.get_many(WIDES[form](queries), missing=-9, threads=2), naive.get_many(expected, queries, -9))
    assert naive.recovered(table) == expected


def test_strided_columns_of_128_bit_ids(rng):
    raw = rng.integers(0, 256, (60, 16), dtype=np.uint8)
    table = vk.IdTable.build(raw, kind="b16")
    keys = raw.view("V16").ravel()
    for variant in (keys, keys[::-1], keys[::3], np.broadcast_to(keys[5:6], 9), raw[::2].view("V16").ravel()):
        wanted = naive.get_many(naive.rows_of(keys.tolist()), variant.tolist())
        assert np.array_equal(table.get_many(variant), wanted)
    assert np.array_equal(table.get_many(raw[::-1]), np.arange(60)[::-1])


@pytest.mark.parametrize("kind", ["U", "S"])
@pytest.mark.parametrize("n", [1, 3000, 9_000])
def test_fixed_width_texts(kind, n):
    plain = names(n, plain=True)
    keys = [key.encode() for key in plain] if kind == "S" else [key.replace("x", "é") for key in plain]
    expected = naive.rows_of(keys)
    array = np.array([*keys[::-2], keys[0][:1], keys[0][:0]])
    frozen = array.copy()
    frozen.flags.writeable = False
    variants = [array, array[::-1], array[::3], frozen, np.broadcast_to(array[:1], 70), array.astype(f"{kind}200")]
    if kind == "U":
        variants.append(array.astype(array.dtype.newbyteorder()))
    for table in (vk.IdTable.build(np.array(keys)), vk.IdTable.build(keys)):
        for variant in variants:
            assert np.array_equal(table.get_many(variant), naive.get_many(expected, variant.tolist()))
            assert np.array_equal(table.get_many(variant, threads=2), naive.get_many(expected, variant.tolist()))


def test_texts_and_bytes_are_one_kind():
    table = vk.IdTable.build(["é", b"\xff\xfe", "a\0b", b"", "日本"])
    for query, row in (("é", 0), ("é".encode(), 0), (b"\xff\xfe", 1), (bytearray(b"a\0b"), 2), (memoryview(b""), 3), ("", 3)):
        assert table.get(query) == row
    assert table.get_many([b"\xff\xfe", "é", "é".encode(), "日本", b"a"]).tolist() == [1, 0, 0, 4, -1]
    assert table.keys().tolist() == ["é", b"\xff\xfe", "a\0b", "", "日本"]
    assert table.get("\ud800") is None
    assert "\ud800" not in table
    assert vk.IdTable.build(["\u00e9"]).get("e\u0301") is None  # compared as bytes, not as characters


def test_texts_of_every_length_up_to_some_blocks_of_the_hash():
    keys = [bytes([65 + i % 26]) * length for length in range(200) for i in range(1 if length == 0 else 5)]
    keys += [b"\0" * length for length in range(1, 60)]
    table = vk.IdTable.build(keys)
    assert naive.recovered(table) == naive.rows_of(keys)
    queries = [key + b"\0" for key in keys] + [key[:-1] for key in keys] + keys
    assert np.array_equal(table.get_many(queries), naive.get_many(naive.rows_of(keys), queries))
    assert scalar_rows(table, queries) == naive.get_many(naive.rows_of(keys), queries).tolist()


def test_a_text_may_be_very_long():
    keys = ["x" * 3_000_000, "x" * 2_999_999 + "y", "short"]
    table = vk.IdTable.build(keys)
    assert table.get_many([*keys, keys[0][1:]]).tolist() == [0, 1, 2, -1]
    assert naive.recovered(table) == naive.rows_of(keys)
