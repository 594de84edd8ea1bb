"""The entry point: runs the commands, or says how to install what they need."""

from __future__ import annotations

import os
import sys
import traceback
from typing import NoReturn

from valkyrie.cli.exit_codes import ExitCode
from valkyrie.cli.process import end, end_on_sigterm, streams_are_open

__all__ = ["main"]

INSTALL = 'pip install "valkyrie-routing[cli]"'


def main() -> NoReturn:
    """Run the command line on ``sys.argv`` and end the process with its exit code (``valkyrie --help`` lists them)."""
    if not streams_are_open():
        os._exit(ExitCode.SYSTEM)
    end_on_sigterm()
    end(_run())


def _run() -> int:
    try:
        import rich
        import typer
    except ImportError as error:
        print(f"valkyrie: the command line needs {error.name}", INSTALL, sep="\n", file=sys.stderr)
        return ExitCode.MISSING_EXTRA
    del rich, typer
    try:
        from valkyrie.cli.application import run

        return run()
    except OSError as error:
        # Outside a command: the help could not be written.
        print(f"valkyrie: {error}", file=sys.stderr)
        return ExitCode.SYSTEM
    except Exception:
        # Python would end with 1, which says that a key is not in the table.
        traceback.print_exc()
        return ExitCode.FAULT
