"""Sets of distinct keys, by name: those that people have, and those that hashes have been known to stumble over."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

__all__ = ["INTEGERS", "WIDE", "absent_ids", "names", "neighbours"]

Ids = npt.NDArray[np.uint64]
_U64 = np.uint64


def _every(n: int) -> Ids:
    return np.arange(n, dtype=np.uint64)


def _uniform(n: int, rng: np.random.Generator) -> Ids:
    ids: Ids = np.unique(rng.integers(0, 2**64, n + 16, dtype=np.uint64))[:n]
    return ids


def _powers(n: int, rng: np.random.Generator) -> Ids:
    shift = rng.integers(0, 64 - max(1, int(n).bit_length()))
    return _every(n) << _U64(shift)


INTEGERS: dict[str, Callable[[int, np.random.Generator], Ids]] = {
    "uniform": _uniform,
    "sequential": lambda n, rng: _every(n) + _U64(1000),
    "dense with holes": lambda n, rng: rng.permutation(2 * n + 1)[:n].astype(np.uint64) + _U64(2**40),
    "strided": lambda n, rng: _every(n) * _U64(4097),
    "multiples of a power of two": _powers,
    "equal low halves": lambda n, rng: (_every(n) << _U64(32)) | _U64(5),
    "equal high halves": lambda n, rng: _every(n) * _U64(3) + _U64(7 << 40),
    "both halves equal": lambda n, rng: _every(n) * _U64(2**32 + 1),
    "clustered": lambda n, rng: (_every(n) // _U64(64)) * _U64(10**9) + _every(n) % _U64(64),
    "around the sign": lambda n, rng: _every(n) * _U64(2**11 + 1) + _U64(2**63) - _U64(n // 2 * (2**11 + 1)),
}
"""By name, a function from (n, rng) to n distinct ids, uint64, shape (n,); viewed as int64 they serve signed tables."""


def neighbours(ids: Ids) -> Ids:
    """Queries that look like the keys and mostly are none: one more, and the same with one high bit flipped."""
    return np.concatenate([ids + _U64(1), ids ^ _U64(1 << 63), ids ^ _U64(1 << 32)])


def absent_ids(n: int, rng: np.random.Generator) -> Ids:
    """Ids of which none, or next to none, is a key."""
    return rng.integers(0, 2**64, n, dtype=np.uint64)


def _equal_ends(n: int, rng: np.random.Generator) -> npt.NDArray[np.void]:
    words = np.zeros((n, 2), np.uint64)
    words[:, 0] = np.where(np.arange(n) % 2, np.arange(n), 3)
    words[:, 1] = np.where(np.arange(n) % 2, 5, np.arange(n))
    return words.view("V16").ravel()


def _random16(n: int, rng: np.random.Generator) -> npt.NDArray[np.void]:
    return rng.integers(0, 2**64, (n, 2), dtype=np.uint64).view("V16").ravel()


def _counted16(n: int, rng: np.random.Generator) -> npt.NDArray[np.void]:
    words = np.zeros((n, 2), ">u8")
    words[:, 1] = np.arange(n)
    return words.view("V16").ravel()


WIDE: dict[str, Callable[[int, np.random.Generator], npt.NDArray[np.void]]] = {
    "random": _random16,
    "counted": _counted16,
    "one half equal": _equal_ends,
}
"""By name, a function from (n, rng) to n distinct 128-bit ids, V16, shape (n,)."""


def names(n: int, *, plain: bool = False) -> list[str]:
    """Distinct texts of 1 to some 100 bytes; unless `plain`, with NULs and characters of every width in UTF-8."""
    if plain:
        return ["x" * (i % 71) + str(i) for i in range(n)]
    return [("näme" if i % 3 else "") + "x" * (i % 71) + f"{i}\0{i % 7}" + ("日本🦉" if i % 5 == 0 else "") for i in range(n)]
