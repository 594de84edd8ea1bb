"""Rendezvous, or highest random weight: every member is scored for a key, and the best has it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from valkyrie._native import freeze
from valkyrie.picks.key_hashes import identity_hashes
from valkyrie.picks.members import Members
from valkyrie.picks.policy import PickTable, Policy, Scope
from valkyrie.records import PICK_MEMBER
from valkyrie.typing import AnyArray

__all__ = ["Rendezvous", "member_records"]

_A_LITTLE_LESS = (1.0 - 2.0**-30) * 2.0**-49
"""Of a bound: far more than what rounding can add to it, far less than what separates two scores as a rule."""


@dataclass(frozen=True)
class Rendezvous(Policy):
    """Shares exactly by weight, and nothing moves that need not; the cost of a key grows with the members.

    Parameters
    ----------
    seed : int, keyword only

    Notes
    -----
    Of the key's hash k and the hash m of a member's identity (XXH64, both with the seed) the score is, modulo 2**64::

        x = (k ^ m) * 0x9FB21C651E98DF25
        x = (x ^ x >> 32) * 0xD6E8FEB86659FD93
        t = (2 * (x >> 16) + 1) / 2**49        in (0, 1)

    and the member of the smallest ``-ln(1 - t) / weight`` is picked, of equals the first by identity. Weights count in proportion
    only. The logarithm is computed in double precision without a library, so that picks are the same everywhere. Where
    all weights are equal, t itself is compared, which agrees but for one key in 10**12, whose scores differ by less than
    rounding.

    D. G. Thaler and C. V. Ravishankar, Using Name-Based Mappings to Increase Hit Rates, IEEE/ACM Transactions on Networking,
    1998; weights: C. Schindelhauer and G. Schomaker, Weighted Distributed Hash Tables, SPAA 2005.
    """

    name: ClassVar[str] = "rendezvous"
    scope: ClassVar[Scope] = "keyed"
    movement: ClassVar[str] = (
        "The keys of a member that leaves, to all others by weight; to a member that joins or gains weight its share; "
        "none between others."
    )

    def compile(self, members: Members) -> PickTable:
        """Hash the identities."""
        n = len(members)
        if n == 0:
            return PickTable("none", self.seed)
        records = freeze(member_records(members, self.seed))
        return PickTable("rendezvous", self.seed, n, n, records, is_weighted=members.is_weighted)


def member_records(members: Members, seed: int) -> AnyArray:
    """Members as the kernels score them: ndarray of PICK_MEMBER, shape (n,), in order of identity."""
    records = np.zeros(len(members), PICK_MEMBER)
    records["identity"] = identity_hashes(members.identities, seed)
    records["inverse"] = 1.0 / members.proportions
    records["bound"] = records["inverse"] * _A_LITTLE_LESS
    records["local"] = members.local
    return records
