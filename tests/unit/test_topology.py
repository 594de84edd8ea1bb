"""Topologies: read from any table, checked, edited by making others, equal by content."""

from __future__ import annotations

import copy
import gc
import pickle
import weakref

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from valkyrie import records
from valkyrie.arrays import Columns
from valkyrie.errors import ArgumentError, UnknownColumnError, UnknownNodeError, ValkyrieError
from valkyrie.routing.topology import Constraints, LatencyOptimized, ShortestPath, Topology

NODES = {
    "name": ["ams", "fra", "lhr", "nyc"],
    "region": ["eu-west", "eu-west", "uk", None],
    "status": ["up", "drain", "up", None],
    "security": [1, 2, 0, 3],
    "capacity": [10.0, 20.0, 5.0, 1.5],
}
LINKS = {
    "source": ["ams", "fra", "lhr", "ams"],
    "target": ["fra", "lhr", "nyc", "fra"],
    "latency_us": [10.0, 20.0, 30.0, 5.0],
    "cost": [1.0, 2.0, 3.0, 4.0],
    "encrypted": [True, False, True, True],
}
REGIONS = {"name": ["eu", "eu-west", "uk"], "parent": [None, "eu", None]}


def structured(table):
    return Columns(table).to_numpy()


def dicts(table):
    return [dict(zip(table, row, strict=True)) for row in zip(*table.values(), strict=True)]


@pytest.fixture
def topology():
    return Topology(NODES, LINKS, REGIONS)


@pytest.mark.parametrize("container", [dict, pd.DataFrame, pl.DataFrame, pa.table, Columns, structured, dicts])
def test_every_table_makes_the_same_topology(container, topology):
    other = Topology(container(NODES), container(LINKS), container(REGIONS))
    for array in ("nodes", "links", "regions"):
        np.testing.assert_array_equal(getattr(other, array), getattr(topology, array))
    assert other.names.texts == ("ams", "fra", "lhr", "nyc")
    assert other.region_names.texts == ("eu", "eu-west", "uk")
    assert other.digest == topology.digest == "e1ef933921118cdbbb15aa38c24093e0"


def test_records_hold_what_was_given(topology):
    assert (topology.nodes.dtype, topology.links.dtype, topology.regions.dtype) == (records.NODE, records.LINK, records.REGION)
    assert topology.nodes["region"].tolist() == [1, 1, 2, -1]
    assert [records.NODE_STATUS[code] for code in topology.nodes["status"]] == ["up", "drain", "up", "up"]
    assert topology.links["source"].tolist() == [0, 1, 2, 0]
    assert topology.links["encrypted"].tolist() == [1, 0, 1, 1]
    assert topology.regions["parent"].tolist() == [-1, 0, -1]
    assert (topology.links["reliability"] == 1).all()
    assert np.isinf(topology.links["bandwidth_mbps"]).all()
    assert topology.given == {"latency_us", "cost", "encrypted"}


def test_without_regions_those_are_known_that_the_nodes_name():
    assert Topology(NODES, LINKS).region_names.texts == ("eu-west", "uk")


def test_keys_that_rows_of_dicts_leave_out_are_neutral():
    topology = Topology([{"name": "a"}, {"name": "b", "security": 7}], [{"source": "a", "target": "b", "cost": 3}])
    assert topology.nodes["security"].tolist() == [0, 7]


def test_nothing_and_one_node_are_topologies():
    assert len(Topology([], []).nodes) == 0
    assert len(Topology({"name": []}, {"source": [], "target": []}).links) == 0
    assert Topology([], []).digest != Topology([{"name": "a"}], []).digest


def link(**facts):
    return {"source": ["ams"], "target": ["lhr"]} | {name: [value] for name, value in facts.items()}


