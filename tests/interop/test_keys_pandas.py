import uuid

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from tests.interop.key_decoding import decoded
from valkyrie.arrays import key_column
from valkyrie.errors import ArgumentError, KeyTypeError

WIDTHS = [f"{sign}nt{width}" for sign in ("i", "ui") for width in (8, 16, 32, 64)]
TEXTS = ["", "é", None, "a\0b", "longer than sixteen bytes"]


def as_bytes(items):
    return [item.encode() if isinstance(item, str) else item for item in items]


@pytest.mark.parametrize("dtype", WIDTHS)
def test_integers_of_numpy_are_borrowed(dtype):
    base = np.array([1, 2, 3], dtype=dtype)
    series = pd.Series(base, index=["x", "y", "z"], copy=False)
    for keys in (series, series[::-1], pd.Index(base, copy=False)):
        column = key_column(keys)
        assert np.shares_memory(column.values, base)
        assert column.values.dtype == dtype
        assert decoded(column) == keys.tolist()


@pytest.mark.parametrize("dtype", WIDTHS)
@pytest.mark.parametrize("backend", ["masked", "arrow"])
def test_nullable_integers(dtype, backend):
    name = f"{dtype}[pyarrow]" if backend == "arrow" else dtype.replace("ui", "UI").replace("i", "I", 1)
    for items in ([1, None, 3], [1, 2, 3], [None, None], []):
        series = pd.Series(items, dtype=name)
        for keys in (series, series.array, series[::-1]):
            column = key_column(keys)
            assert column.values.dtype == dtype
            assert decoded(column) == [None if pd.isna(item) else item for item in keys]
            assert not column.untyped


def test_nullable_integers_without_nulls_are_borrowed():
    base = np.array([1, 2, 3])
    series = pd.Series(pd.arrays.IntegerArray(base, np.zeros(3, dtype=bool)), copy=False)
    assert np.shares_memory(key_column(series).values, base)


def test_large_nullable_integers_are_not_rounded():
    assert decoded(key_column(pd.Series([2**63 - 1, None, 2**53 + 1], dtype="Int64"))) == [2**63 - 1, None, 2**53 + 1]


@pytest.mark.parametrize(
    "dtype",
    [
        "str",
        "string[python]",
        "string[pyarrow]",
        object,
        "category",
        pd.ArrowDtype(pa.string()),
        pd.ArrowDtype(pa.large_string()),
        pd.StringDtype("python", na_value=np.nan),
    ],
    ids=str,
)
def test_texts_of_every_dtype(dtype):
    series = pd.Series(TEXTS, dtype=dtype)
    assert decoded(key_column(series)) == as_bytes(TEXTS)
    assert decoded(key_column(series.array)) == as_bytes(TEXTS)
    assert decoded(key_column(series[1::2])) == as_bytes(TEXTS[1::2])
    assert decoded(key_column(series[:0])) == []
    assert decoded(key_column(pd.Index(series))) == as_bytes(TEXTS)


def test_texts_of_arrow_storage_are_borrowed():
    array = pa.chunked_array([pa.array(["a", "bc"], pa.large_string())])
    series = pd.Series(pd.array(array, dtype=pd.StringDtype("pyarrow")))
    assert key_column(series).values.ctypes.data == array.chunk(0).buffers()[2].address


@pytest.mark.parametrize("null", [None, np.nan, pd.NA, pd.NaT])
def test_every_null_in_objects_is_a_null(null):
    assert decoded(key_column(pd.Series(["a", null, b"b"], dtype=object))) == [b"a", None, b"b"]
    assert decoded(key_column(pd.Series([1, null, 2**63], dtype=object))) == [1, None, 2**63]
    assert key_column(pd.Series([null, null], dtype=object)).untyped


def test_objects_of_the_caller_are_not_touched():
    objects = np.array(["a", np.nan], dtype=object)
    key_column(pd.Series(objects, copy=False))
    assert np.isnan(objects[1])


def test_categories_give_codes():
    series = pd.Series(pd.Categorical(["b", None, "a", "b"], categories=["a", "b", "unused"]))
    column = key_column(series)
    assert column.codes.tolist() == [1, -1, 0, 1]
    assert decoded(column) == [b"b", None, b"a", b"b"]
    numbers = pd.Series([30, None, 10], dtype="Int64").astype("category")
    assert decoded(key_column(numbers)) == [30, None, 10]
    assert decoded(key_column(pd.CategoricalIndex(["x", "y"]))) == [b"x", b"y"]
    assert key_column(pd.Series(pd.Categorical([None, None]))).untyped


def test_128_bit_ids():
    ids = [uuid.UUID(int=5), None, uuid.UUID(int=2**127)]
    expected = [None if i is None else i.bytes for i in ids]
    assert decoded(key_column(pd.Series(ids, dtype=object))) == expected
    assert decoded(key_column(pd.Series(expected, dtype=pd.ArrowDtype(pa.binary(16))))) == expected
    assert decoded(key_column(pd.Series(expected, dtype=object), kind="b16")) == expected


def test_sparse_integers_are_made_dense():
    assert decoded(key_column(pd.Series([0, 0, 7], dtype=pd.SparseDtype("int64", 0)))) == [0, 0, 7]


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        (pd.Series([1, None]), "float64 cannot be keys.*use pandas 'Int64'"),
        (pd.Series([1, None], dtype="Float64"), "Float64 cannot be keys.*use pandas 'Int64'"),
        (pd.Series([True, False]), "bool cannot be keys"),
        (pd.Series([True, None], dtype="boolean"), "boolean cannot be keys.*uint8"),
        (pd.Series(["2026-01-01"], dtype="datetime64[ns]"), "datetime64.*integer value"),
        (pd.Series(["2026-01-01"], dtype="datetime64[ns, UTC]"), "datetime64.*integer value"),
        (pd.Series(pd.period_range("2026", periods=1, freq="D")), "period.*integer value"),
        (pd.Series(pd.interval_range(0, 1)), "interval"),
        (pd.MultiIndex.from_tuples([(1, 2)]), "MultiIndex.*flat column"),
        (pd.Series([1.5], dtype="category"), "float64 cannot be keys"),
        (pd.Series([1.5], dtype="double[pyarrow]"), "double cannot be keys"),
        (pd.Series([1, "a"], dtype=object), "int expected at position 1, got str"),
    ],
    ids=lambda value: "" if isinstance(value, str) else str(value.dtype),
)
def test_dtypes_that_are_no_keys_are_refused(keys, message):
    with pytest.raises(KeyTypeError, match=f"ids: .*{message}"):
        key_column(keys, argument="ids")


@pytest.mark.parametrize(("dtype", "kind"), [("Int64", "bytes"), ("str", "int"), ("str", "b16"), ("category", "int")])
def test_columns_of_another_kind_are_refused(dtype, kind):
    with pytest.raises(KeyTypeError, match=f"kind '{kind}'"):
        key_column(pd.Series(["1", "2"]).astype(dtype), kind=kind)


def test_whole_frames_are_refused():
    with pytest.raises(ArgumentError, match=r'one column is needed, got pandas DataFrame.*frame\["id"\]'):
        key_column(pd.DataFrame({"a": [1]}))
