"""Small topologies for hypothesis, and what a search of them must find, by trying every path."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from hypothesis import strategies as st

from valkyrie.routing.topology import (
    Constraints,
    CostOptimized,
    LatencyOptimized,
    LoadAware,
    PathStrategy,
    ShortestPath,
    Topology,
)

__all__ = ["MEASURES", "Parts", "best_path", "constraint_sets", "parts_of", "strategy_of"]

REGIONS = [{"name": "eu"}, {"name": "eu-1", "parent": "eu"}, {"name": "us"}]
_INF = float("inf")

MEASURES: dict[str, Callable[[dict[str, Any]], float]] = {
    "shortest": lambda link: 1.0,
    "shortest by cost": lambda link: link["cost"],
    "latency": lambda link: link["latency_us"],
    "cost": lambda link: link["cost"],
    "load": lambda link: link["latency_us"] / (1 - link["load"]) if link["load"] < 1 else _INF,
}
"""What each strategy adds up, of one link."""


class Parts(NamedTuple):
    """What a topology is made of."""

    nodes: list[dict[str, Any]]
    links: list[dict[str, Any]]
    directed: bool

    def topology(self) -> Topology:
        return Topology(self.nodes, self.links, REGIONS, directed=self.directed)


def strategy_of(name: str, topology: Topology, **options: Any) -> PathStrategy:
    """The strategy of a name of `MEASURES`."""
    match name:
        case "shortest":
            return ShortestPath(topology, **options)
        case "shortest by cost":
            return ShortestPath(topology, by="cost", **options)
        case "latency":
            return LatencyOptimized(topology, **options)
        case "cost":
            return CostOptimized(topology, **options)
        case _:
            return LoadAware(topology, **options)


@st.composite
def parts_of(draw: st.DrawFn, max_nodes: int = 6, max_links: int = 11) -> Parts:
    """Topologies with ties, zeros, parallel links, and nodes of every status and region; in any order."""
    names = draw(st.permutations([f"n{i}" for i in range(draw(st.integers(0, max_nodes)))]))
    node = st.fixed_dictionaries(
        {
            "region": st.sampled_from(["eu", "eu-1", "us", None]),
            "status": st.sampled_from(["up"] * 8 + ["drain", "down"]),
            "security": st.integers(0, 2),
        }
    )
    nodes = [{"name": name} | draw(node) for name in names]
    pairs = list(itertools.permutations(names, 2))
    link = st.fixed_dictionaries(
        {
            "ends": st.sampled_from(pairs or [("", "")]),
            "latency_us": st.sampled_from([0.0, 1.0, 2.0, 3.0, 8.0]),
            "cost": st.sampled_from([0.0, 1.0, 1.5, 4.0]),
            "bandwidth_mbps": st.sampled_from([10.0, 100.0]),
            "reliability": st.sampled_from([1.0, 0.75, 0.5]),
            "load": st.sampled_from([0.0, 0.5, 0.75, 1.0]),
            "security": st.integers(0, 2),
            "encrypted": st.booleans(),
        }
    )
    drawn = draw(st.lists(link, max_size=max_links)) if pairs else []
    links, seen = [], set()
    directed = draw(st.booleans())
    for each in drawn:
        source, target = each.pop("ends")
        twin = (source, target) if directed else tuple(sorted((source, target)))
        facts = (twin, *sorted(each.items()))
        if facts not in seen:
            seen.add(facts)
            links.append({"source": source, "target": target} | each)
    return Parts(nodes, links, directed)


constraint_sets = st.fixed_dictionaries(
    {},
    optional={
        "max_latency_us": st.sampled_from([0.0, 1.0, 3.0, 5.0, 9.0]),
        "min_reliability": st.sampled_from([1.0, 0.75, 0.5, 0.3]),
        "min_bandwidth_mbps": st.sampled_from([10.0, 50.0]),
        "security_level": st.integers(0, 2),
        "allowed_regions": st.sampled_from([["eu"], ["eu-1", "us"], []]),
        "encrypted": st.booleans(),
    },
).map(lambda wanted: Constraints(**wanted))
"""Constraints of every kind but avoided nodes, which depend on the names."""


def best_path(
    parts: Parts, measure: Callable[[dict[str, Any]], float], constraints: Constraints, source: str, destination: str
) -> tuple[float, int, list[str]] | None:
    """Cost, hops and nodes of the best path, by trying every simple path; None if there is none."""
    by_name = {node["name"]: node for node in parts.nodes}
    if not all(_node_fits(by_name[end], constraints) for end in (source, destination)):
        return None
    found = []
    for names, links in _paths(parts, by_name, measure, constraints, [source], [], destination):
        cost, latency, reliability = 0.0, 0.0, 1.0
        for link in links:
            cost, latency, reliability = cost + measure(link), latency + link["latency_us"], reliability * link["reliability"]
        late = constraints.max_latency_us is not None and latency > constraints.max_latency_us
        if not late and not (constraints.min_reliability is not None and reliability < constraints.min_reliability):
            found.append((cost, len(links), names[::-1]))
    if not found:
        return None
    cost, hops, backwards = min(found)
    return cost, hops, backwards[::-1]


def _paths(
    parts: Parts,
    by_name: dict[str, Any],
    measure: Callable[[dict[str, Any]], float],
    constraints: Constraints,
    names: list[str],
    links: list[dict[str, Any]],
    destination: str,
) -> Iterator[tuple[list[str], list[dict[str, Any]]]]:
    here = names[-1]
    if here == destination:
        yield names, links
        return
    if links and by_name[here]["status"] == "drain":
        return
    for link in parts.links:
        if not _link_fits(link, constraints) or measure(link) == _INF:
            continue
        ends = [(link["source"], link["target"])] + [(link["target"], link["source"])] * (not parts.directed)
        for tail, head in ends:
            if tail == here and head not in names and _node_fits(by_name[head], constraints):
                yield from _paths(parts, by_name, measure, constraints, [*names, head], [*links, link], destination)


def _node_fits(node: dict[str, Any], constraints: Constraints) -> bool:
    regions = {node["region"]} | ({"eu"} if node["region"] == "eu-1" else set())
    return (
        node["status"] != "down"
        and node["name"] not in constraints.avoid_nodes
        and (constraints.security_level is None or node["security"] >= constraints.security_level)
        and (constraints.allowed_regions is None or not regions.isdisjoint(constraints.allowed_regions))
    )


def _link_fits(link: dict[str, Any], constraints: Constraints) -> bool:
    return (
        (constraints.min_bandwidth_mbps is None or link["bandwidth_mbps"] >= constraints.min_bandwidth_mbps)
        and (constraints.security_level is None or link["security"] >= constraints.security_level)
        and (not constraints.encrypted or link["encrypted"])
    )
