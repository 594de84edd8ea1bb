"""A snapshot of tables: lookups by kind, edits that share, digests, files, pickles, explanations."""

from __future__ import annotations

import ipaddress
import json
import pickle
import uuid
import weakref

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import valkyrie as vk
from valkyrie import records
from valkyrie.errors import (
    AmbiguousKeyError,
    ArgumentError,
    DigestMismatchError,
    KeyNotFoundError,
    KeyTypeError,
    SnapshotFormatError,
)

IDS = np.arange(20_000) * 977


@pytest.fixture
def tables():
    return {
        "tenants": vk.RouteTable.build({"id": IDS, "shard": IDS % 7, "name": [f"t{i}" for i in IDS]}),
        "names": vk.IdTable.build(["alpha", "beta"]),
        "networks": vk.PrefixTable.build(["10.0.0.0/8", "10.1.0.0/16", "2001:db8::/32"], kind="ip"),
    }


def test_keys_go_to_the_tables_of_their_kind(tables):
    snapshot = vk.Snapshot.build(tables)
    found = snapshot.lookup_many([977, 5, 0])
    assert found.names == ("target", "status", "rule")
    assert found["target"].tolist() == [1, -1, 0]
    assert [records.STATUS[code] for code in found["status"]] == ["ok", "miss", "ok"]
    assert found["rule"].tolist() == [0, -1, 0]
    assert [found[name].dtype for name in found.names] == [np.int32, np.uint8, np.int16]
    addresses = [ipaddress.ip_address("10.1.2.3"), ipaddress.ip_address("2001:db8::1")]
    assert snapshot.lookup_many(addresses)["target"].tolist() == [1, 2]
    assert snapshot.lookup(addresses[0]) == 1
    assert snapshot.lookup(977) == 1
    assert snapshot.lookup(5) is None
    with pytest.raises(AmbiguousKeyError, match=r"names \(bytes\), networks \(prefixes ip\).*table='names'"):
        snapshot.lookup_many(["alpha"])
    with pytest.raises(AmbiguousKeyError):
        snapshot.lookup("alpha")
    assert snapshot.lookup_many(["beta", "x"], table="names")["target"].tolist() == [1, -1]
    assert snapshot.lookup_many(["10.9.9.9"], table="networks")["target"].tolist() == [0]
    assert snapshot.lookup("10.9.9.9", table="networks") == 0
    with pytest.raises(AmbiguousKeyError):
        snapshot.lookup_many(np.array([1], np.uint32))
    with pytest.raises(ArgumentError, match="there is no table 'x'.*'tenants', 'names', 'networks'"):
        snapshot.lookup_many([1], table="x")
    ids = vk.Snapshot.build({"tenants": tables["tenants"], "names": tables["names"]})
    with pytest.raises(KeyTypeError, match="no table holds keys like these"):
        ids.lookup_many([uuid.UUID(int=1)])
    with pytest.raises(KeyTypeError):
        ids.lookup(uuid.UUID(int=1))
    assert ids.lookup_many([None, None])["target"].tolist() == [-1, -1]
    assert ids.lookup_many([])["target"].tolist() == []


@pytest.mark.parametrize("make", [list, tuple, lambda keys: np.array(keys, object), lambda keys: pd.Series(keys, dtype=object)])
def test_addresses_are_told_by_the_first_that_is_no_null(tables, make):
    snapshot = vk.Snapshot.build(tables)
    address = ipaddress.ip_address("10.1.2.3")
    assert snapshot.lookup_many(make([None, address, None]))["target"].tolist() == [-1, 1, -1]
    assert snapshot.targets_of(make([address]))[0] == 1


def test_a_snapshot_is_made_of_tables_by_name(tables):
    with pytest.raises(ArgumentError, match=r"a mapping of names to tables .* got IdTable. Snapshot.build\(\)"):
        vk.Snapshot(tables["names"])
    with pytest.raises(TypeError, match="verson"):
        vk.Snapshot(tables, verson=3)
    snapshot = vk.Snapshot.build(tables)
    assert weakref.ref(snapshot)() is snapshot


