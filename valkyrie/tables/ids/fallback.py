"""The sorted table of the keys that no line could take: at the end of all attempts, and only for chosen keys."""

from __future__ import annotations

import numpy as np

from valkyrie import records
from valkyrie.tables.ids.keys import BuildKeys
from valkyrie.typing import AnyArray, Int32Array

__all__ = ["fallback_table"]


def fallback_table(keys: BuildKeys, seed: int, table_hash: str, values: Int32Array | None, unplaced: AnyArray) -> AnyArray:
    """Return the keys at positions `unplaced`, none twice, sorted by hash: ndarray of FALLBACK, read-only."""
    entries = np.zeros(len(unplaced), records.FALLBACK)
    if len(unplaced):
        some = keys.take(unplaced)
        entries["fp"] = some.fingerprints(seed, table_hash, 1)
        entries["row"] = unplaced if values is None else values[unplaced]
        entries["guard"] = records.MISSING
        if some.bytes16 is not None:
            entries["key"] = some.bytes16.view(records.B16)
        entries = entries[np.argsort(entries["fp"], kind="stable")]
    return np.frombuffer(entries.tobytes(), records.FALLBACK)
