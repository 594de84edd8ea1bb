"""Graph: what is left of a topology to one search, as arcs in order.

Nodes are numbered by rank, their place in the order of names, so that ties do not depend on the order in which they were given.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import NamedTuple

import numpy as np

from valkyrie.records import NODE_STATUS
from valkyrie.routing.topology.constraints import Constraints
from valkyrie.routing.topology.topology import Topology
from valkyrie.typing import AnyArray, BoolArray, Float64Array, Int32Array, Int64Array

__all__ = ["Graph", "Objective", "Search", "graph_of"]

_DRAIN, _DOWN = NODE_STATUS.index("drain"), NODE_STATUS.index("down")


class Objective(NamedTuple):
    """What a search makes least: a number for each link, infinite where it may not be taken."""

    key: Hashable
    weights: Float64Array


class Search(NamedTuple):
    """Everything a search depends on beside the topology and the source."""

    objective: Objective
    constraints: Constraints | None = None
    heeds_status: bool = True

    @property
    def key(self) -> Hashable:
        """Equal for equal searches of one topology."""
        return (self.objective.key, self.constraints, self.heeds_status)


class Graph(NamedTuple):
    """Arcs sorted by tail, head, weight, latency, falling reliability, and the order of the links.

    Attributes
    ----------
    n : int
        Nodes.
    tail, head : ndarray of int32, shape (a,)
    weight, latency, reliability : ndarray of float64, shape (a,)
    best : ndarray of int64
        The first arc of each tail and head.
    open : ndarray of bool, shape (n,)
        Nodes that may be on a path.
    stub : ndarray of bool, shape (n,)
        Nodes that may be an end of a path only.
    """

    n: int
    tail: Int32Array
    head: Int32Array
    weight: Float64Array
    latency: Float64Array
    reliability: Float64Array
    best: Int64Array
    open: BoolArray
    stub: BoolArray

    @property
    def nbytes(self) -> int:
        """Bytes of the arrays."""
        return sum(part.nbytes for part in self if isinstance(part, np.ndarray))


def graph_of(topology: Topology, search: Search) -> Graph:
    """What is left of the topology to a search; kept with the topology."""
    key = ("graph", search.key)
    found: Graph | None = topology.searches.get(key)
    if found is None:
        found = _built(topology, search)
        topology.searches.keep(key, found, found.nbytes)
    return found


def _built(topology: Topology, search: Search) -> Graph:
    links, rank = topology.links, topology.names.ranks()
    status = topology.nodes["status"] * np.uint8(search.heeds_status)
    fine = status != _DOWN
    taken = np.isfinite(search.objective.weights)
    if search.constraints is not None:
        fine &= search.constraints.nodes(topology)
        taken &= search.constraints.links(topology)
    taken &= fine[links["source"]] & fine[links["target"]]
    chosen = np.flatnonzero(taken)
    source, target = rank[links["source"][chosen]], rank[links["target"][chosen]]
    if not topology.directed:
        chosen = np.concatenate([chosen, chosen])
        source, target = np.concatenate([source, target]), np.concatenate([target, source])
    weight, latency = search.objective.weights[chosen], links["latency_us"][chosen]
    reliability = links["reliability"][chosen]
    order = np.lexsort([chosen, -reliability, latency, weight, target, source])
    tail, head = source[order], target[order]
    first = np.ones(len(order), np.bool_)
    first[1:] = (tail[1:] != tail[:-1]) | (head[1:] != head[:-1])
    return Graph(
        len(rank),
        tail,
        head,
        weight[order],
        latency[order],
        reliability[order],
        np.flatnonzero(first),
        _by_rank(fine, rank),
        _by_rank(status == _DRAIN, rank),
    )


def _by_rank(facts: BoolArray, rank: Int32Array) -> AnyArray:
    ranked = np.empty(len(rank), facts.dtype)
    ranked[rank] = facts
    return ranked
