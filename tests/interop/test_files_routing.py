"""Routing a file: every format to every format, streams of many batches, keys of every kind."""

import io
import itertools
import json
import threading
import uuid
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as arrow_csv
import pyarrow.feather as feather
import pyarrow.ipc as ipc
import pyarrow.parquet as parquet
import pytest

import valkyrie as vk
from valkyrie.errors import ArgumentError, KeyTypeError, SourceError, UnknownColumnError
from valkyrie.interop import ReadOptions, read_table, route_file
from valkyrie.interop.ndjson import write_ndjson

N = 3_000
FORMATS = ["csv", "tsv", "csv.gz", "csv.zst", "parquet", "arrow", "arrows", "feather", "ndjson", "ndjson.gz"]


@pytest.fixture(scope="module")
def fleet():
    ids = np.arange(0, 2 * N, 3)
    return vk.RouteTable.build(
        {"id": ids, "shard": (ids % 7).astype(np.uint16), "name": [f"node, {i % 5}" for i in range(len(ids))]}
    )


@pytest.fixture(scope="module")
def people():
    rng = np.random.default_rng(1)
    return pa.table(
        {
            "id": pa.array(rng.integers(0, 2 * N, N), pa.int64(), mask=rng.random(N) < 0.02),
            "zip": [f"{i:05d}" for i in rng.integers(0, 99_999, N)],
            "score": rng.random(N),
            "quote": [["plain", 'with "quotes"', "two\nlines", "comma, tab\t", "naïve \\ back"][i % 5] for i in range(N)],
        }
    )


def write(table, path):
    name = path.name
    if name.endswith("parquet"):
        parquet.write_table(table, path, row_group_size=700)
    elif name.endswith("feather"):
        feather.write_feather(table, path)
    elif name.endswith("arrows"):
        with ipc.new_stream(path, table.schema) as writer:
            writer.write_table(table, max_chunksize=900)
    elif name.endswith("arrow"):
        with ipc.new_file(path, table.schema) as writer:
            writer.write_table(table, max_chunksize=900)
    else:
        text = io.BytesIO()
        if "ndjson" in name:
            for batch in table.to_batches():
                write_ndjson(text, batch)
        else:
            arrow_csv.write_csv(table, text, arrow_csv.WriteOptions(delimiter="\t" if "tsv" in name else ","))
        data = text.getvalue()
        codec = {".gz": "gzip", ".zst": "zstd"}.get(path.suffix)
        with pa.CompressedOutputStream(path, codec) if codec else open(path, "wb") as file:
            file.write(data)


def expected(table, fleet, key="id"):
    """The same by way of a dict, one row at a time."""
    held = dict(zip(fleet.index.keys().tolist(), fleet.index.rows().tolist(), strict=True))
    payload = {name: fleet.route_many(fleet.index.keys().tolist(), columns=name) for name in fleet.column_names}
    rows = table.to_pylist()
    for row in rows:
        at = held.get(row[key])
        row.update({name: None if at is None else payload[name][at] for name in fleet.column_names})
    return rows


@pytest.mark.parametrize("given", FORMATS)
def test_every_format_comes_in(given, people, fleet, tmp_path):
    source, out = tmp_path / f"people.{given}", tmp_path / "out.parquet"
    write(people, source)
    seen = []
    done = route_file(str(source), fleet, str(out), batch_rows=500, progress=lambda *step: seen.append(step))
    result = parquet.read_table(out)
    assert result.to_pylist() == expected(people, fleet)
    assert result.schema.field("shard").type == pa.uint16()
    assert result.schema.field("id").type == pa.int64()
    assert (done.rows, done.missing) == (N, result["shard"].null_count)
    assert [rows for rows, _ in seen] == sorted({rows for rows, _ in seen})
    assert len(seen) >= 6
    assert seen[-1][0] == N
    assert all(share is None or 0 <= share <= 1 for _, share in seen)


