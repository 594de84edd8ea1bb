"""SnapshotManager: who reads takes the current snapshot, who changes publishes the next.

    schedule(op) -> [bounded queue] -> writer thread --.
    flush() --------- empties the queue itself --------+--> writers' lock --> version n + 1 --> current, history, watches
    publish(), update(), rollback() -------------------'

Readers take none of this: `current` is one attribute load. Whoever empties the queue takes all of it while holding the lock, so
operations are applied in the order in which they were scheduled, and once `flush` has had the lock, all from before it are.
"""

from __future__ import annotations

import os
import time
import weakref
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, NoReturn, Self, SupportsIndex

from valkyrie.errors import ArgumentError, ManagerBusyError, ProcessBoundError
from valkyrie.snapshot.arguments import checked_seconds, checked_whole
from valkyrie.snapshot.batch import Batch
from valkyrie.snapshot.failures import Failures
from valkyrie.snapshot.history import version_number
from valkyrie.snapshot.manager_stats import ManagerStats
from valkyrie.snapshot.merging import MergeAbove
from valkyrie.snapshot.operation_queue import OperationQueue
from valkyrie.snapshot.operations import Operation
from valkyrie.snapshot.snapshot import Snapshot
from valkyrie.snapshot.version_publisher import Halted, VersionPublisher
from valkyrie.typing import Verify

if TYPE_CHECKING:
    from valkyrie.snapshot.following import FollowingManager
    from valkyrie.snapshot.publication import Publication

__all__ = ["SnapshotManager"]

_EXIT_SECONDS = 5.0
_managers: weakref.WeakSet[SnapshotManager] = weakref.WeakSet()


