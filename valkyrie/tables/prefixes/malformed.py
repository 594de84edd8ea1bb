"""Parsing columns of text piece by piece, and what becomes of values that are not what they should be."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from valkyrie._native import strings
from valkyrie.arrays import KeyColumn
from valkyrie.arrays.texts import PIECE, Texts, decode_text, scratch_bytes, text_piece
from valkyrie.errors import ArgumentError
from valkyrie.parallel import run
from valkyrie.typing import BoolArray, Errors

__all__ = ["malformed", "malformed_rows", "parse_texts", "refused_at", "row_text", "value_count"]

_CHUNK = 1 << 16
_SHOWN = 80


def value_count(column: KeyColumn) -> int:
    """How many values a column has: of a dictionary, its entries."""
    return len(column.values) if column.offsets is None else len(column.offsets) - 1


def parse_texts(column: KeyColumn, parse: Callable[[Texts, int, int], None], threads: int, argument: str) -> None:
    """Call ``parse(texts, start, stop)`` for all values of a text column, piece by piece, on threads.

    Raises
    ------
    KeyTypeError
        A value is no text, or has no UTF-8 form.
    """
    n = value_count(column)

    def work(start: int, stop: int) -> None:
        scratch = np.empty(scratch_bytes(column, min(PIECE, stop - start)), np.uint8)
        for at in range(start, stop, PIECE):
            end = min(stop, at + PIECE)
            parse(text_piece(column, at, end, scratch=scratch, argument=argument), at, end)

    run(work, n, threads=threads, chunk=min(_CHUNK, max(PIECE, -(-n // threads))))


def malformed_rows(
    column: KeyColumn,
    bad: BoolArray | None,
    errors: Errors,
    argument: str,
    what: str,
    hint: str,
    positions: Sequence[int] | None = None,
) -> BoolArray | None:
    """The flags of malformed values, None if none matters; with ``errors="raise"`` an error.

    Parameters
    ----------
    bad : ndarray of bool, shape (m,), optional
        By value. Nulls, and entries of a dictionary that no row names, do not matter.
    what, hint : str
        What a text should have been, and what to do, for the message.
    positions : sequence of int, optional
        Where each row was in what the caller gave; by default where it is.

    Raises
    ------
    ArgumentError
        There is one, and errors is "raise": the first is named, and how many there are.
    """
    if bad is None or not bad.any():
        return None
    if column.codes is not None:
        rows = np.append(bad, np.False_)[column.codes]  # a null's code is -1
    else:
        rows = bad if column.nulls is None else bad & ~column.nulls
    if not rows.any():
        return None
    if errors == "raise":
        position = int(np.argmax(rows))
        text = row_text(column, position)
        raise malformed(argument, what, position if positions is None else positions[position], text, int(rows.sum()), hint)
    return bad if column.codes is not None else rows


def malformed(argument: str, what: str, position: int, text: object, count: int, hint: str) -> ArgumentError:
    """The error for text that is not what it should be."""
    shown = f"{text[:_SHOWN]!r}..." if isinstance(text, str | bytes) and len(text) > _SHOWN else repr(text)
    return refused_at(argument, position, shown, f"is not {what}", hint, count=count, value=text)


def refused_at(
    argument: str, position: int, shown: object, problem: str, hint: str, *, count: int = 1, **data: Any
) -> ArgumentError:
    """The error for a value that cannot be used: which and where, what is wrong with it, and how many such there are."""
    more = f" ({count} in all)" if count > 1 else ""
    return ArgumentError(
        f"{argument}: {shown} at position {position} {problem}{more}",
        hint=hint,
        argument=argument,
        position=position,
        count=count,
        **data,
    )


def row_text(column: KeyColumn, row: int) -> object:
    """What stands in a row, for messages: a text, or a number."""
    value = row if column.codes is None else int(column.codes[row])
    if column.kind == "int":
        return int(column.values[value])
    piece = text_piece(column, value, value + 1)
    return decode_text(strings.text_bytes(int(piece.address[0]), int(piece.length[0])))
