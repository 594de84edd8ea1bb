"""Paths over topologies beside networkx, scipy's Bellman-Ford and the trial of every path; a batch beside its rows."""

from __future__ import annotations

import itertools
import math

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csgraph, csr_array

import tests.topologies as small
from valkyrie.records import STATUS
from valkyrie.routing.topology import Adaptive, Constraints, Topology
from valkyrie.routing.topology import trees as trees_module

NONE = Constraints()


def asked(parts):
    names = [node["name"] for node in parts.nodes]
    return [list(ends) for ends in zip(*itertools.product(names, repeat=2), strict=True)] or [[], []]


def paths_of(topology, strategy, sources, destinations, constraints=None):
    offsets, nodes = strategy.paths_many(sources, destinations, constraints)
    return [[topology.names.texts[node] for node in nodes[a:b].tolist()] for a, b in itertools.pairwise(offsets.tolist())]


@pytest.mark.parametrize("name", small.MEASURES)
@given(parts=small.parts_of())
def test_the_best_path_is_the_one_that_trying_all_finds_ties_included(name, parts):
    topology = parts.topology()
    strategy = small.strategy_of(name, topology)
    sources, destinations = asked(parts)
    answers = strategy.route_many(sources, destinations)
    walked = paths_of(topology, strategy, sources, destinations)
    for i, pair in enumerate(zip(sources, destinations, strict=True)):
        best = small.best_path(parts, small.MEASURES[name], NONE, *pair)
        if best is None:
            assert STATUS[answers["status"][i]] in ("miss", "unhealthy")
            assert (math.isnan(answers["cost"][i]), answers["hops"][i], answers["next_hop"][i], walked[i]) == (True, -1, None, [])
            assert answers["reason"][i]
        else:
            assert answers["status"][i] == 0
            assert (answers["cost"][i], answers["hops"][i], walked[i]) == best
            assert answers["next_hop"][i] == walked[i][min(1, len(walked[i]) - 1)]
            assert answers["reason"][i] is None


@pytest.mark.parametrize("name", small.MEASURES)
@given(parts=small.parts_of(), constraints=small.constraint_sets, data=st.data())
def test_constrained_paths_cost_what_trying_all_finds(name, parts, constraints, data):
    names = [node["name"] for node in parts.nodes]
    avoided = data.draw(st.lists(st.sampled_from(names), max_size=2)) if names else []
    constraints = Constraints(**{key: getattr(constraints, key) for key in constraints.active} | {"avoid_nodes": avoided})
    topology = parts.topology()
    strategy = small.strategy_of(name, topology)
    sources, destinations = asked(parts)
    answers = strategy.route_many(sources, destinations, constraints)
    walked = paths_of(topology, strategy, sources, destinations, constraints)
    for i, pair in enumerate(zip(sources, destinations, strict=True)):
        best = small.best_path(parts, small.MEASURES[name], constraints, *pair)
        if best is not None:
            assert (answers["status"][i], answers["cost"][i], answers["hops"][i]) == (0, *best[:2])
            # The path that was walked is one of those that keep the constraints, and costs the same.
            among = parts._replace(nodes=[node for node in parts.nodes if node["name"] in walked[i]])
            links = [link for link in parts.links if {link["source"], link["target"]} <= set(walked[i])]
            assert small.best_path(among._replace(links=links), small.MEASURES[name], constraints, *pair)[:2] == best[:2]
            assert (walked[i][0], walked[i][-1], len(walked[i])) == (*pair, best[1] + 1)
            continue
        free = small.best_path(parts, small.MEASURES[name], NONE, *pair)
        assert (STATUS[answers["status"][i]] == "constrained") == (free is not None)
        assert walked[i] == []
        if free is not None:
            alone = [
                name_of
                for name_of in constraints.active
                if small.best_path(parts, small.MEASURES[name], constraints.only(name_of), *pair) is None
            ]
            assert answers["reason"][i] == (alone[0] if alone else f"{' and '.join(constraints.active)} together")


@pytest.mark.parametrize("name", [*small.MEASURES, "adaptive"])
@given(parts=small.parts_of(), constraints=small.constraint_sets, limit=st.sampled_from([3, 50_000]), size=st.integers(1, 7))
def test_a_batch_answers_as_its_rows_and_its_pieces_do(name, parts, constraints, limit, size):
    def fresh():
        topology = parts.topology()
        if name == "adaptive":
            return Adaptive(topology, [small.strategy_of(each, topology, search_limit=limit) for each in ("cost", "load")])
        return small.strategy_of(name, topology, search_limit=limit)

    sources, destinations = asked(parts)
    whole = fresh().route_many(sources, destinations, constraints)
    walked = paths_of(parts.topology(), fresh(), sources, destinations, constraints)
    warm = fresh()
    for start in range(0, len(sources), size):
        piece = slice(start, start + size)
        assert warm.route_many(sources[piece], destinations[piece], constraints) == whole[piece]
        assert [warm.path(*pair, constraints) for pair in zip(sources[piece], destinations[piece], strict=True)] == walked[piece]


