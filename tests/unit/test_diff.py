"""What two snapshots do differently: keys of their tables, and keys that a user asks about."""

from __future__ import annotations

import ipaddress
import subprocess
import sys
import uuid

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import valkyrie as vk
from valkyrie.display import move_plot
from valkyrie.errors import AmbiguousKeyError, ArgumentError, KeyTypeError

IDS = np.arange(30_000) * 977
ROWS = (IDS % 7).astype(np.int32)


def pairs(columns):
    return [tuple(row) for row in columns.to_numpy().tolist()]


def changes(found):
    return {name: pairs(getattr(found, name)) for name in ("removed", "changed", "added")}


def texts(n):
    return [f"key-{i:05d}" for i in range(n)]


@pytest.fixture
def base():
    return vk.IdTable.build(IDS, ROWS)


@pytest.fixture
def snapshot():
    tables = {
        "tenants": vk.RouteTable.build({"id": IDS, "shard": ROWS}),
        "names": vk.IdTable.build(["alpha", "beta"]),
        "networks": vk.PrefixTable.build(["10.0.0.0/8", "10.1.0.0/16", "2001:db8::/32"], kind="ip"),
    }
    return vk.Snapshot.build(tables)


@pytest.mark.parametrize("again", [False, True], ids=["pending", "built again"])
def test_edits_of_one_table(base, again):
    old = base.replace([977, 5], [6, 6])
    new = base.replace([977, 1954, 7], [3, 5, 2]).without([0])
    if again:
        old, new = old.merged(), new.merged()
    found = vk.diff(old, new)
    assert found.counts == {"removed": 2, "changed": 2, "added": 1}
    expected = {"removed": [(0, 0, -1), (5, 6, -1)], "changed": [(977, 6, 3), (1954, int(ROWS[2]), 5)], "added": [(7, -1, 2)]}
    assert changes(found.tables["routes"]) == expected
    assert changes(found) == {name: [("routes", *row) for row in rows] for name, rows in expected.items()}
    assert found.changed_share == 4 / 30_001
    assert found.added.names == ("table", "key", "before", "after")
    back = vk.diff(new, old).tables["routes"]
    assert (len(back.added), len(back.removed), len(back.changed)) == (2, 1, 2)


def test_pending_changes_alone_are_compared_where_tables_share_their_arrays(base, monkeypatch):
    from valkyrie.tables.ids import differences

    def all_keys(*_):
        raise AssertionError("all keys of a table were read")

    monkeypatch.setattr(differences, "all_keys", all_keys)
    new = base.replace([5], [1])
    assert changes(vk.diff(base, new).tables["routes"])["added"] == [(5, -1, 1)]
    assert changes(vk.diff(new, base).tables["routes"])["removed"] == [(5, 1, -1)]
    for same in (vk.diff(new, new), vk.diff(base, base), vk.diff(new, base.replace([5], [1]))):
        assert same.counts == {"removed": 0, "changed": 0, "added": 0}
        assert len(same.added) == len(same.removed) == len(same.changed) == 0
        assert same.changed_share == 0
    again = vk.IdTable.from_columns(base.to_columns())
    assert vk.diff(base, again.replace([977], [0])).counts == {"removed": 0, "changed": 1, "added": 0}


def test_an_edit_that_changes_nothing_is_no_change(base):
    assert vk.diff(base, base.replace([977], [ROWS[1]])).counts == {"removed": 0, "changed": 0, "added": 0}


def test_integers_count_by_value():
    signed = vk.IdTable.build([-1, 1, 2])
    unsigned = vk.IdTable.build(np.array([2**64 - 1, 2, 3], np.uint64), [0, 9, 2])
    found = vk.diff(signed, unsigned).tables["routes"]
    assert changes(found) == {
        "removed": [(-1, 0, -1), (1, 1, -1)],
        "changed": [(2, 2, 9)],
        "added": [(3, -1, 2), (2**64 - 1, -1, 0)],
    }
    assert (found.removed["key"].dtype, found.added["key"].dtype) == (np.int64, np.uint64)


