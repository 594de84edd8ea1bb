"""Longest-prefix match as a search in sorted, disjoint ranges: what numpy and polars users write, and the strongest peers.

Nested prefixes are cut into ranges, of each of which one prefix is the longest match. Then one binary search a query does.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..data import Keys, Rows
from ..prefix_data import PrefixSet
from .prefix_forms import from_left, limits
from .prefix_table import PrefixContender

TEXTS = ("digits", "bytes", "path", "suffix")
DEEP = -2
"""In place of a row: the range is cut further by the low word of IPv6."""


def cut(prefixes: PrefixSet) -> tuple[list[Any], list[int]]:
    """The first key of each range, ascending, and its row, -1 if none; the first range begins at the least key."""
    firsts: list[Any] = []
    rows: list[int] = []
    open_: list[tuple[Any, int]] = [(None, -1)]

    def begin(first: Any, row: int) -> None:
        if firsts and firsts[-1] == first:
            rows[-1] = row
        else:
            firsts.append(first)
            rows.append(row)

    begin(b"" if prefixes.lengths is None else 0, -1)
    for first, end, row in limits(prefixes):
        while open_[-1][0] is not None and open_[-1][0] <= first:
            behind, _ = open_.pop()
            begin(behind, open_[-1][1])
        begin(first, row)
        open_.append((end, row))
    while open_[-1][0] is not None:
        behind, _ = open_.pop()
        begin(behind, open_[-1][1])
    return firsts, rows


class SortedRanges(PrefixContender):
    """``searchsorted`` in the ranges; 0.5 million of them are 4 MB."""

    name = "numpy searchsorted"
    forms = ("ip4", "ip6", "bits")
    sorts_queries = False

    def build(self, keys: PrefixSet) -> None:  # type: ignore[override]
        """Cut the ranges."""
        firsts, rows = cut(keys)
        if self.form == "ip6":
            self._build_wide(firsts, rows)
            return
        bits = 32 if self.form == "ip4" else 64
        within = [first < 2**bits for first in firsts]
        self.firsts = np.array(firsts[: sum(within)], f"u{bits // 8}")
        self.rows_of = np.array(rows[: sum(within)], np.int32)
        self.nbytes = self.firsts.nbytes + self.rows_of.nbytes
        self.answer = self._sorting if self.sorts_queries else self._search

    def _build_wide(self, firsts: list[int], rows: list[int]) -> None:
        """Ranges of the high word; where a prefix is longer than /64, a second search among all ranges."""
        inner = {first >> 64 for first in firsts if first & (2**64 - 1)}
        high: dict[int, int] = {}
        for first, row in zip(firsts, rows, strict=True):
            high[first >> 64] = DEEP if first >> 64 in inner else row
            if first >> 64 in inner and (first >> 64) + 1 < 2**64:
                high[(first >> 64) + 1] = row
        words = sorted(word for word in high if word < 2**64)
        self.firsts = np.array(words, np.uint64)
        self.rows_of = np.array([high[word] for word in words], np.int32)
        # Of 16 bytes in network order, of which numpy compares texts; NULs at the end compare equal to none.
        self.deep_firsts = np.array([first.to_bytes(16, "big") for first in firsts if first < 2**128], "S16")
        self.deep_rows = np.array(rows[: len(self.deep_firsts)], np.int32)
        self.nbytes = self.firsts.nbytes + self.rows_of.nbytes
        narrow = self._sorting if self.sorts_queries else self._search

        def answer(queries: tuple[Keys, Keys]) -> Keys:
            found = narrow(queries[0])
            deep = np.flatnonzero(found == DEEP)
            found[deep] = self.deep_rows[np.searchsorted(self.deep_firsts, queries[1][deep], side="right") - 1]
            return found

        self.answer = answer

    def prepare(self, queries: Keys) -> Any:
        """IPv6 as high words, and as texts of 16 bytes."""
        if self.form != "ip6":
            return queries
        return queries[:, 0].copy(), np.ascontiguousarray(queries.astype(">u8")).view("S16").reshape(-1)

    def _search(self, queries: Keys) -> Keys:
        return self.rows_of[np.searchsorted(self.firsts, queries, side="right") - 1]

    def _sorting(self, queries: Keys) -> Keys:
        order = np.argsort(queries)
        found = np.empty(len(queries), np.int32)
        found[order] = self.rows_of[np.searchsorted(self.firsts, queries[order], side="right") - 1]
        return found


class SortingRanges(SortedRanges):
    """The same with the queries sorted first: their search then stays in cache, which pays for the sort."""

    name = "numpy argsort + searchsorted"
    sorts_queries = True


class PolarsAsof(SortedRanges):
    """``join_asof`` of sorted queries, whose rows are then put in their order."""

    name = "polars join_asof"
    forms = ("ip4", "bits")

    def build(self, keys: PrefixSet) -> None:  # type: ignore[override]
        """Keep the frame of ranges."""
        import polars

        super().build(keys)
        self.frame = polars.DataFrame
        held = polars.DataFrame({"key": self.firsts, "row": self.rows_of}).set_sorted("key")

        def answer(queries: Any) -> Keys:
            joined = queries.sort("key").join_asof(held, on="key")
            found = np.empty(len(joined), np.int32)
            found[joined["position"].to_numpy()] = joined["row"].to_numpy()
            return found

        self.answer = answer

    def prepare(self, queries: Keys) -> Any:
        """A frame of keys and their positions."""
        return self.frame({"key": queries, "position": np.arange(len(queries), dtype=np.int32)})


class TextRanges(PrefixContender):
    """``searchsorted`` in ranges of text."""

    name = "numpy S ranges"
    forms = TEXTS

    def build(self, keys: PrefixSet) -> None:  # type: ignore[override]
        """Cut the ranges."""
        firsts, rows = cut(keys)
        held, rows_of = np.array(firsts), np.array(rows, np.int32)
        self.nbytes = held.nbytes + rows_of.nbytes
        self.answer = lambda queries: rows_of[np.searchsorted(held, queries, side="right") - 1]

    def prepare(self, queries: Keys) -> Any:
        """Read from the left."""
        return from_left(self.form, queries)


class TextParents(TextRanges):
    """``searchsorted`` among the prefixes; where the one found is none of the query's, its parents are tried in turn."""

    name = "numpy S + parents"

    def build(self, keys: PrefixSet) -> None:  # type: ignore[override]
        """Sort the prefixes and find each one's parent."""
        sorted_limits = limits(keys)
        held = np.array([first for first, _, _ in sorted_limits])
        rows = np.array([row for _, _, row in sorted_limits] + [-1], np.int32)
        parents = np.full(len(held) + 1, -1)
        open_: list[tuple[bytes, int]] = []
        for i, (first, end, _) in enumerate(sorted_limits):
            while open_ and open_[-1][0] <= first:
                open_.pop()
            parents[i] = open_[-1][1] if open_ else -1
            open_.append((end, i))
        self.nbytes = held.nbytes + rows.nbytes + parents.nbytes

        def answer(queries: Keys) -> Keys:
            at = np.searchsorted(held, queries, side="right") - 1
            wrong = np.flatnonzero((at >= 0) & ~np.strings.startswith(queries, held[at]))
            while len(wrong):
                at[wrong] = parents[at[wrong]]
                wrong = wrong[at[wrong] >= 0]
                wrong = wrong[~np.strings.startswith(queries[wrong], held[at[wrong]])]
            return rows[at]

        self.answer = answer


class DigitRanges(PrefixContender):
    """Numbers of digits padded to 16 nibbles in a uint64, so that integers are searched instead of text."""

    name = "aligned uint64"
    forms = ("digits",)

    def build(self, keys: PrefixSet) -> None:  # type: ignore[override]
        """Cut the ranges and align their ends."""
        firsts, rows = cut(keys)
        held, rows_of = self.prepare(np.array(firsts)), np.array(rows, np.int32)
        self.answer = lambda queries: rows_of[np.searchsorted(held, queries, side="right") - 1]

    def prepare(self, queries: Keys) -> Any:
        """Digits as nibbles, aligned to the left; a nibble is 0 where there is no digit, and digit + 1 where there is."""
        letters = np.frombuffer(queries.astype("S16").tobytes(), np.uint8).reshape(-1, 16).astype(np.uint64)
        nibbles = np.where(letters == 0, np.uint64(0), letters - np.uint64(ord("0") - 1))
        words: Rows = (nibbles << np.arange(60, -4, -4, dtype=np.uint64)).sum(axis=1, dtype=np.uint64)
        return words
