"""Keys chosen by someone who knows the seed: every stage of a build's defence is reached, and answers stay right."""

from __future__ import annotations

import numpy as np
import pytest

import valkyrie as vk
from tests import naive
from tests.hostile.chosen_keys import colliding_b16, colliding_bytes, colliding_ids, foreseen
from valkyrie._native import hashing
from valkyrie.tables.ids import patch

SEED = 5


@pytest.fixture
def seeds():
    with foreseen(SEED) as known:
        yield lambda n: known[:n]


def ids_behind(hashes, seed=SEED):
    out = np.empty(len(hashes), np.uint64)
    hashing.unhash_ids(np.ascontiguousarray(hashes, np.uint64), seed, out)
    return out


def check(table, keys, absent, tmp_path):
    expected = naive.get_many(naive.rows_of(keys), [*keys, *absent])
    path = tmp_path / "t.vks"
    table.save(path)
    for reader in (table, vk.load(path), vk.load(path, mode="copy", verify="none")):
        assert np.array_equal(reader.get_many([*keys, *absent]), expected)
        assert [reader.get(key, -1) for key in [*keys, *absent]] == expected.tolist()
    found = naive.recovered(table)
    assert sorted(found.values()) == list(range(len(keys)))


@pytest.mark.parametrize("n", [50_000, 300_000])
@pytest.mark.parametrize("attack", ["one segment", "one bucket", "one low half", "few lines"])
def test_ids_chosen_against_one_seed_cost_one_reseed_at_most(attack, n):
    rng = np.random.default_rng(n)
    low, high = rng.integers(0, 2**32, n, dtype=np.uint64), rng.integers(0, 2**32, n, dtype=np.uint64)
    shift = np.uint64(32)
    hashes = {
        "one segment": (high >> np.uint64(9) << shift) | low,
        "one bucket": (np.uint64(7) << shift) | low,
        "one low half": (np.arange(n, dtype=np.uint64) * np.uint64(2**32 // n) << shift) | np.uint64(77),
        "few lines": (high << shift) | (low >> np.uint64(14)),
    }[attack]
    keys = np.unique(ids_behind(hashes))
    table = vk.IdTable.build(keys, seed=SEED)
    assert table.stats.reseeds == 1
    assert table.stats.keys_in_fallback == 0
    assert np.array_equal(table.get_many(keys), np.arange(len(keys)))
    assert (table.get_many(keys ^ np.uint64(1 << 40)) < 0).mean() > 0.9
    assert table.stats.bytes_per_entry < 18


@pytest.mark.parametrize("fill", [0, 30_000])
def test_ids_chosen_against_every_seed_end_in_the_sorted_table(fill, tmp_path, seeds):
    """A hundred of them share bucket and line under each of the three seeds, so every attempt meets more than a line holds."""
    rng = np.random.default_rng(fill)
    bad = colliding_ids(seeds(3), 300)
    keys = list(dict.fromkeys([*map(int, bad), *rng.integers(0, 2**64, fill, dtype=np.uint64).tolist()]))
    table = vk.IdTable.build(np.array(keys, np.uint64), seed=SEED)
    assert table.stats.reseeds == 2
    assert table.stats.keys_in_fallback > 0
    stored = set(keys)
    check(table, keys, [k ^ 1 for k in keys if k ^ 1 not in stored][:500], tmp_path)


@pytest.mark.parametrize("kind", ["int", "bytes", "b16"])
def test_changes_wait_beside_the_last_stages_too(kind, seeds, tmp_path, monkeypatch):
    """Chosen keys that lie in the sorted table, or under SipHash, are changed and removed like any, and new ones are added."""
    monkeypatch.setattr(patch, "FLAT_UP_TO", 0)
    if kind == "int":
        chosen = colliding_ids(seeds(3), 420).tolist()
        old, new = [key for i, key in enumerate(chosen) if i % 4] + list(range(2000)), chosen[::4]
    else:
        chosen = colliding_bytes(seeds(3), 60) if kind == "bytes" else [bytes(key) for key in colliding_b16(seeds(3), 60)]
        old, new = [key for i, key in enumerate(chosen) if i % 4] + [b"%016d" % i for i in range(2000)], chosen[::4]
    own = (lambda keys: np.array(keys, np.uint64)) if kind == "int" else list
    first = vk.IdTable.build(own(old), kind=kind, seed=SEED)
    assert (first.stats.keys_in_fallback > 0) if kind == "int" else (first.stats.hash == "siphash-1-3")
    changed, gone = [*old[:30], *new], [*old[30:35], *old[-30:]]
    edited = first.replace(own(changed), np.arange(len(changed)) + 5000).without(own(gone))
    assert edited.pending == len(changed) + len(gone)
    expected = naive.rows_of(old) | naive.rows_of(changed, range(5000, 5000 + len(changed)))
    expected = {key: row for key, row in expected.items() if key not in set(gone)}
    edited.save(tmp_path / "t.vks")
    asked = [*old, *new, *([7**22] if kind == "int" else [b"not there, never!"[:16]])]
    for table in (edited, vk.load(tmp_path / "t.vks"), edited.merged()):
        assert table.get_many(own(asked)).tolist() == [expected.get(key, -1) for key in asked]
        assert [table.get(key, -1) for key in asked] == [expected.get(key, -1) for key in asked]
        assert len(table) == len(expected)
        table.check()
        assert table.content_sum() == vk.IdTable.build(own(list(expected)), list(expected.values()), kind=kind).content_sum()
    assert first.get_many(own(old)).tolist() == list(range(len(old)))


def test_nobody_can_choose_ids_against_the_seed_that_follows():
    """It depends on the keys that failed: who fails the first seed with more or other keys meets another second one."""
    keys = colliding_ids([SEED], 2000)
    seen = {vk.IdTable.build(some, seed=SEED).seed for some in (keys, keys[1:], np.append(keys, np.uint64(3)), keys[::-1])}
    assert len(seen) == 4
    again = vk.IdTable.build(keys, seed=SEED)
    assert again.stats.reseeds == 1
    assert again.lines.tobytes() == vk.IdTable.build(keys, seed=SEED, threads=2).lines.tobytes()


@pytest.mark.parametrize("n_seeds", [1, 2, 3])
def test_texts_of_equal_hash_go_on_to_the_next_seed_and_at_last_to_siphash(n_seeds, tmp_path, seeds):
    keys = [*colliding_bytes(seeds(n_seeds), 40), *(b"plain %d" % i for i in range(2000))]
    table = vk.IdTable.build(keys, seed=SEED)
    assert table.stats.reseeds == n_seeds
    assert table.stats.hash == ("siphash-1-3" if n_seeds == 3 else "fast")
    assert table.stats.keys_in_fallback == 0
    check(table, keys, [b"", b"no", keys[0] + b"!"], tmp_path)


def test_128_bit_ids_of_equal_hash_end_in_siphash(tmp_path, seeds):
    keys = [bytes(k) for k in colliding_b16(seeds(3), 40)]
    keys = list(dict.fromkeys(keys))
    table = vk.IdTable.build(keys, kind="b16", seed=SEED)
    assert table.stats.hash == "siphash-1-3"
    expected = naive.get_many(naive.rows_of(keys), [*keys, b"\0" * 16])
    assert table.get_many([*keys, b"\0" * 16]).tolist() == expected.tolist()


def test_a_few_texts_may_share_a_64_bit_hash(tmp_path):
    """Up to five fit a line: no reseed, and each is told from the others by its bytes."""
    keys = [*colliding_bytes([SEED], 4), *(b"other %d" % i for i in range(300))]
    absent = [*colliding_bytes([SEED], 12)[4:], b"x"]
    table = vk.IdTable.build(keys, seed=SEED)
    assert table.stats.reseeds == 0
    check(table, keys, [a for a in absent if a not in keys], tmp_path)


def sharing_a_line(pool, hashes, n, n_buckets):
    """n of the pool whose hashes share the bucket and, to ten bits, the low half: no pilot of a small table parts them."""
    group = ((hashes >> np.uint64(32)) * np.uint64(n_buckets) >> np.uint64(32)) << np.uint64(10)
    group |= (hashes & np.uint64(0xFFFFFFFF)) >> np.uint64(22)
    groups, counts = np.unique(group, return_counts=True)
    return [[pool[i] for i in np.flatnonzero(group == g)[:n]] for g in groups[counts >= n][:20]]


def test_texts_that_even_siphash_cannot_place_end_in_the_sorted_table(tmp_path, seeds):
    pool = colliding_bytes(seeds(3), 20_000)
    lengths = np.array([len(k) for k in pool], np.uint64)
    data = np.frombuffer(b"".join(pool), np.uint8)
    address = np.uint64(data.ctypes.data) + np.cumsum(lengths) - lengths
    hashes = np.empty(len(pool), np.uint64)
    hashing.hash_texts(address, lengths, seeds(4)[3], 1, hashes)
    reached = 0
    for keys in sharing_a_line(pool, hashes, 6, 2):
        table = vk.IdTable.build(keys, seed=SEED)
        reached += table.stats.keys_in_fallback > 0
        check(table, keys, [b"", b"no", keys[0][:-1]], tmp_path)
    assert reached


def test_128_bit_ids_that_even_siphash_cannot_place_end_in_the_sorted_table(tmp_path, seeds):
    rng = np.random.default_rng(1)
    bad = [bytes(k) for k in colliding_b16(seeds(3), 12)]
    pool = rng.integers(0, 256, (100_000, 16), dtype=np.uint8)
    hashes = np.empty(len(pool), np.uint64)
    hashing.hash_keys16(pool.reshape(-1), seeds(4)[3], 1, hashes)
    reached = 0
    for group in sharing_a_line(pool, hashes, 4, 4):
        keys = list(dict.fromkeys([*bad, *map(bytes, group)]))
        table = vk.IdTable.build(keys, kind="b16", seed=SEED)
        reached += table.stats.keys_in_fallback > 0
        queries = np.array([*keys, bytes(16)], "V16")
        expected = [*range(len(keys)), -1]
        assert table.get_many(queries).tolist() == expected
        assert [table.get(bytes(q), -1) for q in queries] == expected
        assert naive.recovered(table) == {k: i for i, k in enumerate(keys)}
        table.save(tmp_path / "t.vks")
        assert vk.load(tmp_path / "t.vks").get_many(queries).tolist() == expected
    assert reached
