"""Arguments and options that several commands share."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import Annotated

import typer

from valkyrie.errors import ArgumentError
from valkyrie.interop import ReadOptions

__all__ = [
    "Columns",
    "Format",
    "Header",
    "Json",
    "Nulls",
    "TableFile",
    "TableName",
    "Text",
    "Threads",
    "names",
    "read_options",
    "require_other_file",
]

TableFile = Annotated[str, typer.Argument(metavar="TABLE.vks", help="A table written by `build`.", show_default=False)]
TableName = Annotated[
    str | None, typer.Option("--table", metavar="NAME", help="The table of a snapshot; default all.", show_default=False)
]
Json = Annotated[bool, typer.Option("--json", help="One JSON document on standard output, nothing else.")]
Columns = Annotated[
    str | None,
    typer.Option("--columns", metavar="A,B", help="Payload columns, separated by commas; default all.", show_default=False),
]
Format = Annotated[
    str | None,
    typer.Option("--format", metavar="NAME", help="Format of the input: csv, tsv, parquet, arrow, ndjson.", show_default=False),
]
Header = Annotated[
    bool,
    typer.Option("--header/--no-header", help="CSV: the first line names the columns (else column_1, column_2...)."),
]
Nulls = Annotated[
    list[str] | None,
    typer.Option("--null", metavar="TEXT", help="CSV: a text that means null, as NA; may be repeated.", show_default=False),
]
Text = Annotated[bool, typer.Option("--text", help="CSV: leave every column but the key as it is written.")]
Threads = Annotated[int, typer.Option("--threads", min=0, help="Threads; 0 is all this process may use.")]


def names(columns: str | None) -> list[str] | None:
    """Split ``a,b``; None stays None."""
    return None if columns is None else [name.strip() for name in columns.split(",") if name.strip()]


def read_options(form: str | None, header: bool, nulls: list[str] | None, text: bool = False) -> ReadOptions:
    """How a source is read."""
    return ReadOptions(format=form, header=header, nulls=tuple(nulls or ()), text=text)


def require_other_file(out: str, argument: str, path: str) -> None:
    """Refuse to write over a file that the command reads.

    Raises
    ------
    ArgumentError
        `out` is `path`, under whatever name.
    """
    with suppress(OSError):
        if os.path.isfile(out) and os.path.samefile(out, path):
            raise ArgumentError(f"the output {out!r} is the {argument} itself", hint="Name another file for the output")
