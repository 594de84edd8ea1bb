"""Snapshots: tables at one version, edited by sharing what is unchanged."""

from valkyrie.snapshot.explanation import Explanation
from valkyrie.snapshot.files import load
from valkyrie.snapshot.manager import SnapshotManager
from valkyrie.snapshot.manager_stats import ManagerStats
from valkyrie.snapshot.operations import Insert, Modify, Operation, Remove, Replace
from valkyrie.snapshot.snapshot import Snapshot
from valkyrie.snapshot.watching import Change, Watch
from valkyrie.tables import Table

__all__ = [
    "Change",
    "Explanation",
    "Insert",
    "ManagerStats",
    "Modify",
    "Operation",
    "Remove",
    "Replace",
    "Snapshot",
    "SnapshotManager",
    "Table",
    "Watch",
    "load",
]