@pytest.mark.parametrize("given", FORMATS)
def test_every_format_goes_out(given, people, fleet, tmp_path):
    source, out = tmp_path / "people.parquet", tmp_path / f"out.{given}"
    write(people, source)
    route_file(str(source), fleet, str(out), batch_rows=700)
    again = tmp_path / "again.parquet"
    # What was written is read back by our own reader and, column by column, equals the answer of a dict.
    route_file(str(out), vk.IdTable.build(np.arange(2)), str(again), key="id")
    assert parquet.read_table(again).drop_columns(["row"]).to_pylist() == expected(people, fleet)


def test_foreign_readers_read_what_we_write(people, fleet, tmp_path):
    source = tmp_path / "people.parquet"
    write(people, source)
    answers = expected(people, fleet)
    for suffix in ("csv", "arrow", "ndjson"):
        route_file(str(source), fleet, str(tmp_path / f"out.{suffix}"), batch_rows=700)
    assert ipc.open_file(tmp_path / "out.arrow").read_all().to_pylist() == answers
    pd = pytest.importorskip("pandas")
    frame = pd.read_csv(tmp_path / "out.csv", dtype={"zip": str, "id": "Int64", "shard": "Int64"})
    assert frame["shard"].isna().sum() == sum(row["shard"] is None for row in answers)
    assert frame["quote"].tolist() == people["quote"].to_pylist()
    lines = (tmp_path / "out.ndjson").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line) for line in lines] == answers


def test_csv_to_csv_keeps_the_text_of_other_columns(fleet, tmp_path):
    source, out = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_text('id,price,code,when\n3,1.10,007,2024-1-5\n+6,1e3,NA,\n,"",0x1f," blank "\n5,,,\n')
    route_file(str(source), fleet, str(out), columns="shard")
    assert out.read_text() == (
        '"id","price","code","when","shard"\n"3","1.10","007","2024-1-5",3\n"+6","1e3","NA",,6\n,"","0x1f"," blank ",\n"5",,,,\n'
    )


def test_text_keys_keep_leading_zeros_and_tell_empty_from_null(tmp_path):
    table = vk.RouteTable.build({"code": ["007", "7", "", "NA"], "n": [1, 2, 3, 4]}, key="code")
    source, out = tmp_path / "in.csv", tmp_path / "out.parquet"
    source.write_text('x,code\n1,007\n2,7\n3,""\n4,\n5,NA\n6,07\n')
    done = route_file(str(source), table, str(out))
    assert parquet.read_table(out)["n"].to_pylist() == [1, 2, 3, None, 4, None]
    assert parquet.read_table(out)["code"].to_pylist() == ["007", "7", "", None, "NA", "07"]
    assert done.missing == 2


def test_integers_of_text_by_value_never_by_float(tmp_path):
    big = 2**63 + 1
    unsigned = vk.IdTable.build(np.array([1, big, 2**64 - 1], np.uint64))
    signed = vk.IdTable.build(np.array([1, -5, 2**53 + 1], np.int64))
    source = tmp_path / "in.csv"
    source.write_text(f"id\n1\n{big}\n{2**64 - 1}\n-5\n{2**64 + 1}\n{2**53 + 1}\n 1 \n+1\n001\n")
    out = tmp_path / "out.csv"
    route_file(str(source), unsigned, str(out))
    assert read_table(str(out), key="id")["row"].to_pylist() == [0, 1, 2, None, None, None, 0, 0, 0]
    route_file(str(source), signed, str(out))
    assert read_table(str(out), key="id")["row"].to_pylist() == [0, None, None, 1, None, 2, 0, 0, 0]
    # A typed output cannot hold them all: that is said, not rounded.
    with pytest.raises(SourceError, match=r"row 2 .*9223372036854775809.*beyond the int64"):
        route_file(str(source), signed, str(tmp_path / "out.parquet"))
    route_file(str(source), signed, str(tmp_path / "out.parquet"), errors="coerce")
    assert parquet.read_table(tmp_path / "out.parquet")["id"].to_pylist()[:4] == [1, None, None, -5]


