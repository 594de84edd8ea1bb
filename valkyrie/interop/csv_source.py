"""Reading CSV and TSV: the header by hand, the types from the start of the file, the rest as a stream.

Arrow's own streaming reader guesses the types from its first block and has no way back. Here they are guessed from
the first 4 MiB and then *stated*, with three corrections: the key column is always text (``key_text`` types it), a
column of integers with a leading zero is text (``02134`` is a post code), integers beyond int64 are uint64 rather
than rounded floats.
"""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from valkyrie.errors import SourceError
from valkyrie.interop.byte_input import ByteInput, empty_source
from valkyrie.interop.file_errors import MEND, file_errors, require_pyarrow
from valkyrie.interop.file_formats import FileFormat

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["CsvSource"]

SAMPLE_BYTES = 4 << 20
BLOCK_BYTES = 8 << 20
LEADING_ZERO = r"^[-+]?0[0-9]"
UNSIGNED = r"^[0-9]{1,20}$"


@dataclass(frozen=True, slots=True)
class CsvSource:
    """A CSV or TSV file whose header has been read.

    Parameters
    ----------
    data : ByteInput
        The file, at its first byte.
    names : tuple of str
        Columns, in order.
    """

    path: str
    form: FileFormat
    data: ByteInput
    names: tuple[str, ...]
    header: bool
    nulls: tuple[str, ...]

    @classmethod
    def open(cls, path: str, form: FileFormat, data: ByteInput, *, header: bool, nulls: Collection[str]) -> CsvSource:
        """Read the header; without one the columns are ``column_1``, ``column_2``...

        Raises
        ------
        SourceError
            There is nothing in the file, or its first line cannot be read as text.
        """
        start = data.peek(SAMPLE_BYTES)
        if not start:
            raise empty_source(path)
        if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            raise SourceError(f"cannot read {path}: it is written in UTF-16", hint="Save it as UTF-8", path=path)
        if b"\0" in start[:1024]:
            raise SourceError(f"cannot read {path}: it is not text", hint="Name its true format", path=path)
        # A cut character at the end of the sample is not a fault of the file.
        text = codecs.getincrementaldecoder("utf-8-sig")(errors="replace").decode(start)
        try:
            rows = csv.reader(io.StringIO(text, newline=""), delimiter=form.delimiter, strict=True)
            first = next((row for row in rows if row), [])
        except csv.Error as error:
            raise SourceError(
                f"cannot read {path}: {error} in the first line",
                hint="Close the quotes of the header, or name another format (--format)",
                path=path,
            ) from error
        if not first:
            raise empty_source(path)
        names = tuple(first) if header else tuple(f"column_{i + 1}" for i in range(len(first)))
        return cls(path, form, data, names, header, ("", *nulls))

    def stream(self, key: str, columns: Collection[str] | None, *, text: bool) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
        """Schema and batches; `text` leaves every column as it is written."""
        import pyarrow.csv as arrow_csv

        pa = require_pyarrow()
        names = self._wanted(columns)
        types = dict.fromkeys(names, pa.string())
        if not text:
            schema = self._typed(_whole_rows(self.data.peek(SAMPLE_BYTES)), key, names).schema
            types = dict(zip(schema.names, schema.types, strict=True))
        with file_errors(self.path, "read", self._hint(text)):
            reader = arrow_csv.open_csv(pa.PythonFile(self.data, "r"), **self._options(types, names, BLOCK_BYTES))
        return reader.schema, self._batches(reader, text)

    def table(self, key: str, columns: Collection[str] | None) -> pa.Table:
        """The whole file; types are told from every row."""
        with file_errors(self.path, "read"):
            data = self.data.read()
        return self._typed(data, key, self._wanted(columns))

    def _batches(self, reader: Any, text: bool) -> Iterator[pa.RecordBatch]:
        while True:
            with file_errors(self.path, "read", self._hint(text)):
                try:
                    batch = reader.read_next_batch()
                except StopIteration:
                    return
            yield batch

    def _hint(self, text: bool) -> str:
        if text:
            return MEND
        return "Types are told from the start of the file; text=True (--text) leaves every column as it is written"

    def _wanted(self, columns: Collection[str] | None) -> list[str]:
        return [name for name in self.names if columns is None or name in columns]

    def _typed(self, data: bytes, key: str, names: list[str]) -> pa.Table:
        """Whole lines from the start of the file as columns of the types that their values have, the key as text."""
        import pyarrow.compute as pc

        pa = require_pyarrow()
        table = self._read(data, {key: pa.string()}, names)
        kinds = {field.name: field.type for field in table.schema}
        numbers = [name for name, kind in kinds.items() if pa.types.is_integer(kind) or pa.types.is_floating(kind)]
        texts = self._read(data, dict.fromkeys(numbers, pa.string()), numbers) if numbers else table
        for name, kind in kinds.items():
            column = None
            if pa.types.is_binary(kind):
                raise SourceError(
                    f"cannot read {self.path}: column {name!r} is not UTF-8",
                    hint="Save the file as UTF-8",
                    path=self.path,
                )
            if pa.types.is_null(kind):
                column = table.column(name).cast(pa.string())
            elif pa.types.is_integer(kind) and pc.any(pc.match_substring_regex(texts.column(name), LEADING_ZERO)).as_py():
                column = texts.column(name)
            elif pa.types.is_floating(kind) and pc.all(pc.match_substring_regex(texts.column(name), UNSIGNED)).as_py():
                column = _unsigned_or_text(texts.column(name))
            if column is not None:
                table = table.set_column(table.column_names.index(name), name, column)
        return table

    def _read(self, data: bytes, types: dict[str, pa.DataType], names: list[str]) -> pa.Table:
        import pyarrow.csv as arrow_csv

        with file_errors(self.path, "read"):
            return arrow_csv.read_csv(io.BytesIO(data), **self._options(types, names, 1 << 20))

    def _options(self, types: dict[str, pa.DataType], names: list[str], block_size: int) -> dict[str, Any]:
        import pyarrow.csv as arrow_csv

        return {
            "read_options": arrow_csv.ReadOptions(block_size=block_size, column_names=None if self.header else list(self.names)),
            "parse_options": arrow_csv.ParseOptions(delimiter=self.form.delimiter, newlines_in_values=True),
            "convert_options": arrow_csv.ConvertOptions(
                column_types=types,
                include_columns=names,
                null_values=list(self.nulls),
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
            ),
        }


def _whole_rows(sample: bytes) -> bytes:
    """The rows of a sample that are whole: cut after a line feed that is not inside quotes."""
    if len(sample) < SAMPLE_BYTES:
        return sample
    end = sample.rfind(b"\n") + 1
    while end and sample.count(b'"', 0, end) % 2:
        end = sample.rfind(b"\n", 0, end - 1) + 1
    return sample[:end] or sample


def _unsigned_or_text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    pa = require_pyarrow()
    try:
        return column.cast(pa.uint64())
    except pa.ArrowInvalid:
        return column
