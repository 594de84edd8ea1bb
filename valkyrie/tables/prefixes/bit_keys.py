"""Bit strings of up to 64 bits, left-aligned in uint64: hardware addresses, leading bits of hashes, shards."""

from __future__ import annotations

from typing import Any

import numpy as np

from valkyrie._native import read_only
from valkyrie.arrays import KeyColumn, ListBox, key_column
from valkyrie.errors import ArgumentError, KeyTypeError
from valkyrie.tables.prefixes.keys import WordColumn, WordPrefixes, leading_ones, prefix_lengths, refuse_nulls
from valkyrie.tables.prefixes.malformed import refused_at
from valkyrie.typing import UInt64Array

__all__ = ["bit_prefixes", "bit_queries"]


def bit_queries(keys: Any, *, argument: str = "keys") -> WordColumn:
    """Read words to look up: no value is malformed.

    Parameters
    ----------
    keys : array-like, length n
        uint64, in any container that `key_column` reads, or Python ints from 0 to 2**64 - 1 in a list or an array of objects.
    argument : str
        Name of the caller's argument, for messages.

    Raises
    ------
    KeyTypeError
        Anything else: integers of another width would be aligned to the right.
    """
    column, words = _words(keys, argument)
    return WordColumn(column.n, column.box, column.nulls, codes=column.codes, words=read_only(words))


def bit_prefixes(prefixes: Any, lengths: Any, *, strict: bool = True, argument: str = "prefixes") -> WordPrefixes:
    """Read prefixes of bits, in the order given, duplicates and all.

    Parameters
    ----------
    prefixes : array-like, length n
        As for `bit_queries`, none null.
    lengths : array-like of int, length n, or int
        How many leading bits of each count: 0 to 64.
    strict : bool
        Whether bits behind the length are an error; otherwise they are cleared.
    argument : str
        Name of the caller's argument, for messages.

    Raises
    ------
    ArgumentError
        A length that is missing or out of range, or bits set behind it: the first is named, and how many there are.
    KeyTypeError
        A null, or anything but uint64.
    """
    column, words = _words(prefixes, argument)
    refuse_nulls(column.nulls, argument)
    if lengths is None:
        raise ArgumentError(
            f"{argument}: prefixes of bits need their lengths",
            hint="Give lengths=, one for each or one number for all",
            argument="lengths",
        )
    if column.codes is not None:
        words = words[column.codes]
    bits = prefix_lengths(lengths, column.n, 64)
    kept = words & leading_ones(bits)
    beyond = kept != words
    if strict and beyond.any():
        position = int(np.argmax(beyond))
        value, length = int(words[position]), int(bits[position])
        problem = f"has bits set behind its length: the prefix is {int(kept[position]):#018x}"
        mend = "Align it to the left; build(strict=False) clears such bits"
        shown = f"{value:#018x}/{length}"
        raise refused_at(argument, position, shown, problem, mend, count=int(beyond.sum()), value=value)
    return WordPrefixes(column.n, kept, bits)


def _words(keys: Any, argument: str) -> tuple[KeyColumn, UInt64Array]:
    """The column, and its values as native, aligned uint64."""
    column = key_column(keys, argument=argument)
    values = column.values
    if column.untyped:
        return column, np.zeros(column.n, np.uint64)
    if column.kind != "int":
        what = "text or bytes" if column.kind == "bytes" else "128-bit ids"
        raise KeyTypeError(
            f"{argument}: words of bits are uint64, got {what}",
            hint="Make numbers of text, and shift them to the left: int('acde48', 16) << 40 for 24 bits",
            argument=argument,
            got=what,
        )
    of_objects = isinstance(column.box, ListBox) or str(getattr(keys, "dtype", "")) == "object"
    for number in set(map(type, keys)) if of_objects else ():
        if issubclass(number, np.integer) and np.dtype(number) != np.uint64:
            raise _other_width(np.dtype(number), argument)
    if values.dtype.newbyteorder("=") == np.uint64:
        return column, np.require(values, np.uint64, ["C_CONTIGUOUS", "ALIGNED"])
    # of Python ints, which have no width, only the value counts
    if of_objects:
        negative = values < 0
        if negative.any():
            position = int(np.argmax(negative))
            raise KeyTypeError(
                f"{argument}: {int(values[position])} at position {position} is negative",
                hint="Words of bits are 0 to 2**64 - 1",
                argument=argument,
                position=position,
            )
        return column, values.astype(np.uint64)
    raise _other_width(values.dtype, argument)


def _other_width(dtype: np.dtype[Any], argument: str) -> KeyTypeError:
    return KeyTypeError(
        f"{argument}: words of bits are uint64, got {dtype}",
        hint="Bits count from the left: widen to uint64 and shift them up, as in x.astype('uint64') << 16 for 48 bits",
        argument=argument,
        got=str(dtype),
    )
