"""Keys in numpy arrays: the dtype decides, nothing is copied that a kernel can read where it lies."""

from __future__ import annotations

from typing import Any

import numpy as np

from valkyrie.arrays.containers import Container
from valkyrie.arrays.key_kinds import DtypeName, KeyColumn, Lookup, refused, require_kind, untyped_column
from valkyrie.arrays.libraries import is_masked
from valkyrie.arrays.list_keys import from_objects
from valkyrie.arrays.strings import Strings
from valkyrie.errors import ArgumentError
from valkyrie.records import B16
from valkyrie.typing import AnyArray, BoolArray

__all__ = ["from_ndarray", "from_strings", "string_nulls"]


def from_ndarray(
    array: AnyArray, kind: str | None, argument: str, box: Container, lookup: Lookup | None = None
) -> KeyColumn:
    """Read keys from an array.

    Parameters
    ----------
    array : ndarray, shape (n,)
        Integers, V16, S, U, StringDType or objects; also uint8 of shape (n, 16) with ``kind="b16"``. A masked array's
        mask marks nulls. An empty float64 array, which ``np.array([])`` makes, counts as empty and untyped.
    kind, argument, box, lookup
        As ``key_column``.

    Raises
    ------
    ArgumentError
        The array has another shape.
    KeyTypeError
        The dtype cannot be a key, or is not of the kind wanted.
    """
    nulls = _mask(array)
    array = np.asarray(array)
    dtype = array.dtype
    got = DtypeName("numpy", dtype)
    if kind == "b16" and dtype == np.uint8 and array.ndim == 2 and array.shape[1] == 16:
        values = np.ascontiguousarray(array).reshape(-1).view(B16)
        absent = None if nulls is None else np.asarray(nulls.any(axis=1))
        return KeyColumn("b16", "b16", values, len(values), box, nulls=absent)
    if array.ndim != 1:
        raise ArgumentError(
            f"{argument}: an array of one dimension is needed, got shape {array.shape}",
            hint="Use array.ravel(), or get() for a single key",
            argument=argument,
            shape=array.shape,
        )
    n = len(array)
    match dtype.kind:
        case "i" | "u":
            hint = "Give the ids as V16 or as uint8 of shape (n, 16)" if kind == "b16" else ""
            require_kind(kind, "int", argument, got, hint)
            return KeyColumn("int", "int", array, n, box, nulls=nulls)
        case "V" if dtype == B16:
            require_kind(kind, "b16", argument, got)
            return KeyColumn("b16", "b16", np.ascontiguousarray(array), n, box, nulls=nulls)
        case "S":
            if kind == "b16" and dtype.itemsize == 16:
                # read from the raw items: as S16 their trailing NULs are invisible
                return KeyColumn("b16", "b16", np.ascontiguousarray(array).view(B16), n, box, nulls=nulls)
            require_kind(kind, "bytes", argument, got)
            return KeyColumn("bytes", "fixed", _plain(array), n, box, nulls=nulls)
        case "U":
            require_kind(kind, "bytes", argument, got)
            return KeyColumn("bytes", "ucs4", _plain(array), n, box, nulls=nulls)
        case "T":
            require_kind(kind, "bytes", argument, got)
            if isinstance(getattr(dtype, "na_object", None), str):
                # such a null is a text like any other, but its cells do not hold it
                array = array.astype(np.dtypes.StringDType())
            nulls = _either(nulls, string_nulls(array))
            return KeyColumn("bytes", "string_dtype", np.ascontiguousarray(array), n, box, nulls=nulls)
        case "O":
            if nulls is not None:
                array = array.copy()
                array[nulls] = None
            return from_objects(array.tolist(), kind, argument, box, array, lookup)
        case "f" if n == 0 and dtype == np.float64:
            return untyped_column(0, kind, box)
    raise refused(argument, got, _reason(dtype), dtype=str(dtype))


def from_strings(strings: Strings, kind: str | None, argument: str, box: Container) -> KeyColumn:
    """Read keys from dictionary-coded text."""
    require_kind(kind, "bytes", argument, "text")
    nulls = strings.nulls if strings.nulls.any() else None
    texts = strings.dictionary
    return KeyColumn("bytes", "offsets", texts.data, len(strings), box, offsets=texts.offsets, nulls=nulls, codes=strings.codes)


def string_nulls(array: AnyArray) -> BoolArray | None:
    """Return where a StringDType array holds its ``na_object``, None if nowhere; a text that stands for null is a text."""
    null = getattr(array.dtype, "na_object", "")
    if isinstance(null, str):
        return None
    # numpy finds NaN and NA by itself; compared with another object, an array is read item by item: eight times slower
    found = (isinstance(null, float) and null != null) or type(null).__name__ == "NAType"
    with_nan = array if found else array.astype(np.dtypes.StringDType(na_object=np.nan))
    nulls: BoolArray = np.isnan(with_nan)
    return nulls if nulls.any() else None


def _mask(array: AnyArray) -> BoolArray | None:
    # the plain test first: numpy loads np.ma only when it is named
    if type(array) is np.ndarray or not is_masked(array):
        return None
    nulls: BoolArray = np.ma.getmaskarray(array)
    return nulls if nulls.any() else None


def _either(left: BoolArray | None, right: BoolArray | None) -> BoolArray | None:
    if left is None or right is None:
        return right if left is None else left
    return left | right


def _plain(array: AnyArray) -> AnyArray:
    if array.dtype.itemsize == 0:
        return np.zeros(len(array), dtype=f"{array.dtype.kind}1")
    return np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("="))


def _reason(dtype: np.dtype[Any]) -> str:
    if dtype.names is not None or dtype.subdtype is not None:
        return "nested"
    return {"f": "float", "b": "bool", "M": "time", "m": "time", "c": "complex"}.get(dtype.kind, "other")
