"""Tables of prefixes over bits: their arrays, what storing refuses, pickling, memory limits, and what they load."""

from __future__ import annotations

import pickle
import subprocess
import sys

import numpy as np
import pytest

from tests.bit_prefixes import Oracle, build, lookups, query_words
from tests.hostile.fenced_memory import fenced
from valkyrie._native import prefix_build
from valkyrie.errors import SnapshotFormatError
from valkyrie.tables.prefixes.interval_prefixes import Ipv6Prefixes, Uint64Prefixes
from valkyrie.tables.prefixes.interval_tree import IntervalTree
from valkyrie.tables.prefixes.ipv4_prefixes import Ipv4Prefixes

V4 = {(0, 0), (0x0A000000, 8), (0x0A010000, 16), (0x0A010200, 24), (0x0A010203, 32), (0xC0A80000, 18), (0xFFFFFFFF, 32)}
V64 = {(0, 0), (0xACDE48 << 40, 24), (0xACDE48 << 40 | 5 << 36, 28), (2**64 - 1, 64), (0, 64)}
V6 = {(0, 0), (0x2001_0DB8 << 96, 32), (0x2001_0DB8 << 96, 64), (0x2001_0DB8 << 96 | 1, 128), (2**128 - 1, 128)}
SETS = {Ipv4Prefixes: (V4, 32), Uint64Prefixes: (V64, 64), Ipv6Prefixes: (V6, 128)}


@pytest.fixture(params=SETS)
def engine(request):
    return request.param


def of(engine):
    return build(engine, SETS[engine][0])


def test_empty_table_and_the_empty_prefix(engine):
    _, bits = SETS[engine]
    queries = query_words(engine, [0, 1, 1 << (bits - 1), (1 << bits) - 1])
    for prefixes, rank in ((set(), -1), ({(0, 0)}, 0)):
        table = build(engine, prefixes)
        assert table.n == len(prefixes)
        assert table.parents.tolist() == [-1] * len(prefixes)
        for again in (table, engine.from_columns(table.to_columns())):
            assert [found.tolist() for found in lookups(again, queries)] == [[rank] * 4] * 2


def test_survives_storing_and_pickling(engine):
    prefixes, bits = SETS[engine]
    table, oracle = of(engine), Oracle(prefixes, bits)
    queries = oracle.edges()
    expected = [oracle.longest(query) for query in queries]
    stored = {name: np.array(column) for name, column in table.to_columns().items()}
    for again in (engine.from_columns(stored), pickle.loads(pickle.dumps(table))):
        for found in lookups(again, query_words(engine, queries)):
            assert found.tolist() == expected
        assert again.nbytes == table.nbytes == sum(column.nbytes for column in stored.values())
        assert 0 < again.index_nbytes < again.nbytes


def test_arrays_cannot_be_changed(engine):
    for column in of(engine).to_columns().values():
        with pytest.raises(ValueError, match="WRITEABLE"):
            column.flags.writeable = True


def test_prefixes_can_be_recovered_from_the_intervals():
    """The interval of a prefix's first address has its rank, or that of a longer prefix which begins there too."""
    table = of(Uint64Prefixes)
    last = table.tree.words[table.tree.steps[-1] :]
    ranks = table.tree.ranks[np.searchsorted(last, table.starts)]
    assert (table.starts[ranks] == table.starts).all()


def test_queries_of_any_layout(engine):
    table = of(engine)
    words = query_words(engine, Oracle(*SETS[engine]).edges())
    n = len(words) // 2 if engine is Ipv6Prefixes else len(words)
    expected = lookups(table, words)[0]
    shifted = np.zeros(words.nbytes + 1, np.uint8)
    shifted[1:] = words.view(np.uint8)
    for queries in (np.repeat(words, 3)[::3], shifted[1:].view(words.dtype), words[:0]):
        out = np.full(n if len(queries) else 0, -9, np.int32)
        table.lookup(queries, out)
        assert out.tolist() == expected[: len(out)].tolist()


def test_never_reads_past_its_arrays_or_the_queries(engine, rng):
    prefixes, bits = SETS[engine]
    oracle = Oracle(prefixes, bits)
    for front in (False, True):
        stored = {name: fenced(column, front=front) for name, column in of(engine).to_columns().items()}
        table = engine.from_columns(stored)
        queries = oracle.edges() * 20
        for found in lookups(table, fenced(query_words(engine, queries), front=front)):
            assert found.tolist() == [oracle.longest(query) for query in queries]


BROKEN = [
    (Ipv4Prefixes, "starts", 0, 1),
    (Ipv4Prefixes, "starts", 1, 0xFF000000),
    (Ipv4Prefixes, "lengths", 0, 33),
    (Ipv4Prefixes, "root", 0, (0, 1 << 30, 0)),
    (Ipv4Prefixes, "root", 15, (2**64 - 1, 0, 0)),
    (Ipv4Prefixes, "nodes", 0, (0, 3, 0)),
    (Ipv4Prefixes, "nodes", 0, (0, 1 << 31, 0)),
    (Ipv4Prefixes, "nodes", 1, (2**64 - 2, 4, 0)),
    (Ipv4Prefixes, "nodes", 0, (0, 4, 7)),
    (Ipv4Prefixes, "nodes", 0, (0, 4, -3)),
    (Ipv4Prefixes, "leaves", 4, 254),
    (Ipv4Prefixes, "leaves", 5, 254),
    (Ipv4Prefixes, "leaves", 8, 128),
    (Ipv4Prefixes, "deep_ranks", 0, 7),
    (Ipv4Prefixes, "deep_ranks", 0, -2),
    (Ipv4Prefixes, "deep_lines", -1, ([0] * 16,)),
    (Uint64Prefixes, "ranks", 1, 5),
    (Uint64Prefixes, "ranks", 1, -2),
    (Uint64Prefixes, "lines", 0, ([2**64 - 1] * 7 + [0],)),
    (Uint64Prefixes, "starts", 2, 1),
    (Ipv6Prefixes, "ranks", 1, -5),
    (Ipv6Prefixes, "ranks", 1, 5),
    (Ipv6Prefixes, "bounds", 0, 1),
    (Ipv6Prefixes, "bounds", 1, 0),
    (Ipv6Prefixes, "bounds", 1, 1 << 60),
    (Ipv6Prefixes, "bounds", -1, 1 << 60),
    (Ipv6Prefixes, "low_ranks", 0, 5),
    (Ipv6Prefixes, "low_ranks", 0, -2),
    (Ipv6Prefixes, "lengths", 4, 129),
    (Ipv6Prefixes, "low", 1, 1),
]


