"""Read many damaged and hostile ``.vks`` files: ``python -m tests.long.vks_mutations --count 100000``.

Ends with an error at the first crash, foreign exception or wrong acceptance; prints what was tried otherwise.
"""

from __future__ import annotations

import argparse
import platform
import subprocess
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np

from tests.hostile.vks_mutator import judge, mutate, sample_sections
from valkyrie import vks


def commit() -> str:
    """The commit of the checkout, as far as git can tell."""
    answer = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False)
    return answer.stdout.strip() or "unknown"


def run(count: int, seed: int) -> tuple[Counter[str], Counter[str]]:
    """(mutants by kind of change, readings by outcome)."""
    rng = np.random.default_rng(seed)
    kinds: Counter[str] = Counter()
    outcomes: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as directory:
        good_path = Path(directory, "good.vks")
        for i in range(count):
            if i % 1_000 == 0:
                vks.write(good_path, sample_sections(rng), content="sample")
                good = good_path.read_bytes()
            mutant = mutate(good, rng)
            kinds[f"{mutant.kind}{', resealed' if mutant.resealed else ''}"] += 1
            outcomes += judge(mutant, good, Path(directory, "mutant.vks"))
    return kinds, outcomes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    kinds, outcomes = run(options.count, options.seed)
    print(
        f"{options.count} mutants, seed {options.seed}, commit {commit()}, {platform.platform()}, {platform.machine()}"
    )
    for title, counts in (("mutants", kinds), ("readings", outcomes)):
        print(title)
        for name, n in sorted(counts.items()):
            print(f"  {n:>9}  {name}")
    print("0 crashes, 0 foreign exceptions, 0 silent acceptances with verify=full")


if __name__ == "__main__":
    main()
