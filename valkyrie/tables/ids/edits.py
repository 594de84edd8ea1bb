"""Edits of an IdTable: as a patch beside its arrays while few keys have changed, as a new build beyond."""

from __future__ import annotations

from typing import NoReturn

import numpy as np

from valkyrie import records
from valkyrie._native import IdTableReader
from valkyrie.arrays import KeyColumn
from valkyrie.errors import ArgumentError, CapacityError, KeyNotFoundError, KeyTypeError
from valkyrie.tables.ids.build import build_from_keys
from valkyrie.tables.ids.keys import BuildKeys, build_keys
from valkyrie.tables.ids.parts import IdTableParts
from valkyrie.tables.ids.patch import Patch, fits, found_rows
from valkyrie.tables.ids.stored import stored_keys
from valkyrie.typing import BoolArray, Int32Array, OnDuplicate

__all__ = ["all_keys", "edit_keys", "edited", "no_keys", "raise_unknown", "rebuilt"]

_NAMED = 3


def edit_keys(column: KeyColumn, kind: str, *, is_signed: bool) -> BuildKeys:
    """Bring keys of an edit into the build form of a table.

    Parameters
    ----------
    column : KeyColumn
    kind : str
    is_signed : bool
        Of the table.

    Raises
    ------
    KeyTypeError
        Keys are null, or of another kind.
    ArgumentError
        The table cannot hold a key.
    """
    if column.n == 0:
        return no_keys(kind, is_signed=is_signed)
    if not column.untyped and column.kind != kind:
        raise KeyTypeError(
            f"keys: the table holds keys of kind {kind!r}, got kind {column.kind!r}",
            hint="Convert them first: a table holds keys of one kind",
        )
    if column.nulls is not None and column.nulls.any():
        position = int(np.argmax(column.nulls))
        raise KeyTypeError(
            f"keys: the key at position {position} is null", hint="Drop rows without a key first", position=position
        )
    keys = build_keys(column)
    if keys.ints is None or keys.is_signed == is_signed:
        return keys
    strange = keys.ints >> np.uint64(63) != 0
    if strange.any():
        position = int(np.argmax(strange))
        raise ArgumentError(
            f"keys: {keys.decoded(position)!r} at position {position} lies outside a table of"
            f" {'signed' if is_signed else 'unsigned'} integers",
            hint=f"Build the table from {'uint64' if is_signed else 'int64'}",
            position=position,
        )
    return BuildKeys("int", keys.n, is_signed, ints=keys.ints)


def no_keys(kind: str, *, is_signed: bool) -> BuildKeys:
    """No keys, in the build form of a table."""
    nothing = np.empty(0, np.uint64)
    if kind == "int":
        return BuildKeys("int", 0, is_signed, ints=nothing)
    if kind == "b16":
        return BuildKeys("b16", 0, bytes16=np.empty(0, np.uint8))
    return BuildKeys("bytes", 0, address=nothing, length=nothing)


def edited(
    base: IdTableReader,
    parts: IdTableParts,
    patch: Patch | None,
    keys: BuildKeys,
    rows: Int32Array,
    *,
    on_duplicate: OnDuplicate,
    threads: int,
) -> tuple[IdTableParts, Patch | None]:
    """The parts and the patch of a table in which keys have other rows.

    Parameters
    ----------
    base : IdTableReader
        Of `parts` alone.
    keys : BuildKeys
        Of m keys, at least one.
    rows : ndarray of int32, shape (m,)
        -1 where a key is removed.

    Raises
    ------
    DuplicateKeyError, CapacityError
    """
    old = found_rows(base, keys)
    if fits(parts.entries, keys.n + (0 if patch is None else patch.keys.n)):
        if patch is None:
            changed = Patch.of(parts, keys, rows, old, on_duplicate=on_duplicate)
        else:
            changed = patch.with_changes(parts, keys, rows, old, on_duplicate=on_duplicate)
        if parts.entries + changed.grown_by > records.MAX_ROWS:
            raise CapacityError(f"keys: a table holds at most {records.MAX_ROWS} keys", hint="Split them")
        return parts, changed
    change = Patch.of(parts, keys, rows, old, on_duplicate=on_duplicate)
    return rebuilt(parts, patch, change, threads=threads), None


def rebuilt(parts: IdTableParts, *patches: Patch | None, threads: int) -> IdTableParts:
    """Build anew from a table and changes, of which later ones win."""
    keys, rows = all_keys(parts, *patches)
    return build_from_keys(keys, rows, on_duplicate="error", seed=None, threads=threads)


def all_keys(parts: IdTableParts, *patches: Patch | None) -> tuple[BuildKeys, Int32Array]:
    """Keys and rows of a table with changes, of which later ones win, in no order."""
    keys, rows = stored_keys(parts)
    for patch in patches:
        if patch is not None:
            unchanged = np.flatnonzero(found_rows(patch.reader, keys) < 0)
            there = np.flatnonzero(patch.new >= 0)
            keys = keys.take(unchanged).joined(patch.keys.take(there))
            rows = np.concatenate([rows[unchanged], patch.new[there]])
    return keys, rows


def raise_unknown(keys: BuildKeys, known: BoolArray) -> NoReturn:
    """Raise KeyNotFoundError with the first few keys that are not known."""
    absent = np.flatnonzero(~known)
    named = [keys.decoded(int(at)) for at in absent[:_NAMED]]
    more = f" and {len(absent) - _NAMED} more" if len(absent) > _NAMED else ""
    raise KeyNotFoundError(
        f"keys: {', '.join(map(repr, named))}{more} not in the table",
        hint='Leave them out, or pass errors="ignore"',
        keys=named,
    )
