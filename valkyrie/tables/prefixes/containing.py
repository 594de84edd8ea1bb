"""All prefixes that contain a key: a part of `PrefixTable`."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import numpy as np

from valkyrie._native import PrefixChains
from valkyrie.errors import KeyTypeError
from valkyrie.parallel import thread_count
from valkyrie.tables.located import check_errors
from valkyrie.tables.prefixes.index import PrefixIndex
from valkyrie.tables.prefixes.rank_rows import rows_of, taken
from valkyrie.tables.prefixes.single import one_key
from valkyrie.typing import Errors, Int32Array, Int64Array

__all__ = ["ContainingPrefixes"]


class ContainingPrefixes:
    """From the longest prefix of a key to the shorter ones, each the parent of the one before. Any thread may call.

    What is noted at the first call is the same whichever thread notes it: two that come at once do the same work.
    """

    __slots__ = ()

    _index: PrefixIndex
    _rows: Int32Array | None

    @abstractmethod
    def _noted_chains(self) -> PrefixChains:
        """What contains what, with the rows of the table; made at the first call."""

    def all_matches(self, key: Any) -> Int32Array:
        """The rows of all prefixes that one key begins with.

        Parameters
        ----------
        key : str, bytes, int, `ipaddress` address, or numpy scalar
            As `lookup` takes it.

        Returns
        -------
        ndarray of int32
            Shortest prefix first; empty if none matches.

        Raises
        ------
        KeyTypeError
            The key is of another kind.

        Notes
        -----
        The first call on a table notes what contains what, in O(n).
        """
        rank = self._index.reader.rank_of(key)
        if rank < -1:
            rank = self._rank(key)
        return np.array(self._noted_chains().of(rank), np.int32)

    def all_matches_many(
        self, keys: Any, *, errors: Errors = "coerce", threads: int | None = 1
    ) -> tuple[Int64Array, Int32Array]:
        """The rows of all prefixes that each key begins with, shortest first.

        Parameters
        ----------
        keys, errors, threads
            As `lookup_many` takes them.

        Returns
        -------
        offsets : ndarray of int64, shape (n + 1,)
        rows : ndarray of int32
            Those of key i are ``rows[offsets[i]:offsets[i + 1]]``.

        Raises
        ------
        KeyTypeError, ArgumentError
        """
        check_errors(errors)
        ranks = self._index.match(keys, errors=errors, threads=thread_count(threads)).ranks
        offsets = np.zeros(len(ranks) + 1, np.int64)
        np.cumsum(taken(self._index.depths, ranks, 0), out=offsets[1:])
        matched = np.empty(int(offsets[-1]), np.int32)
        parents, open_ = self._index.parents, np.flatnonzero(ranks >= 0)
        at, ranks = offsets[1:][open_] - 1, ranks[open_]
        while len(ranks):
            matched[at] = ranks
            ranks = parents[ranks]
            on = ranks >= 0
            at, ranks = at[on] - 1, ranks[on]
        return offsets, rows_of(self._rows, matched, -1)

    def _rank(self, key: Any) -> int:
        """The rank of the longest prefix of one key that the reader does not take."""
        if isinstance(key, list | tuple | np.ndarray):
            raise KeyTypeError(f"key: one key is needed, got {type(key).__name__}", hint="Use lookup_many for several")
        return int(self._index.match(one_key(key, self._index.kind), errors="coerce", threads=1).ranks[0])
