"""Reading every key and row back out of the arrays of an IdTable, in order and as a user takes them."""

from __future__ import annotations

import numpy as np

from valkyrie import records
from valkyrie._native import strings
from valkyrie.arrays.texts import decode_text
from valkyrie.tables.ids.keys import BuildKeys
from valkyrie.typing import AnyArray, Int32Array

__all__ = ["in_order"]


def in_order(keys: BuildKeys, rows: Int32Array) -> tuple[AnyArray, Int32Array]:
    """Keys and their rows, by row, then key.

    Returns
    -------
    keys : ndarray, shape (n,)
        int64 or uint64; V16; or object (str, or bytes where a key is not UTF-8).
    rows : ndarray of int32, shape (n,)
    """
    if keys.ints is not None:
        values: AnyArray = keys.ints.view(np.int64) if keys.is_signed else keys.ints
        order = np.lexsort((values, rows))
        return values[order], rows[order]
    if keys.bytes16 is not None:
        words = keys.bytes16.view(">u8").reshape(-1, 2)
        order = np.lexsort((*words.T[::-1], rows))
        return keys.bytes16.view(records.B16)[order], rows[order]
    assert keys.address is not None
    assert keys.length is not None
    pairs = zip(keys.address.tolist(), keys.length.tolist(), strict=True)
    found = [strings.text_bytes(address, length) for address, length in pairs]
    by_row = sorted(range(keys.n), key=lambda i: (rows[i], found[i]))
    texts = np.empty(keys.n, object)
    texts[:] = [decode_text(found[i]) for i in by_row]
    return texts, rows[by_row]