class SnapshotManager(VersionPublisher):
    """Holds the current snapshot, publishes the next, and keeps those before. Safe to use from any thread.

    Parameters
    ----------
    snapshot : Snapshot
        The first version: number 1, or the one it was published under.
    history : int
        How many versions are kept, the current one included.
    history_bytes : int
        How many bytes the kept versions but the current may hold alone; what versions share is counted once.
    queue : int
        How many scheduled operations may wait.
    clock : callable
        Gives the time of a version, in seconds since the epoch. If it goes back, times stand still until it has caught up.
    merge_above : int, "auto" or None
        So many changes may wait beside the big arrays of a snapshot; "auto" is as many as lookups hardly feel, one key in 2,048
        of a table. Beyond, they are worked in on a thread beside the writers.
        The merged snapshot takes the place of the current one under the same version and digest. None merges never.

    Attributes
    ----------
    current : Snapshot
        The newest version. Reading it never waits; it cannot be assigned. Whoever needs several answers of one version reads it
        once and keeps it.

    Notes
    -----
    Threads share a manager freely, with and without the GIL. A forked child has the versions, an empty queue and no thread, and
    may publish for itself. What is scheduled is applied before the interpreter exits, if that takes no more than five seconds.

    Examples
    --------
    >>> import valkyrie as vk
    >>> manager = vk.SnapshotManager(vk.Snapshot.build(vk.IdTable.build([10, 20])))
    >>> manager.schedule(vk.Insert([30], [2]))
    >>> manager.flush().lookup(30)
    2
    >>> manager.current.version
    2
    """

    __slots__ = ("_coalesced", "_failures", "_queue")

    def __init__(
        self,
        snapshot: Snapshot,
        *,
        history: int = 64,
        history_bytes: int = 1 << 30,
        queue: int = 65_536,
        clock: Callable[[], float] = time.time,
        merge_above: MergeAbove = "auto",
    ) -> None:
        super().__init__(
            snapshot,
            history=checked_whole(history, "history", least=1),
            history_bytes=checked_whole(history_bytes, "history_bytes", least=0),
            clock=clock,
            merge_above=merge_above if merge_above in ("auto", None) else checked_whole(merge_above, "merge_above", least=0),
        )
        self._coalesced = 0
        self._failures = Failures()
        self._queue = OperationQueue(checked_whole(queue, "queue", least=1))
        _managers.add(self)
        weakref.finalize(self, _finish, self._queue, self._failures)

    def schedule(self, operation: Operation, *, timeout: Any = None) -> None:
        """Have an operation applied soon, by the writer thread, together with others that wait.

        Parameters
        ----------
        operation : Insert, Modify, Remove or Replace
        timeout : float or timedelta, optional
            How long to wait for room in the queue, in seconds; by default for ever.

        Raises
        ------
        QueueFullError
            There was no room in all that time; or there is none, and this is the function given to `update`, for which nobody
            could make any.
        ManagerClosedError, ArgumentError

        Notes
        -----
        All operations are applied, in the order in which they were scheduled; `flush` waits for that. One that fails leaves the
        others alone, and `flush` raises its error. If what they make cannot be published, such as to a disk that is full, all
        stay scheduled: the thread tries again every second, and `flush` at once.
        """
        if not isinstance(operation, Operation):
            raise ArgumentError(
                f"operation must be an Insert, Modify, Remove or Replace; got {type(operation).__name__}",
                hint="update() takes a function",
                argument="operation",
            )
        self._check_open("schedule")
        self._queue.put(operation, self, 0.0 if self._writers.is_mine else checked_seconds(timeout))
        if not self._queue.start(_work, self._queue, weakref.ref(self)) and not self._writers.is_mine:
            self._run(self._apply_queued, call="schedule")

    def flush(self, *, timeout: Any = None) -> Snapshot:
        """Wait until all that was scheduled before is published, by whichever thread.

        Parameters
        ----------
        timeout : float or timedelta, optional
            How long to wait for other threads that publish, in seconds; by default for ever.

        Returns
        -------
        Snapshot
            The current one.

        Raises
        ------
        Exception
            The error of an operation that failed since the last flush, or an ExceptionGroup of several. Of more than 64 the first
            are kept. All others were applied. Or why the next version was refused, by a disk that is full or another
            publication: then all operations stay scheduled, and another `flush` tries again.
        ManagerBusyError
            Another thread was publishing for all that time.
        NestedCallError
            Called from the function given to `update`.
        """
        refusal = self._run(self._apply_queued, call="flush", timeout=checked_seconds(timeout))
        self._failures.report(refusal)
        return self.current

    @property
    def stats(self) -> ManagerStats:
        """How much was published, what waits, what is kept."""
        history, thread = self._history, self._queue.thread
        return ManagerStats(
            version=version_number(self.current),
            published=self._published,
            coalesced=self._coalesced,
            failed=self._failures.total,
            queued=len(self._queue),
            retained=len(history.snapshots),
            retained_bytes=history.nbytes,
            merges=self._merging.merges,
            last_publish_seconds=self._last_seconds,
            writer_alive=thread is not None and thread.is_alive(),
        )

    def publish_to(self, directory: Any, *, retain: int = 16, durable: bool = True) -> Publication:
        """Publish the current version, and each that follows, to a directory too, where other processes `follow` them.

        Parameters
        ----------
        directory : path-like
            Made if it is not there. It must be on a file system with locks. One manager publishes to it at a time, and a manager
            to one at a time: when the second of two could not be written, the first would be ahead of the manager.
        retain : int
            How many versions it keeps. What several share is there once.
        durable : bool
            Whether a version that was published outlives a power failure; that costs six calls of fsync a version. Without, it
            outlives the process.

        Returns
        -------
        Publication
            Ends with `Publication.close`, or with the manager.

        Raises
        ------
        DirectoryHeldError
            Another manager publishes to it; the error says which process. Also raised by `publish` and the others, if somebody
            removed or replaced the file LOCK meanwhile: then nothing keeps another publisher out, and this one must not go on.
        VersionConflictError
            The directory is at a version that this manager has not come to: see `resume`.
        SnapshotFormatError
            Its CURRENT, or the version that it names, is damaged.
        ArgumentError
            This manager publishes to a directory already.
        SourceError, ManagerClosedError, NestedCallError

        Notes
        -----
        From now on a version that cannot be written is not published: `publish` and the others raise SourceError, and the version
        before stays current, here and there. Changes of the content alone are written: a hundred keys of ten million are a few
        KiB.
        """
        from valkyrie.snapshot.publication import Publication

        return Publication(self, directory, retain=retain, durable=durable)

    @staticmethod
    def follow(
        directory: Any,
        *,
        poll: Any = 0.01,
        verify: Verify = "full",
        timeout: Any = 0.0,
        history: int = 64,
        history_bytes: int = 1 << 30,
    ) -> FollowingManager:
        """A read-only manager whose current snapshot is the one that another process publishes to a directory.

        Parameters
        ----------
        directory : path-like
        poll : float or timedelta
            How often a thread looks whether there is a new version, in seconds.
        verify : {"full", "header", "none"}
            What is compared of files that are new, as for `valkyrie.load`. With "full", a version is taken only if its content
            has the digest that was promised.
        timeout : float, timedelta or None
            How long to wait for the first version, in seconds.
        history, history_bytes
            As for a manager.

        Returns
        -------
        FollowingManager
            Its `follower` says what is wrong, if something is.

        Raises
        ------
        SourceError
            Nothing was published to the directory; a FileNotFoundError too.
        SnapshotFormatError, DigestMismatchError, ArgumentError

        Notes
        -----
        Files are mapped, so that processes share their memory: segments must not be changed or cut in place, only replaced. When
        the publisher dies, the last version serves on, and its successor is followed. Versions never go back.
        """
        from valkyrie.snapshot.following import follow

        return follow(directory, poll=poll, verify=verify, timeout=timeout, history=history, history_bytes=history_bytes)

    @classmethod
    def resume(
        cls, directory: Any, *, verify: Verify = "full", history: int = 64, history_bytes: int = 1 << 30, **options: Any
    ) -> SnapshotManager:
        """A manager of the versions that a directory keeps, to go on from there: `publish_to` continues their numbers.

        Parameters
        ----------
        directory : path-like
        verify : {"full", "header", "none"}
            As for `follow`.
        history, history_bytes, options
            As for a manager.

        Raises
        ------
        SourceError
            Nothing was published to the directory; a FileNotFoundError too.
        SnapshotFormatError, DigestMismatchError
            The current version is damaged. Of those before, damaged ones are left out.

        Examples
        --------
        ::

            with vk.SnapshotManager.resume(directory) as manager, manager.publish_to(directory):
                manager.rollback(41)
        """
        from valkyrie.snapshot.following import resume

        return resume(cls, directory, verify=verify, history=history, history_bytes=history_bytes, **options)

    def close(self, timeout: Any = 5.0) -> None:
        """Take no more changes, apply what is scheduled, let go of the directory, end threads and watches. Reading goes on.

        Parameters
        ----------
        timeout : float, timedelta or None
            How long that may wait for other threads that publish, in seconds.

        Raises
        ------
        ManagerBusyError
            Another thread was publishing for all that time. The manager takes no more changes, and its own threads publish
            nothing any more; what they had begun is scheduled as before. If that other thread is a caller's, its call finishes
            what this one did not: it applies what is scheduled, lets go of the directory, and ends the watches, which have then
            given all versions. Another `close` waits for that, or does it.
        NestedCallError
            Called from the function given to `update`; nothing was closed.
        Exception
            As `flush`: the errors of operations that failed, or why they could not be published. Another `close` tries again.

        Notes
        -----
        A merge that is under way is waited for in the same time, and its outcome dropped. A version that is being shown to
        followers is waited for however long that takes.
        """
        self._writers.check_not_mine("close")
        seconds = checked_seconds(timeout)
        deadline = None if seconds is None else time.monotonic() + seconds
        self._refusal = self._refusal or "the manager was closed"
        self._queue.close()
        refusal: Exception | None = None
        try:
            refusal = self._writers.run(lambda: self._wind_up(_left(deadline)), call="close", timeout=seconds)
        except ManagerBusyError as busy:
            self._is_left_to_holder = True
            try:  # whoever held the lock may have looked for that just before, and be gone by now
                refusal = self._writers.run(lambda: self._wind_up(0.0), call="close", timeout=0.0)
            except ManagerBusyError:
                raise busy from None
        finally:
            self._halt()
            self._queue.stop()
        thread = self._queue.thread
        if thread is not None:
            thread.join(_left(deadline))
        self._merging.join(_left(deadline))
        self._failures.report(refusal)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        try:
            self.close()
        except Exception:
            if error is None:  # what went wrong inside is more to the point
                raise

    def __reduce_ex__(self, protocol: SupportsIndex, /) -> NoReturn:
        raise ProcessBoundError(
            f"{type(self).__name__}: a manager has threads, locks and waiting callers, and cannot be pickled or copied",
            hint="Pickle its current snapshot, or publish_to() a directory that other processes follow()",
        )

    def __repr__(self) -> str:
        history = self._history.snapshots
        return f"SnapshotManager(version {self.current.version}, {len(history)} kept, {len(self._queue)} operations scheduled)"

    def _wind_up(self, timeout: float | None = None) -> Exception | None:
        refusal = self._apply_queued()
        # What is still scheduled needs the place where versions go: it stays until another close can publish it.
        return super()._wind_up(timeout) if refusal is None else refusal

    def _apply_queued(self, *, by_own_thread: bool = False) -> Exception | None:
        """Apply and publish all that is scheduled; the caller holds the writers' lock.

        Returns
        -------
        Exception or None
            Why the version was refused, by somebody who is asked before it becomes current: then all stays scheduled.

        Raises
        ------
        Halted
            A thread of the manager's own called, and it was closed meanwhile; all is scheduled as before.
        """
        if by_own_thread and self._is_halted:
            raise Halted
        before, refusal, done = self.current, None, False
        try:
            operations = self._queue.take()
            refusal = self._apply(before, operations, by_own_thread) if operations else None
            done = refusal is None
        finally:  # put back after Ctrl-C too, and whatever else is not about the operations
            self._queue.settle(put_back=not done and self.current is before, pause=refusal is not None)
        return refusal

    def _apply_queued_by_own_thread(self) -> Exception | None:
        return self._apply_queued(by_own_thread=True)

    def _apply(self, before: Snapshot, operations: Sequence[Operation], by_own_thread: bool) -> Exception | None:
        """Publish what operations make of the current snapshot; return what kept that from becoming the next."""
        began = time.perf_counter()
        batch = Batch(before, operations)
        if batch.applied:
            try:
                self._install(batch.snapshot, began, by_own_thread=by_own_thread)
            except Halted:
                raise
            except Exception as error:
                if self.current is not before:
                    raise
                error.add_note(f"when {batch.applied} scheduled operations were to be published; they stay scheduled")
                return error
        self._coalesced += batch.applied - batch.edits
        self._failures.add(batch.errors)
        return None

    def _renew(self) -> None:
        """In a forked child: the queue is the parent's, and no thread but this one is there."""
        self._queue.renew()
        self._failures.renew()
        super()._renew()


def _work(queue: OperationQueue, reference: weakref.ref[SnapshotManager]) -> None:
    """What the writer thread does: it holds no manager while it waits."""
    while queue.wait():
        manager, refusal = reference(), None
        if manager is not None:  # and it is not None: while something waits, the queue holds it
            try:
                refusal = manager._writers.run(manager._apply_queued_by_own_thread, call="schedule")
            except Halted:
                return
            if refusal is not None:
                import logging  # not before something is wrong

                logging.getLogger(__name__).warning("%d scheduled operations cannot be published yet: %s", len(queue), refusal)
        del manager, refusal


def _left(deadline: float | None) -> float | None:
    return None if deadline is None else max(0.0, deadline - time.monotonic())


def _finish(queue: OperationQueue, failures: Failures) -> None:
    """When the manager is gone, or the interpreter about to exit: apply what waits, end the thread, tell what went wrong."""
    manager, refusal = queue.owner, None
    try:
        if manager is not None:
            refusal = manager._writers.run(manager._apply_queued, call="exit", timeout=_EXIT_SECONDS)
    finally:
        queue.stop()
    failures.report(refusal)  # the interpreter prints it: nobody else will


def _renew_all() -> None:
    for manager in list(_managers):
        manager._renew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_all)
