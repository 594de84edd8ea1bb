"""Keys written as text, made into the kind of key a table holds.

A CSV has no types: whether ``007`` is a number or a name depends on the table. So key columns of delimited files are
read as text and typed here, by the kind of the table; leading zeros of text keys are kept and large integers never
pass through float.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from valkyrie.errors import ArgumentError, KeyTypeError
from valkyrie.interop.file_errors import require_pyarrow
from valkyrie.interop.uuid_text import uuids_from_text, uuids_to_text

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["KeyText", "infer_kind", "is_text", "text_of_uuids"]

CANONICAL_INTEGER = r"^(0|-?[1-9][0-9]{0,18}|1[0-9]{19})$"
INTEGER = r"^-?[0-9]+$"
SPELLINGS = ((r"^\+([0-9])", r"\1"), (r"^(-?)0+([0-9])", r"\1\2"), (r"^-0$", "0"))


def is_text(kind: Any) -> bool:
    """True for an Arrow type that holds text, plain or dictionary-encoded."""
    types = require_pyarrow().types
    if types.is_dictionary(kind):
        kind = kind.value_type
    return bool(types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind))


def infer_kind(column: pa.ChunkedArray) -> str:
    """``"int"`` if every text is an integer written the plain way and of 64 bits, otherwise ``"bytes"``.

    A leading zero, a plus sign or a blank makes the column text: such a column is an identifier, and would not come
    back.
    """
    import pyarrow.compute as pc

    if column.null_count == len(column):
        return "bytes"
    plain = pc.all(pc.match_substring_regex(column, CANONICAL_INTEGER)).as_py()
    if not plain:
        return "bytes"
    for unsigned in (False, True):
        try:
            column.cast(_integer_type(unsigned))
        except ValueError:
            continue
        return "int"
    return "bytes"


@dataclass(frozen=True, slots=True)
class KeyText:
    """How a column of text becomes keys of one table.

    Parameters
    ----------
    kind : {"int", "b16", "bytes"}
        Kind of the table.
    unsigned : bool
        For ``"int"``: whether the table holds unsigned integers. A number that the type cannot hold is no key of the
        table: it becomes null.
    errors : {"raise", "coerce"}
        Text that is no key of the kind raises, or becomes null.
    path, name : str
        The file and its key column, for messages.
    """

    kind: str
    unsigned: bool
    errors: Literal["raise", "coerce"]
    path: str
    name: str

    @property
    def type(self) -> pa.DataType:
        """Arrow type of the keys."""
        pa = require_pyarrow()
        return {"int": _integer_type(self.unsigned), "b16": pa.binary(16), "bytes": pa.string()}[self.kind]

    def keys(self, column: pa.Array, first_row: int) -> pa.Array:
        """Keys of a column of text; nulls stay null.

        Raises
        ------
        KeyTypeError
            A text is no key of the kind, and ``errors="raise"``; the message counts rows from 1.
        """
        pa = require_pyarrow()
        if pa.types.is_dictionary(column.type):
            column = column.dictionary_decode()
        if self.kind == "int":
            return self._integers(column, first_row)
        if self.kind == "b16":
            return self._uuids(column.cast(pa.string()), first_row)
        return column

    def keys_of_wrong_type(self, column: pa.Array, first_row: int) -> pa.Array:
        """Null for every text of a typed file, where a number is no text.

        Raises
        ------
        KeyTypeError
            There is one, and ``errors="raise"``.
        """
        self._check(column, np.asarray(column.is_null()), first_row, "an integer")
        return require_pyarrow().nulls(len(column), self.type)

    def is_json_key(self, value: Any, row: int) -> bool:
        """Whether a value of JSON is of the type of the keys.

        Raises
        ------
        KeyTypeError
            It is not, and ``errors="raise"``.
        """
        if self.kind != "int":
            good = isinstance(value, str)
        elif isinstance(value, int) and not isinstance(value, bool):
            limits = np.iinfo(np.uint64 if self.unsigned else np.int64)
            good = limits.min <= value <= limits.max
        else:
            good = False
        if not good and self.errors == "raise":
            wanted = "text" if self.kind != "int" else f"an integer of the table's {'uint64' if self.unsigned else 'int64'}"
            raise self._no_key(row, value, wanted)
        return good

    def _integers(self, column: pa.Array, first_row: int) -> pa.Array:
        pa = require_pyarrow()
        import pyarrow.compute as pc

        wanted = _integer_type(self.unsigned)
        if not _holds_hexadecimal(column):
            try:
                return column.cast(wanted)
            except pa.ArrowInvalid:
                pass
        text = pc.utf8_trim_whitespace(column)
        for spelling, plain in SPELLINGS:
            text = pc.replace_substring_regex(text, spelling, plain)
        number = pc.match_substring_regex(text, INTEGER)
        self._check(column, np.asarray(pc.fill_null(number, True)), first_row, "an integer")
        limits = np.iinfo(wanted.to_pandas_dtype())
        long = pc.fill_null(pc.and_(number, pc.greater_equal(pc.utf8_length(text), 19)), False)
        negative = pc.fill_null(pc.and_(number, pc.starts_with(text, "-")), False)
        inside = np.asarray(pc.fill_null(number, False)).copy()
        for row in np.flatnonzero(np.asarray(long) | (np.asarray(negative) & self.unsigned)):
            inside[row] = limits.min <= int(text[int(row)].as_py()) <= limits.max
        return pc.if_else(pa.array(inside), text, pa.scalar(None, text.type)).cast(wanted)

    def _uuids(self, column: pa.Array, first_row: int) -> pa.Array:
        pa = require_pyarrow()
        nulls = np.asarray(column.is_null())
        offsets = np.frombuffer(column.buffers()[1], np.int32)[column.offset : column.offset + len(column) + 1]
        data = column.buffers()[2]
        characters = np.frombuffer(data, np.uint8) if data is not None else np.empty(0, np.uint8)
        if nulls.any():
            column = column.fill_null("00000000-0000-0000-0000-000000000000")
            offsets = np.frombuffer(column.buffers()[1], np.int32)[column.offset : column.offset + len(column) + 1]
            characters = np.frombuffer(column.buffers()[2], np.uint8)
        uuids, valid = uuids_from_text(characters, offsets)
        self._check(column, valid, first_row, "a UUID")
        mask = ~valid | nulls
        validity = pa.py_buffer(np.packbits(~mask, bitorder="little")) if mask.any() else None
        return pa.Array.from_buffers(pa.binary(16), len(column), [validity, pa.py_buffer(uuids)])

    def malformed(self, error: ArgumentError, first_row: int) -> KeyTypeError:
        """The error for a text that a table found to be malformed, with its row in the file."""
        return self._no_key(first_row + error.data["position"], error.data["value"], "a key of the table")

    def _check(self, column: pa.Array, valid: np.ndarray[Any, np.dtype[np.bool_]], first_row: int, wanted: str) -> None:
        if self.errors == "coerce" or valid.all():
            return
        position = int(np.argmin(valid))
        raise self._no_key(first_row + position, column[position].as_py(), wanted)

    def _no_key(self, row: int, value: Any, wanted: str) -> KeyTypeError:
        return KeyTypeError(
            f"{self.path}: row {row + 1} of column {self.name!r} is {value!r}, not {wanted}",
            hint='Mend the file; where keys are looked up, errors="coerce" (--errors coerce) takes such rows as missing',
            row=row,
            value=value,
        )


def text_of_uuids(column: pa.Array) -> pa.Array:
    """UUIDs as text: an Arrow array of 16-byte values to an array of strings; nulls stay null."""
    pa = require_pyarrow()
    n = len(column)
    if n == 0:
        return pa.array([], pa.string())
    values = np.frombuffer(column.buffers()[1], np.uint8)[column.offset * 16 : (column.offset + n) * 16].reshape(n, 16)
    text = uuids_to_text(values)
    offsets = np.arange(0, 36 * n + 1, 36, dtype=np.int32)
    nulls = np.asarray(column.is_null())
    validity = pa.py_buffer(np.packbits(~nulls, bitorder="little")) if nulls.any() else None
    return pa.Array.from_buffers(pa.string(), n, [validity, pa.py_buffer(offsets), pa.py_buffer(text)])


def _integer_type(unsigned: bool) -> pa.DataType:
    pa = require_pyarrow()
    return pa.uint64() if unsigned else pa.int64()


def _holds_hexadecimal(column: pa.Array) -> bool:
    # Arrow reads "0x1f" as a number; in a column of ids it is a mistake.
    data = column.buffers()[2]
    if data is None or len(column) == 0:
        return False
    offsets = np.frombuffer(column.buffers()[1], np.int32)
    start, stop = offsets[column.offset], offsets[column.offset + len(column)]
    return bool((np.frombuffer(data, np.uint8)[start:stop] | 0x20 == ord("x")).any())
