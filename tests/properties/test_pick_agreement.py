"""Every kernel of picks against its twin in plain Python, at every CPU level, whole and in pieces, of one set and of many."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import naive_picks as naive
from valkyrie._native import cpu_levels, kernel
from valkyrie.arrays import key_column
from valkyrie.picks import (
    Jump,
    Maglev,
    Members,
    PickTable,
    Policy,
    Rendezvous,
    Ring,
    Split,
    Sticky,
    jump_many,
    key_hashes,
    pick_rows,
    plans_of,
    topk_many,
)
from valkyrie.picks.rendezvous import member_records
from valkyrie.records import PICK_GROUP, STATUS

KEYS = np.random.default_rng(7).integers(0, 2**64, 999, np.uint64)


def names_of(n: int) -> list[bytes]:
    """In an order of declaration that is not that of the bytes."""
    return [b"10.%d.%d.%d:8080" % (i * 7 % 256, i // 256, i) for i in range(n)]


def weights_of(n: int, kind: str) -> list[float]:
    rng = np.random.default_rng(n)
    return {"equal": np.full(n, 2.5), "whole": rng.integers(1, 9, n) * 1.0, "wild": np.exp(rng.normal(0, 6, n))}[kind].tolist()


def twin(policy: Policy, names: list[bytes], weights: list[float], hashes: list[int]) -> list[int]:
    """Positions in `names` that the policy must pick."""
    if isinstance(policy, Maglev):
        assert policy.size is not None
        slots = naive.maglev_slots(names, weights, policy.size, policy.seed)
        return [slots[naive.slot_of(h, policy.size)] for h in hashes]
    if isinstance(policy, Ring):
        points = naive.ring_points(names, weights, policy.points, policy.hash, policy.seed)
        return [naive.ring_owner(points, h) for h in hashes]
    if isinstance(policy, Sticky):
        slots = naive.sticky_slots(names, weights, policy.slots, policy.seed)
        return [slots[naive.slot_of(h, policy.slots)] for h in hashes]
    if isinstance(policy, Jump):
        return [naive.jump(h, len(names)) for h in hashes]
    return [naive.rendezvous_order(names, weights, h, policy.seed)[0] for h in hashes]


POLICIES: list[Policy] = [
    Maglev(1009),
    Maglev(2003, seed=5),
    Ring(points=40),
    Ring("xxh64", points=25, seed=2**64 - 1),
    Rendezvous(),
    Rendezvous(seed=77),
    Split(seed=1),
    Sticky(256),
    Jump(),
]


@pytest.mark.parametrize("kind", ["equal", "whole", "wild"])
@pytest.mark.parametrize("policy", POLICIES, ids=str)
def test_policies_pick_as_their_twins(policy: Policy, kind: str) -> None:
    if isinstance(policy, Jump) and kind != "equal":
        kind = "equal"
    for n in (1, 2, 5, 37):
        names, weights = names_of(n), weights_of(n, kind)
        table = policy.compile(Members.of(names, weights))
        hashes = key_hashes(key_column(KEYS), policy.seed, kind=table.hash)
        got = table.pick_hashes(hashes)
        assert got.dtype == np.int32
        some = slice(None, None, 1 if n < 37 else 7)
        assert got[some].tolist() == twin(policy, names, weights, hashes[some].tolist())
        for cut in (1, 30, 500):
            assert np.append(table.pick_hashes(hashes[:cut]), table.pick_hashes(hashes[cut:])).tolist() == got.tolist()
        assert [int(table.pick_hashes(hashes[i : i + 1])[0]) for i in range(0, 999, 50)] == got[::50].tolist()


@pytest.mark.parametrize("policy", POLICIES, ids=str)
def test_the_order_of_registration_changes_nothing(policy: Policy) -> None:
    n = 20
    names = names_of(n)
    weights = [1.0] * n if isinstance(policy, Jump) else weights_of(n, "whole")
    places = np.random.default_rng(2).permutation(n)
    shuffled = Members.of([names[i] for i in places], [weights[i] for i in places], places, declared=places)
    hashes = key_hashes(key_column(KEYS), policy.seed)
    expected = policy.compile(Members.of(names, weights)).pick_hashes(hashes)
    assert policy.compile(shuffled).pick_hashes(hashes).tolist() == expected.tolist()


@pytest.mark.parametrize("level", cpu_levels())
def test_levels_agree_with_the_twins(level: str) -> None:
    picking = kernel("picking", level)
    names = names_of(37)
    for kind in ("equal", "whole", "wild"):
        weights = weights_of(37, kind)
        for policy in POLICIES:
            if isinstance(policy, Jump) and kind != "equal":
                continue
            table = policy.compile(Members.of(names, weights))
            hashes = key_hashes(key_column(KEYS), policy.seed, kind=table.hash)
            for n in (1, 4, 5, 31, 33, 64, 200):
                endpoint, status = np.zeros(n, np.int32), np.zeros(n, np.uint8)
                picking.pick(plans_of([table]).view(np.uint8), np.zeros(n, np.int32), hashes[:n], endpoint, status)
                if n == 200:
                    assert endpoint.tolist() == twin(policy, names, weights, hashes[:n].tolist())
                assert endpoint.tolist() == table.pick_hashes(hashes)[:n].tolist()


@pytest.mark.parametrize("level", cpu_levels())
@pytest.mark.parametrize("buckets", [1, 2, 11, 1000, 2**31 - 1])
def test_jump_is_the_listing_of_the_paper(level: str, buckets: int) -> None:
    hashes = np.append(KEYS[:300], np.array([0, 1, 2**64 - 1], np.uint64))
    out = np.zeros(len(hashes), np.uint32)
    kernel("picking", level).jump(hashes, buckets, out)
    assert out.tolist() == [naive.jump(h, buckets) for h in hashes.tolist()]
    assert jump_many(hashes, buckets).tolist() == out.tolist()


def test_jump_sends_on_the_keys_of_members_that_are_out() -> None:
    names = names_of(12)
    for present in ([3], [0, 11], [1, 2, 3, 5, 7, 10], list(range(12))):
        members = Members.of([names[i] for i in present], None, present, declared=present, positions=12)
        got = Jump(seed=3).compile(members).pick_hashes(KEYS[:300])
        there = {i: names[i] for i in present}
        assert got.tolist() == [naive.patched_jump(h, there, 12, 3) for h in KEYS[:300].tolist()]


def test_jump_ends_where_nearly_nobody_is_left() -> None:
    members = Members.of([b"a", b"b"], None, [4, 9], declared=[70_000, 70_001], positions=100_000)
    got = Jump().compile(members).pick_hashes(KEYS[:60])
    there = {70_000: b"a", 70_001: b"b"}
    assert got.tolist() == [{70_000: 4, 70_001: 9}[naive.patched_jump(h, there, 100_000)] for h in KEYS[:60].tolist()]
    assert set(got.tolist()) == {4, 9}


@pytest.mark.parametrize("level", cpu_levels())
@pytest.mark.parametrize("kind", ["equal", "wild"])
@pytest.mark.parametrize("k", [1, 3, 9, 12])
def test_top_k_is_the_order_of_rendezvous(kind: str, k: int, level: str) -> None:
    names, weights = names_of(9), weights_of(9, kind)
    members = Members.of(names, weights)
    got = topk_many(KEYS[:200], members, k, seed=6)
    assert got.shape == (200, k)
    expected = [(naive.rendezvous_order(names, weights, h, 6) + [-1] * 9)[:k] for h in KEYS[:200].tolist()]
    assert got.tolist() == expected
    assert got[:, 0].tolist() == Rendezvous(seed=6).compile(members).pick_hashes(KEYS[:200]).tolist()
    out = np.zeros((200, k), np.int32)
    kernel("picking", level).top_k(member_records(members, 6).view(np.uint8), kind == "wild", KEYS[:200], out)
    assert out.tolist() == expected


def many_sets() -> tuple[list[PickTable], list[tuple[Policy, list[bytes], list[float]]]]:
    policies: list[Policy] = [
        Maglev(503),
        Ring(points=40),
        Ring("xxh64", seed=1),
        Rendezvous(),
        Jump(),
        Sticky(64),
        Split(seed=8),
    ]
    parts = []
    for i in range(42):
        policy, n = policies[i % 7], 1 + i % 11
        weights = weights_of(n, "equal" if isinstance(policy, Jump) or i % 2 else "whole")
        parts.append((policy, [b"%d/%d" % (i, j) for j in range(n)], weights))
    return [policy.compile(Members.of(names, weights)) for policy, names, weights in parts], parts


@pytest.mark.parametrize("level", cpu_levels())
def test_one_pass_serves_rows_of_many_sets(level: str) -> None:
    picking = kernel("picking", level)
    tables, parts = many_sets()
    first = np.cumsum([0, *(len(names) for _, names, _ in parts[:-1])]).astype(np.int32)
    plans = plans_of(tables, first=first)
    rng = np.random.default_rng(4)
    n = 9_500  # several pieces
    keys = rng.integers(-(2**62), 2**62, n)
    plan_of_row = rng.integers(0, len(tables), n).astype(np.int32)
    plan_of_row[::97] = rng.choice(np.array([-1, 42, 2**31 - 1, -(2**31)], np.int32), len(plan_of_row[::97]))
    endpoint, status = np.full(n, 99, np.int32), np.full(n, 99, np.uint8)
    picking.pick_ids(plans.view(np.uint8), plan_of_row, keys.view(np.uint64), True, endpoint, status)

    known = (plan_of_row >= 0) & (plan_of_row < 42)
    assert (endpoint[~known] == -1).all()
    assert (status[~known] == STATUS.index("error")).all()
    assert (status[known] == STATUS.index("ok")).all()
    hashes = np.zeros(n, np.uint64)
    for i, (policy, names, weights) in enumerate(parts):
        rows = np.flatnonzero(plan_of_row == i)
        hashes[rows] = key_hashes(key_column(keys[rows]), policy.seed, kind=tables[i].hash)
        assert (endpoint[rows] - first[i]).tolist() == twin(policy, names, weights, hashes[rows].tolist())
    again, codes = np.zeros(n, np.int32), np.zeros(n, np.uint8)
    picking.pick(plans.view(np.uint8), plan_of_row, hashes, again, codes)
    assert again.tobytes() == endpoint.tobytes()
    assert codes.tobytes() == status.tobytes()
    pieces = [pick_rows(plans, plan_of_row[a:b], hashes[a:b]) for a, b in ((0, 1), (1, 4_100), (4_100, n))]
    assert np.concatenate([piece for piece, _ in pieces]).tobytes() == endpoint.tobytes()


def groups_of(*parts: tuple[int, int]) -> Any:
    """Records of (threshold, plan)."""
    groups = np.zeros(len(parts), PICK_GROUP)
    groups["threshold"], groups["plan"] = [part[0] for part in parts], [part[1] for part in parts]
    return groups


def test_groups_choose_another_plan_by_a_remix_of_the_hash() -> None:
    tables = [Maglev(503).compile(Members.of(names_of(3))), Rendezvous().compile(Members.of(names_of(5)))]
    thresholds = [2**62, 2**63, 2**64 - 1]
    groups = groups_of((2**62, 0), (2**63, 1), (2**64 - 1, 3))
    deeper = groups_of((2**64 - 1, 0))
    tables += [PickTable("groups", 12, 0, 3, groups), PickTable("groups", 0, 0, 1, deeper)]
    plans = plans_of(tables, first=[0, 10, 0, 0])
    rows = np.full(len(KEYS), 2, np.int32)
    endpoint, status = pick_rows(plans, rows, KEYS)
    chosen = [naive.grouped(h, thresholds, 12) for h in KEYS.tolist()]
    a, b = (table.pick_hashes(KEYS) for table in tables[:2])
    assert endpoint.tolist() == [int(b[i]) + 10 if group == 1 else int(a[i]) for i, group in enumerate(chosen)]
    assert set(status.tolist()) == {STATUS.index("ok")}
    assert min(chosen.count(group) for group in range(3)) > 200


def test_groups_that_lead_nowhere_are_errors() -> None:
    itself, outside, nobody = groups_of((2**64 - 1, 0)), groups_of((5, 7), (6, -1)), groups_of((2**64 - 1, 3))
    tables = [PickTable("groups", size=1, slots=itself), PickTable("groups", size=2, slots=outside)]
    tables += [PickTable("groups", size=1, slots=nobody), PickTable("none"), PickTable("groups")]
    plans = plans_of(tables)
    endpoint, status = pick_rows(plans, np.arange(5, dtype=np.int32), KEYS[:5])
    assert endpoint.tolist() == [-1] * 5
    assert [STATUS[code] for code in status] == ["error", "error", "unhealthy", "unhealthy", "error"]


def test_a_plan_may_answer_always_the_same() -> None:
    plans = plans_of([PickTable("answer"), PickTable("none")], first=[41, 41])
    plans["status"][0] = STATUS.index("panic")
    endpoint, status = pick_rows(plans, np.array([0, 1, 0], np.int32), KEYS[:3])
    assert endpoint.tolist() == [41, -1, 41]
    assert [STATUS[code] for code in status] == ["panic", "unhealthy", "panic"]


def test_no_rows_and_no_plans_are_fine() -> None:
    nothing = np.empty(0, np.uint64)
    assert pick_rows(plans_of([]), np.empty(0, np.int32), nothing)[0].tolist() == []
    endpoint, status = pick_rows(plans_of([]), np.zeros(3, np.int32), KEYS[:3])
    assert (endpoint.tolist(), status.tolist()) == ([-1] * 3, [STATUS.index("error")] * 3)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.binary(max_size=40), min_size=1, max_size=9, unique=True),
    st.data(),
    st.integers(0, 2**64 - 1),
    st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=40),
)
def test_any_names_weights_and_seeds(names: list[bytes], data: st.DataObject, seed: int, hashes: list[int]) -> None:
    weight = st.floats(1e-300, 1e300) | st.integers(1, 4).map(float)
    weights = data.draw(st.lists(weight, min_size=len(names), max_size=len(names)))
    words = np.array(hashes, np.uint64)
    for policy in (
        Maglev(11, seed=seed),
        Rendezvous(seed=seed),
        Ring("xxh64", 3, seed=seed),
        Ring(points=8),
        Sticky(8, seed=seed),
    ):
        table = policy.compile(Members.of(names, weights))
        assert table.pick_hashes(words).tolist() == twin(policy, names, weights, hashes), policy


@pytest.mark.parametrize("level", cpu_levels())
@pytest.mark.parametrize("n", [2, 3, 100])
def test_close_races_are_decided_by_the_logarithm(level: str, n: int) -> None:
    """Hashes for which a member has a chosen score, next to nothing among them, where bounds are vague."""
    picking = kernel("picking", level)
    names, weights = names_of(n), weights_of(n, "whole")
    members = Members.of(names, weights)
    table = Rendezvous().compile(members)
    inverse_2 = pow(0xD6E8FEB86659FD93, -1, 2**64)
    inverse_1 = pow(0x9FB21C651E98DF25, -1, 2**64)
    hashes = []
    for name in names[:3]:
        for score in [0, 1, 2**16, *(2**i for i in range(17, 62, 3)), *(2**i + 2**16 for i in range(20, 62, 7)), 2**64 - 1]:
            x = score * inverse_2 % 2**64
            hashes.append((x ^ x >> 32) * inverse_1 % 2**64 ^ naive.key_hash(name))
            assert naive.mixed(hashes[-1], naive.key_hash(name)) == score
    words = np.array(hashes, np.uint64)
    endpoint, status = np.zeros(len(words), np.int32), np.zeros(len(words), np.uint8)
    picking.pick(plans_of([table]).view(np.uint8), np.zeros(len(words), np.int32), words, endpoint, status)
    assert endpoint.tolist() == [naive.rendezvous_order(names, weights, h)[0] for h in hashes]