@pytest.mark.parametrize(
    ("nodes", "links", "regions", "error", "message"),
    [
        (NODES, link(cost=-1.0), REGIONS, ArgumentError, "negative-cost topology: cost of row 0 is -1"),
        (NODES, link(latency_us=-0.5), REGIONS, ArgumentError, "negative-cost topology: latency_us"),
        (NODES, link(cost=np.nan), REGIONS, ArgumentError, "cost of row 0 is nan, it must be finite, 0 or more"),
        (NODES, link(latency_us=np.inf), REGIONS, ArgumentError, "latency_us of row 0 is inf"),
        (NODES, link(reliability=1.5), REGIONS, ArgumentError, "it must be from 0 to 1"),
        (NODES, link(load=np.nan), REGIONS, ArgumentError, "load of row 0 is nan"),
        (NODES, link(bandwidth_mbps=-1), REGIONS, ArgumentError, "it must be 0 or more"),
        (NODES, link(security=256), REGIONS, ArgumentError, "it must be from 0 to 255"),
        (NODES, link(security=0.5), REGIONS, ArgumentError, "security must be whole numbers, got float64"),
        (NODES, link(cost="dear"), REGIONS, ArgumentError, "cost must be numbers, got text"),
        (NODES, link(cots=1), REGIONS, UnknownColumnError, "Did you mean 'cost'?"),
        (NODES, {"source": ["ams"]}, REGIONS, UnknownColumnError, "there is no column 'target'"),
        (NODES, {"source": ["amss"], "target": ["lhr"]}, REGIONS, UnknownNodeError, "source of row 0: .*Did you mean 'ams'?"),
        (NODES, {"source": ["ams"], "target": [None]}, REGIONS, UnknownNodeError, "target of row 0: there is no node None"),
        (NODES, {"source": [7], "target": ["ams"]}, REGIONS, ArgumentError, "names are text, got int64"),
        (NODES, {"source": ["ams"], "target": ["ams"]}, REGIONS, ArgumentError, "link 0 leads from 'ams' to itself"),
        (NODES, {"source": ["ams", "fra"], "target": ["fra", "ams"]}, REGIONS, ArgumentError, "links 0 and 1 are the same"),
        ({"name": ["a", "b", "a"]}, [], None, ArgumentError, "'a' is the name of rows 0 and 2"),
        ({"name": ["a", None]}, [], None, ArgumentError, "row 1 has no name"),
        ({"name": ["a"], "status": ["dwon"]}, [], None, ArgumentError, "status of row 0 is 'dwon'.*'up', 'drain', 'down'"),
        ({"name": ["a"], "status": [3]}, [], None, ArgumentError, "status of row 0 is 3"),
        ({"name": ["a"], "region": ["eu-wset"]}, [], REGIONS, UnknownNodeError, "there is no region 'eu-wset'.*'eu-west'"),
        ({"name": ["a"], "capacity": [-1]}, [], None, ArgumentError, "capacity of row 0 is -1"),
        ([{"name": "a"}, "b"], [], None, ArgumentError, "row 1 is a str, a dict is needed"),
        ("ams", [], None, ArgumentError, "a table of columns is needed, got str"),
        (NODES, LINKS, {"name": ["x"], "parent": ["y"]}, UnknownNodeError, "parent of row 0: there is no region 'y'"),
        (NODES, LINKS, {"name": ["x"], "parent": ["x"]}, ArgumentError, "cyclic hierarchy: 'x' in 'x'"),
        (
            NODES,
            LINKS,
            {"name": ["w", "x", "y", "z"], "parent": ["x", "y", "z", "x"]},
            ArgumentError,
            "cyclic hierarchy: ('x' in 'y' in 'z' in 'x'|'y' in 'z' in 'x' in 'y'|'z' in 'x' in 'y' in 'z')",
        ),
    ],
)
def test_what_is_wrong_is_named(nodes, links, regions, error, message):
    with pytest.raises(error, match=message) as raised:
        Topology(nodes, links, regions)
    assert raised.value.hint


def test_direction_is_true_or_false():
    with pytest.raises(ArgumentError, match="directed must be True or False; got 1"):
        Topology(NODES, LINKS, directed=1)


def test_directed_links_back_and_forth_are_no_twins():
    back_and_forth = {"source": ["ams", "fra"], "target": ["fra", "ams"]}
    assert len(Topology(NODES, back_and_forth, REGIONS, directed=True).links) == 2


def test_a_topology_cannot_be_changed(topology):
    with pytest.raises(AttributeError, match="with_links"):
        topology.directed = True
    for array in (topology.nodes, topology.links, topology.regions):
        assert not array.flags.writeable


def test_borrowed_arrays_do_not_show_through(topology):
    table = structured({name: np.array(LINKS[name]) for name in LINKS})
    mine = Topology(NODES, table, REGIONS)
    table["cost"] = 99
    assert mine.digest == topology.digest


