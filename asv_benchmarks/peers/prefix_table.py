"""Ours, as an entrant among prefix matchers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..data import Keys
from ..prefix_data import PrefixSet
from .contender import Contender
from .prefix_forms import PREFIX_KINDS, each_key, packed6, valkyrie_kind


class PrefixContender(Contender):
    """A matcher of one set of prefixes, built as ``contender(prefixes, prefixes.kind)``.

    Those that have a call for a single key bind it to ``get``; a miss may be -1 or None.
    """

    get: Callable[[Any], Any] | None = None

    @classmethod
    def suits(cls, prefixes: PrefixSet) -> bool:
        """Whether to take part for this set, the kind being right."""
        return True

    def build(self, keys: PrefixSet) -> None:  # type: ignore[override]
        """Index the prefixes and set ``answer``."""
        raise NotImplementedError

    def prepare(self, queries: Keys) -> Any:
        """`queries` in the container this library likes best; not timed."""
        return queries

    def each(self, queries: Keys) -> list[Any]:
        """`queries` one by one for ``get``; not timed."""
        return list(each_key(self.form, queries))

    def row(self, answer: Any) -> int:
        """The row in what ``get`` returned, -1 for a miss; not timed."""
        return -1 if answer is None else int(answer)


class ValkyriePrefixes(PrefixContender):
    """``PrefixTable.lookup_many``; text in the same numpy S array that the peers search."""

    name = "valkyrie"
    forms = PREFIX_KINDS

    def build(self, keys: PrefixSet) -> None:  # type: ignore[override]
        """Build the table."""
        self.table = build_table(keys)
        self.answer = self.table.lookup_many
        self.get = self.table.lookup

    def prepare(self, queries: Keys) -> Any:
        """IPv6 as 16 bytes."""
        return packed6(queries) if self.form == "ip6" else queries


def build_table(prefixes: PrefixSet) -> Any:
    """Build ours from arrays."""
    import valkyrie

    keys = packed6(prefixes.keys) if prefixes.kind == "ip6" else prefixes.keys
    rows = None if np.array_equal(prefixes.rows, np.arange(len(prefixes))) else prefixes.rows  # type: ignore[arg-type]
    return valkyrie.PrefixTable.build(keys, rows, kind=valkyrie_kind(prefixes.kind), lengths=prefixes.lengths)
