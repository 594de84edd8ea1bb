"""info, verify and get on a snapshot of several tables."""

from __future__ import annotations

import json
import re
import uuid

import pytest

import valkyrie as vk


@pytest.fixture
def file(tmp_path):
    """Two tables of ids, of which the first is asked first, and one of UUIDs."""
    tables = {
        "tenants": vk.RouteTable.build({"id": [1, 2], "host": ["a", None]}),
        "others": vk.IdTable.build([2, 3]),
        "sessions": vk.IdTable.build([uuid.UUID(int=7)]),
    }
    vk.Snapshot.build(tables).save(tmp_path / "s.vks")
    return tmp_path / "s.vks"


def test_info_lists_the_tables(file, run):
    report = json.loads(run("info", file, "--json").stdout)
    assert (report["content"], list(report["tables"])) == ("snapshot", ["tenants", "others", "sessions"])
    assert {name: each["content"] for name, each in report["tables"].items()} == {
        "tenants": "route_table",
        "others": "id_table",
        "sessions": "id_table",
    }
    assert report["tables"]["tenants"]["columns"] == ["host"]
    assert report["tables"]["others"]["stats"]["entries"] == 2
    shown = run("info", file).stdout
    assert re.search(r"tenants\W+route_table\W+int\W+2\W+host", shown)
    assert re.search(r"sessions\W+id_table\W+b16\W+1\W", shown)
    only = json.loads(run("info", file, "--table", "tenants", "--json").stdout)
    assert (only["content"], only["key"]) == ("route_table", "id")
    assert "no table 'x'" in run("info", file, "--table", "x", code=2).stderr


def test_verify_checks_every_table(file, run, monkeypatch):
    report = json.loads(run("verify", file, "--json").stdout)
    assert (report["ok"], report["tables"], report["entries"]) == (True, 3, 5)
    assert "3 tables, 5 keys" in run("verify", file).stdout
    checked = []
    monkeypatch.setattr(vk.IdTable, "check", lambda self, **_: checked.append(self.kind))
    run("verify", file)
    assert checked[-3:] == ["int", "int", "b16"]
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    run("verify", file, code=4)


def test_get_tries_the_tables_in_order(file, run):
    found = json.loads(run("get", file, "2", "3", uuid.UUID(int=7), "--json").stdout)["keys"]
    assert [(each["table"], each["record"]) for each in found] == [
        ("tenants", {"host": None}),
        ("others", {"row": 1}),
        ("sessions", {"row": 0}),
    ]
    absent = json.loads(run("get", file, "9", "x", "--json", code=1).stdout)["keys"]
    assert [(each["found"], each["table"], each.get("error")) for each in absent] == [
        (False, None, None),
        (False, None, "not an integer and not a UUID"),
    ]
    shown = run("get", file, "-", given="1\n3\n9\n", code=1).stdout
    assert re.search(r"1\W+tenants\W+host a", shown)
    assert re.search(r"3\W+others\W+row 1", shown)
    assert "(in no table)" in shown


def test_get_asks_one_table(file, run):
    assert json.loads(run("get", file, "2", "--table", "others", "--json").stdout)["keys"] == [
        {"key": "2", "found": True, "record": {"row": 0}}
    ]
    assert run("get", file, "1", "--table", "tenants", "--columns", "host").exit_code == 0
    assert "Name one with --table" in run("get", file, "1", "--columns", "host", code=2).stderr
    assert "'tenants', 'others', 'sessions'" in run("get", file, "1", "--table", "x", code=2).stderr


def test_get_does_not_guess_between_kinds(run, tmp_path):
    tables = {"ids": vk.IdTable.build([7]), "names": vk.IdTable.build(["7", "x"])}
    vk.Snapshot.build(tables).save(tmp_path / "s.vks")
    assert "--table ids" in run("get", tmp_path / "s.vks", "7", code=2).stderr
    found = json.loads(run("get", tmp_path / "s.vks", "x", "--json").stdout)["keys"]
    assert found == [{"key": "x", "found": True, "record": {"row": 1}, "table": "names"}]


def test_a_number_behind_zeros_is_the_number(run, tmp_path):
    vk.IdTable.build([7, -8]).save(tmp_path / "ids.vks")
    for text, row in (("0" * 1_100 + "7", 0), ("-" + "0" * 5_000 + "8", 1)):
        assert json.loads(run("get", tmp_path / "ids.vks", "--json", "--", text).stdout)["keys"][0]["record"] == {"row": row}
    assert run("get", tmp_path / "ids.vks", "7" * 5_000, code=1)


def test_prefixes_of_one_table_of_several_are_listed(run, tmp_path):
    tables = {"ids": vk.IdTable.build([7]), "nets": vk.PrefixTable.build(["10.0.0.0/8", "10.1.0.0/16"], kind="ip")}
    vk.Snapshot.build(tables).save(tmp_path / "all.vks")
    said = json.loads(run("enumerate", tmp_path / "all.vks", "10.0.0.0/8", "--table", "nets", "--json").stdout)
    assert said["count"] == 2
    assert "--table" in run("enumerate", tmp_path / "all.vks", "10.0.0.0/8", code=2).output


def test_bits_of_too_many_digits_are_refused(run, tmp_path):
    vk.PrefixTable.build([1 << 63], kind="bits", lengths=[1]).save(tmp_path / "bits.vks")
    for prefix in ("1" * 5_000 + "/8", "1/" + "8" * 5_000):
        assert "WORD/LENGTH" in run("enumerate", tmp_path / "bits.vks", prefix, code=2).output


def test_a_directory_is_no_file(run, tmp_path):
    for command in ("info", "verify"):
        assert "snapshot history" in run(command, tmp_path, code=2).output
