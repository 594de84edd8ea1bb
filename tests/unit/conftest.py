"""What tests of the command line share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from typer.testing import CliRunner

from valkyrie.cli.application import app


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Run a command in this process and check its exit code."""
    monkeypatch.setenv("COLUMNS", "160")

    def run(*arguments: object, code: int = 0, given: Any = None) -> Any:
        result = CliRunner().invoke(app, [str(argument) for argument in arguments], input=given)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == code, result.output
        assert "Traceback" not in result.output
        return result

    return run
