"""Several members for one key: replicas."""

from __future__ import annotations

import numpy as np

from valkyrie._native import picking
from valkyrie.errors import ArgumentError
from valkyrie.picks.members import Members
from valkyrie.picks.rendezvous import member_records
from valkyrie.typing import Int32Array, UInt64Array

__all__ = ["topk_many"]


def topk_many(hashes: UInt64Array, members: Members, k: int, *, seed: int = 0) -> Int32Array:
    """The k best members for each key, all different, the best first: the order of `Rendezvous`.

    Parameters
    ----------
    hashes : ndarray of uint64, shape (n,)
        `key_hashes` with the seed.
    members : Members
    k : int
        From 1.
    seed : int

    Returns
    -------
    ndarray of int32, shape (n, k)
        Locals; -1 behind the last where there are fewer than k members. Column 0 is what ``Rendezvous(seed=seed)`` picks,
        and the others are what it would pick if the better ones left.

    Raises
    ------
    ArgumentError
        There is no such k.

    Notes
    -----
    Safe from several threads. For a member that leaves, one place of a row changes; the others keep their order.
    """
    if isinstance(k, bool) or not isinstance(k, int) or k < 1:
        raise ArgumentError(f"k: {k!r} members of each key", hint="Use a whole number from 1", argument="k", value=k)
    out = np.empty((len(hashes), k), np.int32)
    records = member_records(members, seed) if len(members) else np.empty(0, np.uint8)
    picking.top_k(records.view(np.uint8), members.is_weighted, np.ascontiguousarray(hashes, np.uint64), out)
    return out
