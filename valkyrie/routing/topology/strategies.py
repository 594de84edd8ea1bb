"""Strategies over a topology: each a measure of links, made least along a path from a source to a destination."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Container, Hashable
from typing import Any, ClassVar, Literal, Self, get_args

import numpy as np

from valkyrie.arrays import Columns
from valkyrie.errors import ArgumentError
from valkyrie.routing.topology.constraints import Constraints
from valkyrie.routing.topology.graph import Objective, Search
from valkyrie.routing.topology.solving import Answers, Question, solve
from valkyrie.routing.topology.topology import Topology
from valkyrie.snapshot.arguments import checked_whole
from valkyrie.typing import Float64Array, Int32Array, Int64Array

__all__ = ["CostOptimized", "LatencyOptimized", "LoadAware", "Measure", "PathStrategy", "ShortestPath"]

Measure = Literal["hops", "cost", "latency_us"]
"""What a link adds to a path: 1, its cost, or its latency in microseconds."""

_SEARCH_LIMIT = 50_000


class PathStrategy(ABC):
    """The best path by one measure of links; immutable, safe to use from any thread.

    A strategy of your own derives from this and gives `measure`, and `key` if it has parameters.

    Parameters
    ----------
    topology : Topology
    priority : int, optional
        Of several strategies that can handle a context the one of the highest priority is asked first.
    search_limit : int
        Labels that a search within ``max_latency_us`` and ``min_reliability`` looks at for one source before it gives up.

    Notes
    -----
    The cost of a path is the float64 sum of its links' measures from the source on. Of paths of equal cost the one of fewest hops
    is taken and, among those, the one whose last node but one comes first in the order of names, and so on backwards; of parallel
    links the one of the least measure, then latency, then the most reliable. Distances are those of
    `scipy.sparse.csgraph.dijkstra` (Dijkstra 1959), for distinct sources only; trees are kept with the topology.

    Where the best path breaks ``max_latency_us`` or ``min_reliability``, the best of those that keep them is found by labels
    (`valkyrie.routing.topology.detours`), exactly, unless there are more than `search_limit`.
    """

    name: ClassVar[str]
    default_priority: ClassVar[int]
    exhausted: ClassVar[str] = "links are ruled out by the strategy"

    __slots__ = ("priority", "search_limit", "topology")

    def __init__(self, topology: Topology, *, priority: int | None = None, search_limit: int = _SEARCH_LIMIT) -> None:
        if not isinstance(topology, Topology):
            raise ArgumentError(
                f"topology must be a Topology; got {type(topology).__name__}", hint="Make one: Topology(nodes, links)"
            )
        self.topology = topology
        self.priority = checked_whole(self.default_priority if priority is None else priority, "priority")
        self.search_limit = checked_whole(search_limit, "search_limit", least=1)

    @abstractmethod
    def measure(self) -> Float64Array:
        """What each link adds to a path.

        Returns
        -------
        ndarray of float64, shape (m,)
            In the order of ``topology.links``; 0 or more, infinite where a link may not be taken.
        """

    def key(self) -> Hashable:
        """What the measure depends on beside the topology: equal keys of one class mean equal measures."""
        return ()

    def can_handle(self, context: Container[str] | None) -> bool:
        """Whether a context, such as a dict or Columns, says where from and where to: "source" and "destination"."""
        return context is not None and "source" in context and "destination" in context

    def on(self, topology: Topology) -> Self:
        """The same strategy over another topology."""
        other = copy.copy(self)
        other.topology = topology
        return other

    def route_many(self, sources: Any, destinations: Any, constraints: Constraints | None = None) -> Columns:
        """Find the best path of each pair.

        Parameters
        ----------
        sources, destinations : array-like of str, length n, or str
            Names of nodes, in any container; an ndarray of integers holds positions in ``topology.nodes``. One text stands for
            all rows.
        constraints : Constraints, optional

        Returns
        -------
        Columns
            ``next_hop`` (the node after the source, or the source itself where it is the destination), ``cost``, ``hops``;
            ``status``, a code of records.STATUS: ok; miss (unknown node, or no path in the topology); unhealthy (only through
            nodes that are down or drained, or links the strategy rules out); constrained; error (the search gave up); and
            ``reason``, which names the first constraint that alone leaves no path, or all of them. All but status and reason are
            missing where there is no path, reason where there is one.

        Raises
        ------
        ArgumentError
            Columns of unequal length, or neither text nor integers; a measure that the links came without.
        UnknownNodeError
            A node to avoid or an allowed region that the topology does not have.
        MissingExtraError
            scipy is not installed.
        """
        return self._answers(sources, destinations, constraints, walks=False).columns()

    def paths_many(
        self, sources: Any, destinations: Any, constraints: Constraints | None = None
    ) -> tuple[Int64Array, Int32Array]:
        """Find the nodes of the best path of each pair; parameters and errors as `route_many`.

        Returns
        -------
        offsets : ndarray of int64, shape (n + 1,)
            The path of row i is ``nodes[offsets[i]:offsets[i + 1]]``, from source to destination; empty where there is none.
        nodes : ndarray of int32
            Positions in ``topology.nodes``.
        """
        return self._answers(sources, destinations, constraints, walks=True).paths()

    def path(self, source: str, destination: str, constraints: Constraints | None = None) -> list[str]:
        """Names of the nodes of the best path, from source to destination; [] if there is none.

        Raises
        ------
        UnknownNodeError
            There is no such node; the hint names the nearest.
        ArgumentError, MissingExtraError
            As `route_many`.
        """
        names = self.topology.names
        start, end = (np.array([names.require(*each)]) for each in ((source, "source"), (destination, "destination")))
        _, nodes = self.paths_many(start, end, constraints)
        return [names.texts[node] for node in nodes.tolist()]

    def _answers(self, sources: Any, destinations: Any, constraints: Constraints | None, *, walks: bool) -> Answers:
        if constraints is not None and not isinstance(constraints, Constraints):
            raise ArgumentError(
                f"constraints must be Constraints; got {type(constraints).__name__}", hint="Such as Constraints(encrypted=True)"
            )
        heeded = constraints if constraints is not None and constraints.active else None
        tails, heads = self._ends(sources, destinations)
        question = Question(self.topology, Search(self._objective(), heeded), self.exhausted, self.search_limit)
        return solve(question, tails, heads, walks=walks)

    def _ends(self, sources: Any, destinations: Any) -> tuple[Int32Array, Int32Array]:
        given = {"sources": sources, "destinations": destinations}
        found = {
            name: self.topology.node_positions([column] if isinstance(column, str) else column, name)
            for name, column in given.items()
        }
        whole = [name for name, column in given.items() if not isinstance(column, str)]
        lengths = {len(found[name]) for name in whole}
        if len(lengths) > 1:
            raise ArgumentError(
                f"sources has {len(found['sources'])} values, destinations {len(found['destinations'])}",
                hint="Give one of each a row",
            )
        n = lengths.pop() if lengths else 1
        tails, heads = (column if name in whole else np.repeat(column, n) for name, column in found.items())
        return tails, heads

    def _objective(self) -> Objective:
        key = (type(self), self.key())
        found: Float64Array | None = self.topology.searches.get(("measure", key))
        if found is None:
            found = np.asarray(self.measure(), np.float64)
            if found.shape != self.topology.links.shape or not (found >= 0).all():
                raise ArgumentError(
                    f"{type(self).__name__}.measure() must give {len(self.topology.links)} numbers from 0; got {found!r}"[:300],
                    hint="Infinity rules a link out",
                )
            self.topology.searches.keep(("measure", key), found, found.nbytes)
        return Objective(key, found)

    def _column(self, measure: str) -> Float64Array:
        if measure == "hops":
            return np.ones(len(self.topology.links))
        if measure not in self.topology.given:
            raise ArgumentError(
                f"{type(self).__name__} needs {measure!r} of each link, which the topology came without",
                hint=f"Give links a column {measure!r}",
                column=measure,
            )
        column: Float64Array = self.topology.links[measure]
        return column

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.topology!r}, priority={self.priority})"


class LatencyOptimized(PathStrategy):
    """The least sum of ``latency_us``. Parameters and notes: `PathStrategy`."""

    name = "latency_optimized"
    default_priority = 30
    __slots__ = ()

    def measure(self) -> Float64Array:
        """The latency of each link."""
        return self._column("latency_us")


class CostOptimized(PathStrategy):
    """The least sum of ``cost``. Parameters and notes: `PathStrategy`."""

    name = "cost_optimized"
    default_priority = 20
    __slots__ = ()

    def measure(self) -> Float64Array:
        """The cost of each link."""
        return self._column("cost")


class _ByMeasure(PathStrategy):
    __slots__ = ("by",)

    def __init__(self, topology: Topology, *, by: Measure, priority: int | None, search_limit: int) -> None:
        super().__init__(topology, priority=priority, search_limit=search_limit)
        if by not in get_args(Measure):
            raise ArgumentError(f"by must be one of {get_args(Measure)}; got {by!r}", hint="Such as by='cost'", argument="by")
        self.by = by

    def key(self) -> Hashable:
        """By what."""
        return self.by


class ShortestPath(_ByMeasure):
    """The fewest hops or, ``by="cost"`` or ``by="latency_us"``, the least sum of those.

    Other parameters and notes: `PathStrategy`.

    Examples
    --------
    >>> from valkyrie.routing.topology import Topology
    >>> links = {"source": ["a", "b", "a"], "target": ["b", "c", "c"], "cost": [1, 1, 5]}
    >>> topology = Topology({"name": ["a", "b", "c"]}, links)
    >>> ShortestPath(topology).path("a", "c"), ShortestPath(topology, by="cost").path("a", "c")
    (['a', 'c'], ['a', 'b', 'c'])
    """

    name = "shortest_path"
    default_priority = 10
    __slots__ = ()

    def __init__(
        self, topology: Topology, *, by: Measure = "hops", priority: int | None = None, search_limit: int = _SEARCH_LIMIT
    ) -> None:
        super().__init__(topology, by=by, priority=priority, search_limit=search_limit)

    def measure(self) -> Float64Array:
        """1 or the column."""
        return self._column(self.by)


class LoadAware(_ByMeasure):
    """The least sum of latency (or `by`) / (1 - load); a link of load 1 or more is saturated and not taken.

    1 / (1 - load) is what waiting in line makes of the time that a link takes: the mean sojourn time in an M/M/1 queue
    (Kleinrock, "Queueing Systems", 1975). A link at half its bandwidth counts twice, at nine tenths ten times. Other parameters
    and notes: `PathStrategy`.
    """

    name = "load_aware"
    default_priority = 40
    exhausted = "links are saturated"
    __slots__ = ()

    def __init__(
        self, topology: Topology, *, by: Measure = "latency_us", priority: int | None = None, search_limit: int = _SEARCH_LIMIT
    ) -> None:
        super().__init__(topology, by=by, priority=priority, search_limit=search_limit)

    def measure(self) -> Float64Array:
        """The column / (1 - load)."""
        column, load = self._column(self.by), self._column("load")
        measure = np.full(len(column), np.inf)
        np.divide(column, 1.0 - load, out=measure, where=load < 1.0)
        return measure
