"""Disjoint intervals over all addresses, in a linearised B+-tree that a batch of queries goes down in step.

A line is 64 bytes: the *last* addresses of eight intervals (sixteen of 32 bits). The number of them that are less than a query,
one vector compare and a population count, says in which of the nine (seventeen) the query lies::

    level 0     one line      [ e | e | e | . | . | . | . | . ]        last address of all but the ninth of its subtrees
    level 1     2..9 lines    [ ..... ] [ ..... ] [ ..... ]            line i leads to lines 9 i to 9 i + 8 of the next level
    level 2     all intervals [ ..... ] [ ..... ] ... [ ..... ]        interval i ends with word i

The levels follow one another in one array, all queries take as many steps, and where a line begins is enough to know where the
next one does: ``9 a + 8 count + step`` with one number a level. What is missing at the end of a level is filled with the
highest address: it is never less than a query, so no search ends there, not even for the highest address itself. Ends instead
of beginnings because of that: the interval that reaches the highest address is its own filling.

This is the search of PlanB (NSDI 2026): elementary intervals, one linearised B+-tree, vector compares, batches; with a binary
tree or a sorted array the misses of cache and of branch prediction come one after the other, here they overlap.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from valkyrie import records
from valkyrie._native import Block, freeze
from valkyrie.errors import SnapshotFormatError
from valkyrie.typing import AnyArray, Int32Array, Int64Array

__all__ = ["IntervalTree"]


@dataclass(frozen=True, slots=True, eq=False)
class IntervalTree:
    """Intervals and the rank of each; all arrays are read-only.

    Attributes
    ----------
    lines : ndarray of INTERVAL_LINE or INTERVAL_LINE32
    ranks : ndarray of int32
        As many as the last level has words.
    words : ndarray of uint64 or uint32
        `lines` as plain words, the same memory.
    steps : ndarray of int64, one a level
        What leads from a line to the next level; for the last level where it begins.
    """

    lines: AnyArray
    ranks: Int32Array
    words: AnyArray
    steps: Int64Array

    @classmethod
    def build(cls, last: AnyArray, ranks: Int32Array) -> IntervalTree:
        """Build from the last addresses, rising to the highest of all, and the rank of each interval.

        Parameters
        ----------
        last : ndarray of uint64 or uint32, shape (m,), m > 0
        ranks : ndarray of int32, shape (m,)
        """
        kind = records.INTERVAL_LINE if last.dtype == np.uint64 else records.INTERVAL_LINE32
        width = _width(kind)
        padded = np.full(-(-len(ranks) // width) * width, -1, np.int32)
        padded[: len(ranks)] = ranks
        sizes = _level_sizes(len(padded) // width, width)
        block = Block(64 * sum(sizes))
        words = block.writable.view(last.dtype)
        words[-len(padded) :] = np.iinfo(last.dtype).max
        words[len(words) - len(padded) :][: len(last)] = last
        _fill_upper(words, sizes, width)
        lines = block.freeze()
        return cls(lines.view(kind), freeze(padded), lines.view(last.dtype), _steps(sizes, width))

    @classmethod
    def from_arrays(cls, lines: AnyArray, ranks: Int32Array, name: str, *, lowest: int, end: int) -> IntervalTree:
        """Take stored arrays, after checking that every search stays in them and ends with a rank from `lowest` to before
        `end`.

        Raises
        ------
        SnapshotFormatError
        """
        width = _width(lines.dtype)
        sizes = _level_sizes(len(ranks) // width, width)
        if len(ranks) == 0 or len(ranks) % width or len(lines) != sum(sizes):
            raise SnapshotFormatError(f"{name}: {len(lines):,} lines do not make a tree of {len(ranks):,} ranks")
        if int(ranks.min()) < lowest or int(ranks.max()) >= end:
            raise SnapshotFormatError(f"{name}: a rank lies outside {lowest} to {end - 1}")
        words = lines.view(lines.dtype["last"].base)
        leaves = words[-len(ranks) :]
        if leaves[-1] != np.iinfo(words.dtype).max or bool((leaves[1:] < leaves[:-1]).any()):
            raise SnapshotFormatError(f"{name}: intervals do not rise to the highest address")
        upper = words.copy()
        _fill_upper(upper, sizes, width)
        if not np.array_equal(upper, words):
            raise SnapshotFormatError(f"{name}: the upper levels do not fit the last")
        return cls(lines, ranks, words, _steps(sizes, width))

    @property
    def nbytes(self) -> int:
        """Bytes of lines and ranks."""
        return int(self.lines.nbytes + self.ranks.nbytes)


def _width(kind: np.dtype[np.void]) -> int:
    return int(kind["last"].shape[0])


def _level_sizes(leaves: int, width: int) -> list[int]:
    """Lines of each level, the top one first."""
    sizes = [leaves]
    while sizes[0] > 1:
        sizes.insert(0, -(-sizes[0] // (width + 1)))
    return sizes


def _steps(sizes: list[int], width: int) -> Int64Array:
    # A line at word a of level k is number a / width - first[k] there, and its child c is number (width + 1) times that, plus
    # c.
    first = np.cumsum([0, *sizes])[:-1]
    steps = width * first
    steps[:-1] = width * first[1:] - (width + 1) * width * first[:-1]
    return freeze(steps.astype(np.int64))


def _fill_upper(words: AnyArray, sizes: list[int], width: int) -> None:
    """Write all levels above the last one."""
    end = width * sum(sizes)
    ends = words[end - width * sizes[-1] : end].reshape(-1, width)[:, -1]
    end -= width * sizes[-1]
    for size in sizes[-2::-1]:
        children = np.full(size * (width + 1), np.iinfo(words.dtype).max, words.dtype)
        children[: len(ends)] = ends
        families = children.reshape(size, width + 1)
        words[end - width * size : end] = families[:, :-1].reshape(-1)
        ends = families[:, -1]
        end -= width * size
