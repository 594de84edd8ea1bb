"""The one thread pool: split a range into chunks, run them on several threads, stay open to Ctrl-C.

Kernels release the GIL, so plain threads are enough. There is no OpenMP: its runtime hangs in a forked child. A child starts with
no pool of its own and makes one when it needs it.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from valkyrie.errors import ArgumentError

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor

__all__ = ["available_threads", "run", "thread_count"]

_lock = threading.Lock()
_pool: ThreadPoolExecutor | None = None
_pool_size = 0
_POLL_SECONDS = 0.05
_MOST_THREADS = 256


def available_threads() -> int:
    """How many CPUs this process may use: its affinity, or ``VALKYRIE_NUM_THREADS`` if that is set."""
    asked = os.environ.get("VALKYRIE_NUM_THREADS", "")
    if asked:
        if not (asked.isascii() and asked.isdigit() and int(asked)):
            raise ArgumentError(
                f"the environment variable VALKYRIE_NUM_THREADS is {asked!r}", hint="set a whole number from 1, or unset it"
            )
        return int(asked)
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def thread_count(threads: int | None) -> int:
    """Check a ``threads=`` argument; None means `available_threads`."""
    if threads is None:
        return available_threads()
    if isinstance(threads, bool) or not isinstance(threads, int) or threads < 1:
        raise ArgumentError(f"threads must be a whole number from 1; got {threads!r}", hint="None uses all that there are")
    return threads


def run(task: Callable[[int, int], None], n: int, *, threads: int, chunk: int) -> None:
    """Call ``task(start, stop)`` for all chunks of ``range(n)``.

    Parameters
    ----------
    task : callable
        Works on its own part of shared arrays; called from several threads if `threads` > 1.
    n : int
        Length of the range.
    threads : int
        How many chunks are under way at once.
    chunk : int
        Length of a chunk; between chunks a pending Ctrl-C is raised.

    Raises
    ------
    BaseException
        The first error of a task; chunks that have not begun by then never do.
    """
    starts = range(0, n, chunk)
    if threads == 1 or len(starts) < 2:
        for start in starts:
            task(start, min(n, start + chunk))
        return
    workers = min(threads, len(starts), _MOST_THREADS)
    try:
        from concurrent.futures import FIRST_EXCEPTION, wait  # brings logging with it: only for those who use threads

        pool = _executor(workers)
    except RuntimeError:  # the interpreter is on its way out and starts no thread any more
        return run(task, n, threads=1, chunk=chunk)

    left = deque(starts)  # gives each start to one thread, without a lock
    stopped = threading.Event()

    def work() -> None:
        try:
            while left and not stopped.is_set():
                try:
                    start = left.popleft()
                except IndexError:  # another thread took the last
                    return
                task(start, min(n, start + chunk))
        except BaseException:
            stopped.set()
            raise

    futures: list[Future[None]] = []
    try:
        try:
            for _ in range(workers - 1):
                futures.append(pool.submit(work))
        except RuntimeError:  # as above
            pass
        except BaseException:
            # Ctrl-C while a thread was starting: the executor may not know it yet, and would wait for it at exit, for ever.
            _give_up(pool)
            raise
        work()  # the caller's thread is one of them: it need not be woken, and sees Ctrl-C between its own chunks
        pending: set[Future[None]] = set(futures)
        while pending:
            done, pending = wait(pending, timeout=_POLL_SECONDS, return_when=FIRST_EXCEPTION)
            for future in done:
                future.result()
    finally:
        stopped.set()
        wait(futures)  # a chunk that has begun still writes into the caller's arrays


def _executor(threads: int) -> ThreadPoolExecutor:
    from concurrent.futures import ThreadPoolExecutor

    global _pool, _pool_size
    with _lock:
        if _pool is None or _pool_size < threads:
            # The smaller pool is left to whoever is using it, and goes with its last task.
            _pool = ThreadPoolExecutor(threads, thread_name_prefix="valkyrie")
            _pool_size = threads
        return _pool


def _give_up(pool: ThreadPoolExecutor) -> None:
    """End a pool, those of its threads included that it does not know; the next caller makes another."""
    global _pool, _pool_size
    with _lock:
        if _pool is pool:
            _pool, _pool_size = None, 0
    pool.shutdown(wait=False, cancel_futures=True)


def _forget_pool() -> None:
    """In a forked child: the parent's threads are not there, and its lock may be held for ever."""
    global _lock, _pool, _pool_size
    _lock = threading.Lock()
    _pool = None
    _pool_size = 0


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_pool)
