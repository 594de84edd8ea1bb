"""Solving: whole columns of sources and destinations against trees of best paths, a block of sources at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from valkyrie.arrays import Columns, StringDictionary, Strings
from valkyrie.records import STATUS
from valkyrie.routing.topology.detours import Detour, find_detours
from valkyrie.routing.topology.graph import Graph, Search, graph_of
from valkyrie.routing.topology.rejection import Reason, beyond_bounds, constraint_reasons, limit_reason, unreachable_reasons
from valkyrie.routing.topology.topology import Topology
from valkyrie.routing.topology.trees import Tree, forest_of, sources_at_once
from valkyrie.typing import BoolArray, Float64Array, Int32Array, Int64Array, UInt8Array

__all__ = ["Answers", "Question", "solve"]

_OK = np.uint8(STATUS.index("ok"))


class Question(NamedTuple):
    """What is asked: a search, and what to do where it finds nothing."""

    topology: Topology
    search: Search
    exhausted: str
    search_limit: int


class Answers:
    """One row for each pair, filled block by block."""

    def __init__(self, topology: Topology, n: int, walks: bool) -> None:
        self._topology = topology
        self._reasons: dict[str, int] = {}
        self.cost: Float64Array = np.full(n, np.nan)
        self.hops: Int32Array = np.full(n, -1, np.int32)
        self.first: Int32Array = np.full(n, -1, np.int32)
        self.status: UInt8Array = np.zeros(n, np.uint8)
        self.reason: Int32Array = np.full(n, -1, np.int32)
        self._walks: list[tuple[Int64Array, Int32Array]] | None = [] if walks else None

    def reject(self, rows: Any, reason: Reason) -> None:
        """Say why rows have no path."""
        self.status[rows] = STATUS.index(reason[0])
        self.reason[rows] = self._reasons.setdefault(reason[1], len(self._reasons))

    def take(self, rows: Int64Array, tree: Int64Array, heads: Int32Array, forest: Tree, graph: Graph) -> None:
        """Take rows from trees."""
        self.cost[rows] = forest.distance[tree, heads]
        self.hops[rows] = forest.hops[tree, heads]
        self.first[rows] = forest.first[tree, heads]
        if self._walks is not None and len(rows):
            self._walks.append((rows, _walked(tree, heads, self.hops[rows], forest, graph)))

    def detour(self, rows: Int64Array, detour: Detour) -> None:
        """Give rows of one source and destination a path that keeps within bounds."""
        self.cost[rows], self.hops[rows] = detour.distance, len(detour.nodes) - 1
        self.first[rows] = detour.nodes[min(1, len(detour.nodes) - 1)]
        if self._walks is not None:
            self._walks.append((rows, np.tile(np.array(detour.nodes, np.int32), len(rows))))

    def columns(self) -> Columns:
        """next_hop, cost, hops, status, reason."""
        lost = self.hops < 0
        reasons = Strings(self.reason, StringDictionary.from_texts(self._reasons))
        return Columns.from_answers(
            {
                "next_hop": (Strings(self._positions(self.first), self._topology.names.dictionary), None),
                "cost": (self.cost, lost),
                "hops": (self.hops, lost),
                "status": (self.status, None),
                "reason": (reasons, None),
            }
        )

    def paths(self) -> tuple[Int64Array, Int32Array]:
        """Where the path of each row begins and ends, and the nodes of all paths, by position."""
        assert self._walks is not None
        offsets = np.zeros(len(self.hops) + 1, np.int64)
        np.cumsum(self.hops + 1, out=offsets[1:])
        nodes = np.empty(offsets[-1], np.int32)
        for rows, ranks in self._walks:
            nodes[_ragged(offsets[rows], self.hops[rows])] = ranks
        return offsets, self._positions(nodes)

    def _positions(self, ranks: Int32Array) -> Int32Array:
        order = np.argsort(self._topology.names.ranks()).astype(np.int32)
        return np.append(order, np.int32(-1))[ranks]


def solve(question: Question, sources: Int32Array, destinations: Int32Array, *, walks: bool = False) -> Answers:
    """Answer pairs of positions of nodes, -1 being unknown.

    Parameters
    ----------
    question : Question
    sources, destinations : ndarray of int32, shape (n,)
    walks : bool
        Whether paths will be asked for.

    Notes
    -----
    Rows do not affect each other: a batch answers as its rows do one by one.
    """
    topology, search = question.topology, question.search
    answers = Answers(topology, len(sources), walks)
    graph = graph_of(topology, search)
    rank = np.append(topology.names.ranks(), np.int32(-1))
    tails, heads = rank[sources], rank[destinations]
    known = (tails >= 0) & (heads >= 0)
    answers.reject(heads < 0, ("miss", "unknown destination"))
    answers.reject(tails < 0, ("miss", "unknown source"))
    for rows, trees, block in _blocks(tails, known, sources_at_once(graph), len(rank)):
        forest = forest_of(topology, search, block.tolist())
        to = heads[rows]
        reached = (forest.hops[trees, to] >= 0) & graph.open[to]
        fine = reached.copy()
        if search.constraints is not None and search.constraints.bounds_path:
            fine &= search.constraints.allows(forest.latency[trees, to], forest.reliability[trees, to])
        answers.take(rows[fine], trees[fine], to[fine], forest, graph)
        for source, some, ends in _by_source(rows[~reached], tails, heads):
            _explain(question, answers, source, some, ends)
        for source, some, ends in _by_source(rows[reached & ~fine], tails, heads):
            _detour(question, answers, graph, source, some, ends)
    return answers


def _explain(question: Question, answers: Answers, source: int, rows: Int64Array, ends: Int32Array) -> None:
    distinct, which = np.unique(ends, return_inverse=True)
    reasons = unreachable_reasons(question.topology, question.search, question.exhausted, source, distinct)
    for i, reason in enumerate(reasons):
        answers.reject(rows[which == i], reason)


def _detour(question: Question, answers: Answers, graph: Graph, source: int, rows: Int64Array, ends: Int32Array) -> None:
    bounds, limit = question.search.constraints, question.search_limit
    assert bounds is not None
    distinct, which = np.unique(ends, return_inverse=True)
    # Without those that nothing leads to, the search need not look at every path before it knows.
    beyond = beyond_bounds(question.topology, question.search, source, distinct)
    found, complete = find_detours(graph, source, distinct[~beyond].tolist(), bounds, limit)
    lost = np.array([end not in found for end in distinct.tolist()])
    unknown = lost & ~beyond & (not complete)
    for i in np.flatnonzero(~lost).tolist():
        answers.detour(rows[which == i], found[int(distinct[i])])
    answers.reject(rows[unknown[which]], limit_reason(limit))
    refused = np.flatnonzero(lost & ~unknown)
    reasons = constraint_reasons(question.topology, question.search, source, distinct[refused])
    for i, reason in zip(refused.tolist(), reasons, strict=True):
        answers.reject(rows[which == i], reason)


def _blocks(tails: Int32Array, known: BoolArray, at_once: int, size: int) -> Iterator[tuple[Int64Array, Int64Array, Int32Array]]:
    """Rows by blocks of sources: rows, which source of the block each has, and the sources."""
    rows = np.flatnonzero(known)
    present = np.zeros(size, np.bool_)
    present[tails[rows]] = True
    sources = np.flatnonzero(present).astype(np.int32)
    number = np.cumsum(present) - 1
    which = number[tails[rows]]
    if len(sources) > at_once:
        order = np.argsort(which, kind="stable")
        rows, which = rows[order], which[order]
    for start in range(0, len(sources), at_once):
        low, high = (0, len(rows)) if len(sources) <= at_once else np.searchsorted(which, [start, start + at_once])
        yield rows[low:high], which[low:high] - start, sources[start : start + at_once]


def _by_source(rows: Int64Array, tails: Int32Array, heads: Int32Array) -> Iterator[tuple[int, Int64Array, Int32Array]]:
    order = rows[np.argsort(tails[rows], kind="stable")]
    cuts = np.flatnonzero(np.diff(tails[order])) + 1
    for some in np.split(order, cuts):
        if some.size:
            yield int(tails[some[0]]), some, heads[some]


def _walked(trees: Int64Array, heads: Int32Array, hops: Int32Array, forest: Tree, graph: Graph) -> Int32Array:
    """Nodes of the paths to `heads`, one after the other, found from their ends backwards, all at once."""
    ends = np.cumsum(hops.astype(np.int64) + 1)
    nodes = np.empty(ends[-1], np.int32)
    at, place, left = heads, ends - 1, hops
    while len(at):
        nodes[place] = at
        going = left > 0
        trees, at, place, left = trees[going], at[going], place[going] - 1, left[going] - 1
        at = graph.tail[forest.arc[trees, at]]
    return nodes


def _ragged(starts: Int64Array, hops: Int32Array) -> Int64Array:
    """Places ``starts[i]`` to ``starts[i] + hops[i]``, one row after the other."""
    lengths = hops.astype(np.int64) + 1
    before = np.cumsum(lengths) - lengths
    return np.repeat(starts - before, lengths) + np.arange(int(lengths.sum()))
