"""The source keeps its own rules: types, lint, layers, sizes, names, and what an import may cost."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import valkyrie as vk

CHECKOUT = Path(__file__).resolve().parents[2]
MODULES = sorted(CHECKOUT.glob("valkyrie/**/*.py"))
SCRIPTS = [path for top in ("valkyrie", "tests", "asv_benchmarks", "notebooks") for path in CHECKOUT.glob(f"{top}/**/*.py")]
STUBS = sorted(CHECKOUT.glob("valkyrie/_native/*.pyi"))
HEAVY = ("numba", "pandas", "pyarrow", "polars", "scipy", "pydantic", "matplotlib", "asyncio", "typer", "rich", "tqdm", "logging")
VAGUE = re.compile(r"^(utils?|helpers?|common|misc|core|base)$|^(Enhanced|HighPerformance|Fast)|(Impl|Base|Helper|Util)$")


def relative(path: Path) -> str:
    return path.relative_to(CHECKOUT).as_posix()


def run(*command: str) -> subprocess.CompletedProcess[str]:
    bin_folder = str(Path(sys.executable).parent)
    environment = os.environ | {"PATH": bin_folder + os.pathsep + os.environ.get("PATH", ""), "NO_COLOR": "1"}
    environment["PYTHONPATH"] = os.pathsep.join([str(CHECKOUT), *filter(None, [os.environ.get("PYTHONPATH")])])
    return subprocess.run(command, cwd=CHECKOUT, env=environment, capture_output=True, text=True, check=False)


def assert_clean(*command: str) -> None:
    done = run(*command)
    assert done.returncode == 0, done.stdout + done.stderr


def test_ruff_finds_nothing() -> None:
    assert_clean("ruff", "check", "--no-cache", ".")


def test_mypy_finds_nothing() -> None:
    assert_clean("mypy")


def test_stubs_agree_with_the_compiled_modules() -> None:
    modules = [f"valkyrie._native.{path.stem}" for path in STUBS]
    assert {f"_ext/{path.stem}.pyx" for path in STUBS} == {
        relative(path) for path in CHECKOUT.glob("_ext/*.pyx") if not path.stem.endswith(("_v3", "_v4"))
    }
    options = ["--mypy-config-file", "pyproject.toml", "--allowlist", "tests/unit/stubtest_allowlist.txt"]
    assert_clean(sys.executable, "-m", "mypy.stubtest", *modules, *options)


def test_imports_point_down() -> None:
    assert_clean("lint-imports", "--no-cache")


def test_cython_lint_finds_nothing() -> None:
    assert_clean("cython-lint", "_ext")


def test_versions_agree() -> None:
    metadata = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())
    assert metadata["project"]["version"] == vk.__version__
    assert f"## {vk.__version__}" in (CHECKOUT / "CHANGELOG.md").read_text()


def test_import_loads_no_heavy_library() -> None:
    done = run(sys.executable, "-c", "import sys, valkyrie; print(*sys.modules)")
    assert done.returncode == 0, done.stderr
    assert set(HEAVY) & set(done.stdout.split()) == set()


def test_tables_work_without_heavy_libraries(tmp_path: Path) -> None:
    code = """
import sys
import numpy as np
import valkyrie as vk

table = vk.RouteTable.build({"id": np.arange(10) * 977, "host": ["a", "b"] * 5})
assert table.route_many([977, 5], "host") == ["b", None]
table.save(sys.argv[1])
assert vk.load(sys.argv[1]).route(977) == {"host": "b"}
print(*sys.modules)
"""
    done = run(sys.executable, "-c", code, str(tmp_path / "table.vks"))
    assert done.returncode == 0, done.stderr
    assert set(HEAVY) & set(done.stdout.split()) == set()


def test_only_the_door_imports_compiled_modules() -> None:
    compiled = {f"valkyrie._native.{path.stem}" for path in STUBS}
    offenders = []
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            if path.parent.name != "_native" and not compiled.isdisjoint(names):
                offenders.append((relative(path), node.lineno))
    assert offenders == []


def test_package_modules_only_export() -> None:
    """Docstring, imports, and assignments of what they export."""
    offenders = []
    for path in (path for path in MODULES if path.name == "__init__.py"):
        for node in ast.parse(path.read_text()).body:
            is_docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
            is_choice = isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
            if not (is_docstring or is_choice or isinstance(node, ast.Import | ast.ImportFrom | ast.Assign)):
                offenders.append((relative(path), node.lineno))
    assert offenders == []


def test_files_are_short() -> None:
    lengths = {relative(path): len(path.read_text().splitlines()) for path in SCRIPTS}
    lengths |= {relative(path): len(path.read_text().splitlines()) for path in CHECKOUT.glob("_ext/*.p*")}
    assert {name: n for name, n in lengths.items() if n > (500 if name.endswith(".py") else 400)} == {}
    ours = sorted(n for name, n in lengths.items() if name.startswith("valkyrie/"))
    assert ours[len(ours) // 2] < 200


def test_names_say_what_things_are() -> None:
    names = {path.stem for path in SCRIPTS} | {path.parent.name for path in SCRIPTS}
    for path in SCRIPTS:
        names |= {node.name for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ClassDef)}
    assert {name for name in names if VAGUE.search(name)} == set()


def test_public_things_are_documented() -> None:
    offenders = []
    for path in MODULES:
        tree = ast.parse(path.read_text())
        public = [node for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name[0] != "_"]
        offenders += [f"{relative(path)}: {getattr(node, 'name', '')}" for node in [tree, *public] if not ast.get_docstring(node)]
    assert offenders == []
