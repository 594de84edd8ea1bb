"""The payload of a RouteTable: named columns, gathered by row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xxhash

from valkyrie._native import freeze, frozen, gather, hashing
from valkyrie.arrays import StringDictionary, Strings, default_missing, payload_column
from valkyrie.errors import ArgumentError, SnapshotFormatError
from valkyrie.parallel import run
from valkyrie.tables.content_sum import remembered
from valkyrie.typing import AnyArray, BoolArray, Int32Array
from valkyrie.vks import first_impossible

__all__ = ["PayloadColumn", "payload_columns", "payload_digest", "taken_rows"]

_CHUNK = 1 << 19
_AGAIN = "Build the table again, or give the arrays as to_columns() gave them"


@dataclass(frozen=True, slots=True)
class PayloadColumn:
    """One column: `values` as they are or, of text, the codes into `texts`; `nulls` where there is none, bool or None."""

    values: AnyArray
    texts: StringDictionary | None = None
    nulls: BoolArray | None = None

    def __len__(self) -> int:
        return len(self.values)

    @property
    def nbytes(self) -> int:
        """Bytes of all its arrays."""
        texts = 0 if self.texts is None else self.texts.offsets.nbytes + self.texts.data.nbytes
        return int(self.values.nbytes + texts + (0 if self.nulls is None else self.nulls.nbytes))

    @property
    def dtype_name(self) -> str:
        """What the column holds, as a person would say it."""
        return "text" if self.texts is not None else str(self.values.dtype)

    def take(self, rows: Int32Array, threads: int) -> tuple[AnyArray | Strings, BoolArray | None]:
        """The values at some rows, and where there is none (None: nowhere): rows outside the column, and its nulls.

        Parameters
        ----------
        rows : ndarray of int32, shape (n,)

        Returns
        -------
        values : ndarray or Strings, shape (n,)
            A new array.
        missing : ndarray of bool, shape (n,), or None
        """
        if self.texts is not None:
            codes, _ = taken_rows(self.values, rows, np.int32(-1), threads)
            return Strings(codes, self.texts), None
        taken, absent = taken_rows(self.values, rows, default_missing(self.values.dtype), threads)
        missing: BoolArray | None = None
        if self.nulls is not None:
            missing = taken_rows(self.nulls, rows, True, threads)[0]
        elif absent:
            missing = rows.view(np.uint32) >= len(self.values)
        return taken, missing

    def feed(self, digest: xxhash.xxh3_128) -> None:
        """Add the values to a digest; text counts as what it says, whatever its codes, and what lies under nulls not at all."""
        values: AnyArray = self.values
        if self.texts is not None:
            starts, size = self.texts.offsets[:-1], np.diff(self.texts.offsets).astype(np.uint64)
            hashes = np.zeros((2, len(size) + 1), np.uint64)  # the last is that of no text, whose code is -1
            address = np.uint64(self.texts.data.ctypes.data) + starts.astype(np.uint64)
            for out, seed in zip(hashes, (0, 1), strict=True):
                hashing.hash_texts(address, size, seed, 0, out[:-1])
            values = hashes[:, self.values].T
        nulls = self.nulls if self.nulls is not None and self.nulls.any() else None
        digest.update(b"\0" if nulls is None else np.packbits(nulls).tobytes())
        for start in range(0, len(values), _CHUNK):
            part = np.ascontiguousarray(values[start : start + _CHUNK])
            if nulls is not None:
                part = part.copy()
                part[nulls[start : start + _CHUNK]] = np.zeros(1, part.dtype)[0]
            if part.dtype.itemsize:
                digest.update(part.view(np.uint8).data)

    def to_columns(self, name: str) -> dict[str, AnyArray]:
        """Return the arrays a file stores."""
        columns = {f"{name}/values": self.values}
        if self.texts is not None:
            columns |= {f"{name}/offsets": self.texts.offsets, f"{name}/texts": self.texts.data}
        if self.nulls is not None:
            columns[f"{name}/nulls"] = self.nulls
        return columns

    @classmethod
    def from_columns(cls, name: str, columns: Mapping[str, AnyArray]) -> PayloadColumn:
        """Take the arrays that `to_columns` gave: borrowed if they are read-only, contiguous and aligned, else copied.

        Raises
        ------
        SnapshotFormatError
            They do not fit each other.
        """
        for part in (array for key, array in columns.items() if key.startswith(f"{name}/")):
            if not isinstance(part, np.ndarray) or part.ndim != 1 or part.dtype.hasobject:
                raise SnapshotFormatError(f"column {name!r} is not made of one-dimensional arrays of plain values", hint=_AGAIN)
        values = _kept(columns[f"{name}/values"])
        offsets, nulls = _kept(columns.get(f"{name}/offsets")), _kept(columns.get(f"{name}/nulls"))
        if nulls is not None and (nulls.dtype != np.bool_ or len(nulls) != len(values)):
            raise SnapshotFormatError(f"the nulls of column {name!r} do not fit its values", hint=_AGAIN)
        for array in (values, nulls):
            # numpy takes truth values to be 0 or 1, and cannot read characters beyond Unicode.
            if array is not None and first_impossible(array) is not None:
                raise SnapshotFormatError(
                    f"column {name!r} holds bytes that are no value of dtype {array.dtype}", hint=_AGAIN
                )
        if offsets is None:
            return cls(values, None, nulls)
        data = columns.get(f"{name}/texts", np.empty(0, np.uint8))
        try:
            if offsets.dtype != np.int64 or data.dtype != np.uint8 or values.dtype != np.int32:
                got = f"offsets {offsets.dtype}, texts {data.dtype}, values {values.dtype}"
                raise ArgumentError(f"its dtypes must be int64, uint8 and int32; got {got}")
            Strings(values, texts := StringDictionary(offsets, _kept(data)))
        except ArgumentError as error:
            raise SnapshotFormatError(f"column {name!r} of text is not sound: {error.message}", hint=_AGAIN) from error
        return cls(values, texts, nulls)


def payload_columns(names: Sequence[str], raw: Sequence[Any], n: int) -> dict[str, PayloadColumn]:
    """Read payload columns from their containers and copy them to read-only memory.

    Raises
    ------
    ArgumentError
        A column is not of `n` values, or of a type that cannot be payload.
    """
    columns = {}
    for name, one in zip(names, raw, strict=True):
        values, nulls = payload_column(one, name)
        if len(values) != n:
            raise ArgumentError(
                f"frame: column {name!r} has {len(values)} values, the key column {n}",
                hint="All columns need one length",
                column=name,
            )
        kept = None if nulls is None else freeze(nulls)
        if isinstance(values, Strings):
            texts = StringDictionary(freeze(values.dictionary.offsets), freeze(values.dictionary.data))
            columns[name] = PayloadColumn(freeze(values.codes), texts, kept)
        else:
            columns[name] = PayloadColumn(freeze(values), None, kept)
    return columns


def payload_digest(columns: Mapping[str, PayloadColumn]) -> bytes:
    """XXH3-128 of the names, types and values of columns, in their order: 16 bytes; computed once for the same arrays."""
    arrays = (array for name, column in columns.items() for array in column.to_columns(name).values())
    facts = ((name, column.dtype_name, len(column), column.nulls is None) for name, column in columns.items())
    return remembered(arrays, lambda: _payload_digest(columns), "payload", *facts)


def _payload_digest(columns: Mapping[str, PayloadColumn]) -> bytes:
    digest = xxhash.xxh3_128()
    for name, column in columns.items():
        raw = name.encode()
        digest.update(len(raw).to_bytes(4, "little") + raw)
        digest.update(f"{column.dtype_name}:{len(column)}:".encode())
        column.feed(digest)
    return digest.digest()


def _kept(array: AnyArray | None) -> Any:
    """An array that nobody can change and the gather kernel can read, contiguous and aligned: itself, or a copy."""
    return None if array is None else frozen(array)


def taken_rows(values: AnyArray, rows: Int32Array, fill: Any, threads: int) -> tuple[AnyArray, int]:
    """The values at some rows, `fill` where there is none, and how many those were."""
    out = np.empty(len(rows), values.dtype)
    itemsize = values.dtype.itemsize
    if itemsize == 0:
        return out, int(np.count_nonzero(rows.view(np.uint32) >= len(values)))
    fills = np.full(1, fill, values.dtype)
    if len(values) == 0:
        out[:] = fills
        return out, len(rows)
    absent: list[int] = []
    items, filling, out_bytes = values.view(np.uint8), fills.view(np.uint8), out.view(np.uint8)

    def piece(start: int, stop: int) -> None:
        absent.append(gather.take(items, itemsize, rows[start:stop], filling, out_bytes[start * itemsize : stop * itemsize]))

    run(piece, len(rows), threads=threads, chunk=_CHUNK)
    return out, sum(absent)