def test_keys_of_every_kind():
    old, new = vk.IdTable.build(["b", "a", b"\xff"]), vk.IdTable.build(["a", "c", b"\xff", b"\xfe"])
    found = vk.diff(old, new).tables["routes"]
    assert changes(found) == {"removed": [("b", 0, -1)], "changed": [("a", 1, 0)], "added": [("c", -1, 1), ("\\xfe", -1, 3)]}
    assert found.changes.added.keys().tolist() == ["c", b"\xfe"]
    ids = [uuid.UUID(int=i << 64 | 255 - i) for i in range(4)]
    found = vk.diff(vk.IdTable.build(ids[:3]), vk.IdTable.build(ids[:0:-1])).tables["routes"]
    assert [key.tobytes() for key in found.changed["key"]] == [ids[1].bytes, ids[2].bytes]
    assert [key.tobytes() for key in found.added["key"]] == [ids[3].bytes]
    assert found.changed["after"].tolist() == [2, 1]


PREFIXES = {
    "ip": (["10.0.0.0/8", "::/0", "10.1.0.0/16", "2001:db8::/32"], ["10.0.0.0/8", "10.0.0.0/9", "2001:db8::/32"]),
    "digits": (["49", "491", "", "7"], ["49", "1", "7"]),
    "path": (["/", "/a", "/a//", "/b"], ["/a", "/a//", "/c", "/"]),
    "suffix": (["a.b", "b", "a.c", ""], ["b", "a.c", "b."]),
    "bytes": (["", "x", b"\xff", "y"], ["x", "xx", b"\xff"]),
}


@pytest.mark.parametrize("kind", PREFIXES)
def test_prefixes_are_compared_themselves(kind):
    old, new = (vk.PrefixTable.build(texts, kind=kind, on_duplicate="last") for texts in PREFIXES[kind])
    before, after = dict(old.items()), dict(new.items())
    found = vk.diff(old, new).tables["routes"]
    for name, expected in {
        "removed": {key: (row, -1) for key, row in before.items() if key not in after},
        "changed": {key: (row, after[key]) for key, row in before.items() if key in after and after[key] != row},
        "added": {key: (-1, row) for key, row in after.items() if key not in before},
    }.items():
        columns = getattr(found, name)
        keys = getattr(found.changes, name).keys().tolist()
        assert dict(zip(keys, zip(columns["before"].tolist(), columns["after"].tolist(), strict=True), strict=True)) == expected
    assert vk.diff(old, old).counts == {"removed": 0, "changed": 0, "added": 0}


def test_prefixes_of_words_have_lengths():
    words = np.array([1 << 63, 3 << 62], np.uint64)
    old, new = (vk.PrefixTable.build(words, kind="bits", lengths=lengths) for lengths in ([1, 2], [1, 3]))
    found = vk.diff(old, new)
    assert found.added.names == ("table", "key", "length", "before", "after")
    assert changes(found.tables["routes"]) == {"removed": [(3 << 62, 2, 1, -1)], "changed": [], "added": [(3 << 62, 3, -1, 1)]}


def test_wildcard_rules():
    rules = (["ck", "*.ck", "uk"], ["ck", "!www.ck", "uk"])
    old, new = (vk.PrefixTable.build(some, kind="suffix", wildcards=True) for some in rules)
    found = vk.diff(old, new).tables["routes"]
    assert changes(found) == {"removed": [("*.ck", 1, -1)], "changed": [], "added": [("!www.ck", -1, 1)]}
    plain = vk.PrefixTable.build(["ck"], kind="suffix")
    assert vk.diff(plain, old).counts == {"removed": 1, "changed": 0, "added": 3}


@pytest.mark.parametrize(
    "other",
    [vk.IdTable.build(["x"]), vk.PrefixTable.build(["1"], kind="digits"), vk.RouteTable.build({"id": ["x"], "v": [1]})],
    ids=["texts", "prefixes", "routes"],
)
def test_tables_of_other_kinds_have_no_key_in_common(other):
    for a, b, expected in ((vk.IdTable.build([1, 2]), other, (2, 0, 1)), (other, vk.IdTable.build([1, 2]), (1, 0, 2))):
        assert tuple(vk.diff(a, b).counts.values()) == expected


