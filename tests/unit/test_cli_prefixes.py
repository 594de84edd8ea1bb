"""Prefixes on the command line: built from files, files routed through them, asked, listed."""

from __future__ import annotations

import json

import pandas as pd
import pytest
from typer.testing import CliRunner

import valkyrie as vk
from valkyrie.cli.application import app

NETWORKS = "net,asn,name\n10.0.0.0/8,1,ten\n10.1.0.0/16,2,ten-one\n2001:db8::/32,3,doc\n0.0.0.0/0,4,any\n"
ADDRESSES = "id,ip\n1,10.1.2.3\n2,8.8.8.8\n3,2001:db8::1\n4,\n5,::1\n"


def run(*arguments):
    result = CliRunner().invoke(app, list(arguments), env={"COLUMNS": "160"})
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert "Traceback" not in result.output
    return result


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "nets.csv").write_text(NETWORKS)
    (tmp_path / "ips.csv").write_text(ADDRESSES)
    assert run("build", "nets.csv", "nets.vks", "--key", "net", "--kind", "ip").exit_code == 0
    return tmp_path


def test_networks_from_a_file_route_a_file(files):
    assert isinstance(vk.load("nets.vks"), vk.RouteTable)
    assert run("route", "nets.vks", "ips.csv", "out.csv", "--key", "ip").exit_code == 0
    assert (files / "out.csv").read_text().replace('"', "").splitlines() == [
        "id,ip,asn,name", "1,10.1.2.3,2,ten-one", "2,8.8.8.8,4,any", "3,2001:db8::1,3,doc", "4,,,", "5,::1,,",
    ]  # fmt: skip
    assert run("route", "nets.vks", "ips.csv", "out.parquet", "--key", "ip", "--columns", "asn", "--threads", "2").exit_code == 0
    routed = pd.read_parquet("out.parquet")
    assert routed["asn"].tolist()[:3] == [2, 4, 3]
    assert routed["asn"].isna().tolist() == [False, False, False, True, True]


def test_get_info_verify_and_enumerate(files):
    said = run("get", "nets.vks", "10.1.2.3", "bad", "--json")
    assert said.exit_code == 1
    assert json.loads(said.stdout)["keys"] == [
        {"key": "10.1.2.3", "found": True, "record": {"asn": 2, "name": "ten-one"}},
        {"key": "bad", "found": False, "record": None},
    ]
    told = json.loads(run("info", "nets.vks", "--json").stdout)
    assert (told["content"], told["kind"], told["stats"]["deepest"]) == ("route_table", "ip", 3)
    assert "deepest" in run("info", "nets.vks").stdout
    assert run("verify", "nets.vks").exit_code == 0
    listed = json.loads(run("enumerate", "nets.vks", "10.0.0.0/8", "--columns", "asn", "--json").stdout)
    assert listed == {
        "count": 2,
        "prefixes": [{"prefix": "10.0.0.0/8", "record": {"asn": 1}}, {"prefix": "10.1.0.0/16", "record": {"asn": 2}}],
    }
    short = run("enumerate", "nets.vks", "0.0.0.0/0", "--limit", "1")
    assert "0.0.0.0/0" in short.stdout
    assert "2 of 3" in short.stdout
    assert run("enumerate", "nets.vks", "11.0.0.0/8").exit_code == 1
    assert run("enumerate", "nets.vks", "nonsense").exit_code not in (0, 1)


def test_every_kind(files):
    (files / "phones.csv").write_text("prefix,to\n+49,a\n4930,b\n0049,c\n")
    (files / "paths.csv").write_text("path\n/api\n/api/v1\n")
    (files / "rules.csv").write_text("rule\n*.ck\n!www.ck\ncom\n")
    (files / "macs.csv").write_text(f"mac,bits,vendor\n{0xAABB << 48},16,one\n{0xAA << 56},8,two\n")
    for arguments, asked, record in (
        (("phones.csv", "t.vks", "--key", "prefix", "--kind", "digits"), "+493012", {"to": "b"}),
        (("phones.csv", "t.vks", "--key", "prefix", "--kind", "digits"), "00491", {"to": "c"}),
        (("paths.csv", "t.vks", "--kind", "path"), "/api/v1/x", {"row": 1}),
        (("paths.csv", "t.vks", "--kind", "prefix"), "/apix", {"row": 0}),
        (("rules.csv", "t.vks", "--kind", "suffix", "--wildcards"), "a.ck", {"row": 0}),
        (("macs.csv", "t.vks", "--key", "mac", "--kind", "bits", "--lengths", "bits"), str(0xAABBCC << 40), {"vendor": "one"}),
    ):
        built = run("build", *arguments)
        assert built.exit_code == 0, built.output
        assert json.loads(run("get", "t.vks", asked, "--json").stdout)["keys"][0]["record"] == record
    listed = json.loads(run("enumerate", "t.vks", f"{0xAA << 56}/8", "--json").stdout)
    assert [one["prefix"] for one in listed["prefixes"]] == [f"{0xAA << 56}/8", f"{0xAABB << 48}/16"]
    (files / "asked.csv").write_text(f"mac\n{0xAABBCC << 40}\n5\n")
    assert run("route", "t.vks", "asked.csv", "out.csv").exit_code == 0
    assert (files / "out.csv").read_text().replace('"', "").splitlines()[1:] == [f"{0xAABBCC << 40},one", "5,"]


