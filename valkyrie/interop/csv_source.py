"""Reading CSV and TSV: the header by hand, the types from the start of the file, the rest as a stream.

Arrow's own streaming reader guesses the types from its first block and has no way back. Here they are guessed from
the first 4 MiB and then *stated*, with three corrections: the key column is always text (``key_text`` types it), a
column of integers with a leading zero is text (``02134`` is a post code), integers beyond int64 are uint64 or text
rather than rounded floats.

That reader also calls a Python file from threads of its own, which may outlive the interpreter, and takes a quote that
is never closed for a value as long as the rest of the file. So the bytes are read here, in the caller's thread, and
Arrow is given one block of whole rows after the other.
"""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from valkyrie.errors import SourceError
from valkyrie.interop.byte_input import ByteInput, empty_source
from valkyrie.interop.csv_rows import require_closed_quotes, row_blocks
from valkyrie.interop.exact_floats import first_rounded
from valkyrie.interop.file_errors import MEND, file_errors, require_pyarrow
from valkyrie.interop.file_formats import FileFormat

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["CsvSource"]

SAMPLE_BYTES = 4 << 20
BLOCK_BYTES = 8 << 20
LEADING_ZERO = r"^[-+]?0[0-9]"
INTEGER = r"^[-+]?[0-9]+$"
PARALLEL_BYTES = 1 << 20
TYPES_HINT = "Types are told from the start of the file; text=True (--text) leaves every column as it is written"


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
        pa = require_pyarrow()
        names = self._wanted(columns)
        sample = self.data.peek(SAMPLE_BYTES)
        if len(sample) < SAMPLE_BYTES:
            require_closed_quotes(self.path, sample, self.form.delimiter)
        if text:
            schema = pa.schema([(name, pa.string()) for name in names])
        else:
            schema = self._typed(_whole_rows(sample), key, names).schema
        return schema, self._batches(schema, MEND if text else TYPES_HINT)

    def table(self, key: str, columns: Collection[str] | None, *, text: bool = False) -> pa.Table:
        """The whole file; types are told from every row, or every column is text as it is written.

        Times of day, and points in time with a zone, are text: no payload holds them.
        """
        pa = require_pyarrow()
        with file_errors(self.path, "read"):
            data = self.data.read()
        require_closed_quotes(self.path, data, self.form.delimiter)
        names = self._wanted(columns)
        if text:
            return self._read(data, dict.fromkeys(names, pa.string()), names)
        table = self._typed(data, key, names)
        kinds = {field.name: field.type for field in table.schema}
        zoned = [n for n, kind in kinds.items() if pa.types.is_time(kind) or (pa.types.is_timestamp(kind) and kind.tz)]
        if zoned:
            texts = self._read(data, dict.fromkeys(zoned, pa.string()), zoned)
            for name in zoned:
                table = table.set_column(table.column_names.index(name), name, texts.column(name))
        return table

    def _batches(self, schema: pa.Schema, hint: str) -> Iterator[pa.RecordBatch]:
        pa = require_pyarrow()
        # Arrow would round an integer in a column of floats without a word.
        floats = {field.name: field.type for field in schema if pa.types.is_floating(field.type)}
        types = {field.name: pa.string() if field.name in floats else field.type for field in schema}
        header, rows = self.header, 0
        blocks = row_blocks(self.path, self.data, self.form.delimiter, BLOCK_BYTES)
        while True:
            with file_errors(self.path, "read"):
                block = next(blocks, None)
            if block is None:
                return
            table = self._read(block, types, schema.names, header=header, hint=hint)
            header = False
            for name, kind in floats.items():
                column = self._floats(table.column(name), kind, name, rows)
                table = table.set_column(table.column_names.index(name), name, column)
            rows += table.num_rows
            yield from table.combine_chunks().to_batches()

    def _floats(self, texts: pa.ChunkedArray, kind: pa.DataType, name: str, rows: int) -> pa.ChunkedArray:
        import pyarrow.compute as pc

        pa = require_pyarrow()
        try:
            floats = texts.cast(kind)
        except pa.ArrowInvalid:
            with file_errors(f"{self.path}: column {name!r}", "read", TYPES_HINT):
                floats = pc.utf8_trim_whitespace(texts).cast(kind)
        row = first_rounded(texts, floats)
        if row is not None:
            raise SourceError(
                f"cannot read {self.path}: row {rows + row + 1:,} of column {name!r} is {texts[row].as_py()}, "
                "which the floats of its first rows cannot hold",
                hint=TYPES_HINT,
                path=self.path,
                row=rows + row,
            )
        return floats

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
            elif pa.types.is_floating(kind):
                if pc.all(pc.match_substring_regex(texts.column(name), INTEGER)).as_py():
                    column = _unsigned_or_text(texts.column(name))
                elif first_rounded(texts.column(name), table.column(name)) is not None:
                    column = texts.column(name)
            if column is not None:
                table = table.set_column(table.column_names.index(name), name, column)
        return table

    def _read(
        self, data: bytes, types: dict[str, pa.DataType], names: list[str], *, header: bool | None = None, hint: str = MEND
    ) -> pa.Table:
        """Whole rows as a table; `header` says whether they begin with the names of the columns."""
        import pyarrow.csv as arrow_csv

        pa = require_pyarrow()
        if not data.endswith((b"\n", b"\r")):
            # Arrow takes a header without an end for an empty file.
            data += b"\n"
        own_names = self.header if header is None else header
        options = {
            "parse_options": arrow_csv.ParseOptions(delimiter=self.form.delimiter, newlines_in_values=True),
            "convert_options": arrow_csv.ConvertOptions(
                column_types=types,
                include_columns=names,
                null_values=list(self.nulls),
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
            ),
        }
        # Parsed in parts, in parallel; a row must fit into a part.
        for size in (PARALLEL_BYTES, min(len(data) + 1, (1 << 31) - 1)):
            reading = arrow_csv.ReadOptions(block_size=size, column_names=None if own_names else list(self.names))
            with file_errors(self.path, "read", hint):
                try:
                    return arrow_csv.read_csv(pa.BufferReader(data), read_options=reading, **options)
                except pa.ArrowInvalid as error:
                    if size > PARALLEL_BYTES or "straddling" not in str(error):
                        raise
        raise AssertionError


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
