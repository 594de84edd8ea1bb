"""Hostile tables: arrays and numbers that do not fit each other, as a ``.vks`` file with right checksums could bring them.

``python -m tests.hostile.table_mutator --count 1000`` loads and asks them, in memory whose ends are fenced, and prints how many
were refused and how many answered. A crash, a foreign exception or a read outside ends it.
"""

from __future__ import annotations

import argparse
import faulthandler
import ipaddress
import json
import sys
import tempfile
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa

import valkyrie as vk
from tests.hostile.chosen_keys import colliding_bytes, colliding_ids, foreseen
from tests.hostile.fenced_memory import fenced
from tests.key_sets import names
from valkyrie import vks
from valkyrie.errors import ArgumentError, SnapshotFormatError, ValkyrieError
from valkyrie.records import FALLBACK, ID_TABLE_HEADER
from valkyrie.tables.ids import patch

__all__ = ["content_of", "judge", "mutate", "sample_tables"]

Columns = dict[str, Any]
EXTREMES = (0, 1, 2, 5, 31, 32, 63, 64, 255, 4096, 2**15, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**40, 2**63 - 1, 2**63, 2**64 - 1)
_OWNERS = {"id_table": vk.IdTable, "prefix_table": vk.PrefixTable, "route_table": vk.RouteTable}
READINGS = (("mmap", "full"), ("mmap", "none"), ("copy", "header"), ("copy", "none"))


def sample_tables() -> list[tuple[Any, list[Any]]]:
    """Good tables of every kind and layout, with queries that hit, small enough to be copied thousands of times."""
    rng = np.random.default_rng(0)
    ids = np.unique(rng.integers(0, 2**64, 17_000, dtype=np.uint64))
    with foreseen(7) as seeds:
        chosen = np.unique(colliding_ids(seeds[:3], 60))
        attack = [*colliding_bytes(seeds[:2], 12), *colliding_bytes(seeds[2:3], 4)]
        in_fallback, hashed_again = vk.IdTable.build(chosen, seed=7), vk.IdTable.build(attack, seed=7)
    texts = names(400)
    wide = [rng.bytes(16) for _ in range(300)]
    payload = {
        "number": np.arange(400, dtype="i2"),
        "text": [None if i % 7 == 0 else f"té {i % 30}" for i in range(400)],
        "flag": np.ma.MaskedArray(np.arange(400) % 2 == 0, np.arange(400) % 5 == 0),
        "code": np.array([f"c{i}" for i in range(400)], "S5"),
        "name": np.array([f"n{i}" for i in range(400)]),
        "day": np.datetime64("2020-01-01") + np.arange(400),
        "wide": np.array([i.to_bytes(16, "big") for i in range(400)], "V16"),
    }
    return [
        (vk.IdTable.build(np.arange(-500, 500) * 2), list(range(-500, -400))),
        (vk.IdTable.build(ids[:900], seed=1), ids[:99].tolist()),
        (vk.IdTable.build(ids, seed=2), ids[:99].tolist()),
        (vk.IdTable.build(np.arange(42_000) * 10**9, seed=3), (np.arange(99) * 10**9).tolist()),
        (in_fallback, chosen[:99].tolist()),
        (vk.IdTable.build(wide, kind="b16", seed=4), wide[:99]),
        (vk.IdTable.build(texts, seed=5), texts[:99]),
        (hashed_again, attack),
        (vk.IdTable.build([]), [1, 2]),
        (vk.RouteTable.build({"id": ids[:400], **payload}, seed=6), ids[:99].tolist()),
        (vk.RouteTable.build({"host": texts, **payload}, key="host", seed=6), texts[:99]),
        (vk.RouteTable.build({"id": np.array([], "u8"), "number": np.array([], "f8"), "text": []}), [1, 2]),
        *edited_tables(ids, wide, texts),
        *prefix_tables(),
    ]


def edited_tables(ids: Any, wide: list[bytes], texts: list[str]) -> list[tuple[Any, list[Any]]]:
    """Good tables beside which changes wait, of every kind and layout; small ones, which otherwise are built again."""
    usual, patch.FLAT_UP_TO = patch.FLAT_UP_TO, 0
    try:
        tables = [
            (vk.IdTable.build(np.arange(900) * 2, seed=8), list(range(100))),
            (vk.IdTable.build(ids[:900], seed=8), ids[:99].tolist()),
            (vk.IdTable.build(ids, seed=8), ids[:99].tolist()),
            (vk.IdTable.build(wide, kind="b16", seed=8), wide[:99]),
            (vk.IdTable.build(texts, seed=8), texts[:99]),
        ]
        edited = [(table.without(keys[:10:2]).replace(keys[10:30], range(20)), keys) for table, keys in tables]
    finally:
        patch.FLAT_UP_TO = usual
    assert all(table.pending == 25 for table, _ in edited)
    return edited


