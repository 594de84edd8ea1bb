"""The command line: every command, for people and as JSON, and every exit code."""

import json
import re
import uuid

import numpy as np
import pyarrow as pa
import pyarrow.parquet as parquet
import pytest

import valkyrie as vk
from valkyrie.cli.application import COMMANDS
from valkyrie.cli.exit_codes import MEANINGS, ExitCode


@pytest.fixture
def nodes(tmp_path):
    """A CSV of five nodes."""
    path = tmp_path / "nodes.csv"
    path.write_text("id,shard,zone\n10,1,eu\n20,2,us\n30,3,\n40,1,eu\n50,2,ap\n")
    return path


@pytest.fixture
def table(nodes, run, tmp_path):
    run("build", nodes, tmp_path / "nodes.vks")
    return tmp_path / "nodes.vks"


def test_build_for_people(nodes, run, tmp_path):
    shown = run("build", nodes, tmp_path / "t.vks").stdout
    assert re.search(r"keys\s+5 \(int, column 'id'\)", shown)
    assert "shard, zone" in shown
    opened = vk.load(tmp_path / "t.vks", verify="full")
    assert opened.route(30) == {"shard": 3, "zone": None}


def test_build_as_json(nodes, run, tmp_path):
    report = json.loads(run("build", nodes, tmp_path / "t.vks", "--json").stdout)
    assert report["entries"] == 5
    assert report["kind"] == "int"
    assert report["key"] == "id"
    assert report["columns"] == ["shard", "zone"]
    assert report["bytes"] == (tmp_path / "t.vks").stat().st_size
    assert set(report["seconds"]) == {"read", "build", "save"}


def test_build_chooses_columns_kind_and_duplicates(nodes, run, tmp_path):
    out = tmp_path / "t.vks"
    run("build", nodes, out, "--key", "zone", "--columns", "id", "--on-duplicate", "last", "--null", "?", code=3)
    run("build", nodes, out, "--key", "shard", "--columns", "zone", "--on-duplicate", "last", "--kind", "bytes")
    assert vk.load(out).route("1") == {"zone": "eu"}
    assert vk.load(out).route("2") == {"zone": "ap"}
    run("build", nodes, out, "--key", "shard", "--columns", "zone", "--on-duplicate", "first")
    assert vk.load(out).route(2) == {"zone": "us"}


def test_build_of_keys_alone_maps_to_rows(run, tmp_path):
    out = tmp_path / "t.vks"
    run("build", "-", out, "--format", "csv", "--no-header", given="7\n5\n9\n")
    assert vk.load(out).get_many([5, 7, 8]).tolist() == [1, 0, -1]
    assert json.loads(run("get", out, "9", "--json").stdout)["keys"][0]["record"] == {"row": 2}
    assert "none: keys map to rows" in run("info", out).stdout


@pytest.mark.parametrize("suffix", ["parquet", "csv", "arrow", "ndjson"])
def test_route(suffix, table, run, tmp_path):
    parquet.write_table(pa.table({"user": ["a", "b", "c"], "id": [20, 21, None]}), tmp_path / "ids.parquet")
    out = tmp_path / f"out.{suffix}"
    shown = run("route", table, tmp_path / "ids.parquet", out)
    assert re.search(r"rows\s+3 in .* rows/s", shown.stdout)
    assert "2 (66.7%)" in shown.stdout
    assert shown.stderr == ""
    run("route", table, out, tmp_path / "again.parquet", "--only", "--columns", "zone")
    assert parquet.read_table(tmp_path / "again.parquet").to_pylist() == [
        {"id": 20, "zone": "us"},
        {"id": 21, "zone": None},
        {"id": None, "zone": None},
    ]


def test_route_as_json(table, nodes, run, tmp_path):
    report = json.loads(run("route", table, nodes, tmp_path / "out.csv", "--json", "--threads", "2").stdout)
    assert (report["rows"], report["missing"], report["key"]) == (5, 0, "id")
    assert report["columns"] == {"shard": "shard_routed", "zone": "zone_routed"}
    assert report["rows_per_second"] > 0


