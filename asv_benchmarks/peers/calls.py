"""Small calls: one key through the scalar front, and arrays of one or 256 keys."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import data
from ..data import Keys, Queries
from .clock import Cost, interleave, percentiles
from .contender import Contender
from .data_frames import Pandas
from .entrants import WrongAnswerError, attempt, check
from .hash_maps import Arraymap, Cykhash, Phashmap
from .measurement import OURS, Measurement, Settings
from .open_addressing import NumbaPairs, NumbaSplit
from .valkyrie_table import Valkyrie

BATCHED: tuple[type[Contender], ...] = (Valkyrie, Arraymap, NumbaPairs, NumbaSplit, Phashmap, Cykhash, Pandas)
N_CALLS = 100_000
N_BATCHES, N_PASSES = 1_000, 10


@dataclass(frozen=True)
class Getter:
    """A way to ask for one key: the object, the call or subscript in a plain loop, and the call alone."""

    each: Callable[[Any, Sequence[Any]], None]
    table: Any
    call: Callable[[Any], Any]
    signed: bool = False


def call_each(call: Callable[[Any], Any], arguments: Sequence[Any]) -> None:
    """The plain loop around a call."""
    for argument in arguments:
        call(argument)


def subscript_each(table: Any, keys: Sequence[Any]) -> None:
    """The plain loop around a subscript."""
    for key in keys:
        table[key]


def measure_scalar(name: str, n: int, settings: Settings) -> Iterator[Measurement]:
    """Single hits in random order: the mean of a plain loop, then the 50th and 99th percentile."""
    pool = data.uniform_u64(n, 0)
    queries = pool.queries(N_CALLS, 100)
    # Lists of fresh integers: the objects that the dict holds would be found by identity.
    keys, signed = queries.keys.tolist(), queries.keys.view(np.int64).tolist()
    mean, middle, tail = (Measurement(name + part) for part in ("", "-p50", "-p99"))
    tasks, asked = {}, {}
    for contender, make in _GETTERS.items():
        if contender != OURS and not settings.peers:
            continue
        getter = attempt(contender, functools.partial(make, pool.keys), mean.problems)
        if getter is None:
            continue
        own_keys = signed if getter.signed else keys
        if any(getter.call(key) != row for key, row in zip(own_keys, queries.rows.tolist(), strict=True)):
            if contender == OURS:
                raise WrongAnswerError(f"{name}: a scalar answer is wrong")
            mean.problems[contender] = "wrong answers"
            continue
        # Our get and the others' best spelling: a subscript of a dict is faster than a call of its get.
        tasks[contender] = functools.partial(getter.each, getter.table, own_keys)
        asked[contender] = (getter.call, own_keys)
    mean.costs = interleave(tasks, settings.rounds, N_CALLS)
    for contender, (call, own_keys) in asked.items():
        p50, p99 = percentiles(call, own_keys)
        middle.costs[contender], tail.costs[contender] = Cost(p50, p50), Cost(p99, p99)
    yield from (mean, middle, tail)


def measure_calls(name: str, size: int, n: int, settings: Settings) -> Measurement:
    """Calls of `size` ids each, all hits, the output allocated by the call.

    A thousand different calls are repeated, so that the cost of a call is seen rather than that of a cold cache.
    """
    measurement = Measurement(name)
    pool = data.uniform_u64(n, 0)
    queries = pool.queries(N_BATCHES * size, 100)
    chosen = BATCHED[: -1 if settings.quick else None] if settings.peers else BATCHED[:1]
    tasks = {}
    for contender_type in chosen:
        contender = attempt(contender_type.name, functools.partial(contender_type, pool.keys, "u64"), measurement.problems)
        if contender is None:
            continue
        parts = list(_parts(queries, size))
        if all(check(contender, part, measurement) for part in parts):
            batches = [contender.prepare(part.keys) for part in parts]
            tasks[contender.name] = functools.partial(call_each, contender.answer, batches * N_PASSES)
    measurement.costs = interleave(tasks, settings.rounds, N_BATCHES * N_PASSES)
    return measurement


def _parts(queries: Queries, size: int) -> Iterator[Queries]:
    for start in range(0, len(queries.keys), size):
        yield Queries(queries.keys[start : start + size].copy(), queries.rows[start : start + size])


def _ours(keys: Keys) -> Getter:
    get = Valkyrie(keys, "u64").table.get
    return Getter(call_each, get, get)


def _dict(keys: Keys) -> dict[int, int]:
    return dict(zip(keys.tolist(), range(len(keys)), strict=True))


def _dict_subscript(keys: Keys) -> Getter:
    table = _dict(keys)
    return Getter(subscript_each, table, table.__getitem__)


def _dict_get(keys: Keys) -> Getter:
    get = _dict(keys).get
    return Getter(call_each, get, get)


def _cykhash(keys: Keys) -> Getter:
    table = Cykhash(keys, "u64").table
    return Getter(subscript_each, table, table.__getitem__, signed=True)


def _arraymap(keys: Keys) -> Getter:
    get = Arraymap(keys, "u64").table.get
    return Getter(call_each, get, get)


def _pandas(keys: Keys) -> Getter:
    import pandas

    get_loc = pandas.Index(keys).get_loc
    return Getter(call_each, get_loc, get_loc)


_GETTERS: dict[str, Callable[[Keys], Getter]] = {
    OURS: _ours,
    "dict[]": _dict_subscript,
    "dict.get": _dict_get,
    "cykhash[]": _cykhash,
    "arraymap.get": _arraymap,
    "pandas get_loc": _pandas,
}
