"""Every way to ask a table the same queries, which must all give the same rows."""

from __future__ import annotations

import pickle
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

import valkyrie as vk

__all__ = ["agree", "every_way", "sample", "scalar_rows"]

Rows = npt.NDArray[np.int32]


def every_way(table: vk.IdTable, queries: Any, directory: Path, rng: np.random.Generator) -> Iterator[tuple[str, Rows]]:
    """The rows of the queries by name of the way: at once, in pieces, on threads, into `out`, from a copy of the table.

    Parameters
    ----------
    queries : sequence of length n that can be sliced
    directory : Path
        Where the table may be saved.
    """
    n = len(queries)
    yield "batch", table.get_many(queries)
    cuts = np.unique(np.append(rng.integers(0, n + 1, 7), [0, min(n, 1), n]))
    parts = [table.get_many(queries[a:b]) for a, b in zip(cuts[:-1], cuts[1:], strict=True)]
    yield "pieces", np.concatenate([*parts, np.empty(0, np.int32)])
    for threads in (2, 3):
        yield f"{threads} threads", table.get_many(queries, threads=threads)
    out = np.full(n, 123, np.int32)
    assert table.get_many(queries, out=out, threads=2) is out
    yield "out", out
    missing = table.get_many(queries, missing=-77)
    yield "missing", np.where(missing == -77, np.int32(-1), missing)
    assert np.array_equal(table.contains_many(queries), missing != -77)
    yield "pickled", pickle.loads(pickle.dumps(table)).get_many(queries)
    yield "columns", vk.IdTable.from_columns(table.to_columns()).get_many(queries)
    path = directory / f"{rng.integers(2**60)}.vks"
    table.save(path)
    for mode, verify in (("mmap", "none"), ("mmap", "full"), ("copy", "header")):
        loaded = vk.load(path, mode=mode, verify=verify)  # type: ignore[arg-type]
        assert isinstance(loaded, vk.IdTable)
        yield f"loaded, {mode}, {verify}", loaded.get_many(queries)
        if mode == "mmap":
            yield "mapped, threads", loaded.get_many(queries, threads=2)
    path.unlink()


def sample(n: int, most: int = 300) -> slice:
    """Positions for ways that are too slow for all of them."""
    return slice(None, None, max(1, n // most))


def scalar_rows(table: vk.IdTable, queries: list[Any]) -> list[int]:
    """The rows of some queries one by one, by ``get``, ``in`` and ``[]``, which must agree; -1 for a miss."""
    rows: list[int] = []
    for query in queries:
        row = table.get(query, -1)
        assert (query in table) == (row >= 0)
        if row >= 0:
            assert table[query] == row == table.get(query)
        else:
            assert table.get(query) is None
        rows.append(row)
    return rows


def agree(table: vk.IdTable, queries: Any, expected: Rows, directory: Path, rng: np.random.Generator) -> None:
    """Ask in every way, and one by one a sample; AssertionError names the way that disagrees."""
    for way, rows in every_way(table, queries, directory, rng):
        assert rows.dtype == np.int32
        assert np.array_equal(rows, expected), way
    some = queries[sample(len(queries))]
    listed = some.tolist() if hasattr(some, "tolist") else list(some)
    assert scalar_rows(table, listed) == expected[sample(len(queries))].tolist()
    if table.kind == "b16" and listed and isinstance(listed[0], bytes):
        assert scalar_rows(table, [uuid.UUID(bytes=key) for key in listed]) == expected[sample(len(queries))].tolist()
