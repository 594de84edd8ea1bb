"""``valkyrie build``: a table file from a file of keys and payload."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from valkyrie.cli.options import Columns, Format, Header, Json, Nulls, Text, Threads, names, read_options, require_other_file
from valkyrie.cli.reporting import bytes_text, emit_json, facts
from valkyrie.errors import SourceError
from valkyrie.interop import read_table
from valkyrie.tables import IdTable, RouteTable

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["build"]


def build(
    source: Annotated[
        str, typer.Argument(metavar="SOURCE", help="File of keys and payload; - is standard input.", show_default=False)
    ],
    out: Annotated[str, typer.Argument(metavar="TABLE.vks", help="The table file to write.", show_default=False)],
    key: Annotated[
        str | None,
        typer.Option("--key", metavar="NAME", help="Column of keys; default `id`, or the only column.", show_default=False),
    ] = None,
    columns: Columns = None,
    kind: Annotated[
        Literal["int", "b16", "bytes"] | None,
        typer.Option(
            "--kind",
            help="Kind of the keys; b16 also reads UUID text. Default: told from the keys.",
            show_default=False,
        ),
    ] = None,
    on_duplicate: Annotated[
        Literal["error", "first", "last"], typer.Option("--on-duplicate", help="Which row a repeated key keeps.")
    ] = "error",
    threads: Threads = 1,
    form: Format = None,
    header: Header = True,
    null: Nulls = None,
    text: Text = False,
    as_json: Json = False,
) -> None:
    """Build a table from a file.

    A file with more columns than the key becomes a table with payload; a file
    of keys alone maps each key to its row.
    """
    started = time.perf_counter()
    require_other_file(out, "source", source)
    options = read_options(form, header, null, text)
    frame = read_table(source, names(columns), key=key, kind=kind, options=options)
    chosen, *payload = frame.column_names
    _refuse_nulls(frame.column(0), source, chosen)
    read = time.perf_counter()
    table: IdTable | RouteTable
    if payload:
        table = RouteTable.build(frame, key=chosen, kind=kind, on_duplicate=on_duplicate, threads=threads or None)
        index = table.index
    else:
        table = index = IdTable.build(frame.column(chosen), kind=kind, on_duplicate=on_duplicate, threads=threads or None)
    built = time.perf_counter()
    table.save(out)
    saved = time.perf_counter()
    size = os.path.getsize(out)
    seconds = {"read": read - started, "build": built - read, "save": saved - built}
    if as_json:
        emit_json(
            {
                "file": out,
                "bytes": size,
                "entries": len(index),
                "kind": index.kind,
                "key": chosen,
                "columns": payload,
                "seconds": seconds,
            }
        )
        return
    facts(
        {
            "table": f"{out}, {bytes_text(size)}",
            "keys": f"{len(index):,} ({index.kind}, column {chosen!r})",
            "columns": ", ".join(payload) or "none: keys map to rows",
            "seconds": ", ".join(f"{step} {value:.2f}" for step, value in seconds.items()),
        }
    )


def _refuse_nulls(keys: pa.ChunkedArray, source: str, name: str) -> None:
    if keys.null_count:
        row = int(keys.is_null().index(True).as_py()) + 1
        raise SourceError(
            f"{source}: column {name!r} is empty in {keys.null_count:,} rows, first in row {row:,}",
            hint="Every row needs a key; remove these rows",
        )
