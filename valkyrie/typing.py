"""Names for the types in Valkyrie's signatures: array aliases and closed sets of words."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

__all__ = [
    "AnyArray",
    "BoolArray",
    "Errors",
    "Float64Array",
    "Int16Array",
    "Int32Array",
    "Int64Array",
    "Kind",
    "LoadMode",
    "ObjectArray",
    "OnDuplicate",
    "PrefixKind",
    "UInt8Array",
    "UInt16Array",
    "UInt32Array",
    "UInt64Array",
    "Verify",
]

AnyArray: TypeAlias = npt.NDArray[Any]
BoolArray: TypeAlias = npt.NDArray[np.bool_]
UInt8Array: TypeAlias = npt.NDArray[np.uint8]
Int16Array: TypeAlias = npt.NDArray[np.int16]
Int32Array: TypeAlias = npt.NDArray[np.int32]
Int64Array: TypeAlias = npt.NDArray[np.int64]
UInt16Array: TypeAlias = npt.NDArray[np.uint16]
UInt32Array: TypeAlias = npt.NDArray[np.uint32]
UInt64Array: TypeAlias = npt.NDArray[np.uint64]
Float64Array: TypeAlias = npt.NDArray[np.float64]
ObjectArray: TypeAlias = npt.NDArray[np.object_]

Kind: TypeAlias = Literal["int", "b16", "bytes"]
"""What a table's keys are: integers, 128-bit ids, or text and bytes."""

PrefixKind: TypeAlias = Literal["bytes", "path", "digits", "suffix", "ip", "bits"]
"""What a table's prefixes are; see `valkyrie.PrefixTable`."""

OnDuplicate: TypeAlias = Literal["error", "first", "last"]
"""What a build does with a key that occurs twice."""

LoadMode: TypeAlias = Literal["mmap", "copy"]
"""How a ``.vks`` file comes into memory."""

Verify: TypeAlias = Literal["full", "header", "none"]
"""Which checksums of a ``.vks`` file are compared when it is loaded."""

Errors: TypeAlias = Literal["coerce", "raise"]
"""Whether a malformed key is missing, or an error."""
