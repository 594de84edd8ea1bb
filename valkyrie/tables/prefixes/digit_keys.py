"""Digit strings, such as telephone numbers, as words: text or integers, with or without a plus."""

from __future__ import annotations

from typing import Any

import numpy as np

from valkyrie._native import addresses, read_only
from valkyrie.arrays import KeyColumn, key_column
from valkyrie.arrays.texts import Texts
from valkyrie.errors import KeyTypeError
from valkyrie.parallel import run, thread_count
from valkyrie.tables.located import check_errors
from valkyrie.tables.prefixes.keys import WordColumn, WordPrefixes, refuse_nulls
from valkyrie.tables.prefixes.malformed import malformed_rows, parse_texts, refused_at, row_text, value_count
from valkyrie.typing import BoolArray, Errors, UInt8Array, UInt64Array

__all__ = ["MOST_DIGITS", "digit_prefixes", "digit_queries"]

MOST_DIGITS = 16
"""Digits of a word: more than E.164 allows."""

_WHAT = "a string of digits"
_MEND = "Only digits count, with a + in front or not: take spaces, hyphens and brackets out first"
_CHUNK = 1 << 16


def digit_queries(keys: Any, *, errors: Errors = "coerce", argument: str = "keys", threads: int | None = 1) -> WordColumn:
    """Read digit strings to look up; of more than 16 digits, the first 16.

    Parameters
    ----------
    keys : array-like, length n
        Text of ASCII digits, a ``+`` in front or not, or integers of any width, in any container that `key_column` reads. An
        integer has no leading zeros.
    errors : {"coerce", "raise"}
        What becomes of other text, and of negative numbers: flagged as bad, or an error.
    argument : str
        Name of the caller's argument, for messages.
    threads : int or None
        How many threads read; None is all.

    Returns
    -------
    WordColumn
        See `keys` for the words.

    Raises
    ------
    ArgumentError
        A malformed value, with ``errors="raise"``: the first is named, and how many there are.
    KeyTypeError
        Neither text nor integers.
    """
    check_errors(errors)
    column = _column(keys, argument)
    words, _, bad = _read(column, thread_count(threads), argument)
    bad = malformed_rows(column, bad, errors, argument, _WHAT, _MEND)
    return WordColumn(column.n, column.box, column.nulls, bad, column.codes, words=read_only(words))


def digit_prefixes(prefixes: Any, *, argument: str = "prefixes") -> WordPrefixes:
    """Read digit strings as prefixes, in the order given, duplicates and all; the empty text is the prefix of everything.

    Parameters
    ----------
    prefixes : array-like, length n
        As for `digit_queries`, of at most 16 digits, none null.
    argument : str
        Name of the caller's argument, for messages.

    Raises
    ------
    ArgumentError
        Other text, a negative number, or more than 16 digits: the first is named, and how many there are.
    KeyTypeError
        A null, or neither text nor integers.
    """
    column = _column(prefixes, argument)
    refuse_nulls(column.nulls, argument)
    words, counts, bad = _read(column, 1, argument)
    malformed_rows(column, bad, "raise", argument, _WHAT, _MEND)
    if column.codes is not None:
        words, counts = words[column.codes], counts[column.codes]
    longer = counts == addresses.MORE_DIGITS
    if longer.any():
        position = int(np.argmax(longer))
        text = row_text(column, position)
        problem = f"has more than {MOST_DIGITS} digits"
        mend = f"A prefix has at most {MOST_DIGITS}; use kind='bytes' for longer ones"
        raise refused_at(argument, position, repr(text), problem, mend, count=int(longer.sum()), value=text)
    return WordPrefixes(column.n, words, counts)


def _column(keys: Any, argument: str) -> KeyColumn:
    column = key_column(keys, argument=argument)
    if column.kind == "b16":
        raise KeyTypeError(
            f"{argument}: digit strings are needed, got 128-bit ids", hint="Give text or integers", argument=argument
        )
    return column


def _read(column: KeyColumn, threads: int, argument: str) -> tuple[UInt64Array, UInt8Array, BoolArray | None]:
    """Words, counts of digits, and which values are malformed."""
    n = value_count(column)
    words, counts = np.empty(n, np.uint64), np.empty(n, np.uint8)
    if column.kind == "int":
        values = column.values

        def convert(start: int, stop: int) -> None:
            # two's complement of a negative number, which is flagged below
            numbers = values[start:stop].astype(np.int64 if values.dtype.kind == "i" else np.uint64).view(np.uint64)
            addresses.digits_of_numbers(numbers, words[start:stop], counts[start:stop])

        run(convert, n, threads=threads, chunk=_CHUNK)
        return words, counts, values < 0 if values.dtype.kind == "i" else None

    def parse(texts: Texts, start: int, stop: int) -> None:
        addresses.parse_digits(texts.address, texts.length, words[start:stop], counts[start:stop])

    parse_texts(column, parse, threads, argument)
    return words, counts, counts == addresses.MALFORMED
