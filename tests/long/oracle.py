"""The oracle tests at full size: ``python -m tests.long.oracle --rows 10000000``.

Runs the tests that take their size from ``tests.sizes`` with so many keys in every table of every kind (10**7 take some 16 GB),
and prints machine and commit. What follows ``--`` goes to pytest: ``-- -k texts``.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys

from tests.long.vks_mutations import commit

TESTS = ["tests/properties", "tests/hostile/test_hostile_tables.py"]


def main() -> None:
    """Run pytest with the sizes asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000, help="keys of each large table")
    parser.add_argument("--examples", type=int, default=5_000, help="examples of each hypothesis test")
    parser.add_argument("--mutants", type=int, default=20_000, help="hostile tables")
    parser.add_argument("--seed", type=int, default=0, help="another seed, other keys")
    parser.add_argument("pytest", nargs="*", help="arguments of pytest")
    options = parser.parse_args()
    sizes = {
        "VALKYRIE_TEST_ROWS": str(options.rows),
        "VALKYRIE_TEST_EXAMPLES": str(options.examples),
        "VALKYRIE_TEST_MUTANTS": str(options.mutants),
        "VALKYRIE_TEST_SEED": str(options.seed),
    }
    print(f"{options.rows} keys a table, seed {options.seed}, commit {commit()}, {platform.platform()}", flush=True)
    command = [sys.executable, "-m", "pytest", "-v", "--durations=10", "-o", "timeout=0", *(options.pytest or TESTS)]
    sys.exit(subprocess.run(command, env=os.environ | sizes, check=False).returncode)


if __name__ == "__main__":
    main()
