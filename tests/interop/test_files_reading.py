"""Reading a file of keys and payload for a build: types, header, nulls; what is refused."""

import codecs
import gzip
import io
import os
import threading
import uuid

import numpy as np
import pyarrow as pa
import pyarrow.ipc as ipc
import pyarrow.parquet as parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import valkyrie as vk
from valkyrie.errors import ArgumentError, KeyTypeError, SourceError, UnknownColumnError
from valkyrie.interop import ReadOptions, read_table, route_file
from valkyrie.interop.byte_input import ByteInput
from valkyrie.interop.csv_rows import row_blocks


def csv_table(tmp_path, text, **options):
    (tmp_path / "in.csv").write_text(text, encoding="utf-8")
    return read_table(str(tmp_path / "in.csv"), **options)


def test_types_of_csv_columns(tmp_path):
    table = csv_table(
        tmp_path,
        f"a,id,zip,big,real,mixed,flag,none\n1,5,02134,{2**63},1.5,1,true,\n2,6,10001,{2**64 - 1},2,x,false,\n",
    )
    assert table.schema == pa.schema(
        [
            ("id", pa.int64()),
            ("a", pa.int64()),
            ("zip", pa.string()),
            ("big", pa.uint64()),
            ("real", pa.float64()),
            ("mixed", pa.string()),
            ("flag", pa.bool_()),
            ("none", pa.string()),
        ]
    )


@pytest.mark.parametrize(
    ("texts", "type_", "values"),
    [
        (["1", "2"], pa.int64(), [1, 2]),
        (["-1", "0"], pa.int64(), [-1, 0]),
        (["1", str(2**64 - 1)], pa.uint64(), [1, 2**64 - 1]),
        ([str(-(2**63)), str(2**63 - 1)], pa.int64(), [-(2**63), 2**63 - 1]),
        (["-1", str(2**64 - 1)], pa.string(), ["-1", str(2**64 - 1)]),
        (["1", str(2**64)], pa.string(), ["1", str(2**64)]),
        (["01", "2"], pa.string(), ["01", "2"]),
        (["+1", "2"], pa.string(), ["+1", "2"]),
        (["1", "1e3"], pa.string(), ["1", "1e3"]),
        (["1", "1.0"], pa.string(), ["1", "1.0"]),
        (["1", "x"], pa.string(), ["1", "x"]),
        (["2024-01-01", "2024-01-02"], pa.string(), ["2024-01-01", "2024-01-02"]),
        (["true", "false"], pa.string(), ["true", "false"]),
    ],
)
def test_kind_of_csv_keys_is_told_from_all_of_them(texts, type_, values, tmp_path):
    table = csv_table(tmp_path, "id,v\n" + "".join(f"{text},1\n" for text in texts))
    assert table["id"].type == type_
    assert table["id"].to_pylist() == values


def test_kind_of_csv_keys_can_be_said(tmp_path):
    text = "id,v\n007,1\n8,2\n"
    assert csv_table(tmp_path, text)["id"].to_pylist() == ["007", "8"]
    assert csv_table(tmp_path, text, kind="int")["id"].to_pylist() == [7, 8]
    assert csv_table(tmp_path, "id,v\n7,1\n", kind="bytes")["id"].to_pylist() == ["7"]
    u = uuid.uuid4()
    assert csv_table(tmp_path, f"id,v\n{u},1\n")["id"].type == pa.string()
    assert csv_table(tmp_path, f"id,v\n{u},1\n", kind="b16")["id"].to_pylist() == [u.bytes]
    with pytest.raises(KeyTypeError, match=r"row 2 of column 'id' is 'x', not an integer"):
        csv_table(tmp_path, "id,v\n1,1\nx,2\n", kind="int")
    with pytest.raises(SourceError, match="no 64-bit type"):
        csv_table(tmp_path, f"id,v\n-1,1\n{2**64 - 1},2\n", kind="int")


def test_uuid_text_of_typed_formats_is_parsed_for_b16(tmp_path):
    u = uuid.uuid4()
    parquet.write_table(pa.table({"id": [str(u)]}), tmp_path / "in.parquet")
    assert read_table(str(tmp_path / "in.parquet"))["id"].to_pylist() == [str(u)]
    assert read_table(str(tmp_path / "in.parquet"), kind="b16")["id"].to_pylist() == [u.bytes]


