"""Whether the arrays of an IdTable make sense, beyond what lookups need to stay inside them: what a checksum cannot know."""

from __future__ import annotations

import numpy as np

from valkyrie import records
from valkyrie._native import hashing
from valkyrie.errors import SnapshotFormatError
from valkyrie.tables.ids.parts import IdTableParts, as_bytes
from valkyrie.typing import AnyArray, BoolArray, Int64Array, UInt64Array

__all__ = ["check_structure"]

_HALF = np.uint64(32)
_LOW = np.uint64(0xFFFFFFFF)
_FLAT_MULTIPLIER = 0x9E3779B1


def check_structure(parts: IdTableParts, most: int | None) -> None:
    """Check that guards guard, that rows are rows, that every key lies where a lookup would look for it, and the number of keys.

    Parameters
    ----------
    parts : IdTableParts
        Accepted by the reader.
    most : int, optional
        Lines to look at, spread evenly; None is all. Only a table that is checked whole has its keys counted.

    Raises
    ------
    SnapshotFormatError
    """
    n_lines = len(parts.lines)
    most_lines = n_lines if most is None else most
    whole = n_lines <= most_lines
    at = np.arange(n_lines) if whole else np.unique(np.linspace(0, n_lines - 1, most_lines).astype(np.int64))
    found = _direct(parts, at) if parts.layout == "direct" else _hashed(parts, at)
    _fallback(parts, most)
    if whole and found + len(parts.fallback) != parts.entries:
        raise _wrong(f"it holds {found + len(parts.fallback)} keys, and says that it holds {parts.entries}")


def _direct(parts: IdTableParts, at: Int64Array) -> int:
    rows = parts.lines["row"][at]
    if parts.lines["row"][-1] != records.MISSING or (rows < records.MISSING).any():
        raise _wrong("a row is negative, or the guard is none")
    return int(np.count_nonzero(rows >= 0))


def _hashed(parts: IdTableParts, at: Int64Array) -> int:
    lines = parts.lines[at]
    rows = lines["row"].reshape(len(at), -1)
    used: BoolArray = rows != records.MISSING
    keys = lines["key" if parts.kind == "b16" else "fp"].reshape(len(at), -1)
    if (lines["guard"] != records.MISSING).any():
        raise _wrong("a guard is not -1, so misses would be answered")
    if (used[:, 1:] & ~used[:, :-1]).any() or (parts.kind != "bytes" and (rows < records.MISSING).any()):
        raise _wrong("a line has a gap, or a negative row")
    if as_bytes(np.ascontiguousarray(keys[~used])).any():
        raise _wrong("an empty slot holds a key")
    stored = np.ascontiguousarray(keys[used])
    hashes = _hashes(parts, stored)
    if (_lines_of(parts, hashes) != np.repeat(at, used.sum(axis=1))).any():
        raise _wrong("a key is not in the line that its hash names")
    if parts.kind == "bytes":
        _records(parts, hashes, rows[used].view(np.uint32))
    return int(np.count_nonzero(used))


def _hashes(parts: IdTableParts, stored: AnyArray) -> UInt64Array:
    if parts.kind != "b16":
        return stored
    out = np.empty(len(stored), np.uint64)
    hashing.hash_keys16(as_bytes(stored), parts.seed, records.HASHES.index(parts.hash), out)
    return out


def _lines_of(parts: IdTableParts, hashes: UInt64Array) -> UInt64Array:
    """The essay of ``vk_types.h``, in numpy."""
    bucket = (hashes >> _HALF) * np.uint64(len(parts.pilots)) >> _HALF
    pilot = parts.pilots[bucket].astype(np.uint64)
    lines = np.uint64(parts.segment_lines)
    if parts.layout == "flat":
        low = (hashes & _LOW) * (np.uint64(_FLAT_MULTIPLIER) + (pilot << np.uint64(9)))
        flat: UInt64Array = (low & _LOW) * lines >> _HALF
        return flat
    low = ((hashes & _LOW) + (pilot << np.uint64(24))) & _LOW
    found: UInt64Array = (bucket >> np.uint64(parts.segment_shift)) * lines + (low * lines >> _HALF)
    return found


def _records(parts: IdTableParts, hashes: UInt64Array, refs: AnyArray) -> None:
    """Every reference names a record in the arena whose text has the hash."""
    start = refs.astype(np.int64) * 8
    if len(start) and (len(parts.arena) < 8 or start.max() > len(parts.arena) - 8):
        raise _wrong("a text lies outside the arena")
    heads = parts.arena[: len(parts.arena) // 8 * 8].view([("length", "<u4"), ("row", "<i4")])[refs]
    if (start + 8 + heads["length"] > len(parts.arena)).any() or (heads["row"] < 0).any():
        raise _wrong("a text reaches beyond the arena, or has a negative row")
    address = np.uint64(parts.arena.ctypes.data) + (start + 8).astype(np.uint64)
    out = np.empty(len(refs), np.uint64)
    hashing.hash_texts(address, heads["length"].astype(np.uint64), parts.seed, records.HASHES.index(parts.hash), out)
    if (out != hashes).any():
        raise _wrong("a text is not what its fingerprint says")


def _fallback(parts: IdTableParts, most: int | None) -> None:
    some = parts.fallback if most is None else parts.fallback[:most]
    if (some["fp"][1:] < some["fp"][:-1]).any():
        raise _wrong("the fallback is not sorted")
    if parts.kind == "bytes":
        _records(parts, np.ascontiguousarray(some["fp"]), np.ascontiguousarray(some["row"]).view(np.uint32))
    elif (some["row"] < 0).any():
        raise _wrong("a row of the fallback is negative")
    elif parts.kind == "b16" and (_hashes(parts, np.ascontiguousarray(some["key"])) != some["fp"]).any():
        raise _wrong("a key of the fallback is not what its fingerprint says")


def _wrong(what: str) -> SnapshotFormatError:
    return SnapshotFormatError(f"the id table makes no sense: {what}", hint="Build and save it again")
