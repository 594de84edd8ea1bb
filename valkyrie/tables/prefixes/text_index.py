"""The index of the kinds "bytes", "path" and "suffix": prefixes of text, and the wildcard rules of the public suffix list."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any, ClassVar, Self

import numpy as np

from valkyrie._native import TextReader, hashing, read_only
from valkyrie.arrays import KeyColumn, key_column
from valkyrie.arrays.texts import Texts, decode_text, text_piece
from valkyrie.errors import SnapshotFormatError
from valkyrie.tables.content_sum import ContentSum, entry_sum
from valkyrie.tables.prefixes.index import BuiltIndex, PrefixIndex, Queries, raise_duplicate_prefixes
from valkyrie.tables.prefixes.keys import refuse_nulls
from valkyrie.tables.prefixes.malformed import parse_texts, row_text, value_count
from valkyrie.tables.prefixes.text_build import FORMS, normalised
from valkyrie.tables.prefixes.text_prefixes import TextPrefixes
from valkyrie.typing import AnyArray, BoolArray, Errors, Int32Array, Int64Array, OnDuplicate, PrefixKind, UInt64Array

__all__ = ["TextIndex", "text_queries"]


class TextIndex(PrefixIndex):
    """Prefixes of text.

    Attributes
    ----------
    engine : TextPrefixes
        Its texts are in their stored form: with a terminator, domains backwards.
    """

    kinds: ClassVar[tuple[PrefixKind, ...]] = ("bytes", "path", "suffix")

    def __init__(self, engine: TextPrefixes, kind: PrefixKind) -> None:
        self.kind = kind
        self.engine = engine
        self.reader = TextReader(engine.reader_arguments())

    @classmethod
    def build(
        cls, prefixes: Any, lengths: Any, *, kind: PrefixKind, strict: bool, wildcards: bool, on_duplicate: OnDuplicate
    ) -> BuiltIndex:
        column = _texts(prefixes)
        texts = _whole(column)
        data, offsets = normalised(texts.address, texts.length, FORMS[kind])
        engine, order, duplicates = TextPrefixes.build(data, offsets, FORMS[kind], keep_last=on_duplicate == "last")
        if len(duplicates) and on_duplicate == "error":
            raise_duplicate_prefixes(duplicates, lambda at: row_text(column, at))
        return BuiltIndex(cls(engine, kind), order, column.n)

    @classmethod
    def from_columns(cls, columns: Mapping[str, AnyArray], kind: PrefixKind) -> Self:
        engine = TextPrefixes.from_columns(columns)
        if engine.form != FORMS[kind]:
            raise SnapshotFormatError(f"the texts are not stored as kind {kind!r} stores them")
        return cls(engine, kind)

    def to_columns(self) -> dict[str, AnyArray]:
        return self.engine.to_columns()

    @property
    def n(self) -> int:
        return self.engine.n

    @cached_property
    def lengths(self) -> Int32Array:
        """Bytes of each prefix without the terminator that its stored form ends with."""
        stored = self.engine.lengths.astype(np.int32)
        return read_only(stored - (stored > 0) if self.engine.form.terminator >= 0 else stored)

    @property
    def parents(self) -> Int32Array:
        return self.engine.parents

    @property
    def index_nbytes(self) -> int:
        return self.engine.index_nbytes

    def queries(self, keys: Any, *, errors: Errors, threads: int) -> Queries:
        return text_queries(keys, self.engine.lookup, threads)

    def find(self, prefixes: Any, lengths: Any) -> Int32Array:
        texts = _whole(_texts(prefixes))
        return self.engine.find(texts.address, texts.length)

    def ranges(self, prefixes: Any, lengths: Any) -> tuple[Int32Array, Int32Array]:
        column = _texts(prefixes)
        n = value_count(column)
        low, high = np.empty(n, np.int32), np.empty(n, np.int32)
        parse_texts(
            column,
            lambda texts, start, stop: self.engine.ranges(texts.address, texts.length, low[start:stop], high[start:stop]),
            1,
            "prefixes",
        )
        return (low, high) if column.codes is None else (low[column.codes], high[column.codes])

    def merged(self, kept: BoolArray, others: Self) -> tuple[Self, Int64Array]:
        engine, order = self.engine.merged(kept, others.engine)
        return type(self)(engine, self.kind), order

    def ranks_in(self, other: Self) -> Int32Array:
        if self.engine.form.backwards:
            return super().ranks_in(other)
        # A text in its stored form is read like any: it loses one terminator, and has one.
        return other.engine.find(*self.engine.stored_texts())

    def content_sum(self, rows: Int32Array) -> ContentSum:
        address, length = self.engine.stored_texts()

        def hashes(start: int, stop: int, seed: int, out: UInt64Array) -> None:
            hashing.hash_texts(address[start:stop], length[start:stop], seed, 0, out)

        return entry_sum(self.n, hashes, rows)

    def prefixes(self, ranks: Int64Array) -> list[str | bytes]:
        stored = self.engine.key_texts(ranks)
        form = self.engine.form
        if form.terminator >= 0:
            stored = [text[:-1] for text in stored]
        texts = [text[::-1] if form.backwards else text for text in stored]
        if form.terminator >= 0:  # what ends with one still is read without it: "//" is "/" and its terminator
            mark = bytes([form.terminator])
            texts = [text + mark if text.endswith(mark) else text for text in texts]
        return [decode_text(text) for text in texts]

    def warm_up(self) -> bool:
        return self.engine.warm_up()


def text_queries(
    keys: Any, lookup: Callable[[UInt64Array, UInt64Array, Int32Array], None], threads: int
) -> Queries:
    """Read texts to look up; `lookup` writes the ranks of texts, given their addresses and lengths."""
    column = key_column(keys, kind="bytes", lookup="signed")

    def search(out: Int32Array) -> None:
        if column.untyped:
            out[:] = -1
            return
        parse_texts(column, lambda texts, a, b: lookup(texts.address, texts.length, out[a:b]), threads, "keys")

    return Queries(column, value_count(column), None, search)


def _texts(prefixes: Any) -> KeyColumn:
    column = key_column(prefixes, kind="bytes", argument="prefixes")
    refuse_nulls(column.nulls, "prefixes")
    return column


def _whole(column: KeyColumn) -> Texts:
    """Addresses and lengths of all rows."""
    texts = text_piece(column, 0, value_count(column), argument="prefixes")
    if column.codes is None:
        return texts
    return Texts(texts.address[column.codes], texts.length[column.codes], texts.owner)
