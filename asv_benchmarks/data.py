"""Seeded keys and queries; the same seed gives the same arrays.

A workload is a set of distinct keys (the table's row is the position of the key) and a set of queries with the rows
that are the right answers. Two rules keep the figures honest: **every miss is distinct** (a small pool of misses would
stay in cache and flatter every table), and no query shares an object with a key (Python would compare by identity).
"""

from __future__ import annotations

import importlib.util
import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Rows = npt.NDArray[np.int64]
Keys = npt.NDArray[Any]

SHORTEST_PAIR, LONGEST_PAIR = 12, 25
DENSE_START = 1000


@dataclass(frozen=True)
class Queries:
    """Queried keys, shape (m,), and the row of each, shape (m,), -1 for a miss."""

    keys: Keys
    rows: Rows


@dataclass(frozen=True)
class KeyPool:
    """Distinct keys, shape (n,), and further distinct keys that are not among them, to be asked for as misses."""

    keys: Keys
    absent: Keys

    def queries(self, m: int, hit_percent: int, seed: int = 1) -> Queries:
        """Mix `m` queries of which `hit_percent` per cent are in the table, in random order.

        Hits are drawn uniformly with replacement; misses are drawn without.

        Raises
        ------
        ValueError
            If there are fewer absent keys than misses wanted.
        """
        n_hits = m * hit_percent // 100
        n_misses = m - n_hits
        if n_misses > len(self.absent):
            raise ValueError(f"{n_misses} distinct misses wanted, the pool has {len(self.absent)}")
        rng = np.random.default_rng([seed, hit_percent])
        hits = rng.integers(0, len(self.keys), n_hits)
        misses = rng.permutation(len(self.absent))[:n_misses]
        order = rng.permutation(m)
        keys = _unshared(np.concatenate([self.keys[hits], self.absent[misses]])[order])
        rows = np.concatenate([hits, np.full(n_misses, -1, np.int64)])[order]
        return Queries(keys, rows)

    def zipf(self, m: int, exponent: float = 1.1, seed: int = 1) -> Queries:
        """Hits only, of which the k-th most popular key has a share proportional to ``k ** -exponent``."""
        rng = np.random.default_rng([seed, 11])
        shares = np.arange(1, len(self.keys) + 1, dtype=np.float64) ** -exponent
        cumulated = np.cumsum(shares)
        ranks = np.searchsorted(cumulated, rng.random(m) * cumulated[-1], side="right")
        rows = rng.permutation(len(self.keys))[np.minimum(ranks, len(self.keys) - 1)]
        return Queries(_unshared(self.keys[rows]), rows)


def uniform_u64(n: int, n_absent: int, seed: int = 0) -> KeyPool:
    """Ids drawn uniformly from all 64-bit numbers."""
    return _drawn(lambda rng: rng.integers(0, 2**64, n + n_absent, dtype=np.uint64), n, seed)


def dense_u64(n: int, n_absent: int, seed: int = 0) -> KeyPool:
    """Sequential ids in random order; the absent ones follow directly after the last."""
    rng = np.random.default_rng([seed, 2])
    keys = DENSE_START + rng.permutation(n).astype(np.uint64)
    return KeyPool(keys, DENSE_START + n + rng.permutation(n_absent).astype(np.uint64))


def uniform_b16(n: int, n_absent: int, seed: int = 0) -> KeyPool:
    """Random 128-bit ids as ``V16``."""

    def draw(rng: np.random.Generator) -> Keys:
        return np.frombuffer(rng.bytes(16 * (n + n_absent)), dtype="V16")

    return _drawn(draw, n, seed)


def surname_pairs(n: int, n_absent: int, seed: int = 0, surnames: Sequence[str] | None = None) -> KeyPool:
    """Real names joined in pairs, 12 to 25 UTF-8 bytes long, as an object array of str.

    Parameters
    ----------
    surnames : sequence of str, optional
        The names to join; by default those of ``names-dataset``, and then the pairs are cached.
    """
    wanted = n + n_absent
    if surnames is not None:
        return _split(np.array(_join_pairs(surnames, wanted, seed), dtype=object), n)
    pairs = cached_lines(f"pairs-{wanted}-{seed}", lambda: _join_pairs(read_surnames(), wanted, seed))
    return _split(np.array(pairs, dtype=object), n)


