"""Picks against programs and papers that nobody here wrote."""

from __future__ import annotations

import numpy as np
import pytest
import uhashring

from valkyrie.arrays import key_column
from valkyrie.picks import Maglev, Members, Ring, jump_many, key_hashes

NODES = [f"10.1.{i % 5}.{i}:11211" for i in range(1, 41)]


@pytest.mark.parametrize("weighted", [False, True])
def test_ketama_agrees_with_uhashring(weighted: bool) -> None:
    weights = [1 + i * i % 7 for i in range(len(NODES))] if weighted else [1] * len(NODES)
    theirs = uhashring.HashRing(dict(zip(NODES, weights, strict=True)), hash_fn="ketama")
    table = Ring().compile(Members.of(NODES, weights))
    rng = np.random.default_rng(3)
    numbers = rng.integers(-(2**63), 2**63, 60_000)
    texts = [f"user:{i}" for i in range(40_000)]
    for keys, plain in ((numbers, numbers.tolist()), (texts, texts)):
        got = table.pick_hashes(key_hashes(key_column(keys), kind="md5"))
        assert [NODES[i] for i in got.tolist()] == [theirs.get_node(key) for key in plain]


def test_ketama_agrees_where_members_share_a_point() -> None:
    """Among 600 nodes there are such points, and the order of declaration decides them."""
    nodes = [f"cache-{i * 311 % 600}.example:11211" for i in range(600)]
    theirs = uhashring.HashRing(nodes, hash_fn="ketama")
    table = Ring().compile(Members.of(nodes))
    assert table.size == len(theirs.ring)
    assert table.size < 600 * 160
    assert table.slots is not None
    assert table.aux is not None
    ours = dict(zip((table.slots[:-2] >> np.uint64(32)).tolist(), table.aux[: table.size].tolist(), strict=True))
    assert {point: nodes[i] for point, i in ours.items()} == theirs.ring


def test_jump_has_the_published_answers() -> None:
    """Of Guava's HashingTest, and of github.com/dgryski/go-jump."""
    golden = [0, 55, 62, 8, 45, 59, 86, 97, 82, 59, 73, 37, 17, 56, 86, 21, 90, 37, 38, 83]
    assert jump_many(np.arange(20, dtype=np.uint64), 100).tolist() == golden
    for key, buckets, answer in (
        (10863919174838991, 11, 6),
        (2016238256797177309, 11, 3),
        (1673758223894951030, 11, 5),
        (2, 100001, 80343),
        (2201, 100001, 22152),
        (2202, 100001, 15018),
        (1, 1, 0),
        (42, 57, 43),
        (0xDEAD10CC, 1, 0),
        (0xDEAD10CC, 666, 361),
        (256, 1024, 520),
    ):
        assert jump_many(np.array([key], np.uint64), buckets).tolist() == [answer]


def test_maglev_is_as_even_as_the_paper_says() -> None:
    """With 100 slots a member nobody has more than 1 % above the mean (section 5.3): turns differ by one slot."""
    for n in (3, 100, 1000):
        table = Maglev().compile(Members.of([f"backend-{i}:80" for i in range(n)]))
        assert table.slots is not None
        slots = np.bincount(table.slots, minlength=n)
        assert table.size >= 100 * n
        assert slots.max() - slots.min() <= 1
        assert slots.max() / slots.mean() <= 1.01


def test_maglev_moves_as_little_as_the_paper_says() -> None:
    """With 65,537 slots, one of 1,000 members gone: below 3 % of slots change hands (figure 12), its own 0.1 % included."""
    names = [f"backend-{i}:80" for i in range(1000)]
    full = Maglev(65537).compile(Members.of(names)).slots
    gone = 123
    left = [name for i, name in enumerate(names) if i != gone]
    rest = Maglev(65537).compile(Members.of(left, None, [i for i in range(1000) if i != gone])).slots
    assert full is not None
    assert rest is not None
    moved = (full != rest).mean()
    assert (full == gone).mean() < moved < 0.03
