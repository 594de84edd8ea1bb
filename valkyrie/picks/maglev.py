"""Maglev: a table of slots that members fill in turns."""

from __future__ import annotations

from dataclasses import dataclass
from math import isqrt
from typing import ClassVar

import numpy as np

from valkyrie._native import freeze, picking
from valkyrie.errors import ArgumentError
from valkyrie.picks.key_hashes import identity_hashes
from valkyrie.picks.members import Members
from valkyrie.picks.policy import PickTable, Policy, Scope

__all__ = ["MAX_SLOTS", "Maglev"]

SLOTS_A_MEMBER = 100
MAX_SLOTS = 1 << 24


@dataclass(frozen=True)
class Maglev(Policy):
    """One load a key, and members that are served alike to within a percent.

    Each member has an order of preference over all slots, and they take turns, each the first slot in its order that is
    still free. A member of less than the greatest weight misses turns in proportion, as in Envoy. A key's slot is ``hash *
    size >> 64``.

    Parameters
    ----------
    size : int, optional
        Slots: a prime number up to 2**24, and at least one a member. By default the smallest prime of at least 100 slots a
        member; 65,537 is what Envoy and the paper use. With the default the table grows with the set, and then most keys
        move: give a size where members come and go, or the set is to grow.
    seed : int, keyword only

    Notes
    -----
    A member's order begins at ``XXH64(identity, seed) % size`` and goes on in steps of ``XXH64(identity, seed + 1) % (size -
    1) + 1``. Weight is the number of slots: shares are right to about 1 / (slots of the member), and a member of very little
    weight still has one.

    D. E. Eisenbud et al., Maglev: A Fast and Reliable Software Network Load Balancer, NSDI 2016, section 3.4.
    """

    size: int | None = None
    name: ClassVar[str] = "maglev"
    scope: ClassVar[Scope] = "keyed"
    movement: ClassVar[str] = (
        "With a size given, the keys of a member that leaves, and one or two in a hundred of the others'; as many when one joins "
        "or is reweighted. Nearly all keys when the size changes."
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.size is None:
            return
        if (
            isinstance(self.size, bool)
            or not isinstance(self.size, int)
            or not (2 <= self.size <= MAX_SLOTS and _is_prime(self.size))
        ):
            raise ArgumentError(
                f"size: {self.size!r} slots; a prime number up to {MAX_SLOTS:,} is needed",
                hint="Use 65537, or leave it out",
                argument="size",
                value=self.size,
            )

    def compile(self, members: Members) -> PickTable:
        """Fill the slots. Takes about 10 ns a slot."""
        n = len(members)
        if n == 0:
            return PickTable("none", self.seed)
        size = _prime_from(SLOTS_A_MEMBER * n) if self.size is None else self.size
        if size < n:
            raise ArgumentError(
                f"size: {size:,} slots cannot serve {n:,} members",
                hint="Use a greater prime, or leave it out",
                argument="size",
                value=size,
            )
        offsets = identity_hashes(members.identities, self.seed) % np.uint64(size)
        skips = identity_hashes(members.identities, self.seed + 1) % np.uint64(size - 1) + np.uint64(1)
        slots = np.empty(size, np.uint16)
        picking.fill_maglev(offsets, skips, members.proportions if members.is_weighted else None, slots)
        return PickTable("slots", self.seed, n, size, freeze(members.local[slots]))


def _is_prime(n: int) -> bool:
    return n > 1 and all(n % i for i in range(2, isqrt(n) + 1))


def _prime_from(n: int) -> int:
    """The smallest prime that is not below n."""
    while not _is_prime(n):
        n += 1
    return n
