"""The command line on snapshots: what differs, a gate, and a published directory."""

from __future__ import annotations

import json
import re
import uuid

import numpy as np
import pyarrow as pa
import pyarrow.parquet as parquet
import pytest

import valkyrie as vk
from valkyrie.cli.application import SNAPSHOT_COMMANDS

IDS = np.arange(1000) * 7
ROWS = (np.arange(1000) % 5).astype(np.int32)


@pytest.fixture
def files(tmp_path):
    """Two snapshots, of which the second leads one tenth of the ids elsewhere, and ids with a load."""
    a = vk.Snapshot.build({"tenants": vk.IdTable.build(IDS, ROWS), "names": vk.IdTable.build(["x", "y"])})
    b = a.with_routes((IDS[:100], np.full(100, 9)), table="tenants").without_routes([IDS[-1]], table="tenants")
    b = b.with_routes({"z": 4}, table="names")
    a.save(tmp_path / "a.vks")
    b.save(tmp_path / "b.vks")
    a.tables["tenants"].save(tmp_path / "bare-a.vks")
    b.tables["tenants"].save(tmp_path / "bare-b.vks")
    vk.Snapshot.build({"tenants": b.tables["tenants"]}).save(tmp_path / "only-b.vks")
    load = np.where(np.arange(1000) < 100, 9.0, 1.0)
    parquet.write_table(pa.table({"user": IDS, "weight": load}), tmp_path / "ids.parquet")
    return tmp_path


def test_all_keys(files, run):
    report = json.loads(run("diff", files / "a.vks", files / "b.vks", "--json").stdout)
    assert report["tables"]["tenants"] == {
        "keys_before": 1000,
        "keys_after": 999,
        "removed": 1,
        "changed": 100,
        "added": 0,
        "renumbered": 0,
        "payload_differs": False,
    }
    assert report["tables"]["names"]["added"] == 1
    assert report["changed_share"] == 101 / 1002
    shown = run("diff", files / "a.vks", files / "b.vks").stdout
    assert re.search(r"tenants\W+1000\W+999\W+1\W+100\W+0\W", shown)
    only = json.loads(run("diff", files / "a.vks", files / "b.vks", "--table", "names", "--json").stdout)
    assert list(only["tables"]) == ["names"]


@pytest.mark.parametrize(("a", "b"), [("a.vks", "b.vks"), ("bare-a.vks", "bare-b.vks"), ("bare-a.vks", "only-b.vks")])
def test_keys_of_a_file(files, run, a, b):
    table = ["--table", "tenants"] if a == "a.vks" else []
    asked = ["diff", files / a, files / b, "--keys", files / "ids.parquet", "--column", "user", *table]
    report = json.loads(run(*asked, "--json").stdout)
    assert (report["keys"], report["moved"], report["moved_share"], report["load"]) == (1000, 101, 0.101, 1000.0)
    assert (report["unrouted_before"], report["unrouted"], report["ways"]) == (0, 1, 6)
    assert {(way["before"], way["after"], way["keys"]) for way in report["matrix"]} == {
        (4, -1, 1),
        *((row, 9, 20) for row in range(5)),
    }
    weighed = json.loads(run(*asked, "--load-column", "weight", "--json", "--most", "2", "--threads", "2").stdout)
    assert (weighed["load"], weighed["moved_load"]) == (1800.0, 901.0)
    assert [way["load"] for way in weighed["matrix"]] == [180.0, 180.0]
    assert weighed["ways"] == 6
    shown = run(*asked, "--load-column", "weight", "--most", "5").stdout
    assert re.search(r"moved\s+101 of 1,000 keys \(10\.10%\)", shown)
    assert re.search(r"load moved\s+901 of 1,800 \(50\.06%\)", shown)
    assert re.search(r"no route\s+0 before, 1 after", shown)
    assert "1 of 6 ways" in shown
    assert "no route" in run(*asked).stdout.split("after", 1)[1]


def test_the_gate(files, run):
    both = ["diff", files / "a.vks", files / "b.vks", "--table", "tenants"]
    keyed = [*both, "--keys", files / "ids.parquet", "--column", "user"]
    for asked, share in ((both, 0.101), (keyed, 0.101), ([*keyed, "--load-column", "weight"], 901 / 1800)):
        run(*asked, "--fail-if-moved-over", share)
        done = run(*asked, "--fail-if-moved-over", share - 1e-6, code=8)
        assert re.match(rf"valkyrie: {share:.4%} moved, more than the .* of --fail-if-moved-over", done.stderr)
        gate = json.loads(run(*asked, "--fail-if-moved-over", "0.05", "--json", code=8).stdout)["gate"]
        assert gate == {"share": pytest.approx(share), "limit": 0.05, "passed": False}
    assert json.loads(run(*keyed, "--fail-if-moved-over", 1, "--json").stdout)["gate"]["passed"]
    run(*both, "--fail-if-moved-over", 1.5, code=2)
    run("diff", files / "a.vks", files / "a.vks", "--fail-if-moved-over", 0)


