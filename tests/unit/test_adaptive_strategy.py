"""Adaptive: outcomes choose among strategies, one pure step after the other, the same on every machine."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pandas as pd
import pytest

from valkyrie.errors import ArgumentError, UnknownColumnError
from valkyrie.routing.topology import Adaptive, CostOptimized, LatencyOptimized, ShortestPath, Topology

LINKS = {
    "source": ["a", "b", "a"],
    "target": ["b", "z", "z"],
    "cost": [1, 1, 5],
    "latency_us": [90, 90, 30],
    "load": [0.0, 0.0, 0.9],
}
TOPOLOGY = Topology({"name": ["a", "b", "z"]}, LINKS)
NAMES = ["latency_optimized", "load_aware", "cost_optimized", "shortest_path"]


def outcomes(*rows):
    names, success, latency = zip(*rows, strict=True)
    return {"strategy": list(names), "success": list(success), "latency_us": list(latency)}


def every(latencies):
    return outcomes(*((name, True, latency) for name, latency in zip(NAMES, latencies, strict=True)))


def test_each_is_tried_before_any_is_tried_again():
    adaptive = Adaptive(TOPOLOGY)
    tried = []
    for _ in range(4):
        tried.append(adaptive.chosen.name)
        adaptive = adaptive.observe(outcomes((adaptive.chosen.name, True, 100)))
    assert tried == NAMES


def test_it_answers_as_the_chosen_one_does():
    adaptive = Adaptive(TOPOLOGY, exploration=0.0).observe(every([900, 900, 10, 900]))
    assert adaptive.chosen.name == "cost_optimized"
    assert adaptive.route_many(["a", "z"], "z") == CostOptimized(TOPOLOGY).route_many(["a", "z"], "z")
    assert adaptive.path("a", "z") == ["a", "b", "z"]
    assert Adaptive(TOPOLOGY).path("a", "z") == ["a", "z"]
    assert repr(adaptive).endswith("chosen='cost_optimized', 4 outcomes)")


def test_a_step_leaves_what_it_started_from():
    first = Adaptive(TOPOLOGY, exploration=0.0).observe(every([10, 20, 30, 40]))
    before = first.state
    second = first.observe(outcomes(*[("latency_optimized", False, 0)] * 50))
    assert first.state == before
    assert (first.chosen.name, second.chosen.name) == ("latency_optimized", "load_aware")


def test_scores_are_moving_averages_of_what_outcomes_were_worth():
    seen = outcomes(("cost_optimized", True, 1000), ("cost_optimized", False, 1), ("cost_optimized", True, 0))
    state = Adaptive(TOPOLOGY, smoothing=0.25, exploration=0.5).observe(seen).state
    score = 0.5
    score += 0.25 * (0.0 - score)
    score += 0.25 * (1.0 - score)
    assert state["strategy"].tolist() == NAMES
    assert state["count"].tolist() == [0, 0, 3, 0]
    assert state["score"].tolist() == [0.0, 0.0, score, 0.0]
    assert state["bound"].tolist() == [np.inf, np.inf, score + 0.5 * np.sqrt(2 / 3), np.inf]


def test_a_quick_failure_is_a_failure():
    seen = every([0, 900, 900, 900])
    seen["success"][0] = False
    assert Adaptive(TOPOLOGY, exploration=0.0).observe(seen).chosen.name == "load_aware"


def test_pieces_come_to_the_same_as_the_whole(rng):
    n = 200
    table = {
        "strategy": [NAMES[i] for i in rng.integers(0, 4, n)],
        "success": rng.random(n) < 0.8,
        "latency_us": rng.random(n) * 1e4,
    }
    whole = Adaptive(TOPOLOGY).observe(table)
    pieces = Adaptive(TOPOLOGY)
    for start in range(0, n, 7):
        pieces = pieces.observe(pd.DataFrame(table).iloc[start : start + 7])
    assert pieces.state == whole.state
    assert pieces.observe({"strategy": [], "success": np.zeros(0, bool), "latency_us": []}).state == whole.state


def test_it_finds_the_best_and_notices_when_another_gets_better(rng):
    adaptive = Adaptive(TOPOLOGY)

    def run(latencies, rounds):
        nonlocal adaptive
        chosen = []
        for _ in range(rounds):
            name = adaptive.chosen.name
            chosen.append(name)
            latency = latencies[NAMES.index(name)] * (0.8 + 0.4 * rng.random())
            adaptive = adaptive.observe(outcomes((name, rng.random() < 0.95, latency)))
        return chosen

    assert run([4000, 300, 2000, 9000], 600)[-300:].count("load_aware") > 200
    assert run([4000, 9000, 200, 9000], 600)[-300:].count("cost_optimized") > 200


def test_nothing_is_drawn_at_random():
    states = []
    for _ in range(2):
        adaptive = Adaptive(TOPOLOGY)
        for i in range(100):
            adaptive = adaptive.observe(outcomes((adaptive.chosen.name, i % 3 != 0, 100.0 * (i % 7))))
        states.append(adaptive.state)
    assert states[0] == states[1]


def test_what_was_learnt_goes_along_to_another_topology():
    adaptive = Adaptive(TOPOLOGY, exploration=0.0).observe(every([900, 900, 10, 900]))
    moved = adaptive.on(TOPOLOGY.without_links([("a", "b")]))
    assert (moved.chosen.name, moved.path("a", "z")) == ("cost_optimized", ["a", "z"])
    assert moved.state == adaptive.state
    for copied in (pickle.loads(pickle.dumps(adaptive)), copy.deepcopy(adaptive)):
        assert (copied.state, copied.path("a", "z")) == (adaptive.state, ["a", "b", "z"])


def test_candidates_are_those_that_the_links_have_columns_for():
    bare = Topology({"name": ["a", "b"]}, {"source": ["a"], "target": ["b"]})
    assert [each.name for each in Adaptive(bare).strategies] == ["shortest_path"]
    own = Adaptive(TOPOLOGY, [ShortestPath(TOPOLOGY), CostOptimized(TOPOLOGY)])
    assert own.chosen.name == "shortest_path"


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"strategy": ["cost_optimised"]}, ArgumentError, "strategy of row 0 is 'cost_optimised'. The candidates are"),
        ({"strategy": [None]}, ArgumentError, "strategy of row 0 is None"),
        ({"success": [1]}, ArgumentError, "success must be True or False"),
        ({"success": [None]}, ArgumentError, "success must be True or False"),
        ({"latency_us": [-1.0]}, ArgumentError, "row 0 succeeded, but its latency_us is not 0 or more"),
        ({"latency_us": [np.nan]}, ArgumentError, "row 0 succeeded"),
        ({"latency_us": [None]}, ArgumentError, "row 0 succeeded"),
        ({"latency_us": ["5"]}, ArgumentError, "latency_us must be numbers"),
        ({"latency_us": [True]}, ArgumentError, "latency_us must be numbers, got bool"),
    ],
)
def test_outcomes_are_checked(changes, error, message):
    good = {"strategy": ["cost_optimized"], "success": [True], "latency_us": [5.0]}
    assert Adaptive(TOPOLOGY).observe(good).state["count"].sum() == 1
    with pytest.raises(error, match=message):
        Adaptive(TOPOLOGY).observe(good | changes)
    for name in good:
        with pytest.raises(UnknownColumnError):
            Adaptive(TOPOLOGY).observe({key: column for key, column in good.items() if key != name})


def test_a_failure_needs_no_latency():
    for latency in ([np.nan], [None]):
        seen = {"strategy": ["cost_optimized"], "success": [False], "latency_us": latency}
        assert Adaptive(TOPOLOGY).observe(seen).state["score"].tolist() == [0.0] * 4


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Adaptive([]), "topology must be a Topology"),
        (lambda: Adaptive(TOPOLOGY, []), "strategies must be path strategies over the same topology; got 'none'"),
        (lambda: Adaptive(TOPOLOGY, ["cost"]), "strategies must be path strategies"),
        (lambda: Adaptive(TOPOLOGY, [CostOptimized(TOPOLOGY.without_nodes(["b"]))]), "over the same topology"),
        (lambda: Adaptive(TOPOLOGY, [LatencyOptimized(TOPOLOGY)] * 2), "a name stands twice"),
        (lambda: Adaptive(TOPOLOGY, smoothing=0), "smoothing must be above 0, at most 1; got 0"),
        (lambda: Adaptive(TOPOLOGY, exploration=float("nan")), "exploration must be 0 or more"),
        (lambda: Adaptive(TOPOLOGY, latency_scale_us=0), "latency_scale_us must be above 0"),
        (lambda: Adaptive(TOPOLOGY, priority="high"), "priority must be a whole number"),
    ],
)
def test_arguments_are_checked(make, message):
    with pytest.raises(ArgumentError, match=message):
        make()