def test_tables_of_one_kind_are_tried_in_order():
    first, second = vk.IdTable.build([1, 2], [10, 20]), vk.IdTable.build([2, 3], [200, 300])
    snapshot = vk.Snapshot.build({"first": first, "second": second})
    for keys in ([1, 2, 3, 4], np.array([1, 2, 3, 4])):
        found = snapshot.lookup_many(keys)
        assert found["target"].tolist() == [10, 20, 300, -1]
        assert found["rule"].tolist() == [0, 0, 1, -1]
        assert snapshot.targets_of(keys).tolist() == [10, 20, 300, -1]
    assert [snapshot.lookup(key) for key in (1, 2, 3, 4)] == [10, 20, 300, None]
    with pytest.raises(AmbiguousKeyError, match="'first', 'second'"):
        snapshot.with_routes({5: 1})
    assert snapshot.with_routes({5: 1}, table="second").lookup(5) == 1


def test_edits_share_and_leave_the_old_alone(tables):
    old = vk.Snapshot.build(tables)
    new = old.with_routes({977: 5, 11: 6}, table="tenants").without_routes([0], table="tenants")
    assert old.lookup_many([977, 11, 0], table="tenants")["target"].tolist() == [1, -1, 0]
    assert new.lookup_many([977, 11, 0], table="tenants")["target"].tolist() == [5, 6, -1]
    assert new.tables["names"] is old.tables["names"]
    assert {id(array) for array in old.arrays()} < {id(array) for array in new.arrays()}
    assert new.nbytes - old.nbytes < old.nbytes / 20
    assert (old.pending, new.pending) == (0, 3)
    assert new.digest != old.digest
    assert new.parent == old.with_routes({977: 5, 11: 6}, table="tenants").digest
    assert new.merged().digest == new.digest
    assert new.merged().pending == 0
    assert new.with_routes(([977, 0], [1, 0]), table="tenants").without_routes([11], table="tenants").digest == old.digest
    assert old.with_routes({}, table="names") is old
    assert list(old.with_table("names", tables["networks"]).tables) == list(tables)
    assert list(old.with_table("more", tables["networks"]).tables) == [*tables, "more"]
    assert list(old.without_table("names").tables) == ["tenants", "networks"]
    assert old.with_routes({"10.2.0.0/16": 9}, table="networks").lookup("10.2.3.4", table="networks") == 9
    assert old.without_routes(["10.1.0.0/16"], table="networks").lookup("10.1.3.4", table="networks") == 0
    with pytest.raises(AttributeError, match="cannot be changed"):
        old.version = 3
    with pytest.raises(TypeError):
        old.tables["names"] = tables["networks"]


def test_what_edits_refuse(tables):
    snapshot = vk.Snapshot.build(tables)
    with pytest.raises(ArgumentError, match="20000 is no row of the payload, which has 20000"):
        snapshot.with_routes({5: 20_000}, table="tenants")
    with pytest.raises(KeyNotFoundError):
        snapshot.without_routes(["gamma"], table="names")
    assert snapshot.without_routes(["gamma"], table="names", errors="ignore") is snapshot
    for routes in ([1, 2], 5, (1, 2, 3)):
        with pytest.raises(ArgumentError, match="routes"):
            snapshot.with_routes(routes, table="tenants")
    with pytest.raises(ArgumentError, match="lengths"):
        snapshot.with_routes({"a": 1}, table="names", lengths=[1])
    with pytest.raises(ArgumentError, match="lengths"):
        snapshot.without_routes([977], table="tenants", lengths=[1])
    with pytest.raises(ArgumentError, match="only table"):
        vk.Snapshot.build(tables["names"]).without_table("routes")
    for wrong in ({}, [tables["names"]], 7, {"a": 5}, {"": tables["names"]}, {"a\n": tables["names"]}, {3: tables["names"]}):
        with pytest.raises(ArgumentError, match="tables"):
            vk.Snapshot.build(wrong)


@given(st.permutations(range(12)), st.lists(st.tuples(st.integers(0, 11), st.integers(0, 5)), max_size=12))
def test_digests_depend_on_content_alone(order, edits):
    rows = [3 * i for i in range(12)]
    built = vk.Snapshot.build(vk.IdTable.build([5 * i for i in order], [rows[i] for i in order]))
    edited = vk.Snapshot.build(vk.IdTable.build(np.array([], np.int64)))
    for i in order:
        edited = edited.with_routes({5 * i: rows[i]})
    assert edited.digest == built.digest
    for key, row in edits:
        before = edited
        edited = edited.with_routes({5 * key: row})
        assert (edited.digest == before.digest) == (before.lookup(5 * key) == row)
        rows[key] = row
    assert edited.digest == vk.Snapshot.build(vk.IdTable.build([5 * i for i in range(12)], rows)).digest


