"""Both halves of every hash spread keys of a pattern as evenly as random numbers would, whatever the seed.

The measure is Pearson's chi-squared over the buckets of a multiply-and-shift range reduction, divided by how many they
are: 1 for random keys, with a standard deviation of sqrt(2 / buckets). Seeds are fixed, so results repeat.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from tests.unit.test_hash import FAST, SIPHASH, hashed_b16, hashed_ids, hashed_texts
from valkyrie.typing import UInt64Array

N = 1 << 15
SEEDS = [0, 1, 2, 2**64 - 1, 0x123456789ABCDEF0, *range(1000, 1011)]
INDEX = np.arange(N, dtype=np.uint64)
RANDOM = np.random.default_rng(8).integers(0, 1 << 64, N, np.uint64)


def shifted(words: UInt64Array, by: int) -> UInt64Array:
    return words << np.uint64(by)


IDS = {
    "sequential": INDEX + np.uint64(10**6),
    "multiples of 1000": INDEX * np.uint64(1000),
    **{f"multiples of 2**{k}": shifted(INDEX, k) for k in (8, 16, 24, 32, 40, 45, 48)},
    **{f"multiples of 2**{k} + 1": INDEX * np.uint64((1 << k) + 1) for k in (16, 25, 32, 40, 47)},
    "random above equal low 16 bits": shifted(RANDOM, 16) | np.uint64(0xBEEF),
    "random above equal low 32 bits": shifted(np.unique(RANDOM >> np.uint64(32)), 32) | np.uint64(0xDEADBEEF),
    "random below equal high 32 bits": np.unique(RANDOM >> np.uint64(32)) | np.uint64(0xDEADBEEF << 32),
    "clusters of 64": (RANDOM[:512, None] + np.arange(64, dtype=np.uint64)).ravel(),
    "two small halves": shifted(INDEX >> np.uint64(8), 32) | (INDEX & np.uint64(255)),
    "both ends": shifted(INDEX >> np.uint64(8), 56) | (INDEX & np.uint64(255)),
    "one to three bits set": np.unique(
        [1 << a | 1 << b | 1 << c for a in range(64) for b in range(a + 1) for c in range(b + 1)]
    ).astype(np.uint64),
    "floats of whole numbers": np.arange(1, N + 1, dtype=np.float64).view(np.uint64),
    "byte-swapped": INDEX.byteswap(),
}

TEXTS: dict[str, Callable[[int], bytes]] = {
    "decimal": lambda i: b"%d" % i,
    "name, number at the end": lambda i: b"some-long-prefix/user-%06d" % i,
    "name, number in front": lambda i: b"%05d.rack7.example.internal" % i,
    "number in the middle": lambda i: b"session:%08x:frontend-of-europe" % i,
    "hexadecimal, 32": lambda i: b"%032x" % i,
    "zeros, 48": lambda i: bytes(20) + i.to_bytes(2, "big") + bytes(26),
    "zeros, 200": lambda i: bytes(100) + i.to_bytes(2, "big") + bytes(98),
    "runs of one letter": lambda i: bytes([i >> 8]) + b"a" * (16 + i % 256),
}


def unevenness(hashes: UInt64Array) -> float:
    """How many standard deviations beyond random the worse half is."""
    worst = -np.inf
    for half in (hashes >> np.uint64(32), hashes & np.uint64(0xFFFFFFFF)):
        for buckets in (len(hashes) // 5, 251):
            counts = np.bincount((half * np.uint64(buckets) >> np.uint64(32)).astype(np.int64), minlength=buckets)
            expected = len(hashes) / buckets
            statistic = ((counts - expected) ** 2).sum() / expected / buckets
            worst = max(worst, (statistic - 1) / np.sqrt(2 / buckets))
    return float(worst)


@pytest.mark.parametrize("pattern", IDS)
def test_patterned_ids_spread_like_random_ones(pattern: str) -> None:
    assert max(unevenness(hashed_ids(IDS[pattern], seed)) for seed in SEEDS) < 6


@pytest.mark.parametrize("which", [FAST, SIPHASH])
@pytest.mark.parametrize("pattern", TEXTS)
def test_patterned_strings_spread_like_random_ones(pattern: str, which: int) -> None:
    texts = [TEXTS[pattern](i) for i in range(N)]
    assert max(unevenness(hashed_texts(texts, seed, which)) for seed in SEEDS) < 6


@pytest.mark.parametrize("first", [0, 48])
@pytest.mark.parametrize("second", [0, 48])
def test_patterned_128_bit_keys_spread_like_random_ones(first: int, second: int) -> None:
    words = np.stack([shifted(INDEX >> np.uint64(7), first), shifted(INDEX & np.uint64(127), second)], axis=1)
    assert max(unevenness(hashed_b16(words, seed, FAST)) for seed in SEEDS) < 6


@pytest.mark.parametrize("length", [4, 7, 8, 15, 16, 17, 25, 31, 32, 36, 47, 48, 49, 97])
def test_every_bit_of_a_string_moves_every_bit_of_its_hash(length: int) -> None:
    rng, trials = np.random.default_rng(length), 64
    flips = np.zeros((8 * length, 64))
    one_bit = np.unpackbits(np.zeros((8 * length, length), np.uint8), axis=1) ^ np.eye(8 * length, dtype=np.uint8)
    masks = np.packbits(one_bit, axis=1)
    for seed in range(trials):
        text = np.frombuffer(rng.bytes(length), np.uint8)
        hashes = hashed_texts([text.tobytes(), *(flipped.tobytes() for flipped in text ^ masks)], seed, FAST)
        changed = (hashes[1:] ^ hashes[0]).astype("<u8")
        flips += np.unpackbits(changed.view(np.uint8).reshape(-1, 8), axis=1)
    share = flips / trials
    assert 0.1 < share.min() < share.max() < 0.9
    assert abs(share.mean() - 0.5) < 0.01
