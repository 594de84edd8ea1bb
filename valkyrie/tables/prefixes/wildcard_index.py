"""The rules of the public suffix list as prefixes: ``*.ck`` reaches one label further than ``ck``, ``!www.ck`` takes that back.

A rule is a *base*, a domain, and how it counts there. Bases are searched like any suffixes; each knows which rule wins for a name
that is the base itself, and which for a longer one, so a search costs nothing more:

    plain       ck          holds for the base and for all that is longer
    wildcard    *.ck        holds for what is longer, by one label more
    exception   !www.ck     wins over every other rule, wherever it holds

Ranks are those of rules: sorted by base, in each base plain, then exception, then wildcard. (The algorithm of
publicsuffix.org: of the rules that match an exception prevails, else the one with the most labels.)
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any, ClassVar, Self, cast

import numpy as np

from valkyrie._native import TextReader, freeze, frozen, hashing, read_only
from valkyrie.arrays import key_column
from valkyrie.arrays.texts import decode_text
from valkyrie.errors import KeyTypeError, SnapshotFormatError
from valkyrie.tables.content_sum import ContentSum, entry_sum
from valkyrie.tables.prefixes.index import BuiltIndex, PrefixIndex, Queries, without_duplicates
from valkyrie.tables.prefixes.keys import refuse_nulls
from valkyrie.tables.prefixes.malformed import refused_at
from valkyrie.tables.prefixes.order import stored_column
from valkyrie.tables.prefixes.text_index import TextIndex, text_queries
from valkyrie.typing import AnyArray, BoolArray, Errors, Int32Array, Int64Array, OnDuplicate, PrefixKind, UInt8Array, UInt64Array

__all__ = ["WildcardIndex"]

_PLAIN, _EXCEPTION, _WILDCARD = 0, 1, 2
_MARKS = ("", "!", "*.")


class WildcardIndex(PrefixIndex):
    """Rules of the public suffix list.

    Attributes
    ----------
    bases : TextIndex
        The distinct bases.
    base_of : ndarray of int32, shape (n,)
        Rank of the base of each rule.
    sorts : ndarray of uint8, shape (n,)
        0 plain, 1 exception, 2 wildcard.
    """

    kinds: ClassVar[tuple[PrefixKind, ...]] = ()

    def __init__(self, bases: TextIndex, base_of: Int32Array, sorts: UInt8Array) -> None:
        self.kind = "suffix"
        self.bases, self.base_of, self.sorts = bases, frozen(base_of), frozen(sorts)
        n = bases.n
        self._first = freeze(np.searchsorted(base_of, np.arange(n + 1)).astype(np.int32))
        self._at_base, self._beyond = map(freeze, _winners(bases.parents, base_of, sorts))
        self.reader = TextReader(bases.engine.reader_arguments(), winners=(self._at_base, self._beyond))

    @classmethod
    def build(
        cls, prefixes: Any, lengths: Any, *, kind: PrefixKind, strict: bool, wildcards: bool, on_duplicate: OnDuplicate
    ) -> BuiltIndex:
        texts, sorts = _parsed(prefixes)
        built = TextIndex.build(texts, None, kind="suffix", strict=strict, wildcards=False, on_duplicate="first")
        bases = built.search
        assert isinstance(bases, TextIndex)
        base_of = bases.find(texts, None) if texts else np.empty(0, np.int32)
        order = np.lexsort((sorts, base_of))
        equal = (base_of[order[1:]] == base_of[order[:-1]]) & (sorts[order[1:]] == sorts[order[:-1]])
        order = without_duplicates(order, equal, on_duplicate, lambda at: _MARKS[sorts[at]] + str(texts[at]))
        return BuiltIndex(cls(bases, base_of[order], sorts[order]), order, len(texts))

    @classmethod
    def from_columns(cls, columns: Mapping[str, AnyArray], kind: PrefixKind) -> Self:
        bases = TextIndex.from_columns({name: array for name, array in columns.items() if name not in _OWN}, "suffix")
        base_of, sorts = stored_column(columns, "base_of", np.int32), stored_column(columns, "sorts", np.uint8)
        inside = len(base_of) == len(sorts) and (base_of >= 0).all() and (base_of < bases.n).all() and (sorts <= _WILDCARD).all()
        rising = inside and (np.diff(base_of.astype(np.int64) * 4 + sorts) > 0).all()
        if not rising or len(np.unique(base_of)) != bases.n:
            raise SnapshotFormatError("the rules of a table with wildcards are not in order", hint=_AGAIN)
        return cls(bases, base_of, sorts)

    def to_columns(self) -> dict[str, AnyArray]:
        return self.bases.to_columns() | {"base_of": self.base_of, "sorts": self.sorts}

    @property
    def n(self) -> int:
        return len(self.base_of)

    @cached_property
    def lengths(self) -> Int32Array:
        """Bytes of the base of each rule."""
        return read_only(self.bases.lengths[self.base_of])

    @cached_property
    def parents(self) -> Int32Array:
        """The rule before in the same base, else the last of the base above."""
        parents = np.arange(-1, self.n - 1, dtype=np.int32)
        first = self._first[:-1]
        above = self.bases.parents
        parents[first] = np.where(above < 0, np.int32(-1), self._first[1:][above] - 1)
        return read_only(parents)

    @property
    def index_nbytes(self) -> int:
        return self.bases.index_nbytes + int(self._at_base.nbytes + self._beyond.nbytes)

    def arrays(self) -> tuple[AnyArray, ...]:
        return (*super().arrays(), self._first, self._at_base, self._beyond)

    def queries(self, keys: Any, *, errors: Errors, threads: int) -> Queries:
        return text_queries(keys, self._lookup, threads)

    def _lookup(self, address: UInt64Array, length: UInt64Array, out: Int32Array) -> None:
        engine = self.bases.engine
        engine.lookup(address, length, out)
        if self.n:
            # A name is its base if nothing is left but the dot of the root; a stored text has a terminator of its own.
            longer = engine.trimmed(address, length) + np.uint64(1) > engine.lengths[out]
            out[:] = np.where(out < 0, -1, np.where(longer, self._beyond[out], self._at_base[out]))

    def find(self, prefixes: Any, lengths: Any) -> Int32Array:
        texts, sorts = _parsed(prefixes)
        base = self.bases.find(texts, None) if texts else np.empty(0, np.int32)
        out = np.full(len(texts), -1, np.int32)
        if not self.n:
            return out
        begin, end = self._first[base], np.where(base < 0, 0, self._first[base + 1])
        for step in range(len(_MARKS)):  # a base has at most one rule of each sort
            at = begin + np.int32(step)
            found = (at < end) & (self.sorts[np.minimum(at, self.n - 1)] == sorts)
            out[found] = at[found]
        return out

    def ranges(self, prefixes: Any, lengths: Any) -> tuple[Int32Array, Int32Array]:
        """Ranks of the rules whose base lies under each domain; a mark in front of it does not count."""
        texts, _ = _parsed(prefixes)
        lo, hi = self.bases.ranges(texts, None) if texts else (np.empty(0, np.int32), np.empty(0, np.int32))
        return self._first[lo], self._first[hi]

    def merged(self, kept: BoolArray, others: Self) -> tuple[Self, Int64Array]:
        rules = self.prefixes(np.flatnonzero(kept)) + others.prefixes(np.arange(others.n))
        built = type(self).build(rules, None, kind="suffix", strict=True, wildcards=True, on_duplicate="error")
        return cast(Self, built.search), built.order

    def content_sum(self, rows: Int32Array) -> ContentSum:
        address, length = (column[self.base_of] for column in self.bases.engine.stored_texts())
        sorts = self.sorts.astype(np.uint64) << np.uint64(32)

        def hashes(start: int, stop: int, seed: int, out: UInt64Array) -> None:
            hashing.hash_texts(address[start:stop], length[start:stop], seed, 0, out)
            out ^= sorts[start:stop]

        return entry_sum(self.n, hashes, rows)

    def prefixes(self, ranks: Int64Array) -> list[str]:
        bases = self.bases.prefixes(self.base_of[ranks].astype(np.int64))
        return [_MARKS[sort] + str(base) for sort, base in zip(self.sorts[ranks].tolist(), bases, strict=True)]

    def check(self, sample: int | None) -> None:
        self.bases.check(sample)

    def warm_up(self) -> bool:
        return self.bases.warm_up()


_OWN = ("base_of", "sorts")
_AGAIN = "Build and save the table again"


def _parsed(prefixes: Any) -> tuple[list[str], UInt8Array]:
    """Rules as bases and how they count."""
    column = key_column(prefixes, kind="bytes", argument="prefixes")
    refuse_nulls(column.nulls, "prefixes")
    rules = column.box.column(np.empty(0)) if column.n == 0 else _as_list(prefixes)
    texts, sorts = [], np.zeros(len(rules), np.uint8)
    for position, rule in enumerate(rules):
        text = decode_text(rule) if isinstance(rule, bytes) else rule
        if not isinstance(text, str):
            raise KeyTypeError(
                f"prefixes: the rule at position {position} is no text", hint="Rules are UTF-8 text", position=position
            )
        sorts[position] = _EXCEPTION if text.startswith("!") else _WILDCARD if text.startswith("*.") else _PLAIN
        base = text.removeprefix(_MARKS[sorts[position]])
        if "*" in base or "!" in base or (not base and sorts[position] != _PLAIN):
            mend = "A rule is a domain, or one behind '*.' or '!'"
            raise refused_at("prefixes", position, repr(text), "is no rule of the public suffix list", mend, value=text)
        texts.append(base)
    return texts, sorts


def _as_list(prefixes: Any) -> list[Any]:
    return list(prefixes.to_pylist() if hasattr(prefixes, "to_pylist") else prefixes)


def _winners(above: Int32Array, base_of: Int32Array, sorts: UInt8Array) -> tuple[Int32Array, Int32Array]:
    """By base, the rule that wins for a name that is the base, and for a longer one; -1 where none does."""
    n = len(above)
    own = np.full((3, n), -1, np.int32)
    own[sorts, base_of] = np.arange(len(base_of), dtype=np.int32)
    at_base, beyond = np.empty(n, np.int32), np.empty(n, np.int32)
    excepted: BoolArray = np.zeros(n, np.bool_)
    for base, (parent, plain, exception, wildcard) in enumerate(zip(above.tolist(), *own.tolist(), strict=True)):
        inherited = int(beyond[parent]) if parent >= 0 else -1
        if exception >= 0:
            at_base[base] = beyond[base] = exception
            excepted[base] = True
        elif parent >= 0 and excepted[parent]:
            at_base[base] = beyond[base] = inherited
            excepted[base] = True
        else:
            at_base[base] = plain if plain >= 0 else inherited
            beyond[base] = wildcard if wildcard >= 0 else at_base[base]
    return at_base, beyond