def test_route_standard_streams(table, run):
    text = "id,note\n20,x\n21,\n"
    done = run("route", table, "-", "-", "--format", "csv", "--out-format", "csv", "--columns", "shard", given=text)
    assert done.stdout == '"id","note","shard"\n"20","x",2\n"21",,\n'
    assert done.stderr == ""
    done = run("route", table, "-", "-", "--format", "csv", "--out-format", "ndjson", "--only", given=text)
    assert [json.loads(line) for line in done.stdout.splitlines()] == [
        {"id": 20, "shard": 2, "zone": "us"},
        {"id": 21, "shard": None, "zone": None},
    ]
    done = run("route", table, "-", "-", "--format", "csv", "--out-format", "arrow", given=text)
    assert pa.ipc.open_stream(done.stdout_bytes).read_all()["shard"].to_pylist() == [2, None]
    done = run("route", table, "-", "-", "--format", "csv", "--out-format", "csv", "--json", code=2, given=text)
    assert done.stdout == ""


def test_route_text_and_coercion(table, run, tmp_path):
    (tmp_path / "ids.csv").write_text("id,zip\nx,01\n10,2\n")
    failed = run("route", table, tmp_path / "ids.csv", tmp_path / "out.parquet", code=3)
    assert "row 1 of column 'id' is 'x', not an integer" in failed.stderr
    assert "--errors coerce" in failed.stderr
    run("route", table, tmp_path / "ids.csv", tmp_path / "out.parquet", "--errors", "coerce", "--text")
    assert parquet.read_table(tmp_path / "out.parquet")["zip"].to_pylist() == ["01", "2"]


def test_get(table, run):
    shown = run("get", table, "10", "30").stdout
    assert re.search(r"10 .* 1 .* eu", shown)
    assert re.search(r"30 .* 3 ", shown)
    done = run("get", table, "10", "11", "--json", code=1)
    assert json.loads(done.stdout) == {
        "keys": [
            {"key": "10", "found": True, "record": {"shard": 1, "zone": "eu"}},
            {"key": "11", "found": False, "record": None},
        ]
    }
    assert "(not in the table)" in run("get", table, "11", code=1).stdout
    done = run("get", table, "-", "--columns", "zone", "--json", given="30\n50\n")
    assert [key["record"] for key in json.loads(done.stdout)["keys"]] == [{"zone": None}, {"zone": "ap"}]
    assert json.loads(run("get", table, "--json", "--", "-5", str(2**70), code=1).stdout)["keys"][1]["found"] is False
    assert "(not an integer)" in run("get", table, "ten", code=1).stdout
    assert "Did you mean 'zone'" in run("get", table, "10", "--columns", "zonne", code=2).stderr


def test_get_other_kinds(run, tmp_path):
    u = uuid.uuid4()
    for name, keys, asked in (("b16", [u], str(u)), ("bytes", ["naïve [bold]x"], "naïve [bold]x")):
        vk.RouteTable.build({"id": keys, "n": [0.5]}).save(tmp_path / f"{name}.vks")
        assert asked in run("get", tmp_path / f"{name}.vks", asked).stdout
        done = run("get", tmp_path / f"{name}.vks", asked, "--json")
        assert json.loads(done.stdout)["keys"][0]["record"] == {"n": 0.5}
    assert "(not a UUID)" in run("get", tmp_path / "b16.vks", "x", code=1).stdout


def test_get_answers_the_keys_beside_one_that_is_none(table, run):
    keys = json.loads(run("get", table, "10", "ten", "20", "--columns", "zone", "--json", code=1).stdout)["keys"]
    assert keys == [
        {"key": "10", "found": True, "record": {"zone": "eu"}},
        {"key": "ten", "found": False, "record": None, "error": "not an integer"},
        {"key": "20", "found": True, "record": {"zone": "us"}},
    ]
    assert json.loads(run("get", table, "1_0", "9" * 5000, "--json", code=1).stdout)["keys"][1]["found"] is False


