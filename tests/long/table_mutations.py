"""Load and ask many hostile tables: ``python -m tests.long.table_mutations --count 100000``.

The mutants of ``tests.hostile.table_mutator`` in processes of their own, so that a crash is seen, named and counted; ends with an
error if there was one.
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
from collections import Counter

from tests.long.vks_mutations import commit


def main() -> None:
    """Run the mutator in batches; print what was tried and how it ended."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--batch", type=int, default=2_000, help="mutants of one process")
    options = parser.parse_args()
    outcomes: Counter[str] = Counter()
    failures: list[str] = []
    for first in range(0, options.count, options.batch):
        count = min(options.batch, options.count - first)
        numbers = ["--count", str(count), "--seed", str(options.seed), "--first", str(first)]
        done = subprocess.run([sys.executable, "-m", "tests.hostile.table_mutator", *numbers], capture_output=True, text=True)
        if done.returncode:
            failures.append(f"exit code {done.returncode}:\n" + "\n".join(done.stderr.splitlines()[-25:]))
        else:
            outcomes.update(json.loads(done.stdout)["outcomes"])
    print(f"{options.count} hostile tables, seed {options.seed}, commit {commit()}, {platform.platform()}, {platform.machine()}")
    for name, n in sorted(outcomes.items()):
        print(f"  {n:>9}  {name}")
    print(*failures, sep="\n\n")
    print(f"{len(failures)} crashes, foreign exceptions or reads outside")
    sys.exit(bool(failures))


if __name__ == "__main__":
    main()