def single_surnames(seed: int = 0, surnames: Sequence[str] | None = None) -> KeyPool:
    """One half of the surnames as keys, the other half as absent keys; object arrays of str."""
    names = np.array(read_surnames() if surnames is None else surnames, dtype=object)
    np.random.default_rng([seed, 4]).shuffle(names)
    return _split(names, len(names) // 2)


def read_surnames() -> list[str]:
    """The 0.98 million distinct surnames of the PyPI package ``names-dataset``, kept in a cache after the first call.

    Raises
    ------
    ModuleNotFoundError
        If the package is not installed and there is no cache.
    """
    return cached_lines("surnames", _unpack_surnames)


def cache_directory() -> Path:
    """Where derived data is kept between runs: the user's cache directory, else the temporary one."""
    root = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    for parent in (root, Path(tempfile.gettempdir())):
        directory = parent / "valkyrie-benchmarks"
        try:
            directory.mkdir(parents=True, exist_ok=True)
        except OSError:
            continue
        if os.access(directory, os.W_OK):
            return directory
    raise OSError("neither the cache directory nor the temporary directory can be written")


def cached_lines(name: str, make: Callable[[], list[str]]) -> list[str]:
    """The lines that `make` gives, made once and then read from the cache; none holds a newline."""
    kept = cached_array(name, lambda: np.frombuffer("\n".join(make()).encode(), dtype=np.uint8))
    return str(kept.tobytes().decode()).split("\n")


def cached_array(name: str, make: Callable[[], Keys]) -> Keys:
    """The array that `make` gives, made once and then read from the cache."""
    cache = cache_directory() / f"{name}.npy"
    if not cache.exists():
        partial = cache.with_suffix(f".{os.getpid()}.npy")
        np.save(partial, make())
        partial.replace(cache)
    return np.asarray(np.load(cache, allow_pickle=False))


def _unpack_surnames() -> list[str]:
    if importlib.util.find_spec("names_dataset") is None:
        raise ModuleNotFoundError("real names need the package names-dataset (pip install names-dataset)")
    from names_dataset import NameDataset

    return [name for name in NameDataset(load_first_names=False).last_names if "\n" not in name]


def _join_pairs(surnames: Sequence[str], wanted: int, seed: int) -> list[str]:
    sized = [(name, len(name.encode())) for name in surnames]
    names = np.array([name for name, size in sized if size <= LONGEST_PAIR - 2], dtype=object)
    sizes = np.array([size for _, size in sized if size <= LONGEST_PAIR - 2])
    rng = np.random.default_rng([seed, 3])
    pairs: dict[str, None] = {}
    for _ in range(100):
        first, second = rng.integers(0, len(names), (2, wanted + wanted // 4))
        length = sizes[first] + 1 + sizes[second]
        fits = (length >= SHORTEST_PAIR) & (length <= LONGEST_PAIR)
        pairs.update(dict.fromkeys(f"{a} {b}" for a, b in zip(names[first[fits]], names[second[fits]], strict=True)))
        if len(pairs) >= wanted:
            return list(pairs)[:wanted]
    raise ValueError(f"{wanted} distinct pairs cannot be made of {len(names)} names")




def _drawn(draw: Callable[[np.random.Generator], Keys], n: int, seed: int) -> KeyPool:
    rng = np.random.default_rng([seed, 5])
    while True:
        drawn = draw(rng)
        # A repeated draw is rarer than one in 100,000 runs, so starting over costs nothing.
        words = np.sort(drawn if drawn.dtype.kind == "u" else drawn.view("<u8")[::2])
        if not (words[1:] == words[:-1]).any():
            return _split(drawn, n)


def _split(drawn: Keys, n: int) -> KeyPool:
    return KeyPool(drawn[:n], drawn[n:])


def _unshared(keys: Keys) -> Keys:
    if keys.dtype != object:
        return keys
    fresh = np.empty(len(keys), dtype=object)
    fresh[:] = [key.encode().decode() for key in keys]
    return fresh
