"""What lies under prefixes: a part of `PrefixTable`."""

from __future__ import annotations

from typing import Any

import numpy as np

from valkyrie._native import gather, large_result
from valkyrie.errors import ArgumentError
from valkyrie.tables.prefixes.building import check_lengths
from valkyrie.tables.prefixes.index import PrefixIndex
from valkyrie.tables.prefixes.single import one_prefix
from valkyrie.typing import Int32Array, Int64Array, PrefixKind

__all__ = ["PrefixScans"]


class PrefixScans:
    """Prefixes that lie under others, as ranges of the sorted order. Immutable; any thread may call."""

    __slots__ = ()

    _index: PrefixIndex
    _rows: Int32Array | None

    @property
    def kind(self) -> PrefixKind:
        """What the prefixes are."""
        return self._index.kind

    def enumerate(self, prefix: Any, limit: int | None = None) -> Int32Array:
        """The rows of the prefixes that lie under one, itself included, in sorted order.

        Parameters
        ----------
        prefix : str, bytes, int, `ipaddress` network, or tuple
            As `PrefixTable.build` takes one; of "bits" a pair (word, length). It need not be in the table.
        limit : int, optional
            Give at most so many, the first ones; by default all.

        Returns
        -------
        ndarray of int32
            A new array.

        Raises
        ------
        KeyTypeError, ArgumentError
            The prefix is of another kind, or malformed; the limit is no whole number of 0 or more.
        """
        most = _checked_limit(limit)
        keys, lengths = one_prefix(prefix, self.kind)
        low, high = self.range_many(keys, lengths=lengths)
        begin, end = int(low[0]), int(high[0])
        end = end if most is None else min(end, begin + most)
        if self._rows is not None:
            return self._rows[begin:end].copy()
        return np.arange(begin, end, dtype=np.int32)

    def enumerate_many(self, prefixes: Any, *, lengths: Any = None) -> tuple[Int64Array, Int32Array]:
        """The rows of the prefixes that lie under each, itself included, in sorted order.

        Parameters
        ----------
        prefixes, lengths
            As `range_many` takes them.

        Returns
        -------
        offsets : ndarray of int64, shape (n + 1,)
        rows : ndarray of int32
            Those of prefix i are ``rows[offsets[i]:offsets[i + 1]]``.

        Raises
        ------
        KeyTypeError, ArgumentError
        """
        low, high = self.range_many(prefixes, lengths=lengths)
        offsets = np.zeros(len(low) + 1, np.int64)
        np.cumsum(high - low, dtype=np.int64, out=offsets[1:])
        out: Int32Array = large_result(int(offsets[-1]), np.int32)
        gather.expand_ranges(low, offsets, self._rows, out)
        return offsets, out

    def count_many(self, prefixes: Any, *, lengths: Any = None) -> Int32Array:
        """How many prefixes lie under each, itself included.

        Parameters
        ----------
        prefixes, lengths
            As `range_many` takes them.

        Returns
        -------
        ndarray of int32, shape (n,)

        Raises
        ------
        KeyTypeError, ArgumentError
        """
        low, high = self.range_many(prefixes, lengths=lengths)
        count: Int32Array = high - low
        return count

    def range_many(self, prefixes: Any, *, lengths: Any = None) -> tuple[Int32Array, Int32Array]:
        """The ranks ``[low, high)`` of the prefixes that lie under each, itself included.

        No copy is made of what lies there: ``rows_by_rank[low:high]`` are its rows.

        Parameters
        ----------
        prefixes : array-like, length n
            As `PrefixTable.build` takes them; they need not be in the table.
        lengths : array-like of int or int, optional
            How many leading bits count, with "bits" and with arrays of addresses.

        Returns
        -------
        low, high : ndarray of int32, shape (n,)
            Where nothing lies under a prefix, both are where it would be.

        Raises
        ------
        KeyTypeError
            A null, or prefixes of another kind.
        ArgumentError
            A malformed prefix, bits set behind a length, or lengths that the kind does not have: the first is named.
        """
        return self._index.ranges(prefixes, check_lengths(lengths, self.kind))


def _checked_limit(limit: Any) -> int | None:
    if limit is None:
        return None
    whole = isinstance(limit, int | np.integer) and not isinstance(limit, bool | np.timedelta64)
    if not whole or limit < 0:
        raise ArgumentError(
            f"limit must be a whole number of 0 or more; got {limit!r}",
            hint="Leave it out for all",
            argument="limit",
            value=limit,
        )
    return int(limit)
