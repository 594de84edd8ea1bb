"""The .vks file: saving, loading, and lookups right after loading."""

from __future__ import annotations

import os
from typing import Any, Literal

import numpy as np

import valkyrie as vk
from asv_benchmarks import data

SEED = 7
N_KEYS = 2_000_000
Mode = Literal["mmap", "copy"]
Verify = Literal["full", "header", "none"]


class Load:
    """Loading a table of two million ids by mode and by how much of it is verified; the file is in the page cache."""

    params = (["mmap", "copy"], ["full", "header", "none"])
    param_names = ("mode", "verify")
    timeout = 120

    def setup_cache(self) -> None:
        """Save the table and the queries in the folder that asv keeps for this class."""
        pool = data.uniform_u64(N_KEYS, 0)
        vk.IdTable.build(pool.keys, seed=SEED).save("ids.vks")
        np.save("queries.npy", pool.queries(100_000, 100).keys)

    def setup(self, mode: Mode, verify: Verify) -> None:
        """Read the queries; the table is not touched here, or peak memory would already hold it."""
        self.keys = np.load("queries.npy")

    def time_load(self, mode: Mode, verify: Verify) -> None:
        """Until the table can be asked."""
        vk.load("ids.vks", mode=mode, verify=verify)

    def time_load_and_get_many(self, mode: Mode, verify: Verify) -> None:
        """Until the first 1e5 ids are answered."""
        table: Any = vk.load("ids.vks", mode=mode, verify=verify)
        table.get_many(self.keys)

    def peakmem_load_and_get_many(self, mode: Mode, verify: Verify) -> None:
        """A mapped file counts as far as it was touched; compare with ``peakmem_queries_only``."""
        table: Any = vk.load("ids.vks", mode=mode, verify=verify)
        table.get_many(self.keys)

    def peakmem_queries_only(self, mode: Mode, verify: Verify) -> None:
        """The baseline."""


class Save:
    """Saving a table of two million ids, synced to the disk."""

    timeout = 120

    def setup(self) -> None:
        """Build the table."""
        self.table = vk.IdTable.build(data.uniform_u64(N_KEYS, 0).keys, seed=SEED)

    def time_save(self) -> None:
        """Write, sync and rename."""
        self.table.save("saved.vks")

    def track_file_bytes_per_entry(self) -> float:
        """Size of the file over the entries."""
        self.table.save("saved.vks")
        return os.path.getsize("saved.vks") / N_KEYS

    track_file_bytes_per_entry.unit = "bytes/entry"  # type: ignore[attr-defined]
