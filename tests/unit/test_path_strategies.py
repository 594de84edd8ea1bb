"""Strategies over a topology: what they measure, how ties fall, and what stands in the way where there is no path."""

from __future__ import annotations

import subprocess
import sys
import threading

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from valkyrie.arrays import Columns
from valkyrie.errors import ArgumentError, UnknownNodeError
from valkyrie.records import STATUS
from valkyrie.routing.topology import (
    Adaptive,
    Constraints,
    CostOptimized,
    LatencyOptimized,
    LoadAware,
    PathStrategy,
    ShortestPath,
    Topology,
)

FACTS = ("latency_us", "cost", "load", "reliability")


def network(links, nodes=None, **options):
    """Of links as {"a-b": (latency, cost, load, reliability)}, as many of those as are wanted; nodes are "up" unless said."""
    ends = [name.split("-")[:2] for name in links]
    rows = [
        {"source": source, "target": target} | dict(zip(FACTS, values, strict=False))
        for (source, target), values in zip(ends, links.values(), strict=True)
    ]
    status = dict.fromkeys(sorted({end for pair in ends for end in pair}), "up") | (nodes or {})
    return Topology([{"name": name, "status": each} for name, each in status.items()], rows, **options)


# The top way is quick and dear, the middle one cheap and slow, the bottom one has fewest hops.
WAYS = network(
    {
        "a-b": (10, 9, 0.9, 0.9),
        "b-z": (10, 9, 0.0, 0.9),
        "a-c": (40, 1, 0.0, 1.0),
        "c-z": (40, 1, 0.5, 1.0),
        "a-z": (60, 30, 1.0, 0.5),
    }
)


def row(strategy, source, destination, constraints=None):
    answers = strategy.route_many([source], [destination], constraints)
    return answers["next_hop"][0], answers["cost"][0], answers["hops"][0], STATUS[answers["status"][0]], answers["reason"][0]


@pytest.mark.parametrize(
    ("strategy", "path", "cost"),
    [
        (ShortestPath(WAYS), "az", 1),
        (ShortestPath(WAYS, by="cost"), "acz", 2),
        (ShortestPath(WAYS, by="latency_us"), "abz", 20),
        (LatencyOptimized(WAYS), "abz", 20),
        (CostOptimized(WAYS), "acz", 2),
        (LoadAware(WAYS), "abz", 10 / (1 - 0.9) + 10),
        (LoadAware(WAYS, by="cost"), "acz", 1 + 1 / (1 - 0.5)),
        (LoadAware(WAYS, by="hops"), "acz", 1 + 1 / (1 - 0.5)),
    ],
)
def test_each_strategy_takes_the_way_that_is_best_by_its_measure(strategy, path, cost):
    assert strategy.path("a", "z") == list(path)
    assert row(strategy, "a", "z") == (path[1], cost, len(path) - 1, "ok", None)


def test_the_five_have_names_and_priorities_of_their_own():
    five = [ShortestPath(WAYS), LatencyOptimized(WAYS), CostOptimized(WAYS), LoadAware(WAYS), Adaptive(WAYS)]
    names = ["shortest_path", "latency_optimized", "cost_optimized", "load_aware", "adaptive"]
    assert [each.name for each in five] == names
    assert sorted(five, key=lambda each: each.priority) == [five[0], five[2], five[1], five[3], five[4]]
    assert ShortestPath(WAYS, priority=99).priority == 99
    for each in five:
        assert each.can_handle({"source": ["a"], "destination": ["z"]})
        assert each.can_handle(Columns({"source": ["a"], "destination": ["z"], "qos": [1]}))
        assert not each.can_handle({"source": ["a"]})
        assert not each.can_handle(None)


