"""Parsers of addresses and digits: good and bad texts by the dozen, memory that ends with a text, arrays that are too short."""

from __future__ import annotations

import ipaddress
import subprocess
import sys
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.address_texts import address_of, network_of, parsed_addresses, parsed_digits, parsed_networks, texts_at
from tests.hostile.fenced_memory import fenced
from valkyrie._native import addresses, cpu_levels, kernel

CHECKOUT = Path(__file__).resolve().parents[2]
LEVELS = cpu_levels()
GOOD = [
    *("0.0.0.0", "1.2.3.4", "255.255.255.255", "10.20.30.40", "100.99.9.0", "192.168.100.200", "1.22.222.1"),
    *("::", "::1", "1::", "1::8", "1:2:3:4:5:6:7:8", "::2:3:4:5:6:7:8", "1:2:3:4:5:6:7::", "1:2:3::5:6:7:8", "ABCD:ef01::"),
    *("::1.2.3.4", "::ffff:255.255.255.255", "1:2:3:4:5:6:7.7.7.7", "1::6:7.7.7.7", "0001:02::00ff"),
    "0000:0000:0000:0000:0000:0000:255.255.255.255",
    "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
]
BAD = [
    *("", ".", "...", "1", "1.2.3", "1.2.3.", ".1.2.3", "1..2.3", "1.2.3.4.", "1.2.3.4.5", "1.2.3.256", "1.2.3.01", "01.2.3.4"),
    *("1.2.3.00", "1.2.3.0004", "1234.1.1.1", "1.2.3.4 ", " 1.2.3.4", "1.2.3.4\n", "1.2.3.4\0", "1.2.3.-4", "+1.2.3.4"),
    *("1.2.3.٤", "0x1.2.3.4", "1.2.3.4/24", "999.999.999.999", "1.2.3,4", "1:2.3.4", "....", "1.2.3.4.5.6.7.8", "1.1.1.1.1"),
    *("256.1.1.1", "1:2:3:4::5:6:7:8", ":", ":::", ":1", "1:", "::1::", "1::2::3", ":1::2", "1::2:", "1:2:3:4:5:6:7"),
    *("1:2:3:4:5:6:7:8::", "::1:2:3:4:5:6:7:8", "12345::", "::g", "::1%eth0", "::1/64", "[::1]", "1:2:3:4:5:6:7:1.2.3.4"),
    *("::1.2.3", "::1.2.3.256", "::1.2.3.4:5", "1:2:3:4:5:6:7:8:9", "1.2.3.4::", "::01.2.3.4", "::1.2.3.4."),
    "0000:0000:0000:0000:0000:0000:0000:00001",
    *("1:2:3:4:5:6:7.7.7.7:8", "1::6:7:8:9:a:b:7.7.7.7", "::é", "1.2.3.é", "0" * 50, ":" * 39, "a" * 39),
]


@pytest.mark.parametrize("level", LEVELS)
def test_good_and_bad_texts(level: str) -> None:
    assert all(address_of(text) for text in GOOD)
    assert parsed_addresses(GOOD, level) == [address_of(text) for text in GOOD]
    assert not any(address_of(text) for text in BAD)
    assert parsed_addresses(BAD, level) == [None] * len(BAD)


@pytest.mark.parametrize("level", LEVELS)
def test_all_lengths_of_octets_and_their_bounds(level: str) -> None:
    octets = ["0", "9", "10", "99", "100", "255", "", "00", "256", "1000"]
    texts = [".".join(four) for four in product(octets, repeat=4)]
    assert parsed_addresses(texts, level) == [address_of(text) for text in texts]


@pytest.mark.parametrize("level", LEVELS)
def test_every_form_of_gap(level: str) -> None:
    left, right = ["1", "22", "333", "4444", "5", "66", "777", "8888", "9"], ["a", "bB", "c0c", "dead"]
    texts = [
        ":".join([""] * front + left[:before] + [""] * gap + right[:behind])
        for front, before, gap, behind in product(range(3), range(10), range(3), range(5))
    ]
    texts += [text + end for text in texts for end in (":", "::", ":1.2.3.4")]
    assert parsed_addresses(texts, level) == [address_of(text) for text in texts]


@pytest.mark.parametrize("level", LEVELS)
def test_every_byte_in_every_place(level: str) -> None:
    bases = ["1.2.3.4", "12.34.56.78", "255.255.255.255", "::1", "a:b:c:d:e:f:0:1", "2001:db8:1111:2222:3333:4444:5555:6666"]
    texts = [base[:i] + chr(code) + base[i + 1 :] for base in bases for i in range(len(base)) for code in range(256)]
    assert parsed_addresses(texts, level) == [address_of(text) for text in texts]


