"""diff and what_if: keys looked up in two snapshots, and all keys of two tables."""

from __future__ import annotations

import numpy as np

import valkyrie as vk
from asv_benchmarks import data

SEED = 7
N_KEYS = 1_000_000
N_QUERIES = 1_000_000
TARGETS = 64


class Moves:
    """Batches of 1e6 ids in two snapshots of 1e6; compare with ``time_lookup_many``, of which two are needed."""

    params = ([1, 100],)
    param_names = ("moved_percent",)
    timeout = 120

    def setup(self, moved_percent: int) -> None:
        """Build both, and a load."""
        pool = data.uniform_u64(N_KEYS, 0)
        rows = (np.arange(N_KEYS) % TARGETS).astype(np.int32)
        moved = N_KEYS * moved_percent // 100
        self.a = vk.Snapshot.build(vk.IdTable.build(pool.keys, rows, seed=SEED))
        self.b = self.a.with_routes((pool.keys[:moved], (rows[:moved] + 1) % TARGETS))
        self.keys = pool.queries(N_QUERIES, 100).keys
        self.load = np.random.default_rng(SEED).random(N_QUERIES)

    def time_lookup_many(self, moved_percent: int) -> None:
        """The same keys in one snapshot."""
        self.a.lookup_many(self.keys)

    def time_moved_share(self, moved_percent: int) -> None:
        """What a gate asks for."""
        _ = vk.diff(self.a, self.b, self.keys).moved_share

    def time_matrix_by_load(self, moved_percent: int) -> None:
        """From where to where, weighted."""
        _ = vk.diff(self.a, self.b, self.keys, load=self.load).matrix

    def time_what_if_of_four(self, moved_percent: int) -> None:
        """Four scenarios, the base looked up once."""
        scenarios = {str(i): lambda now: self.b for i in range(4)}
        _ = vk.what_if(self.a, self.keys, scenarios, load=self.load).scenarios


class Records:
    """Batches of 1e6 ids in two RouteTables of 1e5 records; compare with ``time_lookup_many``, of which two are needed."""

    params = (["built again", "one percent", "renumbered"],)
    param_names = ("records",)
    timeout = 120

    def setup(self, records: str) -> None:
        """Build both: the same records, some of them changed, or all in other rows."""
        pool = data.uniform_u64(N_KEYS // 10, 0)
        shards = np.arange(len(pool.keys)) % TARGETS
        order = np.arange(len(shards))
        edited = shards.copy()
        if records == "one percent":
            edited[: len(shards) // 100] += 1
        if records == "renumbered":
            order = np.random.default_rng(SEED).permutation(order)
        frames = (
            {"id": pool.keys[at], "shard": some[at], "weight": some[at] / TARGETS}
            for at, some in ((slice(None), shards), (order, edited))
        )
        self.a, self.b = (vk.Snapshot.build(vk.RouteTable.build(frame, seed=SEED)) for frame in frames)
        self.keys = pool.queries(N_QUERIES, 100).keys

    def time_lookup_many(self, records: str) -> None:
        """The same keys in one snapshot."""
        self.a.lookup_many(self.keys)

    def time_moved_share(self, records: str) -> None:
        """What a gate asks for."""
        _ = vk.diff(self.a, self.b, self.keys).moved_share


class Tables:
    """All keys of two tables of 1e6."""

    params = (["pending", "built again", "prefixes"],)
    param_names = ("tables",)
    timeout = 120

    def setup(self, tables: str) -> None:
        """Build both; a hundred keys differ."""
        pool = data.uniform_u64(N_KEYS, 0)
        if tables == "prefixes":
            words = np.unique(pool.keys >> np.uint64(32) << np.uint64(32))
            self.a = vk.PrefixTable.build(words, kind="bits", lengths=32)
            self.b = self.a.replace(words[:100], np.full(100, 3), lengths=32).without(words[-100:], lengths=32)
            return
        ids = vk.IdTable.build(pool.keys, seed=SEED)
        edited = ids.replace(pool.keys[:100], np.full(100, 3))
        self.a = ids
        self.b = edited if tables == "pending" else edited.merged()

    def time_counts(self, tables: str) -> None:
        """How many were added, removed, changed."""
        vk.diff(self.a, self.b)

    def time_changed(self, tables: str) -> None:
        """Which."""
        _ = vk.diff(self.a, self.b).changed
