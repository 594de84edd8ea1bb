"""Why there is no path: asked only of rows that have none, from what holds for all to what one caller asked for."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from valkyrie.routing.topology.constraints import Constraints
from valkyrie.routing.topology.detours import most_reliable
from valkyrie.routing.topology.graph import Objective, Search, graph_of
from valkyrie.routing.topology.topology import Topology
from valkyrie.routing.topology.trees import forest_of
from valkyrie.typing import BoolArray, Int32Array

__all__ = ["Reason", "limit_reason", "path_bound_reasons", "together", "unreachable_reasons"]

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
        The first of these that alone leaves no path: the topology, the status of nodes, the objective, each constraint in turn;
        else all constraints together.
    """
    free = Objective("any link", np.zeros(len(topology.links)))
    steps: list[tuple[Reason, Search]] = [
        (("miss", "no path"), Search(free, heeds_status=False)),
        (("unhealthy", "nodes are down or drained"), Search(free)),
        (("unhealthy", exhausted), Search(search.objective)),
    ]
    constraints = Constraints() if search.constraints is None else search.constraints
    steps += [(("constrained", name), Search(search.objective, constraints.only(name))) for name in constraints.active]
    reasons = [together(constraints)] * len(heads)
    rest = np.arange(len(heads))
    for reason, step in steps:
        reached = _reaches(topology, step, source, heads[rest])
        for i in rest[~reached].tolist():
            reasons[i] = reason
        rest = rest[reached]
        if not rest.size:
            break
    return reasons


def _reaches(topology: Topology, search: Search, source: int, heads: Int32Array) -> BoolArray:
    fine = graph_of(topology, search).open
    if not fine[source]:
        return np.zeros(len(heads), np.bool_)
    reached: BoolArray = (forest_of(topology, search, [source]).hops[0, heads] >= 0) & fine[heads]
    return reached


def path_bound_reasons(topology: Topology, search: Search, source: int, heads: Iterable[int]) -> dict[int, Reason]:
    """Which nodes, by rank, no path from a source leads to within one bound of the path as a whole, and which bound that is.

    The others have paths within each bound by itself, if not within both.
    """
    bounds = search.constraints
    assert bounds is not None
    reasons: dict[int, Reason] = {}
    if bounds.min_reliability is not None:
        best = most_reliable(graph_of(topology, search), source)
        reasons = {head: ("constrained", "min_reliability") for head in heads if best.get(head, 0.0) < bounds.min_reliability}
    if bounds.max_latency_us is not None:
        weights = np.where(np.isfinite(search.objective.weights), topology.links["latency_us"], np.inf)
        quickest = search._replace(objective=Objective(("latency of", search.objective.key), weights))
        least = forest_of(topology, quickest, [source]).distance[0]
        reasons |= {head: ("constrained", "max_latency_us") for head in heads if least[head] > bounds.max_latency_us}
    return reasons


def together(constraints: Constraints) -> Reason:
    """The reason where constraints leave no path that each by itself would."""
    return ("constrained", f"{' and '.join(constraints.active)} together")


def limit_reason(limit: int) -> Reason:
    """The reason of a search that gave up."""
    return ("error", f"the search gave up after {limit:,} labels")
