import enum
import re
import uuid
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.interop.key_decoding import decoded
from valkyrie.arrays import ListBox, NumpyBox, encodable, key_column, payload_column
from valkyrie.errors import ArgumentError, KeyTypeError

SIGNED = st.integers(-(2**63), 2**63 - 1)
UNSIGNED = st.integers(0, 2**64 - 1)


@settings(max_examples=100, deadline=None)
@given(st.one_of(st.lists(st.none() | SIGNED), st.lists(st.none() | UNSIGNED)))
def test_integers_keep_their_values(keys):
    column = key_column(keys)
    given = [key for key in keys if key is not None]
    assert decoded(column) == keys
    assert isinstance(column.box, ListBox)
    assert column.untyped == (not given)
    assert column.values.dtype == (np.uint64 if given and max(given) >= 2**63 else np.int64)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.none() | st.text(st.characters(exclude_categories=["Cs"])) | st.binary()))
def test_texts_and_bytes_mix(keys):
    column = key_column(keys, kind="bytes")
    assert decoded(column) == [key.encode() if isinstance(key, str) else key for key in keys]
    assert decoded(key_column(tuple(keys), kind="bytes")) == decoded(column)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.none() | st.uuids()))
def test_uuids_and_their_integers_agree(keys):
    column = key_column(keys, kind="b16")
    assert decoded(column) == [None if key is None else key.bytes for key in keys]
    for form in ("int", "bytes"):
        other = [None if key is None else getattr(key, form) for key in keys]
        assert decoded(key_column(other, kind="b16")) == decoded(column)


def test_numbers_of_numpy_and_enums_are_integers():
    class Colour(enum.IntEnum):
        RED = 2**60

    keys = [1, np.int8(-2), np.uint32(3), Colour.RED]
    assert decoded(key_column(keys)) == [1, -2, 3, 2**60]
    assert decoded(key_column([np.uint64(2**64 - 1), 0])) == [2**64 - 1, 0]


def test_large_integers_are_not_rounded():
    keys = [2**53 + 1, 2**63 - 1, None, -(2**63)]
    assert decoded(key_column(keys)) == keys


def test_ranges_are_integers():
    column = key_column(range(5, -5, -3))
    assert decoded(column) == [5, 2, -1, -4]
    assert isinstance(column.box, NumpyBox)
    assert decoded(key_column(range(0))) == []


@pytest.mark.parametrize(
    "keys",
    [
        range(2**63, 2**63 + 2),
        range(2**64 - 1, 2**64 - 5, -2),
        range(2**63 - 2, 2**63 + 1),
        range(-(2**63), -(2**63) + 9, 4),
        range(-(2**63), 2**63, 2**63 - 1),
        range(0, 2**64, 2**64 - 1),
    ],
    ids=str,
)
def test_ranges_of_large_integers_are_exact(keys):
    assert decoded(key_column(keys)) == list(keys)


def test_ranges_beyond_64_bits_read_as_lists():
    keys = range(2**64 - 1, 2**64 + 1)
    assert decoded(key_column(keys, lookup="unsigned")) == [2**64 - 1, None]
    with pytest.raises(KeyTypeError, match=r"beyond 64 bits \(first at position 1\)"):
        key_column(keys)


@pytest.mark.parametrize("kind", [None, "int", "b16", "bytes"])
@pytest.mark.parametrize("keys", [[], (), [None, None], np.array([None], dtype=object)])
def test_columns_without_a_value_fit_any_kind(keys, kind):
    column = key_column(keys, kind=kind)
    assert column.untyped
    assert column.kind == (kind or "int")
    assert decoded(column) == [None] * len(keys)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ([1, "a"], "int expected at position 1, got str"),
        (["a", None, 1], "str or bytes expected at position 2, got int"),
        ([uuid.UUID(int=1), b"x" * 16], "uuid.UUID expected at position 1, got bytes"),
        ([1, True], "int expected at position 1, got bool"),
        ([False], "expected at position 0, got bool"),
        ([np.True_], "expected at position 0, got bool"),
        ([1, None, 2.0], "int expected at position 2, got float.*Use None for a missing key"),
        ([1, float("nan")], "position 1, got float"),
        ([np.float32(1)], "position 0, got float32"),
        ([np.timedelta64(1, "s")], "position 0, got timedelta64"),
        ([Decimal(1)], "position 0, got Decimal"),
        ([[1, 2], [3]], "position 0, got list.*one flat column"),
        ([1, (2, 3)], "position 1, got tuple.*one flat column"),
        (
            [1, -1, 2**64],
            re.escape('beyond 64 bits (first at position 2) cannot be keys. Integers beyond 64 bits need kind="b16"'),
        ),
        ([-(2**63) - 1], "position 0"),
        ([2**63, None, -1], "signed .int64. or unsigned .uint64."),
    ],
)
def test_lists_that_are_no_keys_are_refused_at_the_position(keys, message):
    with pytest.raises(KeyTypeError, match=f"ids: .*{message}"):
        key_column(keys, argument="ids")


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ([b"x" * 16, b"short"], "16 bytes expected at position 1, got bytes of length 5"),
        ([None, str(uuid.UUID(int=1))], "16 bytes expected at position 1, got str.*parse text with uuid.UUID"),
        ([0, -1], "position 1 is outside 0 .. 2"),
        ([2**128], "position 0 is outside"),
    ],
)
def test_what_is_no_128_bit_id_is_refused_at_the_position(keys, message):
    with pytest.raises(KeyTypeError, match=message):
        key_column(keys, kind="b16")