@given(st.dictionaries(st.integers(0, 30), st.integers(0, 3), min_size=1, max_size=8), st.data())
def test_digests_of_other_contents_are_others(routes, data):
    """One key more, less or other, one row or value of the payload other: whatever it is, it shows, edited and built again."""
    payload = [0.5, 1.5, 2.5, 3.5]

    def built(routes, payload):
        rows = list(routes.values())
        table = vk.RouteTable.build({"id": np.arange(len(payload)), "value": payload}).without(np.arange(len(payload)))
        return vk.Snapshot.build({"bare": vk.IdTable.build(list(routes), rows), "routed": table.replace(list(routes), rows)})

    first = built(routes, payload)
    key = data.draw(st.sampled_from(list(routes)))
    less = {other: row for other, row in routes.items() if other != key}
    changed = [
        (less, payload),
        (routes | {key: (routes[key] + 1) % 4}, payload),
        (routes | {data.draw(st.integers(31, 60)): 0}, payload),
        (less | {data.draw(st.integers(31, 60)): routes[key]}, payload),
        (routes, [0.5, 1.5, 2.5, data.draw(st.floats().filter(lambda value: value != 3.5))]),
        (routes, [*payload, 4.5]),
    ]
    digests = {first.digest, *(built(*each).digest for each in changed)}
    assert len(digests) == 1 + len({(tuple(sorted(routes.items())), repr(values)) for routes, values in changed})
    assert first.without_routes([key], table="bare").digest != first.digest
    assert first.with_routes({key: routes[key] + 1}, table="bare").with_routes(routes, table="bare").digest == first.digest


def test_digests_tell_names_kinds_order_and_payload_apart(tables):
    frame = {"id": [1, 2], "shard": [3, 4]}
    table = vk.RouteTable.build(frame)
    variants = [
        {"a": table},
        {"b": table},
        {"a": table, "b": table},
        {"a": table.index},
        {"a": vk.RouteTable.build({"id": [1, 2], "shard": [3, 5]})},
        {"a": vk.RouteTable.build({"id": [1, 2], "other": [3, 4]})},
        {"a": vk.RouteTable.build({"key": [1, 2], "shard": [3, 4]}, key="key")},
        {"a": vk.RouteTable.build({"id": [1, 2], "shard": ["3", "4"]})},
        {"a": vk.RouteTable.build({"id": [1, 2], "shard": ["3", None]})},
        {"a": vk.RouteTable.build({"id": [1, 2], "shard": ["3", ""]})},
        {"a": vk.RouteTable.build({"id": [1, 2], "shard": np.ma.MaskedArray([3, 4], [False, True])})},
        {"a": vk.RouteTable.build({"id": ["1", "2"], "shard": [3, 4]})},
        {"a": vk.RouteTable.build({"id": ["1", "2"], "shard": [3, 4]}, kind="prefix")},
        {"a": vk.RouteTable.build({"id": ["1", "2"], "shard": [3, 4]}, kind="digits")},
        {"a": tables["names"], "b": tables["networks"]},
        {"b": tables["networks"], "a": tables["names"]},
    ]
    digests = [vk.Snapshot.build(variant).digest for variant in variants]
    assert len(set(digests)) == len(variants)
    again = [vk.Snapshot.build({"a": vk.RouteTable.build(frame, seed=seed)}).digest for seed in (1, 2)]
    assert again == digests[:1] * 2


