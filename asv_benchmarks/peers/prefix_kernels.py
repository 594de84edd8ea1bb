"""A kernel of numba beside the same in C: the search alone, from words to ranks in an array that is used again."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import interval_tree
from .clock import interleave
from .entrants import WrongAnswerError
from .goals import C_TWIN
from .measurement import OURS, Measurement
from .prefix_batches import QUERIES, Entrants, Part


def kernel(row: str, m: int = QUERIES) -> Part:
    """The kernel over intervals, for prefixes of "bits"."""
    return (row,), lambda entrants: [measure_kernel(row, entrants, m)]


def measure_kernel(row: str, entrants: Entrants, m: int) -> Measurement:
    """``find_uint64`` of numba and of C over the arrays of our table; answers are rows, since these prefixes lie in order."""
    from valkyrie.tables.prefixes.interval_prefixes import Uint64Prefixes

    measurement = Measurement(row)
    queries = entrants.prefixes.asked(m, 90)
    columns = entrants.ours().table.arena
    engine = Uint64Prefixes.from_columns({name.removeprefix("search/"): array for name, array in columns.items()})
    assert engine.warm_up()
    tree, out = engine.tree, np.empty(m, np.int32)
    tasks: dict[str, Callable[[], Any]] = {OURS: functools.partial(engine.lookup, queries.keys, out)}
    try:
        arguments = (queries.keys, tree.words, tree.steps, tree.ranks, out)
        interval_tree.find_uint64(*arguments)
        tasks[C_TWIN] = functools.partial(interval_tree.find_uint64, *arguments)
    except RuntimeError as error:
        measurement.problems[C_TWIN] = str(error)
    rows = columns.get("rows", np.arange(len(entrants.prefixes)))
    for name, task in tasks.items():
        out[:] = -2
        task()
        if not np.array_equal(np.where(out < 0, -1, rows[out]), queries.rows):
            raise WrongAnswerError(f"{row}: answers of {name} are wrong")
    measurement.costs = interleave(tasks, entrants.settings.rounds, m)
    return measurement
