"""Building an IdTable: choose a layout, hash, place; on failure take another seed, then another hash, then a sorted table.

A build may fail for two reasons. By chance: at 89 % load a bucket now and then finds no pilot. By malice: someone who knows the
seed chose keys that share a bucket or a line. Both get the same answer, a new seed and a little more room. The new seed depends
on all hashes, so integers cannot be chosen against it: their hashes are the keys themselves. Texts and 128-bit keys may be, since
equal hashes show nothing of what lies behind them. That this fails twice does not happen by chance, so they then go to SipHash,
of which no weakness is known. Whatever even that cannot place goes to a sorted table, which takes anything.
"""

from __future__ import annotations

import hashlib
import os
import time
from dataclasses import dataclass, replace
from math import isqrt

import numpy as np

from valkyrie import records
from valkyrie._native import Block, id_build
from valkyrie.arrays import KeyColumn
from valkyrie.errors import ArgumentError, CapacityError, KeyTypeError
from valkyrie.parallel import run
from valkyrie.tables.ids.direct_build import build_direct
from valkyrie.tables.ids.duplicates import raise_duplicates
from valkyrie.tables.ids.fallback import fallback_table
from valkyrie.tables.ids.keys import BuildKeys, build_keys
from valkyrie.tables.ids.parts import IdTableParts
from valkyrie.typing import AnyArray, Int32Array, OnDuplicate, UInt64Array

__all__ = ["FLAT_UP_TO", "build_from_keys", "build_parts"]

FLAT_UP_TO = 16_384
"""Integers that a table without lines holds at most: all of it is in cache."""

_FAST_ATTEMPTS = 3
_SEGMENT_SHIFT = 12
_ONE_SEGMENT = 31
_MASK = (1 << 64) - 1


@dataclass(frozen=True, slots=True)
class Shape:
    """How a layout cuts its hashes: keys of a bucket, slots of a line, share of slots filled at each attempt."""

    layout: str
    bucket_keys: int
    capacity: int
    loads: tuple[float, ...]


_FLAT = Shape("flat", 3, 1, (0.5, 0.42, 0.34, 0.26))
_LINES = Shape("lines", 5, 5, (0.89, 0.86, 0.83, 0.80))
_B16_LINES = Shape("lines", 4, 3, (0.86, 0.83, 0.80, 0.77))


class _Unplaceable(Exception):
    """A bucket found no pilot."""


def build_parts(
    column: KeyColumn, rows: Int32Array | None, *, on_duplicate: OnDuplicate, seed: int | None, threads: int
) -> IdTableParts:
    """Build the arrays of an IdTable.

    Parameters
    ----------
    column : KeyColumn
    rows : ndarray of int32, shape (n,), optional
        Row of each key, none negative; by default its position.
    on_duplicate : {"error", "first", "last"}
    seed : int, optional
        Of the first attempt; random by default.
    threads : int

    Raises
    ------
    DuplicateKeyError
        A key occurs twice and `on_duplicate` is "error".
    KeyTypeError
        A key is null.
    CapacityError
        More than 2**31 - 1 keys, or more than 32 GiB of text.
    """
    if column.n > records.MAX_ROWS:
        raise CapacityError(f"keys: {column.n} keys, but a table holds at most {records.MAX_ROWS}", hint="Split them")
    if column.nulls is not None and column.nulls.any():
        position = int(np.argmax(column.nulls))
        raise KeyTypeError(
            f"keys: the key at position {position} is null", hint="Drop rows without a key first", position=position
        )
    return build_from_keys(build_keys(column), rows, on_duplicate=on_duplicate, seed=seed, threads=threads)


def build_from_keys(
    keys: BuildKeys, rows: Int32Array | None, *, on_duplicate: OnDuplicate, seed: int | None, threads: int
) -> IdTableParts:
    """Build from keys in their build form, none null; otherwise as `build_parts`."""
    began = time.perf_counter()
    if seed is None:
        seed = int.from_bytes(os.urandom(8), "little")
    elif isinstance(seed, bool | np.timedelta64) or not isinstance(seed, int | np.integer) or not 0 <= seed <= _MASK:
        raise ArgumentError(f"seed must be a whole number from 0 to 2**64 - 1; got {seed!r}", hint="None takes a random one")
    parts = build_direct(keys, rows, on_duplicate, int(seed))
    if parts is None:
        parts = _build_hashed(keys, rows, on_duplicate, int(seed), threads)
    return replace(parts, build_seconds=time.perf_counter() - began)


def next_seed(seed: int, fingerprints: UInt64Array) -> int:
    """Return the seed after this one: a function of the seed and of all keys, so that a build can be repeated byte for byte, and
    yet nobody can choose integers that fail under a seed which depends on their choice."""
    state = hashlib.blake2b(fingerprints.data, digest_size=8, key=seed.to_bytes(8, "little"))
    return int.from_bytes(state.digest(), "little")