@given(parts=small.parts_of(), data=st.data())
def test_the_order_of_nodes_and_links_changes_nothing(parts, data):
    other = parts._replace(nodes=data.draw(st.permutations(parts.nodes)), links=data.draw(st.permutations(parts.links)))
    if not parts.directed:
        turned = [link | {"source": link["target"], "target": link["source"]} for link in other.links]
        other = other._replace(links=turned)
    one, two = parts.topology(), other.topology()
    assert one.digest == two.digest
    sources, destinations = asked(parts)
    for name in small.MEASURES:
        answers = [small.strategy_of(name, each).route_many(sources, destinations) for each in (one, two)]
        assert answers[0] == answers[1]


def random_graph(rng, directed):
    n, m = 60, 240
    source = rng.integers(0, n, m)
    target = (source + rng.integers(1, n, m)) % n
    columns = {"latency_us": rng.random(m) * 100, "cost": rng.random(m), "load": rng.random(m) * 1.1}
    columns["cost"][rng.random(m) < 0.2] = 0.0
    columns["load"][0] = 0.999
    names = np.array([f"node-{i}" for i in rng.permutation(n)])
    topology = Topology({"name": names}, {"source": names[source], "target": names[target]} | columns, directed=directed)
    return topology, source, target, columns


@pytest.mark.parametrize("directed", [False, True])
@pytest.mark.parametrize("name", small.MEASURES)
@pytest.mark.parametrize("at_once", [1, 60 * 7 * 8, 1 << 22])
def test_distances_are_those_of_networkx_and_bellman_ford_to_the_bit(name, directed, at_once, rng, monkeypatch):
    monkeypatch.setattr(trees_module, "_ELEMENTS_AT_ONCE", at_once)
    topology, source, target, columns = random_graph(rng, directed)
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    weights = [small.MEASURES[name](row) for row in rows]
    graph = nx.MultiDiGraph() if directed else nx.MultiGraph()
    graph.add_nodes_from(range(60))
    graph.add_weighted_edges_from(
        (a, b, w) for a, b, w in zip(source.tolist(), target.tolist(), weights, strict=True) if w < math.inf
    )
    dense = np.full((60, 60), np.inf)
    for a, b, w in zip(source, target, weights, strict=True):
        dense[a, b] = min(dense[a, b], w)
        if not directed:
            dense[b, a] = min(dense[b, a], w)
    sparse = csr_array(csgraph.csgraph_from_dense(dense, null_value=np.inf))
    assert sparse.nnz == np.isfinite(dense).sum()
    expected = csgraph.bellman_ford(sparse, directed=True)
    a, b = (ends.ravel() for ends in np.meshgrid(np.arange(60), np.arange(60), indexing="ij"))
    order = rng.permutation(len(a))
    answers = small.strategy_of(name, topology).route_many(a[order], b[order])
    cost = np.empty(len(a))
    cost[order] = np.where(answers.missing("cost"), np.inf, answers["cost"])
    np.testing.assert_array_equal(cost.reshape(60, 60), expected)
    for start in range(0, 60, 9):
        lengths = nx.single_source_dijkstra_path_length(graph, start)
        assert lengths == {end: length for end, length in enumerate(expected[start].tolist()) if length < math.inf}


@pytest.mark.parametrize("name", ["latency", "cost", "load"])
def test_paths_of_a_larger_graph_cost_what_is_said(name, rng):
    topology, source, target, columns = random_graph(rng, True)
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    weight: dict[tuple[int, int], float] = {}
    for ends, row in zip(zip(source.tolist(), target.tolist(), strict=True), rows, strict=True):
        weight[ends] = min(weight.get(ends, math.inf), small.MEASURES[name](row))
    a, b = rng.integers(0, 60, (2, 3_000))
    strategy = small.strategy_of(name, topology)
    answers = strategy.route_many(a, b)
    offsets, nodes = strategy.paths_many(a, b)
    for i, (start, stop) in enumerate(itertools.pairwise(offsets.tolist())):
        steps = list(itertools.pairwise(nodes[start:stop].tolist()))
        assert len(steps) == max(answers["hops"][i], 0)
        if answers["hops"][i] > 0:
            assert sum(weight[step] for step in steps) == answers["cost"][i]
