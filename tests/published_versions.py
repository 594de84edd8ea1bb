"""Versions whose content follows from their number: who reads one, in whatever process, knows what must be in it."""

from __future__ import annotations

import numpy as np

import valkyrie as vk
from valkyrie.snapshot import Snapshot
from valkyrie.typing import Int64Array

__all__ = ["changed_keys", "expected_digest", "first_snapshot", "rows_of"]

_STEP = 7


def changed_keys(changes: int) -> Int64Array:
    """The keys that every version gives other rows."""
    return np.arange(changes, dtype=np.int64) * 3 * _STEP


def rows_of(version: int, changes: int) -> Int64Array:
    """The rows of those keys in a version."""
    return (version * 1_009 + np.arange(changes) * 31) % 1_000_003


def first_snapshot(rows: int, changes: int, version: int = 1) -> Snapshot:
    """What a version holds, built from scratch: keys 0, 7, 14... to rows 0, 1, 2..., but for the changed keys."""
    keys, targets = np.arange(rows, dtype=np.int64) * _STEP, np.arange(rows)
    targets[changed_keys(changes) // _STEP] = rows_of(version, changes)
    return Snapshot.build({"routes": vk.IdTable.build(keys, targets)})


def expected_digest(version: int, rows: int, changes: int) -> str:
    """The digest that a version must have."""
    return first_snapshot(rows, changes, version).digest
