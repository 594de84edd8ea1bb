"""What an IdTable holds, as a content sum."""

from __future__ import annotations

import numpy as np

from valkyrie._native import hashing
from valkyrie.tables.content_sum import ContentSum, entry_sum, is_remembered, remember, remembered
from valkyrie.tables.ids.keys import BuildKeys
from valkyrie.tables.ids.parts import IdTableParts
from valkyrie.tables.ids.patch import Patch
from valkyrie.tables.ids.stored import stored_keys
from valkyrie.typing import AnyArray, Int32Array, UInt64Array

__all__ = ["carry_sum", "id_table_sum"]

_NEGATIVE = np.uint64(0x2545F4914F6CDD1D)


def id_table_sum(parts: IdTableParts, patch: Patch | None) -> ContentSum:
    """The content sum of a table and the changes beside it; that of the arrays is computed once."""
    total = remembered(_arrays(parts), lambda: _sum(*stored_keys(parts)))
    if patch is None:
        return total
    was, now = np.flatnonzero(patch.old >= 0), np.flatnonzero(patch.new >= 0)
    gone = _sum(patch.keys.take(was), patch.old[was])
    return total.minus(gone).plus(_sum(patch.keys.take(now), patch.new[now]))


def carry_sum(before: IdTableParts, patch: Patch, after: IdTableParts) -> None:
    """Take over the sum, if it is known, for a table that was built anew with the same content."""
    if is_remembered(_arrays(before)):
        remember(_arrays(after), id_table_sum(before, patch))


def _arrays(parts: IdTableParts) -> tuple[AnyArray, ...]:
    return parts.lines, parts.pilots, parts.arena, parts.fallback


def _sum(keys: BuildKeys, rows: Int32Array) -> ContentSum:
    def hashes(start: int, stop: int, seed: int, out: UInt64Array) -> None:
        if keys.ints is not None:
            some = keys.ints[start:stop]
            hashing.hash_ids(some, seed, out)
            if keys.is_signed:  # integers count by value: -1 is not 2**64 - 1, and 5 is 5 in either table
                out[some >> np.uint64(63) != 0] ^= _NEGATIVE
        elif keys.bytes16 is not None:
            hashing.hash_keys16(keys.bytes16[16 * start : 16 * stop], seed, 0, out)
        elif keys.address is not None and keys.length is not None:
            hashing.hash_texts(keys.address[start:stop], keys.length[start:stop], seed, 0, out)

    return entry_sum(keys.n, hashes, rows)
