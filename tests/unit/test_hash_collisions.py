"""Keys chosen for a known seed do collide, and do so under no other seed and not under SipHash."""

from __future__ import annotations

import numpy as np
import pytest

from tests.hostile.chosen_keys import colliding_b16, colliding_bytes, colliding_ids
from tests.unit.test_hash import FAST, SIPHASH, hashed_b16, hashed_ids, hashed_texts

SEEDS = [0, 12345, 2**64 - 1]
OTHER = 777


def test_chosen_strings_share_one_hash_under_every_seed() -> None:
    texts = colliding_bytes(SEEDS, 200)
    assert len(set(texts)) == 200
    for seed in SEEDS:
        assert len(np.unique(hashed_texts(texts, seed, FAST))) == 1
        assert len(np.unique(hashed_texts(texts, seed, SIPHASH))) == 200
    assert len(np.unique(hashed_texts(texts, OTHER, FAST))) == 200


def test_chosen_128_bit_keys_share_one_hash_in_each_group() -> None:
    keys = colliding_b16(SEEDS, 300)
    assert len(np.unique(keys.view("S16"))) == 300
    for group, seed in enumerate(SEEDS):
        assert len(np.unique(hashed_b16(keys[100 * group : 100 * group + 100], seed, FAST))) == 1
        assert len(np.unique(hashed_b16(keys, seed, FAST))) == 201
        assert len(np.unique(hashed_b16(keys, seed, SIPHASH))) == 300
    assert len(np.unique(hashed_b16(keys, OTHER, FAST))) == 300


@pytest.mark.parametrize(("high_bits", "low_bits"), [(32, 12), (0, 20), (16, 0), (20, 32), (1, 1)])
def test_chosen_ids_agree_in_the_bits_asked_for(high_bits: int, low_bits: int) -> None:
    ids = colliding_ids(SEEDS, 300, high_bits=high_bits, low_bits=low_bits)
    assert len(np.unique(ids)) == 300
    for group, seed in enumerate(SEEDS):
        hashes = hashed_ids(ids[100 * group : 100 * group + 100], seed)
        assert len(np.unique(hashes >> np.uint64(32) >> np.uint64(32 - high_bits))) == 1
        assert len(np.unique((hashes & np.uint64(0xFFFFFFFF)) >> np.uint64(32 - low_bits))) == 1
        assert len(np.unique(hashes)) == 100
