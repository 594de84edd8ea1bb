"""What can be said of a built IdTable: how full, how large, how it hashes, how the search for pilots went."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from valkyrie.tables.ids.parts import IdTableParts
from valkyrie.tables.stats import Statistics
from valkyrie.typing import Int64Array

__all__ = ["IdTableStats", "id_table_stats"]


@dataclass(frozen=True, eq=False, repr=False)
class IdTableStats(Statistics):
    """Statistics of an IdTable; attributes, and a mapping of the same names.

    Attributes
    ----------
    entries : int
        Keys in the table.
    kind, layout, hash : str
        What the keys are, how they lie ("direct", "flat" or "lines"), which hash is in use.
    load : float
        Share of the slots that hold a key.
    bytes_per_entry : float
        Bytes of all arrays, texts included, divided by entries; NaN for an empty table.
    pilot_histogram : ndarray of int64, shape (256,)
        How many buckets were placed by each pilot; all zero for the direct layout, which has none.
    reseeds : int
        Attempts that failed before the one that built the table.
    keys_in_fallback : int
        Keys in the sorted table because no line could take them; 0 unless somebody chose the keys.
    pending : int
        Changed keys that wait beside the arrays.
    build_seconds : float
        NaN for a table that was loaded: a file holds nothing that differs from one build to the next.
    """

    entries: int
    kind: str
    layout: str
    hash: str
    load: float
    bytes_per_entry: float
    pilot_histogram: Int64Array
    reseeds: int
    keys_in_fallback: int
    pending: int
    build_seconds: float

    def written(self, name: str) -> str:
        """A statistic as a person would read it: of the pilots their number, mean and highest."""
        if name != "pilot_histogram":
            return super().written(name)
        tried = int(self.pilot_histogram.sum())
        if not tried:
            return "none"
        mean = float(self.pilot_histogram @ np.arange(256)) / tried
        return f"{tried:,} (mean {mean:.1f}, highest {int(np.flatnonzero(self.pilot_histogram)[-1])})"


def id_table_stats(parts: IdTableParts, entries: int, nbytes: int, pending: int) -> IdTableStats:
    """Compute the statistics of a table from its arrays, and what it holds with the changes that are pending."""
    slots = len(parts.lines) * {"direct": 1, "flat": 1, "lines": 3 if parts.kind == "b16" else 5}[parts.layout]
    return IdTableStats(
        entries=entries,
        kind=parts.kind,
        layout=parts.layout,
        hash=parts.hash,
        load=(parts.entries - len(parts.fallback)) / slots if slots else 0.0,
        bytes_per_entry=nbytes / entries if entries else float("nan"),
        pilot_histogram=np.bincount(parts.pilots, minlength=256),
        reseeds=parts.reseeds,
        keys_in_fallback=len(parts.fallback),
        pending=pending,
        build_seconds=parts.build_seconds,
    )
