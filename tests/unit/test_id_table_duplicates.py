"""Keys that occur twice: which of them counts, and how the refusal names them."""

from __future__ import annotations

import uuid

import numpy as np
import pytest

import valkyrie as vk
from tests import naive
from valkyrie.errors import DuplicateKeyError

KINDS = {
    "dense": lambda numbers: numbers,
    "int": lambda numbers: numbers * 10**11 - 5,
    "unsigned": lambda numbers: numbers.astype(np.uint64) * np.uint64(10**13),
    "text": lambda numbers: [f"key {number}" for number in numbers.tolist()],
    "b16": lambda numbers: [uuid.UUID(int=number << 64 | 7) for number in numbers.tolist()],
}
PATTERNS = {
    "pairs": lambda n, rng: rng.permutation(np.arange(n) // 2),
    "few": lambda n, rng: np.where(np.arange(n) % 1000 == 7, 7, np.arange(n)),
    "three keys": lambda n, rng: rng.integers(0, 3, n),
    "one key": lambda n, rng: np.zeros(n, np.int64),
    "random": lambda n, rng: rng.integers(0, max(1, n), n),
}


def _kept(keys, policy):
    """Positions of the keys that count, in their order."""
    at = {}
    for i, key in enumerate(map(naive.canonical, keys)):
        if policy == "last" or key not in at:
            at[key] = i
    return np.sort(np.array(list(at.values())))


@pytest.mark.parametrize("policy", ["first", "last"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n", [2, 5, 40, 3000, 16_390, 60_000])
def test_the_policy_decides(n, kind, policy, rng):
    if n > 20_000 and kind in ("text", "b16"):
        n //= 3
    for pattern, make in PATTERNS.items():
        keys = KINDS[kind](make(n, rng))
        rows = rng.integers(0, 2**31, n)
        given = None if pattern == "pairs" else rows
        expected = naive.rows_of(keys, given, policy)
        kept = _kept(keys, policy)
        distinct = vk.IdTable.build([keys[i] for i in kept], kept if given is None else rows[kept], seed=n)
        for threads in (1, 2):
            table = vk.IdTable.build(keys, given, on_duplicate=policy, seed=n, threads=threads)
            assert len(table) == len(expected), pattern
            assert np.array_equal(table.get_many(keys), naive.get_many(expected, keys)), pattern
            assert naive.recovered(table) == {naive.canonical(key): row for key, row in expected.items()}, pattern
            # Duplicates cost no attempt: what is built is what their winners alone would have been.
            assert table.seed == distinct.seed, pattern
            assert table.stats.reseeds == distinct.stats.reseeds, pattern
            assert table.lines.tobytes() == distinct.lines.tobytes(), pattern


@pytest.mark.parametrize("kind", KINDS)
def test_duplicates_are_refused_with_the_first_few_and_their_positions(kind, rng):
    numbers = np.arange(5000)
    numbers[[300, 17, 4999, 1000, 2000]] = [5, 16, 299, 999, 999]
    keys = KINDS[kind](numbers)
    with pytest.raises(DuplicateKeyError) as caught:
        vk.IdTable.build(keys)
    assert caught.value.data["positions"] == [(16, 17), (5, 300), (999, 1000)]
    named = [naive.canonical(key) for key in caught.value.data["keys"]]
    assert named == [naive.canonical(keys[i]) for i in (17, 300, 1000)]
    message = str(caught.value)
    assert "5 duplicates" in message
    assert "at 16 and 17" in message
    assert "and 2 more" in message
    assert 'on_duplicate="first"' in message


def test_one_duplicate_is_not_many():
    with pytest.raises(DuplicateKeyError, match=r"^keys: 1 duplicate: 'a' at 0 and 2\. Drop"):
        vk.IdTable.build(["a", "b", "a"])


def test_text_and_its_bytes_are_duplicates():
    with pytest.raises(DuplicateKeyError, match="at 0 and 1"):
        vk.IdTable.build(["é", "é".encode()])


@pytest.mark.parametrize("n", [10, 20_000])
def test_of_three_equal_keys_each_policy_keeps_one(n):
    keys = np.repeat(np.arange(n) * 10**10, 3)
    rows = np.arange(3 * n)
    assert np.array_equal(vk.IdTable.build(keys, on_duplicate="first").get_many(keys[::3]), rows[::3])
    assert np.array_equal(vk.IdTable.build(keys, on_duplicate="last").get_many(keys[::3]), rows[2::3])


def test_shared_rows_are_no_duplicates():
    table = vk.IdTable.build(["a", "b", "c"], rows=[2**31 - 1, 5, 5])
    assert table.get_many(["c", "a", "b"]).tolist() == [5, 2**31 - 1, 5]
    assert table.keys().tolist() == ["b", "c", "a"]
    assert table.rows().tolist() == [5, 5, 2**31 - 1]
