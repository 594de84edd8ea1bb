"""Prefixes over bits for tests: an oracle in plain Python, and the one way to build, ask and compare each engine."""

from __future__ import annotations

from typing import Any

import numpy as np

from valkyrie._scan import interval_tree, ipv4
from valkyrie.tables.prefixes.interval_prefixes import Ipv6Prefixes, Uint64Prefixes
from valkyrie.tables.prefixes.ipv4_prefixes import Ipv4Prefixes

__all__ = ["BITS", "Oracle", "build", "lookups", "query_words", "ranges_of"]

BITS: dict[Any, int] = {Ipv4Prefixes: 32, Uint64Prefixes: 64, Ipv6Prefixes: 128}
_WORD = (1 << 64) - 1


class Oracle:
    """A dict of (address, length) to rank, asked length by length."""

    def __init__(self, prefixes: set[tuple[int, int]], bits: int) -> None:
        self.bits = bits
        self.prefixes = sorted(prefixes)
        self.ranks = {prefix: rank for rank, prefix in enumerate(self.prefixes)}
        self.lengths = sorted({length for _, length in prefixes}, reverse=True)

    def longest(self, query: int, below: int = 129) -> int:
        for length in self.lengths:
            rank = self.ranks.get((query >> (self.bits - length) << (self.bits - length), length), -1)
            if length < below and rank >= 0:
                return rank
        return -1

    def parents(self) -> list[int]:
        return [self.longest(address, length) for address, length in self.prefixes]

    def edges(self) -> list[int]:
        """First and last address of each prefix, and their neighbours outside."""
        top = (1 << self.bits) - 1
        ends = [(address, address | (top >> length)) for address, length in self.prefixes]
        return [query for a, b in ends for query in (a, b, a - 1, b + 1) if 0 <= query <= top] + [0, top]

    def exact_and_range(self, prefix: tuple[int, int]) -> tuple[int, int, int]:
        """Rank or -1, and how many are under the prefix, as (rank, lo, hi); lo is where it stands or would."""
        address, length = prefix
        shift = self.bits - length
        under = [rank for rank, (a, n) in enumerate(self.prefixes) if n >= length and a >> shift == address >> shift]
        lo = under[0] if under else sum(other < prefix for other in self.prefixes)
        return self.ranks.get(prefix, -1), lo, lo + len(under)


def columns_of(engine: Any, prefixes: list[tuple[int, int]]) -> tuple[Any, ...]:
    lengths = np.array([length for _, length in prefixes], np.uint8)
    addresses = [address for address, _ in prefixes]
    if engine is Ipv6Prefixes:
        high, low = [a >> 64 for a in addresses], [a & _WORD for a in addresses]
        return np.array(high, np.uint64), np.array(low, np.uint64), lengths
    return np.array(addresses, np.uint32 if engine is Ipv4Prefixes else np.uint64), lengths


def build(engine: Any, prefixes: set[tuple[int, int]]) -> Any:
    return engine.build(*columns_of(engine, sorted(prefixes)))


def query_words(engine: Any, queries: list[int]) -> Any:
    """What `lookup` takes."""
    if engine is Ipv6Prefixes:
        return np.frombuffer(b"".join(query.to_bytes(16, "big") for query in queries), np.uint64)
    return np.array(queries, np.uint32 if engine is Ipv4Prefixes else np.uint64)


def lookups(table: Any, words: Any) -> list[Any]:
    """The answers of the compiled kernel and of its numpy twin."""
    n = len(words) // 2 if isinstance(table, Ipv6Prefixes) else len(words)
    compiled, twin = np.full(n, -9, np.int32), np.full(n, -9, np.int32)
    table.warm_up()
    table.lookup(words, compiled)
    if isinstance(table, Ipv4Prefixes):
        ipv4.find_ipv4(words, *table._arguments, twin)
    elif isinstance(table, Ipv6Prefixes):
        interval_tree.find_ipv6(words, *table._arguments, twin)
    else:
        interval_tree.find_intervals(words, table.tree.words, table.tree.steps, table.tree.ranks, twin)
    return [compiled, twin]


def ranges_of(table: Any, prefixes: list[tuple[int, int]]) -> list[tuple[int, int, int]]:
    """What `find` and `ranges` say, as `Oracle.exact_and_range`."""
    columns = columns_of(type(table), prefixes)
    lo, hi = table.ranges(*columns)
    return list(zip(table.find(*columns).tolist(), lo.tolist(), hi.tolist(), strict=True))
