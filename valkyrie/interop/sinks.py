"""Writing record batches: one sink per format, every batch made into what the format can hold.

Dictionary-encoded columns are written as their values: text formats have no dictionaries, an Arrow file allows one
dictionary for the whole file, and a reader of Parquet expects strings where it was given strings (Parquet keeps its
own dictionaries).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

from valkyrie.errors import SourceError
from valkyrie.interop.duration_text import text_of_durations
from valkyrie.interop.file_errors import require_pyarrow
from valkyrie.interop.file_formats import STANDARD_STREAM, FileFormat
from valkyrie.interop.key_text import text_of_uuids
from valkyrie.interop.ndjson import write_ndjson

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Sink", "open_sink"]

DICTIONARY_BYTES = 1 << 17
"""Where Parquet gives up the dictionary of a column; at Arrow's 1 MiB ids take twice the time and more space."""


@dataclass(frozen=True, slots=True)
class Sink:
    """An open output of one schema."""

    path: str
    schema: pa.Schema
    write_batch: Callable[[Any], None]
    close: Callable[[], None]

    def write(self, batch: pa.RecordBatch) -> None:
        """Append the rows of a batch that has the columns given to ``open_sink``."""
        pa = require_pyarrow()
        columns = [self._held(column, field) for column, field in zip(batch.columns, self.schema, strict=True)]
        self.write_batch(pa.RecordBatch.from_arrays(columns, schema=self.schema))

    def _held(self, column: pa.Array, field: pa.Field) -> pa.Array:
        try:
            return _as(column, field.type)
        except require_pyarrow().ArrowInvalid as error:
            raise SourceError(
                f"cannot write {self.path}: column {field.name!r} is {column.type}: {str(error).splitlines()[0].rstrip('.')}",
                hint="Write Parquet or Arrow, which hold any bytes, or leave the column out (columns=, --columns)",
                path=self.path,
            ) from error


class _LeftOpen:
    """A file whose ``close`` flushes: Arrow closes what it wraps, and the file is still to be synced."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.closed = False

    def write(self, data: bytes) -> int:
        return self._file.write(data)

    def flush(self) -> None:
        self._file.flush()

    def tell(self) -> int:
        return self._file.tell()

    def writable(self) -> bool:
        return True

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            self._file.flush()


def open_sink(file: IO[bytes], path: str, form: FileFormat, schema: pa.Schema) -> Sink:
    """Open the sink of a format over an open file.

    Raises
    ------
    SourceError
        The format cannot hold a column.
    """
    pa = require_pyarrow()
    import pyarrow.csv as arrow_csv
    import pyarrow.ipc as ipc
    import pyarrow.parquet as parquet

    held = pa.schema([field.with_type(_held(field.type, form, path, field.name)) for field in schema])
    target: Any = pa.PythonFile(_LeftOpen(file), "w")
    if form.compression:
        compressed = pa.CompressedOutputStream(target, form.compression)
    else:
        compressed = None
    if form.delimited:
        options = arrow_csv.WriteOptions(delimiter=form.delimiter)
        writer: Any = arrow_csv.CSVWriter(compressed or target, held, write_options=options)
        write = writer.write_batch
    elif form.name == "parquet":
        writer = parquet.ParquetWriter(target, held, dictionary_pagesize_limit=DICTIONARY_BYTES)
        write = writer.write_batch
    elif form.name == "arrow":
        writer = ipc.new_stream(target, held) if form.stream or path == STANDARD_STREAM else ipc.new_file(target, held)
        write = writer.write_batch
    else:
        writer, write = None, lambda batch: write_ndjson(compressed or file, batch)

    def close() -> None:
        if writer is not None:
            writer.close()
        if compressed is not None:
            compressed.close()

    return Sink(path, held, write, close)


def _held(kind: pa.DataType, form: FileFormat, path: str, name: str) -> pa.DataType:
    """The type a column of type `kind` has in the file."""
    types = require_pyarrow().types
    if types.is_dictionary(kind):
        kind = kind.value_type
    if form.binary:
        return kind
    if isinstance(kind, require_pyarrow().BaseExtensionType):
        kind = kind.storage_type
    if form.delimited and types.is_nested(kind):
        raise SourceError(
            f"cannot write {path}: column {name!r} is {kind}, which {form.name.upper()} cannot hold",
            hint="Write Parquet, Arrow or NDJSON, or only the key and the routed columns (only=True, --only)",
            path=path,
        )
    string = require_pyarrow().string()
    if form.delimited and (types.is_binary(kind) or types.is_large_binary(kind) or types.is_fixed_size_binary(kind)):
        return string
    return string if _is_uuid(kind) or types.is_string_view(kind) or types.is_duration(kind) else kind


def _is_uuid(kind: pa.DataType) -> bool:
    return bool(require_pyarrow().types.is_fixed_size_binary(kind) and kind.byte_width == 16)


def _as(column: pa.Array, kind: pa.DataType) -> pa.Array:
    types = require_pyarrow().types
    if types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if column.type.equals(kind):
        return column
    if isinstance(column.type, require_pyarrow().BaseExtensionType):
        column = column.storage
    if _is_uuid(column.type):
        return text_of_uuids(column)
    if types.is_duration(column.type):
        return text_of_durations(column)
    if types.is_fixed_size_binary(column.type):
        column = column.cast(require_pyarrow().binary())
    return column.cast(kind)
