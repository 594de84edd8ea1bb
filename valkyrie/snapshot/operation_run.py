"""Operations on one table whose keys are looked at together: which of them fail, and what the others come to.

Each is decided from what the table holds of all keys, asked for at once, and from what the operations before it do to them. Equal
keys are told by a small table of the keys of the run, which reads them as the edit of the big one will.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any, NamedTuple

import numpy as np

from valkyrie.arrays import python_value
from valkyrie.errors import DuplicateKeyError, KeyNotFoundError
from valkyrie.snapshot.operations import Insert, Modify, Operation, Placement, Remove
from valkyrie.snapshot.snapshot import Snapshot
from valkyrie.tables import IdTable, PrefixTable, RouteTable, Table, edit_lengths, index_of
from valkyrie.typing import BoolArray, Int32Array, Int64Array

__all__ = ["OperationRun", "edited_alone"]

_NAMED = 3
_REPLACE = "Replace takes keys that are there or not"


class OperationRun(NamedTuple):
    """Operations on a table, in order, as numbers, and what the table holds of their n keys.

    Attributes
    ----------
    operations : sequence of Operation
    table : IdTable, PrefixTable or RouteTable
    keys : tuple or ndarray of length n
        Of all operations.
    lengths : ndarray of int, shape (n,), or None
    places : list of int, length n
        Where each key stands first in `keys`.
    found : ndarray of int32, shape (n,)
        The row of each key in the table, -1 where it is not there.
    """

    operations: Sequence[Operation]
    table: Table
    keys: Any
    lengths: Any
    places: list[int]
    found: Int32Array

    @classmethod
    def of(cls, table: Table, operations: Sequence[Operation]) -> OperationRun:
        """Read a run.

        Raises
        ------
        ValkyrieError
            A key, length or row cannot be one of the table, or keys of several operations cannot be read together.
        """
        keys = _joined([operation.keys for operation in operations])
        lengths = None if operations[0].lengths is None else np.concatenate([operation.lengths for operation in operations])
        index, more = index_of(table), edit_lengths(table, lengths)
        if isinstance(table, RouteTable):
            for operation in operations:
                if isinstance(operation, Placement):
                    table.check_rows(operation.rows)
        first = index.emptied().replace(keys, np.arange(len(keys)), on_duplicate="first", **more)
        return cls(operations, table, keys, lengths, _rows(first, keys, lengths).tolist(), _rows(index, keys, lengths))

    def settled(self) -> tuple[dict[int, int], dict[int, Exception]]:
        """Do one operation after the other.

        Returns
        -------
        rows : dict of int and int
            By place, the row that each key has that was changed, -1 where it is not in the table any more.
        failures : dict of int and Exception
            Of the operations, by position, that changed nothing.
        """
        rows, failures, start = self.found.tolist(), {}, 0
        changed: set[int] = set()
        for at, operation in enumerate(self.operations):
            stop = start + len(operation.keys)
            places = self.places[start:stop]
            start = stop
            error = self._refusal(operation, places, rows)
            if error is not None:
                failures[at] = error
                continue
            for place, row in zip(places, _rows_after(operation), strict=True):
                rows[place] = row
            changed.update(places)
        return {place: rows[place] for place in sorted(changed)}, failures

    def edited(self, snapshot: Snapshot, name: str, rows: Mapping[int, int]) -> Snapshot:
        """The snapshot with other rows of keys, as `settled` gives them."""
        places, after = np.array(list(rows), np.int64), np.array(list(rows.values()), np.int32)
        gone, there = places[(after < 0) & (self.found[places] >= 0)], places[after >= 0]
        if len(gone):
            snapshot = snapshot.without_routes(_taken(self.keys, gone), table=name, lengths=_taken(self.lengths, gone))
        if len(there):
            routes = _taken(self.keys, there), after[after >= 0]
            snapshot = snapshot.with_routes(routes, table=name, lengths=_taken(self.lengths, there))
        return snapshot

    def _refusal(self, operation: Operation, places: list[int], rows: list[int]) -> Exception | None:
        if isinstance(operation, Placement) and len(places) > 1 and len(set(places)) < len(places):
            try:
                _replaced(self.table, operation)
            except Exception as error:
                return error
        if isinstance(operation, Insert):
            wrong = [rows[place] >= 0 for place in places]
        elif isinstance(operation, Modify | Remove):
            wrong = [rows[place] < 0 for place in places]
        else:
            return None
        return _refused(operation, np.array(wrong)) if any(wrong) else None


def edited_alone(snapshot: Snapshot, name: str, operation: Operation) -> Snapshot:
    """The snapshot after one operation."""
    before = snapshot.tables[name]
    if isinstance(operation, Placement):
        after = _replaced(before, operation)
        more = len(after) - len(before)
        failed = more < len(operation.keys) if isinstance(operation, Insert) else isinstance(operation, Modify) and more > 0
    else:
        after = before.without(operation.keys, errors="ignore", **edit_lengths(before, operation.lengths))
        failed = bool((_rows(index_of(before), operation.keys, operation.lengths) < 0).any())
    if failed:
        there = _rows(index_of(before), operation.keys, operation.lengths) >= 0
        raise _refused(operation, there if isinstance(operation, Insert) else ~there)
    return snapshot.with_table(name, after)


def _replaced(table: Table, operation: Placement) -> Table:
    """The table with the rows of an operation."""
    try:
        return table.replace(operation.keys, operation.rows, **edit_lengths(table, operation.lengths))
    except DuplicateKeyError as error:
        raise DuplicateKeyError(error.message, hint="Name each key once in an operation", **error.data) from None


def _refused(operation: Operation, which: BoolArray) -> Exception:
    """The error of an operation whose keys are in the table, or not, where they must not be so."""
    found = np.flatnonzero(which).tolist()
    items = list(operation.keys)
    some = ", ".join(repr(python_value(items[at])) for at in found[:_NAMED])
    more = f" and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
    named = f"keys: {some}{more} {'is' if len(found) == 1 else 'are'}"
    if isinstance(operation, Insert):
        return DuplicateKeyError(f"{named} in the table already", hint=_REPLACE, keys=operation.keys)
    hint = "Remove only what is there" if isinstance(operation, Remove) else _REPLACE
    return KeyNotFoundError(f"{named} not in the table", hint=hint, keys=operation.keys)


def _rows(index: IdTable | PrefixTable, keys: Any, lengths: Any) -> Int32Array:
    """The rows of keys of edits: int32, shape (n,), -1 where one is not in the table."""
    return index.get_many(keys, lengths=lengths) if isinstance(index, PrefixTable) else index.get_many(keys)


def _rows_after(operation: Operation) -> list[int]:
    return operation.rows.tolist() if isinstance(operation, Placement) else [-1] * len(operation.keys)


def _joined(keys: list[Any]) -> Any:
    return tuple(chain.from_iterable(keys)) if type(keys[0]) is tuple else np.concatenate(keys)


def _taken(values: Any, places: Int64Array) -> Any:
    """Some of the keys, or lengths; None stays None."""
    if type(values) is tuple:
        return tuple(values[place] for place in places.tolist())
    return None if values is None else values[places]
