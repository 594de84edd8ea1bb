"""TextPrefixes: corners by hand, reads that stay inside what they may read, and arrays that come from elsewhere."""

from __future__ import annotations

import numpy as np
import pytest

from tests.hostile.fenced_memory import fenced
from tests.prefix_texts import WAYS, NaivePrefixes, addresses, build, one_way, ranges
from valkyrie._scan.compiled import COMPILE_FROM
from valkyrie.errors import SnapshotFormatError
from valkyrie.tables.prefixes.text_prefixes import TextPrefixes

ROUTES = [b"/api", b"/api/v1/", b"/api/v1/users", b"/static", b"", b"/api/v2/users/by/name/and/date/of/birth"]
COLUMNS = ("header", "texts", "arena", "nodes", "slices", "groups", "inner")


def ask(engine, queries):
    address, length, owner = addresses(queries)
    out = np.empty(len(queries), np.int32)
    engine.lookup(address, length, out)
    del owner
    return [None if rank < 0 else engine.key_texts([rank])[0] for rank in out.tolist()]


@pytest.mark.parametrize("way", WAYS)
def test_paths_match_whole_segments(way):
    engine = build(ROUTES[:4], "path").engine
    with one_way(engine, way):
        found = ask(engine, [b"/api", b"/api/", b"/apix", b"/api/v1", b"/api/v1/users/7", b"/api//v1", b"", b"/static/a.css"])
    assert found == [b"/api/", b"/api/", None, b"/api/v1/", b"/api/v1/users/", b"/api/", None, b"/static/"]


@pytest.mark.parametrize("way", WAYS)
def test_suffixes_match_whole_labels_in_any_case(way):
    engine = build([b"Com", b"co.uk.", b"uk"], "suffix").engine
    with one_way(engine, way):
        found = ask(engine, [b"WWW.Example.COM.", b"com", b"xcom", b"a.co.uk", b"uk", b"auk", b"a.com.."])
    assert found == [b"moc.", b"moc.", None, b"ku.oc.", b"ku.", None, None]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "prefixes",
    [
        [b""],
        [b"\0"],
        [b"", b"\0", b"\0\0", b"\0" * 8, b"\0" * 9, b"\0" * 20],
        [b"a", b"a\0", b"a\0\0", b"a\0\0b", b"a" + b"\0" * 7, b"a" + b"\0" * 7 + b"z", b"a" + b"\0" * 9],
        [b"\xff" * n for n in range(30)] + [b"\xff" * 8 + b"\0", b"\xff" * 7 + b"\xfe"],
        [bytes([i, j]) * 9 for i in range(0, 256, 5) for j in range(0, 256, 17)],
        [b"https://example.org/" + b"x" * n for n in range(0, 200, 3)],
    ],
)
def test_corners_of_order(way, prefixes):
    engine = build(prefixes, "bytes").engine
    queries = [*prefixes, *(p + t for p in prefixes for t in (b"\0", b"\xff", b"b\0", b"\0" * 12)), *(p[:-1] for p in prefixes)]
    queries += [b"https://example.com/", b"https://examplf", b"http", b"\xff" * 100]
    with one_way(engine, way):
        NaivePrefixes(prefixes, "bytes").assert_answers(engine, queries)


@pytest.mark.parametrize("way", WAYS)
def test_an_empty_table_finds_nothing(way):
    engine, order, duplicates = build([], "path")
    assert (engine.n, len(order), len(duplicates)) == (0, 0, 0)
    for table in (engine, TextPrefixes.from_columns(engine.to_columns())):
        with one_way(table, way):
            NaivePrefixes([], "path").assert_answers(table, [b"", b"/a"])


def test_no_queries():
    engine = build(ROUTES, "path").engine
    NaivePrefixes(ROUTES, "path").assert_answers(engine, [])


@pytest.mark.parametrize("kind", ["bytes", "path", "suffix"])
def test_nothing_is_read_beside_a_query_or_an_array(kind):
    texts = [b"ab.cd/ef-gh.ij"[i:j] * k for i in range(6) for j in range(i, 14) for k in (1, 2, 7)]
    built = build(texts[::2], kind).engine
    engine = TextPrefixes.from_columns({name: fenced(array) for name, array in built.to_columns().items()})
    naive = NaivePrefixes(texts[::2], kind)
    for way in WAYS:
        with one_way(engine, way):
            for text in texts[::5]:
                for front in (False, True):
                    data = fenced(np.frombuffer(text or b"x", np.uint8), front=front)
                    address = np.array([data.ctypes.data], np.uint64) + np.uint64(0 if text or front else 1)
                    length = np.array([len(text)], np.uint64)
                    out = np.empty(1, np.int32)
                    engine.lookup(address, length, out)
                    assert out[0] == naive.lookup(text)
                    low, high = ranges(engine, address, length)
                    assert (low[0], high[0]) == naive.range(text)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", ["bytes", "path", "suffix"])
def test_the_first_byte_that_differs_is_found_at_every_place(kind, way):
    whole = bytes(97 + i * i % 23 for i in range(150))
    for stem in (b"", whole[:3], whole[:11]):
        prefixes = [stem + b"z" * 80, *(stem + whole[:n] for n in (9, 64, 65, 140, 150))]
        lengths = (62, 63, 64, 65, 100, 127, 128, 129, 150)
        cut = [(stem + whole)[:n] for n in lengths]
        queries = cut + [text[:i] + b"!" + text[i + 1 :] for text in cut for i in range(len(text))]
        engine = build(prefixes, kind).engine
        with one_way(engine, way):
            NaivePrefixes(prefixes, kind).assert_answers(engine, queries)