def prefix_tables() -> list[tuple[Any, list[Any]]]:
    """Good tables of every kind of prefixes, nested and deep, with queries that lie under them."""
    rng = np.random.default_rng(1)
    starts = rng.integers(0, 2**32, 600, dtype=np.uint32)
    v4 = [f"{ipaddress.IPv4Address(int(a))}/{n}" for a, n in zip(starts, rng.integers(4, 33, 600), strict=True)]
    v6 = [f"2001:db8:{a:x}:{b:x}::{c:x}/{n}" for a, b, c, n in rng.integers(0, [40, 9, 9, 129], (300, 4))]
    v4 += [f"10.0.0.{i}/32" for i in range(200)]
    digits = sorted({str(n)[: 1 + i % 12] for i, n in enumerate(rng.integers(10, 2**60, 500))})
    texts = sorted({"/" + "/".join(map(str, parts[: 1 + i % 4])) for i, parts in enumerate(rng.integers(0, 5, (500, 4)))})
    raw = sorted({bytes(parts[: i % 40]) for i, parts in enumerate(rng.integers(0, 3, (300, 40), np.uint8))})
    owned = {"net": v4[:50], "v": np.arange(50)}
    words = np.unique(rng.integers(0, 2**63, 400, dtype=np.uint64) >> np.uint64(20) << np.uint64(44))
    return [
        (vk.PrefixTable.build(v4 + v6, kind="ip", strict=False, on_duplicate="first"), [n.partition("/")[0] for n in v4 + v6]),
        (vk.PrefixTable.build(digits, kind="digits"), [d + "77" for d in digits]),
        (vk.PrefixTable.build(texts, kind="path"), [t + "/x" for t in texts]),
        (vk.PrefixTable.build([t[1:].replace("/", ".") for t in texts], kind="suffix"), [t[1:].replace("/", ".") for t in texts]),
        (vk.PrefixTable.build(["jp", "*.ck", "!www.ck", "uk"], kind="suffix", wildcards=True), ["a.ck", "www.ck", "x.uk", "jp"]),
        (vk.PrefixTable.build(raw), [r + b"z" for r in raw]),
        (vk.PrefixTable.build(words, kind="bits", lengths=20), words.tolist()),
        (vk.RouteTable.build(owned, "net", kind="ip", strict=False, on_duplicate="first"), v4[:50]),
    ]


def content_of(table: Any) -> str:
    """The word for a table in its file."""
    return next(word for word, owner in _OWNERS.items() if isinstance(table, owner))


def mutate(columns: Columns, rng: np.random.Generator) -> tuple[Columns, list[str]]:
    """Change one to three things; returns the new columns and what was done."""
    columns = dict(columns)
    done = []
    for _ in range(int(rng.integers(1, 4))):
        name = str(rng.choice(list(columns)))
        if rng.integers(2):
            name = next((n for n in columns if n.endswith("header")), name)
        done.append(f"{_change(columns, name, rng)} {name}")
    return columns, done


