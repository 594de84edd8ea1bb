"""Prefixes of 32, 64 and 128 bits: compiled kernel, numpy twin and brute force agree, on nested, dense, deep and empty tables."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.bit_prefixes import BITS, Oracle, build, lookups, query_words, ranges_of
from valkyrie.tables.prefixes.interval_prefixes import Ipv6Prefixes, Uint64Prefixes
from valkyrie.tables.prefixes.ipv4_prefixes import Ipv4Prefixes

ENGINES = [Ipv4Prefixes, Uint64Prefixes, Ipv6Prefixes]


@st.composite
def prefix_sets(draw, bits):
    """Prefixes under a few stems, so that they nest and lie side by side; at the borders of levels and of the address space."""
    top = (1 << bits) - 1
    stems = [*draw(st.lists(st.integers(0, top), min_size=1, max_size=4)), 0, top]
    borders = [0, 1, 15, 16, 17, 18, 19, 23, 24, 25, 31, 32, 33, 63, 64, 65, 95, 127, 128]
    some = st.sampled_from([length for length in borders if length <= bits]) | st.integers(0, bits)
    prefixes = set()
    for _ in range(draw(st.integers(0, 60))):
        length = draw(some)
        address = draw(st.sampled_from(stems)) ^ (draw(st.integers(0, 3)) << draw(st.integers(0, bits - 1)))
        prefixes.add(((address & top) >> (bits - length) << (bits - length), length))
    return prefixes


@pytest.mark.parametrize("engine", ENGINES)
@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_agrees_with_brute_force(engine, data):
    bits = BITS[engine]
    prefixes = data.draw(prefix_sets(bits))
    oracle = Oracle(prefixes, bits)
    table = build(engine, prefixes)
    queries = oracle.edges() + data.draw(st.lists(st.integers(0, (1 << bits) - 1), max_size=20))
    expected = [oracle.longest(query) for query in queries]
    for found in lookups(table, query_words(engine, queries)):
        assert found.tolist() == expected
    again = engine.from_columns(table.to_columns())
    for found in lookups(again, query_words(engine, queries)):
        assert found.tolist() == expected
    assert table.parents.tolist() == oracle.parents()
    given_prefixes = sorted(prefixes | data.draw(prefix_sets(bits)))
    assert ranges_of(table, given_prefixes) == [oracle.exact_and_range(prefix) for prefix in given_prefixes]


def random_prefixes(rng, bits, n, lengths):
    """Prefixes of some lengths in a few clusters."""
    stems = [int.from_bytes(rng.bytes(bits // 8)) for _ in range(6)]
    prefixes = set()
    for _ in range(n):
        length = int(rng.choice(lengths))
        keep = int(rng.integers(0, length + 1))
        noise = int.from_bytes(rng.bytes(bits // 8)) >> keep
        address = (stems[int(rng.integers(0, 6))] ^ noise) >> (bits - length) << (bits - length)
        prefixes.add((address, length))
    return prefixes


@pytest.mark.parametrize(
    ("engine", "lengths"),
    [
        (Ipv4Prefixes, range(33)),
        (Ipv4Prefixes, [16, 20, 22, 23, 24, 24, 24]),
        (Ipv4Prefixes, [32]),
        (Ipv4Prefixes, [18, 30]),
        (Uint64Prefixes, range(65)),
        (Uint64Prefixes, [24, 28, 36]),
        (Ipv6Prefixes, range(129)),
        (Ipv6Prefixes, [32, 48, 56, 64]),
        (Ipv6Prefixes, [64, 65, 127, 128]),
        (Ipv6Prefixes, [128]),
    ],
)
def test_many_random_prefixes(engine, lengths, rng):
    bits = BITS[engine]
    prefixes = random_prefixes(rng, bits, 9000, list(lengths))
    oracle = Oracle(prefixes, bits)
    table = build(engine, prefixes)
    edges = oracle.edges()
    queries = [edges[i] for i in rng.integers(0, len(edges), 12_000)]
    queries += [int.from_bytes(rng.bytes(bits // 8)) for _ in range(2000)]
    expected = [oracle.longest(query) for query in queries]
    for found in lookups(table, query_words(engine, queries)):
        assert found.tolist() == expected
    assert table.parents.tolist() == oracle.parents()
    engine.from_columns(table.to_columns())


def test_a_block_full_of_addresses(rng):
    """Tens of thousands of addresses in one /18: codes run out, and the tree below answers."""
    base = 0xC0A80000
    prefixes = {(base, 16), (base, 18), (base + 256, 24)} | {(base + int(i), 32) for i in rng.choice(1 << 14, 12_000, False)}
    oracle = Oracle(prefixes, 32)
    table = build(Ipv4Prefixes, prefixes)
    queries = list(range(base - 5, base + (1 << 14) + 5))
    expected = [oracle.longest(query) for query in queries]
    for found in lookups(table, query_words(Ipv4Prefixes, queries)):
        assert found.tolist() == expected
    assert Ipv4Prefixes.from_columns(table.to_columns()).n == table.n


def test_every_length_over_one_address():
    for engine in ENGINES:
        bits = BITS[engine]
        address = int("1011" * (bits // 4), 2)
        prefixes = {(address >> (bits - length) << (bits - length), length) for length in range(bits + 1)}
        oracle = Oracle(prefixes, bits)
        table = build(engine, prefixes)
        queries = [address ^ (1 << bit) for bit in range(bits)] + [address]
        expected = [oracle.longest(query) for query in queries]
        for found in lookups(table, query_words(engine, queries)):
            assert found.tolist() == expected
        assert table.parents.tolist() == list(range(-1, bits))


def test_batches_of_every_size(rng):
    """Around the width of what goes down together, and slices of a batch as threads would call it."""
    prefixes = random_prefixes(rng, 32, 3000, list(range(8, 33)))
    oracle = Oracle(prefixes, 32)
    table = build(Ipv4Prefixes, prefixes)
    edges = oracle.edges()
    queries = [edges[i] for i in rng.integers(0, len(edges), 300)]
    words = query_words(Ipv4Prefixes, queries)
    expected = np.array([oracle.longest(query) for query in queries], np.int32)
    table.warm_up()
    for n in [0, 1, 2, 63, 64, 65, 127, 128, 129, 191, 300]:
        out = np.full(302, 99, np.int32)
        table.lookup(words[:n], out[1 : n + 1])
        assert np.array_equal(out[1 : n + 1], expected[:n])
        assert (out[n + 1 :] == 99).all()
        assert out[0] == 99
