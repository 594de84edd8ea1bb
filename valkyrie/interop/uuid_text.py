"""UUIDs between text and 16 bytes, whole arrays at a time.

The canonical form ``8-4-4-4-12`` is 36 characters, so a column of it is an ``(n, 36)`` matrix of bytes: four columns
must be hyphens, the other 32 go through a table of 256 nibbles. Only rows of another length or form (32 digits,
braces, ``urn:uuid:``) are given to ``uuid.UUID`` one by one.
"""

from __future__ import annotations

import uuid
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["uuids_from_text", "uuids_to_text"]

HYPHENS = np.array([8, 13, 18, 23])
DIGITS = np.setdiff1d(np.arange(36), HYPHENS)
INVALID = 0xFF
NIBBLES = np.full(256, INVALID, np.uint8)
NIBBLES[np.frombuffer(b"0123456789abcdef", np.uint8)] = np.arange(16)
NIBBLES[np.frombuffer(b"ABCDEF", np.uint8)] = np.arange(10, 16)
HEX = np.frombuffer(b"0123456789abcdef", np.uint8)


def uuids_from_text(
    data: npt.NDArray[np.uint8], offsets: npt.NDArray[np.integer[Any]]
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.bool_]]:
    """Parse UUID text.

    Parameters
    ----------
    data : ndarray of uint8
        The text of all rows, UTF-8.
    offsets : ndarray of int32 or int64, shape (n + 1,)
        Row i is ``data[offsets[i]:offsets[i + 1]]``.

    Returns
    -------
    uuids : ndarray of uint8, shape (n, 16)
        Network order, as ``uuid.UUID.bytes``; zeros where the text is no UUID.
    valid : ndarray of bool, shape (n,)
    """
    n = len(offsets) - 1
    uuids = np.zeros((n, 16), np.uint8)
    valid = np.zeros(n, np.bool_)
    canonical = np.flatnonzero(np.diff(offsets) == 36)
    if canonical.size:
        if canonical.size == n:
            text = data[offsets[0] : offsets[-1]].reshape(n, 36)
        else:
            text = data[offsets[canonical][:, None] + np.arange(36)]
        nibbles = NIBBLES[text[:, DIGITS]]
        good = (text[:, HYPHENS] == ord("-")).all(axis=1) & (nibbles != INVALID).all(axis=1)
        uuids[canonical] = np.where(good[:, None], (nibbles[:, 0::2] << 4) | (nibbles[:, 1::2] & 15), 0)
        valid[canonical] = good
    for row in np.flatnonzero(~valid):
        try:
            value = uuid.UUID(data[offsets[row] : offsets[row + 1]].tobytes().decode("ascii").strip())
        except ValueError:
            continue
        uuids[row] = np.frombuffer(value.bytes, np.uint8)
        valid[row] = True
    return uuids, valid


def uuids_to_text(uuids: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Canonical text of UUIDs: ``(n, 16)`` bytes to ``(n, 36)`` characters."""
    text = np.empty((len(uuids), 36), np.uint8)
    text[:, HYPHENS] = ord("-")
    nibbles = np.stack((uuids >> 4, uuids & 15), axis=2).reshape(len(uuids), 32)
    text[:, DIGITS] = HEX[nibbles]
    return text
