"""Ring: each member owns many points of a circle, and a key belongs to the first point behind it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, get_args

import numpy as np

from valkyrie._native import freeze
from valkyrie.errors import ArgumentError
from valkyrie.picks.key_hashes import identity_hashes, text_digests
from valkyrie.picks.members import Members
from valkyrie.picks.policy import KeyHash, PickTable, Policy, Scope
from valkyrie.typing import Float64Array, Int64Array, UInt16Array, UInt32Array, UInt64Array

__all__ = ["Ring"]

POINTS = 160
_POINTS_A_DIGEST = 4
_PARTS_A_POINT = 2


@dataclass(frozen=True)
class Ring(Policy):
    """Consistent hashing on a circle; with MD5 it is ketama, and picks what other programs pick.

    Parameters
    ----------
    hash : {"md5", "xxh64"}
        MD5 is ketama as libmemcached and uhashring (``HashRing(nodes, hash_fn="ketama")``) have it: key for key the same
        picks, with whole numbers as weights too. XXH64 is faster, and its own format.
    points : int
        Of a member of mean weight. Of MD5 a multiple of 4, since a digest gives four points.
    seed : int, keyword only
        Of XXH64. MD5 has none.

    Notes
    -----
    The points of a member are hashes of the texts ``identity-0``, ``identity-1`` and so on; with MD5 each text gives four
    32-bit points. A member has ``floor(n * points * weight / sum(weights))`` of them, in MD5 rounded down to texts. Two members
    who share a 32-bit point are told apart by the order of declaration: the later has it.

    Members of equal weight differ in load by about ``1 / sqrt(points)``, 8 % at 160 points: Maglev and rendezvous are more even.

    D. Karger et al., Consistent Hashing and Random Trees, STOC 1997; R. Jones, libketama, 2007.
    """

    hash: KeyHash = "md5"
    points: int = POINTS
    name: ClassVar[str] = "ring"
    scope: ClassVar[Scope] = "keyed"
    movement: ClassVar[str] = (
        "Equal weights: the keys of a member that leaves, and to a member that joins its share; no others. A change of weight "
        "changes the number of points of all, and moves a little everywhere."
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.hash not in get_args(KeyHash):
            raise ArgumentError(f"hash: {self.hash!r}", hint="Use 'md5' or 'xxh64'", argument="hash", value=self.hash)
        step = _POINTS_A_DIGEST if self.hash == "md5" else 1
        if (
            isinstance(self.points, bool)
            or not isinstance(self.points, int)
            or not 0 < self.points <= 1 << 20
            or self.points % step
        ):
            raise ArgumentError(
                f"points: {self.points!r} of a member",
                hint=f"Use a whole number up to {1 << 20:,}" + (", a multiple of 4 for MD5" if step > 1 else ""),
                argument="points",
                value=self.points,
            )
        if self.hash == "md5" and self.seed:
            raise ArgumentError(
                f"seed: {self.seed} with MD5, which has none",
                hint='Leave it out, or use hash="xxh64"',
                argument="seed",
                value=self.seed,
            )

    def compile(self, members: Members) -> PickTable:
        """Sort the points. Takes about 1 us a point."""
        n = len(members)
        if n == 0:
            return PickTable("none", self.seed, hash=self.hash)
        ranks = np.argsort(members.declared)
        texts = _shares(members.weights, self.points // (_POINTS_A_DIGEST if self.hash == "md5" else 1))
        labels = [b"%s-%d" % (members.identities[i], j) for i in ranks.tolist() for j in range(texts[i])]
        owners = np.repeat(ranks, texts[ranks])
        if self.hash == "md5":
            positions = text_digests(labels).astype(np.uint64).reshape(-1) << np.uint64(32)
            owners = np.repeat(owners, _POINTS_A_DIGEST)
        else:
            positions = identity_hashes(labels, self.seed)
        points, local, index, shift = _sorted_ring(positions, members.local[owners])
        size = len(points) - 2
        return PickTable("ring", self.seed, n, size, points, local, index, hash=self.hash, shift=shift)


def _shares(weights: Float64Array, texts: int) -> Int64Array:
    """``floor(n * texts * weight / sum)`` of each weight, without rounding before the floor: int64, shape (n,)."""
    ratios = [weight.as_integer_ratio() for weight in weights.tolist()]
    scale = max(below for _, below in ratios)  # denominators are powers of two
    whole = [above * (scale // below) for above, below in ratios]
    total = sum(whole)
    return np.array([len(whole) * texts * each // total for each in whole], np.int64)


def _sorted_ring(positions: UInt64Array, local: UInt16Array) -> tuple[UInt64Array, UInt16Array, UInt32Array, int]:
    """Points in order, who has each, the index, and by how much a hash is shifted to its part of the index.

    A search reads at most two points further than there are, and behind the last point the first one owns.
    """
    order = np.argsort(positions, kind="stable")
    ranked = positions[order]
    is_last = np.append(ranked[1:] != ranked[:-1], True)
    ranked, owners = ranked[is_last], local[order][is_last]
    shift = 64 - max(1, (_PARTS_A_POINT * len(ranked) - 1).bit_length())
    starts = np.arange(1 << (64 - shift), dtype=np.uint64) << np.uint64(shift)
    index = np.searchsorted(ranked, starts).astype(np.uint32)
    points = np.append(ranked, np.full(2, np.iinfo(np.uint64).max))
    return freeze(points), freeze(np.append(owners, np.repeat(owners[:1], 3))), freeze(index), shift
