"""Who may take traffic, against a naive twin."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.naive_eligibility import naive_groups
from valkyrie import records
from valkyrie.services import Endpoint, Request, Service, Services, groups_of

ZONES = ("", "a", "b")


@st.composite
def services_in_states(draw):
    n = draw(st.integers(0, 12))
    endpoints = [
        Endpoint(
            address=f"10.0.0.{draw(st.integers(0, 9))}",
            port=i,
            weight=draw(st.sampled_from([0, 0.5, 1, 3])),
            zone=draw(st.sampled_from(ZONES)),
            region=draw(st.sampled_from(["", "x"])),
            priority=draw(st.sampled_from([0, 0, 1])),
            metadata=draw(st.sampled_from([{}, {"stage": "canary"}])),
        )
        for i in range(n)
    ]
    service = Service(
        "web",
        endpoints,
        panic_threshold=draw(st.sampled_from([0, 0.5, 1])),
        overprovision=draw(st.sampled_from([1, 1.4, 3])),
        max_ejected=draw(st.sampled_from([0, 0.1, 0.5, 1])),
    )
    states = [
        {
            "health": draw(st.sampled_from(records.HEALTH)),
            "admin": draw(st.sampled_from(("up", "up", *records.ADMIN))),
            "ejected": draw(st.sampled_from(("no", *records.EJECTED))),
            "weight": draw(st.sampled_from([0.0, 0.25, 1.0, 1.0])),
        }
        for _ in range(n)
    ]
    return service, states


@given(
    services_in_states(),
    st.sampled_from(ZONES),
    st.sampled_from(["", "x"]),
    st.sampled_from([(), (("stage", "canary"),)]),
    st.sampled_from(["none", "any"]),
)
def test_groups_are_those_of_the_naive_twin(made, zone, region, subset, fallback):
    service, states = made
    services = Services.of([service])
    if states:
        services = services.with_state(**{name: [state[name] for state in states] for name in states[0]})
    groups, status = groups_of(services.blocks[0], Request(zone, region, subset, fallback))
    expected, expected_status = naive_groups(service, states, zone, region, subset, fallback)
    found = [(group.positions.tolist(), group.status == records.STATUS.index("panic")) for group in groups]
    assert found == [(members, panic) for _, members, panic in expected]
    np.testing.assert_allclose([group.share for group in groups], [share for share, _, _ in expected], rtol=1e-12)
    if groups:
        assert abs(sum(group.share for group in groups) - 1) < 1e-12
    else:
        assert status == expected_status
