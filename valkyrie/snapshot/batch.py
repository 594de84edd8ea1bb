"""How a queue of scheduled operations is worked into a snapshot: as if one after the other, at the price of one edit.

Operations on one table whose keys can be joined are a run, and become one edit: that costs what waits beside the table and not
what it adds. A run that cannot be read is halved until what cannot be stands alone; that does not touch the big table, so it
costs what is scheduled, however much of it fails.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any, TypeAlias

import numpy as np

from valkyrie.snapshot.kinds import one_table
from valkyrie.snapshot.operation_run import OperationRun, edited_alone
from valkyrie.snapshot.operations import Operation
from valkyrie.snapshot.snapshot import Snapshot
from valkyrie.tables import Table

__all__ = ["Batch"]

Scheduled: TypeAlias = tuple[int, Operation]
"""An operation and its place in the queue."""


class Batch:
    """Operations as they are worked into a snapshot, in order. For one thread.

    Attributes
    ----------
    snapshot : Snapshot
        With all that could be applied.
    applied : int
        How many operations were.
    edits : int
        How many edits that took, of which several may have shared one.
    errors : list of Exception
        Of the operations that failed, in order, each with a note that says which.
    """

    __slots__ = ("_failures", "applied", "edits", "snapshot")

    def __init__(self, snapshot: Snapshot, operations: Sequence[Operation]) -> None:
        self.snapshot = snapshot
        self.applied = self.edits = 0
        self._failures: dict[int, Exception] = {}
        for name, scheduled in self._by_table(operations).items():
            for run in self._runs(name, scheduled):
                self._apply(name, run)

    @property
    def errors(self) -> list[Exception]:
        return [self._failures[at] for at in sorted(self._failures)]

    def _by_table(self, operations: Sequence[Operation]) -> Mapping[str, list[Scheduled]]:
        """What is scheduled for each table, since tables know nothing of one another; what is for none of them fails."""
        found: dict[str, list[Scheduled]] = {}
        tables = self.snapshot.tables
        only = next(iter(tables)) if len(tables) == 1 else None
        for at, operation in enumerate(operations):
            try:
                if only is not None and operation.table is None:
                    name = only  # without a look at the keys, which are read together later
                else:
                    name = one_table(tables, operation.keys, operation.table)
            except Exception as error:
                self._fail(at, operation, error)
            else:
                found.setdefault(name, []).append((at, operation))
        return found

    def _runs(self, name: str, scheduled: Sequence[Scheduled]) -> Sequence[Sequence[Scheduled]]:
        """Divide what is scheduled for a table into runs whose keys can be joined."""
        runs = [tuple(run) for _, run in groupby(scheduled, _likeness)]
        if len(runs) == 1:
            return runs
        # What cannot be read, such as text among numbers, must not divide the others.
        alike: dict[Any, list[Scheduled]] = {}
        for each in scheduled:
            alike.setdefault(_likeness(each), []).append(each)
        readable = [each for group in alike.values() for each in self._readable(self.snapshot.tables[name], group)]
        return [tuple(run) for _, run in groupby(sorted(readable, key=itemgetter(0)), _likeness)]

    def _apply(self, name: str, run: Sequence[Scheduled]) -> None:
        if len(run) == 1:
            self._apply_alone(name, *run[0])
            return
        table = self.snapshot.tables[name]
        try:
            together = OperationRun.of(table, [operation for _, operation in run])
        except Exception:
            self._apply_readable(name, run)
            return
        rows, failures = together.settled()
        try:
            after = together.edited(self.snapshot, name, rows)
        except Exception:  # what no key tells, such as a table that is full
            for each in run:
                self._apply_alone(name, *each)
            return
        for at, error in failures.items():
            self._fail(*run[at], error)
        self.snapshot = after
        self.applied += len(run) - len(failures)
        self.edits += len(failures) < len(run)

    def _apply_readable(self, name: str, run: Sequence[Scheduled]) -> None:
        """Apply what can be read of a run that cannot be as a whole."""
        table = self.snapshot.tables[name]
        halves = [self._readable(table, half) for half in _halves(run)]
        readable = [*halves[0], *halves[1]]
        together = len(readable) < len(run)  # else it is not any of them that cannot be read, but all at once
        for part in [readable] if together else halves:
            if part:
                self._apply(name, part)

    def _readable(self, table: Table, run: Sequence[Scheduled]) -> Sequence[Scheduled]:
        """The operations of a run that can be read; the others fail."""
        try:
            OperationRun.of(table, [operation for _, operation in run])
        except Exception as error:
            if len(run) == 1:
                self._fail(*run[0], error)
                return ()
        else:
            return run
        return [each for half in _halves(run) for each in self._readable(table, half)]

    def _apply_alone(self, name: str, at: int, operation: Operation) -> None:
        try:
            self.snapshot = edited_alone(self.snapshot, name, operation)
            self.applied += 1
            self.edits += 1
        except Exception as error:
            self._fail(at, operation, error)

    def _fail(self, at: int, operation: Operation, error: Exception) -> None:
        error.add_note(f"in the scheduled {operation}")
        self._failures[at] = error


def _likeness(scheduled: Scheduled) -> tuple[Any, ...]:
    operation = scheduled[1]
    keys = operation.keys
    container: Any = operation  # like no other
    if type(keys) is tuple:
        container = frozenset(map(type, keys))
    elif type(keys) is np.ndarray and keys.ndim == 1:
        container = keys.dtype
    return operation.lengths is None, container


def _halves(run: Sequence[Scheduled]) -> tuple[Sequence[Scheduled], Sequence[Scheduled]]:
    middle = len(run) // 2
    return run[:middle], run[middle:]
