"""What searches found, kept up to a number of bytes: the least recently used goes first."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Hashable
from typing import Any

__all__ = ["SearchCache"]

_MOST_BYTES = 64 << 20

_lock = threading.Lock()


class SearchCache:
    """Results of pure functions by key; safe to use from any thread.

    Two threads that miss the same key both compute it, and either result is kept: they are equal.
    """

    __slots__ = ("_held", "nbytes")

    def __init__(self) -> None:
        self._held: OrderedDict[Hashable, tuple[Any, int]] = OrderedDict()
        self.nbytes = 0

    def __len__(self) -> int:
        return len(self._held)

    def get(self, key: Hashable) -> Any:
        """What is kept under a key; None if nothing is."""
        with _lock:
            found = self._held.get(key)
            if found is None:
                return None
            self._held.move_to_end(key)
            return found[0]

    def keep(self, key: Hashable, value: Any, nbytes: int) -> None:
        """Keep a value of so many bytes, and let go of what has been used least recently where it gets too much."""
        with _lock:
            self.nbytes += nbytes - self._held.pop(key, (None, 0))[1]
            self._held[key] = (value, nbytes)
            while self.nbytes > _MOST_BYTES:
                self.nbytes -= self._held.popitem(last=False)[1][1]


def _renew_lock() -> None:
    """In a forked child: the thread that held it is not there."""
    global _lock
    _lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_lock)