def test_the_gate_compares_records(run, tmp_path):
    hosts = [f"host-{i % 5}" for i in range(1000)]
    for name, ids, held in (("a", IDS, hosts), ("anew", IDS[::-1], hosts[::-1]), ("b", IDS, ["x"] * 100 + hosts[100:])):
        vk.RouteTable.build({"id": ids, "host": held}).save(tmp_path / f"{name}.vks")
    parquet.write_table(pa.table({"id": IDS}), tmp_path / "ids.parquet")
    for more in ([], ["--keys", tmp_path / "ids.parquet"]):
        asked = ["diff", tmp_path / "a.vks", tmp_path / "anew.vks", *more, "--fail-if-moved-over", 0]
        assert re.search(r"moved by row only", run(*asked).stdout)
        report = json.loads(run(*asked, "--json").stdout)
        assert (report if more else report["tables"]["routes"])["renumbered"] == 1000
        failed = run("diff", tmp_path / "a.vks", tmp_path / "b.vks", *more, "--fail-if-moved-over", 0, code=8)
        assert "10.0000% moved" in failed.stderr
    assert "another record there" in run("diff", tmp_path / "a.vks", tmp_path / "b.vks", *more).stdout


@pytest.mark.parametrize("kind", ["text", "uuid", "bits", "low bits", "ip", "digits"])
def test_keys_are_read_as_the_table_holds_them(kind, run, tmp_path):
    ids = [uuid.UUID(int=i) for i in range(3)]
    words = np.array([0, 1 << 63], np.uint64)
    build = vk.PrefixTable.build
    a, b, lines, moved = {
        "text": (vk.IdTable.build(["007", "08"]), vk.IdTable.build(["08", "007"]), ["007", "7"], 1),
        "uuid": (vk.IdTable.build(ids), vk.IdTable.build(ids[::-1]), [str(ids[0]), str(ids[1])], 1),
        "bits": (build(words, kind="bits", lengths=1), build(words, kind="bits", lengths=2), [2**62, 2**63], 1),
        "low bits": (build(words, kind="bits", lengths=1), build(words, kind="bits", lengths=2), [2**62, 1], 1),
        "ip": (build(["10.0.0.0/8"], kind="ip"), build(["10.1.0.0/16"], kind="ip"), ["10.1.1.1", "10.2.1.1"], 1),
        "digits": (build(["49", "0"], kind="digits"), build(["49", "00"], kind="digits"), ["0049", "01"], 1),
    }[kind]
    for name, table in (("a", a), ("b", b)):
        table.save(tmp_path / f"{name}.vks")
    text = "".join(f"{line}\n" for line in ["key", *lines])
    asked = ["diff", tmp_path / "a.vks", tmp_path / "b.vks", "--keys", "-", "--column", "key", "--format", "csv", "--json"]
    report = json.loads(run(*asked, given=text).stdout)
    assert (report["keys"], report["moved"]) == (2, moved)


def test_what_is_refused(files, run, tmp_path):
    both = ["diff", files / "a.vks", files / "b.vks"]
    assert "--keys FILE" in run(*both, "--column", "user", code=2).stderr
    assert "--keys FILE" in run(*both, "--load-column", "weight", code=2).stderr
    assert "no table 'q'" in run(*both, "--table", "q", code=2).stderr
    assert "a is IdTable and b Snapshot" in run("diff", files / "bare-a.vks", files / "b.vks", code=2).stderr
    run("diff", files / "none.vks", files / "b.vks", code=6)
    run(*both, "--keys", files / "none.parquet", code=6)
    asked = [*both, "--table", "tenants", "--keys", files / "ids.parquet"]
    assert "has no column 'x'" in run(*asked, "--column", "x", code=2).stderr
    assert "has no column 'x'" in run(*asked, "--column", "user", "--load-column", "x", code=2).stderr
    parquet.write_table(pa.table({"id": IDS, "weight": np.full(1000, -1.0)}), tmp_path / "bad.parquet")
    bad = [*both, "--table", "tenants", "--keys", tmp_path / "bad.parquet", "--load-column", "weight"]
    assert json.loads(run(*bad, "--json", code=2).stdout)["error"]["exit_code"] == 2
    pair = vk.Snapshot.build({"x": vk.IdTable.build(["a"]), "y": vk.PrefixTable.build(["a"], kind="path")})
    pair.save(tmp_path / "pair.vks")
    (tmp_path / "keys.csv").write_text("id\na\n")
    several = run("diff", tmp_path / "pair.vks", tmp_path / "pair.vks", "--keys", tmp_path / "keys.csv", code=2)
    assert "tables of several kinds could hold them" in several.stderr


