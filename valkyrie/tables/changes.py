"""What became of the keys of a table from one version to another: removed, led elsewhere, added."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from valkyrie.arrays import Columns
from valkyrie.typing import AnyArray, BoolArray, Int32Array, Int64Array

__all__ = ["ChangedKeys", "Differ", "KeyChanges", "KeyReader", "StoredKeys", "UniqueKeys", "changes_of"]


class StoredKeys(NamedTuple):
    """Keys as a user takes them.

    Attributes
    ----------
    keys : ndarray, shape (n,)
        int64 or uint64; V16; or object: str, bytes where a key is not UTF-8.
    lengths : ndarray of int32, shape (n,), or None
        Of prefixes that are words, how many leading bits count.
    """

    keys: AnyArray
    lengths: Int32Array | None = None


KeyReader = Callable[[], tuple[StoredKeys, Int64Array]]
"""Reads m keys: in ascending order, and which of the m each is."""


Differ = Callable[[Int32Array, Int32Array], BoolArray]
"""Which of n keys lead elsewhere, given the row of each before and after."""


class UniqueKeys(NamedTuple):
    """The distinct keys of a table in an order of its own.

    Attributes
    ----------
    rows : ndarray of int32, shape (n,)
    pick : callable
        From positions to what reads the keys there.
    """

    rows: Int32Array
    pick: Callable[[Int64Array], KeyReader]


@dataclass(frozen=True, slots=True, eq=False)
class ChangedKeys:
    """Keys that fared alike. Immutable; they are sorted, and texts decoded, when they are asked for."""

    _before: Int32Array
    _after: Int32Array
    _read: KeyReader

    def __len__(self) -> int:
        return len(self._before)

    def keys(self) -> AnyArray:
        """The keys in ascending order: int64, uint64, V16, or object (str, or bytes where not UTF-8), shape (n,)."""
        return self._read()[0].keys

    def reversed(self) -> ChangedKeys:
        """The same keys on the way back."""
        return ChangedKeys(self._after, self._before, self._read)

    def where(self, kept: BoolArray) -> ChangedKeys:
        """Some of the keys: kept is of shape (n,), in the order of `rows`."""
        return ChangedKeys(self._before[kept], self._after[kept], partial(_read_some, self._read, kept))

    @property
    def rows(self) -> tuple[Int32Array, Int32Array]:
        """The row of each key before and after, in an order of its own: int32, shape (n,), -1 for none."""
        return self._before, self._after

    def __reduce__(self) -> tuple[Any, ...]:
        """By the keys themselves, and not by the table that they are read from."""
        return ChangedKeys, (self._before, self._after, partial(_known, self._read()))

    def columns(self) -> Columns:
        """``key``, ``length`` of those that have one, ``before`` and ``after`` (rows, -1 for none), ascending by key.

        Bytes that are not UTF-8 stand there as ``\\xff``; `keys` gives them as they are.
        """
        (keys, lengths), order = self._read()
        column = [_as_text(key) for key in keys.tolist()] if keys.dtype == object else keys
        of_words = {} if lengths is None else {"length": lengths}
        return Columns({"key": column} | of_words | {"before": self._before[order], "after": self._after[order]})


class KeyChanges(NamedTuple):
    """The changes from one table to another; keys that lead where they led are in none of these."""

    removed: ChangedKeys
    changed: ChangedKeys
    added: ChangedKeys


def changes_of(
    old: UniqueKeys,
    old_in_new: Int32Array,
    new_count: int,
    new: Callable[[], tuple[UniqueKeys, Int32Array]],
    differ: Differ | None = None,
) -> KeyChanges:
    """Sort keys by what became of them.

    Parameters
    ----------
    old : UniqueKeys
        Of n keys.
    old_in_new : ndarray of int32, shape (n,)
        The row in the new table of each old key, -1 where it is not there.
    new_count : int
        How many keys the new table has.
    new : callable
        Gives those keys, and the row in the old table of each; not called if every one was found among the old ones.
    differ : callable, optional
        Which of the keys that both have lead elsewhere; by default those of another row.
    """
    there = old_in_new >= 0
    gone = np.flatnonzero(~there)
    if differ is None:
        elsewhere = np.flatnonzero(there & (old_in_new != old.rows))
    else:
        stayed = np.flatnonzero(there)
        elsewhere = stayed[differ(old.rows[stayed], old_in_new[stayed])]
    later, fresh = old, gone[:0]
    if len(old.rows) - len(gone) < new_count:
        later, new_in_old = new()
        fresh = np.flatnonzero(new_in_old < 0)
    nothing = np.full(max(len(gone), len(fresh)), -1, np.int32)
    return KeyChanges(
        ChangedKeys(old.rows[gone], nothing[: len(gone)], old.pick(gone)),
        ChangedKeys(old.rows[elsewhere], old_in_new[elsewhere], old.pick(elsewhere)),
        ChangedKeys(nothing[: len(fresh)], later.rows[fresh], later.pick(fresh)),
    )


def _known(read: tuple[StoredKeys, Int64Array]) -> tuple[StoredKeys, Int64Array]:
    return read


def _read_some(read: KeyReader, kept: BoolArray) -> tuple[StoredKeys, Int64Array]:
    (keys, lengths), order = read()
    chosen = kept[order]
    position: Int64Array = np.cumsum(kept) - 1
    return StoredKeys(keys[chosen], None if lengths is None else lengths[chosen]), position[order[chosen]]


def _as_text(key: str | bytes) -> str:
    return key if isinstance(key, str) else key.decode(errors="backslashreplace")
