"""IdTable: lookups, builds and memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import valkyrie as vk
from asv_benchmarks import data

SEED = 7
N_QUERIES = 100_000


class GetMany:
    """Batches of 1e5 ids by table size and share of hits; the tables are built once and mapped."""

    params = ([1_000, 100_000, 10_000_000], [100, 50, 0])
    param_names = ("n", "hit_percent")
    timeout = 300

    def setup_cache(self) -> None:
        """Save each table and its queries in the folder that asv keeps for this class."""
        for n in self.params[0]:
            pool = data.uniform_u64(n, N_QUERIES)
            vk.IdTable.build(pool.keys, seed=SEED).save(f"{n}.vks")
            for hit_percent in self.params[1]:
                np.save(f"{n}-{hit_percent}.npy", pool.queries(N_QUERIES, hit_percent).keys)

    setup_cache.timeout = 300  # type: ignore[attr-defined]

    def setup(self, n: int, hit_percent: int) -> None:
        """Map the table and touch it once."""
        table = vk.load(f"{n}.vks")
        assert isinstance(table, vk.IdTable)
        self.table = table
        self.keys = np.load(f"{n}-{hit_percent}.npy")
        self.out = np.empty(len(self.keys), np.int32)
        self.table.get_many(self.keys)

    def time_get_many(self, n: int, hit_percent: int) -> None:
        """Fresh output."""
        self.table.get_many(self.keys)

    def time_get_many_into(self, n: int, hit_percent: int) -> None:
        """The caller's output."""
        self.table.get_many(self.keys, out=self.out)

    def time_contains_many(self, n: int, hit_percent: int) -> None:
        """Membership."""
        self.table.contains_many(self.keys)


class SmallCalls:
    """The cost of a call: scalars, and batches of 1 and 256 ids."""

    params = ([10_000, 1_000_000],)
    param_names = ("n",)
    timeout = 120

    def setup(self, n: int) -> None:
        """Build, and draw a thousand hits."""
        pool = data.uniform_u64(n, 0)
        self.table = vk.IdTable.build(pool.keys, seed=SEED)
        queries = pool.queries(25_600, 100).keys
        self.scalars = queries[:1_000].tolist()
        self.ones = [queries[i : i + 1].copy() for i in range(1_000)]
        self.blocks = [queries[i : i + 256].copy() for i in range(0, 25_600, 256)]

    def time_get_1000(self, n: int) -> None:
        """A thousand scalar lookups."""
        get = self.table.get
        for key in self.scalars:
            get(key)

    def time_get_many_of_1_1000(self, n: int) -> None:
        """A thousand calls of one id."""
        get_many = self.table.get_many
        for keys in self.ones:
            get_many(keys)

    def time_get_many_of_256_100(self, n: int) -> None:
        """A hundred calls of 256 ids."""
        get_many = self.table.get_many
        for keys in self.blocks:
            get_many(keys)


class Kinds:
    """Batches of 1e5 hits by container, 2e5 keys; texts are made of the keys' digits."""

    params = (["int64", "uint32", "b16", "S", "U", "object", "StringDType", "list"],)
    param_names = ("container",)
    timeout = 120

    def setup(self, container: str) -> None:
        """Build from, and ask with, the same container."""
        pool = data.uniform_b16(200_000, 0) if container == "b16" else data.dense_u64(200_000, 0)
        conversions: dict[str, Callable[[Any], Any]] = {
            "int64": lambda keys: keys.astype(np.int64),
            "uint32": lambda keys: keys.astype(np.uint32),
            "b16": lambda keys: keys,
            "S": lambda keys: np.char.add(b"account-", keys.astype("S")),
            "U": lambda keys: np.char.add("account-", keys.astype("U")),
            "object": lambda keys: np.char.add("account-", keys.astype("U")).astype(object),
            "StringDType": lambda keys: np.char.add("account-", keys.astype("U")).astype(np.dtypes.StringDType()),
            "list": lambda keys: keys.tolist(),
        }
        convert = conversions[container]
        self.table = vk.IdTable.build(convert(pool.keys), seed=SEED)
        self.keys: Any = convert(pool.queries(N_QUERIES, 100).keys)

    def time_get_many(self, container: str) -> None:
        """Fresh output."""
        self.table.get_many(self.keys)


class Build:
    """Building from an array of ids."""

    params = ([10_000, 1_000_000],)
    param_names = ("n",)
    timeout = 120

    def setup(self, n: int) -> None:
        """Draw the ids."""
        self.keys = data.uniform_u64(n, 0).keys

    def time_build(self, n: int) -> None:
        """Rows are the positions."""
        vk.IdTable.build(self.keys, seed=SEED)

    def peakmem_build(self, n: int) -> None:
        """Compare with ``peakmem_keys_only``: peak memory counts everything since the process began."""
        vk.IdTable.build(self.keys, seed=SEED)

    def peakmem_keys_only(self, n: int) -> None:
        """The baseline: interpreter, imports and keys."""

    def track_bytes_per_entry(self, n: int) -> float:
        """Bytes of all arrays of the table over its entries."""
        return float(vk.IdTable.build(self.keys, seed=SEED).nbytes / n)

    track_bytes_per_entry.unit = "bytes/entry"  # type: ignore[attr-defined]
