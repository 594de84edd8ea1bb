"""Plans of services: made when they are needed, shared by versions, the same for one key and for many."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from valkyrie import records
from valkyrie.arrays import key_column
from valkyrie.errors import ArgumentError, UnknownPolicyError
from valkyrie.picks import Maglev, Rendezvous, Ring, as_policy, key_hashes, pick_rows, policy_of_text, policy_text
from valkyrie.services import Endpoint, Request, Service, Services, Split

KEYS = np.arange(20_000, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
ANY = Request()
POLICIES = ["maglev", "rendezvous", "sticky", "jump", "ring"]


def some_services(policy="maglev", sizes=(5, 1, 0, 8), **settings):
    return Services.of(
        Service(
            f"s{number}",
            [Endpoint(address=f"10.{number}.0.{i}", port=80, zone="ab"[i % 2], weight=1 + i % 2) for i in range(size)],
            Ring(hash="xxh64") if policy == "ring" else policy,
            **settings,
        )
        for number, size in enumerate(sizes)
    )


def picks(services, number, request=ANY, keys=KEYS):
    """Numbers of endpoints and states for keys of one service."""
    made = services.plans(request).of([number])
    plan = made.plans[number]
    hashes = key_hashes(key_column(keys), int(plan["seed"]), kind=records.PICK_HASHES[plan["hash"]])
    return pick_rows(made.plans, np.full(len(keys), number, np.int32), hashes)


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("sick", [[], [0], [0, 1, 2, 3]])
def test_one_key_is_picked_for_as_many_are(policy, sick):
    if policy == "jump":
        services = Services.of([Service("s0", [Endpoint(address=f"a{i}") for i in range(5)], policy)])
    else:
        services = some_services(policy)
    services = services.with_state(np.array(sick), health="unhealthy") if sick else services
    endpoint, _ = picks(services, 0)
    reader = services.plans().of([0]).reader
    assert [reader.pick_id(0, int(key)) for key in KEYS[:500]] == endpoint[:500].tolist()
    if len(sick) == 1:
        assert not np.isin(endpoint, sick).any()
    if len(sick) == 4:  # fewer than half are available: panic
        assert len(np.unique(endpoint)) == 5


def test_negative_keys_are_picked_for_as_their_words():
    reader = some_services().plans().of([3]).reader
    for key in (-1, -(2**63), -12345):
        assert reader.pick_id(3, key) == reader.pick_id(3, key + 2**64)
    with pytest.raises(OverflowError):
        reader.pick_id(3, 2**64)
    with pytest.raises(IndexError):
        reader.pick_id(4, 0)
    with pytest.raises(IndexError):
        reader.pick(-1, 0)


def test_endpoints_have_numbers_beyond_those_of_services_before():
    services = some_services()
    endpoint, status = picks(services, 3)
    assert set(endpoint.tolist()) == set(range(6, 14))
    assert set(status.tolist()) == {records.STATUS.index("ok")}
    assert set(picks(services, 1)[0].tolist()) == {5}


def test_nobody_is_picked_of_a_service_without_endpoints():
    endpoint, status = picks(some_services(), 2)
    assert set(endpoint.tolist()) == {-1}
    assert set(status.tolist()) == {records.STATUS.index("unhealthy")}


def test_nobody_is_picked_of_a_subset_that_nobody_fits():
    request = Request(subset=(("stage", "canary"),))
    endpoint, status = picks(some_services(), 0, request)
    assert set(endpoint.tolist()) == {-1}
    assert set(status.tolist()) == {records.STATUS.index("constrained")}
    assert picks(some_services(), 0, request._replace(fallback="any"))[0].min() == 0


def test_panic_says_so():
    services = some_services().with_state(service="s3", health="unhealthy")
    endpoint, status = picks(services, 3)
    assert len(np.unique(endpoint)) == 8
    assert set(status.tolist()) == {records.STATUS.index("panic")}


def test_groups_take_their_shares_and_lose_keys_to_nobody_else():
    """Of four endpoints in the zone one is left: 1.4 / 4 of the traffic stays there, the rest goes to the other zone."""
    services = some_services("rendezvous")
    there = Request(zone="a")
    whole, _ = picks(services, 3, there)
    zones = np.array(services.texts("zone"))
    assert set(zones[whole]) == {"a"}
    broken = services.with_state(np.array([6, 8, 10]), health="unhealthy")
    spilled, _ = picks(broken, 3, there)
    share = np.mean(zones[spilled] == "a")
    assert abs(share - 1.4 / 4) < 4 * np.sqrt(0.35 * 0.65 / len(KEYS))
    assert set(spilled[zones[spilled] == "a"].tolist()) == {12}


def test_a_change_of_one_service_compiles_no_other():
    services = some_services()
    before = services.plans().of()
    changed = services.with_state("10.0.0.1:80", health="unhealthy")
    after = changed.plans().made
    assert after.is_made.tolist() == [False, True, True, True]
    after = changed.plans().of()
    for number in (1, 2, 3):
        assert after.compiled[number] is before.compiled[number]
        assert after.plans[number] == before.plans[number]
    assert after.compiled[0] is not before.compiled[0]
    assert before.is_made.all()  # what readers of the version before hold is as it was
    assert 1 in picks(services, 0)[0]
    assert 1 not in picks(changed, 0)[0]


def test_only_keys_of_the_endpoint_that_fails_move():
    for policy in ("rendezvous", "sticky"):
        services = some_services(policy, sizes=(10,))
        before, _ = picks(services, 0)
        after, _ = picks(services.with_state(np.array([4]), health="unhealthy"), 0)
        assert set(before[before != after].tolist()) == {4}


def test_groups_that_are_left_behind_do_not_pile_up():
    services = some_services(sizes=(4, 4))
    services.plans().of()
    for turn in range(200):
        states = ["degraded", "unhealthy"] if turn % 2 else ["unhealthy", "degraded"]
        services = services.with_state(np.array([0, 1]), health=states).with_state(np.array([2]), health="unhealthy")
        endpoint, _ = picks(services, 0)
        assert set(endpoint.tolist()) <= {0, 1, 3}
        assert len(services.plans().made.plans) < 4 * 2 + 64 + 8


def test_threads_that_ask_at_once_share_what_is_compiled():
    services = some_services(sizes=(50,) * 8)
    barrier = threading.Barrier(8)
    found = []

    def ask():
        barrier.wait()
        found.append(services.plans().of().compiled)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(one[number] is found[0][number] for one in found for number in range(8))


def test_plans_of_few_requests_are_kept():
    services = some_services()
    for i in range(1_000):
        services.plans(Request(zone=str(i)))
    assert len(services._plans) <= 256
    default = services.plans()
    for i in range(1_000):
        services.plans(Request(region=str(i)))
    assert services.plans() is default


def test_a_split_that_grows_keeps_its_keys():
    hashes = key_hashes(key_column(KEYS), Split("roll", {"old": 1}).seed)
    before = Split("roll", {"old": 0.95, "new": 0.05}).table.pick_hashes(hashes)
    after = Split("roll", {"old": 0.9, "new": 0.1}).table.pick_hashes(hashes)
    assert abs(np.mean(before == 1) - 0.05) < 4 * np.sqrt(0.05 * 0.95 / len(KEYS))
    assert abs(np.mean(after == 1) - 0.1) < 4 * np.sqrt(0.1 * 0.9 / len(KEYS))
    assert (after[before == 1] == 1).all()


def test_a_split_of_another_name_divides_independently():
    shares = {"old": 0.5, "new": 0.5}
    one, other = Split("one", shares), Split("other", shares)
    ways = [split.table.pick_hashes(key_hashes(key_column(KEYS), split.seed)) for split in (one, other)]
    assert abs(np.mean(ways[0] == ways[1]) - 0.5) < 4 * np.sqrt(0.25 / len(KEYS))


def test_policies_survive_storing():
    for policy in (Maglev(65_537, seed=3), Ring(hash="xxh64"), Rendezvous(seed=2**64 - 1)):
        assert policy_of_text(policy_text(policy)) == policy
    assert as_policy("maglev") == Maglev()
    with pytest.raises(UnknownPolicyError, match="Did you mean 'rendezvous'"):
        as_policy("rendezvouz")
    with pytest.raises(ArgumentError, match="policy"):
        as_policy(3)


def test_compiled_groups_of_few_requests_are_kept():
    picks_of = some_services().blocks[0].picks
    for i in range(200):
        assert picks_of.of(Request(zone=str(i))) is picks_of.of(Request(zone=str(i)))
    assert len(picks_of._kept) <= 64
