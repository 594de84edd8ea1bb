"""Which contenders take part in a workload, built and checked before anything is timed."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TypeVar

import numpy as np

from ..data import Keys, Queries
from .contender import Contender
from .data_frames import DuckdbJoin, Pandas, PandasText, PolarsJoin, PolarsReplace, PolarsWide, PyarrowIndexIn
from .hash_maps import Arraymap, Cykhash, Dict, Hirola, Phashmap
from .measurement import OURS, Measurement, Settings
from .open_addressing import NumbaPairs, NumbaSplit
from .valkyrie_table import Valkyrie

CONTENDERS: tuple[type[Contender], ...] = (
    Valkyrie, NumbaPairs, NumbaSplit, Phashmap, Arraymap, Cykhash, Hirola, Dict, Pandas, PandasText,
    PolarsJoin, PolarsReplace, PolarsWide, PyarrowIndexIn, DuckdbJoin,
)  # fmt: skip
# Never the best of their workload, or not by far; `--all-peers` runs them.
SLOW: dict[str, tuple[type[Contender], ...]] = {
    "u64": (Hirola, Dict, PolarsJoin, PolarsReplace, PyarrowIndexIn, DuckdbJoin),
    "b16": (Dict, Pandas, PolarsJoin, PyarrowIndexIn),
    "arrow": (Dict, PandasText, PolarsReplace),
    "S": (Dict,),
    "U": (Dict,),
    "object": (Pandas,),
    "stringdtype": (Dict,),
}
T = TypeVar("T")


class WrongAnswerError(Exception):
    """Our own table gave a wrong answer: nothing that it does quickly counts."""


def entrants(form: str, n: int, settings: Settings) -> list[type[Contender]]:
    """The contenders for `n` keys in container `form`; those that are never the best of it only on demand."""
    chosen = [contender for contender in CONTENDERS if form in contender.forms]
    if not settings.peers:
        return [contender for contender in chosen if contender is Valkyrie]
    in_a_hurry = settings.quick or (form == "u64" and n >= 10**7)
    slow = SLOW[form] if in_a_hurry and not settings.all_peers else ()
    return [contender for contender in chosen if contender not in slow]


def enter(keys: Keys, form: str, settings: Settings) -> tuple[list[Contender], dict[str, str]]:
    """Build every contender; those that cannot be built are returned with the reason."""
    built: list[Contender] = []
    problems: dict[str, str] = {}
    for contender in entrants(form, len(keys), settings):
        table = attempt(contender.name, functools.partial(contender, keys, form), problems)
        built += [table] if table is not None else []
    return built, problems


def attempt(name: str, make: Callable[[], T], problems: dict[str, str]) -> T | None:
    """What `make` returns; if a peer fails, None, and the reason in `problems`: no peer can stop the others."""
    try:
        return make()
    except Exception as error:
        if name == OURS:
            raise
        missing = isinstance(error, ImportError) or (isinstance(error, OSError) and "cannot open" in str(error))
        problems[name] = f"{'not installed' if missing else 'failed'} ({type(error).__name__}: {error})"
        return None


def check(contender: Contender, queries: Queries, measurement: Measurement) -> bool:
    """Whether `contender` answers `queries` rightly; if not, `measurement` says so.

    Raises
    ------
    WrongAnswerError
        If the contender is ours.
    """
    if not contender.answers_misses and (queries.rows < 0).any():
        measurement.problems[contender.name] = "cannot answer misses"
        return False
    answer = attempt(contender.name, lambda: contender.answer(contender.prepare(queries.keys)), measurement.problems)
    if answer is None:
        return False
    rows = contender.rows(answer)
    n_wrong = int(np.count_nonzero(rows != queries.rows)) if len(rows) == len(queries.rows) else len(queries.rows)
    if n_wrong and contender.name == OURS:
        raise WrongAnswerError(f"{measurement.row}: {n_wrong} of {len(queries.rows)} answers are wrong")
    if n_wrong:
        measurement.problems[contender.name] = f"{n_wrong} of {len(queries.rows)} answers are wrong"
    return n_wrong == 0
