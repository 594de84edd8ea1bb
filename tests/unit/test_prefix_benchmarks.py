"""The benchmarks of prefixes: right oracles, peers that answer rightly, sources that are read rightly; on drawn data only."""

from __future__ import annotations

import gzip
import ipaddress
import json
import pickle
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
if str(CHECKOUT) not in sys.path:
    sys.path.append(str(CHECKOUT))

from asv_benchmarks import data, prefix_data, prefix_sources  # noqa: E402
from asv_benchmarks.peers import goals, prefix_batches, prefix_kernels, prefix_ranges, prefix_start, prefix_workloads, report  # noqa: E402
from asv_benchmarks.peers.entrants import WrongAnswerError, check  # noqa: E402
from asv_benchmarks.peers.measurement import OURS, Measurement, Settings  # noqa: E402
from asv_benchmarks.peers.prefix_batches import Entrants, PrefixWorkload, measure_prefixes  # noqa: E402
from asv_benchmarks.peers.prefix_forms import addresses, written  # noqa: E402
from asv_benchmarks.peers.prefix_table import PrefixContender, ValkyriePrefixes  # noqa: E402
from asv_benchmarks.prefix_data import PrefixSet  # noqa: E402

N, M = 2_000, 5_000


def names() -> list[str]:
    """Some of them not ASCII, and some that begin with others."""
    drawn = prefix_data.drawn_names(N)
    return sorted({*drawn, *(name + "é" for name in drawn[::7]), *(name[:2] for name in drawn[::5])}, key=str.encode)


TEMPLATES = [
    f"/api-{i % 7}.example.com/v{i % 3}/{name[:2]}/{{id}}/{name}" for i, name in enumerate(prefix_data.drawn_names(300))
]
SETS: dict[str, Callable[[], PrefixSet]] = {
    "ip4": lambda: prefix_data.drawn_networks4(N),
    "ip6": lambda: prefix_data.drawn_networks6(N),
    "bits": lambda: prefix_data.drawn_macs(N),
    "digits": lambda: prefix_data.drawn_digits(N),
    "bytes": lambda: prefix_data.name_set(names()),
    "path": lambda: prefix_data.path_set(prefix_sources.name_paths(names(), N), names()),
    "routes": lambda: prefix_data.route_set(TEMPLATES),
    "suffix": lambda: prefix_data.suffix_set([f"{name[2:]}.{name[:2]}" for name in names() if len(name) > 4] + ["ba"], names()),
}


def as_bits(kind: str, key: Any) -> str:
    """A key as digits 0 and 1."""
    if kind == "ip6":
        return f"{key[0]:064b}{key[1]:064b}"
    return f"{key:032b}" if kind == "ip4" else f"{key:064b}"


def matches(kind: str, prefix: Any, length: int | None, query: Any) -> bool:
    """Whether `query` begins with `prefix`, the plain way."""
    if length is not None:
        return as_bits(kind, query).startswith(as_bits(kind, prefix)[:length])
    if kind == "path":
        return bool((query + b"/").startswith(prefix + b"/"))
    if kind == "suffix":
        return bool((b"." + query).endswith(b"." + prefix))
    return bool(query.startswith(prefix))


@pytest.mark.parametrize("name", SETS)
def test_oracle_agrees_with_a_scan_of_all_prefixes(name: str) -> None:
    prefixes = SETS[name]()
    queries = prefixes.asked(40, 70)
    lengths = [None] * len(prefixes) if prefixes.lengths is None else prefixes.lengths.tolist()
    keys = prefixes.keys.tolist()
    for query, row in zip(queries.keys.tolist(), queries.rows.tolist(), strict=True):
        fitting = [i for i, key in enumerate(keys) if matches(prefixes.kind, key, lengths[i], query)]
        best = max(fitting, key=lambda i: len(keys[i]) if lengths[i] is None else lengths[i], default=-1)
        assert row == best


@pytest.mark.parametrize("name", SETS)
def test_prefixes_are_distinct_and_queries_lie_inside_as_often_as_asked(name: str) -> None:
    prefixes = SETS[name]()
    lengths = [0] * len(prefixes) if prefixes.lengths is None else prefixes.lengths.tolist()
    assert len({(str(key), length) for key, length in zip(prefixes.keys.tolist(), lengths, strict=True)}) == len(prefixes)
    assert (prefixes.asked(M, 100).rows >= 0).all()
    assert (prefixes.asked(M, 50).rows >= 0).mean() >= 0.49
    again = prefixes.asked(M, 90), prefixes.asked(M, 90)
    assert np.array_equal(again[0].keys, again[1].keys)
    assert not np.array_equal(again[0].keys, prefixes.asked(M, 90, seed=2).keys)


