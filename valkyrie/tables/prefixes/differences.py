"""Which prefixes of two tables differ."""

from __future__ import annotations

from functools import partial

import numpy as np

from valkyrie.tables.changes import Differ, KeyChanges, KeyReader, StoredKeys, UniqueKeys, changes_of
from valkyrie.tables.prefixes.index import PrefixIndex
from valkyrie.tables.prefixes.rank_rows import taken
from valkyrie.typing import AnyArray, Int32Array, Int64Array

__all__ = ["prefix_changes"]


def prefix_changes(old: tuple[PrefixIndex, Int32Array], new: tuple[PrefixIndex, Int32Array], differ: Differ | None) -> KeyChanges:
    """What became of prefixes, given each index and its rows by rank; `differ` as in `changes_of`."""
    (old_index, old_rows), (new_index, new_rows) = old, new
    return changes_of(
        _unique(*old),
        _rows_in(new_index, new_rows, old_index),
        new_index.n,
        lambda: (_unique(*new), _rows_in(old_index, old_rows, new_index)),
        differ,
    )


def _unique(index: PrefixIndex, rows: Int32Array) -> UniqueKeys:
    return UniqueKeys(rows, partial(_picked, index))


def _rows_in(index: PrefixIndex, rows: Int32Array, other: PrefixIndex) -> Int32Array:
    """The rows that the prefixes of another index have in this one, -1 where they are not in it."""
    if index is other:
        return rows
    if type(index) is not type(other) or index.kind != other.kind or not index.n:
        return np.full(other.n, -1, np.int32)
    return taken(rows, other.ranks_in(index), -1)


def _picked(index: PrefixIndex, ranks: Int64Array) -> KeyReader:
    return partial(_read, index, ranks)


def _read(index: PrefixIndex, ranks: Int64Array) -> tuple[StoredKeys, Int64Array]:
    prefixes = index.prefixes(ranks)
    order = np.arange(len(ranks))
    if index.kind == "bits":
        words = np.array([word for word, _ in prefixes], np.uint64)
        return StoredKeys(words, index.lengths[ranks]), order
    keys: AnyArray = np.empty(len(ranks), object)
    keys[:] = prefixes
    return StoredKeys(keys), order