@pytest.mark.parametrize(
    ("keys", "kind"), [([1], "bytes"), (["a"], "int"), ([uuid.UUID(int=1)], "int"), ([uuid.UUID(int=1)], "bytes")]
)
def test_lists_of_another_kind_are_refused(keys, kind):
    with pytest.raises(KeyTypeError, match=f"kind '{kind}'"):
        key_column(keys, kind=kind)


@pytest.mark.parametrize("key", ["a", b"a", bytearray(b"a"), 1, 1.0, True, uuid.UUID(int=1), np.int64(1), None])
def test_a_single_key_is_refused(key):
    with pytest.raises(
        ArgumentError, match=r"keys: an array of keys is needed, got a single .*Wrap it in a list; single keys .* without _many"
    ):
        key_column(key)


@pytest.mark.parametrize(
    ("keys", "hint"),
    [
        ({1, 2}, r"no order.*list\(keys\)"),
        (frozenset([1]), r"list\(keys\)"),
        ({1: 2}, r"list\(keys\) for its keys"),
        (iter([1]), r"Use list\(keys\)"),
        ((i for i in [1]), r"Use list\(keys\)"),
        (map(int, [1]), r"Use list\(keys\)"),
        (object(), "Give a numpy array"),
    ],
    ids=["set", "frozenset", "dict", "iterator", "generator", "map", "object"],
)
def test_what_is_no_array_is_refused_with_a_mend(keys, hint):
    with pytest.raises(ArgumentError, match=f"keys: an array of keys is needed, got .*{hint}"):
        key_column(keys)


WIDE = [5, 2**64, None, -(2**63) - 1, -1, 2**63]


@pytest.mark.parametrize(("lookup", "held"), [("signed", [5, -1]), ("unsigned", [5, 2**63])])
@pytest.mark.parametrize("container", [list, tuple, lambda items: np.array(items, object)])
def test_a_lookup_makes_integers_null_that_no_table_holds(container, lookup, held):
    column = key_column(container(WIDE), kind="int", lookup=lookup)
    assert decoded(column) == [key if key in held else None for key in WIDE]
    with pytest.raises(KeyTypeError, match="beyond 64 bits"):
        key_column(container(WIDE), kind="int")


def test_a_lookup_keeps_integers_that_one_dtype_holds():
    for keys in ([-1, 5], [2**63, 5], [0, 2**64 - 1]):
        for lookup in ("signed", "unsigned"):
            assert decoded(key_column(keys, kind="int", lookup=lookup)) == keys


def test_a_lookup_makes_integers_beyond_128_bits_null():
    keys = [1, -1, 2**128, None, 2**128 - 1]
    column = key_column(keys, kind="b16", lookup="signed")
    assert decoded(column) == [bytes(15) + b"\1", None, None, None, bytes([255] * 16)]
    with pytest.raises(KeyTypeError, match="outside 0"):
        key_column(keys, kind="b16")


@pytest.mark.parametrize(
    "container",
    [
        list,
        lambda items: np.array(items, object),
        lambda items: np.array(["" if item is None else item for item in items]),
        lambda items: pd.Series(items, dtype=object),
        lambda items: pd.Categorical.from_codes([0, 1, -1, 0], categories=pd.Index(["fine", "b\udcff"], dtype=object)),
    ],
    ids=["list", "object", "ucs4", "series", "categorical"],
)
def test_texts_without_a_utf8_form_can_be_made_null(container):
    column = key_column(container(["fine", "b\udcff", None, "fine"]), kind="bytes")
    mended = encodable(column)
    assert mended.nulls.tolist()[:2] == [False, True]
    assert mended.nulls.tolist()[3] is False
    assert decoded(mended)[0] == decoded(mended)[3] == b"fine"
    assert encodable(mended) is None
    assert encodable(key_column(["fine", None], kind="bytes")) is None
    assert encodable(key_column(np.array(["fine", "\ue000"]), kind="bytes")) is None
    assert encodable(key_column(np.array([b"fine"]), kind="bytes")) is None


def test_a_list_that_changes_while_it_is_read_is_read_as_it_was():
    keys = []

    class Restless(uuid.UUID):
        @property
        def bytes(self):
            if len(keys) < 5:
                keys.append(3)
            return super().bytes

    keys.extend([Restless(int=1), Restless(int=2)])
    expected = [uuid.UUID(int=1).bytes, uuid.UUID(int=2).bytes]
    assert decoded(key_column(keys)) == expected
    del keys[2:]
    assert payload_column(keys, "ids")[0].tolist() == expected
    assert len(keys) > 2
