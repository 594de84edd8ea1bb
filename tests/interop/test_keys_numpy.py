import array
import re
import uuid

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tests.interop.key_decoding import decoded
from valkyrie.arrays import NumpyBox, key_column
from valkyrie.errors import ArgumentError, KeyTypeError

INTEGERS = [f"{order}{sign}{width}" for order in "<>" for sign in "iu" for width in (1, 2, 4, 8)]


@pytest.mark.parametrize("dtype", INTEGERS)
def test_integers_are_borrowed_whatever_their_layout(dtype):
    info = np.iinfo(dtype)
    base = np.array([info.min, 1, 2, info.max, 5, 6], dtype=dtype)
    read_only = base.copy()
    read_only.flags.writeable = False
    for view in (base, base[::2], base[::-1], base[:0], read_only, np.broadcast_to(base[3:4], 4)):
        column = key_column(view)
        assert (column.kind, column.form, column.nulls, column.codes) == ("int", "int", None, None)
        assert column.values.dtype == base.dtype
        assert column.values.strides == view.strides
        assert view.size == 0 or np.shares_memory(column.values, view)
        assert decoded(column) == view.tolist()
        assert isinstance(column.box, NumpyBox)


def test_a_field_of_a_packed_structured_array_is_borrowed():
    records = np.zeros(3, dtype=[("flag", "u1"), ("id", "<i8")])
    records["id"] = [5, 6, 7]
    column = key_column(records["id"])
    assert np.shares_memory(column.values, records)
    assert decoded(column) == [5, 6, 7]


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from(INTEGERS).flatmap(lambda dtype: hnp.arrays(dtype, st.integers(0, 20))),
    st.sampled_from([slice(None), slice(None, None, 2), slice(None, None, -1), slice(3, 9)]),
)
def test_integers_keep_their_values(values, part):
    assert decoded(key_column(values[part])) == [int(value) for value in values[part]]


@pytest.mark.parametrize("make", [list, np.array], ids=["list", "array"])
def test_texts_of_every_numpy_form_are_the_same_keys(make):
    texts = ["", "a", "é", "日本語", "a\0b", "x" * 30]
    expected = [text.encode() for text in texts]
    assert decoded(key_column(make(texts))) == expected
    for dtype in (object, "<U30", ">U30", np.dtypes.StringDType()):
        array = np.array(texts, dtype=dtype)
        assert decoded(key_column(array)) == expected
        assert decoded(key_column(array[::-2])) == expected[::-2]
        assert decoded(key_column(array[:0])) == []


def test_bytes_of_fixed_width_are_text_keys():
    array = np.array([b"", b"ab", "é".encode(), b"\xff\xfe"])
    column = key_column(array)
    assert (column.kind, column.form) == ("bytes", "fixed")
    assert np.shares_memory(column.values, array)
    assert decoded(column) == array.tolist()
    assert key_column(np.array([b"1" * 16])).kind == "bytes"


@pytest.mark.parametrize("null", [None, np.nan, "pandas NA", object(), 5, 1.5], ids=["None", "NaN", "NA", "object", "5", "1.5"])
def test_nulls_of_string_dtype(null):
    if null == "pandas NA":
        null = pytest.importorskip("pandas").NA
    array = np.array(["a", null, "", null], dtype=np.dtypes.StringDType(na_object=null))
    column = key_column(array)
    assert column.form == "string_dtype"
    assert decoded(column) == [b"a", None, b"", None]
    assert key_column(array[:1]).nulls is None


def test_a_text_that_stands_for_null_is_that_text():
    array = np.array(["a", "none"], dtype=np.dtypes.StringDType(na_object="none"))
    column = key_column(array)
    assert column.nulls is None
    assert decoded(column) == [b"a", b"none"]


def test_object_arrays_read_as_lists():
    assert decoded(key_column(np.array([1, 2**63, None], dtype=object))) == [1, 2**63, None]
    assert decoded(key_column(np.array(["a", b"b", None, "c"], dtype=object)[::2])) == [b"a", None]
    ids = [uuid.UUID(int=i << 100) for i in range(3)]
    assert decoded(key_column(np.array(ids, dtype=object))) == [i.bytes for i in ids]


