"""What a table holds as two numbers: equal for equal content, however it was built, in whatever order and by whatever edits.

Every entry, a key and its row, is hashed twice with fixed, public seeds; a sum is the two sums of those hashes, modulo 2**64.
Sums do not care for order, and an edit changes them by what it removes and adds, so that a change of a hundred keys among ten
million costs a hundred hashes (the incremental hashing of Bellare and Micciancio, 1997, by addition). They find accidents, not
attackers.

The hash of an entry is the mix of (the hash of its key + its row times an odd number); which bytes stand for a key is its kind's
to say. Tests hold the results to fixed values.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable
from typing import NamedTuple, TypeVar, cast

import numpy as np

from valkyrie._native import hashing
from valkyrie.typing import AnyArray, Int32Array, UInt64Array

__all__ = ["NOTHING", "ContentSum", "entry_sum", "is_remembered", "record_sum", "remember", "remembered"]

_T = TypeVar("_T")

_KEY_SEEDS = (0x56414C4B59524945, 0x636F6E74656E7473)
_ENTRY_SEEDS = (0x6B65792B726F7720, 0x726F772B6B657920)
_ROW_STEP = np.uint64(0x9E3779B97F4A7C15)
_MASK = (1 << 64) - 1
_PIECE = 1 << 16


class ContentSum(NamedTuple):
    """Two sums of hashes, each modulo 2**64."""

    first: int
    second: int

    def plus(self, other: ContentSum) -> ContentSum:
        """With the entries of another."""
        return ContentSum(self.first + other.first & _MASK, self.second + other.second & _MASK)

    def minus(self, other: ContentSum) -> ContentSum:
        """Without the entries of another."""
        return ContentSum(self.first - other.first & _MASK, self.second - other.second & _MASK)

    def to_bytes(self) -> bytes:
        """16 bytes, little-endian."""
        return self.first.to_bytes(8, "little") + self.second.to_bytes(8, "little")


NOTHING = ContentSum(0, 0)


def entry_sum(n: int, hashes: Callable[[int, int, int, UInt64Array], None], rows: Int32Array) -> ContentSum:
    """The sum of n entries.

    Parameters
    ----------
    n : int
    hashes : callable
        ``hashes(start, stop, seed, out)`` writes the hashes of some keys.
    rows : ndarray of int32, shape (n,)
    """
    sums = [0, 0]
    keys, entries = np.empty(min(n, _PIECE), np.uint64), np.empty(min(n, _PIECE), np.uint64)
    for start in range(0, n, _PIECE):
        stop = min(n, start + _PIECE)
        some, mixed = keys[: stop - start], entries[: stop - start]
        by_row = rows[start:stop].astype(np.uint64) * _ROW_STEP
        for i in range(2):
            hashes(start, stop, _KEY_SEEDS[i], some)
            some += by_row
            hashing.hash_ids(some, _ENTRY_SEEDS[i], mixed)
            sums[i] = sums[i] + int(mixed.sum(dtype=np.uint64)) & _MASK
    return ContentSum(*sums)


def record_sum(records: AnyArray, rows: Int32Array) -> ContentSum:
    """The sum of entries whose keys are records: contiguous, of one dtype without gaps, hashed as their bytes."""
    size = np.uint64(records.dtype.itemsize)
    address = np.uint64(records.ctypes.data) + np.arange(len(records), dtype=np.uint64) * size
    length = np.full(len(records), size)

    def hashes(start: int, stop: int, seed: int, out: UInt64Array) -> None:
        hashing.hash_texts(address[start:stop], length[start:stop], seed, 0, out)

    return entry_sum(len(records), hashes, rows)


_known: dict[tuple[object, ...], tuple[tuple[weakref.ref[AnyArray], ...], object]] = {}


def remembered(arrays: Iterable[AnyArray], compute: Callable[[], _T], *facts: object) -> _T:
    """What is computed from some arrays, which never change: once for as long as they live, whatever tables hold them.

    Parameters
    ----------
    arrays : iterable of ndarray
        Empty ones do not count: a table that is loaded makes its own.
    compute : callable
    facts : hashable
        What else the result depends on.
    """
    some = tuple(array for array in arrays if array.nbytes)
    if not some:
        return compute()
    key = (*map(id, some), *facts)
    found = _found(key, some)
    if found is not None:
        return cast(_T, found[0])
    return _keep(key, some, compute())


def is_remembered(arrays: Iterable[AnyArray], *facts: object) -> bool:
    """Whether `remembered` would not have to compute."""
    some = tuple(array for array in arrays if array.nbytes)
    return _found((*map(id, some), *facts), some) is not None


def remember(arrays: Iterable[AnyArray], result: object, *facts: object) -> None:
    """Take note of what `remembered` would compute."""
    some = tuple(array for array in arrays if array.nbytes)
    if some:
        _keep((*map(id, some), *facts), some, result)


def _found(key: tuple[object, ...], some: tuple[AnyArray, ...]) -> tuple[object] | None:
    known = _known.get(key)
    if known is None or not all(ref() is array for ref, array in zip(known[0], some, strict=True)):
        return None
    return (known[1],)


def _keep(key: tuple[object, ...], some: tuple[AnyArray, ...], result: _T) -> _T:
    def forget(_: weakref.ref[AnyArray]) -> None:
        _known.pop(key, None)

    _known[key] = tuple(weakref.ref(array, forget) for array in some), result
    return result
