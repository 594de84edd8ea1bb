"""The neutral form of a column of keys, and the refusals of what cannot be one.

Kinds and the forms in which a kind may come::

    int     "int"            integer ndarray of any width, sign, stride, byte order and alignment: never copied
    b16     "b16"            ndarray of V16, shape (n,), C-contiguous, bytes in network order
    bytes   "offsets"        uint8 data and int32 or int64 offsets, shape (n + 1,): Arrow's, checked to be in bounds
            "fixed"          ndarray of S<n>; trailing NULs are numpy's padding
            "ucs4"           ndarray of U<n>, native byte order; trailing NULs are numpy's padding
            "object"         ndarray of object: str and bytes, None where null
            "string_dtype"   ndarray of numpy's StringDType

All forms but "int" are C-contiguous. Values at null positions are arbitrary.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, TypeAlias, get_args

import numpy as np

from valkyrie.arrays.containers import Container
from valkyrie.errors import ArgumentError, KeyTypeError
from valkyrie.records import B16
from valkyrie.typing import AnyArray, BoolArray, Int32Array, Kind

__all__ = ["DtypeName", "KeyColumn", "Lookup", "check_kind", "refused", "require_kind", "untyped_column"]

Lookup: TypeAlias = Literal["signed", "unsigned"]
"""For which integers a column is read that is looked up, and not built from."""

_DESCRIPTIONS = {"int": "integers", "b16": "128-bit ids", "bytes": "text or bytes"}

_MENDS = {
    "float": "A float column usually means integers with nulls: use pandas 'Int64' or Arrow int64",
    "bool": "If 0 and 1 are meant, convert to 'uint8' first",
    "time": "Use the integer value: convert to 'int64' first",
    "complex": "Keys are integers, 128-bit ids (uuid.UUID), text or bytes",
    "nested": "Give one flat column of keys; join the parts of a composite key into one text",
    "decimal": "Convert to int64, or to text",
    "wide": 'Integers beyond 64 bits need kind="b16"',
    "other": "Keys are integers, 128-bit ids (uuid.UUID), text or bytes",
}


@dataclass(frozen=True, slots=True)
class KeyColumn:
    """A column of keys as kernels read it; arrays are borrowed from the input wherever possible.

    Attributes
    ----------
    kind : {"int", "b16", "bytes"}
    form : {"int", "b16", "offsets", "fixed", "ucs4", "object", "string_dtype"}
        How ``values`` holds the keys; see the module.
    values : ndarray
        Keys; with form "offsets", ndarray of uint8.
    n : int
        Rows of the input: ``len(values)`` unless there are offsets or codes.
    box : Container
        How to give results back.
    offsets : ndarray of int32 or int64, shape (n + 1,), optional
        Only with form "offsets".
    nulls : ndarray of bool, shape (n,), optional
        True where the key is null or, of a column that was read for a lookup, in no table; None if nowhere.
    codes : ndarray of int32, shape (n,), optional
        Dictionary-encoded input: row ``i`` has key ``values[codes[i]]``; -1 (and ``nulls``) where null. Checked to be
        in range. ``values`` and ``offsets`` then describe the dictionary, which has no nulls of its own to mind.
    untyped : bool
        No key has a type (an empty list, all None): any table takes the column.
    """

    kind: Kind
    form: str
    values: AnyArray
    n: int
    box: Container
    offsets: AnyArray | None = None
    nulls: BoolArray | None = None
    codes: Int32Array | None = None
    untyped: bool = False


class DtypeName(NamedTuple):
    """A dtype for messages, written out only when one is made: numpy takes 20 us for its name."""

    library: str
    dtype: Any

    def __str__(self) -> str:
        return f"{self.library} {self.dtype}"


def check_kind(kind: str | None) -> None:
    """Raise ArgumentError unless ``kind`` is None or one of the three kinds."""
    if kind is not None and kind not in get_args(Kind):
        raise ArgumentError(
            f"kind: {kind!r} is not a kind of keys", hint="Use 'int', 'b16' or 'bytes'", argument="kind", value=kind
        )


def refused(argument: str, got: object, reason: str = "other", **data: Any) -> KeyTypeError:
    """Return the error for values that no table can hold."""
    return KeyTypeError(f"{argument}: {got} cannot be keys", hint=_MENDS[reason], argument=argument, got=str(got), **data)


def require_kind(wanted: str | None, kind: str, argument: str, got: object, hint: str = "") -> None:
    """Raise KeyTypeError if keys of another kind are wanted."""
    if wanted is None or wanted == kind:
        return
    if wanted == "b16" and not hint:
        hint = "Use uuid.UUID, V16 or fixed_size_binary(16); text of UUIDs must be parsed with uuid.UUID first"
    raise KeyTypeError(
        f"{argument}: {_DESCRIPTIONS[wanted]} (kind {wanted!r}) are needed, got {_DESCRIPTIONS[kind]} ({got})",
        hint=hint or f"Convert the keys, or use a table of kind {kind!r}",
        argument=argument,
        got=str(got),
        kind=wanted,
    )


def untyped_column(n: int, kind: str | None, box: Container) -> KeyColumn:
    """Return a column of ``n`` nulls that fits a table of any kind."""
    nulls = np.ones(n, dtype=np.bool_) if n else None
    if kind == "b16":
        return KeyColumn("b16", "b16", np.zeros(n, dtype=B16), n, box, nulls=nulls, untyped=True)
    if kind == "bytes":
        data, offsets = np.empty(0, dtype=np.uint8), np.zeros(n + 1, dtype=np.int32)
        return KeyColumn("bytes", "offsets", data, n, box, offsets=offsets, nulls=nulls, untyped=True)
    return KeyColumn("int", "int", np.zeros(n, dtype=np.int64), n, box, nulls=nulls, untyped=True)
