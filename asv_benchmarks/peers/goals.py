"""The rows of the report, and what each must reach."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

BEST = "best peer"
FLOOR = "floor"
C_TWIN = "the same in C"
ITSELF = ""


@dataclass(frozen=True)
class Goal:
    """A figure to reach.

    Parameters
    ----------
    against : str
        ``BEST``, the beginning of a peer's name or ``FLOOR``: the figure is a ratio of costs. ``ITSELF``: our own.
    must, moonshot : float, optional
        With a peer, how many times cheaper we are, at least; otherwise the most that it may be.
    """

    against: str
    must: float | None = None
    moonshot: float | None = None

    @property
    def higher_is_better(self) -> bool:
        """Whether the figure is a lower bound."""
        return self.against not in (FLOOR, ITSELF)

    def verdict(self, figure: float) -> Literal["moonshot", "must", "short", "-"]:
        """The most that `figure` reaches."""
        for name, bound in (("moonshot", self.moonshot), ("must", self.must)):
            if bound is not None and (figure >= bound if self.higher_is_better else figure <= bound):
                return "moonshot" if name == "moonshot" else "must"
        return "-" if self.must is None else "short"


@dataclass(frozen=True)
class Row:
    """One line of the report: what was done, the unit of its costs, and its goals (the first is the main one)."""

    name: str
    workload: str
    goals: tuple[Goal, ...] = (Goal(BEST),)
    unit: str = "ns/id"


def _ids(size: str, best: tuple[tuple[float, float], ...], pandas: tuple[float, float | None]) -> list[Row]:
    floor = (Goal(FLOOR, 1.6, 1.2),) if size == "1e7" else (Goal(FLOOR),)
    rows = []
    for hits, (must, moonshot) in zip((100, 50, 0), best, strict=True):
        # pandas is stated for hits; with misses its ratio is printed without a bound.
        beside = Goal("pandas", *pandas) if hits == 100 else Goal("pandas")
        goals = (Goal(BEST, must, moonshot), beside, *floor)
        rows.append(Row(f"u64-{size}-h{hits}", f"uniform u64, {size} keys, {hits} % hits", goals))
    return rows


def _mixes(name: str, workload: str, goals: tuple[Goal, ...]) -> list[Row]:
    """The goals are stated for hits; the other mixes are printed beside."""
    first = Row(f"{name}-h100", f"{workload}, 100 % hits", goals)
    return [first, *(Row(f"{name}-h{hits}", f"{workload}, {hits} % hits") for hits in (50, 0))]


def _one(name: str, kind: str) -> list[Row]:
    """A prefix table asked for single keys."""
    mean = Row(f"prefix-{name}-one", f"lookup of one {kind}", (Goal(BEST, 1.0, 2.0),), "ns/call")
    return [mean, Row(f"prefix-{name}-one-p50", "the same, median", (Goal(ITSELF, 1000.0),), "ns/call")]


def _held(name: str, kind: str, must: float | None = None, moonshot: float | None = None) -> list[Row]:
    """Bytes of a prefix table."""
    index = Row(f"prefix-{name}-bytes", f"bytes a prefix that lookups read, {kind}", (Goal(ITSELF, must, moonshot),), "bytes")
    return [index, Row(f"prefix-{name}-bytes-all", "the same and everything else, rows in any order", (Goal(ITSELF),), "bytes")]


_IP4, _NESTED = "IPv4, 0.51e6 networks", "IPv4, 0.86e6 nested networks"
PREFIX_ROWS: tuple[Row, ...] = (
    Row("prefix-ip4-uniform", f"{_IP4}, uniform addresses", (Goal(BEST, 7.0, 20.0), Goal("pytricia"), Goal(FLOOR))),
    Row("prefix-ip4-table", f"{_IP4}, addresses inside", (Goal(BEST, 7.0, 20.0), Goal("pytricia"), Goal(FLOOR))),
    Row("prefix-ip4-text", f"{_IP4}, a list of text to rows", (Goal("pytricia", 15.0, 30.0),)),
    *_one("ip4", "IPv4 address as text"),
    *_held("ip4", "IPv4", 5.0, 4.0),
    Row("prefix-nested-uniform", f"{_NESTED}, uniform addresses", (Goal(BEST, 7.0, 20.0), Goal("pytricia"), Goal(FLOOR))),
    Row("prefix-nested-table", f"{_NESTED}, addresses inside", (Goal(BEST, 7.0, 20.0), Goal("pytricia"), Goal(FLOOR))),
    Row("prefix-nested-build", f"{_NESTED}, build from arrays", (Goal(ITSELF, 150.0, 25.0), Goal("pytricia")), "ms"),
    *_held("nested", "nested IPv4", 5.0, 4.0),
    Row("prefix-shuffled-table", f"{_IP4}, rows in any order, addresses inside", (Goal(BEST), Goal(FLOOR))),
    Row("prefix-ip6", "IPv6, 0.13e6 networks, 90 % inside", (Goal("numpy", 8.5, 25.0), Goal("pytricia"), Goal(FLOOR))),
    *_one("ip6", "IPv6 address as text"),
    *_held("ip6", "IPv6", 20.0),
    Row("prefix-mac", "MAC, 24/28/36 bits, 45e3, 90 % inside", (Goal("numpy", 8.5, 25.0), Goal(FLOOR))),
    Row("prefix-mac-kernel", "the same, the search alone: numba's code", (Goal(C_TWIN),)),
    *_one("mac", "64-bit number"),
    *_held("mac", "MAC"),
    Row("prefix-phones", "E.164, 0.32e6 prefixes, 90 % inside",
        (Goal("numpy S", 15.0, 45.0), Goal("datrie", 35.0), Goal("aligned"), Goal(FLOOR))),
    *_one("phones", "telephone number as text"),
    *_held("phones", "E.164"),
    Row("prefix-zones", "time zones of numbers, 3,240 prefixes, 90 % inside",
        (Goal("phonenumbers", 200.0), Goal("numpy S"), Goal("datrie"), Goal(FLOOR))),
    *_one("zones", "telephone number as text"),
    Row("prefix-paths", "paths of names, 0.9e6, 80 % inside", (Goal("numpy S", 11.0, 25.0), Goal("marisa", 16.0))),
    *_one("paths", "path"),
    *_held("paths", "paths"),
    Row("prefix-names", "names byte by byte, 0.98e6, 80 % inside", (Goal("numpy S"), Goal("marisa"))),
    *_one("names", "name"),
    *_held("names", "names"),
    *(Row(f"prefix-range-{length}", f"{length} bytes to a range of 0.98e6 names",
          (Goal("numpy S", 60.0, 180.0), Goal("numpy searchsorted")), "ns/prefix") for length in (3, 5, 8)),
    *(Row(f"prefix-rows-{length}", f"{length} bytes to the rows of 0.98e6 names",
          (Goal("bisect", 30.0, 100.0), Goal("numpy S")), "ns/prefix") for length in (3, 5, 8)),
    Row("prefix-routes", "REST routes, 7e3, long shared prefixes, 90 % inside", (Goal("numpy S", 2.4, 8.0),)),
    *_one("routes", "route"),
    Row("prefix-suffixes", "public suffixes, 9e3, 90 % inside", (Goal("numpy S", 2.4, 8.0),)),
    *_one("suffixes", "domain"),
    Row("prefix-start-jit", "start of a process to 1e5 rows, kernels cached (wall)", (Goal(ITSELF, 900.0),), "ms"),
    Row("prefix-start-nojit", "the same without numba, less the import (wall)", (Goal(ITSELF, 50.0),), "ms"),
)  # fmt: skip

ROWS: tuple[Row, ...] = (
    *_ids("1e4", ((1.1, 1.5), (3.3, 4.5), (1.3, 2.0)), (4.0, None)),
    *_ids("1e6", ((3.8, 5.0), (4.2, 6.0), (1.9, 3.0)), (12.0, 15.0)),
    *_ids("1e7", ((4.2, 5.0), (4.8, 6.0), (3.0, 4.0)), (13.0, 18.0)),
    Row("zipf-1e6", "u64, Zipf(1.1), 1e6 keys", (Goal(BEST, 2.0, 4.0), Goal(FLOOR))),
    Row("zipf-1e7", "u64, Zipf(1.1), 1e7 keys", (Goal(BEST, 2.0, 4.0), Goal(FLOOR))),
    Row("dense-1e6-h100", "sequential u64, 1e6 keys, hits"),
    Row("dense-1e6-h0", "sequential u64, 1e6 keys, misses", (Goal(BEST, 0.8, 1.0),)),
    *_mixes("b16-1e6", "16-byte ids, 1e6 keys", (Goal(BEST, 18.0, 25.0),)),
    *_mixes("arrow-1e6", "Arrow strings, 1e6 names", (Goal("polars", 10.0, 15.0), Goal("pyarrow", 13.0, 20.0))),
    *_mixes("S-1e6", "numpy S, 1e6 names", (Goal(BEST, 6.0, 10.0),)),
    *_mixes("U-1e6", "numpy U, 1e6 names", (Goal(BEST, 7.0, 12.0),)),
    *_mixes("object-1e6", "object array of str, 1e6 names", (Goal(BEST, 12.0, 18.0),)),
    *_mixes("stringdtype-1e6", "StringDType, 1e6 names", (Goal(BEST, None, 20.0),)),
    *_mixes("surnames", "Arrow strings, 0.49e6 surnames", (Goal(BEST),)),
    Row("scalar-1e4", "get of one int, 1e4 keys", (Goal("dict[]", 0.9, 1.4),), "ns/call"),
    Row("scalar-1e4-p50", "the same, median", unit="ns/call"),
    Row("scalar-1e4-p99", "the same, 99th percentile", (Goal(ITSELF, 1000.0),), "ns/call"),
    Row("scalar-1e6", "get of one int, 1e6 keys", (Goal(BEST, 1.2, 1.6),), "ns/call"),
    Row("scalar-1e6-p50", "the same, median", unit="ns/call"),
    Row("scalar-1e6-p99", "the same, 99th percentile", (Goal(ITSELF, 1000.0),), "ns/call"),
    Row("call-1", "call of 1 id, 1e6 keys", (Goal(BEST, 0.7, 1.2),), "ns/call"),
    Row("call-256", "call of 256 ids, 1e6 keys", (Goal(BEST, 1.3, 2.0),), "ns/call"),
    Row("bytes-1e6", "bytes per entry, u64, 1e6 keys", (Goal(ITSELF, 15.0, 12.0),), "bytes"),
    Row("bytes-1e7", "bytes per entry, u64, 1e7 keys", (Goal(ITSELF, 15.0, 12.0),), "bytes"),
    Row("build-1e7", "build, u64, 1e7 keys", (Goal(ITSELF, 60.0, 27.0), Goal(BEST)), "ns/key"),
    Row("threads-1e7", "2 threads (wall), 1e7 keys", (Goal("1 thread", 1.75, 1.9),)),
    Row("load-1e7", "load a .vks of 1e7 rows, answer 1e5 (wall)", (Goal("pandas", 50.0),), "us"),
    Row("mapped-1e7", "lookups in the mapped file", (Goal("in memory", 1 / 1.5),)),
    Row("publish-1e7", "publish 100 changed keys of 1e7 (wall)", (Goal(ITSELF, 1000.0, 50.0), Goal("copy")), "us"),
    Row("pending-1e7", "lookups while 100 changes wait", (Goal("before", 1 / 1.15, 1 / 1.05),)),
    Row("merged-1e7", "lookups once they are merged", (Goal("before", 1 / 1.03),)),
    *PREFIX_ROWS,
)

QUICK_SCENARIOS = (
    "u64-1e4", "u64-1e6", "zipf-1e6", "dense-1e6", "b16-1e6", "arrow-1e6", "object-1e6",
    "scalar-1e4", "call-1", "call-256", "bytes-1e6", "prefix-mac", "prefix-suffixes",
)  # fmt: skip


def find_row(name: str) -> Row:
    """The row of that name."""
    return next(row for row in ROWS if row.name == name)
