"""Jump: a bucket by arithmetic alone, without a table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from valkyrie._native import freeze, picking
from valkyrie.errors import ArgumentError
from valkyrie.picks.members import Members
from valkyrie.picks.policy import PickTable, Policy, Scope
from valkyrie.picks.rendezvous import member_records
from valkyrie.records import NO_SLOT
from valkyrie.typing import Int32Array, UInt64Array

__all__ = ["Jump", "jump_many"]


@dataclass(frozen=True)
class Jump(Policy):
    """The jump consistent hash over the order of declaration: for shards that are numbered, and grow at the end.

    Parameters
    ----------
    seed : int, keyword only

    Notes
    -----
    The key's hash jumps to one of ``members.positions``. If that member may not be picked, the hash is hashed again (XXH64 of its
    8 bytes, with the seed) and jumps again, up to 64 times, and at last rendezvous picks. So only the keys of the missing
    member move, and they come back with it.

    J. Lamping and E. Veach, A Fast, Minimal Memory, Consistent Hash Algorithm, 2014 (arXiv:1406.2294).
    """

    name: ClassVar[str] = "jump"
    scope: ClassVar[Scope] = "keyed"
    movement: ClassVar[str] = (
        "One more position at the end: to it its share, no other keys. A member that is out for a while: its keys only. "
        "A position taken out of the middle: most keys."
    )

    def compile(self, members: Members) -> PickTable:
        """Lay members out by position.

        Raises
        ------
        ArgumentError
            Weights differ.
        """
        if members.is_weighted:
            raise ArgumentError(
                "weights: jump has none, and these differ",
                hint="Use Rendezvous or Maglev, or equal weights",
                argument="weights",
            )
        n = len(members)
        if n == 0:
            return PickTable("none", self.seed)
        local = np.full(members.positions, NO_SLOT, np.uint16)
        local[members.declared] = members.local
        return PickTable("jump", self.seed, n, members.positions, freeze(local), freeze(member_records(members, self.seed)))


def jump_many(hashes: UInt64Array, buckets: int) -> Int32Array:
    """The jump consistent hash itself: a bucket from 0 to ``buckets - 1`` for each hash.

    Parameters
    ----------
    hashes : ndarray of uint64, shape (n,)
    buckets : int
        From 1 to 2**31 - 1.

    Returns
    -------
    ndarray of int32, shape (n,)

    Raises
    ------
    ArgumentError
        There is no such number of buckets.
    """
    if isinstance(buckets, bool) or not isinstance(buckets, int) or not 1 <= buckets < 2**31:
        raise ArgumentError(
            f"buckets: {buckets!r}", hint="Use a whole number from 1 to 2**31 - 1", argument="buckets", value=buckets
        )
    out = np.empty(len(hashes), np.uint32)
    picking.jump(np.ascontiguousarray(hashes, np.uint64), buckets, out)
    return out.view(np.int32)
