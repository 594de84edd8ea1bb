"""Longest-prefix match by set of prefixes: arrays, single keys, memory."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..data import Queries
from ..floor import Floor
from ..prefix_data import PrefixSet
from .calls import call_each
from .clock import Cost, interleave, percentiles
from .entrants import WrongAnswerError, attempt, check
from .goals import FLOOR
from .measurement import OURS, Measurement, Settings
from .prefix_forms import addresses
from .prefix_table import PrefixContender, ValkyriePrefixes, build_table
from .sorted_ranges import DigitRanges, PolarsAsof, SortedRanges, SortingRanges, TextParents, TextRanges
from .tries import Datrie, LengthDicts, Marisa, Phonenumbers, Pytricia

PREFIX_CONTENDERS: tuple[type[PrefixContender], ...] = (
    ValkyriePrefixes, SortedRanges, SortingRanges, PolarsAsof, TextRanges, TextParents, DigitRanges,
    LengthDicts, Pytricia, Datrie, Marisa, Phonenumbers,
)  # fmt: skip
N_SINGLE = 100_000
QUERIES = 1_000_000
Wanted = Callable[[str], bool]


@dataclass
class Entrants:
    """The contenders for one set of prefixes, each built when it is first needed."""

    prefixes: PrefixSet
    settings: Settings
    problems: dict[str, str] = field(default_factory=dict)
    built: dict[str, PrefixContender | None] = field(default_factory=dict)

    def enter(self, measurement: Measurement) -> Iterator[PrefixContender]:
        """All that take part; `measurement` is told why another does not."""
        kind = self.prefixes.kind
        for contender in PREFIX_CONTENDERS:
            invited = self.settings.peers or contender.name == OURS
            if invited and kind in contender.forms and contender.suits(self.prefixes):
                if contender.name not in self.built:
                    build = functools.partial(contender, self.prefixes, kind)  # type: ignore[arg-type]
                    self.built[contender.name] = attempt(contender.name, build, self.problems)
                table = self.built[contender.name]
                if table is None:
                    measurement.problems[contender.name] = self.problems[contender.name]
                else:
                    yield table

    def ours(self) -> ValkyriePrefixes:
        """Ours."""
        return next(table for table in self.enter(Measurement("")) if isinstance(table, ValkyriePrefixes))


Part = tuple[tuple[str, ...], Callable[[Entrants], list[Measurement]]]
"""The rows that a measurement fills, and how."""


@dataclass(frozen=True)
class PrefixWorkload:
    """A set of prefixes and what is measured of it."""

    name: str
    load: Callable[[], PrefixSet]
    parts: tuple[Part, ...]

    @property
    def rows(self) -> tuple[str, ...]:
        """All rows."""
        return tuple(row for rows, _ in self.parts for row in rows)


def measure_prefixes(workload: PrefixWorkload, settings: Settings, wanted: Wanted) -> Iterator[Measurement]:
    """Load the data and measure the rows that are `wanted`; without the data, they say what to install."""
    try:
        entrants = Entrants(workload.load(), settings)
    except ModuleNotFoundError as error:
        yield from (Measurement(row, problems={"data": str(error)}) for row in workload.rows if wanted(row))
        return
    for rows, measure in workload.parts:
        if any(wanted(row) for row in rows):
            yield from measure(entrants)


def batch(row: str, inside_percent: int, m: int = QUERIES) -> Part:
    """An array of queries, of which so many per cent lie inside a prefix."""
    return (row,), lambda entrants: [measure_batch(row, entrants, entrants.prefixes.asked(m, inside_percent))]


def measure_batch(row: str, entrants: Entrants, queries: Queries) -> Measurement:
    """Check every contender on `queries`, then time those that answer rightly; where bits are searched, the floor runs along."""
    measurement = Measurement(row)
    m = len(queries.rows)
    tasks: dict[str, Callable[[], Any]] = {}
    for contender in entrants.enter(measurement):
        if check(contender, queries, measurement):  # this compiles the kernels, too
            tasks[contender.name] = functools.partial(contender.answer, contender.prepare(queries.keys))
    if entrants.prefixes.kind in ("ip4", "ip6", "bits", "digits"):
        table = entrants.ours().table
        ids = np.random.default_rng(51).integers(0, 2**64, m, np.uint64)
        try:
            floor = Floor(int(table.stats.index_bytes_per_entry * len(table)), ids)
            tasks[FLOOR] = functools.partial(floor.touch, ids)
        except RuntimeError as error:
            measurement.problems[FLOOR] = str(error)
    measurement.costs = interleave(tasks, entrants.settings.rounds, m)
    return measurement


def single(row: str) -> Part:
    """Keys one by one: the mean of a plain loop, and the median."""
    return (row, f"{row}-p50"), functools.partial(measure_single, row)


def measure_single(row: str, entrants: Entrants) -> list[Measurement]:
    """Single keys, all of them inside a prefix, in random order."""
    queries = entrants.prefixes.asked(N_SINGLE, 100, seed=2)
    mean, middle = Measurement(row), Measurement(f"{row}-p50")
    tasks, asked = {}, {}
    for contender in entrants.enter(mean):
        if contender.get is None:
            continue
        keys = contender.each(queries.keys)
        call = contender.get
        n_wrong = sum(contender.row(call(key)) != right for key, right in zip(keys, queries.rows.tolist(), strict=True))
        if n_wrong and contender.name == OURS:
            raise WrongAnswerError(f"{row}: {n_wrong} single answers are wrong")
        if n_wrong:
            mean.problems[contender.name] = f"{n_wrong} of {N_SINGLE} answers are wrong"
            continue
        tasks[contender.name] = functools.partial(call_each, call, keys)
        asked[contender.name] = (call, keys)
    mean.costs = interleave(tasks, entrants.settings.rounds, N_SINGLE)
    for name, (call, keys) in asked.items():
        p50, _ = percentiles(call, keys)
        middle.costs[name] = Cost(p50, p50)
    return [mean, middle]


def held_bytes(row: str) -> Part:
    """Bytes a prefix: of what a lookup reads, and of all arrays where the rows are in any order and so are kept too."""
    return (row, f"{row}-all"), functools.partial(measure_bytes, row)


def measure_bytes(row: str, entrants: Entrants) -> list[Measurement]:
    """What tables hold, where they know it."""
    index, every = Measurement(row), Measurement(f"{row}-all")
    n = len(entrants.prefixes)
    for contender in entrants.enter(index):
        if isinstance(contender, ValkyriePrefixes):
            indexed = contender.table.stats.index_bytes_per_entry
            index.costs[OURS] = Cost(indexed, indexed)
        elif hasattr(contender, "nbytes"):
            index.costs[contender.name] = Cost(contender.nbytes / n, contender.nbytes / n)
    rows = np.random.default_rng(52).permutation(n)
    prefixes = entrants.prefixes
    table = build_table(PrefixSet(prefixes.kind, prefixes.keys, prefixes.lengths, rows))
    every.costs[OURS] = Cost(table.nbytes / n, table.nbytes / n)
    return [index, every]


def address_texts(row: str, m: int = QUERIES) -> Part:
    """A list of addresses as text, from the list to the rows."""
    return (row,), lambda entrants: [measure_texts(row, entrants, m)]


def measure_texts(row: str, entrants: Entrants, m: int) -> Measurement:
    """Ours against pytricia, which takes text anyway."""
    queries = entrants.prefixes.asked(m, 100, seed=3)
    measurement = Measurement(row)
    texts = addresses(entrants.prefixes.kind, queries.keys)
    tasks = {}
    for contender in entrants.enter(measurement):
        if contender.name not in (OURS, Pytricia.name):
            continue
        if not np.array_equal(contender.rows(contender.answer(texts)), queries.rows):
            if contender.name == OURS:
                raise WrongAnswerError(f"{row}: answers to texts are wrong")
            measurement.problems[contender.name] = "wrong answers"
            continue
        tasks[contender.name] = functools.partial(contender.answer, texts)
    measurement.costs = interleave(tasks, entrants.settings.rounds, m)
    return measurement


def building(row: str) -> Part:
    """From arrays to a table."""
    return (row,), lambda entrants: [measure_building(row, entrants)]


def measure_building(row: str, entrants: Entrants) -> Measurement:
    """Ours from arrays, pytricia from lists of integers, which it takes faster than text; in ms."""
    prefixes = entrants.prefixes
    measurement = Measurement(row)
    queries = prefixes.asked(1_000, 90)
    starts, lengths, rows = (array.tolist() for array in (prefixes.keys, prefixes.lengths, prefixes.rows))  # type: ignore[union-attr]

    def insert_all() -> Any:
        import pytricia

        tree = pytricia.PyTricia(prefixes.width)
        insert = tree.insert
        for start, length, row_of in zip(starts, lengths, rows, strict=True):
            insert(start, length, row_of)
        return tree

    tasks: dict[str, Callable[[], Any]] = {OURS: functools.partial(build_table, prefixes)}
    check(entrants.ours(), queries, measurement)
    tree = attempt(Pytricia.name, insert_all, measurement.problems) if entrants.settings.peers else None
    if tree is not None:
        answers = [tree.get(text, -1) for text in addresses(prefixes.kind, queries.keys)]
        if answers == queries.rows.tolist():
            tasks[Pytricia.name] = insert_all
        else:
            measurement.problems[Pytricia.name] = "wrong answers"
    measurement.costs = interleave(tasks, entrants.settings.rounds, 10**6)
    return measurement