def test_of_equal_costs_the_fewest_hops_and_then_the_first_names_from_the_end_backwards():
    # By cost all three ways are equal; the direct one has fewer hops.
    hops = network({"a-b": (0, 1), "b-z": (0, 1), "a-z": (0, 2)})
    assert CostOptimized(hops).path("a", "z") == ["a", "z"]
    # From the end backwards, "m" comes before "n", though "b" comes before "c" from the front.
    names = network({"a-b": (0, 1), "b-n": (0, 1), "n-z": (0, 1), "a-c": (0, 1), "c-m": (0, 1), "m-z": (0, 1)})
    assert CostOptimized(names).path("a", "z") == ["a", "c", "m", "z"]


def test_zero_weights_are_weights():
    free = network({"a-b": (0, 0), "b-c": (0, 0), "c-a": (0, 0), "c-z": (0, 5), "a-z": (0, 5)})
    assert row(CostOptimized(free), "a", "c") == ("c", 0.0, 1, "ok", None)
    assert row(CostOptimized(free), "b", "z") == ("a", 5.0, 2, "ok", None)


def test_costs_are_sums_from_the_source_on():
    sums = network({"a-b": (0, 0.1), "b-c": (0, 0.2), "c-d": (0, 0.3)})
    assert CostOptimized(sums).route_many("a", "d")["cost"][0] == (0.1 + 0.2) + 0.3
    assert CostOptimized(sums).route_many("d", "a")["cost"][0] == (0.3 + 0.2) + 0.1


def test_of_parallel_links_the_best_by_the_own_measure_counts():
    parallel = network({"a-z-1": (5, 1), "a-z-2": (1, 5), "z-a-3": (9, 0.5)}, directed=True)
    assert CostOptimized(parallel).route_many("a", "z")["cost"][0] == 1
    assert LatencyOptimized(parallel).route_many("a", "z")["cost"][0] == 1
    within = Constraints(max_latency_us=3)
    assert CostOptimized(parallel).route_many("a", "z", within)["cost"][0] == 5
    assert CostOptimized(parallel).route_many("z", "a")["cost"][0] == 0.5


def test_of_parallel_links_of_equal_measure_the_quickest_and_then_the_most_reliable_counts():
    # Were another taken, a search within the bounds would have to look for this one, and may not look at anything.
    links = {"a-m-1": (3, 1, 0, 1.0), "a-m-2": (1, 1, 0, 0.9), "a-m-3": (1, 1, 0, 0.95), "m-z": (1, 1, 0, 0.95)}
    strategy = CostOptimized(network(links), search_limit=1)
    assert row(strategy, "a", "z", Constraints(max_latency_us=3, min_reliability=0.9))[3:] == ("ok", None)


def test_a_source_is_its_own_destination():
    for strategy in (ShortestPath(WAYS), CostOptimized(WAYS), LoadAware(WAYS)):
        assert row(strategy, "c", "c") == ("c", 0.0, 0, "ok", None)
        assert strategy.path("c", "c") == ["c"]
        assert row(strategy, "c", "c", Constraints(avoid_nodes=["c"]))[2:] == (-1, "constrained", "avoid_nodes")


def test_drained_nodes_are_ends_and_no_way_through():
    line = network({"a-b": (1, 1), "b-c": (1, 1), "a-d": (1, 9), "d-c": (1, 9)}, {"b": "drain"})
    strategy = CostOptimized(line)
    assert strategy.path("a", "c") == ["a", "d", "c"]
    assert strategy.path("a", "b") == ["a", "b"]
    assert strategy.path("b", "c") == ["b", "c"]
    assert strategy.route_many(["a", "b", "c"], ["c", "c", "b"])["cost"].tolist() == [18.0, 1.0, 1.0]


def test_no_way_round_leads_through_a_drained_node():
    links = {"a-b": (1, 1, 0, 1), "b-c": (1, 1, 0, 1), "a-d": (2, 1, 0, 0.95), "d-c": (2, 1, 0, 0.95), "a-c": (3, 9, 0, 0.5)}
    strategy = CostOptimized(network(links, {"b": "drain"}))
    assert strategy.path("a", "c") == ["a", "d", "c"]
    assert strategy.path("a", "c", Constraints(max_latency_us=3)) == ["a", "c"]
    assert row(strategy, "a", "c", Constraints(min_reliability=0.94))[3:] == ("constrained", "min_reliability")


