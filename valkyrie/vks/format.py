"""The ``.vks`` file: a container of named, checked, one-dimensional numpy arrays. It knows nothing of tables.

Everything is little-endian; every section starts at a multiple of 64 bytes; every byte of the file is either held to a
fixed value (magic, reserved and padding bytes) or covered by a checksum. Lengths and offsets are in bytes::

    HEADER, 64 bytes
    0        8       10      12        16              24             32           48          64
    | magic  |version| order | n       | header length | total length | content    | digest    |
    | 8      | u16   | u16   | u32     | u64           | u64          | 16 ASCII   | xxh3-128  |

    DIRECTORY, n entries of 64 bytes, in the order of their sections
    0          16       24      32         40      42     44          48            52         64
    | kind     | offset | count | checksum | code  | unit | parameter | name length | reserved |
    | 16 ASCII | u64    | u64   | xxh3-64  | u16   | u16  | u32       | u32         | 12 zero  |

    NAMES, UTF-8, one after the other in the order of the entries, without separators
    zeros up to a multiple of 64                                          <- header length counts up to here

    SECTION 0 | zeros up to a multiple of 64 | SECTION 1 | zeros up to a multiple of 64 | ...

    TRAILER, 24 bytes
    0         16             24                                           <- total length counts up to here
    | digest  | magic        |
    | again   | backwards    |

*magic* holds a byte above 127, both newlines and the end-of-file character of old systems, so a copy that changed
line ends, characters or the eighth bit is recognised for what it is. *order* reads 0x1234; in a file of the other byte
order it would read 0x3412. *digest* is the XXH3-128 of the whole header length with the digest itself as zeros; since
the directory holds the XXH3-64 of each section, the digest stands for all content. XXH3 finds accidents, not attackers.

The position of a section follows from the lengths before it, and a reader accepts no other: sections cannot overlap,
leave the file, or have bytes between them that nobody checks. The dtype is a number from the closed list below, never
text, and each dtype has exactly one spelling:

    1 bool | 2..5 int 8..64 | 6..9 uint 8..64 | 10..12 float 16..64 | 13, 14 complex 64, 128
    16 bytes S, 17 text U, 18 void V     *parameter* is the item size in bytes
    20 datetime64, 21 timedelta64        *unit* is a code from ``UNITS``, *parameter* its multiple (25s: s, 25)
    256 + k                              the structured dtype ``FORMATS[k]``

Cost: one read of at most a few KiB opens a file of any size; ``verify="full"`` reads every byte once.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

import numpy as np

from valkyrie.records import (
    B16_LINE,
    FALLBACK,
    ID_LINE,
    ID_SLOT,
    ID_TABLE_HEADER,
    INTERVAL_LINE,
    INTERVAL_LINE32,
    IPV4_NODE,
    MAX_ROWS,
    PREFIX_TABLE_HEADER,
    PREFIX_TEXT,
    ROW_SLOT,
    SLICE_GROUP,
    SLICE_NODE,
    TEXT_PREFIXES_HEADER,
)

__all__ = [
    "ALIGNMENT",
    "BYTE_ORDER",
    "DIGEST_OFFSET",
    "ENTRY",
    "FORMATS",
    "HEADER",
    "MAGIC",
    "MAX_NAME_BYTES",
    "MAX_SECTIONS",
    "SLICE_BYTES",
    "TRAILER",
    "TRAILER_MAGIC",
    "UNITS",
    "VERSION",
    "Section",
    "aligned",
    "decode_dtype",
    "encode_dtype",
    "first_impossible",
]

MAGIC: Final = b"\x89VKS\r\n\x1a\n"
TRAILER_MAGIC: Final = MAGIC[::-1]
VERSION: Final = 1
BYTE_ORDER: Final = 0x1234
ALIGNMENT: Final = 64

HEADER: Final = struct.Struct("<8sHHIQQ16s16s")
ENTRY: Final = struct.Struct("<16sQQQHHII12s")
TRAILER: Final = struct.Struct("<16s8s")
DIGEST_OFFSET: Final = 48

MAX_SECTIONS: Final = 65_536
"""Bounds what a hostile header can make a reader do before its checksum is known to be right."""

MAX_NAME_BYTES: Final = 4_096

SLICE_BYTES: Final = 16 * 2**20
"""Sections are converted, written and checked in slices of this size: no whole copy in memory, and Ctrl-C is heard."""

FORMATS: Final[dict[int, np.dtype[np.void]]] = {
    1: ID_LINE,
    2: B16_LINE,
    3: ID_SLOT,
    4: ROW_SLOT,
    5: FALLBACK,
    6: ID_TABLE_HEADER,
    7: PREFIX_TABLE_HEADER,
    8: IPV4_NODE,
    9: INTERVAL_LINE,
    10: INTERVAL_LINE32,
    11: PREFIX_TEXT,
    12: SLICE_NODE,
    13: SLICE_GROUP,
    14: TEXT_PREFIXES_HEADER,
}
"""The structured dtypes a file may hold, by number. A number is never used again; no dtype has holes between fields."""

UNITS: Final = {
    1: "generic", 2: "Y", 3: "M", 4: "W", 5: "D", 6: "h", 7: "m", 8: "s",
    9: "ms", 10: "us", 11: "ns", 12: "ps", 13: "fs", 14: "as",
}  # fmt: skip

_FIXED: Final = dict(
    enumerate(["|b1", "|i1", "<i2", "<i4", "<i8", "|u1", "<u2", "<u4", "<u8", "<f2", "<f4", "<f8", "<c8", "<c16"], 1)
)
_FIXED_CODES: Final = {text: code for code, text in _FIXED.items()}
_SIZED: Final[dict[int, type[np.flexible]]] = {16: np.bytes_, 17: np.str_, 18: np.void}
_SIZED_CODES: Final = {"S": 16, "U": 17, "V": 18}
_TIMES: Final = {20: "<M8", 21: "<m8"}
_TIME_CODES: Final = {"M": 20, "m": 21}
_UNIT_CODES: Final = {text: code for code, text in UNITS.items()}
_FORMAT_BASE: Final = 256
_MAX_ITEM_BYTES: Final = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Section:
    """One array of a file.

    Parameters
    ----------
    kind : str
        What the section is for, 4 to 16 characters of ``a-z 0-9 _ . -``: ``"index"``, ``"payload"``.
    name : str
        Its name, unique in the file; hierarchical by convention: ``"index/lines"``. At most 4,096 bytes of UTF-8.
    values : ndarray, shape (n,)
        Any dtype of the closed list; need not be contiguous, writable or little-endian. Borrowed, not copied.
    """

    kind: str
    name: str
    values: np.ndarray


def aligned(n_bytes: int) -> int:
    """The next multiple of 64."""
    return -(-n_bytes // ALIGNMENT) * ALIGNMENT


def encode_dtype(dtype: np.dtype) -> tuple[int, int, int] | None:
    """(code, unit, parameter) of a dtype in any byte order, or None if no file can hold it."""
    # Other libraries' dtypes borrow numpy's kinds (a bfloat16 says V), and the newest cannot be asked for a byte order.
    if dtype.isbuiltin == 2 or dtype.kind not in "biufcSUVMm":
        return None
    little = dtype.newbyteorder("<")
    if little.names is not None:
        number = next((number for number, known in FORMATS.items() if known == little), None)
        return None if number is None else (_FORMAT_BASE + number, 0, 0)
    if little.subdtype is not None:
        return None
    if little.kind in _TIME_CODES:
        unit, multiple = np.datetime_data(little)
        return _TIME_CODES[little.kind], _UNIT_CODES[unit], multiple
    if little.kind in _SIZED_CODES:
        return _SIZED_CODES[little.kind], 0, little.itemsize
    code = _FIXED_CODES.get(little.str)
    return None if code is None else (code, 0, 0)


def decode_dtype(code: int, unit: int, parameter: int) -> np.dtype | None:
    """The dtype, or None if the numbers are not exactly those that `encode_dtype` gives for one."""
    if code in _TIMES:
        name = UNITS.get(unit)
        if name is None or not 1 <= parameter <= MAX_ROWS:
            return None
        if name == "generic":
            return np.dtype(_TIMES[code]) if parameter == 1 else None
        return np.dtype(f"{_TIMES[code]}[{parameter}{name}]")
    if unit != 0:
        return None
    if code in _SIZED:
        width = 4 if code == _SIZED_CODES["U"] else 1
        if parameter > _MAX_ITEM_BYTES or parameter % width:
            return None
        return np.dtype((_SIZED[code], parameter // width)).newbyteorder("<")
    if parameter != 0:
        return None
    if code in _FIXED:
        return np.dtype(_FIXED[code])
    return FORMATS.get(code - _FORMAT_BASE)


def first_impossible(values: np.ndarray) -> int | None:
    """Position of the first item whose bytes no value of its dtype has, or None.

    Parameters
    ----------
    values : ndarray, shape (n,), contiguous
        Only bool (a byte other than 0 and 1) and U (no Unicode code point) can hold such items; numpy computes wrongly
        with the first and raises on reading the second.
    """
    if values.dtype.kind == "b":
        parts, limit = values.view(np.uint8), 1
    elif values.dtype.kind == "U" and values.dtype.itemsize:
        parts, limit = values.view("<u4"), 0x10FFFF
    else:
        return None
    if int(parts.max(initial=0)) <= limit:
        return None
    return int(np.argmax(parts > limit)) * len(values) // len(parts)