def test_get_takes_lines_that_end_in_a_line_feed_and_in_nothing_else(table, run, tmp_path):
    keys = ["a\u2028b", "a\x85b", "a\x1cb", "a\rb", "é", b"\xff"]
    vk.IdTable.build([k.encode() if isinstance(k, str) else k for k in keys]).save(tmp_path / "t.vks")
    text = b"\xef\xbb\xbf" + b"\r\n\n".join(k.encode() if isinstance(k, str) else k for k in keys) + b"\n"
    found = json.loads(run("get", tmp_path / "t.vks", "-", "--json", given=text).stdout)["keys"]
    assert [key["record"] for key in found] == [{"row": row} for row in range(len(keys))]
    assert [key["key"] for key in found[:5]] == keys[:5]
    found = json.loads(run("get", table, "-", "--json", given="\ufeff10\r\n  \n20\n").stdout)["keys"]
    assert [key["key"] for key in found] == ["10", "20"]


def test_nothing_that_is_shown_moves_the_terminal(run, tmp_path):
    trap = "\x1b]0;x\x07\x9b31m\u202e:ab:[red]"
    vk.RouteTable.build({trap: ["00:ab:cd", trap], f"n{trap}": [trap, "\n"]}, key=trap).save(tmp_path / "t.vks")
    for shown in (
        run("get", tmp_path / "t.vks", "00:ab:cd", trap).output,
        run("get", tmp_path / "t.vks", "00:ab:cd", trap, "--json").output,
        run("get", tmp_path / "t.vks", "1", "--columns", trap, code=2).output,
        run("info", tmp_path / "t.vks").output,
        run("info", tmp_path / f"{trap}.vks", code=6).output,
    ):
        assert not set(shown) & set("\x1b\x07\x9b\u202e")
        assert ":ab:[red]" in shown
    assert "00:ab:cd" in run("get", tmp_path / "t.vks", "00:ab:cd").stdout
    assert r"\x1b]0;x\x07\x9b31m\u202e:ab:[red]" in run("get", tmp_path / "t.vks", "00:ab:cd").stdout


def test_an_input_is_never_the_output(table, nodes, run, tmp_path):
    before = table.read_bytes(), nodes.read_bytes()
    (tmp_path / "link.csv").symlink_to(nodes)
    assert "is the source itself" in two_lines(run("build", nodes, nodes, code=2))
    assert "is the source itself" in two_lines(run("build", nodes, tmp_path / "link.csv", code=2))
    assert "is the input itself" in two_lines(run("route", table, nodes, nodes, code=2))
    assert "is the table itself" in two_lines(run("route", table, nodes, table, "--out-format", "csv", code=2))
    assert (table.read_bytes(), nodes.read_bytes()) == before


def test_build_leaves_text_as_it_is_written(run, tmp_path):
    (tmp_path / "in.csv").write_text("id,price,at\n1,1.10,2020-01-01T00:00:00Z\n")
    run("build", tmp_path / "in.csv", tmp_path / "t.vks", "--text")
    assert vk.load(tmp_path / "t.vks").route(1) == {"price": "1.10", "at": "2020-01-01T00:00:00Z"}


def test_a_quote_that_is_not_closed_is_damaged_input(table, run, tmp_path):
    (tmp_path / "in.csv").write_text('id,x\n1,"unclosed\n2,b\n')
    for command in (
        ["build", tmp_path / "in.csv", tmp_path / "t.vks"],
        ["route", table, tmp_path / "in.csv", tmp_path / "o.csv"],
    ):
        assert "the quote opened in line 2 is not closed" in two_lines(run(*command, code=3))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.csv", "nodes.csv", "nodes.vks"]