def test_json_integers_beyond_int64(tmp_path):
    table = vk.IdTable.build(np.array([7, 2**64 - 1], np.uint64))
    (tmp_path / "in.ndjson").write_text(f'{{"id": {2**64 - 1}}}\n{{"id": null}}\n{{"id": 7}}\n')
    route_file(str(tmp_path / "in.ndjson"), table, str(tmp_path / "out.arrow"))
    assert ipc.open_file(tmp_path / "out.arrow").read_all()["row"].to_pylist() == [1, None, 0]


@pytest.mark.parametrize("text", ["abc", "1.5", "0x10", "1e3", "١", "--1", "1 2"])
def test_text_that_is_no_integer(text, tmp_path):
    table = vk.IdTable.build(np.arange(100))
    source = tmp_path / "in.csv"
    source.write_text(f"id\n1\n2\n{text}\n3\n", encoding="utf-8")
    with pytest.raises(KeyTypeError, match=r"row 3 of column 'id' is .*, not an integer") as caught:
        route_file(str(source), table, str(tmp_path / "out.csv"))
    assert caught.value.data["row"] == 2
    assert [path.name for path in tmp_path.iterdir()] == ["in.csv"]
    done = route_file(str(source), table, str(tmp_path / "out.csv"), errors="coerce")
    assert (done.rows, done.missing) == (4, 1)


@pytest.mark.parametrize("given", ["csv", "parquet", "ndjson"])
def test_uuids_as_text(given, tmp_path):
    ids = [uuid.UUID(int=i * 2**90 + 12345) for i in range(500)]
    table = vk.RouteTable.build({"u": ids, "n": np.arange(500, dtype=np.int16)}, key="u", kind="b16")
    texts = [[str(u), str(u).upper(), u.hex, f"{{{u}}}", u.urn][i % 5] for i, u in enumerate(ids)]
    column = pa.array([*texts, None, str(uuid.UUID(int=0))])
    write(pa.table({"u": column}), tmp_path / f"in.{given}")
    route_file(str(tmp_path / f"in.{given}"), table, str(tmp_path / "out.parquet"), batch_rows=99)
    result = parquet.read_table(tmp_path / "out.parquet")
    # A CSV of one column has no way to say null but a blank line, and blank lines are skipped.
    absent = [None] if given == "csv" else [None, None]
    assert result["n"].to_pylist() == [*range(500), *absent]
    assert result["u"].to_pylist()[:500] == texts


def test_uuids_of_sixteen_bytes_become_text_in_text_formats(tmp_path):
    ids = [uuid.UUID(int=i**9 + 1) for i in range(50)]
    table = vk.RouteTable.build({"u": ids, "peer": np.arange(50)}, key="u")
    column = pa.array([None, *(u.bytes for u in ids)], pa.binary(16)).slice(1)
    types = [pa.binary(16), *([pa.uuid()] if hasattr(pa, "uuid") else [])]
    for suffix, kind in itertools.product(("csv", "ndjson"), types):
        parquet.write_table(pa.table({"u": column.cast(kind)}), tmp_path / "in.parquet")
        route_file(str(tmp_path / "in.parquet"), table, str(tmp_path / f"out.{suffix}"))
        assert read_table(str(tmp_path / f"out.{suffix}"), key="u")["u"].to_pylist() == [str(u) for u in ids]


