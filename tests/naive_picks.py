"""Oracles of picks: what policies promise, in plain Python, one key at a time. Nothing here imports Valkyrie."""

from __future__ import annotations

import hashlib
import math
import struct
from bisect import bisect_right
from collections.abc import Sequence
from fractions import Fraction

import xxhash

__all__ = [
    "grouped",
    "jump",
    "ketama_hash",
    "key_bytes",
    "key_hash",
    "maglev_slots",
    "mixed",
    "patched_jump",
    "rendezvous_order",
    "ring_owner",
    "ring_points",
    "slot_of",
    "sticky_slots",
]

MASK = (1 << 64) - 1


def key_bytes(key: int | str | bytes) -> bytes:
    """What XXH64 sees of a key."""
    if isinstance(key, int):
        return struct.pack("<Q", key & MASK)
    return key.encode() if isinstance(key, str) else key


def key_hash(key: int | str | bytes, seed: int = 0) -> int:
    return int(xxhash.xxh64_intdigest(key_bytes(key), seed))


def ketama_hash(key: int | str | bytes) -> int:
    """The first four bytes of MD5, in the high half."""
    text = key if isinstance(key, bytes) else str(key).encode()
    return int.from_bytes(hashlib.md5(text).digest()[:4], "little") << 32


def slot_of(hashed: int, size: int) -> int:
    return hashed * size >> 64


def mixed(hashed: int, member: int) -> int:
    x = (hashed ^ member) * 0x9FB21C651E98DF25 & MASK
    return (x ^ x >> 32) * 0xD6E8FEB86659FD93 & MASK


def rendezvous_order(names: Sequence[bytes], weights: Sequence[float], hashed: int, seed: int = 0) -> list[int]:
    """Positions of the members, the best first. The logarithm is the library's, which may differ from ours in the last digit."""
    equal = len(set(weights)) <= 1

    def cost(i: int) -> float:
        t = (2 * (mixed(hashed, key_hash(names[i], seed)) >> 16) + 1) / 2**49
        return t if equal else -math.log1p(-t) / weights[i]

    return sorted(range(len(names)), key=lambda i: (cost(i), names[i]))


def maglev_slots(names: Sequence[bytes], weights: Sequence[float], size: int, seed: int = 0) -> list[int]:
    """Positions of the members that own each slot: the loop of Envoy, turn by turn."""
    slots = [-1] * size
    order = sorted(range(len(names)), key=lambda i: names[i])
    place = {i: key_hash(names[i], seed) % size for i in order}
    skip = {i: key_hash(names[i], (seed + 1) & MASK) % (size - 1) + 1 for i in order}
    target = dict.fromkeys(order, 0.0)
    filled, turn = 0, 0
    while filled < size:
        turn += 1
        for i in order:
            if turn * weights[i] < target[i]:
                continue
            target[i] += max(weights)
            while slots[place[i]] >= 0:
                place[i] = (place[i] + skip[i]) % size
            slots[place[i]] = i
            filled += 1
            if filled == size:
                break
    return slots


def ring_points(names: Sequence[bytes], weights: Sequence[float], points: int, kind: str, seed: int = 0) -> list[tuple[int, int]]:
    """Points in order, each with the position of its member; `names` in the order of declaration."""
    texts = points // 4 if kind == "md5" else points
    total = sum(map(Fraction, weights))
    owner: dict[int, int] = {}
    for i, name in enumerate(names):
        for j in range(int(len(names) * texts * Fraction(weights[i]) / total)):
            label = b"%s-%d" % (name, j)
            if kind == "md5":
                digest = hashlib.md5(label).digest()
                for at in range(0, 16, 4):
                    owner[int.from_bytes(digest[at : at + 4], "little") << 32] = i
            else:
                owner[key_hash(label, seed)] = i
    return sorted(owner.items())


def ring_owner(points: Sequence[tuple[int, int]], hashed: int) -> int:
    at = bisect_right([point for point, _ in points], hashed)
    return points[at % len(points)][1]


def jump(hashed: int, buckets: int) -> int:
    """The listing of the paper."""
    bucket, after = -1, 0
    while after < buckets:
        bucket = after
        hashed = (hashed * 2862933555777941757 + 1) & MASK
        after = int((bucket + 1) * (float(1 << 31) / float((hashed >> 33) + 1)))
    return bucket


def patched_jump(hashed: int, present: dict[int, bytes], positions: int, seed: int = 0) -> int:
    """Jump over positions of which only some are present: a position."""
    for _ in range(64):
        bucket = jump(hashed, positions)
        if bucket in present:
            return bucket
        hashed = key_hash(hashed, seed)
    order = sorted(present, key=lambda i: present[i])
    names = [present[i] for i in order]
    return order[rendezvous_order(names, [1.0] * len(names), hashed, seed)[0]]


def sticky_slots(names: Sequence[bytes], weights: Sequence[float], slots: int, seed: int = 0) -> list[int]:
    return [rendezvous_order(names, weights, key_hash(slot, seed), seed)[0] for slot in range(slots)]


def grouped(hashed: int, thresholds: Sequence[int], seed: int = 0) -> int:
    """Which of the groups a hash goes to."""
    remix = mixed(hashed, seed)
    return next(i for i, threshold in enumerate(thresholds) if remix <= threshold or i == len(thresholds) - 1)
