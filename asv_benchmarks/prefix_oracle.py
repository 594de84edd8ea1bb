"""The right answers of longest-prefix match, by exact search of each length in turn, longest first: slow and plain.

Numbers are masked to a length and looked up among the prefixes of that length; of text, every piece that could be a prefix is
looked up in a dict.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from .data import Keys, Rows

if TYPE_CHECKING:
    from .prefix_data import PrefixSet


def longest(prefixes: PrefixSet, queries: Keys) -> Rows:
    """The row of the longest prefix of each query, -1 where there is none: int64, shape (m,)."""
    if prefixes.lengths is None:
        return _longest_text(prefixes, queries)
    if prefixes.kind == "ip6":
        return _longest_wide(prefixes, queries)
    bits = 32 if prefixes.kind == "ip4" else 64
    return _by_length(prefixes.keys, prefixes.lengths, prefixes.rows, queries, bits)


def _by_length(keys: Keys, lengths: Any, rows: Any, queries: Keys, bits: int) -> Rows:
    found = np.full(len(queries), -1, np.int64)
    open_ = np.arange(len(queries))
    for length in np.unique(lengths)[::-1].tolist():
        mask = keys.dtype.type((2**length - 1) << (bits - length))
        of_length = np.flatnonzero(lengths == length)
        order = of_length[np.argsort(keys[of_length])]
        masked = queries[open_] & mask
        at = np.minimum(np.searchsorted(keys[order], masked), len(order) - 1)
        equal = keys[order[at]] == masked
        found[open_[equal]] = rows[order[at[equal]]]
        open_ = open_[~equal]
    return found


def _longest_wide(prefixes: PrefixSet, queries: Keys) -> Rows:
    lengths, rows = prefixes.lengths, prefixes.rows
    assert lengths is not None
    assert rows is not None
    short = lengths <= 64
    found = _by_length(prefixes.keys[short, 0].copy(), lengths[short], rows[short], queries[:, 0].copy(), 64)
    # Prefixes longer than /64 are so few that Python's integers do.
    deep = {(_integer(words), length): row for words, length, row in zip(
        prefixes.keys[~short].tolist(), lengths[~short].tolist(), rows[~short].tolist(), strict=True
    )}  # fmt: skip
    by_length = sorted({length for _, length in deep}, reverse=True)
    for i in np.flatnonzero(np.isin(queries[:, 0], prefixes.keys[~short, 0])).tolist():
        address = _integer(queries[i].tolist())
        for length in by_length:
            row = deep.get((address >> (128 - length) << (128 - length), length))
            if row is not None:
                found[i] = row
                break
    return found


def _integer(words: list[int]) -> int:
    return words[0] << 64 | words[1]


def _longest_text(prefixes: PrefixSet, queries: Keys) -> Rows:
    table = dict(zip(prefixes.keys.tolist(), prefixes.rows.tolist(), strict=True))  # type: ignore[union-attr]
    pieces = _PIECES.get(prefixes.kind)
    if pieces is None:
        by_length = sorted({len(key) for key in table}, reverse=True)

        def pieces(text: bytes) -> Iterator[bytes]:
            return (text[:length] for length in by_length if length <= len(text))

    return np.array([_first(table, pieces(text)) for text in queries.tolist()], np.int64)


def _first(table: dict[bytes, int], pieces: Iterator[bytes]) -> int:
    for piece in pieces:
        row = table.get(piece)
        if row is not None:
            return row
    return -1


def _path_pieces(text: bytes) -> Iterator[bytes]:
    while text:
        yield text
        text = text[: max(text.rfind(b"/"), 0)]


def _suffix_pieces(text: bytes) -> Iterator[bytes]:
    while text:
        yield text
        text = text.partition(b".")[2]


_PIECES: dict[str, Callable[[bytes], Iterator[bytes]]] = {"path": _path_pieces, "suffix": _suffix_pieces}