def test_tables_of_snapshots_by_name(snapshot):
    new = snapshot.with_routes({977: 5}, table="tenants").without_routes(["beta"], table="names").without_table("networks")
    new = new.with_table("more", vk.IdTable.build([1, 2, 3]))
    found = vk.diff(snapshot, new)
    assert {name: tuple(each.counts.values()) for name, each in found.tables.items()} == {
        "tenants": (0, 1, 0),
        "names": (1, 0, 0),
        "networks": (3, 0, 0),
        "more": (0, 0, 3),
    }
    assert found.tables["networks"].keys_after == found.tables["more"].keys_before == 0
    assert pairs(found.changed) == [("tenants", 977, 1, 5)]
    assert pairs(found.added) == [("more", 1, -1, 0), ("more", 2, -1, 1), ("more", 3, -1, 2)]
    assert pairs(found.removed) == [
        ("names", "beta", 1, -1),
        ("networks", "10.0.0.0/8", 0, -1),
        ("networks", "10.1.0.0/16", 1, -1),
        ("networks", "2001:db8::/32", 2, -1),
    ]
    with pytest.raises(AmbiguousKeyError, match=r"'tenants', 'names'.*tables\['tenants'\]\.removed"):
        _ = vk.diff(snapshot, snapshot.without_routes([977], table="tenants").without_routes(["beta"], table="names")).removed
    only = vk.diff(snapshot, new, table="names")
    assert list(only.tables) == ["names"]
    frame = found.to_frame()
    assert list(frame.columns) == ["table", "change", "key", "before", "after"]
    assert len(frame) == 8
    assert frame[frame.table == "tenants"].values.tolist() == [["tenants", "changed", 977, 1, 5]]
    assert list(vk.diff(new, new).to_frame().columns) == ["table", "change", "key", "before", "after"]
    shown = repr(found)
    assert "tenants: 30,000 keys before, 30,000 after: 0 removed, 1 changed, 0 added" in shown
    assert "<th>tenants</th>" in found._repr_html_()


def test_another_payload_behind_the_same_rows_is_told():
    old = vk.RouteTable.build({"id": [1, 2], "host": ["a", "b"]})
    new = vk.RouteTable.build({"id": [1, 2], "host": ["a", "c"]})
    found = vk.diff(old, new).tables["routes"]
    assert found.payload_differs
    assert "the payload differs" in repr(found)
    assert not vk.diff(old, old.replace([1], [1])).tables["routes"].payload_differs


def test_moves_of_keys(base):
    new = base.replace([977, 1954, 5], [3, 5, 0]).without([0])
    keys = [0, 977, 977, 1954, 2931, 5, 8]
    found = vk.diff(base, new, keys, load=[1, 2, 3, 4, 5, 6, 7])
    assert found.before.tolist() == [0, 4, 4, 1, 5, -1, -1]
    assert found.after.tolist() == [-1, 3, 3, 5, 5, 0, -1]
    assert found.moved.tolist() == [True, True, True, True, False, True, False]
    assert (found.moved_share, found.moved_load_share) == (5 / 7, 16 / 28)
    assert pairs(found.matrix) == [(-1, 0, 1, 6.0), (0, -1, 1, 1.0), (1, 5, 1, 4.0), (4, 3, 2, 5.0)]
    assert [found.matrix[name].dtype for name in found.matrix.names] == [np.int32, np.int32, np.int64, np.float64]
    assert found.moves.unrouted == 2
    assert pairs(found.moves.by_target) == [
        (-1, 2, 2, 13.0, 8.0),
        (0, 1, 1, 1.0, 6.0),
        (1, 1, 0, 4.0, 0.0),
        (3, 0, 2, 0.0, 5.0),
        (4, 2, 0, 5.0, 0.0),
        (5, 1, 2, 5.0, 9.0),
    ]
    assert found.counts == {"removed": 1, "changed": 2, "added": 1}
    frame = found.to_frame()
    assert frame["keys"].tolist() == [1, 1, 1, 2]
    assert found.summary().splitlines()[:4] == [
        "Diff",
        "  moved: 5 of 7 keys (71.43%)",
        "  load moved: 16 of 28 (57.14%)",
        "  no route: 2 before, 2 after",
    ]
    assert "no route → 0: 1 keys, load 6" in repr(found)
    unweighted = vk.diff(base, new, keys)
    assert unweighted.moved_load_share == unweighted.moved_share
    assert unweighted.matrix["load"].tolist() == [1.0, 1.0, 1.0, 2.0]
    with pytest.raises(ValueError, match="read-only"):
        found.before[0] = 1


