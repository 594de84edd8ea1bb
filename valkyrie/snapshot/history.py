"""The versions that are kept: a ring bounded by their number and by the bytes that only they hold."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter, deque
from typing import TYPE_CHECKING

from valkyrie.errors import VersionEvictedError
from valkyrie.typing import AnyArray

if TYPE_CHECKING:
    from valkyrie.snapshot.snapshot import Snapshot

__all__ = ["History", "creation_time", "version_number"]


class History:
    """Published versions, the oldest first. One thread may add while others read.

    Arrays that several versions share are counted once, and those of the newest version not at all: they would be there anyway.

    Parameters
    ----------
    most : int
        How many versions are kept, the newest included.
    most_bytes : int
        How many bytes of arrays all but the newest may hold alone. The newest is kept whatever it holds.

    Attributes
    ----------
    snapshots : tuple of Snapshot
        By version; replaced and never changed, so a reader needs no lock.
    evicted : int
        The highest version that was there and is not any more; one below the first if there is none.
    nbytes : int
        Bytes that all but the newest hold alone.
    """

    __slots__ = ("_counts", "_held", "_most", "_most_bytes", "_total", "evicted", "nbytes", "snapshots")

    def __init__(self, most: int, most_bytes: int, snapshots: tuple[Snapshot, ...]) -> None:
        self._most = most
        self._most_bytes = most_bytes
        self._held: deque[dict[int, AnyArray]] = deque()  # the arrays too, since an id says nothing once its array is gone
        self._counts: Counter[int] = Counter()
        self._total = self.nbytes = 0
        self.snapshots: tuple[Snapshot, ...] = ()
        self.evicted = version_number(snapshots[0]) - 1
        for snapshot in snapshots:
            self.add(snapshot)

    def until(self, snapshot: Snapshot) -> History:
        """A history of the same bounds, made anew, that ends with a snapshot: for when an addition was interrupted."""
        kept = History(self._most, self._most_bytes, (*self.before(snapshot), snapshot))
        kept.evicted = max(kept.evicted, min(self.evicted, version_number(snapshot) - 1))
        return kept

    def add(self, snapshot: Snapshot) -> None:
        """Keep a version, newer than all others, and evict what is beyond the bounds."""
        self._hold(snapshot)
        kept = (*self.snapshots, snapshot)
        gone = 0
        while gone < len(kept) - 1 and (len(kept) - gone > self._most or self.nbytes > self._most_bytes):
            self._release(self._held.popleft())
            gone += 1
        if gone:
            self.evicted = version_number(kept[gone - 1])
        self.snapshots = kept[gone:]

    def replace_newest(self, snapshot: Snapshot) -> None:
        """Put another snapshot of the same version and content in the place of the newest."""
        before = self._held.pop()
        self._hold(snapshot)
        self._release(before)
        self.snapshots = (*self.snapshots[:-1], snapshot)

    def of_version(self, version: int) -> Snapshot:
        """The snapshot of a version.

        Raises
        ------
        VersionEvictedError
        """
        snapshots = self.snapshots
        at = bisect_left(snapshots, version, key=version_number)
        if at < len(snapshots) and snapshots[at].version == version:
            return snapshots[at]
        what = "was not published yet" if version > version_number(snapshots[-1]) else "is not kept"
        raise _evicted(f"version {version} {what}", snapshots, version=version)

    def at_time(self, time: float) -> Snapshot:
        """The newest snapshot that was created at or before a time, in seconds since the epoch.

        Raises
        ------
        VersionEvictedError
        """
        snapshots = self.snapshots
        at = bisect_right(snapshots, time, key=creation_time)
        if at == 0:
            raise _evicted(f"time: the oldest version kept is of {snapshots[0].created_at}, after {time}", snapshots, time=time)
        return snapshots[at - 1]

    def after(self, version: int) -> Snapshot | None:
        """The snapshot of the version that followed a version, if there is one and none before it was evicted."""
        at = bisect_right(self.snapshots, version, key=version_number)
        return self.snapshots[at] if version >= self.evicted and at < len(self.snapshots) else None

    def before(self, snapshot: Snapshot) -> tuple[Snapshot, ...]:
        """The versions kept that came before one."""
        snapshots = self.snapshots
        return snapshots[: bisect_left(snapshots, version_number(snapshot), key=version_number)]

    def _hold(self, snapshot: Snapshot) -> None:
        arrays = {id(array): array for array in snapshot.arrays()}
        self._total += sum(array.nbytes for at, array in arrays.items() if not self._counts[at])
        self._counts.update(arrays.keys())
        self._held.append(arrays)
        self.nbytes = self._total - sum(array.nbytes for array in arrays.values())

    def _release(self, arrays: dict[int, AnyArray]) -> None:
        for at, array in arrays.items():
            self._counts[at] -= 1
            if not self._counts[at]:
                del self._counts[at]
                self._total -= array.nbytes
                self.nbytes -= array.nbytes


def version_number(snapshot: Snapshot) -> int:
    """The version of a snapshot that was published."""
    assert snapshot.version is not None
    return snapshot.version


def creation_time(snapshot: Snapshot) -> float:
    """When a snapshot that was published was, in seconds since the epoch."""
    assert snapshot.created_at is not None
    return snapshot.created_at


def _evicted(message: str, snapshots: tuple[Snapshot, ...], **data: float) -> VersionEvictedError:
    retained = [version_number(snapshot) for snapshot in snapshots]
    span = str(retained[0]) if len(retained) == 1 else f"{retained[0]} to {retained[-1]}"
    return VersionEvictedError(
        message,
        hint=f"Kept: {span}; history= and history_bytes= of a manager, and retain= of a directory, say how many are",
        retained=retained,
        **data,
    )
