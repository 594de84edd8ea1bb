"""The keys of a build, in the one form per kind that the build kernels take."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from valkyrie import records
from valkyrie._native import Block, freeze, hashing, strings
from valkyrie.arrays import KeyColumn
from valkyrie.arrays.texts import decode_text, text_piece
from valkyrie.errors import CapacityError
from valkyrie.parallel import run
from valkyrie.typing import Int32Array, UInt8Array, UInt64Array

__all__ = ["BuildKeys", "build_keys"]

_EMPTY: UInt8Array = freeze(np.empty(0, np.uint8))
_HASHED_AT_ONCE = 1 << 18


@dataclass(frozen=True, slots=True)
class BuildKeys:
    """Keys to build from; only the arrays of their kind are there.

    Attributes
    ----------
    ints : ndarray of uint64, shape (n,)
        The 64 bits of an integer key, sign-extended if `is_signed`.
    bytes16 : ndarray of uint8, shape (16 n,)
    address, length : ndarray of uint64, shape (n,)
        Of texts; `owner` keeps them alive.
    """

    kind: str
    n: int
    is_signed: bool = False
    ints: UInt64Array | None = None
    bytes16: UInt8Array | None = None
    address: UInt64Array | None = None
    length: UInt64Array | None = None
    owner: Any = None

    def fingerprints(self, seed: int, table_hash: str, threads: int) -> UInt64Array:
        """Return the hash of every key: ndarray of uint64, shape (n,)."""
        out = np.empty(self.n, np.uint64)
        code = records.HASHES.index(table_hash)

        def hash_piece(start: int, stop: int) -> None:
            piece = out[start:stop]
            if self.ints is not None:
                hashing.hash_ids(self.ints[start:stop], seed, piece)
            elif self.bytes16 is not None:
                hashing.hash_keys16(self.bytes16[16 * start : 16 * stop], seed, code, piece)
            else:
                assert self.address is not None
                assert self.length is not None
                hashing.hash_texts(self.address[start:stop], self.length[start:stop], seed, code, piece)

        run(hash_piece, self.n, threads=threads, chunk=_HASHED_AT_ONCE)
        return out

    def values(self, rows: Int32Array | None) -> Int32Array | None:
        """What the table stores beside a fingerprint: the row (None: the position itself) or the reference of a text's record.

        References of more text than an arena holds are good for finding duplicates, after which there may be less of it.
        """
        if self.length is None:
            return rows
        refs = np.empty(self.n, np.uint32)
        strings.lengths_to_records(self.length, refs)
        return refs.view(np.int32)

    def arena(self, rows: Int32Array | None) -> UInt8Array:
        """The records that `values` refer to, of texts; else nothing.

        Raises
        ------
        CapacityError
            The texts and their records exceed 32 GiB.
        """
        if self.address is None or self.length is None:
            return _EMPTY
        refs = np.empty(self.n, np.uint32)
        units = strings.lengths_to_records(self.length, refs)
        if units >= 1 << 32:
            raise CapacityError(
                f"keys: the texts need {8 * units} bytes, but a table holds at most 32 GiB of them", hint="Split them"
            )
        arena = Block(8 * units)
        every = np.arange(self.n, dtype=np.int32) if rows is None else rows
        strings.write_records(self.address, self.length, refs, every, arena.writable)
        return arena.freeze()

    def take(self, kept: Any) -> BuildKeys:
        """Return the keys at some positions, in that order."""
        bytes16 = None if self.bytes16 is None else self.bytes16.reshape(-1, 16)[kept].reshape(-1)
        return replace(
            self,
            n=len(kept),
            ints=None if self.ints is None else self.ints[kept],
            bytes16=bytes16,
            address=None if self.address is None else self.address[kept],
            length=None if self.length is None else self.length[kept],
        )

    def joined(self, others: BuildKeys) -> BuildKeys:
        """Return these keys and then others of the same kind and sign; arrays are copied, texts stay where they are."""

        def both(name: str) -> Any:
            mine, theirs = getattr(self, name), getattr(others, name)
            return None if mine is None else np.concatenate([mine, theirs])

        arrays = {name: both(name) for name in ("ints", "bytes16", "address", "length")}
        return replace(self, n=self.n + others.n, owner=(self.owner, others.owner), **arrays)

    def decoded(self, position: int) -> int | bytes | str:
        """Return one key as a person would write it, for messages."""
        if self.ints is not None:
            return int(self.ints[position].view(np.int64) if self.is_signed else self.ints[position])
        return decode_text(self.raw(position)) if self.bytes16 is None else self.raw(position)

    def raw(self, position: int) -> bytes:
        """Return the bytes of one key that is not an integer."""
        if self.bytes16 is not None:
            return self.bytes16[16 * position : 16 * position + 16].tobytes()
        assert self.address is not None
        assert self.length is not None
        return strings.text_bytes(int(self.address[position]), int(self.length[position]))


def build_keys(column: KeyColumn) -> BuildKeys:
    """Bring a column of keys without nulls into the form that the kernels take.

    Raises
    ------
    KeyTypeError
        A value is no key of the column's kind.
    """
    values = column.values
    if column.kind == "int":
        if column.codes is not None:
            values = values[column.codes]
        is_signed = values.dtype.kind == "i"
        wide = np.ascontiguousarray(values, dtype=np.int64 if is_signed else np.uint64)
        return BuildKeys("int", column.n, is_signed, ints=wide.view(np.uint64))
    if column.kind == "b16":
        if column.codes is not None:
            values = values[column.codes]
        raw = np.ascontiguousarray(values).view(np.uint8) if len(values) else np.empty(0, np.uint8)
        return BuildKeys("b16", column.n, bytes16=raw)
    size = len(column.offsets) - 1 if column.offsets is not None else len(values)
    texts = text_piece(column, 0, size)
    address, length = texts.address, texts.length
    if column.codes is not None:
        address, length = address[column.codes], length[column.codes]
    return BuildKeys("bytes", column.n, address=address, length=length, owner=(texts, values))
