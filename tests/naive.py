"""Oracles: what the tables promise, written with dicts and numpy alone. Nothing here imports Valkyrie."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["canonical", "get_many", "recovered", "routed", "rows_of"]

MASK = (1 << 64) - 1
_GOLDEN = 0x9E3779B97F4A7C15


def canonical(key: Any) -> Any:
    """A key as the thing tables compare: an int, the bytes of a 128-bit id, text as UTF-8 bytes; None is null."""
    if isinstance(key, str):
        return key.encode()
    return getattr(key, "bytes", key)


def rows_of(keys: Iterable[Any], rows: Iterable[int] | None = None, on_duplicate: str = "first") -> dict[Any, int]:
    """The dict that an IdTable is."""
    keys = [canonical(key) for key in keys]
    table: dict[Any, int] = {}
    for key, row in zip(keys, range(len(keys)) if rows is None else rows, strict=True):
        if on_duplicate == "last" or key not in table:
            table[key] = int(row)
    return table


def get_many(table: Mapping[Any, int], queries: Iterable[Any], missing: int = -1) -> npt.NDArray[np.int32]:
    """Rows of the queries, None being null."""
    keys = map(canonical, queries)
    return np.array([missing if key is None else table.get(key, missing) for key in keys], np.int32)


def routed(table: Mapping[Any, int], column: Sequence[Any], queries: Iterable[Any], missing: Any = None) -> list[Any]:
    """What a payload column says of the queries: `missing` for a null key, an absent key and a null in the column."""
    rows = get_many(table, queries).tolist()
    return [missing if row < 0 or column[row] is None else column[row] for row in rows]


def _splitmix64(state: int) -> int:
    z = state & MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return z ^ (z >> 31)


def _ids_behind(hashes: npt.NDArray[np.uint64], seed: int) -> npt.NDArray[np.uint64]:
    """Integers behind their fingerprints: the documented mix, undone step by step."""
    state = _splitmix64(seed + _GOLDEN)
    word = [_splitmix64(state + _GOLDEN * (i + 1)) for i in range(8)]
    h = hashes.copy()
    for multiplier in (word[3] | 1, word[2] | 1):
        h ^= h >> np.uint64(32)
        h *= np.uint64(pow(multiplier, -1, 1 << 64))
    x = h.copy()
    for _ in range(3):  # 25 more bits are right after each round
        x = h ^ (x >> np.uint64(25)) ^ (x >> np.uint64(47))
    return x ^ np.uint64(word[4])


def recovered(table: Any) -> dict[Any, int]:
    """Every (key, row) of a table, read from its arrays and header by the layout that `valkyrie.records` draws."""
    lines = table.lines
    header = table.to_columns()["header"][0]
    signed = table.kind == "int" and bool(header["is_signed"])
    if table.layout == "direct":
        at = np.flatnonzero(lines["row"] >= 0)
        keys = at.astype(np.uint64) + header["base"]
        return _unique(keys.view(np.int64 if signed else np.uint64).tolist(), lines["row"][at].tolist())
    field = "key" if table.kind == "b16" else "fp"
    used = lines["row"] != -1
    stored = np.concatenate([lines["row"][used], table.fallback["row"]])
    raw = np.concatenate([lines[field][used], table.fallback[field]])
    if table.kind == "int":
        return _unique(_ids_behind(raw, int(header["seed"])).view(np.int64 if signed else np.uint64).tolist(), stored.tolist())
    if table.kind == "b16":
        return _unique(raw.tolist(), stored.tolist())
    arena = table.arena.tobytes()
    heads = table.arena.view([("length", "<u4"), ("row", "<i4")])[stored.view(np.uint32)]
    starts = (8 * stored.view(np.uint32).astype(np.int64) + 8).tolist()
    texts = [arena[start : start + length] for start, length in zip(starts, heads["length"].tolist(), strict=True)]
    return _unique(texts, heads["row"].tolist())


def _unique(keys: list[Any], rows: list[int]) -> dict[Any, int]:
    found = dict(zip(keys, rows, strict=True))
    assert len(found) == len(keys), "a key is stored twice"
    return found


def longest_prefix(table: Mapping[Any, int], query: Any, begins: Any) -> Any:
    """The longest of the prefixes that a query begins with, by asking every one of them; None if there is none."""
    found = [prefix for prefix in table if begins(query, prefix)]
    return max(found, key=lambda prefix: prefix[-1] if isinstance(prefix, tuple) else len(prefix), default=None)
