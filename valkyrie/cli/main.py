"""The entry point: runs the commands, or says how to install what they need."""

from __future__ import annotations

import sys
import traceback

from valkyrie.cli.exit_codes import ExitCode

__all__ = ["main"]

INSTALL = 'pip install "valkyrie-routing[cli]"'


def main() -> int:
    """Run the command line on ``sys.argv``; return the exit code (``valkyrie --help`` lists them)."""
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
    except Exception:
        # Python would end with 1, which says that a key is not in the table.
        traceback.print_exc()
        return ExitCode.FAULT