def test_columns_are_chosen_and_the_key_comes_first(tmp_path):
    text = "a,b,id,c\n1,2,3,4\n"
    assert csv_table(tmp_path, text).column_names == ["id", "a", "b", "c"]
    assert csv_table(tmp_path, text, columns=["c", "a"]).column_names == ["id", "a", "c"]
    assert csv_table(tmp_path, text, columns=[]).column_names == ["id"]
    assert csv_table(tmp_path, text, key="b", columns=["id"]).column_names == ["b", "id"]
    with pytest.raises(UnknownColumnError, match=r"no column 'idd'.*'id'"):
        csv_table(tmp_path, text, key="idd")
    with pytest.raises(UnknownColumnError, match=r"no column 'z'"):
        csv_table(tmp_path, text, columns=["z"])
    assert csv_table(tmp_path, "only\n1\n").column_names == ["only"]
    with pytest.raises(UnknownColumnError, match=r"none is called 'id'"):
        csv_table(tmp_path, "a,b\n1,2\n")


def test_header_nulls_and_byte_order_mark(tmp_path):
    options = ReadOptions(header=False, nulls=("NA", "-"))
    table = csv_table(tmp_path, "1,NA,-\n2,x,5\n", key="column_1", options=options)
    assert table.to_pylist() == [
        {"column_1": 1, "column_2": None, "column_3": None},
        {"column_1": 2, "column_2": "x", "column_3": 5},
    ]
    (tmp_path / "in.csv").write_bytes(codecs.BOM_UTF8 + b"id,v\r\n1,NA\r\n")
    assert read_table(str(tmp_path / "in.csv")).to_pylist() == [{"id": 1, "v": "NA"}]


def test_times_with_a_zone_and_times_of_day_build_as_text(tmp_path):
    text = "id,at,zone,hour,day\n1,2020-01-01T00:00:00Z,2020-01-01T10:00:00+02:00,10:30,2020-01-01\n"
    table = csv_table(tmp_path, text)
    assert table.drop_columns(["day"]).to_pylist() == [
        {"id": 1, "at": "2020-01-01T00:00:00Z", "zone": "2020-01-01T10:00:00+02:00", "hour": "10:30"}
    ]
    assert table.schema.field("day").type == pa.date32()
    assert vk.RouteTable.build(table, key="id").route(1)["hour"] == "10:30"


@pytest.mark.parametrize("texts", [["-5", str(2**64 - 1)], ["1.5", str(2**63 + 1)], ["1.5", str(2**53 + 1)], ["0", str(2**80)]])
def test_integers_that_a_float_would_round_are_text(texts, tmp_path):
    table = csv_table(tmp_path, "id,v\n" + "".join(f"{i},{text}\n" for i, text in enumerate(texts)))
    assert table["v"].to_pylist() == texts
    assert csv_table(tmp_path, f"id,v\n1,1.5\n2,{2**60}\n")["v"].to_pylist() == [1.5, 2.0**60]


def test_payload_of_csv_can_stay_text(tmp_path):
    table = csv_table(tmp_path, "id,v\n1,1.10\n2,\n", options=ReadOptions(text=True))
    assert table.to_pylist() == [{"id": 1, "v": "1.10"}, {"id": 2, "v": None}]


OPEN_QUOTES = {
    'id,x\n1,"unclosed\n2,b\n': 2,
    'id,x\n1,"a ""b"\n2,"\n3,c"" d\n': 3,
    'id,x\n1,5" pipe\n2,"open\n': 3,
    'id,x\n1,"5"" pipe"\n2,a\n3,"': 4,
}


@pytest.mark.parametrize("text", OPEN_QUOTES)
def test_a_quote_that_is_not_closed(text, tmp_path):
    with pytest.raises(SourceError, match=f"quote opened in line {OPEN_QUOTES[text]} is not closed"):
        csv_table(tmp_path, text)
    with pytest.raises(SourceError, match=f"quote opened in line {OPEN_QUOTES[text]} is not closed"):
        route_file(str(tmp_path / "in.csv"), vk.IdTable.build([1]), str(tmp_path / "out.csv"))
    assert csv_table(tmp_path, 'id,x\n1,5" pipe\n2,"a ""b"" c"\n3,""\n')["x"].to_pylist() == ['5" pipe', 'a "b" c', ""]


def open_line(text):
    """The line of the quote that is open at the end of the text, 0 if none is: one character after the other."""
    line, opened, inside, start, i = 1, 0, False, True, 0
    while i < len(text):
        c = text[i]
        if inside and c == '"' and text[i + 1 : i + 2] == '"':
            i += 1
        elif inside:
            inside = c != '"'
        elif c == '"' and start:
            inside, opened = True, line
        line += c == "\n"
        start = not inside and c in ",\r\n"
        i += 1
    return opened if inside else 0


