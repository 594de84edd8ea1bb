"""A column of text keys, piece by piece, as the addresses and lengths that the text kernels read."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from valkyrie._native import strings
from valkyrie.arrays.key_kinds import KeyColumn
from valkyrie.errors import KeyTypeError
from valkyrie.typing import AnyArray, UInt8Array, UInt64Array

__all__ = ["PIECE", "Texts", "decode_text", "scratch_bytes", "text_piece"]

PIECE = 8192
"""Rows of a piece in a lookup: its addresses and lengths fill 128 KB, which stays in the second-level cache."""

UTF8_SPARE = 16
"""What an encoder may write behind the last text."""

_PROBLEM = {
    "object": "is neither text nor bytes, or has no UTF-8 form (a lone surrogate)",
    "ucs4": "has no UTF-8 form (a lone surrogate)",
    "string_dtype": "cannot be read",
    "offsets": "lies outside its data",
}


class Texts(NamedTuple):
    """Texts of a piece; `owner` must stay alive for as long as the addresses are used."""

    address: UInt64Array
    length: UInt64Array
    owner: Any


def text_piece(
    column: KeyColumn, start: int, stop: int, *, scratch: UInt8Array | None = None, argument: str = "keys"
) -> Texts:
    """Addresses and lengths of rows ``start`` to ``stop`` of the values of a text column (its codes are not applied).

    Parameters
    ----------
    scratch : ndarray of uint8, optional
        Where "ucs4" text is encoded, `scratch_bytes` long; the piece is good until it is used again. By default a new one.

    Raises
    ------
    KeyTypeError
        A value is no text; the position is in the message.
    """
    n = stop - start
    address = np.empty(n, np.uint64)
    length = np.empty(n, np.uint64)
    values: AnyArray = column.values
    owner: Any = values
    bad: int | None = -1
    if column.form == "offsets":
        assert column.offsets is not None
        bad = strings.of_offsets(column.offsets[start : stop + 1], values, address, length)
    elif column.form == "fixed":
        fields = _fields(values[start:stop], np.dtype(np.uint8))
        strings.of_fixed(fields, address, length)
        owner = fields
    elif column.form == "ucs4":
        fields = _fields(values[start:stop], np.dtype(np.uint32))
        owner = np.empty(5 * fields.size + UTF8_SPARE, np.uint8) if scratch is None else scratch
        bad = strings.of_ucs4(fields, owner, address, length)
    elif column.form == "string_dtype":
        owner = values[start:stop].copy()  # whoever changes one of its texts frees the old one, so this needs texts of its own
        bad = strings.of_string_dtype(owner, address, length)
    else:
        owner = values[start:stop].copy()  # references of our own: nobody can free a text while it is being read
        nulls = None if column.nulls is None or column.codes is not None else column.nulls[start:stop].view(np.uint8)
        bad = strings.of_objects(owner, nulls, address, length)
    if bad is not None and bad >= 0:
        raise KeyTypeError(
            f"{argument}: the value at position {start + bad} {_PROBLEM[column.form]}",
            hint="Give str or bytes, None where null",
            position=start + bad,
        )
    return Texts(address, length, owner)


def scratch_bytes(column: KeyColumn, rows: int) -> int:
    """Bytes that a piece of some rows needs to encode its texts; 0 for all forms but "ucs4"."""
    return 5 * (int(column.values.dtype.itemsize) // 4) * rows + UTF8_SPARE if column.form == "ucs4" else 0


def _fields(values: AnyArray, unit: np.dtype[Any]) -> AnyArray:
    """Fixed-width values as a matrix of bytes or code points, without a copy where they are contiguous."""
    width = values.dtype.itemsize // unit.itemsize
    if width == 0:
        return np.empty((len(values), 0), unit)
    return np.ascontiguousarray(values).view(unit).reshape(len(values), width)


def decode_text(raw: bytes) -> str | bytes:
    """Return text where the bytes are UTF-8, else the bytes."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw
