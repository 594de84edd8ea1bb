"""The keys of a table, out of its arrays, in the form that builds take and in no order: to change a table or to sum it up."""

from __future__ import annotations

import numpy as np

from valkyrie import records
from valkyrie._native import hashing
from valkyrie.errors import SnapshotFormatError
from valkyrie.tables.ids.keys import BuildKeys
from valkyrie.tables.ids.parts import IdTableParts
from valkyrie.typing import AnyArray, Int32Array

__all__ = ["stored_keys", "stored_values", "text_records"]


def stored_values(parts: IdTableParts) -> tuple[AnyArray, Int32Array]:
    """What the used slots of a table hold, its changes aside: fingerprints, or 128-bit keys, or of the direct layout keys; and
    rows, or of texts references."""
    if parts.layout == "direct":
        index = np.flatnonzero(parts.lines["row"] >= 0)
        return index.astype(np.uint64) + np.uint64(parts.base), parts.lines["row"][index]
    field = "key" if parts.kind == "b16" else "fp"
    used = parts.lines["row"].view(np.int32).reshape(len(parts.lines), -1) != records.MISSING
    bits, values = parts.lines[field].reshape(used.shape)[used], parts.lines["row"].reshape(used.shape)[used]
    if len(parts.fallback):
        bits = np.concatenate([bits, parts.fallback[field]])
        values = np.concatenate([values, parts.fallback["row"]])
    return bits, values


def stored_keys(parts: IdTableParts) -> tuple[BuildKeys, Int32Array]:
    """Keys and rows of a table, its changes aside.

    Returns
    -------
    keys : BuildKeys
        Of n keys. Texts stay in the table's arena, which they keep alive.
    rows : ndarray of int32, shape (n,)
    """
    bits, values = stored_values(parts)
    n = len(values)
    if parts.kind == "b16":
        return BuildKeys("b16", n, bytes16=np.ascontiguousarray(bits).view(np.uint8)), values
    if parts.kind == "bytes":
        address, length, rows = text_records(parts.arena, values.view(np.uint32))
        return BuildKeys("bytes", n, address=address, length=length, owner=parts.arena), rows
    if parts.layout != "direct":
        keys = np.empty(n, np.uint64)
        hashing.unhash_ids(np.ascontiguousarray(bits), parts.seed, keys)
        bits = keys
    return BuildKeys("int", n, parts.is_signed, ints=bits), values


def text_records(arena: AnyArray, refs: AnyArray) -> tuple[AnyArray, AnyArray, Int32Array]:
    """Where the texts of an arena are that `refs` name: addresses and lengths, uint64, and the rows of their records.

    Raises
    ------
    SnapshotFormatError
        A reference leads outside the arena.
    """
    start = refs.astype(np.int64) * 8
    if not len(start):
        return np.empty(0, np.uint64), np.empty(0, np.uint64), np.empty(0, np.int32)
    outside = int(start.max()) + 8 > len(arena)
    heads = arena[: len(arena) // 8 * 8].view([("length", "<u4"), ("row", "<i4")])
    length = np.empty(0, np.uint64) if outside else heads["length"][refs].astype(np.uint64)
    if outside or bool((start.astype(np.uint64) + 8 + length > len(arena)).any()):
        raise SnapshotFormatError("a line of the table refers to a text outside its arena", hint="Build the table again")
    return (start + 8).astype(np.uint64) + np.uint64(arena.ctypes.data), length, heads["row"][refs]
