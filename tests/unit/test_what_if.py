"""Scenarios: what would move, and how the load would lie then."""

from __future__ import annotations

import numpy as np
import pytest

import valkyrie as vk
from valkyrie.errors import AmbiguousKeyError, ArgumentError, ScenarioError

IDS = np.arange(20_000) * 31
ROWS = (np.arange(20_000) % 4).astype(np.int32)
LOAD = np.linspace(0, 2, 20_000)


@pytest.fixture
def snapshot():
    return vk.Snapshot.build({"tenants": vk.IdTable.build(IDS, ROWS), "names": vk.IdTable.build(["a", "b"])})


def drained(shard):
    def change(now):
        lost = IDS[now.targets_of(IDS) == shard]
        return now.with_routes((lost, np.full(len(lost), (shard + 1) % 4)), table="tenants")

    return change


SCENARIOS = {
    "nothing": lambda now: now,
    "drain 0": drained(0),
    "lose 3": lambda now: now.without_routes(IDS[ROWS == 3], table="tenants"),
}


@pytest.mark.parametrize("form", [dict, lambda scenarios: list(scenarios.items())], ids=["mapping", "pairs"])
@pytest.mark.parametrize("load", [LOAD, None], ids=["load", "counts"])
def test_scenarios(snapshot, form, load):
    keys = np.append(IDS, [-1, -2])
    weights = None if load is None else np.append(load, [5, 7])
    found = vk.what_if(snapshot, keys, form(SCENARIOS), load=weights)
    assert list(found) == list(SCENARIOS)
    assert len(found) == 3
    rows = found.scenarios
    assert rows["scenario"].tolist() == list(SCENARIOS)
    assert rows["moved"].tolist() == [0, 5000, 5000]
    assert rows["moved_share"].tolist() == [0, 5000 / 20_002, 5000 / 20_002]
    weighed = np.ones(20_002) if weights is None else weights
    shards = np.append(ROWS, [-1, -1])
    assert np.allclose(rows["moved_load"], [0, weighed[shards == 0].sum(), weighed[shards == 3].sum()])
    assert np.allclose(rows["moved_load_share"], rows["moved_load"] / weighed.sum())
    assert rows["unrouted"].tolist() == [2, 2, 5002]
    assert rows["unrouted_before"].tolist() == [2, 2, 2]
    for name, scenario in SCENARIOS.items():
        after = scenario(snapshot).targets_of(keys)
        one = found.targets.take(found.targets["scenario"] == name)
        every = np.union1d(shards, after)
        assert one["target"].tolist() == every.tolist()
        assert one["keys_before"].tolist() == [np.count_nonzero(shards == target) for target in every]
        assert one["keys_after"].tolist() == [np.count_nonzero(after == target) for target in every]
        assert np.allclose(one["load_before"], [weighed[shards == target].sum() for target in every])
        assert np.allclose(one["load_after"], [weighed[after == target].sum() for target in every])
        assert found.diffs[name] is found[name]
        assert found[name].matrix == vk.diff(snapshot, scenario(snapshot), keys, load=weights).matrix
    assert found["drain 0"].counts == {"removed": 0, "changed": 5000, "added": 0}
    assert found.snapshot is snapshot


def test_the_snapshot_is_asked_once(snapshot, monkeypatch):
    asked = []
    targets_of = vk.Snapshot.targets_of

    def counted(self, *arguments, **options):
        asked.append(self)
        return targets_of(self, *arguments, **options)

    monkeypatch.setattr(vk.Snapshot, "targets_of", counted)
    found = vk.what_if(snapshot, IDS, {"a": lambda now: now.without_routes([0]), "b": lambda now: now, "c": lambda now: now})
    assert [each is snapshot for each in asked] == [True, False]
    assert found["a"].before is found["b"].after


def test_what_it_looks_like(snapshot):
    found = vk.what_if(snapshot, IDS, SCENARIOS | {"<i>": lambda now: now}, load=LOAD)
    assert repr(found).splitlines()[0] == "WhatIf: 20,000 keys, 4 scenarios"
    assert "  lose 3: 5,000 keys move (25.00%), 25.00% of the load; 5,000 without route" in repr(found)
    assert "&lt;i&gt;" in found._repr_html_()
    assert "<i>" not in found._repr_html_()
    assert found.to_frame()["moved"].tolist() == [0, 5000, 5000, 0]


def test_tables_and_no_keys():
    table = vk.IdTable.build([1, 2], [3, 4])
    found = vk.what_if(table, [1, 2, 3], {"x": lambda now: now.without_routes([1])})
    assert found["x"].after.tolist() == [-1, 4, -1]
    empty = vk.what_if(table, [], {"x": lambda now: now.without_routes([1])}, load=[])
    assert empty.scenarios["moved_share"].tolist() == [0.0]
    assert len(empty.targets) == 0


def test_a_table_that_a_scenario_takes_away(snapshot):
    found = vk.what_if(snapshot, ["a", "x"], {"gone": lambda now: now.without_table("names")}, table="names")
    assert found["gone"].after.tolist() == [-1, -1]
    assert found.scenarios["unrouted"].tolist() == [2]


def test_a_scenario_that_fails_is_named(snapshot):
    def broken(now):
        raise ZeroDivisionError("no shards")

    with pytest.raises(ScenarioError, match="scenario 'broken one' failed: ZeroDivisionError: no shards") as caught:
        vk.what_if(snapshot, IDS, {"fine": lambda now: now, "broken one": broken})
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    assert caught.value.data == {"scenario": "broken one"}
    with pytest.raises(ScenarioError, match="scenario 'x' failed: .*-1 not in the table.*ignore"):
        vk.what_if(snapshot, IDS, {"x": lambda now: now.without_routes([-1])})
    with pytest.raises(ScenarioError, match="scenario 'x' failed: it gave NoneType, a Snapshot is needed"):
        vk.what_if(snapshot, IDS, {"x": lambda now: None})
    with pytest.raises(ScenarioError, match="scenario 'x' failed: keys"):
        vk.what_if(snapshot, IDS, {"x": lambda now: now.without_table("tenants")})

    def stopped(now):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        vk.what_if(snapshot, IDS, {"x": stopped})


@pytest.mark.parametrize(
    ("scenarios", "message"),
    [
        ({}, "there is none"),
        (5, "names and functions are needed, got int"),
        ([1], "names and functions are needed"),
        ([("a", len, 3)], "names and functions are needed"),
        ({"a": 3}, "'a': 3 is no name"),
        ({3: len}, "3: .* is no name"),
        ([("a", len), ("a", len)], "a name stands twice"),
    ],
)
def test_scenarios_that_are_refused(snapshot, scenarios, message):
    with pytest.raises(ArgumentError, match=message):
        vk.what_if(snapshot, IDS, scenarios)


def test_what_is_refused(snapshot):
    with pytest.raises(ArgumentError, match="position 0 is -1.0"):
        vk.what_if(snapshot, [1], SCENARIOS, load=[-1])
    with pytest.raises(ArgumentError, match="snapshot: a snapshot or a table"):
        vk.what_if(None, [1], SCENARIOS)
    with pytest.raises(ArgumentError, match="no table 'x'.*'tenants', 'names'"):
        vk.what_if(snapshot, [1], SCENARIOS, table="x")
    several = snapshot.with_table("paths", vk.PrefixTable.build(["/"], kind="path"))
    with pytest.raises(AmbiguousKeyError):
        vk.what_if(several, ["a"], SCENARIOS)
    found = vk.what_if(snapshot, [1], {"x": lambda now: now})
    with pytest.raises(ArgumentError, match="no scenario 'y'.*'x'"):
        found["y"]
