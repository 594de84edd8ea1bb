"""Tables from files, and files through tables.

``read_table`` reads a file of keys and payload whole, for a build. ``route_file`` reads a file of keys as a stream of
batches, routes each and writes it with the routed columns beside its own, so a file larger than memory works; the
output appears under its name when it is whole, never before.
"""

from __future__ import annotations

import difflib
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from valkyrie.errors import ArgumentError, SourceError, UnknownColumnError
from valkyrie.interop.atomic_output import atomic_output
from valkyrie.interop.csv_source import CsvSource
from valkyrie.interop.file_errors import file_errors, require_pyarrow
from valkyrie.interop.file_formats import file_format
from valkyrie.interop.file_routing import FileKeys, RoutedColumns
from valkyrie.interop.key_text import KeyText, infer_kind, is_text
from valkyrie.interop.ndjson import NdjsonSource
from valkyrie.interop.sinks import Sink, open_sink
from valkyrie.interop.sources import BatchStream, ReadOptions, Source, open_source
from valkyrie.tables import IdTable, PrefixTable, RouteTable

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["ReadOptions", "RoutedFile", "read_table", "route_file"]

BATCH_ROWS = 1 << 19
UNREAD = ReadOptions()


@dataclass(frozen=True, slots=True)
class RoutedFile:
    """What ``route_file`` did.

    Parameters
    ----------
    source, out : str
        The files.
    key : str
        The column of keys.
    columns : dict of str to str
        Routed column to its name in the output (``x_routed`` where the input has an ``x`` already).
    rows, missing : int
        Rows written; rows whose key is null or not in the table.
    seconds : float
        Wall time.
    """

    source: str
    out: str
    key: str
    columns: dict[str, str]
    rows: int
    missing: int
    seconds: float


def read_table(
    source: str,
    columns: Sequence[str] | None = None,
    *,
    key: str | None = None,
    kind: str | None = None,
    options: ReadOptions = UNREAD,
) -> pa.Table:
    """Read a file of keys and payload whole.

    Parameters
    ----------
    source : str
        CSV or TSV (also ``.gz``, ``.zst``, ``.bz2``), Parquet, Arrow IPC or Feather, NDJSON; ``-`` is standard input.
    columns : sequence of str, optional
        Columns to read beside `key`; default all.
    key : str, optional
        The column of keys; default ``id``, or the only column. In CSV and TSV it is typed by `kind`: integers never
        pass through float, leading zeros of text are kept. Without `kind` it is integers if every value is one,
        written plainly (no leading zero), and text otherwise.
    kind : {"int", "b16", "bytes"}, optional
        Kind of the keys; ``"b16"`` also parses UUIDs from a column of text in any format.
    options : ReadOptions
        Format, header, texts that mean null, whether payload of CSV and TSV stays text.

    Returns
    -------
    pyarrow.Table
        The column of keys first, then the others in the order of the file.

    Raises
    ------
    SourceError, UnknownColumnError, KeyTypeError, ArgumentError
        The file cannot be read or is empty; has no such column; a key cannot be read as `kind`; its format cannot be
        told.
    """
    with ExitStack() as stack:
        opened = open_source(stack, source, options)
        name = _key_name(key, "id", opened.names, source)
        for column in columns or ():
            _known(column, opened.names, source)
        wanted = None if columns is None else [name, *columns]
        if isinstance(opened, CsvSource):
            table = opened.table(name, wanted, text=options.text)
        elif isinstance(opened, NdjsonSource):
            table = opened.table(wanted, {name: require_pyarrow().string()} if kind in ("bytes", "b16") else {})
        else:
            table = opened.table(wanted)
        keys = table.column(name)
        if is_text(keys.type) and (kind == "b16" or isinstance(opened, CsvSource)):
            keys = _typed_keys(keys, source, name, kind)
        table = table.select([name, *(other for other in table.column_names if other != name)])
        return table.set_column(0, name, keys)


def _typed_keys(column: pa.ChunkedArray, source: str, name: str, kind: str | None) -> pa.ChunkedArray:
    pa = require_pyarrow()
    kind = kind or infer_kind(column)
    for unsigned in (False, True):
        text = KeyText(kind, unsigned, "raise", source, name)
        chunks, first = [], 0
        for chunk in column.chunks:
            chunks.append(text.keys(chunk, first))
            first += len(chunk)
        keys = pa.chunked_array(chunks, text.type)
        if keys.null_count == column.null_count:
            return keys
    raise SourceError(
        f"cannot read {source}: column {name!r} has integers that no 64-bit type holds together",
        hint='Use kind="bytes" (--kind bytes) to keep them as text',
        path=source,
    )


