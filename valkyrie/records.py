"""Structured dtypes of every array that is stored, published or mapped; sizes and offsets are part of the format.

::

    ID_LINE    64 bytes: five 64-bit fingerprints, five rows, one guard that is always -1
               0        8        16       24       32       40   44   48   52   56   60
               | fp[0]  | fp[1]  | fp[2]  | fp[3]  | fp[4]  |r[0]|r[1]|r[2]|r[3]|r[4]| -1 |

    B16_LINE   64 bytes: three 128-bit keys, three rows, one guard that is always -1
               0                16               32               48   52   56   60
               | key[0]         | key[1]         | key[2]         |r[0]|r[1]|r[2]| -1 |

    ID_SLOT    16 bytes: one fingerprint, its row, a guard; the flat layout of small tables
    ROW_SLOT    4 bytes: the row of key base + i; the direct layout of dense integers, and one slot more that is always -1
    FALLBACK   32 bytes: fingerprint, key (128-bit tables only), row or, in a bytes table, reference; sorted by fingerprint

An unused slot has row -1 (and fingerprint 0) and stands after the used ones, so the first slot that matches is the right one,
and a line in which nothing matches answers with its guard: a miss needs no branch.

Fingerprints: of an integer the keyed bijective mix, so that it *is* the key; of a text its keyed hash, and then ``row`` is the
reference of its record, in units of 8 bytes, in the arena: u32 length, i32 row, the bytes, zeros up to a multiple of 8.
"""

from __future__ import annotations

import numpy as np

__all__ = [
    "B16",
    "B16_LINE",
    "FALLBACK",
    "HASHES",
    "ID_LINE",
    "ID_SLOT",
    "ID_TABLE_HEADER",
    "KINDS",
    "LAYOUTS",
    "MAX_ROWS",
    "MISSING",
    "ROUTE",
    "ROW_SLOT",
]

MISSING = -1
"""The row of a key that is not in the table, unless the caller chooses another with ``missing=``."""

MAX_ROWS = 2**31 - 1
"""Rows are int32."""

B16 = np.dtype("V16")
"""A 128-bit key: 16 bytes in network order, as ``uuid.UUID.bytes``."""

ID_LINE = np.dtype({
    "names": ["fp", "row", "guard"],
    "formats": [("<u8", (5,)), ("<i4", (5,)), "<i4"],
    "offsets": [0, 40, 60],
    "itemsize": 64,
})

B16_LINE = np.dtype({
    "names": ["key", "row", "guard"],
    "formats": [("V16", (3,)), ("<i4", (3,)), "<i4"],
    "offsets": [0, 48, 60],
    "itemsize": 64,
})

ID_SLOT = np.dtype([("fp", "<u8"), ("row", "<i4"), ("guard", "<i4")])

ROW_SLOT = np.dtype([("row", "<i4")])

FALLBACK = np.dtype([("fp", "<u8"), ("key", "V16"), ("row", "<i4"), ("guard", "<i4")])

KINDS = ("int", "b16", "bytes")
"""Kinds of keys, by code."""

LAYOUTS = ("direct", "flat", "lines")
"""Layouts of an IdTable, by code."""

HASHES = ("fast", "siphash-1-3")
"""Hashes of an IdTable, by code."""

ID_TABLE_HEADER = np.dtype([
    ("kind", "u1"),
    ("layout", "u1"),
    ("hash", "u1"),
    ("is_signed", "u1"),
    ("reseeds", "<u4"),
    ("seed", "<u8"),
    ("segment_shift", "<u4"),
    ("segment_lines", "<u4"),
    ("base", "<u8"),
    ("span", "<u8"),
    ("entries", "<u8"),
])
"""The numbers of an IdTable: one record beside its arrays."""

ROUTE = np.dtype([
    ("target", "<i4"),
    ("shard", "<u4"),
    ("latency_us", "<u4"),
    ("reliability", "<u2"),
    ("weight", "<f4"),
    ("flags", "u1"),
    ("constraints", "<u4"),
])
"""The standard route record: one choice of payload among many.

target : code of what the key maps to; shard : partition number; latency_us : expected latency in microseconds;
reliability : share of successes in 1/65535; weight : relative weight; flags, constraints : bit sets of the caller's.
"""
