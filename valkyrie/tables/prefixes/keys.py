"""What prefixes and the queries of prefix tables are once read: plain arrays, whatever container and form they came in.

Each kind has a module that reads it (`ip_keys`, `ip_networks`, `digit_keys`, `bit_keys`) and gives one of two forms:

    queries     IpColumn, WordColumn      answers go back into the caller's container; nulls and malformed queries are misses
    prefixes    IpPrefixes, WordPrefixes  for a build or an exact search; all of them good, or an error

A *word* is a uint64 whose leading bits count: of kind "bits" the bits themselves, of kind "digits" a nibble of digit + 1 for each
digit, and zeros behind the last. So "12" is 0x23000..., its continuations begin with 0x23 and are greater, and a number never
matches a prefix that is longer than itself.
"""

from __future__ import annotations

import reprlib
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np

from valkyrie._native import read_only
from valkyrie.arrays import Container, key_column
from valkyrie.errors import ArgumentError, KeyTypeError
from valkyrie.tables.prefixes.malformed import refused_at
from valkyrie.typing import AnyArray, BoolArray, Int32Array, UInt8Array, UInt32Array, UInt64Array

__all__ = [
    "IpColumn",
    "IpPrefixes",
    "WordColumn",
    "WordPrefixes",
    "any_of",
    "leading_ones",
    "prefix_lengths",
    "refuse_nulls",
]


MOST_BITS = 128
"""Of the longest prefix there is, one IPv6 address."""


@dataclass(frozen=True, slots=True)
class _Queries:
    """What all columns of queries have.

    Attributes
    ----------
    n : int
        Rows of the input.
    box : Container
        How to give results back.
    nulls : ndarray of bool, shape (n,), optional
        True where the query is null; None if none is.
    bad : ndarray of bool, shape (m,), optional
        True where the value is malformed; None if none is.
    codes : ndarray of int32, shape (n,), optional
        Dictionary-encoded input: row i has value ``codes[i]`` of m; -1 (and `nulls`) where null. Without, m is n.
    """

    n: int
    box: Container
    nulls: BoolArray | None = None
    bad: BoolArray | None = None
    codes: Int32Array | None = None

    def _taken(self, values: Any) -> Any:
        """The values of every row; of a null, and where the dictionary is empty, zero."""
        if values is None or self.codes is None:
            return values
        padded = np.append(values, np.zeros(1, values.dtype))  # a null's code is -1
        return np.take(padded, self.codes, mode="wrap")


