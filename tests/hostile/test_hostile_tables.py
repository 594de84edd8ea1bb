"""Tables whose arrays and numbers do not fit each other are refused, or answer without reading outside them."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

import valkyrie as vk
from tests.hostile.fenced_memory import fenced
from tests.hostile.table_mutator import content_of, judge, sample_tables
from tests.key_sets import names
from tests.sizes import MUTANTS
from valkyrie import vks
from valkyrie.errors import SnapshotFormatError

CHECKOUT = Path(__file__).resolve().parents[2]
READINGS = [(mode, verify) for mode in ("mmap", "copy") for verify in ("full", "header", "none")]
BATCH = 1_000


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *command], cwd=CHECKOUT, capture_output=True, text=True, timeout=500, check=False)


def test_hostile_tables_are_refused_or_stay_within_their_memory() -> None:
    outcomes: Counter[str] = Counter()
    for first in range(0, MUTANTS, BATCH):
        count = min(BATCH, MUTANTS - first)
        done = run("-m", "tests.hostile.table_mutator", "--count", str(count), "--first", str(first))
        assert done.returncode == 0, done.stderr[-3000:]
        outcomes.update(json.loads(done.stdout)["outcomes"])
    # Both ways must have been taken often, or the mutants were too tame or too wild to show anything.
    assert min(outcomes["refused"], outcomes["answered"]) > MUTANTS // 2
    assert min(outcomes["refused as a file"], outcomes["answered as a file"]) > MUTANTS // 6


@pytest.mark.parametrize("front", [False, True])
def test_the_fence_stands(front: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    code = f"""
import ctypes, numpy as np
from tests.hostile.fenced_memory import fenced
array = fenced(np.arange(100, dtype=np.uint8), front={front})
assert array.sum() == 4950
print("read", flush=True)
ctypes.string_at(array.ctypes.data + ({-1 if front else 100}), 1)
print("not stopped")
"""
    # Under a sanitizer, its report and 1; the report is wanted, so it does not go where others are looked for.
    monkeypatch.setenv("ASAN_OPTIONS", "detect_leaks=0:exitcode=1")
    done = run("-c", code)
    assert done.stdout == "read\n", done.stderr
    assert done.returncode in (-signal.SIGSEGV, 1)


@pytest.mark.parametrize("number", range(len(sample_tables())))
def test_good_tables_in_fenced_memory_answer(number: int, tmp_path: Path) -> None:
    table, queries = sample_tables()[number]
    outcomes = judge(content_of(table), table.to_columns(), queries, tmp_path, np.random.default_rng(number))
    assert outcomes["answered"] == 2
    assert not any(outcome.startswith("refused") for outcome in outcomes)


@pytest.mark.parametrize("front", [False, True])
def test_keys_in_fenced_memory_are_read_to_their_end_and_no_further(front: bool) -> None:
    """Queries of every form whose memory ends where they end."""
    ids = np.arange(1003, dtype=np.uint64) * np.uint64(10**12)
    table = vk.IdTable.build(ids)
    for n in (0, 1, 7, 8, 9, 17, 1003):
        for dtype in ("u8", "i8", ">u8", ">i8"):
            assert np.array_equal(table.get_many(fenced(ids[:n].astype(dtype), front=front)), np.arange(n))
        for dtype in ("u1", "i2", ">u4"):
            assert len(table.get_many(fenced(np.arange(n).astype(dtype), front=front))) == n
    wide = np.array([i.to_bytes(16, "big") for i in range(1003)], "V16")
    wides = vk.IdTable.build(wide)
    for n in (1, 7, 9, 1003):
        assert np.array_equal(wides.get_many(fenced(wide[:n], front=front)), np.arange(n))
    texts = vk.IdTable.build([f"{'x' * (i % 120)}{i}" for i in range(1003)])
    for width in (1, 3, 4, 5, 8, 15, 16, 17, 47, 48, 49, 97, 130):
        for n in (1, 9, 200):
            exact = [f"{i:0{width}d}"[-width:] for i in range(n)]
            for form in (np.array(exact), np.array(exact, "S")):
                assert len(texts.get_many(fenced(form, front=front))) == n
    full = np.array([f"{'x' * (i % 120)}{i}" for i in range(300)])
    for form in (full, full.astype("S")):
        assert np.array_equal(texts.get_many(fenced(form, front=front)), np.arange(300))


def save(table: vk.IdTable, path: Path, **changes: object) -> None:
    """Write a table with other arrays or numbers, and right checksums."""
    columns = table.to_columns()
    header = columns["header"].copy()
    for name, value in changes.items():
        if name in header.dtype.names:
            header[name] = value
        else:
            columns[name] = value  # type: ignore[assignment]
    columns["header"] = header
    vks.write(path, [vks.Section("index", name, values) for name, values in columns.items()], content="id_table")


@pytest.mark.parametrize(("mode", "verify"), READINGS)
def test_numbers_that_lead_outside_are_refused_in_every_mode(mode, verify, tmp_path):
    path = tmp_path / "hostile.vks"
    lines = vk.IdTable.build(np.arange(20_000) * 10**9)
    flat = vk.IdTable.build(np.arange(2_000) * 10**9)
    direct = vk.IdTable.build(np.arange(2_000))
    for table, changes in (
        (lines, {"segment_lines": 0}),
        (lines, {"segment_lines": 2**32 - 1}),
        (lines, {"segment_lines": len(lines.lines) + 1}),
        (lines, {"segment_shift": 0}),
        (lines, {"segment_shift": 32}),
        (lines, {"segment_shift": 2**32 - 1}),
        (lines, {"pilots": np.zeros(0, np.uint8)}),
        (lines, {"layout": 0}),
        (lines, {"layout": 3}),
        (lines, {"kind": 3}),
        (lines, {"kind": 1}),
        (lines, {"hash": 2}),
        (lines, {"entries": 2**31}),
        (lines, {"entries": 2**64 - 1}),
        (lines, {"lines": lines.lines[:-1]}),
        (flat, {"segment_lines": len(flat.lines) + 1}),
        (flat, {"layout": 2}),
        (flat, {"kind": 2}),
        (direct, {"span": 2_001}),
        (direct, {"span": 2**64 - 1}),
        (direct, {"span": 2**40}),
        (direct, {"lines": direct.lines[:0]}),
        (direct, {"kind": 2}),
    ):
        save(table, path, **changes)
        with pytest.raises(SnapshotFormatError) as caught:
            vk.load(path, mode=mode, verify=verify)
        assert str(path) in str(caught.value), changes
        assert caught.value.hint, changes


@pytest.mark.parametrize(("mode", "verify"), READINGS)
def test_texts_of_absurd_length_or_place_are_refused_or_misses(mode, verify, tmp_path):
    path = tmp_path / "hostile.vks"

    def check(queries):
        if verify == "full":
            with pytest.raises(SnapshotFormatError, match="makes no sense"):
                vk.load(path, mode=mode, verify=verify)
            return
        loaded = vk.load(path, mode=mode, verify=verify)
        assert loaded.get_many(queries).tolist() == [-1] * len(queries)
        assert [loaded.get(key) for key in queries[:50]] == [None] * 50
        assert queries[0] not in loaded

    keys = names(500)
    table = vk.IdTable.build(keys)
    for length in (0, 1, 2**31 - 1, 2**31, 2**32 - 8, 2**32 - 1):
        arena = table.arena.copy()
        refs = np.sort(table.lines["row"][table.lines["row"] != -1].view(np.uint32)).astype(np.int64)
        arena.view("<u4")[2 * refs] = length
        save(table, path, arena=arena)
        check([*keys, "x" * 100])
    for ref in (len(table.arena) // 8, len(table.arena) // 8 - 1, 2**31 - 1, -2, -(2**31)):
        lines = table.lines.copy()
        lines["row"][lines["row"] != -1] = ref
        save(table, path, lines=lines)
        check(keys)
    save(table, path, arena=np.zeros(0, np.uint8))
    check(keys)


def test_texts_that_are_no_dictionary_are_refused(tmp_path):
    good = vk.RouteTable.build({"id": [1, 2, 3], "name": ["a", "bc", None]}).to_columns()
    for name, values in (
        ("payload/name/values", np.array([0, 2, -1], np.int32)),
        ("payload/name/values", np.array([0, -2, -1], np.int32)),
        ("payload/name/values", np.array([0, 1, -1], np.int64)),
        ("payload/name/offsets", np.array([0, 1, 99], np.int64)),
        ("payload/name/offsets", np.array([0, 2, 1], np.int64)),
        ("payload/name/offsets", np.array([-1, 1, 3], np.int64)),
        ("payload/name/offsets", np.array([0, 2**62, 3], np.int64)),
        ("payload/name/offsets", np.array([0, 1, 3], np.int32)),
        ("payload/name/offsets", np.zeros(0, np.int64)),
        ("payload/name/texts", np.zeros(2, np.uint8)),
        ("payload/name/texts", np.zeros(3, np.int8)),
    ):
        sections = [vks.Section("table", key, array) for key, array in (good | {name: values}).items()]
        vks.write(tmp_path / "t.vks", sections, content="route_table")
        for mode, verify in READINGS:
            with pytest.raises(SnapshotFormatError, match="column 'name' of text"):
                vk.load(tmp_path / "t.vks", mode=mode, verify=verify)


def test_values_that_their_dtype_does_not_have_are_refused():
    good = vk.RouteTable.build({"id": [1, 2], "flag": np.ma.MaskedArray([True, False], [0, 1]), "name": np.array(["a", "b"])})
    columns = good.to_columns()
    for name, values in (
        ("payload/flag/values", np.array([2, 0], np.uint8).view(bool)),
        ("payload/flag/nulls", np.array([255, 0], np.uint8).view(bool)),
        ("payload/name/values", np.array([0x110000, 97], np.uint32).view("U1")),
    ):
        with pytest.raises(SnapshotFormatError, match="no value of dtype"):
            vk.RouteTable.from_columns(columns | {name: values})


def test_a_file_of_something_else_is_refused(tmp_path):
    path = tmp_path / "other.vks"
    vks.write(path, [vks.Section("table", "x", np.arange(3))], content="trie_table")
    with pytest.raises(SnapshotFormatError, match=r"'trie_table', which this version cannot load.*Upgrade"):
        vk.load(path)
    for content in ("id_table", "route_table"):
        vks.write(path, [vks.Section("table", "x", np.arange(3))], content=content)
        with pytest.raises(SnapshotFormatError, match="no header"):
            vk.load(path)
