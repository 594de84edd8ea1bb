"""One face for every source: columns by name, then a table or a stream of record batches."""

from __future__ import annotations

import mmap
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Any

from valkyrie.errors import SourceError
from valkyrie.interop.byte_input import open_bytes, open_file
from valkyrie.interop.csv_source import CsvSource
from valkyrie.interop.file_errors import file_errors, require_pyarrow
from valkyrie.interop.file_formats import STANDARD_STREAM, file_format
from valkyrie.interop.ndjson import NdjsonSource

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["BatchStream", "ColumnarSource", "ReadOptions", "Source", "open_source"]


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """How a source is read; the defaults suit a file that says what it is.

    Parameters
    ----------
    format : str, optional
        ``"csv"``, ``"tsv"``, ``"parquet"``, ``"arrow"`` or ``"ndjson"``; default by extension.
    header : bool, default True
        CSV and TSV: the first line names the columns. Without it they are ``column_1``, ``column_2``...
    nulls : tuple of str
        CSV and TSV: texts that mean null, beside nothing at all. ``"NA"`` is none by default: it is a country and an
        id.
    text : bool, default False
        CSV and TSV: columns other than the key stay text, exactly as written.
    """

    format: str | None = None
    header: bool = True
    nulls: tuple[str, ...] = ()
    text: bool = False


@dataclass(frozen=True, slots=True)
class BatchStream:
    """Record batches of one schema, and how far the source has been read."""

    schema: pa.Schema
    batches: Iterator[pa.RecordBatch]
    share: Callable[[], float | None]


@dataclass(slots=True)
class ColumnarSource:
    """A Parquet or Arrow file: every column has its type."""

    path: str
    schema: pa.Schema
    whole: Callable[[list[str]], pa.Table]
    rows: Callable[[list[str], int], Iterator[pa.RecordBatch]]
    total_rows: int | None
    seen: int = field(default=0)

    @property
    def names(self) -> tuple[str, ...]:
        """Columns, in order."""
        return tuple(self.schema.names)

    def _wanted(self, columns: Collection[str] | None) -> list[str]:
        return [name for name in self.schema.names if columns is None or name in columns]

    def table(self, columns: Collection[str] | None) -> pa.Table:
        """The whole file."""
        with file_errors(self.path, "read"):
            return self.whole(self._wanted(columns))

    def stream(self, columns: Collection[str] | None, batch_rows: int) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
        """Schema and batches."""
        names = self._wanted(columns)
        return require_pyarrow().schema([self.schema.field(name) for name in names]), self._batches(names, batch_rows)

    def _batches(self, names: list[str], batch_rows: int) -> Iterator[pa.RecordBatch]:
        with file_errors(self.path, "read"):
            batches = iter(self.rows(names, batch_rows))
        while True:
            with file_errors(self.path, "read"):
                batch = next(batches, None)
            if batch is None:
                return
            self.seen += batch.num_rows
            yield batch

    def share(self) -> float | None:
        """Share of the rows read so far; None where their number is unknown."""
        return self.seen / self.total_rows if self.total_rows else None


Source = CsvSource | NdjsonSource | ColumnarSource


def open_source(stack: ExitStack, path: str, options: ReadOptions) -> Source:
    """Open a file and learn its columns.

    Raises
    ------
    ArgumentError
        The format cannot be told.
    SourceError
        The file cannot be read, is empty, or is not of its format; or a column name occurs twice.
    """
    form = file_format(path, options.format)
    require_pyarrow()
    source: Source
    if form.delimited:
        data = open_bytes(stack, path, form)
        with file_errors(path, "read"):
            source = CsvSource.open(path, form, data, header=options.header, nulls=options.nulls)
    elif form.name == "ndjson":
        data = open_bytes(stack, path, form)
        with file_errors(path, "read"):
            source = NdjsonSource.open(path, data)
    elif form.name == "parquet":
        source = _parquet(stack, path)
    else:
        source = _arrow(stack, path)
    with file_errors(path, "read"):
        names = source.names
    twice = next((name for i, name in enumerate(names) if name in names[:i]), None)
    if twice is not None:
        raise SourceError(f"cannot read {path}: column {twice!r} occurs twice", hint="Give every column its own name", path=path)
    return source


def _parquet(stack: ExitStack, path: str) -> ColumnarSource:
    import pyarrow.parquet as parquet

    if path == STANDARD_STREAM:
        raise SourceError(
            "cannot read Parquet from standard input: its directory is at the end",
            hint="Give the file itself, or send Arrow, CSV or NDJSON",
        )
    opened = open_file(stack, path)
    with file_errors(path, "read"):
        file: Any = stack.enter_context(parquet.ParquetFile(_mapped(opened)))
    return ColumnarSource(
        path,
        file.schema_arrow,
        lambda names: file.read(columns=names),
        lambda names, batch_rows: _row_groups(file, names, batch_rows),
        file.metadata.num_rows,
    )


def _mapped(opened: IO[bytes]) -> Any:
    """A map of the file that was opened: Arrow reads Python's files on threads of its own, which may outlive Python."""
    pa = require_pyarrow()
    return pa.BufferReader(pa.py_buffer(mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ)))


def _row_groups(file: Any, names: list[str], batch_rows: int) -> Iterator[Any]:
    """Batches of a Parquet file, a few row groups at a time: Arrow keeps what it has read of a request until its end."""
    group: list[int] = []
    rows = 0
    for i in range(file.num_row_groups):
        group.append(i)
        rows += file.metadata.row_group(i).num_rows
        if rows >= batch_rows or i == file.num_row_groups - 1:
            yield from file.iter_batches(batch_size=batch_rows, row_groups=group, columns=names)
            group, rows = [], 0


def _arrow(stack: ExitStack, path: str) -> ColumnarSource:
    pa = require_pyarrow()
    import pyarrow.ipc as ipc

    opened: Any = open_file(stack, path)
    start = b"" if path == STANDARD_STREAM else opened.peek(6)[:6]
    if start.startswith(b"FEA1"):
        raise SourceError(f"cannot read {path}: Feather version 1", hint="Write it again as Feather version 2", path=path)
    with file_errors(path, "read"):
        if start == b"ARROW1":
            file: Any = stack.enter_context(ipc.open_file(_mapped(opened)))
            unchecked: Callable[[], Iterator[Any]] = lambda: (file.get_batch(i) for i in range(file.num_record_batches))  # noqa: E731
            schema = file.schema
        else:
            stream: Any = stack.enter_context(ipc.open_stream(opened))
            unchecked, schema = (lambda: iter(stream)), stream.schema

    def batches() -> Iterator[Any]:
        for batch in unchecked():
            # Arrow believes what a file says of itself, and its writers follow any offset.
            batch.validate(full=True)
            yield batch

    def rows(names: list[str], batch_rows: int) -> Iterator[Any]:
        for batch in batches():
            chosen = batch.select(names)
            for start in range(0, chosen.num_rows, batch_rows):
                yield chosen.slice(start, batch_rows)

    return ColumnarSource(
        path,
        schema,
        lambda names: pa.Table.from_batches(batches(), schema).select(names),
        rows,
        None,
    )