@settings(max_examples=500, deadline=None)
@given(st.text(alphabet='""",\n\rax', max_size=30), st.integers(1, 9))
def test_blocks_of_whole_rows(text, size):
    data = ByteInput(io.BytesIO(text.encode()), None, None)
    blocks, opened = [], 0
    try:
        blocks.extend(row_blocks("file", data, ",", size))
    except SourceError as error:
        opened = error.data["line"]
    assert opened == open_line(text)
    if not opened:
        assert "".join(block.decode() for block in blocks) in (text, f"{text}\n")
        assert all(open_line(block.decode()) == 0 and block[-1:] in (b"\n", b"\r") for block in blocks)


def test_json_texts_and_numbers_come_in_as_they_are(tmp_path):
    path = tmp_path / "in.ndjson"
    path.write_text('{"id": "2020-01-01", "at": "2020-01-01T10:00:00+02:00", "big": 18446744073709551615}\n')
    table = read_table(str(path))
    assert table.to_pylist() == [{"id": "2020-01-01", "at": "2020-01-01T10:00:00+02:00", "big": 2**64 - 1}]
    assert vk.RouteTable.build(table, key="id").route("2020-01-01")["big"] == 2**64 - 1
    path.write_text('{"id": 1, "big": 1.5}\n{"id": 2, "big": 18446744073709551615}\n')
    with pytest.raises(SourceError, match="row 2, field 'big': the integer 18446744073709551615 would be rounded"):
        read_table(str(path))


def test_json_keys_stay_what_they_are(tmp_path):
    (tmp_path / "in.ndjson").write_text('{"id": "007", "x": {"a": [1, 2]}}\n{"id": "8", "late": 1.5}\n')
    table = read_table(str(tmp_path / "in.ndjson"))
    assert table.to_pylist() == [
        {"id": "007", "x": {"a": [1, 2]}, "late": None},
        {"id": "8", "x": None, "late": 1.5},
    ]


