"""The bytes of format version 1, stated a second time: a change that breaks these tests needs a new version number."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
import xxhash

from valkyrie import vks
from valkyrie.vks.format import UNITS, decode_dtype, encode_dtype

CODES = {
    "bool": (1, 0, 0), "i1": (2, 0, 0), "i2": (3, 0, 0), "i4": (4, 0, 0), "i8": (5, 0, 0),
    "u1": (6, 0, 0), "u2": (7, 0, 0), "u4": (8, 0, 0), "u8": (9, 0, 0),
    "f2": (10, 0, 0), "f4": (11, 0, 0), "f8": (12, 0, 0), "c8": (13, 0, 0), "c16": (14, 0, 0),
    "S0": (16, 0, 0), "S7": (16, 0, 7), "U0": (17, 0, 0), "U3": (17, 0, 12), "V0": (18, 0, 0), "V16": (18, 0, 16),
    "M8": (20, 1, 1), "M8[Y]": (20, 2, 1), "M8[M]": (20, 3, 1), "M8[W]": (20, 4, 1), "M8[D]": (20, 5, 1),
    "M8[h]": (20, 6, 1), "M8[m]": (20, 7, 1), "M8[25s]": (20, 8, 25), "M8[ms]": (20, 9, 1), "M8[us]": (20, 10, 1),
    "m8": (21, 1, 1), "m8[ns]": (21, 11, 1), "m8[ps]": (21, 12, 1), "m8[fs]": (21, 13, 1), "m8[10as]": (21, 14, 10),
}  # fmt: skip


def test_a_file_is_these_bytes(tmp_path: Path) -> None:
    path = tmp_path / "a.vks"
    numbers, flags = np.array([1, 2, -3], ">i4"), np.array([True, False])
    vks.write(
        path,
        [vks.Section("payload", "é", numbers), vks.Section("index", "f", flags)],
        content="two_columns",
    )

    first = struct.pack("<iii", 1, 2, -3)
    second = b"\x01\x00"
    directory = struct.pack("<16sQQQHHII12x", b"payload", 256, 3, xxhash.xxh3_64_intdigest(first), 4, 0, 0, 2)
    directory += struct.pack("<16sQQQHHII12x", b"index", 320, 2, xxhash.xxh3_64_intdigest(second), 1, 0, 0, 1)
    names = "éf".encode().ljust(64, b"\0")
    start = b"\x89VKS\r\n\x1a\n" + struct.pack("<HHIQQ16s", 1, 0x1234, 2, 256, 408, b"two_columns")
    digest = xxhash.xxh3_128_digest(start + bytes(16) + directory + names)
    head = start + digest + directory + names
    body = first.ljust(64, b"\0") + second.ljust(64, b"\0")
    assert path.read_bytes() == head + body + digest + b"\n\x1a\n\rSKV\x89"
    assert vks.read(path).digest == digest.hex()


def test_a_file_without_sections_is_a_header_and_a_trailer(tmp_path: Path) -> None:
    path = tmp_path / "nothing.vks"
    vks.write(path, [], content="nothing")
    assert path.stat().st_size == 64 + 24
    assert len(vks.read(path, verify="full").sections) == 0


@pytest.mark.parametrize("name", CODES)
def test_dtype_codes_are_frozen(name: str) -> None:
    dtype = np.ndarray((0,), np.dtype(name)).dtype
    assert encode_dtype(dtype) == CODES[name]
    assert encode_dtype(dtype.newbyteorder(">")) == CODES[name]
    assert decode_dtype(*CODES[name]) == dtype.newbyteorder("<")


def test_structured_dtypes_have_numbers_and_no_holes() -> None:
    assert list(vks.FORMATS)[:2] == [1, 2]
    for number, dtype in vks.FORMATS.items():
        assert encode_dtype(dtype) == (256 + number, 0, 0)
        assert encode_dtype(dtype.newbyteorder(">")) == (256 + number, 0, 0)
        assert decode_dtype(256 + number, 0, 0) == dtype
        # A byte that belongs to no field would be copied undefined, and equal tables would have unequal checksums.
        covered = np.zeros(dtype.itemsize, bool)
        assert dtype.fields is not None
        for part, offset, *_ in dtype.fields.values():
            assert not covered[offset : offset + part.itemsize].any()
            covered[offset : offset + part.itemsize] = True
        assert covered.all()


def test_each_dtype_has_one_spelling() -> None:
    known = set(CODES.values())
    for code in range(300):
        for unit in (*range(len(UNITS) + 3), 2**16 - 1):
            for parameter in (0, 1, 2, 3, 4, 12, 2**31 - 1, 2**31, 2**32 - 1):
                dtype = decode_dtype(code, unit, parameter)
                if dtype is not None:
                    known.discard((code, unit, parameter))
                    assert encode_dtype(dtype) == (code, unit, parameter)
    assert known <= {CODES[name] for name in ("S7", "V16", "M8[25s]", "m8[10as]")}


@pytest.mark.parametrize(
    "dtype", ["O", "g", "G", [("a", "i4")], [("a", "O")], np.dtypes.StringDType(), np.dtype(("i4", (2,)))]
)
def test_other_dtypes_have_no_code(dtype: object) -> None:
    assert encode_dtype(np.dtype(dtype)) is None  # type: ignore[call-overload]


def test_a_dtype_of_another_library_that_borrows_the_kind_of_void_has_no_code() -> None:
    from numpy._core._rational_tests import rational  # type: ignore[import-not-found]

    foreign = np.dtype(rational)
    assert (foreign.kind, foreign.names) == ("V", None)
    assert encode_dtype(foreign) is None
