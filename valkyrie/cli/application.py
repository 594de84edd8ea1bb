"""The ``typer`` application: the commands, and the text of ``valkyrie --help``."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from typing import Annotated, Any

import typer

from valkyrie.cli import bench, build, demo, diff, get, route, snapshot, table_file
from valkyrie.cli.exit_codes import MEANINGS, ExitCode
from valkyrie.cli.reporting import command

__all__ = ["app", "run"]

EPILOG = "Exit codes:\n\n" + "\n".join(f"{code.value:3d}  {meaning}" for code, meaning in MEANINGS.items())

app = typer.Typer(
    name="valkyrie",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=EPILOG,
)
COMMANDS: dict[str, Any] = {
    "build": build.build,
    "route": route.route,
    "get": get.get,
    "enumerate": table_file.enumerate_prefixes,
    "info": table_file.info,
    "verify": table_file.verify,
    "warm-up": table_file.warm_up,
    "diff": diff.diff,
    "bench": bench.bench,
    "demo": demo.demo,
}
SNAPSHOT_COMMANDS: dict[str, Any] = {"history": snapshot.history, "rollback": snapshot.rollback}
snapshots = typer.Typer(no_args_is_help=True, help="Look at, and set back, a directory that snapshots are published to.")
for name, function in COMMANDS.items():
    app.command(name)(command(function))
for name, function in SNAPSHOT_COMMANDS.items():
    snapshots.command(name)(command(function))
app.add_typer(snapshots, name="snapshot")


def _print_version(wanted: bool) -> None:
    if wanted:
        try:
            typer.echo(f"valkyrie {version('valkyrie-routing')}")
        except PackageNotFoundError:
            typer.echo("valkyrie (not installed, run from its source)")
        raise typer.Exit


@app.callback()
def _top(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None:
    """Route arrays of ids: a table from a file, a column of keys through it.

    A table file ends in .vks. Files of keys are CSV, TSV (also .gz, .zst),
    Parquet, Arrow or NDJSON, told by their extension; - is standard input or
    output. Every command takes --json.
    """


def run() -> int:
    """Run the application; return the exit code."""
    try:
        app(prog_name="valkyrie")
    except SystemExit as done:
        if isinstance(done.code, ExitCode) or done.code != 1:
            return done.code if isinstance(done.code, int) else ExitCode.OK
        # Our own 1 is an ExitCode; this one is what rich and click say of a reader that went away.
        return ExitCode.BROKEN_PIPE
    return ExitCode.OK
