"""What lies under a prefix: its range of ranks, and its rows."""

from __future__ import annotations

import bisect
import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from ..data import Keys
from .clock import interleave
from .entrants import WrongAnswerError
from .measurement import OURS, Measurement
from .prefix_batches import Entrants, Part

N_RANGES = 100_000
MOST_LISTED = 10**7
"""Rows of one call; of three bytes, each has 1,250 names under it."""


def ranges(row: str, length: int, m: int = N_RANGES) -> Part:
    """Prefixes of so many bytes to ranges of ranks."""
    return (row,), lambda entrants: [measure_ranges(row, entrants, length, m)]


def listed(row: str, length: int, m: int = N_RANGES) -> Part:
    """Prefixes of so many bytes to rows."""
    return (row,), lambda entrants: [measure_listed(row, entrants, length, m)]


def beginnings(keys: Keys, length: int, m: int, seed: int = 0) -> tuple[Keys, Keys]:
    """The first `length` bytes of `m` keys drawn uniformly, and the first text behind each that does not begin with it."""
    rng = np.random.default_rng([seed, length, 61])
    texts = [text[:length] for text in keys[rng.integers(0, len(keys), m)].tolist()]
    return np.array(texts), np.array([text[:-1] + bytes([text[-1] + 1]) for text in texts])


def right_ranges(keys: Keys, prefixes: Keys) -> tuple[list[int], list[int]]:
    """By bisect in a list, which no contender for ranges does."""
    held = keys.tolist()
    low = [bisect.bisect_left(held, prefix) for prefix in prefixes.tolist()]
    high = [bisect.bisect_left(held, prefix[:-1] + bytes([prefix[-1] + 1])) for prefix in prefixes.tolist()]
    return low, high


def measure_ranges(row: str, entrants: Entrants, length: int, m: int) -> Measurement:
    """``range_many`` against two searches of numpy, which has the ends of the ranges given."""
    keys = entrants.prefixes.keys
    first, behind = beginnings(keys, length, m)
    right = right_ranges(keys, first)
    tasks: dict[str, Callable[[], Any]] = {OURS: functools.partial(entrants.ours().table.range_many, first)}
    if entrants.settings.peers:
        tasks["numpy S searchsorted"] = lambda: (np.searchsorted(keys, first), np.searchsorted(keys, behind))
        if length <= 8:
            words, low, high = (leading_words(texts) for texts in (keys, first, behind))
            tasks["numpy searchsorted of 8 bytes"] = lambda: (np.searchsorted(words, low), np.searchsorted(words, high))
    measurement = Measurement(row)
    for name in list(tasks):
        if not all(np.array_equal(found, expected) for found, expected in zip(tasks[name](), right, strict=True)):
            _wrong(name, measurement, tasks)
    measurement.costs = interleave(tasks, entrants.settings.rounds, m)
    return measurement


def leading_words(texts: Keys) -> Keys:
    """The first eight bytes as big-endian numbers in native order."""
    return np.frombuffer(texts.astype("S8").tobytes(), ">u8").astype(np.uint64)


def measure_listed(row: str, entrants: Entrants, length: int, m: int) -> Measurement:
    """``enumerate_many`` against slices of a list of rows between two bisections, one slice a prefix."""
    keys = entrants.prefixes.keys
    first, behind = beginnings(keys, length, m)
    low, high = (np.array(ends) for ends in right_ranges(keys, first))
    m = int(np.searchsorted(np.cumsum(high - low), MOST_LISTED, side="right"))
    first, behind, low, high = (array[:m] for array in (first, behind, low, high))
    held, rows = keys.tolist(), list(range(len(keys)))
    pairs = list(zip(first.tolist(), behind.tolist(), strict=True))
    bisect_left = bisect.bisect_left

    def slices() -> list[list[int]]:
        return [rows[bisect_left(held, low) : bisect_left(held, high)] for low, high in pairs]

    def repeated() -> tuple[Keys, Keys]:
        low, high = np.searchsorted(keys, first), np.searchsorted(keys, behind)
        offsets = np.concatenate([[0], np.cumsum(high - low)])
        return offsets, np.arange(offsets[-1], dtype=np.int32) + np.repeat((low - offsets[:-1]).astype(np.int32), high - low)

    tasks: dict[str, Callable[[], Any]] = {OURS: functools.partial(entrants.ours().table.enumerate_many, first)}
    if entrants.settings.peers:
        tasks |= {"bisect slice": slices, "numpy S searchsorted": repeated}
    measurement = Measurement(row)
    for name in list(tasks):
        answer = tasks[name]()
        found = answer if name == "bisect slice" else np.split(answer[1], answer[0][1:-1])
        expected = zip(low.tolist(), high.tolist(), strict=True)
        if not all(np.array_equal(part, np.arange(*ends)) for part, ends in zip(found, expected, strict=True)):
            _wrong(name, measurement, tasks)
    measurement.costs = interleave(tasks, entrants.settings.rounds, m)
    return measurement


def _wrong(name: str, measurement: Measurement, tasks: dict[str, Callable[[], Any]]) -> None:
    if name == OURS:
        raise WrongAnswerError(f"{measurement.row}: answers are wrong")
    measurement.problems[name] = "wrong answers"
    del tasks[name]
