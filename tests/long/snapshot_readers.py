"""Readers of the current snapshot under a hot writer: ``python -m tests.long.snapshot_readers --reads 100000000``.

Prints how often it was read and swapped, and how soon each publisher that is busted on purpose was caught. Ends with 1 if a
reader saw anything wrong, or if a busted publisher was not caught within ten seconds.
"""

from __future__ import annotations

import argparse
import platform
import sys
import time

from tests.long.vks_mutations import commit
from tests.stamped_snapshots import BUSTED, good_publisher, run_readers


def main() -> int:
    """Run them all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--reads", type=int, default=10_000_000)
    parser.add_argument("--readers", type=int, default=3)
    options = parser.parse_args()
    gil = getattr(sys, "_is_gil_enabled", lambda: True)()
    print(f"commit {commit()}, Python {platform.python_version()}, GIL {'on' if gil else 'off'}, {platform.machine()}")
    failed = False
    for name, (publisher, letters) in BUSTED.items():
        began = time.monotonic()
        readers, _, _ = run_readers(publisher, readers=options.readers, reads=10**12, seconds=10)
        found = next((reader.wrong for reader in readers if reader.wrong), "")
        failed |= not found or found[1] not in letters
        outcome = f"caught after {time.monotonic() - began:.2f} s: {found}" if found else "NOT CAUGHT"
        print(f"busted, {name}: {outcome}", flush=True)
    began = time.monotonic()
    each = -(-options.reads // options.readers)
    readers, swaps, merges = run_readers(good_publisher, readers=options.readers, reads=each, seconds=86_400)
    wrong = [reader.wrong for reader in readers if reader.wrong]
    reads = sum(reader.reads for reader in readers)
    seconds = time.monotonic() - began
    print(f"{reads:,} reads, {swaps:,} swaps, {merges:,} merges, {len(wrong)} violations, {seconds:.0f} s {' '.join(wrong)}")
    return 1 if failed or wrong or reads < options.reads else 0


if __name__ == "__main__":
    sys.exit(main())
