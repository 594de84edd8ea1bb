"""One key of an unusual type (a numpy integer, a UUID, a bytearray) as the plain value the reader takes, or a clear refusal."""

from __future__ import annotations

import uuid
from typing import Any

import numpy as np

from valkyrie.errors import KeyTypeError

__all__ = ["scalar_key"]

_WANTED = {"int": "an int", "b16": "a uuid.UUID or 16 bytes", "bytes": "a str or bytes"}


def scalar_key(key: Any, kind: str) -> int | bytes | None:
    """Return the key as int (kind "int") or bytes; None for a null and for text that has no UTF-8 form, which no table holds.

    Raises
    ------
    KeyTypeError
        The key is of another kind.
    """
    if key is None:
        return None
    if kind == "int" and isinstance(key, int | np.integer) and not isinstance(key, bool | np.timedelta64):
        return int(key)
    if kind == "b16":
        key = int(key) if isinstance(key, np.signedinteger | np.unsignedinteger) and key.dtype.kind != "m" else key
        if isinstance(key, uuid.UUID):
            return bytes(key.bytes)
        raw = key.tobytes() if isinstance(key, memoryview | np.void) else key
        if isinstance(raw, bytes | bytearray) and len(raw) == 16:
            return bytes(raw)
        if isinstance(key, int) and not isinstance(key, bool):
            return int.to_bytes(key, 16, "big") if 0 <= key < 1 << 128 else None
    if kind == "bytes" and isinstance(key, bytes | bytearray | memoryview):
        return bytes(key)
    hint = ""
    if isinstance(key, float | np.floating):
        hint = "Floats lose digits of large ids: convert to int first"
    raise KeyTypeError(
        f"key: this table holds keys of kind {kind!r}, so a key is {_WANTED[kind]}; got {key!r} of type {type(key).__name__}",
        hint=hint,
        key=key,
    )
