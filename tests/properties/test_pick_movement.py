"""What each policy says of movement and of shares, on many keys of fixed seeds."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from valkyrie.arrays import key_column
from valkyrie.picks import Jump, Maglev, Members, Policy, Rendezvous, Ring, Split, Sticky, key_hashes, topk_many

NAMES = [f"10.0.3.{i}:443" for i in range(25)]
WEIGHTS = np.array([1 + i % 4 for i in range(25)], np.float64)
KEYS = key_column(np.arange(200_000))

MINIMAL: list[Policy] = [Rendezvous(), Sticky(), Split(seed=3), Ring("xxh64"), Ring()]
"""Of equal weights, each of these moves the keys of a member that leaves, and no others."""
BY_WEIGHT: list[Policy] = [Rendezvous(), Sticky(), Split(seed=3)]
"""And these do with weights too, and when a weight changes."""


def picks(policy: Policy, weights: npt.NDArray[np.float64], kept: npt.NDArray[np.bool_] | None = None) -> npt.NDArray[np.int32]:
    places = np.arange(25) if kept is None else np.flatnonzero(kept)
    members = Members.of([NAMES[i] for i in places], weights[places], places, declared=places, positions=25)
    table = policy.compile(members)
    return table.pick_hashes(key_hashes(KEYS, policy.seed, kind=table.hash))


def chi_square(counts: npt.NDArray[np.int64], weights: npt.NDArray[np.float64]) -> float:
    expected = counts.sum() * weights / weights.sum()
    return float(((counts - expected) ** 2 / expected).sum())


@pytest.mark.parametrize(
    ("policy", "weighted"), [(p, False) for p in [*MINIMAL, Jump()]] + [(p, True) for p in BY_WEIGHT], ids=str
)
def test_only_the_keys_of_a_member_that_leaves_move(policy: Policy, weighted: bool) -> None:
    weights = WEIGHTS if weighted else np.ones(25)
    before = picks(policy, weights)
    kept = np.ones(25, np.bool_)
    kept[[7, 20]] = False
    after = picks(policy, weights, kept)
    assert np.array_equal(before != after, ~kept[before])
    moved = np.bincount(after[~kept[before]], minlength=25)
    assert (moved[kept] > 0).all()
    assert moved[~kept].sum() == 0


@pytest.mark.parametrize("policy", BY_WEIGHT, ids=str)
@pytest.mark.parametrize(("member", "weight"), [(4, 9.0), (4, 0.25), (0, 1e-9), (3, 4.5)])
def test_a_change_of_weight_moves_keys_to_or_from_that_member_only(policy: Policy, member: int, weight: float) -> None:
    changed = WEIGHTS.copy()
    changed[member] = weight
    before, after = picks(policy, WEIGHTS), picks(policy, changed)
    moved = before != after
    assert moved.any()
    grows = weight > WEIGHTS[member]
    assert ((after if grows else before)[moved] == member).all()


@pytest.mark.parametrize("policy", BY_WEIGHT, ids=str)
def test_only_the_proportion_of_weights_counts(policy: Policy) -> None:
    """Also between the way of equal weights, which takes no logarithm, and that of weights that differ by next to nothing."""
    assert picks(policy, WEIGHTS).tolist() == picks(policy, WEIGHTS * 2.0**-700).tolist()
    nearly = np.ones(25)
    nearly[3] += 2.0**-50
    assert picks(policy, np.ones(25)).tolist() == picks(policy, nearly).tolist()


@settings(max_examples=25, deadline=None)
@given(st.floats(0.001, 0.4), st.floats(1.01, 2.4), st.integers(0, 2**64 - 1))
def test_a_share_that_grows_keeps_its_keys(share: float, growth: float, seed: int) -> None:
    column = key_column(np.arange(20_000))
    hashes = key_hashes(column, seed)

    def canary(part: float) -> npt.NDArray[np.bool_]:
        members = Members.of(["stable", "canary", "other"], [0.7 * (1 - part), part, 0.3 * (1 - part)])
        return Split(seed=seed).compile(members).pick_hashes(hashes) == 1

    small, large = canary(share), canary(share * growth)
    assert not (small & ~large).any()
    for part, of_it in ((share, small), (share * growth, large)):
        assert abs(int(of_it.sum()) - 20_000 * part) < 6 * (20_000 * part) ** 0.5 + 6


@pytest.mark.parametrize("weights", [np.ones(25), WEIGHTS, 1.5 ** np.arange(25)], ids=["equal", "whole", "steep"])
@pytest.mark.parametrize("policy", [Rendezvous(), Rendezvous(seed=99), Split()], ids=str)
def test_rendezvous_shares_by_weight(policy: Policy, weights: npt.NDArray[np.float64]) -> None:
    counts = np.bincount(picks(policy, weights), minlength=25)
    assert chi_square(counts, weights) < 60  # 24 degrees of freedom: beyond 60 once in 10,000 seeds


def test_pairs_of_members_are_ranked_independently() -> None:
    """The second choice of keys of one member is spread over all others, or its leaving would strike one of them."""
    order = topk_many(key_hashes(KEYS), Members.of(NAMES), 2)
    for member in range(25):
        second = np.bincount(order[order[:, 0] == member, 1], minlength=25)
        assert second[member] == 0
        assert chi_square(np.delete(second, member), np.ones(24)) < 60


def test_jump_shares_equally_and_grows_at_the_end() -> None:
    members = [Members.of([f"shard-{i}" for i in range(n)]) for n in (25, 26)]
    before, after = (Jump().compile(each).pick_hashes(key_hashes(KEYS)) for each in members)
    local = np.bincount(before, minlength=25)
    assert chi_square(local, np.ones(25)) < 60
    assert (after[before != after] == 25).all()


def test_replicas_of_keys_that_keep_their_members_stay_in_order() -> None:
    hashes = key_hashes(KEYS)[:20_000]
    kept = [i for i in range(25) if i != 6]
    before = topk_many(hashes, Members.of(NAMES, WEIGHTS), 4)
    after = topk_many(hashes, Members.of([NAMES[i] for i in kept], WEIGHTS[kept], kept), 4)
    for old, new in zip(before.tolist(), after.tolist(), strict=True):
        assert new[: 4 - old.count(6)] == [i for i in old if i != 6]


@pytest.mark.parametrize("policy", [Maglev(), Maglev(65537)], ids=str)
def test_maglev_gives_slots_by_weight(policy: Policy) -> None:
    for weights in (WEIGHTS, 1.5 ** np.arange(25)):
        table = policy.compile(Members.of(NAMES, weights))
        assert table.slots is not None
        slots, due = np.bincount(table.slots, minlength=25), table.size * weights / weights.sum()
        assert slots.min() > 0
        # all have the first turn, so that the least have up to a slot too many, and the greatest lack what these have
        assert (slots - due).max() < 2
        assert (due - slots).max() < 25 / 2


@pytest.mark.parametrize("weights", [np.ones(25), WEIGHTS], ids=["equal", "whole"])
def test_a_maglev_table_of_a_fixed_size_moves_little_else(weights: npt.NDArray[np.float64]) -> None:
    kept = np.arange(25) != 11
    before, after = picks(Maglev(65537), weights), picks(Maglev(65537), weights, kept)
    assert (before != 11)[before != after].mean() < 0.5
    assert (before != after)[before != 11].mean() < 0.03


@pytest.mark.parametrize("policy", [Ring(points=1600), Ring("xxh64", points=1600)], ids=str)
def test_rings_share_by_weight_roughly(policy: Policy) -> None:
    shares = np.bincount(picks(policy, WEIGHTS), minlength=25) / 200_000
    assert np.abs(shares / (WEIGHTS / WEIGHTS.sum()) - 1).max() < 0.15


@pytest.mark.parametrize("policy", [Maglev(2003), Ring("xxh64"), Rendezvous(), Sticky(), Jump(), Split()], ids=str)
def test_seeds_pick_independently(policy: Policy) -> None:
    other = type(policy)(**{**vars(policy), "seed": 12345})
    same = (picks(policy, np.ones(25)) == picks(other, np.ones(25))).mean()
    assert abs(same - 1 / 25) < 0.03