@pytest.mark.parametrize(
    ("links", "nodes", "strategy", "status", "reason"),
    [
        ({"a-b": (1, 1), "y-z": (1, 1)}, {}, CostOptimized, "miss", "no path"),
        ({"a-b": (1, 1), "b-z": (1, 1)}, {"b": "down"}, CostOptimized, "unhealthy", "nodes are down or drained"),
        ({"a-b": (1, 1), "b-z": (1, 1)}, {"b": "drain"}, CostOptimized, "unhealthy", "nodes are down or drained"),
        ({"a-b": (1, 1), "b-z": (1, 1)}, {"z": "down"}, CostOptimized, "unhealthy", "nodes are down or drained"),
        ({"a-b": (1, 1), "b-z": (1, 1)}, {"a": "down"}, CostOptimized, "unhealthy", "nodes are down or drained"),
        ({"a-b": (1, 1, 0.5), "b-z": (1, 1, 1.0)}, {}, LoadAware, "unhealthy", "links are saturated"),
        ({"a-b": (1, 1, 0.5), "b-z": (1, 1, 7.0)}, {}, LoadAware, "unhealthy", "links are saturated"),
    ],
)
def test_what_stands_in_the_way_is_told(links, nodes, strategy, status, reason):
    found = row(strategy(network(links, nodes)), "a", "z")
    assert found[0] is None
    assert found[2:] == (-1, status, reason)


@pytest.mark.parametrize(
    ("constraints", "path", "reason"),
    [
        ({"max_latency_us": 79}, "abz", None),
        ({"max_latency_us": 20, "min_reliability": 0.81}, "abz", None),
        ({"max_latency_us": 19}, None, "max_latency_us"),
        ({"max_latency_us": 20, "min_reliability": 0.82}, None, "max_latency_us and min_reliability together"),
        ({"min_reliability": 0.99}, "acz", None),
        ({"avoid_nodes": ["c"]}, "abz", None),
        ({"avoid_nodes": ["b", "c"]}, "az", None),
        ({"avoid_nodes": ["b", "c"], "max_latency_us": 59}, None, "max_latency_us and avoid_nodes together"),
        ({"avoid_nodes": ["a"]}, None, "avoid_nodes"),
        ({"encrypted": True}, None, "encrypted"),
        ({"security_level": 1}, None, "security_level"),
        ({"min_bandwidth_mbps": 1e9}, "acz", None),
        ({"encrypted": True, "max_latency_us": 1}, None, "max_latency_us"),
    ],
)
def test_constraints_lead_another_way_or_are_named(constraints, path, reason):
    strategy = CostOptimized(WAYS)
    assert strategy.path("a", "z", Constraints(**constraints)) == list(path or "")
    assert row(strategy, "a", "z", Constraints(**constraints))[3:] == ("ok" if path else "constrained", reason)


def test_a_dearer_way_may_be_needed_for_one_bound_or_the_other():
    links = {"a-m-1": (1, 1, 0, 0.9), "a-m-2": (3, 2, 0, 1.0), "m-y": (1, 1, 0, 0.9)}
    strategy = CostOptimized(network(links))
    within = Constraints(max_latency_us=4, min_reliability=0.85)
    assert row(strategy, "a", "y", within) == ("m", 3.0, 2, "ok", None)
    turned = network({"a-m-1": (3, 1, 0, 1.0), "a-m-2": (1, 2, 0, 0.9), "m-z": (2, 1, 0, 1.0)})
    assert row(CostOptimized(turned), "a", "z", within) == ("m", 3.0, 2, "ok", None)


def test_a_bound_that_only_saturated_links_would_keep_is_told_as_such():
    topology = network({"a-z-1": (1, 1, 1.0), "a-m": (5, 1, 0.0), "m-z": (5, 1, 0.0)})
    assert row(LoadAware(topology), "a", "z", Constraints(max_latency_us=6))[3:] == ("constrained", "max_latency_us")


