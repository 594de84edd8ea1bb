"""Names of nodes and regions: positions from names in any container, and the nearest to one that is not there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import repeat
from typing import Any

import numpy as np

from valkyrie.arrays import StringDictionary, Strings, payload_column
from valkyrie.errors import ArgumentError, UnknownNodeError
from valkyrie.typing import Int32Array

__all__ = ["Names", "text_column"]


class Names:
    """Distinct names in an order: position i is name i. Immutable; safe to read from any thread.

    Parameters
    ----------
    texts : sequence of str
        Distinct; checked by who reads them.
    what : str
        "node" or "region", for messages.
    """

    __slots__ = ("_ranks", "dictionary", "index", "texts", "what")

    def __init__(self, texts: Sequence[str], what: str) -> None:
        self.texts = tuple(texts)
        self.what = what
        self.index = {text: position for position, text in enumerate(self.texts)}
        self.dictionary = StringDictionary.from_texts(self.texts)
        self._ranks: Int32Array | None = None

    def __len__(self) -> int:
        return len(self.texts)

    def ranks(self) -> Int32Array:
        """Return the rank of each position in the order of names (of code points): ndarray of int32, shape (n,), read-only."""
        if self._ranks is None:
            ranks = np.empty(len(self), np.int32)
            ranks[sorted(range(len(self)), key=self.texts.__getitem__)] = np.arange(len(self), dtype=np.int32)
            ranks.flags.writeable = False
            self._ranks = ranks
        return self._ranks

    def positions(self, names: Strings) -> Int32Array:
        """Return the position of each name, -1 where it is null or unknown: ndarray of int32, shape (n,)."""
        if names.dictionary is self.dictionary:
            return names.codes
        of_code = [self.index.get(text, -1) for text in names.dictionary.objects]
        return np.array(of_code, np.int32)[names.codes]

    def look_up(self, names: Any) -> Int32Array | None:
        """Return the positions of names in a list or an array of numpy's if all are known; None says that they must be read.

        Reading codes the texts first, and takes four times as long.
        """
        items = names.tolist() if type(names) is np.ndarray and names.ndim == 1 and names.dtype.kind in "OU" else names
        if type(items) not in (list, tuple):
            return None
        try:
            found = np.fromiter(map(self.index.get, items, repeat(-1)), np.int32)
        except TypeError:  # something that cannot be a name
            return None
        return found if found.min(initial=0) >= 0 else None

    def require(self, name: Any, argument: str) -> int:
        """Return the position of a name.

        Raises
        ------
        UnknownNodeError
            There is none; the hint names the nearest.
        """
        try:
            return self.index[name]
        except (KeyError, TypeError):
            raise self.unknown(name, argument) from None

    def require_many(self, names: Iterable[Any], argument: str) -> list[int]:
        """Return the positions of names; errors as `require`, and ArgumentError if it is one text, or nothing to go through."""
        if isinstance(names, str) or not isinstance(names, Iterable):
            raise ArgumentError(f"{argument}: names are needed, got {names!r}", hint='Give a list of names, such as ["ams"]')
        return [self.require(name, argument) for name in names]

    def unknown(self, name: Any, argument: str) -> UnknownNodeError:
        """Return the error for a name that is not there."""
        import difflib  # only a mistake pays for it

        near = difflib.get_close_matches(str(name), self.texts, n=3)
        some = ", ".join(map(repr, self.texts[:5])) or "none"
        hint = f"Did you mean {' or '.join(map(repr, near))}?" if near else f"The {self.what}s are {some}"
        if not near and len(self) > 5:
            hint += f" and {len(self) - 5:,} more"
        return UnknownNodeError(
            f"{argument}: there is no {self.what} {name!r}", hint=hint, argument=argument, name=name, near=near
        )


def text_column(raw: Any, argument: str) -> Strings:
    """Read a column of names from any container.

    Raises
    ------
    ArgumentError
        It is not text.
    """
    values, _ = payload_column(raw, argument)
    if isinstance(values, Strings):
        return values
    if values.dtype.kind == "U":
        return Strings.from_texts(values.tolist(), argument)
    raise ArgumentError(
        f"{argument}: names are text, got {values.dtype}", hint="Convert them, as with .astype(str)", argument=argument
    )
