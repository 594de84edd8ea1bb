"""Ranges as arrays, exact up to 64 bits: numpy's ``arange`` goes through float beyond int64."""

from __future__ import annotations

import numpy as np

from valkyrie.typing import AnyArray

__all__ = ["range_values"]

_MODULUS = 2**64


def range_values(numbers: range) -> AnyArray | None:
    """Return the numbers of a range: ndarray of int64 or, if one does not fit, uint64, shape (n,); None if neither holds all."""
    if not numbers:
        return np.empty(0, dtype=np.int64)
    low, high = sorted((numbers[0], numbers[-1]))
    if low >= -(2**63) and high < 2**63:
        dtype: type[np.int64 | np.uint64] = np.int64
    elif low >= 0 and high < _MODULUS:
        dtype = np.uint64
    else:
        return None
    # modulo 2**64, which is what unsigned integers of numpy count by
    steps = np.arange(len(numbers), dtype=np.uint64) * np.uint64(numbers.step % _MODULUS)
    return (steps + np.uint64(numbers[0] % _MODULUS)).view(dtype)
