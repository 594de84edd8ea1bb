"""Working waiting changes into the big arrays, beside the writers: none of them waits while a table is built.

A merge begins from the current snapshot, on a thread of its own. When it is done, the current snapshot may be another one: what
happened meanwhile to each table is then brought to its merged form (`IdTable.rebased`), which costs what waits. A table
that was built again or replaced meanwhile stays as it is. Either way the result has the content of the current snapshot, and
takes its place under its version: what readers see does not change, but for the object.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Literal, TypeAlias

from valkyrie.snapshot.snapshot import Snapshot

__all__ = ["MergeAbove", "Merging", "caught_up"]

MergeAbove: TypeAlias = int | Literal["auto"] | None


class Merging:
    """When to merge. Its methods are called by whoever holds the writers' lock.

    Parameters
    ----------
    above : int, "auto" or None
        How many changes may wait; "auto" until lookups feel it, None for ever.

    Attributes
    ----------
    is_under_way : bool
    merges : int
        How many snapshots were replaced by a merged one.
    """

    __slots__ = ("_above", "_thread", "is_under_way", "merges")

    def __init__(self, above: MergeAbove) -> None:
        self._above = above
        self._thread: threading.Thread | None = None
        self.is_under_way = False
        self.merges = 0

    def begin_if_due(self, snapshot: Snapshot, merge: Callable[[Snapshot], None]) -> None:
        """Call ``merge(snapshot)`` on a thread of its own if it is time; it must end with `finished`, whatever happens."""
        due = snapshot.merge_due if self._above == "auto" else self._above is not None and snapshot.pending > self._above
        if self.is_under_way or not due:
            return
        self.is_under_way = True
        thread = threading.Thread(target=merge, args=(snapshot,), name="valkyrie-snapshots-merge", daemon=True)
        try:
            thread.start()
        except RuntimeError:  # the interpreter is on its way out and starts no thread any more
            self.is_under_way = False
        else:
            self._thread = thread

    def join(self, timeout: float | None) -> None:
        """Wait, some seconds at most, for the thread of the last merge to end. Any thread may call this, but for that one."""
        thread = self._thread
        if thread is not None:
            thread.join(timeout)

    def finished(self, *, of_use: bool) -> None:
        """Take note that a merge is over, and of whether its outcome took the place of the current snapshot."""
        self.merges += of_use
        self.is_under_way = False

    def renew(self) -> None:
        """In a forked child: a merge that was under way is the parent's."""
        self._thread = None
        self.is_under_way = False


def caught_up(now: Snapshot, before: Snapshot, merged: Snapshot) -> Snapshot | None:
    """A snapshot with the content of one and as much as possible of the arrays of another.

    Parameters
    ----------
    now : Snapshot
        Whose content it is to be.
    before, merged : Snapshot
        A snapshot, and its merged form.

    Returns
    -------
    Snapshot or None
        None if nothing of `merged` is of use.
    """
    result = now
    for name, table in now.tables.items():
        other = table.rebased(before.tables.get(name), merged.tables.get(name))
        if other is not None and other.pending < table.pending:
            result = result.with_table(name, other)
    return None if result is now else result
