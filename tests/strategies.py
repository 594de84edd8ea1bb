"""hypothesis strategies: integer arrays in every layout in memory, keys of every kind, payload columns."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

__all__ = ["INTEGER_DTYPES", "integer_arrays", "keys_of", "laid_out", "payload_columns"]

INTEGER_DTYPES = [f"{order}{kind}{width}" for order in "<>" for kind in "iu" for width in (1, 2, 4, 8)]
_NEAR = [0, 1, 2, 127, 128, 255, 256, 2**15, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**63 - 1, 2**63, 2**64 - 1]
_EDGES = sorted({sign * near for near in _NEAR for sign in (1, -1)} | {-(2**63)})


@st.composite
def laid_out(draw: st.DrawFn, array: Any) -> Any:
    """The same values, or one of them repeated, at another stride, alignment or address, writable or not."""
    form = draw(st.sampled_from(["plain", "reversed", "strided", "read-only", "offset", "field", "broadcast", "object owner"]))
    n, dtype = len(array), array.dtype
    if form == "reversed":
        return array[::-1].copy()[::-1]
    if form == "strided":
        step = draw(st.integers(2, 5))
        return np.repeat(array, step)[draw(st.integers(0, step - 1)) :: step]
    if form == "read-only":
        array = array.copy()
        array.flags.writeable = False
        return array
    if form == "offset":
        memory = np.zeros(array.nbytes + 1, np.uint8)
        memory[1:] = np.ascontiguousarray(array).view(np.uint8)
        return memory[1:].view(dtype) if n else array
    if form == "field":
        records = np.zeros(n, [("flag", "u1"), ("key", dtype)])
        records["key"] = array
        return records["key"]
    if form == "broadcast" and n:
        return np.broadcast_to(array[:1], draw(st.integers(1, 40)))
    return array


def _integers(dtype: str) -> st.SearchStrategy[int]:
    info = np.iinfo(dtype)
    low, high = int(info.min), int(info.max)
    return st.sampled_from([edge for edge in _EDGES if low <= edge <= high]) | st.integers(low, high)


@st.composite
def integer_arrays(draw: st.DrawFn, max_size: int = 80) -> Any:
    """Integers of any width, sign and byte order, near the edges of all widths, laid out in any way."""
    dtype = draw(st.sampled_from(INTEGER_DTYPES))
    values = draw(st.lists(_integers(dtype), max_size=max_size))
    return draw(laid_out(np.array(values, dtype)))


_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)


def keys_of(kind: str) -> st.SearchStrategy[Any]:
    """Keys of a kind: int (signed), b16 as bytes, bytes as str or bytes; small ranges, so that queries hit."""
    if kind == "int":
        return st.integers(-20, 20) | _integers("i8")
    if kind == "b16":
        return st.integers(0, 30).map(lambda i: i.to_bytes(16, "big")) | st.binary(min_size=16, max_size=16)
    return st.sampled_from(["", "a", "b", "\0", "a\0", "é", "x" * 49]) | _TEXT | st.binary(max_size=60)


def payload_columns(n: int) -> st.SearchStrategy[Any]:
    """A payload column of n values: numbers, booleans, fixed-width text or bytes, or a list of text with nulls."""
    dtypes = st.one_of(
        hnp.boolean_dtypes(),
        hnp.integer_dtypes(endianness="?"),
        hnp.unsigned_integer_dtypes(endianness="?"),
        hnp.floating_dtypes(endianness="?", sizes=(16, 32, 64)),
        hnp.byte_string_dtypes(endianness="?", min_len=1, max_len=9),
        hnp.unicode_string_dtypes(endianness="?", min_len=1, max_len=9),
    )
    arrays = dtypes.flatmap(lambda dtype: hnp.arrays(dtype, n))
    return arrays | st.lists(st.none() | _TEXT, min_size=n, max_size=n)
