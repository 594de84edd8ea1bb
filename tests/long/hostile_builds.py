"""How long a build takes on keys chosen by someone who knows the seed: ``python -m tests.long.hostile_builds --rows 1000000``.

Prints, for each kind and attack, the time of the hostile build over that of a build of as many random keys; the best of several
runs, taken in turns. The promise is 3 at most.
"""

from __future__ import annotations

import argparse
import contextlib
import platform
import sys
import time
from typing import Any

import numpy as np

import valkyrie as vk
from tests.hostile.chosen_keys import colliding_b16, colliding_bytes, colliding_ids, foreseen
from tests.long.vks_mutations import commit

SEED = 7
PROMISE = 3.0


def among(chosen: Any, random: Any, share: float, rng: np.random.Generator) -> Any:
    """Chosen keys in a share of the places, random ones in the others."""
    mixed = random.copy()
    n = int(share * len(random))
    mixed[rng.permutation(len(random))[:n]] = chosen[:n]
    return mixed


def attacks(n: int, seeds: list[int], rng: np.random.Generator) -> dict[str, tuple[Any, Any]]:
    """By name, hostile keys and as many random keys of the same kind and length."""
    ids = np.unique(rng.integers(0, 2**64, n + n // 8, dtype=np.uint64))[:n]
    rng.shuffle(ids)
    wide = rng.integers(0, 2**64, (n, 2), dtype=np.uint64).view("V16").ravel()
    chosen_texts = np.array(colliding_bytes(seeds[:3], n), object)
    random_texts = np.array([b"%0*d" % (len(chosen_texts[0]), i) for i in rng.permutation(n).tolist()], object)
    found = {}
    for bits in (4, 12):
        keys = np.unique(colliding_ids(seeds[:1], n, high_bits=bits, low_bits=0))
        found[f"int, one seed, {bits} equal leading bits"] = (keys, ids[: len(keys)])
    foreseen_too = colliding_ids(seeds[:3], n // 1000 + 60)
    found["int, one in a thousand"] = (among(foreseen_too, ids, 0.001, rng), ids)
    found["b16, three seeds, all"] = (colliding_b16(seeds[:3], n), wide)
    found["b16, three seeds, one in a hundred"] = (among(colliding_b16(seeds[:3], n), wide, 0.01, rng), wide)
    found["bytes, three seeds, all"] = (chosen_texts, random_texts)
    found["bytes, three seeds, one in a hundred"] = (among(chosen_texts, random_texts, 0.01, rng), random_texts)
    return found


def seconds(keys: Any, *, ahead: bool) -> tuple[float, vk.IdTable]:
    """Time a build; with `ahead` its later seeds were known to whoever chose the keys, as they may be for texts."""
    with foreseen(SEED) if ahead else contextlib.nullcontext():
        began = time.perf_counter()
        table = vk.IdTable.build(keys, seed=SEED, on_duplicate="first")
        return time.perf_counter() - began, table


def main() -> int:
    """Print the table of ratios; 1 if one is beyond the promise."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    print(f"{options.rows} keys, commit {commit()}, {platform.platform()}, {platform.machine()}")
    print(f"{'attack':45} {'random':>9} {'hostile':>9} {'ratio':>6}  how it ended")
    broken = False
    with foreseen(SEED) as seeds:
        chosen = attacks(options.rows, seeds, np.random.default_rng(0))
    for name, (hostile, random) in chosen.items():
        ahead = not name.startswith("int")
        plain, bad = [], []
        for _ in range(options.rounds):
            plain.append(seconds(random, ahead=ahead)[0])
            taken, table = seconds(hostile, ahead=ahead)
            bad.append(taken)
        ratio = min(bad) / min(plain)
        stats = table.stats
        ended = f"{stats.reseeds} reseeds, {stats.hash}, {stats.keys_in_fallback} in fallback"
        ended += f", {table.nbytes / len(table):.1f} B/key"
        broken |= ratio > PROMISE
        verdict = "  beyond the promise" if ratio > PROMISE else ""
        print(f"{name:45} {min(plain):8.3f}s {min(bad):8.3f}s {ratio:6.2f}  {ended}{verdict}", flush=True)
    return int(broken)


if __name__ == "__main__":
    sys.exit(main())