def test_masked_arrays_mark_nulls():
    for values in (np.arange(3), np.array(["a", "b", "c"]), np.array(["a", "b", "c"], dtype=object)):
        column = key_column(np.ma.MaskedArray(values, [False, True, False]))
        assert [item is None for item in decoded(column)] == [False, True, False]
    assert key_column(np.ma.MaskedArray([1, 2], [False, False])).nulls is None


def test_128_bit_forms_agree():
    ids = [uuid.UUID(int=i) for i in (0, 1, 2**127, 2**128 - 1, 0x61 << 120)]
    expected = [i.bytes for i in ids]
    raw = b"".join(expected)
    void = np.frombuffer(raw, dtype="V16")
    assert np.shares_memory(key_column(void).values, void)
    assert decoded(key_column(void)) == expected
    assert decoded(key_column(void[::-1])) == expected[::-1]
    matrix = np.frombuffer(raw, dtype=np.uint8).reshape(-1, 16)
    fixed = np.frombuffer(raw, dtype="S16")
    for keys in (matrix, np.asfortranarray(matrix), fixed, ids, expected, [i.int for i in ids]):
        column = key_column(keys, kind="b16")
        assert (column.kind, column.form, column.values.dtype) == ("b16", "b16", np.dtype("V16"))
        assert decoded(column) == expected


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        (np.array([1.0, 2.0]), "float64 cannot be keys.*'Int64'"),
        (np.zeros(0, dtype="f4"), "float32 cannot be keys"),
        (np.array([True]), "bool cannot be keys.*uint8"),
        (np.array(["2026-01-01"], dtype="M8[D]"), "datetime64.*int64"),
        (np.array([1], dtype="m8[s]"), "timedelta64"),
        (np.array([1j]), "complex128"),
        (np.zeros(2, dtype=[("a", "i4")]), "flat column"),
        (np.zeros(2, dtype="V8"), r"\|V8"),
        (np.array([1, "a"], dtype=object), "int expected at position 1, got str"),
    ],
)
def test_dtypes_that_are_no_keys_are_refused_by_name(keys, message):
    with pytest.raises(KeyTypeError, match=f"ids: .*{message}") as error:
        key_column(keys, argument="ids")
    assert error.value.data["argument"] == "ids"
    assert error.value.hint


@pytest.mark.parametrize("keys", [np.array(5), np.zeros((2, 2), dtype=int), np.zeros((2, 16), dtype="u1")])
def test_other_shapes_are_refused(keys):
    with pytest.raises(ArgumentError, match=re.escape(f"keys: an array of one dimension is needed, got shape {keys.shape}")):
        key_column(keys)


@pytest.mark.parametrize(
    ("keys", "kind"),
    [
        (np.array([1]), "bytes"),
        (np.array([1]), "b16"),
        (np.array(["a"]), "int"),
        (np.array(["0" * 16]), "b16"),
        (np.array([b"a"]), "b16"),
        (np.zeros(1, dtype="V16"), "int"),
        (np.zeros(1, dtype="V16"), "bytes"),
        (np.array(["a"], dtype=np.dtypes.StringDType()), "int"),
    ],
)
def test_keys_of_another_kind_are_refused(keys, kind):
    with pytest.raises(KeyTypeError, match=f"kind '{kind}'"):
        key_column(keys, kind=kind)


def test_an_unknown_kind_is_refused():
    with pytest.raises(ArgumentError, match="kind: 'text' is not a kind of keys"):
        key_column([1], kind="text")


@pytest.mark.parametrize("kind", [None, "int", "b16", "bytes"])
def test_the_empty_array_of_no_dtype_fits_any_kind(kind):
    column = key_column(np.array([]), kind=kind)
    assert column.untyped
    assert column.kind == (kind or "int")
    assert decoded(column) == []


def test_buffers_and_array_protocols_are_read_in_place():
    source = array.array("q", [1, -2])
    assert decoded(key_column(source)) == [1, -2]
    assert np.shares_memory(key_column(source).values, np.asarray(source))
    assert decoded(key_column(memoryview(source))) == [1, -2]

    class Tensor:
        def __array__(self, dtype=None, copy=None):
            return np.array([7, 8])

    assert decoded(key_column(Tensor())) == [7, 8]