def route_file(
    source: str,
    table: IdTable | PrefixTable | RouteTable,
    out: str,
    *,
    key: str | None = None,
    columns: str | Sequence[str] | None = None,
    only: bool = False,
    errors: Literal["raise", "coerce"] = "raise",
    threads: int | None = 1,
    batch_rows: int = BATCH_ROWS,
    options: ReadOptions = UNREAD,
    out_format: str | None = None,
    progress: Callable[[int, float | None], object] | None = None,
) -> RoutedFile:
    """Route the keys of a file and write them with what they map to.

    Parameters
    ----------
    source, out : str
        Files, formats as in ``read_table``; ``-`` is standard input or output. They may be the same file.
    table : IdTable, PrefixTable or RouteTable
        A ``RouteTable`` appends payload columns, the others the column ``row``. A key that is null or not in the table, or
        begins with none of its prefixes, gives null (in CSV, nothing).
    key : str, optional
        Column of keys; default the name of the table's own key column, or the only column of the file.
    columns : str or sequence of str, optional
        Payload columns to append; default all. One whose name the input has already is written as ``<name>_routed``.
    only : bool, default False
        Write the key and the routed columns, not the other columns of the input.
    errors : {"raise", "coerce"}
        A text that is no key of the table's kind (``"abc"`` for integers; in a file that has types, any text) raises, or
        counts as missing.
    threads : int or None, default 1
        Threads of each lookup.
    batch_rows : int
        Most rows held at once; CSV and NDJSON also hold one block of 8 MiB.
    options : ReadOptions
        How `source` is read.
    out_format : str, optional
        Default by the extension of `out`.
    progress : callable, optional
        Called as ``progress(rows_so_far, share_of_source_read)`` after each batch; the share is None where it cannot
        be known.

    Returns
    -------
    RoutedFile

    Raises
    ------
    SourceError, UnknownColumnError, KeyTypeError, ArgumentError
        As ``read_table``; also for an output that cannot be written. Nothing is left under the output's name or
        beside it.

    Notes
    -----
    CSV to CSV keeps the other columns exactly as written. CSV to another format tells types from the first 4 MiB
    (``ReadOptions.text`` turns that off). In NDJSON, text that looks like a date stays text, and an integer beyond int64
    stays an integer.
    """
    if batch_rows < 1:
        raise ArgumentError(f"batch_rows must be at least 1, got {batch_rows}", hint=f"The default is {BATCH_ROWS}")
    started = time.perf_counter()
    out_form = file_format(out, out_format, argument="out")
    with ExitStack() as stack:
        opened = open_source(stack, source, options)
        routed = RoutedColumns.of(table, columns, threads, errors)
        name = _key_name(key, table.key_name if isinstance(table, RouteTable) else "id", opened.names, source)
        keys = FileKeys.of(routed.index, source, name, errors, keep_text=out_form.delimited)
        wanted = [name] if only else None
        stream = _stream(opened, keys, wanted, batch_rows, text=options.text or out_form.delimited)
        kept = keys.settle(
            stream.schema,
            routed.index,
            delimited=isinstance(opened, CsvSource),
            lone=options.header and key is None and len(opened.names) == 1,
        )
        names = routed.names_beside(kept.names)
        schema = routed.schema_beside(kept, names)
        rows = missing = 0
        with (
            file_errors(out, "write", "Write another format, or only the key and the routed columns (only=True, --only)"),
            atomic_output(out) as file,
            _closing(open_sink(file, out, out_form, schema)) as sink,
        ):
            for batch in _sliced(stream.batches, batch_rows):
                wanted_keys, own = keys.split(batch, rows)
                try:
                    values, absent = routed.route(wanted_keys)
                except ArgumentError as error:
                    if "position" not in error.data:
                        raise
                    raise keys.text.malformed(error, rows) from error
                sink.write(require_pyarrow().RecordBatch.from_arrays([*own, *values], schema=schema))
                rows += batch.num_rows
                missing += absent
                if progress is not None:
                    progress(rows, stream.share())
    return RoutedFile(source, out, name, names, rows, missing, time.perf_counter() - started)


class _closing:
    """Close a sink; after an error, without a word.

    Left open, Arrow's writers would write their footer into a closed file when they are collected.
    """

    def __init__(self, sink: Sink) -> None:
        self._sink = sink

    def __enter__(self) -> Sink:
        return self._sink

    def __exit__(self, kind: object, *rest: object) -> None:
        if kind is None:
            self._sink.close()
        else:
            with suppress(Exception):
                self._sink.close()


def _stream(opened: Source, keys: FileKeys, wanted: list[str] | None, batch_rows: int, *, text: bool) -> BatchStream:
    if isinstance(opened, CsvSource):
        schema, batches = opened.stream(keys.name, wanted, text=text)
        return BatchStream(schema, batches, opened.data.share)
    if isinstance(opened, NdjsonSource):
        schema, batches = opened.stream(keys.json, wanted)
        return BatchStream(schema, batches, opened.data.share)
    schema, batches = opened.stream(wanted, batch_rows)
    return BatchStream(schema, batches, opened.share)


def _sliced(batches: Iterator[pa.RecordBatch], batch_rows: int) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        for start in range(0, batch.num_rows, batch_rows):
            yield batch.slice(start, batch_rows)


def _known(name: str, names: Sequence[str], path: str) -> None:
    if name not in names:
        near = difflib.get_close_matches(name, names, 1)
        listed = ", ".join(names[:12]) + (", ..." if len(names) > 12 else "")
        raise UnknownColumnError(
            f"{path} has no column {name!r}",
            hint=f"Did you mean {near[0]!r}? Its columns are {listed}" if near else f"Its columns are {listed}",
            name=name,
            columns=list(names),
        )


def _key_name(given: str | None, usual: str | None, names: Sequence[str], path: str) -> str:
    """The column of keys: as given, or under its usual name, or the only column."""
    if given is not None:
        _known(given, names, path)
        return given
    if usual is not None and usual in names:
        return usual
    if len(names) == 1:
        return names[0]
    what = f"{path} has several columns and none is called {usual!r}" if usual else f"{path} has several columns"
    raise UnknownColumnError(
        what, hint=f"Name the column of keys (key=, --key): {', '.join(names[:12])}", name=usual, columns=list(names)
    )