def _build_hashed(
    keys: BuildKeys, rows: Int32Array | None, on_duplicate: OnDuplicate, seed: int, threads: int
) -> IdTableParts:
    shape = _B16_LINES if keys.kind == "b16" else _FLAT if keys.kind == "int" and keys.n <= FLAT_UP_TO else _LINES
    attempts = _FAST_ATTEMPTS + (keys.kind != "int")
    attempt = 0
    while True:
        last = attempt == attempts - 1
        table_hash = records.HASHES[attempt >= _FAST_ATTEMPTS]
        placing = _Placing(keys, rows, shape, shape.loads[attempt], seed, table_hash, threads)
        try:
            dropped, unplaced = placing.place(keep_last=on_duplicate == "last", leave_rest=last)
        except _Unplaceable:
            attempt += 1
            seed = next_seed(seed, placing.fp)
            continue
        if dropped is None:
            return placing.parts(unplaced, reseeds=attempt)
        if on_duplicate == "error":
            raise_duplicates(keys)
        kept = np.flatnonzero(dropped == 0)
        rows = kept.astype(np.int32) if rows is None else rows[kept]
        keys = keys.take(kept)
        if keys.kind == "int" and keys.n <= FLAT_UP_TO:
            shape = _FLAT


class _Placing:
    """One attempt: a seed, a hash, a load, and the arrays being filled."""

    def __init__(
        self, keys: BuildKeys, rows: Int32Array | None, shape: Shape, load: float, seed: int, table_hash: str, threads: int
    ) -> None:
        self.keys, self.shape, self.seed, self.hash, self.threads = keys, shape, seed, table_hash, threads
        self.fp = keys.fingerprints(seed, table_hash, threads)
        buckets = max(1, -(-keys.n // shape.bucket_keys))
        self.shift = _ONE_SEGMENT
        n_segments = 1
        if shape.layout == "lines" and buckets > 2 << _SEGMENT_SHIFT:
            self.shift = _SEGMENT_SHIFT
            n_segments = -(-buckets // (1 << _SEGMENT_SHIFT))
            buckets = 1 << _SEGMENT_SHIFT
        self.buckets, self.n_segments = buckets, n_segments
        self.n_pilots = buckets * n_segments
        self.bounds, self.index = self._partition()
        # Six standard deviations above the mean never happen by chance. Beyond, room for the fullest segment in every segment
        # could be any multiple of what the keys need, so it is not given: the segment fails, or turns out to be duplicates.
        mean = keys.n / n_segments
        fullest = min(int(np.diff(self.bounds).max()), int(mean + 6 * mean**0.5) + 1)
        # A table of few lines gives a bucket few places to try, and so gets some to spare.
        spare = 2 + isqrt(keys.n) // 4 if n_segments == 1 else 1
        self.segment_lines = int(fullest / (shape.capacity * load)) + spare
        line = 16 if shape.layout == "flat" else 64
        self.lines = Block(self.segment_lines * n_segments * line)
        self.pilots = Block(self.n_pilots)
        self.rows, self.values = rows, keys.values(rows)

    def _partition(self) -> tuple[UInt64Array, AnyArray | None]:
        """Bring the hashes of a segment together; their order inside it stays."""
        n = self.keys.n
        bounds = np.zeros(self.n_segments + 1, np.uint64)
        if self.n_segments == 1:
            bounds[1] = n
            return bounds, None
        counts = np.zeros(self.n_segments, np.uint64)
        id_build.segment_counts(self.fp, self.n_pilots, self.shift, counts)
        np.cumsum(counts, out=bounds[1:])
        fp = np.empty(n, np.uint64)
        index = np.empty(n, np.uint32)
        id_build.partition(self.fp, self.n_pilots, self.shift, bounds[:-1].copy(), fp, index)
        self.fp = fp
        return bounds, index

    def place(self, *, keep_last: bool, leave_rest: bool) -> tuple[AnyArray | None, AnyArray]:
        """Fill the lines. Returns which keys are losers among duplicates (None if there are none; else the table is not
        complete) and which could not be placed.

        Raises
        ------
        _Unplaceable
            A bucket found no pilot, and the rest is not to be left.
        """
        n = self.keys.n
        dropped = np.zeros(max(n, 1), np.uint8)
        unplaced = np.zeros(max(n, 1) if leave_rest else 0, np.uint8)
        duplicates = []
        keys = self.keys

        def place_segments(first: int, last: int) -> None:
            found = id_build.build_segments(
                first, last, self.bounds, self.fp, self.index, self.values,
                records.KINDS.index(keys.kind), self.shape.layout == "flat", keys.bytes16, keys.address, keys.length,
                self.n_pilots, self.buckets, self.segment_lines,
                self.lines.writable, self.pilots.writable, keep_last, dropped, unplaced if leave_rest else None,
            )  # fmt: skip
            if found < 0:
                raise _Unplaceable
            duplicates.append(found)

        run(place_segments, self.n_segments, threads=self.threads, chunk=max(1, self.n_segments // (8 * self.threads)))
        return (dropped if sum(duplicates) else None), np.flatnonzero(unplaced)

    def parts(self, unplaced: AnyArray, *, reseeds: int) -> IdTableParts:
        """Freeze the arrays and put them together."""
        line = {"flat": records.ID_SLOT, "lines": records.B16_LINE if self.keys.kind == "b16" else records.ID_LINE}
        return IdTableParts(
            kind=self.keys.kind,
            layout=self.shape.layout,
            hash=self.hash,
            is_signed=self.keys.is_signed,
            seed=self.seed,
            entries=self.keys.n,
            lines=self.lines.freeze().view(line[self.shape.layout]),
            pilots=self.pilots.freeze(),
            arena=self.keys.arena(self.rows),
            fallback=fallback_table(self.keys, self.seed, self.hash, self.values, unplaced),
            segment_shift=self.shift,
            segment_lines=self.segment_lines,
            reseeds=reseeds,
        )
