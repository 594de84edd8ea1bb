"""From the start of a process to its first answer: interpreter, imports, a mapped file, kernels out of numba's cache."""

from __future__ import annotations

import functools
import importlib.util
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from .. import prefix_data
from ..data import Queries
from ..prefix_data import PrefixSet
from .clock import Cost, interleave
from .entrants import WrongAnswerError
from .measurement import OURS, Measurement, Settings
from .prefix_table import build_table

N_FIRST_ANSWERS = 100_000
IMPORT_ALONE = "import valkyrie; import numpy"
ANSWER = "import sys; import numpy as np; import valkyrie as vk; found = vk.load({table!r}).lookup_many(np.load({keys!r}))"
KEEP = ANSWER + "; np.save({found!r}, found)"


def measure_start(
    settings: Settings, wanted: Callable[[str], bool], load: Callable[[], PrefixSet] = prefix_data.networks4
) -> Iterator[Measurement]:
    """Wall time of fresh processes, with the compiled kernels and without numba; of the latter, what an import does not cost."""
    rows = {"prefix-start-jit": "1", "prefix-start-nojit": "0"}
    try:
        prefixes = load()
    except ModuleNotFoundError as error:
        yield from (Measurement(row, problems={"data": str(error)}) for row in rows if wanted(row))
        return
    queries = prefixes.asked(N_FIRST_ANSWERS, 100, seed=4)
    with tempfile.TemporaryDirectory(prefix="valkyrie-peers-") as directory:
        paths = {name: str(Path(directory, name)) for name in ("table", "keys.npy", "found.npy")}
        build_table(prefixes).save(paths["table"])
        np.save(paths["keys.npy"], queries.keys)
        names = {name.partition(".")[0]: path for name, path in paths.items()}
        for row, jit in rows.items():
            if wanted(row):
                yield _measure(row, jit, names, queries, settings)


def _measure(row: str, jit: str, paths: dict[str, str], queries: Queries, settings: Settings) -> Measurement:
    measurement = Measurement(row, wall=True)
    if jit == "1" and importlib.util.find_spec("numba") is None:
        measurement.problems[OURS] = "numba is not installed"
        return measurement
    run_python(KEEP.format(**paths), jit)  # fills numba's cache
    if not np.array_equal(np.load(paths["found"]), queries.rows):
        raise WrongAnswerError(f"{row}: the first answers of a process are wrong")
    codes = {OURS: ANSWER.format(**paths), "import alone": IMPORT_ALONE}
    spent: dict[str, list[float]] = {name: [] for name in codes}
    tasks = {name: functools.partial(_run_noting, code, jit, spent[name]) for name, code in codes.items()}
    walls = interleave(tasks, settings.rounds, 10**6)
    measurement.costs = {name: Cost(1000 * statistics.median(spent[name]), walls[name].wall) for name in codes}
    if jit == "0":
        whole, alone = (measurement.costs[name] for name in codes)
        measurement.costs[OURS] = Cost(whole.cpu - alone.cpu, whole.wall - alone.wall)
    return measurement


def _run_noting(code: str, jit: str, spent: list[float]) -> None:
    """Run, and note the CPU time in seconds: this process has none of it."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    run_python(code, jit)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def run_python(code: str, jit: str) -> None:
    """Run a fresh interpreter to its end."""
    subprocess.run([sys.executable, "-c", code], env=os.environ | {"VALKYRIE_JIT": jit}, check=True)