@pytest.mark.parametrize("name", SETS)
def test_every_contender_answers_rightly_or_is_reported_missing(name: str) -> None:
    prefixes = SETS[name]()
    entrants = Entrants(prefixes, Settings())
    row = f"prefix-{name}"
    for inside_percent in (100, 60):
        queries = prefixes.asked(M, inside_percent)
        measurement = Measurement(row)
        right = {contender.name for contender in entrants.enter(measurement) if check(contender, queries, measurement)}
        assert OURS in right
        assert {problem.split()[0] for problem in measurement.problems.values()} <= {"not"}, measurement.problems
        assert any(name.startswith(("numpy", "aligned")) for name in right)


def test_rows_may_be_shared() -> None:
    drawn = prefix_data.drawn_digits(N)
    rows = np.arange(len(drawn)) // 3
    prefixes = PrefixSet("digits", drawn.keys, rows=rows, tails=drawn.tails, others=drawn.others)
    measurement = Measurement("prefix-zones")
    queries = prefixes.asked(M, 90)
    checked = {
        contender.name: check(contender, queries, measurement)
        for contender in Entrants(prefixes, Settings()).enter(measurement)
        if contender.name != "phonenumbers"  # which knows prefixes of its own only
    }
    assert all(checked.values())
    assert checked[OURS]


def test_written_networks_are_those_that_ipaddress_reads() -> None:
    for name in ("ip4", "ip6"):
        prefixes = SETS[name]()
        networks = [ipaddress.ip_network(text) for text in written(prefixes)[:200]]
        assert prefixes.lengths is not None
        assert [network.prefixlen for network in networks] == prefixes.lengths[:200].tolist()
        bits = [as_bits(name, key) for key in prefixes.keys[:200].tolist()]
        assert [int(network.network_address) for network in networks] == [int(text, 2) for text in bits]
        assert addresses(name, prefixes.keys[:1]) == [str(networks[0].network_address)]


@pytest.mark.parametrize(
    ("part", "kind"),
    [
        (prefix_batches.batch("prefix-ip4-table", 100, M), "ip4"),
        (prefix_batches.address_texts("prefix-ip4-text", M), "ip4"),
        (prefix_batches.building("prefix-nested-build"), "ip4"),
        (prefix_batches.held_bytes("prefix-ip6-bytes"), "ip6"),
        (prefix_batches.single("prefix-mac-one"), "bits"),
        (prefix_kernels.kernel("prefix-mac-kernel", M), "bits"),
        (prefix_ranges.ranges("prefix-range-3", 3, 500), "bytes"),
        (prefix_ranges.listed("prefix-rows-3", 3, 500), "bytes"),
    ],
    ids=lambda value: value if isinstance(value, str) else value[0][0],
)
def test_every_measurement_gives_its_rows(part: prefix_batches.Part, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prefix_batches, "N_SINGLE", 500)
    workload = PrefixWorkload("drawn", SETS[kind], (part,))
    measured = list(measure_prefixes(workload, Settings(rounds=1), lambda row: True))
    assert tuple(measurement.row for measurement in measured) == workload.rows
    for measurement in measured:
        assert measurement.costs[OURS].cpu > 0
        assert measurement.row in report.lines_of(measurement)


def test_start_of_a_process_is_timed_with_and_without_numba() -> None:
    measured = list(prefix_start.measure_start(Settings(rounds=1), lambda row: row.endswith("nojit"), SETS["ip4"]))
    assert [measurement.row for measurement in measured] == ["prefix-start-nojit"]
    assert measured[0].costs["import alone"].wall > 1


def test_wrong_answers_of_ours_stop_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    def build(self: PrefixContender, keys: PrefixSet) -> None:
        self.answer = lambda queries: np.zeros(len(queries), np.int64)
        self.get = lambda key: 0

    monkeypatch.setattr(ValkyriePrefixes, "build", build)
    entrants = Entrants(SETS["bits"](), Settings(rounds=1, peers=False))
    with pytest.raises(WrongAnswerError, match="prefix-mac"):
        prefix_batches.measure_batch("prefix-mac", entrants, entrants.prefixes.asked(M, 90))
    with pytest.raises(WrongAnswerError, match="prefix-mac-one"):
        prefix_batches.measure_single("prefix-mac-one", entrants)


