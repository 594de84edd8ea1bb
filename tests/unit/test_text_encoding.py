"""Fixed-width text of numpy becomes UTF-8, at every width and on every CPU level, as Python encodes it."""

from __future__ import annotations

import numpy as np
import pytest

from valkyrie._native import cpu_levels, kernel
from valkyrie.arrays.texts import UTF8_SPARE

ALPHABETS = ["ab", "aé", "é߿", "aéж€", "a\0é", "𐀀a\U0010ffff", "\0a"]
WIDTHS = [*range(1, 35), 47, 48, 49, 63, 64, 65, 127, 128, 129, 200]


def encoded(strings, array):
    n, width = len(array), array.dtype.itemsize // 4
    scratch = np.empty(5 * n * width + UTF8_SPARE, np.uint8)
    address, length = np.empty((2, n), np.uint64)
    bad = strings.of_ucs4(array.view(np.uint32).reshape(n, width), scratch, address, length)
    return bad, [strings.text_bytes(int(at), int(size)) for at, size in zip(address, length, strict=True)] if bad < 0 else []


@pytest.mark.parametrize("level", cpu_levels())
def test_every_width_is_encoded_as_python_does(level, rng):
    strings = kernel("strings", level)
    for width in WIDTHS:
        for alphabet in ALPHABETS:
            texts = ["".join(rng.choice(list(alphabet), rng.integers(0, width + 1))) for _ in range(12)]
            array = np.array(texts, f"U{width}")
            assert encoded(strings, array) == (-1, [text.encode() for text in array.tolist()]), (width, alphabet)


@pytest.mark.parametrize("level", cpu_levels())
@pytest.mark.parametrize("width", [1, 7, 8, 16, 25, 40])
def test_what_has_no_utf8_is_named(level, width):
    array = np.array(["a", "é", "x"], f"U{width}")
    for bad in (0xD800, 0xDFFF, 0x110000, 0xFFFFFFFF):
        units = array.view(np.uint32).reshape(3, width).copy()
        units[1, width - 1] = bad
        assert encoded(kernel("strings", level), units.view(f"U{width}").reshape(-1))[0] == 1


@pytest.mark.parametrize("level", cpu_levels())
def test_padding_of_bytes_is_no_text(level, rng):
    strings = kernel("strings", level)
    for width in WIDTHS:
        array = np.array([bytes(rng.integers(0, 3, rng.integers(0, width + 1), np.uint8)) for _ in range(40)], f"S{width}")
        address, length = np.empty((2, len(array)), np.uint64)
        strings.of_fixed(array.view(np.uint8).reshape(len(array), width), address, length)
        assert length.tolist() == [len(item) for item in array.tolist()], width


@pytest.mark.parametrize("level", cpu_levels())
@pytest.mark.parametrize("width", [1, 8, 15, 16, 31, 32, 33, 63, 64, 65, 100, 127, 128, 129, 191, 192, 193, 256, 360])
def test_the_end_of_bytes_is_found_at_every_place(level, width):
    ends = np.arange(width + 1)
    filled = (np.arange(width) < ends[:, None]).astype(np.uint8)
    alone = (np.arange(width) == ends[:, None] - 1).astype(np.uint8)  # NULs before it belong to the text
    apart = alone | (np.arange(width) < np.minimum(ends[:, None], 3))
    address, length = np.empty((2, width + 1), np.uint64)
    for fields in (filled, alone, apart):
        kernel("strings", level).of_fixed(fields, address, length)
        assert np.array_equal(length, ends)
        assert np.array_equal(np.diff(address), np.full(width, width))
