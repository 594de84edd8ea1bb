"""What an IdTable consists of: its numbers and its arrays, as they are built, read and stored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from valkyrie import records
from valkyrie._native import frozen
from valkyrie.errors import SnapshotFormatError
from valkyrie.typing import AnyArray

__all__ = ["IdTableParts"]

_EMPTY = np.empty(0, np.uint8)
_LINES = {"direct": records.ROW_SLOT, "flat": records.ID_SLOT, "lines": records.ID_LINE}


@dataclass(frozen=True, slots=True)
class IdTableParts:
    """Numbers and arrays of an IdTable; the arrays are read-only.

    Attributes
    ----------
    lines : ndarray of ROW_SLOT, ID_SLOT, ID_LINE or B16_LINE
    pilots : ndarray of uint8, one a bucket
    arena : ndarray of uint8
        Records of a table of texts, else empty.
    fallback : ndarray of FALLBACK
    """

    kind: str
    layout: str
    hash: str
    is_signed: bool
    seed: int
    entries: int
    lines: AnyArray
    pilots: AnyArray
    arena: AnyArray
    fallback: AnyArray
    segment_shift: int = 31
    segment_lines: int = 1
    base: int = 0
    span: int = 0
    reseeds: int = 0
    build_seconds: float = float("nan")

    def reader_arguments(self) -> dict[str, Any]:
        """Return the arguments of the native reader: arrays as bytes, words as codes."""
        return {
            "lines": as_bytes(self.lines),
            "pilots": as_bytes(self.pilots),
            "arena": as_bytes(self.arena),
            "fallback": as_bytes(self.fallback),
            "layout": records.LAYOUTS.index(self.layout),
            "kind": records.KINDS.index(self.kind),
            "hash": records.HASHES.index(self.hash),
            "is_signed": self.is_signed,
            "seed": self.seed,
            "segment_shift": self.segment_shift,
            "segment_lines": self.segment_lines,
            "base": self.base,
            "span": self.span,
            "entries": self.entries,
        }

    def to_columns(self) -> dict[str, AnyArray]:
        """Return the arrays a file stores, by name: the header of one record, and all that is not empty."""
        header = np.zeros(1, records.ID_TABLE_HEADER)
        for name in header.dtype.names or ():
            value = getattr(self, name)
            words = {"kind": records.KINDS, "layout": records.LAYOUTS, "hash": records.HASHES}.get(name)
            header[name] = value if words is None else words.index(value)
        columns = {"header": header, "lines": self.lines}
        for name in ("pilots", "arena", "fallback"):
            if len(array := getattr(self, name)):
                columns[name] = array
        return columns

    @classmethod
    def from_columns(cls, columns: Mapping[str, AnyArray]) -> IdTableParts:
        """Take the arrays that `to_columns` gave.

        Raises
        ------
        SnapshotFormatError
            An array is missing, has another dtype, or a number is out of range. That the arrays fit each other is the
            reader's to check.
        """
        header = _expect(columns, "header", records.ID_TABLE_HEADER)
        if len(header) != 1:
            raise SnapshotFormatError(f"the header of an id table has {len(header)} records instead of one")
        numbers = {name: header[name][0].item() for name in header.dtype.names or ()}
        for name, words in (("kind", records.KINDS), ("layout", records.LAYOUTS), ("hash", records.HASHES)):
            if numbers[name] >= len(words):
                raise SnapshotFormatError(
                    f"the id table has a {name} with code {numbers[name]}, which this version does not know",
                    hint="Upgrade Valkyrie, or save the table again",
                )
            numbers[name] = words[numbers[name]]
        if numbers["entries"] > records.MAX_ROWS:
            raise SnapshotFormatError(f"the id table claims {numbers['entries']} entries")
        lines = records.B16_LINE if numbers["kind"] == "b16" else _LINES[numbers["layout"]]
        return cls(
            **(numbers | {"is_signed": bool(numbers["is_signed"])}),
            lines=_expect(columns, "lines", lines),
            pilots=_expect(columns, "pilots", np.dtype(np.uint8), optional=True),
            arena=_expect(columns, "arena", np.dtype(np.uint8), optional=True),
            fallback=_expect(columns, "fallback", records.FALLBACK, optional=True),
        )


def as_bytes(array: AnyArray) -> AnyArray:
    """View an array as bytes."""
    return array.view(np.uint8) if len(array) else _EMPTY


def _expect(columns: Mapping[str, AnyArray], name: str, dtype: np.dtype[Any], *, optional: bool = False) -> AnyArray:
    array = columns.get(name)
    if array is None:
        if optional:
            return np.empty(0, dtype)
        raise SnapshotFormatError(f"the id table has no {name}")
    if not isinstance(array, np.ndarray) or array.dtype != dtype or array.ndim != 1:
        raise SnapshotFormatError(f"the {name} of the id table are of dtype {getattr(array, 'dtype', None)} instead of {dtype}")
    return frozen(array)