@pytest.fixture
def directory(tmp_path):
    """A directory of four versions, the rows of 7 rising from 1."""
    place = tmp_path / "published"
    with vk.SnapshotManager(vk.Snapshot.build(vk.IdTable.build(IDS, ROWS))) as manager, manager.publish_to(place):
        for row in (2, 3, 4):
            manager.update(lambda now, row=row: now.with_routes({7: row}))
    return place


def test_history(directory, run):
    report = json.loads(run("snapshot", "history", directory, "--json").stdout)
    numbers = [each["version"] for each in report["versions"]]
    assert numbers == list(range(numbers[0], numbers[0] + 4))
    for each in report["versions"]:
        assert len(each["digest"]) == 32
        assert each["bytes"] >= each["new_bytes"]
        assert each["error"] is None
    assert report["versions"][1]["parent"] == report["versions"][0]["digest"]
    shown = run("snapshot", "history", directory).stdout
    assert all(re.search(rf"\b{each['version']}\W+20\d\d-.* UTC\W.*{each['digest']}", shown) for each in report["versions"])


def test_a_damaged_version_is_told(directory, run):
    first = min((directory / "versions").iterdir())
    first.write_text("{}")
    rows = json.loads(run("snapshot", "history", directory, "--json").stdout)["versions"]
    assert [each["digest"] is None for each in rows] == [True, False, False, False]
    assert rows[0]["error"]
    assert "unreadable: " in run("snapshot", "history", directory).stdout


def test_rollback(directory, run):
    rows = json.loads(run("snapshot", "history", directory, "--json").stdout)["versions"]
    wanted, newest = rows[1]["version"], rows[-1]["version"]
    report = json.loads(run("snapshot", "rollback", directory, wanted, "--json").stdout)
    assert (report["version"], report["content_of"], report["before"]) == (newest + 1, wanted, newest)
    assert report["digest"] == rows[1]["digest"]
    assert f"version {newest + 2}, with the content of {newest}" in run("snapshot", "rollback", directory, newest).stdout
    after = json.loads(run("snapshot", "history", directory, "--json").stdout)["versions"]
    assert [each["digest"] for each in after] == [each["digest"] for each in [*rows, rows[1], rows[-1]]]
    with vk.SnapshotManager.resume(directory) as manager:
        assert manager.current.lookup(7) == 4
        assert manager.at(version=newest + 1).lookup(7) == 2


def test_rollback_keeps_as_many_versions_as_there_are(tmp_path, run):
    with (
        vk.SnapshotManager(vk.Snapshot.build(vk.IdTable.build(IDS, ROWS)), history=100) as manager,
        manager.publish_to(tmp_path / "d", retain=70, durable=False),
    ):
        for row in range(69):
            manager.update(lambda now, row=row: now.with_routes({7: row}))
        first = manager.current.version - 69
    run("snapshot", "rollback", tmp_path / "d", first)
    rows = json.loads(run("snapshot", "history", tmp_path / "d", "--json").stdout)["versions"]
    assert len(rows) == 71
    assert rows[-1]["digest"] == rows[0]["digest"]


def test_rollback_is_refused(directory, run, tmp_path):
    assert "Kept: 1 to 4" in run("snapshot", "rollback", directory, 999, code=2).stderr
    run("snapshot", "rollback", tmp_path / "nothing", 1, code=6)
    run("snapshot", "history", tmp_path / "nothing", code=6)
    before = run("snapshot", "history", directory, "--json").stdout
    with vk.SnapshotManager.resume(directory) as manager, manager.publish_to(directory):
        held = run("snapshot", "rollback", directory, manager.current.version - 1, "--json", code=6)
        assert json.loads(held.stdout)["error"]["code"] == "directory_held"
        assert "is published to by" in held.stderr
    assert run("snapshot", "history", directory, "--json").stdout == before


def test_help_documents_the_commands(run):
    shown = run("snapshot", "--help").stdout
    for name in SNAPSHOT_COMMANDS:
        assert re.search(rf"\b{name}\b", shown)
        assert "--json" in run("snapshot", name, "--help").stdout
    assert re.search(r"\bsnapshot\b", run("--help").stdout)
    assert "--fail-if-moved-over" in run("diff", "--help").stdout
