"""Sticky: slots that rendezvous places, so that a key costs one load and still moves only when it must."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from valkyrie._native import freeze, picking
from valkyrie.errors import ArgumentError
from valkyrie.picks.members import Members
from valkyrie.picks.policy import PickTable, Policy, Scope
from valkyrie.picks.rendezvous import Rendezvous

__all__ = ["Sticky"]

MAX_SLOTS = 1 << 24


@dataclass(frozen=True)
class Sticky(Policy):
    """The movement of rendezvous at the speed of Maglev.

    Parameters
    ----------
    slots : int
        A power of two up to 2**24. A key's slot is ``hash * slots >> 64``.
    seed : int, keyword only

    Notes
    -----
    Each slot belongs to the member that `Rendezvous` picks for its number, hashed as a key. Shares differ from the weights
    by about ``1 / sqrt(slots of the member)``: 8 % for 100 members of 16,384 slots. Use many slots a member, or Maglev where
    balance matters more than movement.

    Slots placed one by one are how Redis Cluster moves keys; see `Rendezvous` for how they are placed here.
    """

    slots: int = 16_384
    name: ClassVar[str] = "sticky"
    scope: ClassVar[Scope] = "keyed"
    movement: ClassVar[str] = (
        "The slots of a member that leaves; to a member that joins or gains weight its share of slots; none between others."
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        slots = self.slots
        if isinstance(slots, bool) or not isinstance(slots, int) or not 0 < slots <= MAX_SLOTS or slots & (slots - 1):
            raise ArgumentError(
                f"slots: {slots!r}", hint=f"Use a power of two up to {MAX_SLOTS:,}", argument="slots", value=slots
            )

    def compile(self, members: Members) -> PickTable:
        """Place the slots. Takes about 0.3 ns a slot and member."""
        if len(members) == 0:
            return PickTable("none", self.seed)
        hashes = np.empty(self.slots, np.uint64)
        picking.hash_ids(np.arange(self.slots, dtype=np.uint64), np.array([self.seed], np.uint64), hashes)
        owners = Rendezvous(seed=self.seed).compile(members).pick_hashes(hashes)
        return PickTable("slots", self.seed, len(members), self.slots, freeze(owners.astype(np.uint16)))