def test_both_forms_agree_on_a_batch_of_any_length():
    texts = [b"/%d/%d" % (i % 90, i) for i in range(1500)]
    engine = build(texts, "path").engine
    for size in (1, 63, 64, 65, 129, 1500):
        answers = []
        for way in WAYS:
            with one_way(engine, way):
                answers.append(ask(engine, texts[:size]))
        assert answers[0] == answers[1]


@pytest.mark.parametrize("far", [10, 300])
def test_ranges_of_big_batches_agree_with_those_of_small_ones(far):
    """Big ones read ranks in short, where groups of far more texts than others have no place."""
    texts = [b"%d %d" % (i, j) for i in range(300) for j in range(far if i % 7 == 0 else 2)]
    texts += [b"9" * 8 + b"%d" % i for i in range(far)]
    engine, naive = build(texts, "bytes").engine, NaivePrefixes(texts, "bytes")
    queries = [text[:n] for text in texts for n in (1, 2, 5, 8, 9, len(text))] + [b"", b"\0", b"\0" * 8, b"\xff" * 9]
    queries = (queries * (COMPILE_FROM // len(queries) + 1))[: max(COMPILE_FROM, len(queries))]
    address, length, owner = addresses(queries)
    assert engine.warm_up()
    small = [ranges(engine, address[i : i + 64], length[i : i + 64]) for i in range(0, len(queries), 64)]
    big = ranges(engine, address, length)
    with one_way(engine, "numpy"):
        twin = ranges(engine, address, length)
    for side in (0, 1):
        assert np.array_equal(big[side], twin[side])
        assert np.array_equal(big[side], np.concatenate([pair[side] for pair in small]))
    assert [(big[0][i], big[1][i]) for i in range(0, len(queries), 97)] == [naive.range(q) for q in queries[::97]]
    del owner


def test_columns_come_back():
    engine = build(ROUTES, "path").engine
    columns = engine.to_columns()
    assert tuple(columns) == COLUMNS
    assert [name for name, array in columns.items() if array.flags.writeable] == []
    again = TextPrefixes.from_columns({name: array.copy() for name, array in columns.items()})
    assert (again.form, again.n, again.nbytes) == (engine.form, engine.n, engine.nbytes)
    assert engine.index_nbytes == engine.nbytes == sum(array.nbytes for array in engine.to_columns().values())
    raw = {name: np.frombuffer(b"\0" * 4 + array.tobytes(), np.uint8)[4:] for name, array in columns.items()}
    shifted = {name: array.view(columns[name].dtype) for name, array in raw.items()}
    NaivePrefixes(ROUTES, "path").assert_answers(TextPrefixes.from_columns(shifted), ROUTES)


@pytest.mark.parametrize("name", COLUMNS)
def test_a_missing_or_wrong_column_is_refused(name):
    columns = build(ROUTES, "path").engine.to_columns()
    with pytest.raises(SnapshotFormatError):
        TextPrefixes.from_columns({other: array for other, array in columns.items() if other != name})
    if name != "header":
        with pytest.raises(SnapshotFormatError):
            TextPrefixes.from_columns(columns | {name: columns[name][: len(columns[name]) // 2]})
    with pytest.raises(SnapshotFormatError, match=name):
        TextPrefixes.from_columns(columns | {name: np.zeros(3, np.float32)})


@pytest.mark.parametrize(
    ("name", "field", "value"),
    [
        ("header", "entries", 7),
        ("header", "terminator", 300),
        ("texts", "offset", 2**63),
        ("texts", "length", 2**20),
        ("texts", "length", 2**31),
        ("texts", "parent", 5),
        ("texts", "parent", -2),
        ("nodes", "depth", 99),
        ("nodes", "at", 2**31),
        ("nodes", "count", 0),
        ("nodes", "count", 2**31),
        ("nodes", "inner", 1),
        ("groups", "first", 6),
        ("groups", "first", -1),
        ("groups", "link", 0),
        ("groups", "link", 2**31 - 1),
        ("groups", "link", -7),
    ],
)
def test_what_a_search_would_follow_is_checked(name, field, value):
    columns = {key: array.copy() for key, array in build(ROUTES, "path").engine.to_columns().items()}
    columns[name][field][0] = value
    with pytest.raises(SnapshotFormatError):
        TextPrefixes.from_columns(columns)


def test_hostile_columns_are_refused_or_answer_something():
    """Bytes changed at random: whatever is let in ends, and reads nothing outside (the arrays end at pages nobody may read)."""
    rng = np.random.default_rng(3)
    texts = [b"/%d/%d/%s" % (i % 7, i % 90, b"x" * (i % 23)) for i in range(300)]
    columns = build(texts, "path").engine.to_columns()
    address, length, owner = addresses([*texts, *(text * 40 for text in texts[:20])])
    accepted = 0
    for _ in range(400):
        changed = {name: array.copy() for name, array in columns.items()}
        for _ in range(int(rng.integers(1, 4))):
            raw = changed[COLUMNS[int(rng.integers(0, 7))]].view(np.uint8)
            raw[rng.integers(0, len(raw))] = rng.choice([0, 1, 255, int(rng.integers(0, 256))])
        try:
            engine = TextPrefixes.from_columns({name: fenced(array) for name, array in changed.items()})
        except SnapshotFormatError:
            continue
        accepted += 1
        for way in WAYS:
            with one_way(engine, way):
                out = np.empty(len(address), np.int32)
                engine.lookup(address, length, out)
                low, high = ranges(engine, address, length)
                assert ((out >= -1) & (out < engine.n)).all()
                assert ((low >= 0) & (low <= high) & (high <= engine.n)).all()
    assert 50 < accepted < 390
    del owner
