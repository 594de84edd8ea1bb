"""Snapshots: what a publish costs by size and number of changes, what reading the current one costs, what swaps leave behind."""

from __future__ import annotations

import gc
import itertools
import os

import numpy as np

import valkyrie as vk
from asv_benchmarks import data

SEED = 7
_STATM_PAGES = 1


class Publish:
    """One publish of some changed keys, half of them new."""

    params = ([100_000, 1_000_000, 10_000_000], [1, 100, 10_000])
    param_names = ("n", "changed")
    timeout = 300

    def setup_cache(self) -> None:
        """Save each table in the folder that asv keeps for this class."""
        for n in self.params[0]:
            vk.IdTable.build(data.uniform_u64(n, 0).keys, seed=SEED).save(f"{n}.vks")

    setup_cache.timeout = 300  # type: ignore[attr-defined]

    def setup(self, n: int, changed: int) -> None:
        """Map the table, and draw sixteen sets of changes."""
        table = vk.load(f"{n}.vks", verify="header")
        assert isinstance(table, vk.IdTable)
        self.base = vk.Snapshot.build(table)
        self.manager = vk.SnapshotManager(self.base, history=4)
        pool = data.uniform_u64(n, 16 * changed)
        known, new = pool.queries(16 * changed, 100).keys, pool.queries(16 * changed, 0).keys
        half = changed // 2
        sets = [np.unique(np.r_[known[i::16][:half], new[i::16][: changed - half]]) for i in range(16)]
        self.changes = itertools.cycle([(keys, np.arange(len(keys), dtype=np.int32)) for keys in sets])

    def teardown(self, n: int, changed: int) -> None:
        """End what the manager has begun."""
        self.manager.close()

    def time_publish(self, n: int, changed: int) -> None:
        """An edit of the unchanged table, and its publication."""
        change = next(self.changes)
        self.manager.publish(self.base.with_routes(change), expected_version=self.manager.current.version)


class Current:
    """Reading the current snapshot."""

    def setup(self) -> None:
        """Publish something."""
        self.manager = vk.SnapshotManager(vk.Snapshot.build(vk.IdTable.build([1, 2, 3])))

    def time_current_1000(self) -> None:
        """A thousand reads."""
        manager = self.manager
        for _ in range(1000):
            manager.current  # noqa: B018

    def time_lookup_1000(self) -> None:
        """A thousand reads with a lookup each."""
        manager = self.manager
        for _ in range(1000):
            manager.current.lookup(2)


class Swaps:
    """What remains of snapshots that are gone."""

    timeout = 300

    def track_rss_growth_of_20000_swaps(self) -> float:
        """Resident memory gained between the first and the last quarter of 20,000 swaps, in KiB."""
        table = vk.IdTable.build(data.uniform_u64(20_000, 0).keys, seed=SEED)
        snapshot = vk.Snapshot.build(table)
        manager = vk.SnapshotManager(snapshot, history=4)
        for i in range(5_000):
            manager.publish(snapshot.with_routes({i: 0}), expected_version=manager.current.version)
        before = _resident_kib()
        for i in range(15_000):
            manager.publish(snapshot.with_routes({i: 0}), expected_version=manager.current.version)
        manager.close()
        return _resident_kib() - before

    track_rss_growth_of_20000_swaps.unit = "KiB"  # type: ignore[attr-defined]


def _resident_kib() -> float:
    gc.collect()
    with open("/proc/self/statm", encoding="ascii") as statm:
        return int(statm.read().split()[_STATM_PAGES]) * os.sysconf("SC_PAGE_SIZE") / 1024