def test_files_and_pickles(tables, tmp_path):
    snapshot = vk.Snapshot.build(tables).with_routes({977: 5}, table="tenants")
    path = tmp_path / "s.vks"
    snapshot.save(path)
    for mode in ("mmap", "copy"):
        for verify in ("full", "header", "none"):
            loaded = vk.Snapshot.load(path, mode=mode, verify=verify, digest=snapshot.digest)
            assert loaded.digest == snapshot.digest
            assert loaded.parent == snapshot.parent
            assert loaded.pending == 1
            assert loaded.lookup_many([977], table="tenants")["target"].tolist() == [5]
            assert isinstance(loaded.tables["tenants"], vk.RouteTable)
            small = pickle.dumps(loaded)
            assert (len(small) < 2000) == (mode == "mmap")
            assert pickle.loads(small).digest == snapshot.digest
    assert pickle.loads(pickle.dumps(snapshot)).digest == snapshot.digest
    assert vk.load(path).digest == snapshot.digest
    mapped = pickle.dumps(vk.Snapshot.load(path))
    edited = pickle.loads(pickle.dumps(vk.Snapshot.load(path).with_routes({5: 0}, table="tenants")))
    assert edited.lookup(5, table="tenants") == 0
    with pytest.raises(DigestMismatchError, match="was promised"):
        vk.Snapshot.load(path, digest="0" * 32)
    snapshot.with_routes({5: 1}, table="tenants").save(path)
    with pytest.raises(DigestMismatchError):
        pickle.loads(mapped)
    tables["names"].save(path)
    with pytest.raises(SnapshotFormatError, match="no snapshot"):
        vk.Snapshot.load(path)


def test_files_that_lie_are_refused(tables, tmp_path):
    snapshot = vk.Snapshot.build(tables)
    columns = snapshot.to_columns()
    meta = json.loads(columns["meta"].tobytes())

    def saved(**changed):
        text = json.dumps(meta | changed).encode()
        sections = {**columns, "meta": np.frombuffer(text, np.uint8)}
        vk.vks.write(tmp_path / "t.vks", [vk.vks.Section("snapshot", *pair) for pair in sections.items()], content="snapshot")
        return tmp_path / "t.vks"

    assert vk.load(saved()).digest == snapshot.digest
    with pytest.raises(SnapshotFormatError, match="it holds the snapshot"):
        vk.load(saved(digest="1" * 32))
    wrong = [
        {"digest": "x" * 32}, {"digest": 5}, {"parent": ""}, {"version": -1}, {"version": True}, {"version": 1.5},
        {"created_at": float("nan")}, {"created_at": "now"}, {"tables": []}, {"tables": 7}, {"tables": [{"name": "a"}]},
        {"tables": [{"name": "a", "type": "os.system"}]}, {"tables": meta["tables"][:1] * 2},
        {"tables": [{"name": "\n", "type": "id_table"}]}, {"tables": [{"name": "a", "type": ["id_table"]}]},
    ]  # fmt: skip
    for changed in wrong:
        with pytest.raises(SnapshotFormatError, match="snapshot"):
            vk.load(saved(**changed))
    for text in (b"", b"[]", b"{}", b"\xff", b"[" * 100_000):
        with pytest.raises(SnapshotFormatError, match="cannot be read"):
            vk.Snapshot.from_columns({**columns, "meta": np.frombuffer(text, np.uint8)})
    with pytest.raises(SnapshotFormatError):
        vk.Snapshot.from_columns({"meta": columns["meta"]})
    with pytest.raises(SnapshotFormatError):
        vk.Snapshot.from_columns({})


def test_explanations(tables):
    snapshot = vk.Snapshot.build(tables)
    found = snapshot.explain("10.1.2.3", table="networks")
    assert (found.table, found.row, found.rule, found.tables_tried) == ("networks", 1, "10.1.0.0/16", ("networks",))
    assert str(found) == "'10.1.2.3' leads to row 1: it is in table 'networks', where it begins with '10.1.0.0/16'"
    ids = snapshot.explain(977)
    assert ids.record == {"shard": 977 % 7, "name": "t977"}
    nowhere = snapshot.explain(5)
    assert (nowhere.table, nowhere.row) == (None, None)
    assert "leads nowhere: it is in none of the tables tenants" in str(nowhere)
    assert "&lt;b&gt;" in snapshot.explain("<b>", table="names")._repr_html_()


def test_reprs(tables):
    snapshot = vk.Snapshot.build({"<x>": tables["names"]})
    assert repr(snapshot).startswith("Snapshot(unpublished, <x>: 2 keys of kind bytes, ")
    assert "&lt;x&gt;" in snapshot._repr_html_()