def test_json_of_values_that_json_lacks(run, tmp_path):
    columns = {
        "id": [1, 2],
        "real": np.array([np.nan, np.inf]),
        "day": np.array(["2024-01-01", "NaT"], "M8[D]"),
        "blob": np.array([b"\xff", b"a"]),
    }
    vk.RouteTable.build(columns).save(tmp_path / "t.vks")
    first, second = json.loads(run("get", tmp_path / "t.vks", "1", "2", "--json").stdout)["keys"]
    assert first["record"]["real"] is second["record"]["real"] is None
    assert first["record"]["day"] == "2024-01-01"
    vk.IdTable.build(np.array([], np.int64)).save(tmp_path / "empty.vks")
    assert json.loads(run("info", tmp_path / "empty.vks", "--json").stdout)["stats"]["bytes_per_entry"] is None
    run("info", tmp_path / "empty.vks")


def test_info(table, run):
    shown = run("info", table).stdout
    assert "nan" not in shown
    assert re.search(r"keys\s+5 \(int, column 'id'\)", shown)
    report = json.loads(run("info", table, "--json").stdout)
    opened = vk.load(table)
    assert report["content"] == "route_table"
    assert report["columns"] == ["shard", "zone"]
    assert report["stats"]["entries"] == 5
    assert report["stats"]["load"] == opened.index.stats["load"]
    assert len(report["stats"]["pilot_histogram"]) == 256