def test_missing_data_is_reported_by_every_row(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(prefix_sources.importlib.util, "find_spec", lambda name: None)
    for workload in prefix_workloads.PREFIX_WORKLOADS:
        measured = list(measure_prefixes(workload, Settings(), lambda row: True))
        assert tuple(measurement.row for measurement in measured) == workload.rows
        assert all("pip install " in measurement.problems["data"] for measurement in measured)
        assert "pip install " in report.lines_of(measured[0])
    assert [m.row for m in prefix_start.measure_start(Settings(), lambda row: True)] == ["prefix-start-jit", "prefix-start-nojit"]


def test_goals_name_every_prefix_row_once() -> None:
    filled = [row for workload in prefix_workloads.PREFIX_WORKLOADS for row in workload.rows]
    filled += ["prefix-start-jit", "prefix-start-nojit"]
    assert sorted(filled) == sorted(row.name for row in goals.PREFIX_ROWS)


def packages_in(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sources read `folder` as if each package in it were installed, and keep nothing."""
    monkeypatch.setattr(prefix_sources, "package_folder", lambda module, package: folder / module)
    monkeypatch.setattr(prefix_sources, "cached_lines", lambda name, make: make())
    monkeypatch.setattr(prefix_sources, "cached_array", lambda name, make: make())
    monkeypatch.setattr(prefix_sources.importlib.util, "find_spec", lambda name: name)


def test_networks_are_read_from_both_lists(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packages_in(tmp_path, monkeypatch)
    (tmp_path / "geoip2fast").mkdir()
    lists: list[Any] = [[] for _ in range(10)]
    lists[4], lists[8] = [[10 << 24], [12 << 24, 0x2001 << 112]], [[8], [16, 16]]
    lists[5], lists[9] = [[10 << 24, 11 << 24], [0x2002 << 112]], [[8, 24], [16]]
    with gzip.open(tmp_path / "geoip2fast" / "geoip2fast-asn-ipv6.dat.gz", "wb") as file:
        pickle.dump([120, {}, 0, lists], file)
    starts, lengths = prefix_sources.networks4(nested=False)
    assert starts.dtype == np.uint32
    assert (starts.tolist(), lengths.tolist()) == ([10 << 24, 11 << 24], [8, 24])
    starts, lengths = prefix_sources.networks4()
    assert (starts.tolist(), lengths.tolist()) == ([10 << 24, 11 << 24, 12 << 24], [8, 24, 16])
    words, lengths = prefix_sources.networks6()
    assert (words.tolist(), lengths.tolist()) == ([[0x2002 << 48, 0]], [16])


def test_vendors_and_suffixes_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packages_in(tmp_path, monkeypatch)
    (tmp_path / "manuf").mkdir()
    lines = ["# comment", "", "00:00:01\tXerox", "00:1B:C5:00:00:00/36\tConverge", "01-80-C2-00-00-00/48\tBridge"]
    lines += ["00:50:C2:10/28\tX"]
    (tmp_path / "manuf" / "manuf").write_text("\n".join(lines))
    words, lengths = prefix_sources.mac_prefixes()
    assert lengths.tolist() == [24, 36, 28]
    assert words.tolist() == [1 << 40, 0x001BC5000 << 28, 0x0050C21 << 36]
    (tmp_path / "publicsuffix2").mkdir()
    rules = "// list\n\nuk\nco.uk\n*.ck\n!www.ck\nuk\nмосква\n"
    (tmp_path / "publicsuffix2" / "public_suffix_list.dat").write_text(rules, encoding="utf-8")
    assert prefix_sources.public_suffixes() == ["uk", "co.uk", "xn--80adxhks"]


def test_routes_are_read_and_cut_before_the_first_placeholder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packages_in(tmp_path, monkeypatch)
    model = {"metadata": {"endpointPrefix": "lambda"}, "operations": {"Get": {"http": {"requestUri": "/f/{Name}/url?x=1"}}}}
    folder = tmp_path / "botocore" / "data" / "lambda" / "2015"
    folder.mkdir(parents=True)
    (folder / "service-2.json.gz").write_bytes(gzip.compress(json.dumps(model).encode()))
    method = {"path": "v1/{+name}", "flatPath": "v1/projects/{projectsId}/zones/{zonesId}"}
    document = {"rootUrl": "https://c.example/", "servicePath": "", "resources": {"p": {"methods": {"get": method}}}}
    documents = tmp_path / "googleapiclient" / "discovery_cache" / "documents"
    documents.mkdir(parents=True)
    (documents / "c.v1.json").write_text(json.dumps(document))
    templates = prefix_sources.route_templates()
    assert templates == ["/c.example/v1/projects/{projectsId}/zones/{zonesId}", "/lambda.amazonaws.com/f/{Name}/url"]
    routes = prefix_data.route_set(templates)
    assert routes.keys.tolist() == [b"/c.example/v1/projects", b"/lambda.amazonaws.com/f"]
    assert prefix_data.filled("{projectsId}/zones/{zonesId}", 7) == b"/item-00000007/zones/item-00000007"


def test_names_are_short_sorted_and_make_nested_paths(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data, "read_surnames", lambda: ["Li", "a/b", "x" * 31, "Lin", "Émile", ""])
    assert prefix_sources.names() == ["Li", "Lin", "Émile"]
    paths = prefix_sources.name_paths(names(), 900)
    parents = {path for path in paths if path.count("/") == 1}
    assert len(parents) == 300
    assert all(f"/{path.split('/')[1]}" in parents for path in paths)


def test_cached_arrays_are_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    made = [data.cached_array("numbers", lambda: np.arange(3)), data.cached_array("numbers", lambda: np.arange(4))]
    assert [array.tolist() for array in made] == [[0, 1, 2]] * 2
    assert data.cached_lines("lines", lambda: ["é", "b"]) == data.cached_lines("lines", list) == ["é", "b"]
