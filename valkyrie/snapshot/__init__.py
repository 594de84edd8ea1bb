"""Snapshots: tables at one version, edited by sharing what is unchanged."""

from valkyrie.snapshot.digest import Table
from valkyrie.snapshot.explanation import Explanation
from valkyrie.snapshot.files import load
from valkyrie.snapshot.snapshot import Snapshot

__all__ = ["Explanation", "Snapshot", "Table", "load"]
