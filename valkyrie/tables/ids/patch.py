"""Changes that wait beside the big arrays of an IdTable: what makes a new version of ten million rows cost microseconds.

A patch is a small table of the keys that changed since the big one was built, and their new rows, -1 where a key was removed.
Where a mark among the pilots says so, a lookup asks it too (``vk_patch.h``). Every change makes a new patch from the old one and
what is new, and shares everything else. So a change costs what waits, and a copy of the pilots, a byte for five keys; once more
than a sixteenth of the keys has changed, the whole is built again.

The other way, shards behind a directory of pointers of which a change builds a few again, was tried with ten million keys. The
directory cost every lookup 20 to 50 %, changes or none, where the marks cost 4 % while a hundred changes wait and nothing once
they are merged; and only shards of 160 keys were built again as fast as a patch. A filter asked for every key cost 11 to 35 %.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from valkyrie._native import Block, IdTableReader, freeze, frozen, id_patch
from valkyrie.errors import SnapshotFormatError
from valkyrie.tables.ids.build import FLAT_UP_TO, build_from_keys
from valkyrie.tables.ids.keys import BuildKeys
from valkyrie.tables.ids.parts import IdTableParts
from valkyrie.tables.ids.stored import stored_keys
from valkyrie.typing import AnyArray, Int32Array, OnDuplicate, UInt8Array, UInt64Array

__all__ = ["Patch", "fits", "found_rows"]

_BITS_PER_KEY = 16
_LEAST_WORDS = 128
_MOST_PENDING = 65_536
_PENDING_SHARE = 16
_OWN = ("new", "old")


def found_rows(reader: IdTableReader, keys: BuildKeys) -> Int32Array:
    """The rows of keys in their build form, -1 where there is none: int32, shape (n,)."""
    out = np.empty(keys.n, np.int32)
    if keys.ints is not None:
        reader._probe_ints(keys.ints.view(np.int64) if keys.is_signed else keys.ints, -1, out)
    elif keys.bytes16 is not None:
        reader._probe_b16(keys.bytes16, -1, out)
    elif keys.address is not None and keys.length is not None:
        reader._probe_texts(keys.address, keys.length, -1, out)
    return out


def fits(entries: int, pending: int) -> bool:
    """Whether so many changes may wait beside a table; a small table is built again at each change, which costs as little."""
    return entries > FLAT_UP_TO and pending <= max(_MOST_PENDING, entries // _PENDING_SHARE)


@dataclass(frozen=True, slots=True, eq=False)
class Patch:
    """Changed keys of a table. Immutable; safe to share between threads.

    Attributes
    ----------
    keys : BuildKeys
        Of m keys.
    new, old : ndarray of int32, shape (m,)
        Their rows now and in the table beside which they wait; -1 where there is none.
    parts : IdTableParts
        From each key to its place in those.
    reader : IdTableReader
        Of `parts`.
    pilots : ndarray of uint8
        In the lines layout, the pilots of the table, marked where a bucket holds a changed key.
    filter : ndarray of uint64, shape (a power of two,)
        In the others, a bit a changed key.
    """

    keys: BuildKeys
    new: Int32Array
    old: Int32Array
    parts: IdTableParts
    reader: IdTableReader
    pilots: UInt8Array
    filter: UInt64Array

    @classmethod
    def of(cls, base: IdTableParts, keys: BuildKeys, new: Int32Array, old: Int32Array, *, on_duplicate: OnDuplicate) -> Self:
        """Build from changed keys; those that a policy drops are not in the patch.

        Raises
        ------
        DuplicateKeyError
        """
        parts = build_from_keys(keys, None, on_duplicate=on_duplicate, seed=None, threads=1)
        if parts.entries < keys.n:
            counts = np.zeros(keys.n, np.bool_)
            counts[found_rows(_reader(parts), keys)] = True
            kept = np.flatnonzero(counts)
            return cls.of(base, keys.take(kept), new[kept], old[kept], on_duplicate="error")
        return cls._complete(base, parts, freeze(new), freeze(old))

    @classmethod
    def _complete(cls, base: IdTableParts, parts: IdTableParts, new: Int32Array, old: Int32Array) -> Self:
        reader = _reader(parts)
        stored, places = stored_keys(parts)
        m = stored.n
        order = np.full(m, -1, np.int64)
        inside = bool(((places >= 0) & (places < m)).all())
        if inside:
            order[places] = np.arange(m)
        if not inside or bool((order < 0).any()) or len(new) != m or len(old) != m or not m:
            raise SnapshotFormatError("the changes of an id table are not one place a key", hint="Build and save it again")
        keys = stored.take(order)
        hashes = keys.fingerprints(base.seed, base.hash, 1)
        pilots, words = base.pilots[:0], np.empty(0, np.uint64)
        if base.layout == "lines":
            block = Block(base.pilots.nbytes)  # on huge pages: small ones would cost more to get than the copy does
            block.writable[:] = base.pilots
            id_patch.mark_pilots(hashes, block.writable)
            pilots = block.freeze()
        else:
            words = np.zeros(max(_LEAST_WORDS, 1 << (_BITS_PER_KEY * m // 64).bit_length()), np.uint64)
            id_patch.mark_filter(hashes, words)
        return cls(keys, new, old, parts, reader, pilots, words)

    @property
    def grown_by(self) -> int:
        """How many more keys there are with the changes than without."""
        return int(np.count_nonzero(self.new >= 0)) - int(np.count_nonzero(self.old >= 0))

    @property
    def nbytes(self) -> int:
        """Bytes of all arrays."""
        return sum(int(array.nbytes) for array in self.arrays())

    def arrays(self) -> tuple[AnyArray, ...]:
        """All arrays."""
        parts = self.parts
        return parts.lines, parts.pilots, parts.arena, parts.fallback, self.new, self.old, self.pilots, self.filter

    def reader_arguments(self) -> dict[str, Any]:
        """What the reader of the table beside which they wait takes more."""
        return {"patch": self.reader, "patch_rows": self.new} | {
            "patch_pilots": self.pilots,
            "patch_filter": self.filter,
        }

    def with_changes(
        self, base: IdTableParts, keys: BuildKeys, new: Int32Array, old: Int32Array, *, on_duplicate: OnDuplicate
    ) -> Patch:
        """These changes and later ones, which win."""
        stay = np.ones(self.keys.n, np.bool_)
        places = found_rows(self.reader, keys)
        stay[places[places >= 0]] = False
        kept = np.flatnonzero(stay)
        # What is new stands first, so that a message about duplicates counts as the caller does.
        every = keys.joined(self.keys.take(kept))
        rows = np.concatenate([new, self.new[kept]]), np.concatenate([old, self.old[kept]])
        return Patch.of(base, every, *rows, on_duplicate=on_duplicate)

    def to_columns(self) -> dict[str, AnyArray]:
        """The arrays by name, for storing."""
        return self.parts.to_columns() | {"new": self.new, "old": self.old}

    @classmethod
    def from_columns(cls, columns: Mapping[str, AnyArray], base: IdTableParts) -> Self:
        """Take the arrays that `to_columns` gave, borrowed and not copied: they must not change.

        Raises
        ------
        SnapshotFormatError
        """
        rows = []
        for name in _OWN:
            values = columns.get(name)
            if not isinstance(values, np.ndarray) or values.dtype != np.int32 or values.ndim != 1:
                raise SnapshotFormatError(f"the {name} rows of the changes of an id table are no list of int32")
            if int(values.min(initial=0)) < -1:
                raise SnapshotFormatError(f"the {name} rows of the changes of an id table hold a negative row")
            rows.append(frozen(values))
        parts = IdTableParts.from_columns(columns)
        if (parts.kind, parts.is_signed) != (base.kind, base.is_signed):
            raise SnapshotFormatError("the changes of the id table are of another kind", hint="Build and save it again")
        return cls._complete(base, parts, *rows)


def _reader(parts: IdTableParts) -> IdTableReader:
    try:
        return IdTableReader(**parts.reader_arguments())
    except ValueError as error:
        raise SnapshotFormatError(
            f"the changes of the id table do not fit its numbers: {error}", hint="Build or save the table again"
        ) from error
