"""One prefix or key as a column of one."""

from __future__ import annotations

from typing import Any

import numpy as np

from valkyrie.errors import KeyTypeError

__all__ = ["one_key", "one_prefix"]


def one_prefix(prefix: Any, kind: str) -> tuple[Any, Any]:
    """One prefix as a column of one, and its length where that is not part of it."""
    if kind == "bits":
        if not isinstance(prefix, tuple) or len(prefix) != 2:
            raise KeyTypeError(f"prefix: a pair (word, length) is needed, got {type(prefix).__name__}", hint="Give both")
        word, length = prefix
        return [word], length if isinstance(length, int) and not isinstance(length, bool) else [length]
    if kind == "ip" and isinstance(prefix, int | np.integer | np.void):
        raise KeyTypeError(
            f"prefix: an address without a length is no network; got {type(prefix).__name__}",
            hint="Give text such as 10.0.0.0/8, or an object of ipaddress",
        )
    return one_key(prefix, kind), None


def one_key(key: Any, kind: str) -> Any:
    """One key as a column of one."""
    if kind == "ip" and isinstance(key, int | np.integer) and not isinstance(key, bool):
        if not 0 <= key < 2**32:
            raise KeyTypeError(f"key: {key} is no IPv4 address", hint="Of IPv6, give text, a V16 or an ipaddress object")
        return np.array([key], np.uint32)
    if kind == "ip" and isinstance(key, np.void):
        return np.array([key])  # bytes, of whatever length, are text
    return [key]
