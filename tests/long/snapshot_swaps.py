"""What a million swaps leave behind: ``python -m tests.long.snapshot_swaps --swaps 1000000``.

Publishes edits of a table that is large enough to be patched, each of the last, so that changes wait and are merged; reads each,
and prints resident memory, descriptors and maps as it
goes. Ends with 1 if memory drifts by 5 MB or more after the first tenth, or descriptors or maps grow.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import os
import sys
import time

import numpy as np

import valkyrie as vk
from tests.long.vks_mutations import commit

_MOST_DRIFT_KIB = 5 * 1024
_REPORTS = 20


def held() -> tuple[int, int, int]:
    """Resident memory in KiB, open descriptors, memory maps; what the allocator keeps for later was given back."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    with open("/proc/self/statm", encoding="ascii") as statm:
        resident = int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024
    with open("/proc/self/maps", encoding="ascii") as maps:
        return resident, len(os.listdir("/proc/self/fd")), sum(1 for _ in maps)


def main() -> int:
    """Swap, and look."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--swaps", type=int, default=1_000_000)
    options = parser.parse_args()
    print(f"commit {commit()}")
    keys = np.arange(20_000) * 977
    base = vk.Snapshot.build(vk.IdTable.build(keys))
    seen: list[tuple[int, int, int]] = []
    began = time.monotonic()
    with vk.SnapshotManager(base, history=8) as manager:
        for i in range(options.swaps):
            key, row = int(keys[i % 20_000]), i % 1000
            manager.update(lambda now, key=key, row=row: now.with_routes({key: row}))
            if manager.current.lookup(key) != row:
                print(f"swap {i}: key {key} does not lead to {row}")
                return 1
            if (i + 1) % max(1, options.swaps // _REPORTS) == 0:
                seen.append(held())
                print(f"{i + 1:>9,} swaps: {seen[-1][0]:,} KiB, {seen[-1][1]} descriptors, {seen[-1][2]} maps", flush=True)
    settled = seen[len(seen) // 10 :]
    drift = max(resident for resident, _, _ in settled) - min(resident for resident, _, _ in settled)
    grown = settled[-1][1] - settled[0][1], settled[-1][2] - settled[0][2]
    print(f"{manager.stats.merges:,} merges", end="; ")
    print(f"memory within {drift:,} KiB, {grown[0]:+} descriptors, {grown[1]:+} maps, {time.monotonic() - began:.0f} s")
    return 1 if drift >= _MOST_DRIFT_KIB or grown[0] > 0 or grown[1] > 4 else 0


if __name__ == "__main__":
    sys.exit(main())
