"""What the tests of snapshots share: small snapshots, what they hold, and a clock that goes where it is told."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

import valkyrie as vk
from valkyrie.snapshot import Snapshot, SnapshotManager
from valkyrie.snapshot.version_publisher import attach

__all__ = ["Asked", "SetClock", "big_snapshot", "content", "living_versions", "snapshot_of", "until"]


class Asked:
    """In the place of a publication: a function that is asked before a version becomes current, and may raise."""

    directory = "a test"

    def __init__(self, asked: Callable[[Snapshot], Any]) -> None:
        self.asked = asked

    def begin(self, current: Snapshot) -> None:
        pass

    def write(self, snapshot: Snapshot) -> Callable[[], None]:
        self.asked(snapshot)
        return lambda: None

    def write_ahead(self, merged: Snapshot) -> None:
        pass

    def end(self, timeout: float | None = None) -> None:
        pass

    @classmethod
    def by(cls, manager: SnapshotManager, asked: Callable[[Snapshot], Any]) -> Asked:
        """Have a manager ask a function."""
        outlet = cls(asked)
        attach(manager, outlet, "a test")
        return outlet


class SetClock:
    """Tells the time it was set to."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def snapshot_of(**tables: Mapping[Any, int]) -> Snapshot:
    """A snapshot of id tables, each from a dict of key and row; {10: 0, 20: 1, 30: 2} in "routes" if none is given."""
    tables = tables or {"routes": {10: 0, 20: 1, 30: 2}}
    return Snapshot.build({name: vk.IdTable.build(list(routes), list(routes.values())) for name, routes in tables.items()})


def big_snapshot(n: int = 20_000) -> Snapshot:
    """A snapshot with a table so big that changes wait beside its arrays: keys 0, 7, 14 ... to rows 0, 1, 2..."""
    return Snapshot.build(vk.IdTable.build(np.arange(n) * 7))


def content(snapshot: Snapshot, table: str = "routes") -> dict[Any, int]:
    """All keys and rows of one table of id tables."""
    held: Any = snapshot.tables[table]
    return dict(zip(held.keys().tolist(), held.rows().tolist(), strict=True))


def living_versions(manager: SnapshotManager) -> list[int]:
    """Versions of a manager that are still in memory, whoever holds them."""
    gc.collect()
    token = manager.current.origin.manager
    found = [each for each in gc.get_objects() if type(each) is Snapshot and each.origin.manager is token]
    return sorted({each.version for each in found if each.version is not None})


def until(holds: Callable[[], bool]) -> None:
    """Wait for another thread to make something true; fail if it does not within 30 seconds."""
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.001)
