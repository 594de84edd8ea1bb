"""Whatever goes wrong while a file is routed: the output is the old file or none, and nothing lies beside it."""

import errno
import itertools
import os
import signal
import stat
import subprocess
import sys
import textwrap
import uuid

import numpy as np
import pyarrow as pa
import pyarrow.parquet as parquet
import pytest

import valkyrie as vk
from valkyrie.errors import KeyTypeError, MissingExtraError, SourceError
from valkyrie.interop import route_file
from valkyrie.interop.atomic_output import atomic_output

OUTPUTS = ["csv", "csv.gz", "parquet", "arrow", "arrows", "ndjson", "ndjson.zst"]


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "in.csv"
    path.write_text("id,v\n" + "".join(f"{i},{i / 3}\n" for i in range(5_000)))
    return str(path)


@pytest.fixture(scope="module")
def table():
    return vk.IdTable.build(np.arange(3_000))


def names(folder):
    return sorted(entry.name for entry in folder.iterdir())


@pytest.mark.parametrize("suffix", OUTPUTS)
@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError, SystemExit])
def test_interrupted_between_batches(suffix, error, source, table, tmp_path):
    out = tmp_path / f"out.{suffix}"

    def progress(rows, share):
        # The temporary file is there by now, under a name of its own.
        assert not out.exists()
        assert len(names(tmp_path)) == 2
        if rows >= 2_000:
            raise error

    with pytest.raises(error):
        route_file(source, table, str(out), batch_rows=500, progress=progress)
    assert names(tmp_path) == ["in.csv"]
    out.write_text("old")
    with pytest.raises(error):
        route_file(source, table, str(out), batch_rows=500, progress=lambda *_: (_ for _ in ()).throw(error))
    assert out.read_text() == "old"
    assert names(tmp_path) == ["in.csv", out.name]


@pytest.mark.parametrize("call", ["fsync", "replace", "fchmod"])
def test_the_system_refuses_at_the_end(call, source, table, tmp_path, monkeypatch):
    out = tmp_path / "out.parquet"
    out.write_text("old")

    def refuse(*args, **kwargs):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, call, refuse)
    with pytest.raises(SourceError, match=r"cannot write .*out\.parquet': Input/output error.*before is unchanged"):
        route_file(source, table, str(out))
    assert out.read_text() == "old"
    assert names(tmp_path) == ["in.csv", "out.parquet"]


def test_malformed_rows_late_in_the_file(table, tmp_path):
    path = tmp_path / "in.csv"
    path.write_text("id,v\n" + "1,1\n" * 1_500_000 + "1,2,3\n")
    with pytest.raises(SourceError, match="Expected 2 columns, got 3"):
        route_file(str(path), table, str(tmp_path / "out.csv"))
    assert names(tmp_path) == ["in.csv"]


def test_values_that_leave_the_type_of_the_first_rows(table, tmp_path):
    path = tmp_path / "in.csv"
    path.write_text("id,v\n" + "1,1\n" * 1_500_000 + "1,x\n")
    with pytest.raises(SourceError, match=r"invalid value 'x'.*--text"):
        route_file(str(path), table, str(tmp_path / "out.parquet"))
    assert names(tmp_path) == ["in.csv"]
    assert route_file(str(path), table, str(tmp_path / "out.csv")).rows == 1_500_001


def test_outputs_that_cannot_be(source, table, tmp_path):
    with pytest.raises(SourceError, match=r"No such file or directory") as caught:
        route_file(source, table, str(tmp_path / "nowhere" / "out.csv"))
    assert caught.value.errno == 2
    assert isinstance(caught.value, FileNotFoundError)
    with pytest.raises(FileNotFoundError, match=r"cannot read .*nowhere"):
        route_file(str(tmp_path / "nowhere.csv"), table, str(tmp_path / "out.csv"))
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(SourceError, match="directory"):
        route_file(source, table, str(tmp_path / "folder.csv"))
    assert names(tmp_path) == ["folder.csv", "in.csv"]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs the device that is always full")
@pytest.mark.parametrize("form", ["csv", "parquet", "arrow", "ndjson"])
def test_device_full(form, source, table):
    with pytest.raises(SourceError, match=r"cannot write '/dev/full': No space left on device") as caught:
        route_file(source, table, "/dev/full", out_format=form)
    assert caught.value.errno == 28


