import uuid

import numpy as np
import polars as pl
import pytest

from tests.interop.key_decoding import decoded
from valkyrie.arrays import PolarsBox, key_column
from valkyrie.errors import ArgumentError, KeyTypeError

INTEGERS = [pl.Int8, pl.Int16, pl.Int32, pl.Int64, pl.UInt8, pl.UInt16, pl.UInt32, pl.UInt64]
TEXTS = ["", "é", None, "a\0b", "longer than twelve bytes", "z"]


def as_bytes(items):
    return [item.encode() if isinstance(item, str) else item for item in items]


@pytest.mark.parametrize("dtype", INTEGERS, ids=str)
def test_integers(dtype):
    series = pl.Series("id", [1, 2, 3], dtype=dtype)
    column = key_column(series)
    assert np.shares_memory(column.values, series.to_numpy(allow_copy=False))
    assert decoded(column) == [1, 2, 3]
    assert isinstance(column.box, PolarsBox)
    assert column.box.name == "id"
    for items in ([1, None, 3], [None], []):
        series = pl.Series("id", items, dtype=dtype)
        assert decoded(key_column(series)) == items
        assert decoded(key_column(series[1:])) == items[1:]
        assert decoded(key_column(pl.concat([series, series], rechunk=False))) == items * 2


@pytest.mark.parametrize(
    "dtype", [pl.String, pl.Binary, pl.Categorical, pl.Enum([text for text in TEXTS if text is not None])], ids=str
)
def test_texts(dtype):
    series = pl.Series("name", as_bytes(TEXTS) if dtype == pl.Binary else TEXTS, dtype=dtype)
    for keys in (series, series[2:], series[:0], series.reverse(), pl.concat([series, series], rechunk=False)):
        column = key_column(keys)
        assert column.kind == "bytes"
        assert decoded(column) == as_bytes(keys.to_list())
        assert (column.codes is not None) == (dtype in (pl.Categorical, pl.Enum))


def test_integers_beyond_a_double_are_not_rounded():
    assert decoded(key_column(pl.Series([2**53 + 1, None, 2**63 - 1]))) == [2**53 + 1, None, 2**63 - 1]


def test_128_bit_ids():
    ids = [uuid.UUID(int=5).bytes, None, b"x" * 16]
    assert decoded(key_column(pl.Series(ids, dtype=pl.Binary), kind="b16")) == ids
    objects = pl.Series([uuid.UUID(int=5), uuid.UUID(int=6)], dtype=pl.Object)
    assert decoded(key_column(objects)) == [uuid.UUID(int=5).bytes, uuid.UUID(int=6).bytes]


@pytest.mark.parametrize("kind", [None, "int", "b16", "bytes"])
def test_null_columns_fit_any_kind(kind):
    column = key_column(pl.Series([None, None]), kind=kind)
    assert column.untyped
    assert decoded(column) == [None, None]


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        (pl.Series([1.5]), "Float64 cannot be keys.*Int64"),
        (pl.Series([True]), "Boolean cannot be keys.*uint8"),
        (pl.Series([0]).cast(pl.Date), "Date cannot be keys.*integer value"),
        (pl.Series([0]).cast(pl.Datetime("us")), "Datetime.*integer value"),
        (pl.Series([0]).cast(pl.Duration("us")), "Duration.*integer value"),
        (pl.Series([1]).cast(pl.Decimal(10, 2)), "Decimal.*int64"),
        (pl.Series([1], dtype=pl.Int128), 'Int128.*kind="b16"'),
        (pl.Series([[1]]), "List.*flat column"),
        (pl.Series([{"a": 1}]), "Struct.*flat column"),
    ],
    ids=lambda value: "" if isinstance(value, str) else str(value.dtype),
)
def test_dtypes_that_are_no_keys_are_refused(keys, message):
    with pytest.raises(KeyTypeError, match=f"ids: polars .*{message}"):
        key_column(keys, argument="ids")


@pytest.mark.parametrize(
    ("dtype", "kind"), [(pl.Int64, "bytes"), (pl.String, "int"), (pl.String, "b16"), (pl.Categorical, "int")]
)
def test_columns_of_another_kind_are_refused(dtype, kind):
    with pytest.raises(KeyTypeError, match=f"kind '{kind}'"):
        key_column(pl.Series(["1"]).cast(dtype), kind=kind)


@pytest.mark.parametrize("make", [pl.DataFrame, pl.LazyFrame, lambda _: pl.col("a")])
def test_whole_frames_are_refused(make):
    with pytest.raises(ArgumentError, match=r'one column is needed, got polars .*frame\["id"\]'):
        key_column(make({"a": [1]}))
