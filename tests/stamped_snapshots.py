"""Snapshots whose every part says which version it belongs to, publishers of them, good and busted, and readers that check.

*A read* is one load of ``manager.current`` and five checks: (a) the version does not go back; (b) every column bears the stamp of
the version; (c) the checksum of a column chosen at random is that of the version; (d) a key leads where it leads in that version,
and one that is not there leads nowhere; (e) now and then, a snapshot that was held for a thousand swaps still passes all of it.
"""

from __future__ import annotations

import random
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np

import valkyrie as vk
from valkyrie.tables.payload import PayloadColumn

__all__ = ["BUSTED", "Reader", "good_publisher", "run_readers", "stamped"]

STAMPS = 61
KEYS = 96
COLUMNS = ("a", "b", "c", "d")
_HELD_FOR = 1000


def row_of(key: int, stamp: int) -> int | None:
    """Where a key leads in the versions of a stamp."""
    return None if (key + stamp) % 7 == 0 else (key * 31 + stamp * 17) % KEYS


def _column(stamp: int) -> Any:
    return np.full(KEYS, stamp, np.int64)


# Large enough to be patched: each stamp's index is the same big arrays and changes beside them, which managers merge meanwhile.
_BASE = vk.IdTable.build(np.arange(20_000) * 977, np.arange(20_000) % KEYS)


def _index(stamp: int) -> vk.IdTable:
    rows = {key: row for key in range(KEYS) if (row := row_of(key, stamp)) is not None}
    absent = [key * 977 for key in range(KEYS) if key not in rows]
    index = _BASE.replace(np.array(list(rows)) * 977, list(rows.values())).without(absent)
    assert index.pending == KEYS
    return index


_INDEXES = [_index(stamp) for stamp in range(STAMPS)]


def stamped(stamp: int, columns: dict[str, Any] | None = None, *, index: int | None = None) -> vk.Snapshot:
    """A snapshot of a stamp; with columns of its own that somebody may change, or the index of another stamp."""
    values = columns or {name: _column(stamp) for name in COLUMNS}
    if columns is None:
        for column in values.values():
            column.flags.writeable = False
    payload = {name: PayloadColumn(column) for name, column in values.items()}
    return vk.Snapshot.build({"t": vk.RouteTable(_INDEXES[stamp if index is None else index], payload, "id")})


_READY = [stamped(stamp) for stamp in range(STAMPS)]


class Reader:
    """Reads until told to stop; keeps what was wrong."""

    def __init__(self, manager: Any, seed: int) -> None:
        self.manager, self.reads, self.wrong = manager, 0, ""
        self._random = random.Random(seed)
        self._last = 0
        self._held: vk.Snapshot | None = None

    def run(self, stop: threading.Event, reads: int) -> None:
        """Read so many times, or until stopped."""
        while self.reads < reads and not stop.is_set():
            self.wrong = self.read()
            if self.wrong:
                stop.set()
                return

    def read(self) -> str:
        """One read; what was wrong, or nothing."""
        self.reads += 1
        snapshot = self.manager.current
        version = snapshot.version
        if version < self._last:
            return f"(a) version {version} after {self._last}"
        self._last = version
        wrong = self.check(snapshot)
        if wrong:
            return wrong
        if self._held is None:
            self._held = snapshot
        elif version - self._held.version >= _HELD_FOR:
            wrong = self.check(self._held)
            self._held = snapshot
            return wrong and f"(e) held: {wrong}"
        return ""

    def check(self, snapshot: vk.Snapshot) -> str:
        """What is wrong with a snapshot, or nothing."""
        assert snapshot.version is not None
        stamp = snapshot.version % STAMPS
        table = snapshot.tables["t"]
        payload = table._payload
        place = self._random.randrange(KEYS)
        for name in COLUMNS:
            if payload[name].values[place] != stamp:
                return f"(b) column {name} of version {snapshot.version} bears stamp {payload[name].values[place]}, not {stamp}"
        name = COLUMNS[place % 4]
        if int(payload[name].values.sum()) != KEYS * stamp:
            return f"(c) column {name} of version {snapshot.version} has another checksum"
        row = table.index.get(place * 977)
        if row != row_of(place, stamp):
            return f"(d) key {place * 977} of version {snapshot.version} leads to {row}, not {row_of(place, stamp)}"
        other = self._random.randrange(KEYS, 20_000)  # one that never changes
        if table.index.get(other * 977) != other % KEYS:
            return f"(d) key {other * 977} of version {snapshot.version} does not lead where it always does"
        return ""


Publisher = Callable[[Any, threading.Event], None]