def many(name):
    keys = texts(3000)
    return {
        "list": lambda: keys,
        "numpy": lambda: np.array(keys),
        "pandas": lambda: pd.Series(keys, index=np.arange(3000)[::-1]),
        "polars": lambda: pl.Series(keys),
        "arrow": lambda: pa.chunked_array([keys[:1000], keys[1000:]]),
    }[name]()


@pytest.mark.parametrize("container", ["list", "numpy", "pandas", "polars", "arrow"])
def test_containers(container):
    old = vk.IdTable.build(texts(2000), np.arange(2000) % 5)
    new = vk.IdTable.build(texts(3000)[500:], np.arange(2500) % 5)
    load = np.linspace(0, 1, 3000)
    wanted = vk.diff(old, new, texts(3000), load=load)
    loads = {"list": list, "numpy": np.asarray, "pandas": pd.Series, "polars": pl.Series, "arrow": pa.array}[container](load)
    found = vk.diff(old, new, many(container), load=loads)
    assert np.array_equal(found.moved, wanted.moved)
    assert found.matrix == wanted.matrix
    assert found.moves.unrouted_before == 1000
    assert found.moves.unrouted == 500


def test_the_matrix_is_that_of_crosstab():
    rng = np.random.default_rng(5)
    for n, targets in ((20_000, 9), (2_000, 2**31 - 1)):
        ids = rng.choice(2**40, n, replace=False)
        rows = [rng.integers(0, targets, n) for _ in range(2)]
        old, new = vk.IdTable.build(ids[: n - 20], rows[0][: n - 20]), vk.IdTable.build(ids[20:], rows[1][20:])
        keys, load = rng.choice(ids, 3 * n), rng.random(3 * n)
        found = vk.diff(old, new, keys, load=load)
        before, after = (pd.Series(table.get_many(keys)) for table in (old, new))
        went = (before != after).to_numpy()
        for name, values in (("keys", None), ("load", load[went])):
            at = pd.crosstab(before[went], after[went], values, aggfunc=None if values is None else "sum").stack()
            at = at[at > 0] if values is None else at.dropna()
            assert found.matrix["before"].tolist() == at.index.get_level_values(0).tolist()
            assert found.matrix["after"].tolist() == at.index.get_level_values(1).tolist()
            assert np.allclose(found.matrix[name], at.to_numpy(), rtol=1e-12)
        assert found.moved_load_share == pytest.approx(load[went].sum() / load.sum())


def test_no_keys_no_load():
    table = vk.IdTable.build([1, 2])
    for keys in ([], np.empty(0, np.int64)):
        found = vk.diff(table, table.without([1]), keys, load=[])
        assert (found.moved_share, found.moved_load_share, len(found.matrix)) == (0.0, 0.0, 0)
        assert len(found.moves.by_target) == 0
        assert len(found.to_frame()) == 0
        assert "0 of 0 keys" in repr(found)
    assert vk.diff(table, table.without([1]), [1, 2], load=[0, 0]).moved_load_share == 0.0
    assert vk.diff(vk.IdTable.build([]), vk.IdTable.build([])).changed_share == 0.0


def test_tables_that_both_snapshots_have_are_asked_once(snapshot):
    new = snapshot.with_routes({"alpha": 7}, table="names")
    assert not vk.diff(snapshot, new, IDS, table="tenants").moved.any()
    assert vk.diff(snapshot, new, ["alpha", "beta"], table="names").moved.tolist() == [True, False]
    assert not vk.diff(new, new, [ipaddress.ip_address("10.1.2.3")]).moved.any()
    gone = vk.diff(snapshot, new.without_table("names"), ["alpha", "x"], table="names")
    assert (gone.before.tolist(), gone.after.tolist()) == ([0, -1], [-1, -1])


@pytest.mark.parametrize(
    ("load", "message"),
    [
        ([1.0], "1 loads for 3 keys"),
        ([1, 2, np.nan], "position 2 is nan"),
        ([1, np.inf, 1], "position 1 is inf"),
        ([1, -2, 1], "position 1 is -2.0"),
        ([1, None, 1], "position 1 is null"),
        (["a", "b", "c"], "numbers are needed, got text"),
        (np.zeros(3, "M8[s]"), "numbers are needed"),
        ([1e308, 1e308, 1e308], "too large"),
        (3.0, "load"),
    ],
)
def test_loads_that_are_refused(base, load, message):
    with pytest.raises(ArgumentError, match=message):
        vk.diff(base, base, [1, 2, 3], load=load)


