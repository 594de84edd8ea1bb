"""What can be read of a table: its keys and rows, its arrays, its statistics, and what another process gets of it."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

import valkyrie as vk
from tests import naive
from tests.key_sets import names
from valkyrie.errors import SnapshotFormatError


def tables(n, rng):
    """A table of every kind and layout, with its keys in order."""
    rows = rng.permutation(3 * n)[:n]
    signed = np.unique(rng.integers(-(2**63), 2**63, n))
    wide = rng.integers(0, 256, (n, 16), dtype=np.uint8).view("V16").ravel()
    for keys in (np.arange(n) - 9, signed, signed.view(np.uint64), wide, names(n)):
        some = rows[: len(keys)]
        yield vk.IdTable.build(keys, some), keys, some


@pytest.mark.parametrize("n", [1, 2, 700, 20_000])
def test_keys_and_rows_are_ordered_by_row_then_key(n, rng):
    for table, keys, rows in tables(n, rng):
        assert table.rows().dtype == np.int32
        assert table.rows().tolist() == sorted(rows.tolist())
        order = np.argsort(rows)
        expected = [keys[i] for i in order] if isinstance(keys, list) else keys[order].tolist()
        assert table.keys().tolist() == expected
        again = vk.IdTable.build(table.keys(), table.rows(), kind=table.kind)
        assert naive.recovered(again) == naive.recovered(table)
        one_row = vk.IdTable.build(keys, np.full(len(keys), 4), kind=table.kind)
        listed = [naive.canonical(key) for key in one_row.keys().tolist()]
        assert listed == sorted(listed)


def test_keys_have_the_dtype_of_their_kind():
    assert vk.IdTable.build(np.array([7, 9], np.int16)).keys().dtype == np.int64
    assert vk.IdTable.build(np.array([7, 9], np.uint8)).keys().dtype == np.uint64
    assert vk.IdTable.build([bytes(16)], kind="b16").keys().dtype == "V16"
    assert vk.IdTable.build(["a"]).keys().dtype == object


def test_arrays_of_a_table_cannot_be_made_writable(rng):
    for table, _, _ in tables(3000, rng):
        for array in (table.lines, table.pilots, table.arena, table.fallback):
            if len(array):
                assert not array.flags.writeable
                with pytest.raises(ValueError, match="WRITEABLE|writeable|read-only"):
                    array.flags.writeable = True


def test_statistics_add_up(rng):
    for table, keys, _ in tables(20_000, rng):
        stats = table.stats
        assert set(stats) >= {
            "entries", "load", "bytes_per_entry", "pilot_histogram", "reseeds", "hash", "keys_in_fallback", "build_seconds",
        }  # fmt: skip
        assert stats["entries"] == stats.entries == len(table) == len(keys)
        assert table.nbytes == table.lines.nbytes + table.pilots.nbytes + table.arena.nbytes
        assert stats.bytes_per_entry == pytest.approx(table.nbytes / len(keys))
        used = np.count_nonzero(table.lines["row"] != -1)
        assert stats.load == pytest.approx(used / table.lines["row"].size)
        assert stats.pilot_histogram.sum() == len(table.pilots)
        assert stats.hash in ("fast", "siphash-1-3")
        assert stats.keys_in_fallback == len(table.fallback) == 0
        assert 0 <= stats.reseeds <= 3
        assert (stats.hash == "fast") == (stats.reseeds < 3)
        assert stats.build_seconds > 0
        assert f"{len(keys):,}" in repr(stats)
        assert f"{len(keys):,}" in stats._repr_html_()
        assert table.kind in repr(table)
        with pytest.raises(KeyError):
            stats["kinds"]
    assert np.isnan(vk.IdTable.build([]).stats.bytes_per_entry)


def test_a_table_is_as_small_as_promised(rng):
    ids = np.unique(rng.integers(0, 2**64, 200_000, dtype=np.uint64))
    table = vk.IdTable.build(ids)
    assert table.layout == "lines"
    assert table.stats.load > 0.85
    assert table.stats.bytes_per_entry < 15.5
    dense = vk.IdTable.build(np.arange(200_000))
    assert dense.stats.bytes_per_entry < 4.1


def test_copies_are_the_same_table(rng):
    for table, keys, rows in tables(500, rng):
        for other in (pickle.loads(pickle.dumps(table)), copy.copy(table), copy.deepcopy(table)):
            assert type(other) is vk.IdTable
            assert np.array_equal(other.get_many(keys), rows)
            assert (other.seed, len(other), other.kind, other.layout) == (table.seed, len(table), table.kind, table.layout)
            assert other.lines.tobytes() == table.lines.tobytes()


@pytest.mark.parametrize("n", [0, 1, 1000, 20_000, 100_000])
def test_a_seed_gives_the_same_bytes_on_any_number_of_threads(n, rng, tmp_path):
    wide = rng.integers(0, 256, (n, 16), dtype=np.uint8).view("V16").ravel()
    for keys, kind in ((np.arange(n) * 10**12, "int"), (wide, "b16"), (names(n), "bytes")):
        first, *others = (vk.IdTable.build(keys, kind=kind, seed=2**64 - 1, threads=threads) for threads in (1, 1, 2, 3))
        first.save(tmp_path / "first.vks")
        for other in others:
            mine, theirs = first.to_columns(), other.to_columns()
            assert list(mine) == list(theirs)
            assert all(mine[name].tobytes() == theirs[name].tobytes() for name in mine)
            other.save(tmp_path / "other.vks")
            assert (tmp_path / "other.vks").read_bytes() == (tmp_path / "first.vks").read_bytes()


def test_seeds_are_random_unless_given():
    seeds = {vk.IdTable.build(["a", "b"]).seed for _ in range(20)}
    assert len(seeds) == 20
    assert vk.IdTable.build(["a"], seed=5).seed == 5
    assert vk.IdTable.build(["a"], seed=np.uint64(2**64 - 1)).seed == 2**64 - 1


def test_a_mapped_table_outlives_its_file(tmp_path, rng):
    for table, keys, rows in tables(3000, rng):
        path = tmp_path / "table.vks"
        table.save(path)
        mapped = vk.load(path)
        path.unlink()
        assert np.array_equal(mapped.get_many(keys), rows)
        mapped.save(path)
        assert np.array_equal(vk.load(path, mode="copy").get_many(keys), rows)


def test_columns_that_are_no_table_are_refused():
    columns = vk.IdTable.build(np.arange(50_000) * 10**9).to_columns()
    for name, value in (("segment_lines", 2**31), ("segment_shift", 0), ("kind", 9), ("layout", 0), ("hash", 7)):
        broken = dict(columns, header=columns["header"].copy())
        broken["header"][name] = value
        with pytest.raises(SnapshotFormatError, match="id table"):
            vk.IdTable.from_columns(broken)
    for name in ("lines", "pilots", "header"):
        with pytest.raises(SnapshotFormatError, match="id table"):
            vk.IdTable.from_columns({key: value for key, value in columns.items() if key != name})
        with pytest.raises(SnapshotFormatError, match="id table"):
            vk.IdTable.from_columns(columns | {name: columns[name][:0]})
        with pytest.raises(SnapshotFormatError, match="id table"):
            vk.IdTable.from_columns(columns | {name: np.zeros(9)})
