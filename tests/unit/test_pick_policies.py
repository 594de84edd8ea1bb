"""Policies as values, members as they must be, and records as kernels read them."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from valkyrie.errors import ArgumentError, CapacityError
from valkyrie.picks import (
    Jump,
    Maglev,
    Members,
    Policy,
    Rendezvous,
    Ring,
    Split,
    Sticky,
    jump_many,
    plans_of,
    topk_many,
)
from valkyrie.records import PICK_GROUP, PICK_MEMBER, PICK_METHODS, PICK_PLAN, STATUS

POLICIES: list[Policy] = [Maglev(), Ring(), Ring("xxh64"), Rendezvous(), Jump(), Sticky(), Split()]
HASHES = np.random.default_rng(1).integers(0, 2**64, 300, np.uint64)


def refused(message: str, call: Callable[[], Any], error: type[ArgumentError | CapacityError] = ArgumentError) -> None:
    with pytest.raises(error, match=message):
        call()


def test_members_are_sorted_by_identity_whatever_their_order() -> None:
    members = Members.of(["b:1", b"a:1", "c:1"], [2.0, 1.0, 3.0], [9, 8, 7], declared=[5, 0, 3])
    assert members.identities == (b"a:1", b"b:1", b"c:1")
    assert members.weights.tolist() == [1.0, 2.0, 3.0]
    assert members.local.tolist() == [8, 9, 7]
    assert members.declared.tolist() == [0, 5, 3]
    assert members.positions == 6
    assert len(members) == 3
    assert members.is_weighted
    assert (members.weights.dtype, members.local.dtype, members.declared.dtype) == (np.float64, np.uint16, np.int32)
    for array in (members.weights, members.local, members.declared):
        with pytest.raises(ValueError, match="read-only|WRITEABLE"):
            array.flags.writeable = True


def test_members_have_equal_weight_and_the_order_given_by_default() -> None:
    members = Members.of(["y", "x"])
    assert members.weights.tolist() == [1.0, 1.0]
    assert members.local.tolist() == members.declared.tolist() == [1, 0]
    assert not members.is_weighted
    assert not Members.of([]).is_weighted


@pytest.mark.parametrize("weight", [float("nan"), float("inf"), 0.0, -1.0])
def test_weights_that_are_none_are_refused(weight: float) -> None:
    refused(
        f"weights: that of 'b' is {weight}. A weight is a finite number above 0", lambda: Members.of(["a", "b"], [1.0, weight])
    )


def test_what_cannot_be_members_is_refused() -> None:
    refused("identities: 'a' comes twice. Give each member", lambda: Members.of(["a", "b", b"a"]))
    refused("identities: text or bytes are needed, got a int", lambda: Members.of([5]))  # type: ignore[list-item]
    refused("weights: one for each of 2 members is needed, got shape", lambda: Members.of(["a", "b"], [1.0]))
    refused("local: one for each of 2 members is needed, got shape", lambda: Members.of(["a", "b"], None, [1, 2, 3]))
    refused("local: from 0 to 65535. Use 0 to 65,534", lambda: Members.of(["a", "b"], None, [0, 65_535]))
    refused("local: from -1 to 1. Use 0 to", lambda: Members.of(["a", "b"], None, [-1, 1]))
    refused("local: integers are needed, got float64", lambda: Members.of(["a"], None, [0.5]))
    refused("declared: a position comes twice", lambda: Members.of(["a", "b"], declared=[4, 4]))
    refused("positions: 3 positions cannot hold 5", lambda: Members.of(["a"], declared=[4], positions=3))
    refused(
        "identities: 65,536 members, a set holds 65,535", lambda: Members.of([b"%d" % i for i in range(65_536)]), CapacityError
    )


@pytest.mark.parametrize("policy", POLICIES, ids=str)
def test_nobody_answers_for_a_set_without_members(policy: Policy) -> None:
    table = policy.compile(Members.of([]))
    assert table.pick_hashes(HASHES).tolist() == [-1] * 300
    assert plans_of([table])["status"].tolist() == [STATUS.index("unhealthy")]


@pytest.mark.parametrize("policy", POLICIES, ids=str)
def test_a_member_by_itself_answers_for_all(policy: Policy) -> None:
    assert policy.compile(Members.of(["only:1"], [1e-300], [65_534])).pick_hashes(HASHES).tolist() == [65_534] * 300


@pytest.mark.parametrize("policy", [Maglev(), Rendezvous(), Jump(), Ring(points=4)], ids=str)
def test_a_set_may_have_65535_members(policy: Policy) -> None:
    members = Members.of([b"%d" % i for i in range(65_535)])
    got = policy.compile(members).pick_hashes(HASHES)
    assert got.min() >= 0
    assert got.max() < 65_535
    assert len(np.unique(got)) > 290
    if isinstance(policy, Rendezvous):
        weights = np.ones(65_535)
        weights[40_000] = 1.0 + 2.0**-40
        assert policy.compile(Members.of(members.identities, weights, members.local)).pick_hashes(HASHES).tolist() == got.tolist()


@pytest.mark.parametrize("policy", [Maglev(), Maglev(65537), Rendezvous(), Ring(), Sticky()], ids=str)
def test_weights_of_any_greatness_are_served(policy: Policy) -> None:
    members = Members.of(["a", "b", "c", "d"], [5e-324, 1e-300, 1e300, 1.7e308])
    got = np.bincount(policy.compile(members).pick_hashes(HASHES), minlength=4)
    assert got[3] >= 290  # of 211 slots of a Maglev table the others have one each
    assert got.sum() == 300


def test_proportions_keep_every_digit() -> None:
    weights = [3.3, 0.7, 1e-5]
    for scale in (1.0, 2.0**-1000, 2.0**1000):
        assert Members.of("abc", np.array(weights) * scale).proportions.tolist() == [weight / 4 for weight in weights]
    assert Members.of("ab", [5e-324, 1.7e308]).proportions.tolist()[0] == 2.0**-900
    assert Members.of([]).proportions.tolist() == []


@pytest.mark.parametrize("policy", POLICIES, ids=str)
def test_policies_are_values(policy: Policy) -> None:
    assert policy == pickle.loads(pickle.dumps(policy))
    assert hash(policy) == hash(type(policy)(**vars(policy)))
    assert policy != type(policy)(**{**vars(policy), "hash": "xxh64", "seed": 4} if isinstance(policy, Ring) else {"seed": 4})
    assert policy.scope == "keyed"
    assert policy.name in ("maglev", "ring", "rendezvous", "jump", "sticky", "split")
    assert policy.movement.endswith(".")
    with pytest.raises(AttributeError):
        policy.seed = 3  # type: ignore[misc]


def test_parameters_that_cannot_be_are_refused() -> None:
    for seed in (-1, 2**64, 1.5, True):
        refused("seed: .* is no seed. Use a whole number from 0", lambda seed=seed: Rendezvous(seed=seed))
    for size in (1, 4, 100, 2**24 + 43, 7.0, True):
        refused("size: .* slots; a prime number up to 16,777,216 is needed", lambda size=size: Maglev(size))
    for slots in (0, 3, -8, 2**25, 8.0, True):
        refused("slots: .* Use a power of two up to", lambda slots=slots: Sticky(slots))
    refused("hash: 'sha1'. Use 'md5' or 'xxh64'", lambda: Ring("sha1"))  # type: ignore[arg-type]
    refused("points: 10 of a member. .* a multiple of 4 for MD5", lambda: Ring(points=10))
    refused("points: 0 of a member. Use a whole number up to", lambda: Ring("xxh64", points=0))
    refused("seed: 3 with MD5, which has none", lambda: Ring(seed=3))
    refused("size: 3 slots cannot serve 4 members. Use a greater prime", lambda: Maglev(3).compile(Members.of("abcd")))
    refused("weights: jump has none, and these differ", lambda: Jump().compile(Members.of("ab", [1, 2])))
    for buckets in (0, -1, 2**31, 2.0, True):
        refused("buckets: .* Use a whole number from 1", lambda buckets=buckets: jump_many(HASHES, buckets))
    for k in (0, -2, 1.0, True):
        refused("k: .* members of each key", lambda k=k: topk_many(HASHES, Members.of("ab"), k))


def test_the_default_maglev_table_has_a_prime_of_at_least_100_slots_a_member() -> None:
    for n, size in ((1, 101), (2, 211), (20, 2003), (100, 10_007)):
        assert Maglev().compile(Members.of([b"%d" % i for i in range(n)])).size == size


def test_replicas_of_nobody_are_nobody() -> None:
    assert topk_many(HASHES[:2], Members.of([]), 3).tolist() == [[-1] * 3] * 2
    assert topk_many(HASHES[:0], Members.of("ab"), 3).shape == (0, 3)


def test_records_have_the_sizes_that_kernels_read() -> None:
    assert (PICK_PLAN.itemsize, PICK_MEMBER.itemsize, PICK_GROUP.itemsize) == (64, 32, 16)
    assert {name: PICK_PLAN.fields[name][1] for name in ("index", "first", "method", "weighted")} == {  # type: ignore[index]
        "index": 16, "first": 40, "method": 48, "weighted": 52,
    }  # fmt: skip
    assert PICK_METHODS.index("slots") == 1


def test_tables_know_their_size() -> None:
    table = Maglev(101).compile(Members.of("ab"))
    assert table.nbytes == 202
    assert table.count == 2
    with pytest.raises(ValueError, match="read-only"):
        table.slots[0] = 1  # type: ignore[index]