@pytest.mark.parametrize(
    "edit",
    [
        lambda t: t.with_load([0.1, 0.2, 0.3, 0.4]),
        lambda t: t.with_load({("lhr", "fra"): 0.5}),
        lambda t: t.with_status({"ams": "down"}),
        lambda t: t.without_nodes(["nyc"]),
        lambda t: t.without_links([("lhr", "nyc")]),
        lambda t: t.with_links([{"source": "ams", "target": "nyc", "cost": 1}]),
        lambda t: t.with_nodes([{"name": "par", "region": "eu"}]),
        lambda t: t.with_nodes([{"name": "ams", "security": 9}]),
        lambda t: Topology(NODES, LINKS, REGIONS, directed=True),
        lambda t: Topology(NODES, LINKS, REGIONS | {"parent": [None, "eu", "eu"]}),
    ],
)
def test_an_edit_makes_another_and_leaves_the_first_as_it_was(edit, topology):
    before = topology.digest
    edited = edit(topology)
    assert edited.digest != before
    assert Topology(NODES, LINKS, REGIONS).digest == before == topology.digest


def test_edits_do_what_they_say(topology):
    by_ends = topology.with_load({("lhr", "fra"): 0.5, ("ams", "fra"): 0.25})
    assert by_ends.links["load"].tolist() == [0.25, 0.5, 0.0, 0.25]
    assert "load" in by_ends.given
    assert topology.without_links([("fra", "ams")]).link_columns["cost"].tolist() == [2.0, 3.0]
    less = topology.without_nodes(["ams"])
    assert less.names.texts == ("fra", "lhr", "nyc")
    assert less.link_columns["source"].tolist() == ["fra", "lhr"]
    more = topology.with_nodes([{"name": "par"}, {"name": "lhr", "security": 5}])
    assert more.names.texts == ("ams", "fra", "lhr", "nyc", "par")
    assert more.nodes["security"].tolist() == [1, 2, 5, 3, 0]
    assert topology.with_links([{"source": "ams", "target": "nyc", "cost": 1}]).given == {"cost"}
    assert topology.without_nodes(["par"] * 0).digest == topology.digest


@pytest.mark.parametrize(
    ("edit", "error", "message"),
    [
        (lambda t: t.with_load([0.5]), ArgumentError, "1 values for 4 links"),
        (lambda t: t.with_load([np.nan, 0, 0, 0]), ArgumentError, "load of row 0 is nan"),
        (lambda t: t.with_load({("ams", "nyc"): 1}), ArgumentError, "there is no link from 'ams' to 'nyc'"),
        (lambda t: t.with_load({"ams": 1}), ArgumentError, "'ams' is no pair of names"),
        (lambda t: t.with_status({"asm": "up"}), UnknownNodeError, "Did you mean 'ams'?"),
        (lambda t: t.with_status({"ams": "off"}), ArgumentError, "is 'off'"),
        (lambda t: t.without_nodes("ams"), ArgumentError, "names: names are needed, got 'ams'"),
        (lambda t: t.without_nodes(7), ArgumentError, "names: names are needed, got 7"),
        (lambda t: t.with_status(["ams"]), ArgumentError, "status: a mapping is needed, got"),
        (lambda t: t.without_nodes([["ams"]]), UnknownNodeError, "there is no node"),
        (lambda t: t.without_links([("ams", "lhr")]), ArgumentError, "there is no link"),
        (lambda t: t.with_links(LINKS), ArgumentError, "are the same"),
        (lambda t: t.with_nodes([{"name": "x", "region": "mars"}]), UnknownNodeError, "there is no region 'mars'"),
        (lambda t: t.in_regions(["mars"]), UnknownNodeError, "The regions are 'eu', 'eu-west', 'uk'"),
    ],
)
def test_edits_that_cannot_be_are_refused(edit, error, message, topology):
    with pytest.raises(error, match=message):
        edit(topology)


def test_regions_hold_their_parts(topology):
    assert topology.in_regions(["eu"]).tolist() == [True, True, False, False]
    assert topology.in_regions(["eu-west", "uk"]).tolist() == [True, True, True, False]
    assert topology.in_regions([]).tolist() == [False] * 4


def test_a_deep_hierarchy_is_climbed_to_its_top():
    names = [f"r{i}" for i in range(100)]
    regions = {"name": names, "parent": [None, *names[:-1]]}
    topology = Topology({"name": ["a", "b"], "region": ["r99", "r0"]}, [], regions)
    assert topology.in_regions(["r0"]).tolist() == [True, True]
    assert topology.in_regions(["r1"]).tolist() == [True, False]


def test_columns_make_the_topology_again(topology):
    again = Topology(topology.node_columns, topology.link_columns, topology.region_columns)
    assert (again.digest, again.given) == (topology.digest, topology.given)


