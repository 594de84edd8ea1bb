"""``valkyrie route``: a file of keys through a table, as a stream."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Literal

import typer

from valkyrie.cli.opening import open_table
from valkyrie.cli.options import (
    Columns,
    Format,
    Header,
    Json,
    Nulls,
    TableFile,
    Text,
    Threads,
    names,
    read_options,
    require_other_file,
)
from valkyrie.cli.progress import progress_bar
from valkyrie.cli.reporting import emit_json, facts
from valkyrie.errors import ArgumentError
from valkyrie.interop import route_file

__all__ = ["route"]


def route(
    table: TableFile,
    source: Annotated[
        str, typer.Argument(metavar="IDS", help="File with a column of keys; - is standard input.", show_default=False)
    ],
    out: Annotated[
        str,
        typer.Argument(
            metavar="OUT",
            help="File to write: Parquet, CSV, Arrow or NDJSON; - is standard output.",
            show_default=False,
        ),
    ],
    key: Annotated[
        str | None,
        typer.Option(
            "--key",
            metavar="NAME",
            help="Column of keys; default the table's own, or the only one.",
            show_default=False,
        ),
    ] = None,
    columns: Columns = None,
    only: Annotated[bool, typer.Option("--only", help="Write the key and the routed columns only.")] = False,
    errors: Annotated[
        Literal["raise", "coerce"], typer.Option("--errors", help="Text that is no key: an error, or a missing key.")
    ] = "raise",
    threads: Threads = 1,
    form: Format = None,
    out_format: Annotated[
        str | None,
        typer.Option("--out-format", metavar="NAME", help="Format of the output; default by extension.", show_default=False),
    ] = None,
    header: Header = True,
    null: Nulls = None,
    text: Text = False,
    batch_rows: Annotated[int, typer.Option("--batch-rows", min=1, help="Most rows held at once.")] = 1 << 19,
    as_json: Json = False,
) -> None:
    """Route a file: every row of it, with what its key maps to.

    A key that is not in the table gets empty values. The file is read as a
    stream, so it may be larger than memory; OUT appears when it is whole. A
    column that IDS has already is written as NAME_routed.
    """
    if as_json and out == "-":
        raise ArgumentError("--json and the rows cannot both go to standard output", hint="Name a file for the output")
    require_other_file(out, "table", table)
    require_other_file(out, "input", source)
    opened = open_table(table)
    with progress_bar("route") as progress:
        done = route_file(
            source,
            opened,
            out,
            key=key,
            columns=names(columns),
            only=only,
            errors=errors,
            threads=threads or None,
            batch_rows=batch_rows,
            options=read_options(form, header, null, text),
            out_format=out_format,
            progress=progress,
        )
    rate = done.rows / done.seconds
    if as_json:
        emit_json(asdict(done) | {"rows_per_second": rate})
    elif out != "-":
        renamed = [f"{name} as {written}" if name != written else name for name, written in done.columns.items()]
        facts(
            {
                "out": out,
                "rows": f"{done.rows:,} in {done.seconds:.2f} s ({rate / 1e6:.2f} M rows/s)",
                "missing": f"{done.missing:,}" + (f" ({done.missing / done.rows:.1%})" if done.rows else ""),
                "added": f"{', '.join(renamed)} (by {done.key!r})",
            }
        )