def test_a_search_within_bounds_gives_up_where_it_is_told_to():
    strategy = CostOptimized(WAYS, search_limit=1)
    within = Constraints(max_latency_us=79)
    assert row(strategy, "a", "z", within)[3:] == ("error", "the search gave up after 1 labels")
    assert row(strategy, "a", "c", within)[3:] == ("ok", None)
    assert row(strategy, "a", "z", Constraints(max_latency_us=1))[3:] == ("constrained", "max_latency_us")


def test_unknown_names_are_misses_in_a_batch_and_errors_alone():
    answers = ShortestPath(WAYS).route_many(["a", "who", None, "a"], ["who", "z", "z", "b"])
    assert [STATUS[code] for code in answers["status"]] == ["miss", "miss", "miss", "ok"]
    assert answers["reason"].tolist() == ["unknown destination", "unknown source", "unknown source", None]
    assert answers.missing("cost").tolist() == [True, True, True, False]
    big = network({"amsterdam-berlin": (1, 1)})
    with pytest.raises(UnknownNodeError, match="destination: there is no node 'berlim'. Did you mean 'berlin'?"):
        ShortestPath(big).path("amsterdam", "berlim")


@pytest.mark.parametrize("container", [list, tuple, np.array, pd.Series, pd.Categorical, pl.Series, pa.array])
def test_ends_come_in_any_container(container):
    strategy = CostOptimized(WAYS)
    answers = strategy.route_many(container(["a", "z", "b"]), container(["z", "a", "c"]))
    assert answers["next_hop"].tolist() == ["c", "c", "a"]
    assert answers == strategy.route_many(np.array([0, 3, 1]), np.array([3, 0, 2]))


def test_the_columns_and_their_types():
    answers = ShortestPath(WAYS).route_many("a", ["z", "b"])
    assert answers.names == ("next_hop", "cost", "hops", "status", "reason")
    assert [answers[name].dtype.char for name in answers.names] == ["O", "d", "i", "B", "O"]
    assert answers["next_hop"].tolist() == ["z", "b"]
    assert ShortestPath(WAYS).route_many(["z", "b"], "a")["hops"].tolist() == [1, 1]


def test_nothing_asked_and_nothing_there():
    for topology in (WAYS, Topology([], []), Topology([{"name": "a"}], [])):
        answers = ShortestPath(topology).route_many([], [])
        assert len(answers) == 0
        offsets, nodes = ShortestPath(topology).paths_many([], [])
        assert (offsets.tolist(), nodes.tolist()) == ([0], [])
    assert row(ShortestPath(Topology([], [])), "a", "b")[3:] == ("miss", "unknown source")
    assert ShortestPath(Topology([{"name": "a"}], [])).path("a", "a") == ["a"]


def test_paths_of_a_batch_lie_end_to_end():
    offsets, nodes = CostOptimized(WAYS).paths_many(["a", "who", "b", "c"], ["z", "a", "b", "a"])
    assert offsets.tolist() == [0, 3, 3, 4, 6]
    assert [WAYS.names.texts[node] for node in nodes] == ["a", "c", "z", "b", "c", "a"]


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda: ShortestPath(WAYS).route_many(["a", "b"], ["z"]), "sources has 2 values, destinations 1"),
        (lambda: ShortestPath(WAYS).route_many([1.5], ["z"]), "sources: names are text, got float64"),
        (lambda: ShortestPath(WAYS).route_many(["a"], ["z"], {"encrypted": True}), "constraints must be Constraints; got dict"),
        (lambda: ShortestPath(WAYS, by="load"), "by must be one of .* got 'load'"),
        (lambda: ShortestPath(WAYS, priority=1.5), "priority must be a whole number"),
        (lambda: ShortestPath(WAYS, search_limit=0), "search_limit must be a whole number from 1; got 0"),
        (lambda: ShortestPath([]), "topology must be a Topology; got list"),
        (lambda: CostOptimized(network({"a-b": (1,)})).path("a", "b"), "CostOptimized needs 'cost' of each link"),
        (lambda: LoadAware(network({"a-b": (1, 1)})).path("a", "b"), "LoadAware needs 'load' of each link"),
    ],
)
def test_what_cannot_be_asked(ask, message):
    with pytest.raises(ArgumentError, match=message) as raised:
        ask()
    assert raised.value.hint