@pytest.mark.parametrize("copied", [lambda t: pickle.loads(pickle.dumps(t)), copy.deepcopy])
def test_a_copy_is_equal(copied, topology):
    directed = Topology(NODES, LINKS, REGIONS, directed=True)
    for each in (topology, directed, Topology([], [])):
        assert (copied(each).digest, copied(each).given) == (each.digest, each.given)


def test_it_shows_what_it_holds(topology):
    assert repr(topology) == "Topology(4 nodes, 4 links, 3 regions)"
    assert repr(Topology(NODES, LINKS, directed=True)) == "Topology(4 nodes, 4 links, 2 regions, directed)"
    evil = Topology({"name": ["<script>"]}, [])
    assert "&lt;script&gt;" in evil._repr_html_()
    assert "<script>" not in evil._repr_html_()


def test_positions_by_name_and_by_position(topology):
    assert topology.node_positions(["nyc", "who", None]).tolist() == [3, -1, -1]
    for container in (
        list,
        tuple,
        np.array,
        pd.Series,
        pl.Series,
        pa.array,
        lambda names: np.array(names, object),
        pd.Categorical,
    ):
        assert topology.node_positions(container(["nyc", "ams"])).tolist() == [3, 0]
    assert topology.node_positions(np.array([0, 3, 4, -1, -5])).tolist() == [0, 3, -1, -1, -1]
    assert topology.node_positions(np.array([2**64 - 1, 1], np.uint64)).tolist() == [-1, 1]
    for odd in ([1, 2], [1.5], np.array([b"ams"]), [["ams"]]):
        with pytest.raises(ValkyrieError):
            topology.node_positions(odd)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"max_latency_us": -1}, "max_latency_us must be a number, 0 or more; got -1"),
        ({"max_latency_us": float("nan")}, "got nan"),
        ({"max_latency_us": "5ms"}, "got '5ms'"),
        ({"min_reliability": 1.1}, "min_reliability must be a number from 0 to 1"),
        ({"min_bandwidth_mbps": True}, "got True"),
        ({"security_level": 2.5}, "a whole number from 0 to 255; got 2.5"),
        ({"security_level": 256}, "got 256"),
        ({"encrypted": 1}, "encrypted must be True or False"),
        ({"avoid_nodes": "ams"}, "avoid_nodes must be a list of names; got 'ams'"),
        ({"allowed_regions": 7}, "allowed_regions must be a list of names"),
        ({"avoid_nodes": [7]}, "each a text; got 7"),
    ],
)
def test_constraints_are_checked(wrong, message):
    with pytest.raises(ArgumentError, match=message):
        Constraints(**wrong)


def test_constraints_know_which_are_set():
    assert Constraints().active == ()
    assert Constraints(avoid_nodes=[], encrypted=False).active == ()
    assert Constraints(max_latency_us=0, allowed_regions=[]).active == ("max_latency_us", "allowed_regions")
    assert Constraints(avoid_nodes=["b", "a"]) == Constraints(avoid_nodes=("a", "b"))
    assert hash(Constraints(avoid_nodes=["b", "a"])) == hash(Constraints(avoid_nodes={"a", "b"}))


@pytest.mark.parametrize("wrong", [{"avoid_nodes": ["amss"]}, {"allowed_regions": ["eu-wes"]}])
def test_names_in_constraints_are_looked_up(wrong, topology):
    with pytest.raises(UnknownNodeError, match="Did you mean"):
        ShortestPath(topology).route_many(["ams"], ["fra"], Constraints(**wrong))


def test_searches_are_kept_up_to_a_bound_and_die_with_the_topology(monkeypatch):
    topology = Topology(NODES, LINKS, REGIONS)
    strategy = LatencyOptimized(topology)
    strategy.route_many(["ams", "nyc"], ["fra", "fra"])
    kept = len(topology.searches)
    strategy.route_many(["nyc", "ams"], ["nyc", "fra"])
    assert len(topology.searches) == kept
    assert topology.searches.nbytes > 0
    monkeypatch.setattr("valkyrie.routing.topology.search_cache._MOST_BYTES", 700)
    for latency in range(100, 200):
        strategy.route_many(["ams", "nyc"], ["lhr", "lhr"], Constraints(max_latency_us=latency))
        assert topology.searches.nbytes <= 700
    ref = weakref.ref(topology)
    searches = weakref.ref(topology.searches._held)
    del strategy, topology
    gc.collect()
    assert searches() is None
    assert ref() is None
