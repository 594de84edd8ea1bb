"""What the README shows works as shown: its Python, its command line, its two commands."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

import valkyrie as vk

CHECKOUT = Path(__file__).resolve().parents[2]
README = (CHECKOUT / "README.md").read_text()
DOCUMENTS = ("README.md", "CONTRIBUTING.md", "RELIABILITY.md", "tests/long/README.md")
PYTHON = re.findall(r"^```python\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)
SHELL = re.findall(r"^```sh\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("block", PYTHON, ids=lambda block: block.splitlines()[-1].split("(")[0].strip())
def test_python_block_runs(block: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    exec(compile(block, "README.md", "exec"), {"__name__": "readme"})


def test_two_commands_install_and_run() -> None:
    demo, tests = (block.strip() for block in README.split("## Two commands")[1].split("\n## ")[0].split("```sh")[1:])
    for command in (demo, tests):
        assert command.split("```")[0].startswith("python3 -m venv .venv && .venv/bin/pip install ")
    assert demo.split("```")[0].strip().endswith('".[demo]" && .venv/bin/valkyrie demo')
    assert tests.split("```")[0].strip().endswith('-e ".[test]" && .venv/bin/python -m pytest -n 2')


def test_continuous_integration_runs_the_test_command_of_the_readme() -> None:
    script = (CHECKOUT / ".ci/run").read_text()
    found = re.search(r"^command=\$\(grep -m1 -F '(.*)' README\.md\)$", script, re.MULTILINE)
    assert found
    assert [line for line in README.splitlines() if found[1] in line] == [SHELL[1].strip()]
    assert '\nbash -ec "$command"' in script


def run_block(block: str, directory: Path) -> None:
    commands = [line for line in block.splitlines() if line]
    assert all(command.startswith("valkyrie ") for command in commands)
    code = f"import sys; sys.path.insert(0, {str(CHECKOUT)!r}); from valkyrie.cli import main; sys.exit(main())"
    for command in commands:
        words = [sys.executable, "-c", code, *shlex.split(command)[1:]]
        done = subprocess.run(words, cwd=directory, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"


def test_command_line_block_of_prefixes_runs(tmp_path: Path) -> None:
    (tmp_path / "networks.csv").write_text("net,owner\n10.0.0.0/8,us\n10.1.0.0/16,them\n2001:db8::/32,books\n")
    (tmp_path / "requests.csv").write_text("ip\n10.1.2.3\n2001:db8::1\n8.8.8.8\n")
    run_block(SHELL[3], tmp_path)
    assert (tmp_path / "enriched.csv").read_text().replace('"', "") == "ip,owner\n10.1.2.3,them\n2001:db8::1,books\n8.8.8.8,\n"


def test_command_line_block_runs(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    from valkyrie.cli import flights

    pq.write_table(pa.Table.from_pandas(flights.aircraft()), tmp_path / "planes.parquet")
    pq.write_table(pa.Table.from_pandas(flights.flights().head(5_000)), tmp_path / "flights.parquet")
    run_block(SHELL[2], tmp_path)
    routed = pq.read_table(tmp_path / "routed.parquet")
    assert {"tailnum", "model", "seats"} <= set(routed.column_names)
    assert routed.num_rows == 5_000
    planes = vk.load(tmp_path / "planes.vks")
    assert isinstance(planes, vk.RouteTable)
    assert routed["seats"].to_pylist() == planes.route_many(routed["tailnum"], "seats").to_pylist()
    assert 0 < routed["seats"].null_count < 5_000


@pytest.mark.parametrize("name", DOCUMENTS)
def test_links_lead_somewhere(name: str) -> None:
    document = CHECKOUT / name
    for target in re.findall(r"\]\(([^)#:]+)\)", document.read_text()):
        assert (document.parent / target).exists(), target
    for target in re.findall(r"`((?:tests|notebooks|asv_benchmarks|valkyrie|_ext)/[\w./]*)`", document.read_text()):
        assert (CHECKOUT / target).exists(), target
