"""Why there is no path: asked only of rows that have none, from what holds for all to what one caller asked for."""

from __future__ import annotations

import numpy as np

from valkyrie.routing.topology.constraints import Constraints
from valkyrie.routing.topology.detours import most_reliable
from valkyrie.routing.topology.graph import Objective, Search, graph_of
from valkyrie.routing.topology.topology import Topology
from valkyrie.routing.topology.trees import forest_of
from valkyrie.typing import BoolArray, Int32Array

__all__ = ["Reason", "beyond_bounds", "constraint_reasons", "limit_reason", "unreachable_reasons"]

Reason = tuple[str, str]
"""A status of records.STATUS, and what stood in the way."""


def unreachable_reasons(topology: Topology, search: Search, exhausted: str, source: int, heads: Int32Array) -> list[Reason]:
    """Why some nodes cannot be reached in what a search is left with.

    Parameters
    ----------
    topology : Topology
    search : Search
    exhausted : str
        The reason where links that the objective rules out stand in the way.
    source : int
    heads : ndarray of int32, shape (k,)
        Nodes by rank that have no path from the source.

    Returns
    -------
    list of (str, str), length k
        The first of these that leaves no path: the topology itself, the status of nodes, the objective; else the constraints.
    """
    free = Objective("any link", np.zeros(len(topology.links)))
    steps: list[tuple[Reason, Search]] = [
        (("miss", "no path"), Search(free, heeds_status=False)),
        (("unhealthy", "nodes are down or drained"), Search(free)),
        (("unhealthy", exhausted), Search(search.objective)),
    ]
    return _first_that_blocks(topology, steps, source, heads, search)


def constraint_reasons(topology: Topology, search: Search, source: int, heads: Int32Array) -> list[Reason]:
    """Which constraint leaves no path to each of some nodes: the first that does so alone, or else all together."""
    return _first_that_blocks(topology, [], source, heads, search)


def _first_that_blocks(
    topology: Topology, steps: list[tuple[Reason, Search]], source: int, heads: Int32Array, search: Search
) -> list[Reason]:
    constraints = search.constraints or Constraints()
    alone = [(("constrained", name), Search(search.objective, constraints.only(name))) for name in constraints.active]
    reasons = [("constrained", f"{' and '.join(constraints.active)} together")] * len(heads)
    rest = np.arange(len(heads))
    for reason, step in [*steps, *alone]:
        if not rest.size:
            break
        blocked = _blocks(topology, step, source, heads[rest])
        for i in rest[blocked].tolist():
            reasons[i] = reason
        rest = rest[~blocked]
    return reasons


def _blocks(topology: Topology, search: Search, source: int, heads: Int32Array) -> BoolArray:
    fine = graph_of(topology, search).open
    if not fine[source]:
        return np.ones(len(heads), np.bool_)
    lost: BoolArray = ~fine[heads] | (forest_of(topology, search, [source]).hops[0, heads] < 0)
    return lost | beyond_bounds(topology, search, source, heads)


def beyond_bounds(topology: Topology, search: Search, source: int, heads: Int32Array) -> BoolArray:
    """Which nodes, by rank, no path leads to within one of the bounds of a path as a whole: ndarray of bool, shape (k,).

    The others have paths within each bound by itself, if not within both.
    """
    beyond = np.zeros(len(heads), np.bool_)
    bounds = search.constraints
    if bounds is not None and bounds.min_reliability is not None:
        best = most_reliable(graph_of(topology, search), source)
        beyond |= np.array([best.get(head, 0.0) for head in heads.tolist()]) < bounds.min_reliability
    if bounds is not None and bounds.max_latency_us is not None:
        weights = np.where(np.isfinite(search.objective.weights), topology.links["latency_us"], np.inf)
        quickest = search._replace(objective=Objective(("latency of", search.objective.key), weights))
        beyond |= forest_of(topology, quickest, [source]).distance[0, heads] > bounds.max_latency_us
    return beyond


def limit_reason(limit: int) -> Reason:
    """The reason of a search that gave up."""
    return ("error", f"the search gave up after {limit:,} labels")