def test_disk_full(source, tmp_path):
    """The size limit of a process is the nearest thing to a full disk that needs no file system of its own."""
    script = textwrap.dedent("""
        import resource, signal, sys
        import numpy as np, valkyrie as vk
        from valkyrie.errors import SourceError
        from valkyrie.interop import route_file
        table = vk.IdTable.build(np.arange(3_000))
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4_000, 4_000))
        for out in sys.argv[2:]:
            try:
                route_file(sys.argv[1], table, out)
            except SourceError as error:
                print(error.errno, error.data["path"])
    """)
    outs = [tmp_path / f"out.{suffix}" for suffix in OUTPUTS]
    for out in outs:
        out.write_text("old")
    command = [sys.executable, "-c", script, source, *map(str, outs)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert done.stdout.splitlines() == [f"27 {out}" for out in outs]
    assert names(tmp_path) == sorted(["in.csv", *(out.name for out in outs)])
    assert {out.read_text() for out in outs} == {"old"}


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_killed_in_the_middle(number, source, tmp_path):
    """After SIGKILL a temporary file stays behind until the next write; the name of the output still holds the old file."""
    script = textwrap.dedent("""
        import os, sys
        import numpy as np, valkyrie as vk
        from valkyrie.interop import route_file
        table = vk.IdTable.build(np.arange(3_000))
        route_file(sys.argv[1], table, sys.argv[2], batch_rows=500,
                   progress=lambda rows, share: os.kill(os.getpid(), int(sys.argv[3])))
    """)
    out = tmp_path / "out.parquet"
    out.write_text("old")
    done = subprocess.run([sys.executable, "-c", script, source, str(out), str(int(number))], capture_output=True, check=False)
    assert done.returncode in (-number, 1)
    assert out.read_text() == "old"
    left = [name for name in names(tmp_path) if name not in ("in.csv", "out.parquet")]
    assert len(left) == (1 if number == signal.SIGKILL else 0)
    assert all(name.startswith(".vks-") and name.endswith(".tmp") for name in left)
    route_file(source, vk.IdTable.build(np.arange(3_000)), str(out))
    assert names(tmp_path) == ["in.csv", "out.parquet"]


@pytest.mark.parametrize("number", [errno.EIO, errno.EINVAL])
def test_a_rename_that_could_not_be_made_durable(number, source, table, tmp_path, monkeypatch):
    out = tmp_path / "out.csv"
    sync = os.fsync

    def refuse_directories(fd):
        if stat.S_ISDIR(os.fstat(fd).st_mode):
            raise OSError(number, os.strerror(number))
        sync(fd)

    monkeypatch.setattr(os, "fsync", refuse_directories)
    if number == errno.EINVAL:
        # What file systems say that cannot do it at all.
        assert route_file(source, table, str(out)).rows == 5_000
    else:
        with pytest.raises(SourceError, match="The new file is in place"):
            route_file(source, table, str(out))
    assert names(tmp_path) == ["in.csv", "out.csv"]
    assert len(out.read_text().splitlines()) == 5_001


def test_a_broken_pipe_within_is_not_an_error_of_the_file(source, table, tmp_path):
    def progress(rows, share):
        raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        route_file(source, table, str(tmp_path / "out.csv"), progress=progress)
    assert names(tmp_path) == ["in.csv"]


def test_permissions(source, table, tmp_path):
    if os.geteuid() == 0:
        # Root may write anywhere but into what the kernel itself guards.
        with pytest.raises(SourceError) as caught:
            route_file(source, table, "/proc/version", out_format="csv")
        assert caught.value.errno is not None
        return
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o500)
    with pytest.raises(PermissionError, match="Permission denied"):
        route_file(source, table, str(closed / "out.csv"))


def test_an_output_is_whole_and_has_the_usual_mode(tmp_path):
    with atomic_output(str(tmp_path / "out")) as file:
        file.write(b"x" * 100_000)
    assert (tmp_path / "out").stat().st_size == 100_000
    mask = os.umask(0)
    os.umask(mask)
    assert (tmp_path / "out").stat().st_mode & 0o777 == 0o666 & ~mask


def test_named_pipes_are_written_directly(source, table, tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = subprocess.Popen(["cat", str(pipe)], stdout=subprocess.PIPE)
    done = route_file(source, table, str(pipe), out_format="parquet")
    data, _ = reader.communicate(timeout=30)
    (tmp_path / "copy.parquet").write_bytes(data)
    assert parquet.read_table(tmp_path / "copy.parquet").num_rows == done.rows == 5_000


def test_without_pyarrow_the_install_line(source, table, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtraError, match=r'pip install "valkyrie-routing\[arrow\]"'):
        route_file(source, table, str(tmp_path / "out.csv"))


@pytest.mark.parametrize("kinds", list(itertools.product(["int", "bytes", "b16"], [pa.float64(), pa.bool_(), pa.date32()])))
def test_columns_that_are_no_keys_are_refused(kinds, tmp_path):
    kind, type_ = kinds
    table = vk.IdTable.build({"int": [1], "bytes": ["a"], "b16": [uuid.UUID(int=1)]}[kind])
    parquet.write_table(pa.table({"id": pa.array([None], type_)}), tmp_path / "in.parquet")
    parquet.write_table(pa.table({"id": pa.array([1], pa.int32()).cast(type_)}), tmp_path / "in.parquet")
    with pytest.raises(KeyTypeError):
        route_file(str(tmp_path / "in.parquet"), table, str(tmp_path / "out.parquet"))
    assert not (tmp_path / "out.parquet").exists()
