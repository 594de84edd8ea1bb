"""Changes that are scheduled: what a `SnapshotManager` works into its next version, see `batch`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from valkyrie.errors import ArgumentError
from valkyrie.tables.located import checked_rows

__all__ = ["Insert", "Modify", "Operation", "Placement", "Remove", "Replace"]


class Operation:
    """A change to one table: `Insert`, `Modify`, `Replace` or `Remove`. Immutable; threads may share it."""

    keys: Any
    table: str | None
    lengths: Any

    def __str__(self) -> str:
        """What it is, in a few words: for messages."""
        table = "" if self.table is None else f" in table {self.table!r}"
        return f"{type(self).__name__} of {len(self.keys)} key{'' if len(self.keys) == 1 else 's'}{table}"


@dataclass(frozen=True, eq=False)
class Placement(Operation):
    """Operations that give rows to keys; use `Insert`, `Modify` or `Replace`.

    Attributes
    ----------
    keys : array-like, length n
        Of the table's kind, none null, none twice. Lists and arrays of numpy and pandas are copied, other containers borrowed.
    rows : ndarray of int32, shape (n,)
        Given as any array-like of whole numbers.
    table : str or None
        Name of the table; None if the kind of the keys tells.
    lengths : array-like of int, length n, or None
        Of prefixes that need them.

    Raises
    ------
    ArgumentError
        `keys` is no container, or `rows` or `lengths` are not as many whole numbers from 0.
    """

    keys: Any
    rows: Any
    table: str | None = None
    lengths: Any = None

    def __post_init__(self) -> None:
        rows = checked_rows(self.rows, _own_keys(self))
        if rows is None:
            raise ArgumentError("rows: one row a key is needed, got None", hint="Give a flat array of int32; Remove removes keys")
        object.__setattr__(self, "rows", _own(rows))


class Insert(Placement):
    """Put keys in that must not be there yet; see `Placement`. A key that is there: DuplicateKeyError."""


class Modify(Placement):
    """Give other rows to keys that must be there; see `Placement`. A key that is not there: KeyNotFoundError."""


class Replace(Placement):
    """Give rows to keys, whether or not they are there; see `Placement`."""


@dataclass(frozen=True, eq=False)
class Remove(Operation):
    """Take keys out that must be there; arguments as in `Placement`. A key that is not there: KeyNotFoundError."""

    keys: Any
    table: str | None = None
    lengths: Any = None

    def __post_init__(self) -> None:
        _own_keys(self)


def _own_keys(operation: Operation) -> int:
    """Give an operation keys and lengths that its maker cannot change any more; return how many."""
    keys, lengths = operation.keys, operation.lengths
    if isinstance(keys, str | bytes | bytearray) or not hasattr(keys, "__len__"):
        raise ArgumentError(
            f"keys: an array or a list is needed, got {type(keys).__name__}", hint="Wrap a single key in a list", argument="keys"
        )
    if lengths is not None:
        lengths = np.asarray(lengths)
        if lengths.shape != (len(keys),) or (lengths.dtype.kind not in "iu" and lengths.size):
            raise ArgumentError(
                f"lengths must have one whole number a key, {len(keys)}; got shape {lengths.shape}, dtype {lengths.dtype}",
                hint="Give as many lengths as keys",
                argument="lengths",
            )
        object.__setattr__(operation, "lengths", _own(lengths))
    object.__setattr__(operation, "keys", _own(keys))
    return len(keys)


def _own(values: Any) -> Any:
    """A copy that nobody else has, as far as the container lets us make one."""
    if isinstance(values, list):
        return tuple(values)
    own = values.copy() if hasattr(values, "copy") else values
    if isinstance(own, np.ndarray):
        own.flags.writeable = False
    return own
