"""Changes that are scheduled, and how a queue of them is worked into a snapshot.

Runs of like operations become one edit, since an edit costs what waits beside the table and not what it adds. A run of which
anything fails is halved until what fails stands alone, so it fails alone: the outcome is that of applying one after the other.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, groupby
from typing import TYPE_CHECKING, Any

import numpy as np

from valkyrie.arrays import python_value
from valkyrie.errors import ArgumentError, DuplicateKeyError, KeyNotFoundError
from valkyrie.tables import PrefixTable, RouteTable
from valkyrie.tables.located import checked_rows
from valkyrie.typing import BoolArray, OnDuplicate

if TYPE_CHECKING:
    from valkyrie.snapshot.snapshot import Snapshot

__all__ = ["Batch", "Insert", "Modify", "Operation", "Remove", "Replace"]

_NAMED = 3


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


class Batch:
    """Operations as they are worked into a snapshot, in order. For one thread.

    Attributes
    ----------
    snapshot : Snapshot
        With all that could be applied so far.
    applied : list of Operation
    errors : list of Exception
        Of those that failed, each with a note that says which.
    edits : int
        How many edits it took.
    """

    __slots__ = ("applied", "edits", "errors", "snapshot")

    def __init__(self, snapshot: Snapshot, operations: Sequence[Operation]) -> None:
        self.snapshot = snapshot
        self.applied: list[Operation] = []
        self.errors: list[Exception] = []
        self.edits = 0
        for run in _runs(operations):
            self._apply(run)

    def _apply(self, run: Sequence[Operation]) -> None:
        failure: Exception | None = None
        try:
            self.snapshot = _edited(self.snapshot, run)
            self.applied.extend(run)
            self.edits += 1
        except Exception as error:
            failure = error
        if failure is None:
            return
        if len(run) > 1:
            self._apply(run[: len(run) // 2])
            self._apply(run[len(run) // 2 :])
        else:
            failure.add_note(f"in the scheduled {run[0]}")
            self.errors.append(failure)


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


def _runs(operations: Sequence[Operation]) -> Iterator[Sequence[Operation]]:
    """Split into runs that can be one edit: like operations on one table, with keys that can be joined."""
    for _, run in groupby(operations, _likeness):
        yield tuple(run)


def _likeness(operation: Operation) -> tuple[Any, ...]:
    keys = operation.keys
    if type(keys) is tuple:
        container: Any = tuple
    elif type(keys) is np.ndarray and keys.ndim == 1:
        container = keys.dtype
    else:
        container = id(operation)  # like no other
    return type(operation), operation.table, operation.lengths is None, container


def _edited(snapshot: Snapshot, run: Sequence[Operation]) -> Snapshot:
    """The snapshot after a run of like operations, as one edit; an error if any of them would fail alone.

    Each was defined by what it does to the number of keys, so that tells whether all could be applied.
    """
    kind, table = type(run[0]), run[0].table
    keys = _joined([operation.keys for operation in run])
    lengths = None if run[0].lengths is None else np.concatenate([operation.lengths for operation in run])
    if kind is Remove:
        after = snapshot.without_routes(keys, table=table, lengths=lengths)
        if len(run) > 1 and _size(snapshot) - _size(after) != len(keys):
            raise KeyNotFoundError("keys: some are removed twice", hint="Remove each once")
        return after
    # One key at a time cannot hold the same key twice: then a later operation may well change what an earlier one put there.
    several = len(run) > 1 and kind is not Insert and all(len(operation.keys) == 1 for operation in run)
    rows = np.concatenate([operation.rows for operation in run if isinstance(operation, Placement)])
    policy: OnDuplicate = "last" if several else "error"
    after = snapshot.with_routes((keys, rows), table=table, lengths=lengths, on_duplicate=policy)
    more = _size(after) - _size(snapshot)
    if kind is Insert and more != len(keys):
        named = _named(keys, _present(snapshot, after, keys, lengths, table))
        raise DuplicateKeyError(f"keys: {named} in the table already", hint="Replace takes keys that are there or not", keys=keys)
    if kind is Modify and more:
        named = _named(keys, ~_present(snapshot, after, keys, lengths, table))
        raise KeyNotFoundError(f"keys: {named} not in the table", hint="Replace takes keys that are there or not", keys=keys)
    return after


def _joined(keys: list[Any]) -> Any:
    if len(keys) == 1:
        return keys[0]
    return tuple(chain.from_iterable(keys)) if type(keys[0]) is tuple else np.concatenate(keys)


def _size(snapshot: Snapshot) -> int:
    return sum(len(table) for table in snapshot.tables.values())


def _present(before: Snapshot, after: Snapshot, keys: Any, lengths: Any, name: str | None) -> BoolArray:
    """Which keys were in the table that an edit changed."""
    changed = [other for other in after.tables if after.tables[other] is not before.tables[other]]
    table = before.tables[changed[0] if name is None else name]
    index = table.index if isinstance(table, RouteTable) else table
    return (index.get_many(keys, lengths=lengths) if isinstance(index, PrefixTable) else index.get_many(keys)) >= 0


def _named(keys: Any, which: BoolArray) -> str:
    found = np.flatnonzero(which).tolist()
    items = list(keys)
    some = ", ".join(repr(python_value(items[at])) for at in found[:_NAMED])
    more = f" and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
    return f"{some}{more} {'is' if len(found) == 1 else 'are'}"
