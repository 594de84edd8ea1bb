"""Detours: the best paths that stay within bounds, where the best path of all does not.

The constrained shortest path problem is NP-hard; labels that are set in order of cost solve it exactly (Joksch 1966; Irnich and
Desaulniers, "Shortest Path Problems with Resource Constraints", 2005), with as many labels a node as there are paths to it none
of which is better than another in everything. The number of labels is therefore bounded.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Collection
from typing import NamedTuple

import numpy as np

from valkyrie.routing.topology.constraints import Constraints
from valkyrie.routing.topology.graph import Graph

__all__ = ["Detour", "find_detours", "most_reliable"]


class Detour(NamedTuple):
    """A path within bounds: what it costs, and its nodes by rank, from the source on."""

    distance: float
    nodes: list[int]


class _Label(NamedTuple):
    """A path, in the order in which paths are looked at; no two have the same serial."""

    distance: float
    hops: int
    node: int
    serial: int
    latency: float
    reliability: float
    before: _Label | None


def find_detours(
    graph: Graph, source: int, wanted: Collection[int], bounds: Constraints, limit: int
) -> tuple[dict[int, Detour], bool]:
    """Search from one source for the best paths within bounds.

    Parameters
    ----------
    graph : Graph
    source : int
        By rank.
    wanted : collection of int
        Destinations, by rank.
    bounds : Constraints
        Those of a path as a whole.
    limit : int
        Labels that are looked at before the search gives up.

    Returns
    -------
    found : dict of int to Detour
        Of those destinations that a path within bounds leads to: the path of the least cost and, among such, of fewest hops;
        what ties beyond that is settled by the order of names and links, the same whatever else is wanted.
    complete : bool
        Whether the search came to an end: else there may be paths to the others too.
    """
    found: dict[int, Detour] = {}
    open_ = set(wanted)
    settled: dict[int, list[_Label]] = {}
    arcs = _Arcs(graph)
    only_one = bounds.max_latency_us is None or bounds.min_reliability is None
    most_latency = math.inf if bounds.max_latency_us is None else bounds.max_latency_us
    least_reliability = 0.0 if bounds.min_reliability is None else bounds.min_reliability
    serial = looked_at = 0
    heap = [_Label(0.0, 0, source, 0, 0.0, 1.0, None)]
    while heap and open_:
        label = heapq.heappop(heap)
        rivals = settled.setdefault(label.node, [])
        if any(_covers(rival, label, bounds) for rival in rivals):
            continue
        if looked_at == limit:
            return found, False
        looked_at += 1
        if only_one:  # whatever the rivals cover, a label that none of them covers does as well
            rivals.clear()
        rivals.append(label)
        if label.node in open_:
            open_.discard(label.node)
            found[label.node] = Detour(label.distance, _nodes(label))
        if graph.stub[label.node] and label.node != source:
            continue
        for head, weight, latency, reliability in arcs.of(label.node):
            serial += 1
            further = _Label(
                label.distance + weight,
                label.hops + 1,
                head,
                serial,
                label.latency + latency,
                label.reliability * reliability,
                label,
            )
            if further.latency > most_latency or further.reliability < least_reliability:
                continue
            if not any(_covers(rival, further, bounds) for rival in settled.get(head, ())):
                heapq.heappush(heap, further)
    return found, True


def most_reliable(graph: Graph, source: int) -> dict[int, float]:
    """The reliability of the most reliable path to each node that can be reached, by rank: Dijkstra's search with products.

    No sum of logarithms says exactly what a product is, and a bound must mean the same here as along a path.
    """
    arcs = _Arcs(graph)
    settled: dict[int, float] = {}
    heap = [(-1.0, source)]
    while heap:
        minus, node = heapq.heappop(heap)
        if node in settled:
            continue
        settled[node] = -minus
        if node == source or not graph.stub[node]:
            for head, _, _, reliability in arcs.of(node):
                if head not in settled:
                    heapq.heappush(heap, (minus * reliability, head))
    return settled


class _Arcs:
    """Arcs by tail as Python numbers, made when a search first comes to a node."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._starts = np.searchsorted(graph.tail, np.arange(graph.n + 1)).tolist()
        self._known: dict[int, list[tuple[int, float, float, float]]] = {}

    def of(self, node: int) -> list[tuple[int, float, float, float]]:
        """Head, weight, latency and reliability of each arc from a node."""
        known = self._known.get(node)
        if known is None:
            at = slice(self._starts[node], self._starts[node + 1])
            graph = self._graph
            parts = (part[at].tolist() for part in (graph.head, graph.weight, graph.latency, graph.reliability))
            known = self._known[node] = list(zip(*parts, strict=True))
        return known


def _covers(rival: _Label, label: _Label, bounds: Constraints) -> bool:
    """Whether all that a label leads to, a cheaper one leads to as well."""
    quick = bounds.max_latency_us is None or rival.latency <= label.latency
    return quick and (bounds.min_reliability is None or rival.reliability >= label.reliability)


def _nodes(label: _Label) -> list[int]:
    nodes = []
    at: _Label | None = label
    while at is not None:
        nodes.append(at.node)
        at = at.before
    return nodes[::-1]
