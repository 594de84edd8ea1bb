"""Every CPU level this machine has builds the same tables and gives the same answers, and each can be asked for."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from valkyrie._native import cpu_level, cpu_levels

CHECKOUT = Path(__file__).resolve().parents[2]


def run(level: str, *command: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"VALKYRIE_CPU": level}
    return subprocess.run(
        [sys.executable, *command], cwd=CHECKOUT, env=environment, capture_output=True, text=True, timeout=300, check=False
    )


def test_levels_give_the_same_tables_and_answers() -> None:
    assert cpu_levels()[0] == "default"
    digests = {}
    for level in cpu_levels():
        done = run(level, "-m", "tests.digest_of_answers")
        assert done.returncode == 0, done.stderr
        name, digest = done.stdout.split()
        assert name == level
        digests[level] = digest
    assert len(set(digests.values())) == 1, digests


def test_the_best_level_is_used_unless_another_is_asked_for() -> None:
    done = run("", "-c", "from valkyrie._native import cpu_level; print(cpu_level())")
    assert done.stdout.split() == [cpu_levels()[-1]], done.stderr
    if "VALKYRIE_CPU" not in os.environ:
        assert cpu_level() == cpu_levels()[-1]


@pytest.mark.parametrize("level", ["v9", "V3", "native"])
def test_a_level_that_does_not_exist_is_refused(level: str) -> None:
    for make in ("vk.IdTable.build([1])", "vk.PrefixTable.build(['a'])"):
        done = run(level, "-c", f"import valkyrie as vk; {make}")
        assert done.returncode != 0
        assert f"VALKYRIE_CPU asks for {level!r}" in done.stderr
        assert "use one of default" in done.stderr


def test_on_the_command_line_a_level_that_does_not_exist_is_called_wrongly(tmp_path: Path) -> None:
    (tmp_path / "ids.csv").write_text("id\n1\n2\n")
    for name in ("good", "v9"):
        level = "" if name == "good" else name
        done = run(level, "-m", "valkyrie.cli", "build", str(tmp_path / "ids.csv"), str(tmp_path / f"{name}.vks"))
        assert done.returncode == (0 if name == "good" else 2), done.stderr
    assert done.stderr.splitlines() == [
        "valkyrie: the environment variable VALKYRIE_CPU asks for 'v9', which this CPU or this build does not have",
        f"  use one of {', '.join(cpu_levels())}, or unset it",
    ]
    done = run("v9", "-m", "valkyrie.cli", "get", str(tmp_path / "good.vks"), "1")
    assert (done.returncode, "Traceback" in done.stderr) == (2, False)