def test_what_is_refused(base, snapshot):
    with pytest.raises(ArgumentError, match="a: a snapshot or a table is needed, got list"):
        vk.diff([1], base)
    with pytest.raises(ArgumentError, match="a is Snapshot and b IdTable"):
        vk.diff(snapshot, base)
    with pytest.raises(ArgumentError, match="no table 'x'.*'tenants', 'names', 'networks'"):
        vk.diff(snapshot, snapshot, table="x")
    with pytest.raises(ArgumentError, match="load: loads are of keys"):
        vk.diff(base, base, load=[1])
    with pytest.raises(AmbiguousKeyError, match=r"a: keys: .*table='names'"):
        vk.diff(snapshot, snapshot, ["alpha"])
    with pytest.raises(KeyTypeError, match="b: keys: text or bytes .* are needed, got integers"):
        vk.diff(base, vk.IdTable.build(["x"]), [1])
    with pytest.raises(ArgumentError, match="threads"):
        vk.diff(base, base, [1], threads=-1)
    with pytest.raises(ArgumentError, match="threads"):
        vk.diff(base, base, threads=-1)
    found = vk.diff(base, base)
    for name in ("moves", "before", "after", "moved", "moved_share", "moved_load_share", "matrix"):
        with pytest.raises(ArgumentError, match=r"made without keys.*diff\(a, b, keys\)"):
            getattr(found, name)
    with pytest.raises(ArgumentError, match="made without keys"):
        found.plot()


def test_names_are_escaped_in_html():
    table = vk.IdTable.build([1])
    shown = vk.diff(vk.Snapshot.build({"<b>&": table}), vk.Snapshot.build({"<b>&": table}))._repr_html_()
    assert "&lt;b&gt;&amp;" in shown
    assert "<b>&" not in shown


def test_versions_are_named():
    manager = vk.SnapshotManager(vk.Snapshot.build(vk.IdTable.build([1, 2])))
    first = manager.current
    manager.update(lambda now: now.with_routes({1: 5}))
    assert repr(vk.diff(first, manager.current, [1, 2])).startswith(f"Diff of version {first.version} and version ")
    manager.close()


def test_the_heat_map(monkeypatch, base):
    monkeypatch.setenv("MPLBACKEND", "agg")
    from matplotlib import pyplot

    pyplot.switch_backend("agg")
    new = base.replace(IDS[:3000], (ROWS[:3000] + 1) % 7)
    found = vk.diff(base, new.without([0]), IDS)
    axes = found.plot(most=3)
    assert [label.get_text() for label in axes.get_yticklabels()][-1] == "others (4)"
    cells = axes.images[0].get_array()
    assert cells.shape == (4, 4)
    assert cells.sum() == 3000
    _, mine = pyplot.subplots()
    assert found.plot(weight="keys", axes=mine) is mine
    assert [label.get_text() for label in mine.get_yticklabels()] == list("0123456")
    assert [label.get_text() for label in mine.get_xticklabels()] == ["no route", *"0123456"]
    assert mine.images[0].get_array()[0, 0] == 1
    assert "nothing moved" in vk.diff(base, base, IDS).plot().texts[0].get_text()
    for most in (0, True, 1.5):
        with pytest.raises(ArgumentError, match="most must be 1 or more"):
            found.plot(most=most)
    with pytest.raises(ArgumentError, match="no column 'x'"):
        found.plot(weight="x")
    with pytest.raises(ArgumentError, match="one load, 0 or more"):
        move_plot({"before": [1], "after": [2], "load": [-1.0]})
    pyplot.close("all")


@pytest.mark.parametrize(
    ("library", "call"), [("pandas", "found.to_frame()"), ("pandas", "keys.to_frame()"), ("matplotlib", "keys.plot()")]
)
def test_without_a_library_the_error_says_how_to_install_it(library, call):
    code = f"""
import sys
sys.modules[{library!r}] = None
import valkyrie as vk
table = vk.IdTable.build([1, 2])
found, keys = vk.diff(table, table.without([1])), vk.diff(table, table.without([1]), [1, 2])
print(found, keys)
try:
    {call}
except vk.errors.MissingExtraError as error:
    print(error)
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert 'pip install "valkyrie-routing[notebook]"' in run.stdout
