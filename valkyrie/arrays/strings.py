"""Text columns as codes into a dictionary of distinct texts.

A payload column of text is gathered by gathering int32 codes; the texts themselves are turned into objects of a library
(Python strings, an Arrow array) once per dictionary, on first use, and shared by every result afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from valkyrie._native import read_only
from valkyrie.arrays.libraries import pyarrow
from valkyrie.errors import ArgumentError, CapacityError
from valkyrie.records import MAX_ROWS
from valkyrie.typing import AnyArray, BoolArray, Int32Array, Int64Array, ObjectArray, UInt8Array

__all__ = ["StringDictionary", "Strings", "is_encodable"]


class StringDictionary:
    """Distinct texts, stored as UTF-8 bytes end to end; immutable.

    Parameters
    ----------
    offsets : ndarray of int64, shape (m + 1,)
        Text ``i`` is ``data[offsets[i]:offsets[i + 1]]``. Borrowed, not copied.
    data : ndarray of uint8, shape (nbytes,)
        UTF-8. Borrowed, not copied.

    Raises
    ------
    ArgumentError
        The offsets do not rise from 0 to at most ``len(data)``. Bytes that are not UTF-8 are found on first use.

    Notes
    -----
    Safe to read from any thread. The forms of libraries (Python strings, Arrow) are made on first use and kept.
    """

    __slots__ = ("_extended", "_forms", "data", "offsets")

    def __init__(self, offsets: Int64Array, data: UInt8Array) -> None:
        offsets = np.ascontiguousarray(offsets, dtype=np.int64)
        data = np.ascontiguousarray(data, dtype=np.uint8)
        if offsets.size == 0 or offsets[0] < 0 or offsets[-1] > data.size or (offsets[1:] < offsets[:-1]).any():
            raise ArgumentError(
                f"offsets: {offsets.size} offsets do not rise, or leave the {data.size} bytes of the texts",
                hint="Text i is data[offsets[i]:offsets[i + 1]]; StringDictionary.from_texts makes both",
                argument="offsets",
            )
        if offsets.size - 1 > MAX_ROWS:
            raise CapacityError(
                f"dictionary: {offsets.size - 1} distinct texts, at most {MAX_ROWS} are possible",
                hint="Split the column into several tables",
            )
        self.offsets = read_only(offsets)
        self.data = read_only(data)
        self._forms: dict[str, Any] = {}
        self._extended: tuple[str, StringDictionary] | None = None

    @classmethod
    def from_texts(cls, texts: Iterable[str]) -> StringDictionary:
        """Encode texts, in the order given.

        Raises
        ------
        UnicodeEncodeError
            A text holds a lone surrogate.
        """
        parts = [text.encode("utf-8") for text in texts]
        offsets = np.zeros(len(parts) + 1, dtype=np.int64)
        np.cumsum([len(part) for part in parts], out=offsets[1:])
        return cls(offsets, np.frombuffer(b"".join(parts), dtype=np.uint8))

    def __len__(self) -> int:
        return int(self.offsets.size) - 1

    def form(self, library: str, make: Callable[[], Any]) -> Any:
        """Return the dictionary in the form of a library, made on first use and kept."""
        if library not in self._forms:
            self._forms[library] = make()
        return self._forms[library]

    @property
    def objects(self) -> ObjectArray:
        """Texts as Python strings, then one None, so that code -1 picks None: ndarray of object, shape (m + 1,)."""
        objects: ObjectArray = self.form("python", self._to_objects)
        return objects

    def arrow(self, *, large: bool = False) -> Any:
        """Return the texts as an Arrow array of string (large_string on request, or when they exceed 2 GiB)."""
        large = large or int(self.offsets[-1]) > MAX_ROWS
        return self.form("arrow large" if large else "arrow", lambda: self._to_arrow(large))

    def _to_objects(self) -> ObjectArray:
        raw = self.data.tobytes()
        bounds = self.offsets.tolist()
        objects = np.empty(len(self) + 1, dtype=object)
        try:
            objects[:-1] = [raw[start:stop].decode("utf-8") for start, stop in pairwise(bounds)]
        except UnicodeDecodeError as error:
            raise _not_utf8(error) from error
        return read_only(objects)

    def _to_arrow(self, large: bool) -> Any:
        pa = pyarrow("an Arrow string column")
        offsets = self.offsets if large else self.offsets.astype(np.int32)
        build = pa.LargeStringArray if large else pa.StringArray
        texts = build.from_buffers(len(self), pa.py_buffer(offsets), pa.py_buffer(self.data))
        try:
            texts.validate(full=True)
        except pa.ArrowInvalid as error:
            raise _not_utf8(error) from error
        return texts

    def extended(self, text: str) -> StringDictionary:
        """Return a dictionary with one more text at the end; the last one asked for is kept."""
        kept = self._extended
        if kept is not None and kept[0] == text:
            return kept[1]
        encoded = np.frombuffer(text.encode("utf-8"), dtype=np.uint8)
        used = int(self.offsets[-1])
        offsets = np.append(self.offsets, used + encoded.size)
        dictionary = StringDictionary(offsets, np.concatenate([self.data[:used], encoded]))
        self._extended = (text, dictionary)
        return dictionary


class Strings:
    """A column of text: one code per row into a shared dictionary; immutable.

    Parameters
    ----------
    codes : ndarray of int32, shape (n,)
        Position in the dictionary; -1 is null. Borrowed, not copied.
    dictionary : StringDictionary
        The distinct texts.

    Raises
    ------
    ArgumentError
        A code is outside the dictionary.
    """

    __slots__ = ("codes", "dictionary")

    def __init__(self, codes: Int32Array, dictionary: StringDictionary) -> None:
        codes = np.ascontiguousarray(codes, dtype=np.int32)
        if codes.size and (int(codes.min()) < -1 or int(codes.max()) >= len(dictionary)):
            raise ArgumentError(
                f"codes: {int(codes.min())} to {int(codes.max())} are not all in the dictionary of {len(dictionary)} texts",
                hint="A code is the position of a text, or -1 for null; Strings.from_texts makes both",
                argument="codes",
            )
        self.codes = read_only(codes)
        self.dictionary = dictionary

    @classmethod
    def from_texts(cls, texts: Sequence[str | None], argument: str = "column") -> Strings:
        """Give equal texts equal codes, in order of first occurrence; None is null.

        Raises
        ------
        ArgumentError
            A text holds a lone surrogate, so it has no UTF-8 form.
        """
        index: dict[str | None, int] = {None: -1}
        codes = np.fromiter((index.setdefault(text, len(index) - 1) for text in texts), np.int32, len(texts))
        del index[None]
        try:
            return cls(codes, StringDictionary.from_texts(text for text in index if text is not None))
        except UnicodeEncodeError as error:
            position = next(i for i, text in enumerate(texts) if text == error.object)
            raise ArgumentError(
                f"{argument}: the text at position {position} holds a lone surrogate",
                hint="Decode the source with errors='replace', or keep it as bytes",
                argument=argument,
                position=position,
            ) from error

    def __len__(self) -> int:
        return int(self.codes.size)

    @property
    def nulls(self) -> BoolArray:
        """Where the column is null: ndarray of bool, shape (n,)."""
        return self.codes < 0

    @property
    def nbytes(self) -> int:
        """Bytes of the codes, the offsets and the texts."""
        return int(self.codes.nbytes + self.dictionary.offsets.nbytes + self.dictionary.data.nbytes)

    def take(self, rows: AnyArray) -> Strings:
        """Pick rows (any numpy index: integers, slice, mask); the dictionary is shared."""
        return Strings(self.codes[rows], self.dictionary)

    def masked(self, missing: BoolArray | None) -> Strings:
        """Make rows null where ``missing`` is True."""
        if missing is None or not missing.any():
            return self
        return Strings(np.where(missing, np.int32(-1), self.codes), self.dictionary)

    def filled(self, text: str) -> Strings:
        """Put ``text`` where the column is null."""
        nulls = self.nulls
        if not nulls.any():
            return self
        dictionary = self.dictionary.extended(text)
        return Strings(np.where(nulls, np.int32(len(dictionary) - 1), self.codes), dictionary)

    def to_objects(self) -> ObjectArray:
        """Return Python strings, None where null: ndarray of object, shape (n,)."""
        return self.dictionary.objects[self.codes]


def is_encodable(text: str) -> bool:
    """Tell whether a text has a UTF-8 form: one that holds a lone surrogate has none."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _not_utf8(reason: Exception) -> ArgumentError:
    return ArgumentError(
        "dictionary: a text is not valid UTF-8",
        hint="The table is damaged or was made of other bytes: build it again from text",
        reason=str(reason),
    )
