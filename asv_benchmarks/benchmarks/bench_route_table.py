"""RouteTable: one column, and several, for each kind of container."""

from __future__ import annotations

from typing import Any

import numpy as np

import valkyrie as vk
from asv_benchmarks import data

SEED = 7
N_KEYS = 500_000
N_QUERIES = 100_000
SHARDS = np.array([f"shard-{i:02d}" for i in range(64)])


def build_table(pool: data.KeyPool) -> vk.RouteTable:
    """A table of two columns, a number and a text."""
    shard = np.arange(len(pool.keys)) % len(SHARDS)
    columns = {"id": pool.keys, "target": shard.astype(np.int32), "shard": SHARDS[shard]}
    return vk.RouteTable.build(columns, key="id", seed=SEED)


class RouteMany:
    """Batches of 1e5 ids, nine of ten found."""

    params = (["numpy", "list", "pandas", "arrow"],)
    param_names = ("container",)
    timeout = 120

    def setup_cache(self) -> None:
        """Save the table and the queries in the folder that asv keeps for this class."""
        pool = data.uniform_u64(N_KEYS, N_QUERIES)
        build_table(pool).save("routes.vks")
        np.save("queries.npy", pool.queries(N_QUERIES, 90).keys)

    def setup(self, container: str) -> None:
        """Map the table and put the queries into their container."""
        table = vk.load("routes.vks")
        assert isinstance(table, vk.RouteTable)
        self.table = table
        keys = np.load("queries.npy")
        self.keys: Any = keys
        if container == "list":
            self.keys = keys.tolist()
        elif container == "pandas":
            import pandas

            self.keys = pandas.Series(keys)
        elif container == "arrow":
            import pyarrow

            self.keys = pyarrow.array(keys)
        self.table.route_many(self.keys, columns=None)

    def time_number(self, container: str) -> None:
        """One column of numbers."""
        self.table.route_many(self.keys, columns="target", missing=-1)

    def time_text(self, container: str) -> None:
        """One column of text."""
        self.table.route_many(self.keys, columns="shard")

    def time_all_columns(self, container: str) -> None:
        """Every column."""
        self.table.route_many(self.keys, columns=None)


class Build:
    """Building from columns, and single routes."""

    timeout = 120

    def setup(self) -> None:
        """Draw the ids."""
        self.pool = data.uniform_u64(N_KEYS, 0)
        self.table = build_table(self.pool)
        self.keys = self.pool.queries(1_000, 100).keys.tolist()

    def time_build(self) -> None:
        """Index and payload."""
        build_table(self.pool)

    def time_route_1000(self) -> None:
        """A thousand records."""
        route = self.table.route
        for key in self.keys:
            route(key)

    def peakmem_build(self) -> None:
        """Compare with ``peakmem_setup_only``."""
        build_table(self.pool)

    def peakmem_setup_only(self) -> None:
        """The baseline."""