@dataclass(frozen=True, slots=True)
class IpColumn(_Queries):
    """Addresses to look up; those of m values in arrays of numbers.

    Values that are null or malformed are arbitrary, and of family 0. All arrays are C-contiguous, native, aligned and read-only.

    Attributes
    ----------
    family : ndarray of uint8, shape (m,), optional
        4, 6 or 0; None if all good values are of one family: then only the array of that family is there.
    v4 : ndarray of uint32, shape (m,), optional
        IPv4 addresses as numbers.
    v6 : ndarray of uint64, shape (2 m,), optional
        The memory of IPv6 addresses of 16 bytes in network order: on most machines, words to be swapped.
    """

    family: UInt8Array | None = None
    v4: UInt32Array | None = None
    v6: UInt64Array | None = None

    def expanded(self) -> Self:
        """The same with one value a row, without codes."""
        if self.codes is None:
            return self
        v6 = None if self.v6 is None else read_only(self._taken(self.v6.view("V16")).view(np.uint64))
        return replace(
            self,
            bad=any_of(self._taken(self.bad)),
            codes=None,
            family=read_only(self._taken(self.family)),
            v4=read_only(self._taken(self.v4)),
            v6=v6,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class WordColumn(_Queries):
    """Words to look up: of kind "digits" or "bits".

    Attributes
    ----------
    words : ndarray of uint64, shape (m,)
        C-contiguous, native, aligned and read-only; arbitrary where null or malformed.
    """

    words: UInt64Array

    def expanded(self) -> Self:
        """The same with one value a row, without codes."""
        if self.codes is None:
            return self
        return replace(self, bad=any_of(self._taken(self.bad)), codes=None, words=read_only(self._taken(self.words)))


@dataclass(frozen=True, slots=True)
class IpPrefixes:
    """Networks in the order they came in; bits behind the length are zero.

    Attributes
    ----------
    n : int
    lengths : ndarray of uint8, shape (n,)
        Bits of the prefix: up to 32 for IPv4, up to 128 for IPv6.
    family : ndarray of uint8, shape (n,), optional
        4 or 6; None if all are of one family: then only the array of that family is there.
    v4 : ndarray of uint32, shape (n,), optional
        First address, 0 where the family is 6.
    high, low : ndarray of uint64, shape (n,), optional
        The halves of the first address as numbers, 0 where the family is 4.
    """

    n: int
    lengths: UInt8Array
    family: UInt8Array | None = None
    v4: UInt32Array | None = None
    high: UInt64Array | None = None
    low: UInt64Array | None = None


@dataclass(frozen=True, slots=True)
class WordPrefixes:
    """Prefixes of kind "digits" or "bits" in the order they came in; what is behind the length is zero.

    Attributes
    ----------
    n : int
    words : ndarray of uint64, shape (n,)
    lengths : ndarray of uint8, shape (n,)
        In digits (0 to 16) or bits (0 to 64).
    """

    n: int
    words: UInt64Array
    lengths: UInt8Array


def any_of(flags: BoolArray | None) -> BoolArray | None:
    """The flags, or None if none is set."""
    return flags if flags is not None and flags.any() else None


def refuse_nulls(nulls: BoolArray | None, argument: str) -> None:
    """Raise KeyTypeError if there is a null."""
    if nulls is None or not nulls.any():
        return
    position = int(np.argmax(nulls))
    raise KeyTypeError(
        f"{argument}: null at position {position} ({int(nulls.sum())} in all)",
        hint="A prefix cannot be null: drop those rows first",
        argument=argument,
        position=position,
    )


def prefix_lengths(lengths: Any, n: int, most: AnyArray | int, argument: str = "lengths") -> UInt8Array:
    """Read the lengths of n prefixes: an integer each, or one for all.

    Parameters
    ----------
    most : int or ndarray of int, shape (n,)
        Greatest length that is possible.

    Raises
    ------
    ArgumentError
        Not n whole numbers, or one that is out of range; its position is named.
    KeyTypeError
        One is null.
    """
    if isinstance(lengths, int | np.integer) and not isinstance(lengths, bool):
        limit = most if isinstance(most, int) else int(most.max(initial=0)) or MOST_BITS
        if not 0 <= lengths <= limit:
            raise _no_length(int(lengths), 0, limit, argument)
        values: AnyArray = np.full(n, lengths, np.int64)
    else:
        try:
            column = key_column(lengths, kind="int", argument=argument)
        except (KeyTypeError, ArgumentError) as error:
            raise ArgumentError(
                f"{argument} must be whole numbers of bits, one for each prefix or one for all; got {reprlib.repr(lengths)}",
                hint="The length is how many leading bits count",
                argument=argument,
            ) from error
        refuse_nulls(column.nulls, argument)
        if column.n != n:
            raise ArgumentError(
                f"{argument}: one length for each of {n} prefixes is needed, got {column.n}",
                hint="Give as many, or one number for all",
                argument=argument,
            )
        values = column.values if column.codes is None else column.values[column.codes]
    wrong = np.flatnonzero((values < 0) | (values > most))
    if wrong.size:
        position = int(wrong[0])
        limit = most if isinstance(most, int) else int(most[position])
        raise _no_length(int(values[position]), position, limit, argument, wrong.size)
    return np.ascontiguousarray(values, np.uint8)


def _no_length(value: int, position: int, limit: int, argument: str, count: int = 1) -> ArgumentError:
    problem, mend = f"is not between 0 and {limit}", "The length is how many leading bits count"
    return refused_at(argument, position, value, problem, mend, count=count, value=value)


def leading_ones(lengths: UInt8Array) -> UInt64Array:
    """Words whose leading bits are set, as many as the lengths say, 0 to 64: ndarray of uint64."""
    bits = lengths.astype(np.uint64)
    # of a shift by 64 nobody knows the result
    ones: UInt64Array = np.where(bits == 0, np.uint64(0), np.uint64(2**64 - 1) << ((np.uint64(64) - bits) & np.uint64(63)))
    return ones
