"""Reading every key and row back out of the arrays of an IdTable, with numpy alone."""

from __future__ import annotations

import numpy as np

from valkyrie._scan import hash as twin
from valkyrie.errors import SnapshotFormatError
from valkyrie.tables.ids.parts import IdTableParts
from valkyrie.tables.texts import decode_text
from valkyrie.typing import AnyArray, Int32Array

__all__ = ["contents"]


def contents(parts: IdTableParts) -> tuple[AnyArray, Int32Array]:
    """All keys and their rows, by row, then key.

    Returns
    -------
    keys : ndarray, shape (n,)
        int64 or uint64; V16; or object (str, or bytes where a key is not UTF-8).
    rows : ndarray of int32, shape (n,)
    """
    field = "key" if parts.kind == "b16" else "fp"
    if parts.layout == "direct":
        index = np.flatnonzero(parts.lines["row"] >= 0)
        rows = parts.lines["row"][index]
        bits = index.astype(np.uint64) + np.uint64(parts.base)
    else:
        used = parts.lines["row"].view(np.int32).reshape(len(parts.lines), -1) != -1
        stored = np.concatenate([parts.lines["row"].reshape(used.shape)[used], parts.fallback["row"]])
        bits = np.concatenate([parts.lines[field].reshape(used.shape)[used], parts.fallback[field]])
        if parts.kind == "bytes":
            return _texts(parts.arena, stored.view(np.uint32))
        rows = stored
        if parts.kind == "int":
            bits = twin.unmix64(bits, twin.key_from_seed(parts.seed))
    if parts.kind == "int":
        keys = bits.view(np.int64) if parts.is_signed else bits
        order = np.lexsort((keys, rows))
        return keys[order], rows[order]
    order = np.lexsort((*bits.view(">u8").reshape(-1, 2).T[::-1], rows))
    return bits[order], rows[order]


def _texts(arena: AnyArray, refs: AnyArray) -> tuple[AnyArray, Int32Array]:
    at = refs.astype(np.int64) * 8
    if len(at) and int(at.max()) + 8 > len(arena):
        raise SnapshotFormatError("a line of the table refers to a text outside its arena", hint="Build the table again")
    head = np.stack([arena[at + i] for i in range(8)], axis=1) if len(at) else np.empty((0, 8), np.uint8)
    length, rows = head.view(np.uint32)[:, 0], head.view(np.int32)[:, 1]
    raw = arena.tobytes()
    found = [raw[a + 8 : a + 8 + n] for a, n in zip(at.tolist(), length.tolist(), strict=True)]
    order = sorted(range(len(found)), key=lambda i: (rows[i], found[i]))
    keys = np.empty(len(found), object)
    keys[:] = [decode_text(found[i]) for i in order]
    return keys, rows[order]