def test_many_csv_blocks(tmp_path):
    """More than one block of the reader, and a quoted line break at every boundary."""
    n = 400_000
    keys = np.arange(n)
    table = vk.IdTable.build(keys[::2])
    source, out = tmp_path / "in.csv", tmp_path / "out.parquet"
    with open(source, "w") as file:
        file.write("note,id\n")
        file.writelines(f'"line one of row {i}\nline two",{i}\n' for i in range(n))
    assert source.stat().st_size > 12 << 20
    shares = []
    done = route_file(str(source), table, str(out), progress=lambda rows, share: shares.append(share))
    assert done.rows == n
    assert len(shares) > 1
    assert shares[-1] == 1.0
    result = parquet.read_table(out)
    assert result["note"][123_456].as_py() == "line one of row 123456\nline two"
    assert pc.all(pc.equal(result["id"], pa.array(keys))).as_py()
    assert np.array_equal(result["row"].fill_null(-1).to_numpy(), np.where(keys % 2 == 0, keys // 2, -1))


@pytest.mark.parametrize("given", ["parquet", "arrows"])
def test_memory_is_that_of_batches_not_of_the_file(given, tmp_path):
    n, part = 2_000_000, 1 << 16
    table = vk.IdTable.build(np.arange(0, n, 5))
    people = pa.table({"id": np.arange(n), "score": np.random.default_rng(0).random(n)})
    source, size = tmp_path / f"in.{given}", people.nbytes
    if given == "parquet":
        parquet.write_table(people, source, row_group_size=part)
    else:
        with ipc.new_stream(source, people.schema) as writer:
            writer.write_table(people, max_chunksize=part)
    del people
    before, held = pa.total_allocated_bytes(), []
    route_file(
        str(source),
        table,
        str(tmp_path / "out.arrows"),
        batch_rows=part,
        progress=lambda *_: held.append(pa.total_allocated_bytes() - before),
    )
    assert len(held) == -(-n // part)
    assert max(held) < size / 4


def test_many_ndjson_blocks_with_late_and_empty_fields(tmp_path):
    n = 150_000
    source, out = tmp_path / "in.ndjson", tmp_path / "out.parquet"
    with open(source, "w") as file:
        file.writelines(f'{{"id": {i}, "none": null, "pad": "{"x" * 60}"}}\n' for i in range(n))
        file.write('\n{"id": 0, "none": "late", "pad": ""}')
    assert source.stat().st_size > 8 << 20
    table = vk.IdTable.build(np.arange(n))
    assert route_file(str(source), table, str(out)).rows == n + 1
    assert parquet.read_table(out)["none"].to_pylist()[-2:] == [None, "late"]
    with open(source, "a") as file:
        file.write('\n{"id": 0, "unheard": 1}\n')
    with pytest.raises(SourceError, match="unexpected field"):
        route_file(str(source), table, str(out))
    assert route_file(str(source), table, str(out), only=True).rows == n + 2


def test_json_fields_come_out_unchanged(tmp_path):
    source, out = tmp_path / "in.ndjson", tmp_path / "out.ndjson"
    lines = [
        '{"id": 1, "at": "2020-01-01T10:00:00+02:00", "day": "2020-01-01", "big": 12345678901234567890, "low": -1',
        '{"id": 2, "at": "2020-01-01", "day": null, "big": 7, "low": 123456789012345678901234567890',
        '{"id": 3, "at": "", "day": "x", "big": null, "low": null',
    ]
    lines = [line + ', "deep": {"days": ["2020-01-01"], "real": 0.5}' for line in lines]
    source.write_text("".join(f"{line}}}\n" for line in lines))
    route_file(str(source), vk.IdTable.build([1, 2]), str(out))
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert [row.pop("row") for row in rows] == [0, 1, None]
    assert rows == [json.loads(f"{line}}}") for line in lines]


@pytest.mark.parametrize(
    "line", ['{"id": 1, "v": 18446744073709551615}', '{"id": 1, "v": 9007199254740993}', f'{{"id": 1, "v": {"9" * 40}}}']
)
@pytest.mark.parametrize("pad", [0, 9 << 20])
def test_json_integers_are_refused_rather_than_rounded(line, pad, tmp_path):
    """In the first block and in a later one."""
    (tmp_path / "in.ndjson").write_text('{"id": 1, "v": 1.5}\n' + " " * pad + f"\n{line}\n")
    with pytest.raises(SourceError, match=r"row 2, field 'v': the integer .* would be rounded"):
        route_file(str(tmp_path / "in.ndjson"), vk.IdTable.build([1]), str(tmp_path / "out.ndjson"))
    assert not (tmp_path / "out.ndjson").exists()


def test_csv_integers_are_refused_rather_than_rounded(tmp_path):
    source = tmp_path / "in.csv"
    source.write_text("id,v\n" + "1,0.5\n" * 1_500_000 + f"1,{2**63 + 1}\n")
    with pytest.raises(SourceError, match=r"row 1,500,001 of column 'v' is 9223372036854775809.*--text"):
        route_file(str(source), vk.IdTable.build([1]), str(tmp_path / "out.parquet"))
    source.write_text("id,v\n1, 0.5 \n2,\n3,1e300\n")
    route_file(str(source), vk.IdTable.build([1]), str(tmp_path / "out.parquet"))
    assert parquet.read_table(tmp_path / "out.parquet")["v"].to_pylist() == [0.5, None, 1e300]


MIXED = {
    "texts": ('{"id": "1"}\n{"id": "x"}\n', "row 1 of column 'id' is '1'", ["1", "x"], [None, None]),
    "one text": ('{"id": 1}\n\n{"id": "x"}\n{"id": 2}\n', "row 2 of column 'id' is 'x'", [1, None, 2], [0, None, 1]),
    "a late text": (
        '{"id": 1}\n' * 2 + " " * (9 << 20) + '\n{"id": "x"}\n',
        "row 3 of column 'id' is 'x'",
        [1, 1, None],
        [0, 0, None],
    ),
    "a fraction": ('{"id": 1}\n{"id": 1.5}\n', "row 2 of column 'id' is 1.5", [1, None], [0, None]),
    "a late large one": (
        '{"id": 1}\n' + " " * (9 << 20) + f'\n{{"id": {2**63}}}\n',
        f"row 2 of column 'id' is {2**63}",
        [1, None],
        [0, None],
    ),
}


@pytest.mark.parametrize("name", MIXED)
def test_json_values_that_are_no_keys(name, tmp_path):
    text, told, ids, rows = MIXED[name]
    source, out = tmp_path / "in.ndjson", tmp_path / "out.ndjson"
    source.write_text(text)
    table = vk.IdTable.build([1, 2])
    with pytest.raises(KeyTypeError, match=told):
        route_file(str(source), table, str(out))
    route_file(str(source), table, str(out), errors="coerce")
    written = [json.loads(line) for line in out.read_text().splitlines()]
    assert [row["id"] for row in written] == ids
    assert [row["row"] for row in written] == rows


def test_json_integers_beyond_the_table_miss(tmp_path):
    source, out = tmp_path / "in.ndjson", tmp_path / "out.ndjson"
    for ids in ([1, 2**63], [1, -5, 2**64 - 1, None]):
        source.write_text("".join(f'{{"id": {json.dumps(i)}}}\n' for i in ids))
        assert route_file(str(source), vk.IdTable.build([1, 2]), str(out)).missing == len(ids) - 1
        assert [json.loads(line)["id"] for line in out.read_text().splitlines()] == ids


@pytest.mark.parametrize("given", ["parquet", "arrow"])
def test_text_of_typed_formats_is_no_integer(given, tmp_path):
    source, out = tmp_path / f"in.{given}", tmp_path / "out.parquet"
    for column in (pa.array([None, "1", "x"]), pa.array([None, "1", "x"]).dictionary_encode()):
        write(pa.table({"id": column}), source)
        with pytest.raises(KeyTypeError, match="row 2 of column 'id' is '1', not an integer"):
            route_file(str(source), vk.IdTable.build([1]), str(out))
        assert route_file(str(source), vk.IdTable.build([1]), str(out), errors="coerce").missing == 3
        assert parquet.read_table(out)["id"].to_pylist() == [None, "1", "x"]


def test_bytes_and_durations_in_text_formats(tmp_path):
    source = tmp_path / "in.parquet"
    durations = pa.array([93_784_500, None, -1, 0, 60_000], pa.duration("ms"))
    write(pa.table({"id": range(5), "blob": [b"a", b"", None, b"b", b"c"], "took": durations}), source)
    texts = ["P1DT2H3M4.5S", None, "-PT0.001S", "PT0S", "PT1M"]
    for suffix in ("csv", "ndjson"):
        route_file(str(source), vk.IdTable.build([1]), str(tmp_path / f"out.{suffix}"))
        table = read_table(str(tmp_path / f"out.{suffix}"))
        assert table["took"].to_pylist() == texts
        assert table["blob"].to_pylist() == ["a", "", None, "b", "c"]
    for type_ in (pa.binary(), pa.large_binary(), pa.binary(1)):
        write(pa.table({"id": [1], "blob": pa.array([b"\xff"], type_)}), source)
        with pytest.raises(SourceError, match=r"column 'blob' is .*UTF8.*Parquet or Arrow"):
            route_file(str(source), vk.IdTable.build([1]), str(tmp_path / "out.csv"))


def test_names_that_clash_get_a_suffix(fleet, tmp_path):
    source = tmp_path / "in.csv"
    source.write_text("id,shard\n3,mine\n")
    done = route_file(str(source), fleet, str(tmp_path / "out.csv"))
    assert done.columns == {"shard": "shard_routed", "name": "name"}
    assert read_table(str(tmp_path / "out.csv")).to_pylist() == [{"id": 3, "shard": "mine", "shard_routed": 3, "name": "node, 1"}]
    done = route_file(str(source), fleet, str(tmp_path / "out.csv"), only=True)
    assert done.columns == {"shard": "shard", "name": "name"}
    assert read_table(str(tmp_path / "out.csv")).column_names == ["id", "shard", "name"]
    source.write_text("id,shard,shard_routed\n3,a,b\n")
    with pytest.raises(ArgumentError, match="'shard_routed'"):
        route_file(str(source), fleet, str(tmp_path / "out.csv"))


def test_column_of_keys_is_found_or_asked_for(fleet, tmp_path):
    source, out = tmp_path / "in.csv", str(tmp_path / "out.csv")
    source.write_text("user\n3\n")
    assert route_file(str(source), fleet, out).key == "user"
    source.write_text("user,other\n3,4\n")
    with pytest.raises(UnknownColumnError, match=r"none is called 'id'.*user, other"):
        route_file(str(source), fleet, out)
    with pytest.raises(UnknownColumnError, match=r"no column 'usr'.*'user'"):
        route_file(str(source), fleet, out, key="usr")
    assert route_file(str(source), fleet, out, key="other").missing == 1
    with pytest.raises(UnknownColumnError, match="shard"):
        route_file(str(source), fleet, out, key="user", columns="shrad")
    with pytest.raises(ArgumentError, match="no payload"):
        route_file(str(source), fleet.index, out, key="user", columns="shard")


def test_a_list_of_keys_without_a_header_is_noticed(fleet, tmp_path):
    source, out = tmp_path / "in.csv", str(tmp_path / "out.csv")
    source.write_text("3\n6\n9\n")
    with pytest.raises(SourceError, match=r"first line, '3'.*--no-header"):
        route_file(str(source), fleet, out)
    done = route_file(str(source), fleet, out, options=ReadOptions(header=False))
    assert (done.rows, done.missing, done.key) == (3, 0, "column_1")
    texts = vk.IdTable.build(["a", "b"])
    source.write_text("a\nb\n")
    with pytest.raises(SourceError, match="--no-header"):
        route_file(str(source), texts, out)
    uuids = vk.IdTable.build([uuid.UUID(int=1)])
    source.write_text(f"{uuid.UUID(int=5)}\n")
    with pytest.raises(SourceError, match="--no-header"):
        route_file(str(source), uuids, out)


def test_a_header_without_an_end_is_no_rows(fleet, tmp_path):
    for text in ("id,v", '\ufeffid,"v"', "id,v\r"):
        (tmp_path / "in.csv").write_text(text, encoding="utf-8")
        for suffix in ("csv", "parquet"):
            assert route_file(str(tmp_path / "in.csv"), fleet, str(tmp_path / f"out.{suffix}")).rows == 0
        assert parquet.read_table(tmp_path / "out.parquet").column_names == ["id", "v", "shard", "name"]
        assert read_table(str(tmp_path / "in.csv")).num_rows == 0


def test_files_are_read_in_the_thread_of_the_caller(people, fleet, tmp_path, monkeypatch):
    """A thread of Arrow that calls a Python file when the interpreter is half gone ends the process."""
    threads = set()

    class Watched(io.BufferedReader):
        def read(self, *size):
            threads.add(threading.get_ident())
            return super().read(*size)

    monkeypatch.setattr("valkyrie.interop.byte_input.open", lambda path, _: Watched(io.FileIO(path)), raising=False)
    for given in FORMATS:
        write(people, tmp_path / f"in.{given}")
        route_file(str(tmp_path / f"in.{given}"), fleet, str(tmp_path / "out.arrow"))
    assert threads == {threading.get_ident()}


@pytest.mark.parametrize("given", ["csv", "parquet", "arrow", "arrows"])
def test_no_rows_are_a_result_with_columns(given, fleet, tmp_path):
    write(pa.table({"id": pa.array([], pa.int64()), "v": pa.array([], pa.string())}), tmp_path / f"in.{given}")
    for suffix in ("parquet", "csv", "arrow"):
        done = route_file(str(tmp_path / f"in.{given}"), fleet, str(tmp_path / f"out.{suffix}"))
        assert (done.rows, done.missing) == (0, 0)
        assert read_table(str(tmp_path / f"out.{suffix}")).column_names == ["id", "v", "shard", "name"]


def test_source_may_be_the_output(people, fleet, tmp_path):
    for suffix in ("csv", "parquet", "arrow"):
        path = tmp_path / f"same.{suffix}"
        write(people, path)
        route_file(str(path), fleet, str(path), batch_rows=100, columns=["shard"])
        assert read_table(str(path)).num_rows == N
        assert "shard" in read_table(str(path)).column_names


def test_dictionaries_that_change_between_batches(fleet, tmp_path):
    schema = pa.schema([("id", pa.int64()), ("tag", pa.dictionary(pa.int8(), pa.string()))])
    with ipc.new_stream(tmp_path / "in.arrows", schema) as writer:
        for tags in (["a", "b"], ["c", "a"]):
            writer.write_batch(
                pa.record_batch([pa.array([3, 6]), pa.array(tags).dictionary_encode().cast(schema[1].type)], schema=schema)
            )
    for suffix in ("arrow", "parquet", "csv", "ndjson"):
        route_file(str(tmp_path / "in.arrows"), fleet, str(tmp_path / f"out.{suffix}"))
        assert read_table(str(tmp_path / f"out.{suffix}"))["tag"].to_pylist() == ["a", "b", "c", "a"]


def test_dictionary_encoded_keys(tmp_path):
    table = vk.IdTable.build(["a", "b"])
    keys = pa.array(["b", None, "zz", "a"]).dictionary_encode()
    parquet.write_table(pa.table({"k": keys}), tmp_path / "in.parquet")
    route_file(str(tmp_path / "in.parquet"), table, str(tmp_path / "out.parquet"))
    assert parquet.read_table(tmp_path / "out.parquet")["row"].to_pylist() == [1, None, None, 0]


def test_relative_paths_and_symbolic_links(fleet, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("in.csv").write_text("id\n3\n")
    Path("real.csv").write_text("old")
    Path("real.csv").chmod(0o640)
    Path("link.csv").symlink_to("real.csv")
    route_file("in.csv", fleet, "link.csv", columns="shard")
    assert Path("link.csv").is_symlink()
    assert Path("real.csv").read_text() == '"id","shard"\n"3",3\n'
    assert Path("real.csv").stat().st_mode & 0o777 == 0o640
