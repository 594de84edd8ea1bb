"""Every error of containers, files and the command line says what to do about it."""

import ast
from pathlib import Path

import pytest

import valkyrie.errors as errors

PACKAGE = Path(errors.__file__).parent
RAISED = {*errors.__all__, "PermissionSourceError", "SourceNotFoundError"}
MODULES = sorted(path for room in ("arrays", "interop", "cli", "vks") for path in (PACKAGE / room).glob("*.py"))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: f"{path.parent.name}.{path.stem}")
def test_errors_carry_a_hint(path):
    calls = [node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Call)]
    made = [call for call in calls if isinstance(call.func, ast.Name) and call.func.id in RAISED]
    assert [call.lineno for call in made if not any(keyword.arg == "hint" for keyword in call.keywords)] == []
