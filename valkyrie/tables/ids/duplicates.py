"""Naming the first few duplicate keys, once it is known that there are some."""

from __future__ import annotations

from typing import NoReturn

import numpy as np

from valkyrie.errors import DuplicateKeyError
from valkyrie.tables.ids.keys import BuildKeys
from valkyrie.typing import AnyArray

__all__ = ["duplicate_positions", "raise_duplicates"]

_NAMED = 3


def duplicate_positions(keys: BuildKeys) -> tuple[AnyArray, AnyArray]:
    """Return where keys occur again, in order, and where each occurred first: two int64 arrays of shape (duplicates,)."""
    if keys.ints is not None:
        _, first, inverse = np.unique(keys.ints, return_index=True, return_inverse=True)
        again = np.flatnonzero(first[inverse] != np.arange(keys.n))
        return again, first[inverse][again]
    seen: dict[bytes, int] = {}
    pairs = [(i, at) for i in range(keys.n) if (at := seen.setdefault(keys.raw(i), i)) != i]
    again, first = np.array(pairs, np.int64).reshape(-1, 2).T
    return again, first


def raise_duplicates(keys: BuildKeys) -> NoReturn:
    """Raise DuplicateKeyError with the first few keys that occur twice, and their positions."""
    again, first = duplicate_positions(keys)
    named = [keys.decoded(int(i)) for i in again[:_NAMED]]
    positions = [(int(a), int(b)) for a, b in zip(first[:_NAMED], again[:_NAMED], strict=True)]
    listed = ", ".join(f"{key!r} at {a} and {b}" for key, (a, b) in zip(named, positions, strict=True))
    more = f" and {len(again) - _NAMED} more" if len(again) > _NAMED else ""
    raise DuplicateKeyError(
        f"keys: {len(again)} duplicate{'s' if len(again) > 1 else ''}: {listed}{more}",
        hint='Drop them, or choose with on_duplicate="first" or "last"',
        keys=named,
        positions=positions,
    )
