"""``valkyrie build``: a table file from a file of keys and payload."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from valkyrie.arrays import require_column
from valkyrie.cli.options import Columns, Format, Header, Json, Nulls, Text, Threads, names, read_options, require_other_file
from valkyrie.cli.reporting import bytes_text, emit_json, facts
from valkyrie.errors import ArgumentError, SourceError
from valkyrie.interop import read_table
from valkyrie.tables import PREFIX_KINDS, IdTable, PrefixTable, RouteTable

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["build"]

Kind = Literal["int", "b16", "bytes", "prefix", "path", "digits", "suffix", "ip", "bits"]

_WRITTEN = {kind: "int" if kind == "bits" else "bytes" for kind in PREFIX_KINDS if kind}
"""How the text of prefixes is read from a file: as it stands, so that 0049 keeps its zeros; bits are numbers."""


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
        Kind | None,
        typer.Option(
            "--kind",
            help="Kind of the keys (b16 also reads UUID text), or of prefixes: ip, digits, path, suffix, bits, or "
            "prefix for text byte by byte. Default: told from the keys.",
            show_default=False,
        ),
    ] = None,
    lengths: Annotated[
        str | None,
        typer.Option("--lengths", metavar="NAME", help="Prefixes: column of how many leading bits count.", show_default=False),
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict/--no-strict", help="Prefixes: bits set behind the length are an error, or cleared.")
    ] = True,
    wildcards: Annotated[
        bool, typer.Option("--wildcards", help="Suffixes: *.ck and !www.ck are rules of the public suffix list.")
    ] = False,
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
    wanted = names(columns)
    if wanted is not None and lengths is not None:
        wanted.append(lengths)
    frame = read_table(source, wanted, key=key, kind=_WRITTEN.get(kind or "", kind), options=options)
    chosen = frame.column_names[0]
    payload = [name for name in frame.column_names[1:] if name != lengths]
    _refuse_nulls(frame.column(0), source, chosen)
    if lengths is not None:
        require_column(frame.column_names, lengths)
    if kind == "bits":
        frame = frame.set_column(0, chosen, _words(frame.column(0), source, chosen))
    read = time.perf_counter()
    table: IdTable | PrefixTable | RouteTable
    index: IdTable | PrefixTable
    try:
        if payload:
            table = RouteTable.build(
                frame,
                key=chosen,
                kind=kind,
                lengths=lengths,
                strict=strict,
                wildcards=wildcards,
                on_duplicate=on_duplicate,
                threads=threads or None,
            )
            index = table.index
        elif kind in PREFIX_KINDS:
            counted = None if lengths is None else frame.column(lengths)
            table = index = PrefixTable.build(
                frame.column(chosen),
                kind=PREFIX_KINDS[kind],
                lengths=counted,
                strict=strict,
                wildcards=wildcards,
                on_duplicate=on_duplicate,
            )
        else:
            whole: Any = kind
            table = index = IdTable.build(frame.column(chosen), kind=whole, on_duplicate=on_duplicate, threads=threads or None)
    except ArgumentError as error:
        raise _of_file(error, source, chosen) from error
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


def _words(keys: pa.ChunkedArray, source: str, name: str) -> pa.ChunkedArray:
    """A column of integers as words of bits.

    Raises
    ------
    SourceError
        One is negative.
    """
    values = keys.to_numpy()
    if values.dtype.kind == "i" and len(values) and values.min() < 0:
        row = int((values < 0).argmax())
        raise SourceError(
            f"{source}: column {name!r} is {values[row]} in row {row + 1:,}, and no word of bits",
            hint="Words of bits are whole numbers from 0 to 2**64 - 1, aligned to the left",
        )
    return keys.cast("uint64")


def _of_file(error: ArgumentError, source: str, name: str) -> ArgumentError | SourceError:
    """The error about a key at a position as one about a row of the file; rows are counted from 1, as `route` does."""
    position = error.data.get("position")
    if position is None:
        return error
    said = error.message.removeprefix("prefixes: ").replace(f" at position {position}", "", 1)
    return SourceError(f"{source}: row {position + 1:,} of column {name!r}: {said}", hint=error.hint)


def _refuse_nulls(keys: pa.ChunkedArray, source: str, name: str) -> None:
    if keys.null_count:
        row = int(keys.is_null().index(True).as_py()) + 1
        raise SourceError(
            f"{source}: column {name!r} is empty in {keys.null_count:,} rows, first in row {row:,}",
            hint="Every row needs a key; remove these rows",
        )
