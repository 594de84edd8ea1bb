"""What can be said of a manager of snapshots: how much it published, what waits, what is kept."""

from __future__ import annotations

from dataclasses import dataclass

from valkyrie.tables.stats import Statistics

__all__ = ["ManagerStats"]


@dataclass(frozen=True, eq=False, repr=False)
class ManagerStats(Statistics):
    """Statistics of a SnapshotManager; attributes, and a mapping of the same names.

    Attributes
    ----------
    version : int
        Of the current snapshot.
    published : int
        Versions published since the manager was made.
    coalesced : int
        Scheduled operations that shared an edit with the one before.
    failed : int
        Scheduled operations that could not be applied.
    queued : int
        Scheduled operations that wait.
    retained : int
        Versions in the history, the current one included.
    retained_bytes : int
        Bytes that the versions before the current one hold alone.
    merges : int
        How often changes that waited beside big arrays were worked into them.
    last_publish_seconds : float
        From when the writers' lock was taken to when the last version was current, edits included; NaN before the first.
    writer_alive : bool
        Whether the writer thread runs; it starts with the first scheduled operation.
    """

    version: int
    published: int
    coalesced: int
    failed: int
    queued: int
    retained: int
    retained_bytes: int
    merges: int
    last_publish_seconds: float
    writer_alive: bool
