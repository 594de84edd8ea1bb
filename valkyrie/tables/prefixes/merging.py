"""Changing sorted prefixes: what stays of a table and what is new, in one order."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from valkyrie.errors import KeyNotFoundError
from valkyrie.typing import BoolArray, Int32Array, Int64Array

if TYPE_CHECKING:
    from valkyrie.tables.prefixes.index import PrefixIndex

__all__ = ["inserted", "replaced", "require_known"]


def inserted(kept: BoolArray, places: Int64Array) -> Int64Array:
    """The order of what is kept of n sorted items, with m other sorted ones between them.

    Parameters
    ----------
    kept : ndarray of bool, shape (n,)
    places : ndarray of int64, shape (m,)
        For each other item, the first of the n that is not before it, rising.

    Returns
    -------
    ndarray of int64, shape (kept + m,)
        Positions among the items that are kept, followed by the others.
    """
    before = np.zeros(len(kept) + 1, np.int64)
    np.cumsum(kept, out=before[1:])
    k = int(before[-1])
    return np.insert(np.arange(k), before[places], np.arange(k, k + len(places)))


def replaced(
    index: PrefixIndex, rows: Int32Array, known: Int32Array, others: PrefixIndex, new: Int32Array
) -> tuple[PrefixIndex, Int32Array]:
    """An index in which the prefixes of some ranks give way to others, and its rows by rank.

    Parameters
    ----------
    index : PrefixIndex
    rows : ndarray of int32, shape (n,)
        Its rows by rank.
    known : ndarray of int32
        Ranks that give way, in any order; -1 is none.
    others : PrefixIndex
        None of its prefixes is among those that stay.
    new : ndarray of int32, shape (m,)
        Their rows by rank.
    """
    gone = np.unique(known[known >= 0])
    if len(gone) == others.n and len(gone) == len(np.unique(known)):
        # Every new prefix is an old one, and both are in the same order: nothing but rows changes.
        by_rank = rows.copy()
        by_rank[gone] = new
        return index, by_rank
    kept = np.ones(len(rows), np.bool_)
    kept[gone] = False
    merged, order = index.merged(kept, others)
    return merged, np.concatenate([rows[kept], new])[order]


def require_known(known: Int32Array) -> None:
    """Raise KeyNotFoundError unless every prefix of an edit has a rank."""
    if (known < 0).any():
        at = int(np.argmax(known < 0))
        raise KeyNotFoundError(
            f"prefixes: the one at position {at} is not in the table",
            hint='Leave it out, or pass errors="ignore"',
            position=at,
        )
