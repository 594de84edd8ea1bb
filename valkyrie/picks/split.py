"""Split: a share of the keys for each of a few targets, such as a canary."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from valkyrie.picks.members import Members
from valkyrie.picks.policy import PickTable, Policy, Scope
from valkyrie.picks.rendezvous import Rendezvous

__all__ = ["Split"]


@dataclass(frozen=True)
class Split(Policy):
    """Weighted targets, sticky and monotone: a share that grows keeps the keys it had.

    Parameters
    ----------
    seed : int, keyword only
        Splits of one seed send a key to the same side; give each experiment its own where they should not depend on one another.

    Notes
    -----
    The members are the targets, by name, with shares as weights, and the pick is that of `Rendezvous`. When one share grows
    and the others shrink in proportion, keys move only to the target that grows: at 10 % it has all keys that it had at 5 %.

    Rendezvous with weights: see `Rendezvous`.
    """

    name: ClassVar[str] = "split"
    scope: ClassVar[Scope] = "keyed"
    movement: ClassVar[str] = (
        "Only keys to the target whose share grows in proportion to the others', and from one whose share shrinks."
    )

    def compile(self, members: Members) -> PickTable:
        """Hash the names of the targets."""
        return Rendezvous(seed=self.seed).compile(members)