def good_publisher(manager: Any, stop: threading.Event) -> None:
    """Publish as fast as it goes, while what waits beside the tables is merged."""
    while not stop.is_set():
        stamp = (manager.current.version + 1) % STAMPS
        if stamp % 2:
            manager.publish(_READY[stamp])
        else:
            manager.update(lambda _, stamp=stamp: _READY[stamp])


def _mutates_in_place(manager: Any, stop: threading.Event) -> None:
    """Writes into arrays that are out there already."""
    columns = {name: _column(0) for name in COLUMNS}
    while not stop.is_set():
        stamp = (manager.current.version + 1) % STAMPS
        for column in columns.values():
            column[:] = stamp
        manager.publish(stamped(stamp, columns))


def _publishes_before_filling(manager: Any, stop: threading.Event) -> None:
    """Lets readers have what is not complete yet."""
    while not stop.is_set():
        stamp = (manager.current.version + 1) % STAMPS
        columns = {name: np.zeros(KEYS, np.int64) for name in COLUMNS}
        manager.publish(stamped(stamp, columns))
        for column in columns.values():
            column[:] = stamp


def _forgets_a_column(manager: Any, stop: threading.Event) -> None:
    """Takes one column over from the version before."""
    kept = _column(manager.current.version % STAMPS)
    while not stop.is_set():
        stamp = (manager.current.version + 1) % STAMPS
        columns = {name: _column(stamp) for name in COLUMNS}
        columns["c"], kept = kept, columns["c"]
        manager.publish(stamped(stamp, columns))


def _goes_back(manager: Any, stop: threading.Event) -> None:
    """Puts an old version where the current one is."""
    while not stop.is_set():
        old = manager.current
        for _ in range(3):
            manager.publish(_READY[(manager.current.version + 1) % STAMPS])
        time.sleep(0)
        object.__setattr__(manager, "current", old)
        time.sleep(0)


def _spoils_one_value(manager: Any, stop: threading.Event) -> None:
    """Fills a column but for one value, which few reads happen upon."""
    while not stop.is_set():
        stamp = (manager.current.version + 1) % STAMPS
        columns = {name: _column(stamp) for name in COLUMNS}
        columns[COLUMNS[stamp % 4]][stamp % KEYS] += 1
        manager.publish(stamped(stamp, columns))


def _takes_the_index_of_another_version(manager: Any, stop: threading.Event) -> None:
    """Publishes the payload of one version with the keys of the next."""
    while not stop.is_set():
        stamp = (manager.current.version + 1) % STAMPS
        manager.publish(stamped(stamp, index=(stamp + 1) % STAMPS))


def _reuses_memory_too_early(manager: Any, stop: threading.Event) -> None:
    """Writes a version into the arrays of one that somebody may still hold."""
    ring = [{name: _column(0) for name in COLUMNS} for _ in range(_HELD_FOR - 300)]
    while not stop.is_set():
        version = manager.current.version + 1
        columns = ring[version % len(ring)]
        for column in columns.values():
            column[:] = version % STAMPS
        manager.publish(stamped(version % STAMPS, columns))


BUSTED: dict[str, tuple[Publisher, str]] = {
    "mutates in place": (_mutates_in_place, "bc"),
    "publishes before filling": (_publishes_before_filling, "bc"),
    "forgets a column": (_forgets_a_column, "bc"),
    "goes back": (_goes_back, "a"),
    "spoils one value": (_spoils_one_value, "bc"),
    "takes the index of another version": (_takes_the_index_of_another_version, "d"),
    "reuses memory too early": (_reuses_memory_too_early, "e"),
}
"""By name, a publisher and the checks of which one must catch it."""


def run_readers(publisher: Publisher, *, readers: int, reads: int, seconds: float) -> tuple[list[Reader], int, int]:
    """Run readers against a publisher until each has read so often, one has seen something wrong, or the time is over.

    Returns
    -------
    readers : list of Reader
    swaps : int
    merges : int
    """
    with vk.SnapshotManager(_READY[0]) as manager:
        for _ in range(STAMPS - manager.current.version % STAMPS):  # until version and stamp agree
            manager.publish(_READY[(manager.current.version + 1) % STAMPS])
        first = manager.current.version
        stop = threading.Event()
        own = [Reader(manager, seed) for seed in range(readers)]
        threads = [threading.Thread(target=reader.run, args=(stop, reads)) for reader in own]
        writer = threading.Thread(target=publisher, args=(manager, stop))
        interval = sys.getswitchinterval()
        sys.setswitchinterval(1e-6)
        try:
            for thread in (*threads, writer):
                thread.start()
            end = time.monotonic() + seconds
            for thread in threads:
                thread.join(max(0.0, end - time.monotonic()))
        finally:
            stop.set()
            sys.setswitchinterval(interval)
            for thread in (*threads, writer):
                thread.join()
        return own, manager.current.version - first, manager.stats.merges