@pytest.mark.parametrize(("engine", "name", "at", "value"), BROKEN)
def test_refuses_what_would_lead_outside(engine, name, at, value):
    columns = dict(of(engine).to_columns())
    columns[name] = columns[name].copy()
    columns[name][at] = value
    with pytest.raises(SnapshotFormatError):
        engine.from_columns(columns)


def test_refuses_missing_short_or_foreign_columns(engine):
    columns = of(engine).to_columns()
    for name, column in columns.items():
        foreign = np.zeros(len(column), "S3")
        for bad in (None, column[:-1], column[:0], foreign, column.reshape(1, -1)):
            broken = {key: value for key, value in columns.items() if key != name} | ({} if bad is None else {name: bad})
            with pytest.raises(SnapshotFormatError):
                engine.from_columns(broken)


def test_any_bytes_are_refused_or_safe(engine, rng):
    """Random changes: what is accepted answers every query with a rank, and both forms of the kernel agree."""
    table = of(engine)
    words = query_words(engine, Oracle(*SETS[engine]).edges() + [int(x) for x in rng.integers(0, 2**31, 50)])
    accepted = 0
    for _ in range(400):
        columns = {name: column.copy() for name, column in table.to_columns().items()}
        name = str(rng.choice(list(columns)))
        raw = columns[name].view(np.uint8)
        raw[rng.integers(0, raw.size, int(rng.integers(1, 4)))] = rng.integers(0, 256)
        try:
            again = engine.from_columns(columns)
        except SnapshotFormatError:
            continue
        accepted += 1
        compiled, twin = lookups(again, words)
        assert np.array_equal(compiled, twin)
        assert compiled.min() >= -1
        assert compiled.max() < table.n
    assert accepted


def test_tree_of_every_depth(rng):
    for n in (1, 7, 8, 9, 71, 72, 73, 650, 5000):
        for dtype in (np.uint64, np.uint32):
            top = np.iinfo(dtype).max
            last = np.unique(np.append(rng.integers(0, top, n - 1, dtype), dtype(top)))
            tree = IntervalTree.build(last, np.arange(len(last), dtype=np.int32))
            again = IntervalTree.from_arrays(tree.lines, tree.ranks, "lines", lowest=-1, end=len(last))
            assert np.array_equal(again.steps, tree.steps)
            if dtype is np.uint64:
                queries = np.concatenate([last, last - np.uint64(1), np.zeros(1, np.uint64)])
                table = Uint64Prefixes.build(np.zeros(0, np.uint64), np.zeros(0, np.uint8))
                table.tree = tree
                for found in lookups(table, queries):
                    assert np.array_equal(found, np.searchsorted(last, queries))


def test_build_refuses_what_is_not_sorted():
    starts, lengths = np.zeros(99, np.uint64), np.full(99, 64, np.uint8)
    room = np.empty(199, np.uint64), np.empty(199, np.int32)
    with pytest.raises(ValueError, match="sorted"):
        prefix_build.paint(starts, lengths, None, -1, *room, None)
    with pytest.raises(ValueError, match="room"):
        prefix_build.paint(starts, lengths, None, -1, room[0][:10], room[1], None)
    many = np.zeros(200, np.uint64)
    with pytest.raises(ValueError, match="sorted"):
        prefix_build.parents_of_pairs(many, many, np.full(200, 128, np.uint8), np.empty(200, np.int32))


def test_depths_are_counted_along_parents():
    parents = np.array([-1, 0, 1, 1, 0, -1, 5], np.int32)
    depths = np.empty(7, np.int32)
    prefix_build.count_open(parents, depths)
    assert depths.tolist() == [1, 2, 3, 3, 2, 1, 2]
    prefix_build.count_open(np.array([0, 7, 3, -9, 3], np.int32), depths[:5])  # what is no parent before it counts as none
    assert depths[:5].tolist() == [1, 1, 1, 1, 2]
    with pytest.raises(ValueError, match="depths"):
        prefix_build.count_open(parents, depths[:3])


def test_building_and_small_batches_load_no_compiler():
    code = """
import sys
import numpy as np
from valkyrie.tables.prefixes.ipv4_prefixes import Ipv4Prefixes
from valkyrie.tables.prefixes.interval_prefixes import Ipv6Prefixes, Uint64Prefixes
one = np.zeros(1, np.uint8)
tables = [Ipv4Prefixes.build(one.astype(np.uint32), one), Uint64Prefixes.build(one.astype(np.uint64), one)]
tables.append(Ipv6Prefixes.build(one.astype(np.uint64), one.astype(np.uint64), one))
for table in tables:
    again = type(table).from_columns(table.to_columns())
    out = np.empty(1, np.int32)
    again.lookup(np.zeros(2, np.uint64) if isinstance(table, Ipv6Prefixes) else table.starts, out)
    assert out[0] == 0
assert "numba" not in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
