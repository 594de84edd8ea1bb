"""What was measured for one row, and the settings it was measured with."""

from __future__ import annotations

from dataclasses import dataclass, field

from .clock import Cost
from .goals import BEST, FLOOR, ITSELF, Goal

OURS = "valkyrie"


@dataclass(frozen=True)
class Settings:
    """How to measure: rounds, the core, whether slow peers run too, and whether peers run at all."""

    rounds: int = 5
    cpu: int | None = 0
    quick: bool = False
    all_peers: bool = False
    peers: bool = True

    def batch(self, n: int) -> int:
        """Queries per call for a table of `n` keys."""
        return 2_000_000 if n >= 10**7 else min(1_000_000, 100 * n)


@dataclass
class Measurement:
    """Costs by contender (the floor and ours among them), and why a contender has none."""

    row: str
    costs: dict[str, Cost] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)
    wall: bool = False
    """Ratios are of wall time, else of CPU time."""

    def cost(self, name: str) -> float:
        """The cost that ratios are made of."""
        return self.costs[name].wall if self.wall else self.costs[name].cpu

    def peers(self) -> list[str]:
        """Contenders other than ours and the floor, cheapest first."""
        return sorted((name for name in self.costs if name not in (OURS, FLOOR)), key=self.cost)

    def opponent(self, goal: Goal) -> str | None:
        """The contender that `goal` compares us with, the cheapest if several fit; None if none was measured."""
        if goal.against in (FLOOR, OURS):
            return goal.against if goal.against in self.costs else None
        fitting = self.peers() if goal.against == BEST else [p for p in self.peers() if p.startswith(goal.against)]
        return fitting[0] if fitting else None

    def figure(self, goal: Goal) -> float | None:
        """The ratio, or our own cost, that `goal` bounds; None if it was not measured."""
        if OURS not in self.costs:
            return None
        if goal.against == ITSELF:
            return self.cost(OURS)
        opponent = self.opponent(goal)
        if opponent is None:
            return None
        ratio = self.cost(opponent) / self.cost(OURS)
        return ratio if goal.higher_is_better else 1 / ratio