def test_verify(table, run, tmp_path):
    assert run("verify", table).stdout.startswith("ok")
    assert json.loads(run("verify", table, "--json").stdout)["ok"] is True
    data = bytearray(table.read_bytes())
    for position in range(0, len(data), max(1, len(data) // 40)):
        damaged = data.copy()
        damaged[position] ^= 1
        (tmp_path / "damaged.vks").write_bytes(damaged)
        assert "damaged.vks" in run("verify", tmp_path / "damaged.vks", code=4).stderr
    (tmp_path / "damaged.vks").write_bytes(data[: len(data) // 2])
    failed = run("verify", tmp_path / "damaged.vks", "--json", code=4)
    error = json.loads(failed.stdout)["error"]
    assert (error["code"], error["exit_code"]) == ("snapshot_format", 4)
    assert error["message"] in failed.stderr


def test_bench(table, run, monkeypatch):
    monkeypatch.setattr("valkyrie.cli.bench.SIZES", (1_000,))
    monkeypatch.setattr("valkyrie.cli.bench.BATCH", 5_000)
    report = json.loads(run("bench", "--quick", "--json").stdout)
    assert {row["question"] for row in report["rows"]} == {
        "build",
        "batch, all hits",
        "batch, some misses",
        "one key at a time",
    }
    assert all(row["valkyrie"] > 0 and row["dict"] > 0 for row in report["rows"])
    assert all(row["pandas"] > 0 for row in report["rows"] if row["question"].startswith("batch"))
    assert "to dict" in run("bench", "--quick", table).stdout


@pytest.mark.parametrize("keys", [["a", "b", "é", "long " * 9], [uuid.UUID(int=i) for i in range(9)]])
def test_bench_with_the_keys_of_a_table(keys, run, tmp_path, monkeypatch):
    monkeypatch.setattr("valkyrie.cli.bench.BATCH", 2_000)
    vk.IdTable.build(keys, rows=np.arange(len(keys))[::-1] * 3).save(tmp_path / "t.vks")
    rows = json.loads(run("bench", "--quick", tmp_path / "t.vks", "--json").stdout)["rows"]
    assert [row["entries"] for row in rows] == [len(keys)] * 2


def test_help_documents_every_command_and_exit_code(run):
    shown = run("--help").stdout
    for name in COMMANDS:
        assert re.search(rf"\b{name}\b", shown)
        assert "--json" in run(name, "--help").stdout
    for code, meaning in MEANINGS.items():
        assert re.search(rf"\b{code.value}\s+{re.escape(meaning)}", shown)
    assert set(MEANINGS) == set(ExitCode)
    assert run("--version").stdout.startswith("valkyrie ")


def two_lines(result):
    lines = result.stderr.splitlines()
    assert lines[0].startswith("valkyrie: ")
    assert len(lines) <= 2
    return result.stderr


def test_wrong_calls(table, nodes, run, tmp_path):
    out = tmp_path / "out.csv"
    run("build", code=2)
    run("nonsense", code=2)
    run("build", nodes, tmp_path / "t.vks", "--kind", "float", code=2)
    run("route", table, nodes, out, "--batch-rows", "0", code=2)
    assert "Did you mean 'id'" in two_lines(run("build", nodes, tmp_path / "t.vks", "--key", "idd", code=2))
    assert "'zone'" in two_lines(run("build", nodes, tmp_path / "t.vks", "--columns", "zon", code=2))
    assert "'shard'" in two_lines(run("route", table, nodes, out, "--columns", "shrad", code=2))
    assert "no column 'usr'" in two_lines(run("route", table, nodes, out, "--key", "usr", code=2))
    assert ".parquet" in two_lines(run("route", table, nodes, tmp_path / "out.xyz", code=2))
    assert "Name the format" in two_lines(run("route", table, "-", out, code=2, given="id\n1\n"))
    nodes.write_text("a,b\n1,2\n")
    assert "none is called 'id'" in two_lines(run("build", nodes, tmp_path / "t.vks", code=2))
    assert not out.exists()
    assert not (tmp_path / "t.vks").exists()


def test_bad_input(table, run, tmp_path):
    source, out = tmp_path / "in.csv", tmp_path / "t.vks"
    for text, told in [
        ("", "is empty"),
        ("id,v\n7,2\n1,3\n7,4\n", "7"),
        ("id,v\n1,2\n,3\n,4\n", "column 'id' is empty in 2 rows, first in row 2"),
        ("id,v\n1,2\n3\n", "Expected 2 columns, got 1"),
        ("id,id\n1,2\n", "occurs twice"),
    ]:
        source.write_text(text)
        assert told in two_lines(run("build", source, out, code=3))
        assert json.loads(run("build", source, out, "--json", code=3).stdout)["error"]["exit_code"] == 3
        assert not out.exists()
    parquet.write_table(pa.table({"id": [1.5, 2.5]}), tmp_path / "in.parquet")
    two_lines(run("build", tmp_path / "in.parquet", out, code=3))
    two_lines(run("route", table, tmp_path / "in.parquet", tmp_path / "out.csv", code=3))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.csv", "in.parquet", "nodes.csv", "nodes.vks"]


def test_bad_table_files(nodes, run, tmp_path):
    for content in (b"", b"id,v\n1,2\n", bytes(4096)):
        (tmp_path / "t.vks").write_bytes(content)
        for arguments in (["info"], ["verify"], ["get"], ["route"], ["bench"]):
            more = {"get": ["1"], "route": [nodes, tmp_path / "out.csv"]}.get(arguments[0], [])
            two_lines(run(*arguments, tmp_path / "t.vks", *more, code=4))


def test_the_system_refuses(table, nodes, run, tmp_path):
    assert "no such file" in two_lines(run("build", tmp_path / "none.csv", tmp_path / "t.vks", code=6)).lower()
    assert "no such file" in two_lines(run("route", table, nodes, tmp_path / "no" / "out.csv", code=6)).lower()
    two_lines(run("info", tmp_path / "none.vks", code=6))
    two_lines(run("build", nodes, tmp_path / "no" / "t.vks", code=6))
    error = json.loads(run("info", tmp_path / "none.vks", "--json", code=6).stdout)["error"]
    assert error["code"] == "source"


def test_demo(run):
    done = run("demo", "--rows", "350000", "--json")
    report = json.loads(done.stdout)
    assert len(report["questions"]) == 4
    assert all(row["valkyrie"] > 0 and row["pandas"] > 0 for row in report["questions"])
    first = report["sample"][0]
    assert (first["day"], first["flight"], first["tail"]) == ("2013-01-01", "UA1545", "N14228")
    assert (first["aircraft"], first["seats"]) == ("BOEING 737-824", 149)
    assert first["from"] == "Newark Liberty International Airport"
    assert "reading the flights" in done.stderr
    shown = run("demo", "--rows", "1000").stdout
    assert "all answers equal" in shown
    assert "N14228" in shown