def test_what_is_refused(files):
    (files / "bad.csv").write_text("net\n10.0.0.1/8\n")
    refused = run("build", "bad.csv", "t.vks", "--kind", "ip")
    assert refused.exit_code not in (0, 1)
    assert "10.0.0.0/8" in refused.output
    assert run("build", "bad.csv", "t.vks", "--kind", "ip", "--no-strict").exit_code == 0
    assert run("build", "nets.csv", "t.vks", "--key", "net", "--kind", "ip", "--lengths", "nothing").exit_code not in (0, 1)
    (files / "ids.csv").write_text("id\n1\n2\n")
    assert run("build", "ids.csv", "ids.vks").exit_code == 0
    assert "whole" in run("enumerate", "ids.vks", "1").output


def test_warm_up():
    took = json.loads(run("warm-up", "--json").stdout)["seconds"]
    assert set(took) == {"ip", "digits", "text"}
    assert all(seconds is not None for seconds in took.values())


@pytest.mark.parametrize(
    ("kind", "keys", "said"),
    [
        ("ip", "10.0.0.0/8,300.0.0.0/8", "row 2 of column 'key': '300.0.0.0/8' is not an IP network"),
        ("ip", "10.0.0.0/8,10.0.0.0/16,10.1.0.0/8", "row 3 of column 'key': 10.1.0.0/8 has bits set behind its length"),
        ("digits", "49,4x", "row 2 of column 'key': '4x' is not a string of digits"),
        ("ip", "10.0.0.0/8,10.0.0.0/8", "1 duplicate: '10.0.0.0/8' at 0 and 1"),
    ],
)
@pytest.mark.parametrize("payload", [True, False])
def test_a_prefix_that_is_none_is_named_by_its_row(tmp_path, kind, keys, said, payload):
    lines = ["key,more", *(f"{key},1" for key in keys.split(","))]
    (tmp_path / "bad.csv").write_text("".join(f"{line if payload else line.split(',')[0]}\n" for line in lines))
    result = run("build", str(tmp_path / "bad.csv"), str(tmp_path / "bad.vks"), "--key", "key", "--kind", kind)
    assert result.exit_code == 3
    assert said in result.stderr.replace("\n", " ")
    assert "position" not in result.stderr
    assert not (tmp_path / "bad.vks").exists()


def test_malformed_addresses_stop_a_file_unless_they_are_to_be_missing(files):
    (files / "bad.csv").write_text("ip\n10.0.0.1\nbogus\n")
    refused = run("route", "nets.vks", "bad.csv", "out.csv")
    assert refused.exit_code != 0
    assert "row 2 of column 'ip' is 'bogus'" in " ".join(refused.output.split())
    assert not (files / "out.csv").exists()
    assert run("route", "nets.vks", "bad.csv", "out.csv", "--errors", "coerce").exit_code == 0
    assert (files / "out.csv").read_text().replace('"', "").splitlines()[1:] == ["10.0.0.1,1,ten", "bogus,,"]


def test_words_of_bits_that_are_none(files):
    (files / "bits.csv").write_text("word,n\n9223372036854775808,1\n-4,2\n")
    (files / "ints.csv").write_text("word,n\n8,1\n-4,2\n")
    for name in ("bits.csv", "ints.csv"):
        refused = run("build", name, "b.vks", "--key", "word", "--kind", "bits", "--lengths", "n")
        assert refused.exit_code not in (0, 70), refused.output
        assert ("-4 in row 2" if name == "ints.csv" else "no 64-bit type") in refused.output


def test_paths_are_asked_as_they_are_written(files):
    (files / "paths.csv").write_text("path,n\n/api/v1/,1\n/a b ,2\n /x,3\n//,4\n")
    assert run("build", "paths.csv", "p.vks", "--key", "path", "--kind", "path").exit_code == 0
    asked = {"/api/v1": 1, "/api/v1/": 1, "/api/v1//z": 1, "/a b ": 2, "/a b /c": 2, "/a b": None}
    asked |= {" /x/": 3, "/x": None, "//y": 4}
    said = json.loads(run("get", "p.vks", *asked, "--json").stdout)["keys"]
    assert {one["key"]: one["record"] and one["record"]["n"] for one in said} == asked
    for prefix, count in {"": 4, "/api/": 1, "/a b ": 1, "/a b": 0, " /x": 1, "/x": 0, "//": 1}.items():
        listed = json.loads(run("enumerate", "p.vks", prefix, "--json").stdout)
        assert (prefix, listed["count"], len(listed["prefixes"])) == (prefix, count, count)


def test_bytes_that_are_no_text_are_prefixes_too(files):
    vk.PrefixTable.build([b"\xff", b"\xffa", "b"]).save("b.vks")
    listed = json.loads(run("enumerate", "b.vks", "\udcff", "--json").stdout)
    assert [one["record"]["row"] for one in listed["prefixes"]] == [0, 1]


def test_many_prefixes_are_listed_in_pieces(files, monkeypatch):
    n = 10_000
    table = vk.RouteTable.build(pd.DataFrame({"p": [f"a{i:05}" for i in range(n)], "n": range(n)}), "p", kind="prefix")
    table.save("many.vks")
    seen = []
    pieces = vk.RouteTable.record_many

    def record_many(self, rows, columns=None):
        seen.append(len(rows))
        return pieces(self, rows, columns)

    monkeypatch.setattr(vk.RouteTable, "record_many", record_many)
    listed = json.loads(run("enumerate", "many.vks", "a", "--json").stdout)
    assert listed["count"] == n
    assert [one["record"]["n"] for one in listed["prefixes"]] == list(range(n))
    assert [one["prefix"] for one in listed["prefixes"]] == [f"a{i:05}" for i in range(n)]
    assert sum(seen) == n
    assert len(seen) < 5
