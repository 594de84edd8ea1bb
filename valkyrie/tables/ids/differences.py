"""Which keys of two IdTables differ: by a lookup of each in the other, or, where they share their arrays, of what is pending."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import numpy as np

from valkyrie import records
from valkyrie._native import IdTableReader
from valkyrie.arrays.texts import decode_text
from valkyrie.tables.changes import Differ, KeyChanges, KeyReader, StoredKeys, UniqueKeys, changes_of
from valkyrie.tables.ids.edits import all_keys, no_keys
from valkyrie.tables.ids.keys import BuildKeys
from valkyrie.tables.ids.parts import IdTableParts
from valkyrie.tables.ids.patch import Patch, found_rows
from valkyrie.typing import AnyArray, Int32Array, Int64Array

__all__ = ["TableContents", "id_table_changes"]

_ARRAYS = ("lines", "pilots", "arena", "fallback")
_NUMBERS = ("kind", "is_signed", "layout", "hash", "seed", "base", "span", "segment_shift", "segment_lines")


class TableContents(NamedTuple):
    """The parts of a table, what waits beside them, and the reader of both."""

    reader: IdTableReader
    parts: IdTableParts
    patch: Patch | None


def id_table_changes(old: TableContents, new: TableContents, differ: Differ | None) -> KeyChanges:
    """What became of the keys of a table: time O(n), or O(pending) if both are edits of the same one and rows are compared."""
    if differ is None and _share(old.parts, new.parts):
        touched = _touched(old, new)
        before, after = (_known(touched, table.reader) for table in (old, new))
        after_count = after[0].n
    else:
        before, after, after_count = all_keys(old.parts, old.patch), None, len(new.reader)

    def news() -> tuple[UniqueKeys, Int32Array]:
        keys, rows = all_keys(new.parts, new.patch) if after is None else after
        return _unique(keys, rows), _rows_in(old, keys)

    return changes_of(_unique(*before), _rows_in(new, before[0]), after_count, news, differ)


def _unique(keys: BuildKeys, rows: Int32Array) -> UniqueKeys:
    return UniqueKeys(rows, partial(_picked, keys))


def _share(old: IdTableParts, new: IdTableParts) -> bool:
    if old is new:
        return True
    lie_together = all(_same_memory(getattr(old, name), getattr(new, name)) for name in _ARRAYS)
    return lie_together and all(getattr(old, name) == getattr(new, name) for name in _NUMBERS)


def _same_memory(one: AnyArray, other: AnyArray) -> bool:
    if one is other:
        return True
    return one.dtype == other.dtype and len(one) == len(other) and (not len(one) or one.ctypes.data == other.ctypes.data)


def _touched(old: TableContents, new: TableContents) -> BuildKeys:
    """The keys that wait in one of two patches, or in both."""
    if old.patch is None or new.patch is None:
        patch = new.patch if old.patch is None else old.patch
        return no_keys(old.parts.kind, is_signed=old.parts.is_signed) if patch is None else patch.keys
    more = np.flatnonzero(found_rows(old.patch.reader, new.patch.keys) < 0)
    return old.patch.keys.joined(new.patch.keys.take(more))


def _known(keys: BuildKeys, reader: IdTableReader) -> tuple[BuildKeys, Int32Array]:
    """Those that a table has, and their rows there."""
    rows = found_rows(reader, keys)
    there = np.flatnonzero(rows >= 0)
    return keys.take(there), rows[there]


def _rows_in(table: TableContents, keys: BuildKeys) -> Int32Array:
    """The rows of keys of another table, -1 where there is none."""
    if keys.kind != table.parts.kind:
        return np.full(keys.n, -1, np.int32)
    rows = found_rows(table.reader, keys)
    if keys.ints is not None and keys.is_signed != table.parts.is_signed:
        rows[keys.ints >> np.uint64(63) != 0] = -1  # integers count by value: -1 is not 2**64 - 1
    return rows


def _picked(keys: BuildKeys, positions: Int64Array) -> KeyReader:
    return partial(_read, keys.take(positions))


def _read(keys: BuildKeys) -> tuple[StoredKeys, Int64Array]:
    if keys.ints is not None:
        values: AnyArray = keys.ints.view(np.int64) if keys.is_signed else keys.ints
        order = np.argsort(values)
        return StoredKeys(values[order]), order
    if keys.bytes16 is not None:
        order = np.lexsort(keys.bytes16.view(">u8").reshape(-1, 2).T[::-1])
        return StoredKeys(keys.bytes16.view(records.B16)[order]), order
    found = [keys.raw(position) for position in range(keys.n)]
    order = np.array(sorted(range(keys.n), key=found.__getitem__), np.int64)
    texts = np.empty(keys.n, object)
    texts[:] = [decode_text(found[at]) for at in order]
    return StoredKeys(texts), order