@pytest.mark.parametrize("level", LEVELS)
def test_networks(level: str) -> None:
    lengths = ["", "/", *(f"/{n}" for n in range(0, 140, 3)), "/32", "/33", "/128", "/129", "/008", "/-1", "/+8", "/8 ", "/8/8"]
    lengths += ["/255.0.0.0", "/0.0.0.255", "/99999999999999999999", "//8", "8", "/a"]
    texts = [text + length for text in [*GOOD, *BAD] for length in lengths]
    assert parsed_networks(texts, level) == [network_of(text) for text in texts]


@pytest.mark.parametrize("level", LEVELS)
def test_texts_that_end_where_memory_ends(level: str) -> None:
    """A read beyond the first or the last byte of a text ends the process, so it is another one."""
    code = f"from tests.unit.test_addresses import read_at_fences; read_at_fences({level!r})"
    done = subprocess.run([sys.executable, "-c", code], cwd=CHECKOUT, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout) == (0, "all read\n"), done.stderr


def read_at_fences(level: str) -> None:
    """Parse texts of all lengths at both ends of fenced memory."""
    module = kernel("addresses", level)
    texts = [text.encode() for text in [*GOOD, *BAD] if text]
    texts += [b"1" * n for n in range(1, 60)] + [b"+" + b"1" * n for n in range(20)]
    family, v4, v6, bits, word = (np.empty(16, dtype) for dtype in (np.uint8, np.uint32, np.uint8, np.uint8, np.uint64))
    for text in [*texts, *(text + b"/8" for text in texts)]:
        for front in (False, True):
            memory = fenced(np.frombuffer(text, np.uint8), front=front)
            address, length = np.array([memory.ctypes.data], np.uint64), np.array([len(text)], np.uint64)
            module.parse_addresses(address, length, family, v4, v6)
            module.parse_networks(address, length, family, v4, v6, bits)
            module.parse_digits(address, length, word, bits)
    print("all read")


def test_objects_are_read_up_to_the_first_that_is_no_text() -> None:
    items: list[Any] = ["1.2.3.4", None, b"::1", "x", ipaddress.ip_address("1.2.3.4"), "9.9.9.9"]
    nulls, family, v4, v6 = np.full(6, 9, np.uint8), np.full(6, 9, np.uint8), np.full(6, 9, np.uint32), np.zeros(96, np.uint8)
    assert addresses.parse_address_objects(items, 0, nulls, family, v4, v6) == (4, 1, 1)
    assert nulls.tolist()[:4] == [0, 1, 0, 0]
    assert family.tolist() == [4, 0, 6, 0, 9, 9]
    assert v4.tolist() == [0x01020304, 0, 0, 0, 9, 9]
    assert v6[47] == 1
    assert addresses.parse_address_objects(tuple(items[:4]), 2, nulls[:2], family, v4, None) == (-1, 0, 1)
    assert addresses.parse_address_objects(["1.2.3.4", "\ud800"], 0, nulls[:2], family, v4, None) == (1, 1, 0)
    for bad, start in (({"a": 1}, 0), (items, 1), (items, -1), (items, 7), ("123456", 0)):
        with pytest.raises(ValueError, match="items"):
            addresses.parse_address_objects(bad, start, nulls, family, v4, v6)


def test_arrays_that_are_too_short_are_refused() -> None:
    address, length, _owner = texts_at(["1.2.3.4", "::1"])
    u1, u4, u8 = (np.empty(2, dtype) for dtype in (np.uint8, np.uint32, np.uint64))
    v6 = np.empty(32, np.uint8)
    calls = [
        (addresses.parse_addresses, (address, length, u1, u4, v6)),
        (addresses.parse_networks, (address, length, u1, u4, v6, u1.copy())),
        (addresses.parse_digits, (address, length, u8, u1)),
        (addresses.digits_of_numbers, (u8.copy(), u8, u1)),
    ]
    for function, arguments in calls:
        function(*arguments)
        for i in range(1, len(arguments)):
            with pytest.raises(ValueError, match="too short"):
                function(*arguments[:i], arguments[i][:-1], *arguments[i + 1 :])
    nothing = [array[:0] for array in (address, length, u1, u4, v6)]
    assert addresses.parse_addresses(*nothing) == (0, 0)
    assert addresses.parse_networks(*nothing, u1[:0]) == (0, 0)


@pytest.mark.parametrize("level", LEVELS)
def test_every_byte_in_a_string_of_digits(level: str) -> None:
    texts = ["1" * i + chr(code) + "1" * (n - 1 - i) for n in range(1, 19) for i in range(n) for code in range(128)]
    words, counts = parsed_digits(texts, level)
    for text, word, count in zip(texts, words, counts, strict=True):
        digits = text.removeprefix("+")
        if digits.isdigit():
            assert count == min(len(digits), 17)
            assert f"{word:016x}".rstrip("0") == "".join("123456789a"[int(digit)] for digit in digits[:16])
        else:
            assert count == addresses.MALFORMED
    assert parsed_digits(["", "+", "++1", "1+"], level)[1] == [0, 255, 255, 255]
