"""Compare prefix tables with other packages on real data: ``python -m tests.long.prefix_oracles --count 1000000``.

Every comparison of ``tests.prefix_oracles``, with so many lookups each; ends with an error if an answer differs. A name, or part
of one, takes only the comparisons that have it: ``-- IPv6``.
"""

from __future__ import annotations

import argparse
import platform
import sys
from collections.abc import Callable

import numpy as np
from rich.console import Console
from rich.progress import Progress

from tests.long.vks_mutations import commit
from tests.prefix_oracles import ORACLES, Compare, Mismatch

SHOWN = 5
"""Differing answers that are printed of each comparison."""


def run(compare: Compare, count: int, batch: int, seed: int, advance: Callable[[int], None]) -> tuple[int, list[Mismatch]]:
    """Make `count` lookups in batches; how many there were, and those that differ."""
    rng = np.random.default_rng(seed)
    done, wrong = 0, []
    while done < count:
        size = min(batch, count - done)
        wrong += compare(size, rng)
        done += size
        advance(size)
    return done, wrong


def main() -> None:
    """Run the comparisons one after the other; print how many answers each compared, and what differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1_000_000, help="lookups of each comparison")
    parser.add_argument("--batch", type=int, default=100_000, help="lookups of one call")
    parser.add_argument("--seed", type=int, default=1, help="another seed, other questions")
    parser.add_argument("names", nargs="*", help="only comparisons whose names have one of these in them")
    options = parser.parse_args()
    chosen = {name: make for name, make in ORACLES.items() if not options.names or any(part in name for part in options.names)}
    if not chosen:
        parser.error(f"no comparison has {' or '.join(options.names)} in its name; there are: {'; '.join(ORACLES)}")
    print(f"seed {options.seed}, commit {commit()}, {platform.platform()}, {platform.machine()}", flush=True)
    total = differing = 0
    with Progress(console=Console(stderr=True), transient=True) as progress:
        for name, make in chosen.items():
            task = progress.add_task(name, total=options.count)
            done, wrong = run(make(), options.count, options.batch, options.seed, lambda n, task=task: progress.advance(task, n))
            progress.remove_task(task)
            print(f"{done:>10} lookups  {len(wrong):>6} differ  {name}", flush=True)
            for asked, expected, found in wrong[:SHOWN]:
                print(f"{'':>12}{asked}: the package says {expected}, the table {found}")
            total, differing = total + done, differing + len(wrong)
    print(f"{total:>10} lookups  {differing:>6} differ")
    sys.exit(bool(differing))


if __name__ == "__main__":
    main()
