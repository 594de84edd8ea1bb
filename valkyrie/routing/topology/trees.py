"""Trees of best paths from one source each: distances by scipy's Dijkstra, ties by a rule of ours.

A distance is the least, over all paths, of the float64 sum of weights taken from the source on. Adding a weight never makes a sum
less and never changes the order of two, in floating point too, so the distances do not depend on how the search went. Of paths of
equal distance the tree has one of fewest hops and, among those, the one whose last node but one comes first in the order of
names, and so on backwards: whatever order scipy met them in.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from valkyrie.errors import MissingExtraError
from valkyrie.routing.topology.graph import Graph, Search, graph_of
from valkyrie.routing.topology.topology import Topology
from valkyrie.typing import AnyArray, Float64Array, Int32Array, Int64Array

__all__ = ["Tree", "forest_of", "sources_at_once"]

_ELEMENTS_AT_ONCE = 1 << 22


class Tree(NamedTuple):
    """Best paths from one source: arrays of one element for each node, by rank. Of several sources, shape (sources, nodes).

    Attributes
    ----------
    distance : ndarray of float64
        Infinite where there is no path.
    hops : ndarray of int32
        -1 where there is none; 0 at the source.
    first : ndarray of int32
        The node after the source; the source itself there, -1 where there is no path.
    arc : ndarray of int32
        The last arc of the path, -1 where there is none.
    latency, reliability : ndarray of float64
        Sum and product along the path, from the source on.
    """

    distance: Float64Array
    hops: Int32Array
    first: Int32Array
    arc: Int32Array
    latency: Float64Array
    reliability: Float64Array


def sources_at_once(graph: Graph) -> int:
    """How many sources a search takes together, so that its arrays stay within some 100 MB."""
    return max(1, _ELEMENTS_AT_ONCE // max(graph.n, len(graph.best), 1))


def forest_of(topology: Topology, search: Search, sources: Sequence[int]) -> Tree:
    """Trees from some sources by rank, at most `sources_at_once`; what is kept with the topology is not searched again."""
    graph, kept = graph_of(topology, search), topology.searches
    trees: dict[int, Tree] = {}
    for source in sources:
        tree = kept.get(("tree", search.key, source))
        if tree is not None:
            trees[source] = tree
    absent = [source for source in sources if source not in trees]
    # What passes through a drained node alone differs from source to source, so each that is one has a search of its own.
    through = [source for source in absent if not graph.stub[source]]
    for group in [through, *([source] for source in absent if graph.stub[source])]:
        for source, tree in zip(group, _grown(graph, group), strict=True):
            trees[source] = tree
            kept.keep(("tree", search.key, source), tree, sum(part.nbytes for part in tree))
    rows: list[tuple[Any, ...]] = list(zip(*(trees[source] for source in sources), strict=True))
    # One row needs no copy.
    return Tree(*(parts[0][np.newaxis] if len(parts) == 1 else np.stack(parts) for parts in rows))


def _grown(graph: Graph, sources: Sequence[int]) -> list[Tree]:
    if not sources:
        return []
    csgraph, csr_array = _scipy()
    n, count = graph.n, len(sources)
    best = graph.best[~graph.stub[graph.tail[graph.best]] | (graph.tail[graph.best] == sources[0])]
    tail, head, weight = graph.tail[best], graph.head[best], graph.weight[best]
    starts = np.searchsorted(tail, np.arange(n + 1)).astype(np.int32)
    # Of two arrays with explicit places, zeros are weights like any other; in a dense one they would be absent.
    distance = csgraph.dijkstra(csr_array((weight, head, starts), shape=(n, n)), directed=True, indices=list(sources))
    with np.errstate(invalid="ignore"):
        tight = distance[:, tail] + weight == distance[:, head]
    tight &= np.isfinite(distance)[:, tail]
    plot, arc = np.nonzero(tight)
    roots = np.arange(count) * n + np.asarray(sources)
    from_, to = plot * n + tail[arc], plot * n + head[arc]
    order, bounds = _levels(count * n, from_, to, roots, csgraph, csr_array)
    hops = np.full(count * n, -1, np.int32)
    hops[order] = np.repeat(np.arange(len(bounds) - 1, dtype=np.int32), np.diff(bounds))
    nearer = hops[to] == hops[from_] + 1
    # Arcs are in the order of their tails, so the least is the one whose tail is named first.
    last = np.full(count * n, len(best), np.int64)
    np.minimum.at(last, to[nearer], arc[nearer])
    used = np.append(best, -1).astype(np.int32)[last]
    along = _along(graph, order, bounds, used, np.arange(count * n) % n)
    parts = (distance, hops, along[0], used, *along[1:])
    return [Tree(*(part.reshape(count, n)[row].copy() for part in parts)) for row in range(count)]


def _levels(
    size: int, from_: Int64Array, to: Int64Array, roots: Int64Array, csgraph: Any, csr_array: Any
) -> tuple[Int64Array, list[int]]:
    """Breadth first from all roots at once: nodes in the order they are met, and where each number of hops begins."""
    starts = np.searchsorted(from_, np.arange(size + 1))
    starts = np.append(starts, starts[-1] + len(roots)).astype(np.int32)
    heads = np.concatenate([to, roots]).astype(np.int32)
    joined = csr_array((np.ones(len(heads)), heads, starts), shape=(size + 1, size + 1))
    order, parents = csgraph.breadth_first_order(joined, size, directed=True)
    place = np.empty(size + 1, np.int64)
    place[order] = np.arange(len(order))
    met = order[1:].astype(np.int64)
    parent_place = place[parents[met]]
    bounds = [0]
    while bounds[-1] < len(met):
        bounds.append(int(np.searchsorted(parent_place, bounds[-1] + 1)))
    return met, bounds


def _along(graph: Graph, order: Int64Array, bounds: list[int], arc: Int32Array, rank: Int64Array) -> tuple[AnyArray, ...]:
    first = np.full(len(arc), -1, np.int32)
    latency, reliability = np.full(len(arc), np.inf), np.zeros(len(arc))
    for hops, (start, stop) in enumerate(pairwise(bounds)):
        nodes = order[start:stop]
        if hops == 0:
            first[nodes], latency[nodes], reliability[nodes] = rank[nodes], 0.0, 1.0
            continue
        taken = arc[nodes]
        before = nodes - graph.head[taken] + graph.tail[taken]
        first[nodes] = rank[nodes] if hops == 1 else first[before]
        latency[nodes] = latency[before] + graph.latency[taken]
        reliability[nodes] = reliability[before] * graph.reliability[taken]
    return first, latency, reliability


def _scipy() -> tuple[Any, Any]:
    try:
        from scipy.sparse import csgraph, csr_array
    except ImportError as error:
        raise MissingExtraError(
            "searching a topology needs scipy, which is not installed",
            hint='Install it: pip install "valkyrie-routing[topology]"',
            library="scipy",
        ) from error
    return csgraph, csr_array
