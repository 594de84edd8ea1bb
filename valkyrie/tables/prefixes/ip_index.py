"""The index of kind "ip": IPv4 and IPv6 in one table, IPv4 first in the order of ranks."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from functools import cached_property
from typing import Any, ClassVar, Self

import numpy as np

from valkyrie._native import IpReader, read_only
from valkyrie.errors import ArgumentError
from valkyrie.parallel import run
from valkyrie.tables.content_sum import ContentSum, record_sum
from valkyrie.tables.prefixes.index import BuiltIndex, PrefixIndex, Queries, without_duplicates
from valkyrie.tables.prefixes.interval_prefixes import Ipv6Prefixes
from valkyrie.tables.prefixes.ip_keys import ip_queries
from valkyrie.tables.prefixes.ip_networks import ip_prefixes
from valkyrie.tables.prefixes.ipv4_prefixes import Ipv4Prefixes
from valkyrie.tables.prefixes.keys import IpColumn, IpPrefixes
from valkyrie.typing import AnyArray, BoolArray, Errors, Int32Array, Int64Array, OnDuplicate, PrefixKind, UInt8Array

__all__ = ["IpIndex"]

_CHUNK = 1 << 19


class IpIndex(PrefixIndex):
    """Networks of both families.

    Attributes
    ----------
    v4 : Ipv4Prefixes
    v6 : Ipv6Prefixes
    """

    kinds: ClassVar[tuple[PrefixKind, ...]] = ("ip",)

    def __init__(self, v4: Ipv4Prefixes, v6: Ipv6Prefixes) -> None:
        self.kind = "ip"
        self.v4, self.v6 = v4, v6
        self.reader = IpReader(v4.reader_arguments(), v6.reader_arguments())

    @classmethod
    def build(
        cls, prefixes: Any, lengths: Any, *, kind: PrefixKind, strict: bool, wildcards: bool, on_duplicate: OnDuplicate
    ) -> BuiltIndex:
        given = ip_prefixes(prefixes, lengths, strict=strict)
        at4, at6 = _families(given)
        (order4, equal4), (order6, equal6) = _sorted4(given, at4), _sorted6(given, at6)
        between = np.zeros(int(len(at4) > 0 and len(at6) > 0), np.bool_)
        order = without_duplicates(
            np.concatenate([order4, order6]),
            np.concatenate([equal4, between, equal6]),
            on_duplicate,
            lambda position: _text(given, position),
        )
        n4 = len(order) if not len(at6) else int(np.count_nonzero(_is_v4(given)[order]))
        v4 = Ipv4Prefixes.build(*_columns4(given, order[:n4]))
        v6 = Ipv6Prefixes.build(*_columns6(given, order[n4:]))
        return BuiltIndex(cls(v4, v6), order, given.n)

    @classmethod
    def from_columns(cls, columns: Mapping[str, AnyArray], kind: PrefixKind) -> Self:
        parts = {
            family: {name.removeprefix(family): values for name, values in columns.items() if name.startswith(family)}
            for family in ("v4/", "v6/")
        }
        v4 = Ipv4Prefixes.from_columns(parts["v4/"]) if parts["v4/"] else Ipv4Prefixes.build(*_NO_V4)
        v6 = Ipv6Prefixes.from_columns(parts["v6/"]) if parts["v6/"] else Ipv6Prefixes.build(*_NO_V6)
        return cls(v4, v6)

    def to_columns(self) -> dict[str, AnyArray]:
        columns: dict[str, AnyArray] = {}
        for family, engine in (("v4", self.v4), ("v6", self.v6)):
            if engine.n:
                columns |= {f"{family}/{name}": values for name, values in engine.to_columns().items()}
        return columns

    @property
    def n(self) -> int:
        return self.v4.n + self.v6.n

    @cached_property
    def lengths(self) -> Int32Array:
        return read_only(np.concatenate([self.v4.lengths, self.v6.lengths], dtype=np.int32))

    @cached_property
    def parents(self) -> Int32Array:
        above = self.v6.order.parents()
        above = np.where(above < 0, above, above + np.int32(self.v4.n))
        return read_only(np.concatenate([self.v4.order.parents(), above]))

    @property
    def index_nbytes(self) -> int:
        return sum(engine.index_nbytes for engine in (self.v4, self.v6) if engine.n)

    def queries(self, keys: Any, *, errors: Errors, threads: int) -> Queries:
        column = ip_queries(keys, errors=errors, threads=threads)
        values = len(column.v4) if column.v4 is not None else len(column.v6) // 2 if column.v6 is not None else 0
        return Queries(column, values, column.bad, lambda out: self._search(column, out, threads))

    def find(self, prefixes: Any, lengths: Any) -> Int32Array:
        given = ip_prefixes(prefixes, lengths)
        at4, at6 = _families(given)
        out = np.empty(given.n, np.int32)
        out[at4] = self.v4.find(*_columns4(given, at4))
        found = self.v6.find(*_columns6(given, at6))
        out[at6] = np.where(found < 0, found, found + np.int32(self.v4.n))
        return out

    def ranges(self, prefixes: Any, lengths: Any) -> tuple[Int32Array, Int32Array]:
        given = ip_prefixes(prefixes, lengths)
        at4, at6 = _families(given)
        lo, hi = np.empty(given.n, np.int32), np.empty(given.n, np.int32)
        lo[at4], hi[at4] = self.v4.ranges(*_columns4(given, at4))
        low, high = self.v6.ranges(*_columns6(given, at6))
        lo[at6], hi[at6] = low + np.int32(self.v4.n), high + np.int32(self.v4.n)
        return lo, hi

    def merged(self, kept: BoolArray, others: Self) -> tuple[Self, Int64Array]:
        n4, m4 = self.v4.n, others.v4.n
        four, at4 = self.v4.order.merged(kept[:n4], others.v4.order)
        six, at6 = self.v6.order.merged(kept[n4:], others.v6.order)
        assert six.low is not None
        k4, k = int(np.count_nonzero(kept[:n4])), int(np.count_nonzero(kept))
        # Each family counts what it keeps and then what is new; together they count both of the first, then both of the second.
        at4 = np.where(at4 < k4, at4, at4 - k4 + k)
        at6 = np.where(at6 < k - k4, at6 + k4, at6 + k4 + m4)
        v4 = Ipv4Prefixes.build(four.starts, four.lengths)
        return type(self)(v4, Ipv6Prefixes.build(six.starts, six.low, six.lengths)), np.concatenate([at4, at6])

    def content_sum(self, rows: Int32Array) -> ContentSum:
        n4 = self.v4.n
        networks = np.zeros(self.n, _NETWORK)
        networks["family"][:n4], networks["family"][n4:] = 4, 6
        networks["length"][:n4], networks["length"][n4:] = self.v4.lengths, self.v6.lengths
        networks["high"][:n4], networks["high"][n4:] = self.v4.starts, self.v6.high
        networks["low"][n4:] = self.v6.low
        return record_sum(networks, rows)

    def prefixes(self, ranks: Int64Array) -> list[str]:
        texts = []
        for rank in ranks.tolist():
            if rank < self.v4.n:
                address: Any = ipaddress.IPv4Address(int(self.v4.starts[rank]))
                length = int(self.v4.lengths[rank])
            else:
                at = rank - self.v4.n
                address = ipaddress.IPv6Address(int(self.v6.high[at]) << 64 | int(self.v6.low[at]))
                length = int(self.v6.lengths[at])
            texts.append(f"{address}/{length}")
        return texts

    def ranks_in(self, other: Self) -> Int32Array:
        four = other.v4.find(self.v4.starts, self.v4.lengths)
        six = other.v6.find(self.v6.high, self.v6.low, self.v6.lengths)
        return np.concatenate([four, np.where(six < 0, six, six + np.int32(other.v4.n))])

    def asked(self, prefixes: list[Any]) -> tuple[Any, Any, Any]:
        return [prefix.partition("/")[0] for prefix in prefixes], prefixes, None

    def warm_up(self) -> bool:
        return all([self.v4.warm_up(), self.v6.warm_up()])

    def _search(self, column: IpColumn, out: Int32Array, threads: int) -> None:
        """Write the ranks of the values of a column."""
        if column.family is None:
            if column.v4 is not None:
                self._lookup4(column.v4, out, threads)
            elif column.v6 is not None:
                self._lookup6(column.v6, out, threads)
            return
        assert column.v4 is not None
        assert column.v6 is not None
        out[:] = -1
        for family, values, lookup in ((4, column.v4, self._lookup4), (6, column.v6.view("V16"), self._lookup6)):
            at = np.flatnonzero(column.family == family)
            some = np.empty(len(at), np.int32)
            lookup(np.ascontiguousarray(values[at]).view(np.uint32 if family == 4 else np.uint64), some, threads)
            out[at] = some

    def _lookup4(self, queries: AnyArray, out: Int32Array, threads: int) -> None:
        run(lambda a, b: self.v4.lookup(queries[a:b], out[a:b]), len(out), threads=threads, chunk=_chunk(len(out), threads))

    def _lookup6(self, queries: AnyArray, out: Int32Array, threads: int) -> None:
        run(
            lambda a, b: self.v6.lookup(queries[2 * a : 2 * b], out[a:b]),
            len(out),
            threads=threads,
            chunk=_chunk(len(out), threads),
        )
        out[out >= 0] += np.int32(self.v4.n) if self.v4.n else np.int32(0)


_NETWORK = np.dtype([("high", "<u8"), ("low", "<u8"), ("family", "<u4"), ("length", "<u4")])
_NO_V4 = (np.empty(0, np.uint32), np.empty(0, np.uint8))
_NO_V6 = (np.empty(0, np.uint64), np.empty(0, np.uint64), np.empty(0, np.uint8))


def _chunk(n: int, threads: int) -> int:
    return min(_CHUNK, max(4096, -(-n // threads)))


def _families(given: IpPrefixes) -> tuple[Int64Array, Int64Array]:
    """Positions of the networks of each family."""
    every, none = np.arange(given.n), np.empty(0, np.int64)
    if given.family is None:
        return (every, none) if given.v4 is not None else (none, every)
    return np.flatnonzero(given.family == 4), np.flatnonzero(given.family == 6)


def _columns4(given: IpPrefixes, at: Int64Array) -> tuple[AnyArray, UInt8Array]:
    return _NO_V4 if given.v4 is None else (given.v4[at], given.lengths[at])


def _columns6(given: IpPrefixes, at: Int64Array) -> tuple[AnyArray, AnyArray, UInt8Array]:
    return _NO_V6 if given.high is None or given.low is None else (given.high[at], given.low[at], given.lengths[at])


def _is_v4(given: IpPrefixes) -> BoolArray:
    return np.full(given.n, given.v4 is not None) if given.family is None else given.family == 4


def _sorted4(given: IpPrefixes, at: Int64Array) -> tuple[Int64Array, BoolArray]:
    """The positions in order, and which networks equal the next."""
    starts, lengths = _columns4(given, at)
    words = starts.astype(np.uint64) << np.uint64(8) | lengths
    order = np.argsort(words)
    equal: BoolArray = words[order[1:]] == words[order[:-1]]
    if equal.any():  # then their order matters
        order = np.argsort(words, kind="stable")
    return at[order], equal


def _sorted6(given: IpPrefixes, at: Int64Array) -> tuple[Int64Array, BoolArray]:
    high, low, lengths = _columns6(given, at)
    order = np.lexsort((lengths, low, high))
    equal = np.ones(max(len(at) - 1, 0), np.bool_)
    for column in (high, low, lengths):
        equal &= column[order[1:]] == column[order[:-1]]
    return at[order], equal


def _text(given: IpPrefixes, position: int) -> str:
    length = int(given.lengths[position])
    if given.v4 is not None and (given.family is None or given.family[position] == 4):
        return f"{ipaddress.IPv4Address(int(given.v4[position]))}/{length}"
    if given.high is None or given.low is None:
        raise ArgumentError("no address is at that position", hint="Give one of a network")
    return f"{ipaddress.IPv6Address(int(given.high[position]) << 64 | int(given.low[position]))}/{length}"
