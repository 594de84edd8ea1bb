"""``valkyrie bench``: what this machine does, beside a dict and, where it is installed, pandas."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Annotated, Any

import numpy as np
import typer

from valkyrie.cli.exit_codes import ExitCode
from valkyrie.cli.measurement import machine, medians, ratio_text
from valkyrie.cli.opening import open_table
from valkyrie.cli.options import Json, Threads
from valkyrie.cli.reporting import console, emit_json, errors_console, table
from valkyrie.errors import ArgumentError
from valkyrie.tables import IdTable, index_of

__all__ = ["bench"]

SEED = 20130101
BATCH = 1_000_000
SIZES = (10_000, 1_000_000, 10_000_000)
SCALARS = 20_000


def bench(
    file: Annotated[
        str | None,
        typer.Argument(metavar="[TABLE.vks]", help="Measure this table with its own keys.", show_default=False),
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Fewer rounds and no table of ten million keys.")] = False,
    threads: Threads = 1,
    as_json: Json = False,
) -> None:
    """Measure this machine beside a dict and pandas, in nanoseconds a key.

    Every answer is compared before it is timed; the figures are medians of
    interleaved rounds. Without a file the keys are random 64-bit integers.
    """
    rounds = 3 if quick else 5
    rng = np.random.default_rng(SEED)
    rows: list[dict[str, Any]] = []
    if file is not None:
        index = index_of(open_table(file))
        if not isinstance(index, IdTable):
            raise ArgumentError(f"{file}: a table of prefixes", hint="Only tables whose keys are looked up whole are measured")
        rows += _measure(index, np.asarray(index.keys()), np.asarray(index.rows()), rng, rounds, threads or None)
    else:
        for size in SIZES[:-1] if quick and len(SIZES) > 1 else SIZES:
            keys = rng.permutation(np.unique(rng.integers(0, 2**64, size + size // 100, np.uint64, endpoint=False))[:size])
            started = time.perf_counter()
            index = IdTable.build(keys, threads=threads or None)
            seconds = time.perf_counter() - started
            started = time.perf_counter()
            dict(zip(keys.tolist(), range(len(keys)), strict=True))
            rows.append(_row(size, "build", seconds / size, (time.perf_counter() - started) / size, None))
            rows += _measure(index, keys, np.arange(size, dtype=np.int32), rng, rounds, threads or None)
    if as_json:
        emit_json({"machine": machine(), "rounds": rounds, "threads": threads, "batch": BATCH, "rows": rows})
        return
    console().print(machine())
    table(
        f"nanoseconds a key (batches of {BATCH:,}, medians of {rounds} rounds)",
        ["keys in table", "question", "valkyrie", "dict", "pandas", "to dict", "to pandas"],
        [
            [
                f"{row['entries']:,}",
                row["question"],
                *("" if row[peer] is None else f"{row[peer]:.1f}" for peer in ("valkyrie", "dict", "pandas")),
                ratio_text(row["valkyrie"], row["dict"]),
                ratio_text(row["valkyrie"], row["pandas"]),
            ]
            for row in rows
        ],
        numbers=5,
    )


def _row(entries: int, question: str, ours: float, by_dict: float, by_pandas: float | None) -> dict[str, Any]:
    """Seconds a key become nanoseconds."""
    return {
        "entries": entries,
        "question": question,
        "valkyrie": ours * 1e9,
        "dict": by_dict * 1e9,
        "pandas": None if by_pandas is None else by_pandas * 1e9,
    }


def _measure(
    index: IdTable, keys: Any, rows: Any, rng: np.random.Generator, rounds: int, threads: int | None
) -> list[dict[str, Any]]:
    """One batch of hits, one of hits and misses, one loop of single lookups."""
    entries = len(keys)
    if entries == 0:
        return []
    native = _native(keys, index.kind)
    reference = dict(zip(native, rows.tolist(), strict=True))
    get_indexer = _pandas_lookup(native if index.kind != "int" else keys, rows)
    questions = {"batch, all hits": keys[rng.integers(0, entries, min(BATCH, max(entries, 100_000)))]}
    if index.kind == "int":
        half = questions["batch, all hits"].copy()
        half[rng.random(len(half)) < 0.5] ^= half.dtype.type(0x5555_5555)
        questions["batch, some misses"] = half
    report = []
    for question, batch in questions.items():
        contenders = _contenders(index, reference, get_indexer, batch, threads)
        _check({name: np.asarray(run()) for name, run in contenders.items()})
        seconds = medians(contenders, rounds=rounds, warm=True)
        each = {name: value / len(batch) for name, value in seconds.items()}
        report.append(_row(entries, question, each["valkyrie"], each["dict"], each.get("pandas")))
    single = _native(keys[rng.integers(0, entries, SCALARS)], index.kind)
    seconds = medians(
        {
            "valkyrie": lambda: [index.get(key) for key in single],
            "dict": lambda: [reference.get(key) for key in single],
        },
        rounds=rounds,
    )
    report.append(_row(entries, "one key at a time", seconds["valkyrie"] / SCALARS, seconds["dict"] / SCALARS, None))
    return report


def _contenders(
    index: IdTable, reference: dict[Any, int], get_indexer: Callable[[Any], Any] | None, batch: Any, threads: int | None
) -> dict[str, Callable[[], Any]]:
    """Everyone gets the batch in the form that suits them best."""
    listed = _native(batch, index.kind)
    contenders: dict[str, Callable[[], Any]] = {
        "valkyrie": lambda: index.get_many(batch, threads=threads),
        "dict": lambda: [reference.get(key, -1) for key in listed],
    }
    if get_indexer is not None:
        asked = batch if index.kind == "int" else np.array(listed, object)
        contenders["pandas"] = lambda: get_indexer(asked)
    return contenders


def _native(keys: Any, kind: str) -> list[Any]:
    """Keys as Python objects, the form a dict is fastest with."""
    listed: list[Any] = keys.tolist()
    return [bytes(key) for key in listed] if kind == "b16" else listed


def _pandas_lookup(keys: Any, rows: Any) -> Callable[[Any], Any] | None:
    try:
        import pandas as pd
    except ImportError:
        return None
    held = pd.Index(keys if isinstance(keys, np.ndarray) else np.array(keys, object))

    def lookup(batch: Any) -> Any:
        positions = held.get_indexer(batch)
        return np.where(positions < 0, -1, rows[positions])

    return held.get_indexer if np.array_equal(rows, np.arange(len(rows))) else lookup


def _check(answers: dict[str, Any]) -> None:
    for name, answer in answers.items():
        if not np.array_equal(answer, answers["dict"]):
            errors_console().print(f"valkyrie: the answers of {name} differ from those of dict; nothing was timed")
            raise typer.Exit(ExitCode.WRONG_ANSWER)
