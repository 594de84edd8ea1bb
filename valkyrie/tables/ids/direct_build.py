"""The direct layout: integers so dense that an array of rows over their range is smaller than any hash table."""

from __future__ import annotations

import numpy as np

from valkyrie import records
from valkyrie._native import Block
from valkyrie.tables.ids.duplicates import raise_duplicates
from valkyrie.tables.ids.keys import BuildKeys
from valkyrie.tables.ids.parts import IdTableParts
from valkyrie.typing import Int32Array, OnDuplicate

__all__ = ["build_direct"]

_SLOTS_PER_KEY = 2.5
_FREE_SLOTS = 1024


def build_direct(keys: BuildKeys, rows: Int32Array | None, on_duplicate: OnDuplicate, seed: int) -> IdTableParts | None:
    """Build the direct layout if the keys are dense integers (or there are none), else return None.

    Dense is a range of at most 2.5 slots a key: 10 bytes, against 15 in lines.
    """
    if keys.kind != "int" or keys.ints is None:
        return None
    ints = keys.ints.view(np.int64) if keys.is_signed else keys.ints
    low, high = (int(ints.min()), int(ints.max())) if keys.n else (0, -1)
    span = high - low + 1
    if span > max(_SLOTS_PER_KEY * keys.n, _FREE_SLOTS):
        return None
    block = Block(4 * (span + 1))
    slots = block.writable.view(np.int32)
    slots[:] = records.MISSING
    base = low & ((1 << 64) - 1)
    index = (keys.ints - np.uint64(base)).view(np.int64)
    values = np.arange(keys.n, dtype=np.int32) if rows is None else rows
    if on_duplicate == "first":
        index, values = index[::-1], values[::-1]
    slots[index] = values  # of equal indices numpy keeps the last
    entries = int(np.count_nonzero(slots >= 0))
    if entries != keys.n and on_duplicate == "error":
        raise_duplicates(keys)
    return IdTableParts(
        kind="int",
        layout="direct",
        hash="fast",
        is_signed=keys.is_signed,
        seed=seed,
        entries=entries,
        lines=block.freeze().view(records.ROW_SLOT),
        pilots=np.empty(0, np.uint8),
        arena=np.empty(0, np.uint8),
        fallback=np.empty(0, records.FALLBACK),
        base=base,
        span=span,
    )