class Reliable(PathStrategy):
    """Of one's own: fewest expected failures."""

    name = "reliable"
    default_priority = 60

    def __init__(self, topology, factor=1.0):
        super().__init__(topology)
        self.factor = factor

    def key(self):
        return self.factor

    def measure(self):
        return (1 - self.topology.links["reliability"]) * self.factor


def test_a_strategy_of_ones_own():
    assert Reliable(WAYS).path("a", "z") == ["a", "c", "z"]
    assert Reliable(WAYS, 2.0).route_many("a", "b")["cost"][0] == 2 * Reliable(WAYS).route_many("a", "b")["cost"][0] > 0
    moved = Reliable(WAYS, 3.0).on(WAYS.without_nodes(["c"]))
    assert (moved.factor, moved.path("a", "z")) == (3.0, ["a", "b", "z"])
    with pytest.raises(ArgumentError, match=r"Reliable.measure\(\) must give 5 numbers from 0"):
        Reliable(WAYS, -1.0).path("a", "z")


def test_load_that_changes_changes_the_way():
    relieved = WAYS.with_load(np.zeros(5))
    assert LoadAware(WAYS).on(relieved).path("a", "z") == ["a", "b", "z"]
    assert LoadAware(WAYS.with_load([0.99, 0, 0, 0, 0])).path("a", "z") == ["a", "z"]


def test_long_paths_are_walked_to_their_ends():
    n = 3_000
    names = [f"{i:04d}" for i in range(n)]
    line = Topology({"name": names}, {"source": names[:-1], "target": names[1:], "cost": np.ones(n - 1)})
    answers = CostOptimized(line).route_many(["0000", names[-1]], [names[-1], "0000"])
    assert (answers["cost"].tolist(), answers["next_hop"].tolist()) == ([n - 1.0] * 2, ["0001", names[-2]])
    assert CostOptimized(line).path("0000", names[-1]) == names


def test_threads_that_search_one_topology_agree():
    def strategy():
        return CostOptimized(network({f"n{i}-n{i * 7 % 53}": (1, i % 3) for i in range(2, 50)}))

    pairs = np.indices((40, 40)).reshape(2, -1)
    expected, shared, found = strategy().route_many(*pairs), strategy(), []
    start = threading.Barrier(6)

    def ask():
        start.wait()
        found.append(shared.route_many(*pairs))

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 6
    assert all(each == expected for each in found)


def test_a_child_forked_while_another_thread_searched_can_search():
    code = """
import os
from valkyrie.routing.topology import ShortestPath, Topology
from valkyrie.routing.topology import search_cache
topology = Topology([{"name": "a"}, {"name": "b"}], [{"source": "a", "target": "b"}])
search_cache._lock.acquire()
child = os.fork()
if child == 0:
    os._exit(0 if ShortestPath(topology).path("a", "b") == ["a", "b"] else 1)
assert os.waitpid(child, 0)[1] == 0
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def test_scipy_is_asked_for_where_it_is_needed():
    code = """
import sys
sys.modules["scipy"] = sys.modules["scipy.sparse"] = None
from valkyrie.errors import MissingExtraError
from valkyrie.routing.topology import ShortestPath, Topology
topology = Topology([{"name": "a"}, {"name": "b"}], [{"source": "a", "target": "b"}])
try:
    ShortestPath(topology).path("a", "b")
except MissingExtraError as error:
    assert 'pip install "valkyrie-routing[topology]"' in str(error)
else:
    raise AssertionError("no error")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_importing_strategies_loads_no_scipy():
    code = "import sys, valkyrie.routing.topology; assert 'scipy' not in sys.modules"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
