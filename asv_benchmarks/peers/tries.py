"""Tries bound to Python, one call a query; and phonenumbers, which looks its own prefixes up."""

from __future__ import annotations

from itertools import repeat
from typing import Any

import numpy as np

from ..data import Keys, Rows
from ..prefix_data import PrefixSet
from .prefix_forms import addresses, from_left, written
from .prefix_table import PrefixContender

MOST_OF_DATRIE = 400_000
"""Prefixes; datrie takes 20 s for 0.3 million."""


class Pytricia(PrefixContender):
    """A patricia tree of networks, frozen, asked by text: it takes integers no faster."""

    name = "pytricia"
    forms = ("ip4", "ip6")

    def build(self, keys: PrefixSet) -> None:  # type: ignore[override]
        """Insert the networks one by one."""
        import pytricia

        tree = pytricia.PyTricia(keys.width)
        for network, row in zip(written(keys), keys.rows.tolist(), strict=True):  # type: ignore[union-attr]
            tree.insert(network, row)
        tree.freeze()  # which lays the nodes out anew
        self.get = get = tree.get
        self.answer = lambda queries: list(map(get, queries, repeat(-1)))

    def prepare(self, queries: Keys) -> Any:
        """A list of text."""
        return addresses(self.form, queries)


class LengthDicts(PrefixContender):
    """One dict for each length, longest first: plain Python."""

    name = "dict per length"
    forms = ("bits",)

    def build(self, keys: PrefixSet) -> None:  # type: ignore[override]
        """Fill the dicts."""
        assert keys.lengths is not None
        assert keys.rows is not None
        tables: list[tuple[int, dict[int, int]]] = []
        for length in np.unique(keys.lengths)[::-1].tolist():
            of_length = np.flatnonzero(keys.lengths == length)
            words = (keys.keys[of_length] >> np.uint64(64 - length)).tolist()
            tables.append((64 - length, dict(zip(words, keys.rows[of_length].tolist(), strict=True))))

        def get(key: int) -> int:
            for shift, table in tables:
                row = table.get(key >> shift)
                if row is not None:
                    return row
            return -1

        self.get = get
        self.answer = lambda queries: list(map(get, queries))

    def prepare(self, queries: Keys) -> Any:
        """A list of integers."""
        return queries.tolist()


class Datrie(PrefixContender):
    """A double-array trie; ``longest_prefix_value``."""

    name = "datrie"
    forms = ("digits", "path", "suffix")

    @classmethod
    def suits(cls, prefixes: PrefixSet) -> bool:
        """Not of so many that it takes minutes; of ASCII, since with letters far apart, or chr(0), it corrupts the heap."""
        return len(prefixes) <= MOST_OF_DATRIE and prefixes.keys.tobytes().isascii()

    def build(self, keys: PrefixSet) -> None:  # type: ignore[override]
        """Insert the prefixes in sorted order."""
        import datrie

        texts = self._texts(keys.keys)
        trie = datrie.BaseTrie(ranges=[(" ", "~")])
        for text, row in sorted(zip(texts, keys.rows.tolist(), strict=True)):  # type: ignore[union-attr]
            trie[text] = row
        # Without a default: single keys all match, and a lambda would cost it a frame.
        self.get = longest = trie.longest_prefix_value
        self.answer = lambda queries: list(map(longest, queries, repeat(-1)))

    def _texts(self, texts: Keys) -> list[str]:
        if self.form == "suffix":
            return [text.decode()[::-1] + "." for text in texts.tolist()]
        return [text.decode() for text in from_left(self.form, texts).tolist()]

    def prepare(self, queries: Keys) -> Any:
        """A list of text, to be read from the left."""
        return self._texts(queries)

    def each(self, queries: Keys) -> list[Any]:
        """Read from the left, which spares it turning domains round."""
        return self._texts(queries)


class Marisa(Datrie):
    """A static trie, ``prefixes(...)[-1]``: it gives the prefix itself, of which the row is still to be found."""

    name = "marisa"
    forms = ("digits", "bytes", "path", "suffix")

    @classmethod
    def suits(cls, prefixes: PrefixSet) -> bool:
        """Any."""
        return True

    def build(self, keys: PrefixSet) -> None:  # type: ignore[override]
        """Build the trie, and a dict by which answers are checked."""
        import marisa_trie

        texts = self._texts(keys.keys)
        prefixes = marisa_trie.Trie(texts).prefixes
        self.row_of = dict(zip(texts, keys.rows.tolist(), strict=True))  # type: ignore[union-attr]

        def get(text: str) -> str | None:
            found = prefixes(text)
            return found[-1] if found else None

        self.get = get
        self.answer = lambda queries: list(map(get, queries))

    def rows(self, answer: Any) -> Rows:
        """The rows of the prefixes given."""
        return np.array([self.row(text) for text in answer], np.int64)

    def row(self, answer: Any) -> int:
        """The row of the prefix given."""
        return self.row_of.get(answer, -1)


class Phonenumbers(PrefixContender):
    """``time_zones_for_geographical_number`` of numbers that are parsed already."""

    name = "phonenumbers"
    forms = ("digits",)

    @classmethod
    def suits(cls, prefixes: PrefixSet) -> bool:
        """That of its own time zones, the only one whose prefixes share rows."""
        return len(np.unique(prefixes.rows)) < len(prefixes)  # type: ignore[arg-type]

    def build(self, keys: PrefixSet) -> None:  # type: ignore[override]
        """It has its own prefixes; these are only needed to find out the row of the zones it gives."""
        from phonenumbers import PhoneNumber, timezone
        from phonenumbers.tzdata import TIMEZONE_DATA

        self.number = PhoneNumber
        texts = [key.decode() for key in keys.keys.tolist()]
        self.row_of = {TIMEZONE_DATA[text]: row for text, row in zip(texts, keys.rows.tolist(), strict=True)}  # type: ignore[union-attr]
        self.get = zones = timezone.time_zones_for_geographical_number
        self.answer = lambda queries: list(map(zones, queries))

    def prepare(self, queries: Keys) -> Any:
        """Numbers taken apart."""
        return [self._number(text.decode()) for text in queries.tolist()]

    def each(self, queries: Keys) -> list[Any]:
        """Numbers taken apart."""
        return list(self.prepare(queries))

    def _number(self, text: str) -> Any:
        from phonenumbers import COUNTRY_CODE_TO_REGION_CODE

        digits = next((n for n in (1, 2, 3) if int(text[:n]) in COUNTRY_CODE_TO_REGION_CODE), 1)
        national = text[digits:]
        zeros = len(national) - len(national.lstrip("0"))
        return self.number(
            country_code=int(text[:digits]),
            national_number=int(national),
            italian_leading_zero=zeros > 0 or None,
            number_of_leading_zeros=zeros or None,
        )

    def rows(self, answer: Any) -> Rows:
        """The rows of the zones given."""
        return np.array([self.row(zones) for zones in answer], np.int64)

    def row(self, answer: Any) -> int:
        """The row of the zones given."""
        return self.row_of.get(answer, -1)
