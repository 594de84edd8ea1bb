"""Building, memory, and files."""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from .. import data
from .clock import Cost, interleave
from .contender import Contender
from .data_frames import Pandas
from .entrants import WrongAnswerError, attempt, check
from .hash_maps import Cykhash, Phashmap
from .measurement import OURS, Measurement, Settings
from .open_addressing import NumbaPairs, NumbaSplit
from .valkyrie_table import Valkyrie

BUILT: tuple[type[Contender], ...] = (Valkyrie, NumbaSplit, NumbaPairs, Phashmap, Cykhash, Pandas)
BY_HAND: tuple[type[NumbaSplit] | type[NumbaPairs], ...] = (NumbaSplit, NumbaPairs)
N_FIRST_ANSWERS = 100_000


def measure_build(name: str, n: int, settings: Settings) -> Measurement:
    """From an array of ids to a table that answers; rows are the positions."""
    pool = data.uniform_u64(n, 0)
    queries = pool.queries(1000, 100)
    measurement = Measurement(name)
    tasks: dict[str, Callable[[], Any]] = {}
    for contender in BUILT if settings.peers else (Valkyrie,):
        build = functools.partial(contender, pool.keys, "u64")
        # This first build also compiles what there is to compile.
        table = attempt(contender.name, build, measurement.problems)
        if table is not None and check(table, queries, measurement):
            tasks[contender.name] = build
    measurement.costs = interleave(tasks, settings.rounds, n)
    return measurement


def measure_bytes(name: str, n: int, settings: Settings) -> Measurement:
    """Bytes held per entry, where a table knows them."""
    keys = data.uniform_u64(n, 0).keys
    measurement = Measurement(name)
    held = Valkyrie(keys, "u64").table.nbytes / n
    measurement.costs[OURS] = Cost(held, held)
    for layout in BY_HAND if settings.peers else ():
        peer_held = attempt(layout.name, functools.partial(_slot_bytes, layout, keys), measurement.problems)
        if peer_held is not None:
            measurement.costs[layout.name] = Cost(peer_held / n, peer_held / n)
    return measurement


def _slot_bytes(layout: type[NumbaSplit] | type[NumbaPairs], keys: data.Keys) -> int:
    return layout(keys, "u64").nbytes


def measure_file(n: int, settings: Settings, wanted: Callable[[str], bool]) -> list[Measurement]:
    """From a file to the first answers, ours against Parquet; then lookups in the mapped file against those in memory.

    The files are in the page cache for both.
    """
    import valkyrie

    pool = data.uniform_u64(n, 0)
    queries = pool.queries(settings.batch(n), 100)
    first = queries.keys[:N_FIRST_ANSWERS]
    measured = []
    with tempfile.TemporaryDirectory(prefix="valkyrie-peers-") as directory:
        path = Path(directory, "ids.vks")
        ours = Valkyrie(pool.keys, "u64")
        ours.table.save(path)
        mapped: Any = valkyrie.load(path)
        for answer in (ours.answer(queries.keys), mapped.get_many(queries.keys)):
            if not (answer == queries.rows).all():
                raise WrongAnswerError("the mapped table gives another answer than the one in memory")

        def load_and_answer() -> Any:
            table: Any = valkyrie.load(path)
            return table.get_many(first)

        if wanted("load-1e7"):
            load = Measurement("load-1e7", wall=True)
            tasks: dict[str, Callable[[], Any]] = {OURS: load_and_answer}
            if settings.peers:
                _add_parquet(tasks, Path(directory, "ids.parquet"), pool.keys, first, load)
            load.costs = interleave(tasks, settings.rounds, 1000)
            measured.append(load)
        if wanted("mapped-1e7"):
            lookups = Measurement("mapped-1e7")
            lookups.costs = interleave(
                {
                    OURS: functools.partial(mapped.get_many, queries.keys),
                    "in memory": functools.partial(ours.answer, queries.keys),
                },
                max(9, settings.rounds),
                len(queries.keys),
            )
            measured.append(lookups)
    return measured


def _add_parquet(
    tasks: dict[str, Callable[[], Any]], path: Path, keys: data.Keys, first: data.Keys, measurement: Measurement
) -> None:
    try:
        import pandas

        pandas.DataFrame({"id": keys}).to_parquet(path)
    except ImportError as error:
        measurement.problems["pandas read_parquet"] = f"not installed ({error})"
        return

    def load_and_answer() -> np.ndarray[Any, Any]:
        index = pandas.Index(pandas.read_parquet(path)["id"].to_numpy())
        return np.asarray(index.get_indexer(first))

    tasks["pandas read_parquet"] = load_and_answer