def truncated(data):
    return data[: len(data) // 2]


BAD = {
    "empty.csv": b"",
    "empty.parquet": b"",
    "empty.arrow": b"",
    "empty.ndjson": b"",
    "blank.csv": b"\n\n\n",
    "blank.ndjson": b"\n\n",
    "binary.csv": b"\x00\x01\x02\x03",
    "utf16.csv": "id\n1\n".encode("utf-16"),
    "latin.csv": b"id,v\n1,caf\xe9\n",
    "latin.ndjson": b'{"id": 1, "v": "caf\xe9"}\n',
    "ragged.csv": b"id,v\n1,2\n3\n",
    "open.csv": b'"id,v\n1,2\n',
    "twice.csv": b"id,v,id\n1,2,3\n",
    "text.parquet": b"id\n1\n",
    "text.arrow": b"id\n1\n",
    "text.csv.gz": b"id\n1\n",
    "cut.csv.gz": truncated(gzip.compress(b"id\n" + b"".join(b"%d\n" % (i * i) for i in range(9999)))),
    "broken.ndjson": b'{"id": 1}\n{"id": \n',
    "list.ndjson": b"[1, 2]\n",
    "mixed.ndjson": b'{"id": 1}\n{"id": "x"}\n',
    "feather1.feather": b"FEA1" + b"\0" * 60,
}


@pytest.mark.parametrize("name", BAD)
def test_files_that_cannot_be_read(name, tmp_path):
    path = tmp_path / name
    path.write_bytes(BAD[name])
    table = vk.IdTable.build([1, 2])
    with pytest.raises(SourceError) as caught:
        read_table(str(path))
    assert name in str(caught.value)
    assert caught.value.hint
    assert "\n" not in str(caught.value)
    # To a table of integers, the one value of another type is a bad key.
    with pytest.raises(KeyTypeError if name == "mixed.ndjson" else SourceError):
        route_file(str(path), table, str(tmp_path / "out.csv"), key="id")
    assert sorted(entry.name for entry in tmp_path.iterdir()) == [name]


@pytest.mark.parametrize("suffix", ["parquet", "arrow", "arrows"])
def test_truncated_files(suffix, tmp_path):
    source = tmp_path / "whole.csv"
    source.write_text("id\n" + "\n".join(map(str, range(5000))))
    path = tmp_path / f"cut.{suffix}"
    table = vk.IdTable.build([1, 2])
    route_file(str(source), table, str(path))
    path.write_bytes(truncated(path.read_bytes()))
    with pytest.raises(SourceError, match=r"cut.*\. Check that the file is whole"):
        route_file(str(path), table, str(tmp_path / "out.parquet"))
    assert not (tmp_path / "out.parquet").exists()


def test_missing_files_and_directories(tmp_path):
    with pytest.raises(SourceError, match=r"nothing\.csv.*[Nn]o such file") as caught:
        read_table(str(tmp_path / "nothing.csv"))
    assert caught.value.errno == 2
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(SourceError, match="directory"):
        read_table(str(tmp_path / "folder.csv"))
    (tmp_path / "folder.parquet").mkdir()
    with pytest.raises(SourceError, match="directory"):
        read_table(str(tmp_path / "folder.parquet"))


def test_formats_that_cannot_be_told(tmp_path):
    (tmp_path / "keys.dat").write_text("id\n1\n")
    with pytest.raises(ArgumentError, match=r"keys\.dat.*\.csv"):
        read_table(str(tmp_path / "keys.dat"))
    assert read_table(str(tmp_path / "keys.dat"), options=ReadOptions(format="csv"))["id"].to_pylist() == [1]
    with pytest.raises(ArgumentError, match="unknown format 'xls'"):
        read_table(str(tmp_path / "keys.dat"), options=ReadOptions(format="xls"))
    with pytest.raises(ArgumentError, match="compressed from outside"):
        read_table(str(tmp_path / "keys.parquet.gz"))
    with pytest.raises(ArgumentError, match="standard stream"):
        read_table("-")


def damaged_arrow(tmp_path, suffix):
    """A file whose second batch has an offset far outside its text; the file itself is whole."""
    offsets = np.array([0, 5, 10], np.int32)
    batch = pa.record_batch({"id": [1, 2], "name": pa.array(["first", "other"])})
    path = tmp_path / f"in.{suffix}"
    make = ipc.new_file if suffix == "arrow" else ipc.new_stream
    with make(path, batch.schema) as writer:
        writer.write_batch(batch)
        writer.write_batch(batch)
    data = path.read_bytes()
    at = data.rindex(offsets.tobytes()) + 4
    path.write_bytes(data[:at] + (1 << 30).to_bytes(4, "little") + data[at + 4 :])
    return str(path)


@pytest.mark.parametrize("out", ["csv", "ndjson", "parquet", "arrow"])
@pytest.mark.parametrize("suffix", ["arrow", "arrows"])
def test_damaged_batches_never_reach_a_writer(suffix, out, tmp_path):
    table = vk.IdTable.build([1, 2])
    path = damaged_arrow(tmp_path, suffix)
    with pytest.raises(SourceError, match=r"cannot read .*in\.arrow.*offset"):
        route_file(path, table, str(tmp_path / f"out.{out}"))
    with pytest.raises(SourceError, match=r"cannot read .*in\.arrow.*offset"):
        read_table(path)
    assert [entry.name for entry in tmp_path.iterdir()] == [f"in.{suffix}"]


def test_a_damaged_column_name_is_an_error_of_the_file(tmp_path):
    path = tmp_path / "in.arrow"
    with ipc.new_file(path, pa.schema([("number", pa.int64())])) as writer:
        writer.write_batch(pa.record_batch({"number": [1]}))
    path.write_bytes(path.read_bytes().replace(b"number", b"numbe\xff"))
    with pytest.raises(SourceError, match="cannot read"):
        read_table(str(path))


def test_the_arrow_file_that_was_opened_is_the_one_that_is_read(tmp_path, monkeypatch):
    """Between the look at its first bytes and the read, the name may come to mean another file."""
    path = tmp_path / "in.arrow"
    with ipc.new_file(path, pa.schema([("id", pa.int64())])) as writer:
        writer.write_batch(pa.record_batch({"id": [1, 2]}))
    opened = ipc.open_file

    def replaced_meanwhile(source):
        (tmp_path / "other").write_text("something else")
        (tmp_path / "other").replace(path)
        return opened(source)

    monkeypatch.setattr(ipc, "open_file", replaced_meanwhile)
    monkeypatch.setattr(pa, "memory_map", None)
    assert read_table(str(path)).column("id").to_pylist() == [1, 2]


def test_arrow_from_a_named_pipe(tmp_path):
    pipe = tmp_path / "in.arrows"
    os.mkfifo(pipe)

    def feed():
        with open(pipe, "wb") as file, ipc.new_stream(file, pa.schema([("id", pa.int64())])) as writer:
            writer.write_batch(pa.record_batch({"id": [1, 2]}))

    feeder = threading.Thread(target=feed)
    feeder.start()
    assert read_table(str(pipe)).column("id").to_pylist() == [1, 2]
    feeder.join()
