"""Answers of RouteTables are their records: rows do not count. And a diff that is pickled, or asked with odd keys."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

import valkyrie as vk
from valkyrie.arrays import StringDictionary, Strings
from valkyrie.errors import ArgumentError, KeyTypeError

IDS = np.arange(1000) * 7
HOSTS = [f"host-{i % 5}" for i in range(1000)]


def routes(ids=IDS, hosts=HOSTS, **more):
    return vk.RouteTable.build({"id": ids, "host": hosts, **more})


def test_rows_that_are_numbered_anew_do_not_move_a_key():
    old, new = routes(), routes(IDS[::-1], HOSTS[::-1])
    found = vk.diff(old, new, IDS)
    assert (found.moved_share, found.renumbered) == (0.0, 1000)
    assert "moved by row only: 1,000 keys, to another row of the same record" in found.summary()
    whole = vk.diff(old, new)
    assert (whole.changed_share, whole.renumbered, whole.counts["changed"]) == (0.0, 1000, 0)
    assert "1,000 to another row of the same record" in whole.summary()
    outcome = vk.what_if(old, IDS, {"anew": lambda now: vk.Snapshot.build(new)})
    assert outcome.scenarios["renumbered"].tolist() == [1000]


def test_another_record_in_the_same_row_moves_its_keys():
    hosts = ["elsewhere", *HOSTS[1:]]
    found = vk.diff(routes(), routes(hosts=hosts), [0, 0, 7])
    assert found.moved.tolist() == [True, True, False]
    assert "0 → another record there: 2 keys" in found.summary()
    whole = vk.diff(routes(), routes(hosts=hosts))
    assert whole.changed["key"].tolist() == [0]
    assert (whole.changed_share, whole.renumbered) == (0.001, 0)


@pytest.mark.parametrize(
    ("one", "other", "moved"),
    [
        ({"a": [1], "b": [2]}, {"b": [2], "a": [1]}, False),
        ({"a": [1]}, {"a": [1], "b": [2]}, True),
        ({"a": [1]}, {"b": [1]}, True),
        ({"a": np.array([1], np.int32)}, {"a": np.array([1], np.int64)}, True),
        ({"a": [0.0]}, {"a": [-0.0]}, True),
        ({"a": np.array([complex(np.nan, 1)])}, {"a": np.array([complex(-np.nan, 1)])}, False),
        ({"a": np.array([1, 2j])[:1]}, {"a": np.array([2, 2j])[:1]}, True),
        ({"a": np.array(["NaT"], "M8[s]")}, {"a": np.array(["NaT"], "M8[s]")}, False),
        ({"a": np.array([b"abcde"])}, {"a": np.array([b"abcdf"])}, True),
        ({"a": ["x"]}, {"a": [None]}, True),
    ],
)
def test_records_are_equal_by_names_types_and_bytes(one, other, moved):
    for keys in ([5], [5] * 50):
        found = vk.diff(vk.RouteTable.build({"id": [5], **one}), vk.RouteTable.build({"id": [5], **other}), keys)
        assert found.moved.tolist() == [moved] * len(keys)


def test_what_lies_under_a_null_does_not_count():
    def table(value):
        columns = dict(routes(IDS[:2], HOSTS[:2], n=[value, None]).to_columns())
        columns["payload/n/values"] = np.array([1, value], np.int64)
        return vk.RouteTable.from_columns(columns | {"payload/n/nulls": np.array([False, True])})

    assert not vk.diff(table(3), table(4), [0, 7]).moved.any()


def test_a_text_may_stand_in_a_dictionary_twice():
    texts = StringDictionary.from_texts(["x", "y", "x"])
    old, new = (routes(IDS[:3], Strings(np.array(codes, np.int32), texts)) for codes in ([0, 1, 0], [2, 1, 1]))
    assert vk.diff(old, new, IDS[:3]).moved.tolist() == [False, False, True]


def test_a_table_without_payload_has_rows_and_no_records():
    bare = vk.IdTable.build(IDS)
    keys_alone = vk.RouteTable.build({"id": IDS})
    assert not vk.diff(bare, keys_alone, IDS).moved.any()
    assert vk.diff(keys_alone, vk.RouteTable.build({"id": IDS[::-1]})).counts["changed"] == 1000
    assert vk.diff(bare, routes(), [*IDS.tolist(), 5]).moved.tolist() == [True] * 1000 + [False]
    assert vk.diff(routes(), bare).counts == {"removed": 0, "changed": 1000, "added": 0}


def test_rows_that_a_payload_has_not_are_records_of_nulls():
    columns = routes(IDS[:2], ["a", None]).to_columns()
    far = vk.IdTable.build(IDS[:2], [0, 2**31 - 1]).to_columns()
    other = {name: values for name, values in columns.items() if not name.startswith("index/")}
    beyond = vk.RouteTable.from_columns(other | {f"index/{name}": values for name, values in far.items()})
    for times in (1, 100):
        found = vk.diff(routes(IDS[:2], ["a", None]), beyond, [0, 7] * times)
        assert not found.moved.any()
        assert found.renumbered == times
        assert not vk.diff(beyond, routes(IDS[:2], ["a", None]), [0, 7] * times).moved.any()


def test_records_of_prefixes():
    build = vk.RouteTable.build
    old = build({"id": ["49", "491"], "carrier": ["a", "b"]}, kind="digits")
    new = build({"id": ["491", "49"], "carrier": ["c", "a"]}, kind="digits")
    assert vk.diff(old, new, ["4911", "495"]).moved.tolist() == [True, False]
    whole = vk.diff(old, new).tables["routes"]
    assert (whole.changed["key"].tolist(), whole.renumbered) == (["491"], 1)


def test_pickles():
    keyed = vk.diff(routes(), routes(hosts=["x", *HOSTS[1:]]), IDS, load=np.arange(1000.0))
    whole = vk.diff(routes(), routes(hosts=["x", *HOSTS[1:]]).without([7]))
    outcome = vk.what_if(routes(), IDS, {"gone": lambda now: now.without_routes([0])})
    for found in (keyed, whole, whole.tables["routes"], outcome):
        assert repr(pickle.loads(pickle.dumps(found))) == repr(found)
    again = pickle.loads(pickle.dumps(keyed))
    assert again.matrix == keyed.matrix
    assert not again.moved.flags.writeable
    table = pickle.loads(pickle.dumps(whole.tables["routes"]))
    assert table.changed == whole.tables["routes"].changed
    assert table.removed["key"].tolist() == [7]


@pytest.mark.parametrize("keys", [iter([0, 7]), (key for key in [0, 7]), map(int, "07")], ids=["iterator", "generator", "map"])
@pytest.mark.parametrize("table", [None, "only in a"])
def test_keys_that_can_be_read_once_are_refused(keys, table):
    a = vk.Snapshot.build({"only in a": vk.IdTable.build(IDS)})
    b = vk.Snapshot.build({"other": vk.IdTable.build(IDS)})
    with pytest.raises(ArgumentError, match=r"keys: .* can be read once only.*list\(keys\)"):
        vk.diff(a, b, keys, table=table)
    with pytest.raises(ArgumentError, match="read once only"):
        vk.what_if(a, keys, {"b": lambda now: b}, table=table)


@pytest.mark.parametrize("keys", [object(), 5, {"a": 1}, "text"], ids=["object", "number", "dict", "text"])
@pytest.mark.parametrize("table", [None, "other"])
def test_what_is_no_column_of_keys_is_refused(keys, table):
    a = vk.Snapshot.build({"routes": vk.IdTable.build(IDS)})
    b = vk.Snapshot.build({"other": vk.IdTable.build(IDS)})
    with pytest.raises((ArgumentError, KeyTypeError), match="keys"):
        vk.diff(a, b, keys, table=table)
