"""Adaptive: the strategy whose paths have done best so far, by outcomes that the caller measured."""

from __future__ import annotations

import math
from collections.abc import Container, Sequence
from typing import Any, ClassVar, Self

import numpy as np

from valkyrie.arrays import Columns, Strings, payload_column, read_frame
from valkyrie.errors import ArgumentError
from valkyrie.routing.topology.constraints import Constraints
from valkyrie.routing.topology.names import Names, text_column
from valkyrie.routing.topology.strategies import CostOptimized, LatencyOptimized, LoadAware, PathStrategy, ShortestPath
from valkyrie.routing.topology.topology import Topology
from valkyrie.snapshot.arguments import checked_whole
from valkyrie.typing import Float64Array, Int32Array, Int64Array

__all__ = ["Adaptive"]


class Adaptive:
    """Answers with one of several strategies: the one that measured outcomes speak for. A value: what it answers never changes.

    `observe` takes a table of outcomes and gives another Adaptive, which may have chosen otherwise.

    Parameters
    ----------
    topology : Topology
    strategies : sequence of PathStrategy, optional
        Candidates over the same topology, each of another name; by default those of this package that the links have columns for:
        LatencyOptimized, LoadAware, CostOptimized, ShortestPath.
    smoothing : float, above 0 to 1
        Weight of the newest outcome in the score.
    exploration : float
        How far a strategy that has been tried little is given the benefit of the doubt; 0: only the score counts.
    latency_scale_us : float
        The latency at which an outcome is worth half.
    priority : int
        As `PathStrategy`.

    Notes
    -----
    An outcome is worth ``scale / (scale + latency_us)`` if it succeeded, else 0; a failure that was quick is still one. The score
    of a strategy is the exponentially weighted moving average of what its outcomes were worth, in the order of the rows. Chosen
    is the strategy with the highest ``score + exploration * sqrt(bits / count)``, where ``bits`` is the bit length of the number
    of all outcomes and ``count`` the strategy's own; one without any outcome comes first, and of equals the one named first.
    That is UCB1 (Auer, Cesa-Bianchi and Fischer 2002) over a discounted mean (Garivier and Moulines 2008), with the bit length
    for the logarithm, so that the choice is the same on every machine. Nothing is drawn at random.

    Safe to use from any thread.

    Examples
    --------
    >>> links = {"source": ["a", "b", "a"], "target": ["b", "c", "c"], "cost": [1, 1, 5], "latency_us": [90, 90, 30]}
    >>> adaptive = Adaptive(Topology({"name": ["a", "b", "c"]}, links), exploration=0.0)
    >>> adaptive.chosen.name
    'latency_optimized'
    >>> outcomes = {"strategy": ["latency_optimized", "cost_optimized", "shortest_path"], "success": [False, True, True]}
    >>> adaptive.observe(outcomes | {"latency_us": [10, 200, 900]}).chosen.name
    'cost_optimized'
    """

    name: ClassVar[str] = "adaptive"
    default_priority: ClassVar[int] = 50

    __slots__ = ("_counts", "_scores", "exploration", "latency_scale_us", "priority", "smoothing", "strategies", "topology")

    def __init__(
        self,
        topology: Topology,
        strategies: Sequence[PathStrategy] | None = None,
        *,
        smoothing: float = 0.1,
        exploration: float = 0.3,
        latency_scale_us: float = 1000.0,
        priority: int = default_priority,
    ) -> None:
        if not isinstance(topology, Topology):
            raise ArgumentError(
                f"topology must be a Topology; got {type(topology).__name__}", hint="Make one: Topology(nodes, links)"
            )
        self.topology = topology
        self.strategies = _candidates(topology, strategies)
        self.smoothing = _number(smoothing, "smoothing", "above 0, at most 1", lambda value: 0 < value <= 1)
        self.exploration = _number(exploration, "exploration", "0 or more", lambda value: 0 <= value < math.inf)
        self.latency_scale_us = _number(latency_scale_us, "latency_scale_us", "above 0", lambda value: 0 < value < math.inf)
        self.priority = checked_whole(priority, "priority")
        self._counts = (0,) * len(self.strategies)
        self._scores = (0.0,) * len(self.strategies)

    @property
    def chosen(self) -> PathStrategy:
        """The strategy that answers."""
        bounds = self._bounds()
        return self.strategies[bounds.index(max(bounds))]

    @property
    def state(self) -> Columns:
        """``strategy``, ``count`` and ``score`` of its outcomes, and ``bound``, the greatest of which is chosen."""
        names = [strategy.name for strategy in self.strategies]
        numbers = {"count": np.array(self._counts, np.int64), "score": np.array(self._scores), "bound": np.array(self._bounds())}
        return Columns({"strategy": names} | numbers)

    def _bounds(self) -> list[float]:
        bits = sum(self._counts).bit_length()
        return [
            score + self.exploration * math.sqrt(bits / count) if count else math.inf
            for score, count in zip(self._scores, self._counts, strict=True)
        ]

    def observe(self, outcomes: Any) -> Self:
        """Return the Adaptive that has seen some outcomes more; this one stays as it is.

        Parameters
        ----------
        outcomes : table of columns
            ``strategy`` (name of the one that was used), ``success`` (bool) and ``latency_us`` (0 or more; may be null or NaN
            where there was no success). In pieces, one after the other, they come to the same as at once.

        Raises
        ------
        ArgumentError
            A column of the wrong type, a strategy that is not a candidate, a success without a latency or with a negative one.
        UnknownColumnError
            A column is missing.
        """
        which, worth = self._read(outcomes)
        counts, scores = list(self._counts), list(self._scores)
        for candidate, value in zip(which.tolist(), worth.tolist(), strict=True):
            scores[candidate] = scores[candidate] + self.smoothing * (value - scores[candidate]) if counts[candidate] else value
            counts[candidate] += 1
        return self._with(_counts=tuple(counts), _scores=tuple(scores))

    def _read(self, outcomes: Any) -> tuple[Int32Array, Float64Array]:
        frame = read_frame(outcomes, "outcomes")
        candidates = Names([strategy.name for strategy in self.strategies], "strategy")
        names = text_column(frame.column("strategy", "outcomes"), "outcomes: strategy")
        which = candidates.positions(names)
        if (which < 0).any():
            position = int(np.flatnonzero(which < 0)[0])
            got = names.to_objects()[position]
            raise ArgumentError(
                f"outcomes: strategy of row {position} is {got!r}",
                hint=f"The candidates are {', '.join(map(repr, candidates.texts))}",
                position=position,
            )
        success, no_answer = payload_column(frame.column("success", "outcomes"), "outcomes: success")
        latency, unknown = payload_column(frame.column("latency_us", "outcomes"), "outcomes: latency_us")
        if not isinstance(success, np.ndarray) or success.dtype.kind != "b" or (no_answer is not None and no_answer.any()):
            raise ArgumentError("outcomes: success must be True or False in every row", hint="Convert it with .astype(bool)")
        if isinstance(latency, Strings):
            latency, unknown = (np.zeros(len(latency)), latency.nulls) if latency.nulls.all() else (latency.to_objects(), None)
        if latency.dtype.kind == "O":
            raise ArgumentError("outcomes: latency_us must be numbers, got text", hint="In microseconds")
        if latency.dtype.kind not in "iuf":
            raise ArgumentError(f"outcomes: latency_us must be numbers, got {latency.dtype}", hint="In microseconds")
        measured = latency >= 0 if unknown is None else (latency >= 0) & ~unknown
        wrong = success & ~measured
        if wrong.any():
            raise ArgumentError(
                f"outcomes: row {int(np.flatnonzero(wrong)[0])} succeeded, but its latency_us is not 0 or more",
                hint="Leave out what was not measured",
            )
        worth = np.zeros(len(which))
        scale = self.latency_scale_us
        worth[success] = scale / (scale + latency[success])
        return which, worth

    def on(self, topology: Topology) -> Self:
        """The same candidates over another topology, with what has been learnt."""
        return self._with(topology=topology, strategies=tuple(strategy.on(topology) for strategy in self.strategies))

    def _with(self, **changes: Any) -> Self:
        other = object.__new__(type(self))
        for slot in Adaptive.__slots__:
            setattr(other, slot, changes.get(slot, getattr(self, slot)))
        return other

    def can_handle(self, context: Container[str] | None) -> bool:
        """Whether the chosen strategy can."""
        return self.chosen.can_handle(context)

    def route_many(self, sources: Any, destinations: Any, constraints: Constraints | None = None) -> Columns:
        """What the chosen strategy answers: `PathStrategy.route_many`."""
        return self.chosen.route_many(sources, destinations, constraints)

    def paths_many(
        self, sources: Any, destinations: Any, constraints: Constraints | None = None
    ) -> tuple[Int64Array, Int32Array]:
        """What the chosen strategy answers: `PathStrategy.paths_many`."""
        return self.chosen.paths_many(sources, destinations, constraints)

    def path(self, source: str, destination: str, constraints: Constraints | None = None) -> list[str]:
        """What the chosen strategy answers: `PathStrategy.path`."""
        return self.chosen.path(source, destination, constraints)

    def __repr__(self) -> str:
        return f"Adaptive({self.topology!r}, chosen={self.chosen.name!r}, {sum(self._counts):,} outcomes)"


