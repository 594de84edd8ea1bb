"""The index of the kinds "digits" and "bits": prefixes of words of 64 bits, which count digits or bits."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any, ClassVar, Self

import numpy as np

from valkyrie._native import WordReader, read_only
from valkyrie.parallel import run
from valkyrie.tables.content_sum import ContentSum, record_sum
from valkyrie.tables.prefixes.bit_keys import bit_prefixes, bit_queries
from valkyrie.tables.prefixes.digit_keys import digit_prefixes, digit_queries
from valkyrie.tables.prefixes.index import BuiltIndex, PrefixIndex, Queries, without_duplicates
from valkyrie.tables.prefixes.interval_prefixes import Uint64Prefixes
from valkyrie.tables.prefixes.keys import WordPrefixes
from valkyrie.typing import AnyArray, BoolArray, Errors, Int32Array, Int64Array, OnDuplicate, PrefixKind, UInt8Array

__all__ = ["WordIndex"]

_CHUNK = 1 << 19
_BITS_PER_DIGIT = 4
_WORD = np.dtype([("word", "<u8"), ("length", "<u8")])


class WordIndex(PrefixIndex):
    """Prefixes of words.

    Attributes
    ----------
    engine : Uint64Prefixes
        Its lengths are in bits, also for digits.
    """

    kinds: ClassVar[tuple[PrefixKind, ...]] = ("digits", "bits")

    def __init__(self, engine: Uint64Prefixes, kind: PrefixKind) -> None:
        self.kind = kind
        self.engine = engine
        self.reader = WordReader(engine.reader_arguments(), digits=kind == "digits")

    @classmethod
    def build(
        cls, prefixes: Any, lengths: Any, *, kind: PrefixKind, strict: bool, wildcards: bool, on_duplicate: OnDuplicate
    ) -> BuiltIndex:
        given = _read(prefixes, lengths, kind, strict=strict)
        order = np.lexsort((given.lengths, given.words)) if kind == "bits" else np.argsort(given.words, kind="stable")
        words, counts = given.words[order], given.lengths[order]
        equal = (words[1:] == words[:-1]) & (counts[1:] == counts[:-1])
        order = without_duplicates(
            order, equal, on_duplicate, lambda at: _written(int(given.words[at]), int(given.lengths[at]), kind)
        )
        engine = Uint64Prefixes.build(given.words[order], _bits(given.lengths[order], kind))
        return BuiltIndex(cls(engine, kind), order, given.n)

    @classmethod
    def from_columns(cls, columns: Mapping[str, AnyArray], kind: PrefixKind) -> Self:
        return cls(Uint64Prefixes.from_columns(columns), kind)

    def to_columns(self) -> dict[str, AnyArray]:
        return self.engine.to_columns()

    @property
    def n(self) -> int:
        return self.engine.n

    @cached_property
    def lengths(self) -> Int32Array:
        return read_only(self.engine.lengths.astype(np.int32) // (_BITS_PER_DIGIT if self.kind == "digits" else 1))

    @property
    def parents(self) -> Int32Array:
        return self.engine.parents

    @property
    def index_nbytes(self) -> int:
        return self.engine.index_nbytes

    def queries(self, keys: Any, *, errors: Errors, threads: int) -> Queries:
        if self.kind == "digits":
            column = digit_queries(keys, errors=errors, threads=threads)
        else:
            column = bit_queries(keys)
        words = column.words
        chunk = min(_CHUNK, max(4096, -(-len(words) // threads)))

        def search(out: Int32Array) -> None:
            run(lambda a, b: self.engine.lookup(words[a:b], out[a:b]), len(words), threads=threads, chunk=chunk)

        return Queries(column, len(words), column.bad, search)

    def find(self, prefixes: Any, lengths: Any) -> Int32Array:
        given = _read(prefixes, lengths, self.kind)
        return self.engine.find(given.words, _bits(given.lengths, self.kind))

    def ranges(self, prefixes: Any, lengths: Any) -> tuple[Int32Array, Int32Array]:
        given = _read(prefixes, lengths, self.kind)
        return self.engine.ranges(given.words, _bits(given.lengths, self.kind))

    def merged(self, kept: BoolArray, others: Self) -> tuple[Self, Int64Array]:
        columns, order = self.engine.order.merged(kept, others.engine.order)
        return type(self)(Uint64Prefixes.build(columns.starts, columns.lengths), self.kind), order

    def content_sum(self, rows: Int32Array) -> ContentSum:
        words = np.zeros(self.n, _WORD)
        words["word"], words["length"] = self.engine.starts, self.engine.lengths
        return record_sum(words, rows)

    def prefixes(self, ranks: Int64Array) -> list[Any]:
        words, lengths = self.engine.starts[ranks].tolist(), self.lengths[ranks].tolist()
        return [_written(word, length, self.kind) for word, length in zip(words, lengths, strict=True)]

    def ranks_in(self, other: Self) -> Int32Array:
        return other.engine.find(self.engine.starts, self.engine.lengths)

    def asked(self, prefixes: list[Any]) -> tuple[Any, Any, Any]:
        if self.kind == "digits":
            return prefixes, prefixes, None
        words = np.array([word for word, _ in prefixes], np.uint64)
        return words, words, [length for _, length in prefixes]

    def warm_up(self) -> bool:
        return self.engine.warm_up()


def _read(prefixes: Any, lengths: Any, kind: PrefixKind, *, strict: bool = True) -> WordPrefixes:
    return digit_prefixes(prefixes) if kind == "digits" else bit_prefixes(prefixes, lengths, strict=strict)


def _bits(lengths: UInt8Array, kind: PrefixKind) -> UInt8Array:
    return lengths * np.uint8(_BITS_PER_DIGIT) if kind == "digits" else lengths


def _written(word: int, length: int, kind: PrefixKind) -> str | tuple[int, int]:
    """Digits as text; bits as (word, length)."""
    if kind == "bits":
        return word, length
    return "".join(chr(ord("0") - 1 + (word >> 60 - _BITS_PER_DIGIT * i & 15)) for i in range(length))