def _change(columns: Columns, name: str, rng: np.random.Generator) -> str:
    values = columns[name]
    if values.dtype == ID_TABLE_HEADER and len(values) and rng.integers(8):
        field = str(rng.choice(values.dtype.names))
        columns[name] = values.copy()
        columns[name][field] = _number(values[field][0], rng) % 256 ** values.dtype[field].itemsize
        return f"{field} of"
    kind = str(rng.choice(["content", "content", "content", "cut", "grow", "swap", "retype", "remove", "fallback", "random"]))
    if kind == "content" and values.nbytes:
        columns[name] = _garbled(values, rng)
    elif kind == "cut":
        columns[name] = values[: int(rng.integers(0, len(values) + 1))].copy()
    elif kind == "grow":
        columns[name] = np.concatenate([values, values[: int(rng.integers(0, len(values) + 1))]])
    elif kind == "swap":
        columns[name] = columns[str(rng.choice(list(columns)))]
    elif kind == "retype":
        raw = np.frombuffer(values.tobytes(), np.uint8)
        dtype = np.dtype(str(rng.choice(["u1", "i4", "i8", "f8", "V16", "S3", "?", "U1"])))
        raw = raw[: len(raw) // dtype.itemsize * dtype.itemsize]
        columns[name] = np.frombuffer(raw.tobytes(), dtype)
    elif kind == "remove":
        del columns[name]
        if not columns:
            columns[name] = values
    elif kind == "fallback":
        at = "index/fallback" if "index/header" in columns else "fallback"
        columns[at] = np.frombuffer(rng.bytes(32 * int(rng.integers(1, 20))), FALLBACK)
    elif values.nbytes:
        columns[name] = np.frombuffer(rng.bytes(values.nbytes), np.uint8).view(values.dtype)
    return kind


def _number(was: Any, rng: np.random.Generator) -> int:
    was = int(was)
    near = (was + 1, was - 1, was * 2, was // 2, was + int(rng.integers(1, 2**16)))
    return int(rng.choice(np.array([n % 2**64 for n in (*EXTREMES, *near)], "u8")))


def _garbled(values: Any, rng: np.random.Generator) -> Any:
    """A copy in which some 4-byte words hold other numbers."""
    raw = bytearray(values.tobytes())
    for _ in range(int(rng.choice([1, 5, 200]))):
        width = min(int(rng.choice([1, 4, 8])), len(raw))
        at = int(rng.integers(0, len(raw) // width)) * width
        number = _number(int.from_bytes(raw[at : at + width], "little"), rng)
        raw[at : at + width] = (number % 256**width).to_bytes(width, "little")
    return np.frombuffer(bytes(raw), values.dtype)


def judge(content: str, columns: Columns, queries: list[Any], directory: Path, rng: np.random.Generator) -> Counter[str]:
    """Load the columns from fenced memory and from a file, and ask; how often it was refused, and how often it answered."""
    outcomes: Counter[str] = Counter()
    owner = _OWNERS[content]
    for front in (False, True):
        try:
            table = owner.from_columns({name: fenced(values, front=front) for name, values in columns.items()})
        except SnapshotFormatError:
            outcomes["refused"] += 1
            continue
        _ask(table, queries)
        outcomes["answered"] += 1
    if sum(values.nbytes for values in columns.values()) > 500_000:
        return outcomes
    path = directory / "hostile.vks"
    try:
        vks.write(path, [vks.Section("table", name, values) for name, values in columns.items()], content=content)
    except ArgumentError:  # a truth value of 7, a character beyond Unicode: the writer knows better
        return outcomes
    mode, verify = READINGS[int(rng.integers(len(READINGS)))]
    offset = None
    try:
        loaded = vk.load(path, mode=mode, verify=verify)  # type: ignore[arg-type]
    except SnapshotFormatError as error:
        offset = error.data["offset"]
    if offset is not None:
        assert 0 <= offset <= path.stat().st_size
        outcomes["refused as a file"] += 1
    else:
        _ask(loaded, queries)
        outcomes["answered as a file"] += 1
    return outcomes


def _ask(table: Any, queries: list[Any]) -> None:
    index = table.index if isinstance(table, vk.RouteTable) else table
    if isinstance(index, vk.PrefixTable):
        _ask_prefixes(index, queries)
        return
    if index.kind == "int":
        asked: list[Any] = [q for q in queries if isinstance(q, int)] + [0, 2**63 - 1]
        batches: list[Any] = [asked, np.array(asked * 9, np.uint64) if min(asked) >= 0 else np.array(asked * 9)]
    elif index.kind == "b16":
        asked = [q for q in queries if isinstance(q, bytes) and len(q) == 16] + [bytes(16)]
        batches = [np.array(asked * 9, "V16")]
    else:
        asked = [q for q in queries if isinstance(q, str | bytes)] + ["", "no such", "x" * 5000]
        batches = [asked, np.array([q for q in asked if isinstance(q, str)], np.dtypes.StringDType())]
    for batch in batches:
        for missing in (-1, 5):
            rows = index.get_many(batch, missing=missing)
            assert rows.dtype == np.int32
            assert len(rows) == len(batch)
        assert np.array_equal(index.contains_many(batch), index.get_many(batch, missing=-1) >= 0)
    for query in asked[:20]:
        row = index.get(query)
        assert row is None or 0 <= row < 2**31
    assert repr(index.stats)
    assert len(index) >= 0
    with suppress(SnapshotFormatError):
        assert len(index.keys()) == len(index.rows())
    with suppress(SnapshotFormatError):
        assert index.content_sum() == index.content_sum()
    for edit in (lambda: index.replace(asked[:3], range(len(asked[:3])), on_duplicate="last"), index.merged):
        with suppress(ValkyrieError):  # it cannot hold the keys, or holds one twice
            assert len(edit().get_many(batches[0])) == len(batches[0])
    if isinstance(table, vk.RouteTable):
        _ask_routes(table, asked, batches[-1])


def _ask_prefixes(table: Any, queries: list[Any]) -> None:
    """A batch for the twins, one for the compiled kernels, and what lies under prefixes."""
    texts = [query for query in queries if isinstance(query, str | bytes)]
    asked: Any = queries
    if table.kind == "bits":
        asked = np.array([query for query in queries if isinstance(query, int)], np.uint64)
    elif table.kind != "ip":
        asked = [*texts, "", "no such", "1" * 500]
    many = np.tile(asked, 5000 // len(asked) + 1) if table.kind == "bits" else list(asked) * (5000 // len(asked) + 1)
    for batch in (asked, many):
        rows, lengths = table.lookup_many(batch, return_length=True)
        assert len(rows) == len(lengths) == len(batch)
    assert np.array_equal(table.lookup_many(many)[: len(asked)], table.lookup_many(asked))
    for query in list(asked)[:20]:
        key = int(query) if table.kind == "bits" else query
        row, matches = table.lookup(key), table.all_matches(key)
        assert matches.tolist()[-1:] == ([] if row is None else [row])
    table.all_matches_many(asked)
    networks = ["0.0.0.0/0", "10.0.0.0/8", "::/0", "2001:db8::/32", "192.0.2.1/32"]
    prefixes = {"ip": networks, "digits": ["1", "12"]}.get(table.kind, asked)
    bits = 4 if table.kind == "bits" else None
    under = prefixes & np.uint64(15 << 60) if table.kind == "bits" else prefixes
    lo, hi = table.range_many(under, lengths=bits)
    assert ((lo <= hi) | (lo >= 0)).all()
    rows = table.get_many(under, lengths=bits)
    found = [table.get(prefix, -1) for prefix in ([(word, bits) for word in under.tolist()] if table.kind == "bits" else under)]
    assert len(found) == len(rows)
    with suppress(SnapshotFormatError):
        table.check()
    assert repr(table.stats)
    assert len(list(table.items())) == len(table)


def _ask_routes(table: Any, asked: list[Any], batch: Any) -> None:
    assert repr(table)
    texts = [query if isinstance(query, str) else str(query) for query in asked]
    columns = [asked, batch]
    if table.index.kind == "int" and min(asked) >= 0:
        columns += [pa.array(asked, pa.uint64()), pd.Series(asked, dtype="u8"), pl.Series(asked, dtype=pl.UInt64)]
    elif table.index.kind == "bytes":
        columns += [pa.array(texts), pd.Series(texts, dtype="str"), pl.Series(texts)]
    readable = [name for name in table.column_names if all(_routes(table, keys, name) for keys in columns)]
    if readable:
        assert len(table.route_many(batch, readable)) == len(batch)
    for query in asked[:10] if readable == table.column_names else []:
        table.route(query)


def _routes(table: Any, keys: Any, name: str) -> bool:
    """Route a column; False if its texts are no UTF-8, or its dates none that the library has, which shows only then."""
    try:
        answer = table.route_many(keys, name)
    except ArgumentError as error:
        if "is not valid UTF-8" in error.message or "is beyond the dates or durations" in error.message:
            return False
        raise
    assert len(answer) == len(keys)
    return True


def main() -> None:
    """Load and ask `count` hostile tables; JSON of the outcomes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0, help="number of the first mutant: repeats one that failed")
    options = parser.parse_args()
    faulthandler.enable()
    tables = [(content_of(table), table.to_columns(), queries) for table, queries in sample_tables()]
    outcomes: Counter[str] = Counter()
    changes: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as directory:
        for i in range(options.first, options.first + options.count):
            rng = np.random.default_rng([options.seed, i])
            content, columns, queries = tables[int(rng.integers(len(tables)))]
            changed, done = mutate(columns, rng)
            print(f"mutant {i} of seed {options.seed}: {content}, {', '.join(done)}", file=sys.stderr, flush=True)
            outcomes += judge(content, changed, queries, Path(directory), rng)
            changes.update(done)
    print(json.dumps({"outcomes": outcomes, "changes": changes}))


if __name__ == "__main__":
    main()