def _candidates(topology: Topology, strategies: Sequence[PathStrategy] | None) -> tuple[PathStrategy, ...]:
    if strategies is None:
        needs: list[tuple[type[PathStrategy], set[str]]] = [
            (LatencyOptimized, {"latency_us"}),
            (LoadAware, {"latency_us", "load"}),
            (CostOptimized, {"cost"}),
            (ShortestPath, set()),
        ]
        return tuple(candidate(topology) for candidate, columns in needs if columns <= topology.given)
    found = tuple(strategies)
    odd = next((each for each in found if not isinstance(each, PathStrategy) or each.topology is not topology), None)
    if odd is not None or not found:
        raise ArgumentError(
            f"strategies must be path strategies over the same topology; got {odd if found else 'none'!r}"[:300],
            hint="Such as [LatencyOptimized(topology), CostOptimized(topology)]",
            argument="strategies",
        )
    names = [each.name for each in found]
    if len(set(names)) < len(names):
        raise ArgumentError(f"strategies: a name stands twice among {names}", hint="Outcomes are told apart by name")
    return found


def _number(value: Any, argument: str, bound: str, fits: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not fits(value):
        raise ArgumentError(f"{argument} must be {bound}; got {value!r}", hint="Such as 0.1", argument=argument)
    return float(value)
