"""Keys that collide under table hashes whose seed is known: what an attacker who has read a table's file could send.

Against one seed each generator gives keys of one hash, or of hashes that agree in chosen bits. Against several,
`colliding_bytes` gives strings that are equal under all of them at once; integers and 128-bit keys come as a union of
groups, one for each seed, which is as good a way to make a build fail under every one of them.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from unittest import mock

import numpy as np

from valkyrie._scan.hash import key_from_seed, unmix64
from valkyrie.records import B16
from valkyrie.tables.ids import build as id_build
from valkyrie.typing import AnyArray, UInt64Array

__all__ = ["colliding_b16", "colliding_bytes", "colliding_ids", "foreseen"]

_WORD = 1 << 64
_BLOCK_BYTES = 48
_TAIL = b"of all the same!"


@contextlib.contextmanager
def foreseen(seed: int) -> Iterator[list[int]]:
    """Let builds that begin with `seed` take their next seeds from a list that is known before the keys are chosen.

    Otherwise a seed depends on the keys that failed under the one before, and the later stages of a build are out of reach.
    """
    seeds = [seed, seed + 1000, seed + 2000, seed + 3000]
    with mock.patch.object(id_build, "next_seed", lambda seed, fingerprints: seeds[seeds.index(seed) + 1]):
        yield seeds


def colliding_bytes(seeds: Sequence[int], count: int) -> list[bytes]:
    """Return distinct byte strings with one fast hash under every seed: a counter, a block per seed, a common tail.

    A whole block takes the state to ``fold(low ^ state, high ^ k[1])`` of its 128-bit sum. If the high half is k[1],
    the product is 0 and what went before is forgotten. Under the other seeds the block is like any other, and the same
    in all the strings.
    """
    forgetting = b"".join(_forgetting_block(seed) for seed in seeds) + _TAIL
    return [b"%0*d" % (_BLOCK_BYTES, i) + forgetting for i in range(count)]


def _forgetting_block(seed: int) -> bytes:
    """48 bytes whose sum has the high half k[1]: two products are 0, the last is (2**64 - 1) * (k[1] + 1)."""
    k = key_from_seed(seed)
    factors = (0, 0, 0, 0, _WORD - 1, k[1] + 1)
    return b"".join(((f - addend) % _WORD).to_bytes(8, "little") for f, addend in zip(factors, k[2:], strict=True))


def colliding_b16(seeds: Sequence[int], count: int) -> AnyArray:
    """Return distinct 128-bit keys (V16, shape (count,)), each with the fast hash of all others of its seed's group.

    The first word cancels its addend, so that the product is 0 whatever the second word is.
    """
    words = np.empty((count, 2), "<u8")
    for group, seed in _groups(seeds, count):
        words[group, 0] = -key_from_seed(seed)[4] % _WORD
    words[:, 1] = np.arange(count)
    return words.view(B16)[:, 0]


def colliding_ids(seeds: Sequence[int], count: int, *, high_bits: int = 32, low_bits: int = 12) -> UInt64Array:
    """Return distinct ids (shape (count,)) whose mixes, in each seed's group, agree in the leading bits of both halves.

    Parameters
    ----------
    seeds : sequence of int
    count : int
    high_bits, low_bits : int
        How many leading bits are the same of the high half, which chooses the bucket, and of the low half, which
        chooses the line.
    """
    rng = np.random.default_rng(count)
    free_high, free_low = 32 - high_bits, 32 - low_bits
    ids = np.empty(count, np.uint64)
    for group, seed in _groups(seeds, count):
        size = group.stop - group.start
        free = rng.choice(1 << min(free_high + free_low, 62), size, replace=False).astype(np.uint64)
        shared = int(rng.integers(1 << 63))
        high = (shared >> 32 >> free_high << free_high) | (free >> np.uint64(free_low))
        low = ((shared & 0xFFFFFFFF) >> free_low << free_low) | (free & np.uint64((1 << free_low) - 1))
        ids[group] = unmix64(high << np.uint64(32) | low, key_from_seed(seed))
    return ids


def _groups(seeds: Sequence[int], count: int) -> Iterator[tuple[slice, int]]:
    bounds = [count * i // len(seeds) for i in range(len(seeds) + 1)]
    for start, stop, seed in zip(bounds, bounds[1:], seeds, strict=False):
        yield slice(start, stop), seed
