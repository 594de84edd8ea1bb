"""Arguments and options that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

from valkyrie.interop import ReadOptions

__all__ = ["Columns", "Format", "Header", "Json", "Nulls", "TableFile", "Threads", "names", "read_options"]

TableFile = Annotated[str, typer.Argument(metavar="TABLE.vks", help="A table written by `build`.", show_default=False)]
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
Threads = Annotated[int, typer.Option("--threads", min=0, help="Threads; 0 is all this process may use.")]


def names(columns: str | None) -> list[str] | None:
    """Split ``a,b``; None stays None."""
    return None if columns is None else [name.strip() for name in columns.split(",") if name.strip()]


def read_options(form: str | None, header: bool, nulls: list[str] | None, text: bool = False) -> ReadOptions:
    """How a source is read."""
    return ReadOptions(format=form, header=header, nulls=tuple(nulls or ()), text=text)
