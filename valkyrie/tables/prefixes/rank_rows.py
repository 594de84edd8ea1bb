"""From ranks to rows, and whatever else there is one of for each prefix."""

from __future__ import annotations

import numpy as np

from valkyrie._native import freeze, frozen, gather
from valkyrie.errors import SnapshotFormatError
from valkyrie.typing import AnyArray, Int32Array

__all__ = ["checked_rows_by_rank", "rows_of", "stored_rows", "taken"]


def stored_rows(by_rank: Int32Array) -> Int32Array | None:
    """Rows by rank as a table keeps them: not at all where they are the ranks."""
    identity = np.array_equal(by_rank, np.arange(len(by_rank), dtype=np.int32))
    return None if identity else freeze(by_rank)


def checked_rows_by_rank(rows: AnyArray | None, n: int) -> Int32Array | None:
    """Take the rows of n ranks out of a file, None for the ranks themselves.

    Raises
    ------
    SnapshotFormatError
    """
    if rows is None:
        return None
    if not isinstance(rows, np.ndarray) or rows.dtype != np.int32 or rows.shape != (n,):
        raise SnapshotFormatError("the rows of the prefix table are not one int32 a prefix")
    if int(rows.min(initial=0)) < 0:
        raise SnapshotFormatError("the prefix table has a negative row")
    return frozen(rows)


def taken(values: Int32Array, ranks: Int32Array, missing: int, out: Int32Array | None = None) -> Int32Array:
    """Values by rank, `missing` where the rank is -1; written to `out`, which may be `ranks` itself, or to a new array."""
    if out is None:
        out = np.empty(len(ranks), np.int32)
    if not len(values):
        out[:] = missing
        return out
    fill = np.full(1, missing, np.int32).view(np.uint8)
    gather.take(values.view(np.uint8), 4, ranks, fill, out.view(np.uint8))
    return out


def rows_of(rows: Int32Array | None, ranks: Int32Array, missing: int) -> Int32Array:
    """The rows of ranks, given the rows by rank (None: the ranks themselves), `missing` where the rank is -1; in their place."""
    if rows is not None:
        return taken(rows, ranks, missing, out=ranks)
    if missing != -1:
        ranks[ranks < 0] = missing
    return ranks
