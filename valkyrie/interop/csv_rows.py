"""Cutting CSV into blocks of whole rows, which is knowing where quotes are open.

A quote opens only at the start of a value; anywhere else in a value without quotes it is a character (``5" pipe``).
Inside, a quote closes, and a quote right behind it opens again: that is how ``""`` stands for one. So quotes take
turns, opening and closing, as long as each that should open stands where one may, and that is checked for a whole block
at once; only behind a quote that is a character are they followed one by one.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from valkyrie.errors import SourceError
from valkyrie.interop.byte_input import ByteInput

__all__ = ["require_closed_quotes", "row_blocks"]

ROW_BYTES = 64 << 20
"""Most bytes of one row. Without a limit, a quote that is never closed would take the whole file into memory."""
QUOTE, LINE_FEED, CARRIAGE_RETURN = b'"\n\r'

Positions = npt.NDArray[np.integer[Any]]


class _Quotes:
    """Where the quotes of a file are open, block by block."""

    def __init__(self, delimiter: str) -> None:
        self._may_open = np.zeros(256, np.bool_)
        self._may_open[[ord(delimiter), LINE_FEED, CARRIAGE_RETURN]] = True
        self._before = LINE_FEED
        self._just_closed = False
        self._lines = self._line = 0
        self.open_line = 0
        """The line of the quote that is open; 0 outside quotes."""

    def last_row_end(self, block: bytes) -> int:
        """Take the next block; return where its last whole row ends, 0 if none does."""
        data = np.frombuffer(block, np.uint8)
        opens, closes = self._pairs(data)
        if len(opens):
            # A quote that opens right behind one that closed goes on with the same value.
            starts = np.flatnonzero(opens[1:] != closes[: len(opens) - 1] + 1)
            first = int(opens[starts[-1] + 1 if len(starts) else 0])
            if first > 0 or (first == 0 and not self._just_closed):
                self._line = self._lines + int(np.count_nonzero(data[:first] == LINE_FEED)) + 1
        self.open_line = self._line if len(opens) > len(closes) else 0
        self._lines += int(np.count_nonzero(data == LINE_FEED))
        self._before, self._just_closed = block[-1], bool(len(closes)) and int(closes[-1]) == len(block) - 1
        return _last_outside(block, b"\n", opens, closes) or _last_outside(block, b"\r", opens, closes)

    def _pairs(self, data: npt.NDArray[np.uint8]) -> tuple[Positions, Positions]:
        """Positions of the quotes that open and of those that close; -1 opens for one left open by the block before."""
        quotes = np.flatnonzero(data == QUOTE)
        if self.open_line:
            quotes = np.concatenate(([-1], quotes))
        opens, closes = quotes[::2], quotes[1::2]
        good = self._may_open[data[np.maximum(opens - 1, 0)]]
        good[1:] |= opens[1:] == closes[: len(opens) - 1] + 1
        if len(opens) and opens[0] <= 0:
            good[0] = opens[0] < 0 or self._may_open[self._before] or self._just_closed
        if good.all():
            return opens, closes
        # Up to the first that may not open, the quotes did take turns.
        first = int(np.argmin(good))
        return self._one_by_one(data, quotes[2 * first :], opens[:first].tolist(), closes[:first].tolist())

    def _one_by_one(
        self, data: npt.NDArray[np.uint8], quotes: Positions, opens: list[int], closes: list[int]
    ) -> tuple[Positions, Positions]:
        for at in quotes.tolist():
            if len(opens) > len(closes):
                closes.append(at)
                continue
            before = int(data[at - 1]) if at else self._before
            closed = closes[-1] == at - 1 if closes else at == 0 and self._just_closed
            if self._may_open[before] or closed:
                opens.append(at)
        return np.array(opens, np.int64), np.array(closes, np.int64)


def _last_outside(block: bytes, end: bytes, opens: Positions, closes: Positions) -> int:
    at = block.rfind(end)
    while at >= 0:
        pair = int(np.searchsorted(opens, at)) - 1
        if pair < 0 or (pair < len(closes) and closes[pair] < at):
            break
        at = block.rfind(end, 0, max(int(opens[pair]), 0))
    return at + 1


def row_blocks(path: str, data: ByteInput, delimiter: str, size: int) -> Iterator[bytes]:
    """The bytes of a CSV file in blocks of whole rows, about `size` bytes each; the byte order mark is left out.

    Raises
    ------
    SourceError
        A quote is not closed until the end of the file, or for more than ``ROW_BYTES``; the message has its line.
    """
    if data.peek(len(codecs.BOM_UTF8)) == codecs.BOM_UTF8:
        data.read(len(codecs.BOM_UTF8))
    quotes = _Quotes(delimiter)
    rest: list[bytes] = []
    while block := data.read(size):
        if end := quotes.last_row_end(block):
            yield b"".join((*rest, block[:end]))
            rest = []
        rest.append(block[end:])
        if sum(map(len, rest)) > ROW_BYTES:
            if quotes.open_line:
                raise _unclosed(path, quotes.open_line, f" within {ROW_BYTES >> 20} MiB")
            raise SourceError(
                f"cannot read {path}: a row is longer than {ROW_BYTES >> 20} MiB",
                hint="End every row with a line feed, or name the file's true format (format=, --format)",
                path=path,
            )
    if quotes.open_line:
        raise _unclosed(path, quotes.open_line, "")
    if any(rest):
        # Arrow takes a header without an end for an empty file.
        yield b"".join((*rest, b"\n"))


def require_closed_quotes(path: str, data: bytes, delimiter: str) -> None:
    """Raise the error of ``row_blocks`` if the last quote of a whole file is not closed."""
    quotes = _Quotes(delimiter)
    data = data.removeprefix(codecs.BOM_UTF8)
    for start in range(0, len(data), 8 << 20):
        quotes.last_row_end(data[start : start + (8 << 20)])
    if quotes.open_line:
        raise _unclosed(path, quotes.open_line, "")


def _unclosed(path: str, line: int, where: str) -> SourceError:
    return SourceError(
        f"cannot read {path}: the quote opened in line {line:,} is not closed{where}",
        hint='Close it; a quote that belongs to a value is written twice, in quotes: "5"" pipe"',
        path=path,
        line=line,
    )
