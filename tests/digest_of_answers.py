"""Prints the CPU level in use and a digest over tables and answers of every kind.

Run as ``VALKYRIE_CPU=v3 python -m tests.digest_of_answers``.

The digest must not depend on the level, on the number of threads, or on the machine.
"""

from __future__ import annotations

import hashlib

import numpy as np

import valkyrie as vk
from tests.hostile.chosen_keys import colliding_ids, foreseen
from tests.key_sets import INTEGERS, WIDE, absent_ids, names, neighbours
from valkyrie._native import cpu_level

SIZES = (0, 1, 7, 8, 9, 100, 16_384, 20_000, 90_000)


def main() -> None:
    """Print ``level digest``."""
    rng = np.random.default_rng(3)
    digest = hashlib.sha256()

    def add(table: vk.IdTable, *queries: object) -> None:
        for name, column in sorted(table.to_columns().items()):
            digest.update(name.encode() + column.tobytes())
        for query in queries:
            digest.update(table.get_many(query, missing=-9).tobytes() + table.get_many(query, threads=2).tobytes())

    for n in SIZES:
        for name, make in INTEGERS.items():
            if n > 20_000 and name not in ("uniform", "dense with holes", "around the sign"):
                continue
            keys = make(n, rng)
            queries = np.concatenate([keys, neighbours(keys), absent_ids(n % 1000 + 9, rng)])
            for threads in (1, 2):
                add(vk.IdTable.build(keys, seed=11, threads=threads), queries, queries[::-3], queries.astype(">u8"))
            add(vk.IdTable.build(keys.view(np.int64), seed=11), queries, queries.view(np.int64), queries.astype(np.int32))
        for wide in WIDE.values():
            both = wide(2 * n, rng)
            add(vk.IdTable.build(both[:n], seed=4, kind="b16"), both, both[::-1])
        texts = names(n)
        plain = np.array([*names(n, plain=True)[::2], "é", ""])
        add(vk.IdTable.build(texts, seed=9, kind="bytes"), [*texts, "no"], plain, np.array([*texts, ""], np.dtypes.StringDType()))
    with foreseen(7) as seeds:
        chosen = np.unique(colliding_ids(seeds[:3], 300))
        table = vk.IdTable.build(chosen, seed=7)
    assert table.stats.keys_in_fallback
    add(table, chosen, neighbours(chosen))
    print(cpu_level(), digest.hexdigest())


if __name__ == "__main__":
    main()
