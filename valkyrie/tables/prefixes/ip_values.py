"""Where parsed addresses go."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from valkyrie._native import addresses, read_only
from valkyrie.arrays import Container
from valkyrie.arrays.texts import Texts
from valkyrie.tables.prefixes.keys import IpColumn
from valkyrie.typing import BoolArray, UInt8Array, UInt32Array

__all__ = ["IpValues"]


class IpValues:
    """Room for addresses of both families, filled piece by piece, from several threads or one.

    Room for IPv6 is made only when such an address turns up, zeros elsewhere; the piece it was in is parsed once more.
    """

    __slots__ = ("_lock", "count4", "count6", "family", "n", "v4", "v6")

    def __init__(self, n: int) -> None:
        self.n = n
        self.family: UInt8Array = np.empty(n, np.uint8)
        self.v4: UInt32Array = np.empty(n, np.uint32)
        self.v6: UInt8Array | None = None
        self.count4 = 0
        self.count6 = 0
        self._lock = threading.Lock()

    def parse(self, texts: Texts, start: int, stop: int) -> None:
        """Parse the texts of a piece."""

        def fill(v6: UInt8Array | None) -> tuple[int, int]:
            arrays = self.family[start:stop], self.v4[start:stop], v6
            return addresses.parse_addresses(texts.address, texts.length, *arrays)

        self._fill(fill, start, stop)

    def parse_objects(self, items: Sequence[Any], nulls: UInt8Array, start: int, stop: int) -> bool:
        """Parse the items of a piece that are str and bytes, and note which are None; whether they all are."""
        stopped = -1

        def fill(v6: UInt8Array | None) -> tuple[int, int]:
            nonlocal stopped
            arrays = nulls[start:stop], self.family[start:stop], self.v4[start:stop], v6
            stopped, *counts = addresses.parse_address_objects(items, start, *arrays)
            return counts[0], counts[1]

        self._fill(fill, start, stop)
        return stopped < 0

    def room6(self) -> UInt8Array:
        """The bytes of all IPv6 addresses: uint8, shape (16 n,)."""
        with self._lock:
            if self.v6 is None:
                self.v6 = np.zeros(16 * self.n, np.uint8)
            return self.v6

    def bad(self) -> BoolArray | None:
        """Which are no addresses, nulls among them; None if all are."""
        return None if self.count4 + self.count6 == self.n else self.family == 0

    def put(self, numbers: dict[int, int], packed: dict[int, bytes]) -> None:
        """Set addresses of both families by position, where none is yet."""
        if numbers:
            at = list(numbers)
            self.v4[at] = np.array(list(numbers.values()), np.uint32)
            self.family[at] = 4
        if packed:
            at = list(packed)
            self.room6().reshape(-1, 16)[at] = np.frombuffer(b"".join(packed.values()), np.uint8).reshape(-1, 16)
            self.family[at] = 6
        self.count4 += len(numbers)
        self.count6 += len(packed)

    def column(self, box: Container, **rest: Any) -> IpColumn:
        """All of them as a column of queries."""
        n = rest.pop("n", self.n)
        v6 = read_only(self.room6().view(np.uint64)) if self.count6 else None
        if self.count6 and not self.count4:
            return IpColumn(n, box, v6=v6, **rest)
        return IpColumn(n, box, family=read_only(self.family) if self.count6 else None, v4=read_only(self.v4), v6=v6, **rest)

    def _fill(self, fill: Callable[[UInt8Array | None], tuple[int, int]], start: int, stop: int) -> None:
        """Have a piece filled, again if it needs room for IPv6 that was not there, and count."""
        with self._lock:
            v6 = self.v6
        count4, count6 = fill(None if v6 is None else v6[16 * start : 16 * stop])
        if v6 is None and count6:
            fill(self.room6()[16 * start : 16 * stop])
        with self._lock:
            self.count4 += count4
            self.count6 += count6
