"""Texts that are addresses, networks and digits, or nearly so, and what they are by Python's `ipaddress`."""

from __future__ import annotations

import ipaddress
from typing import Any

import numpy as np
from hypothesis import strategies as st

from valkyrie._native import kernel, strings

__all__ = [
    "address_of",
    "addresses",
    "digits_of",
    "nearly",
    "network_of",
    "networks",
    "parsed_addresses",
    "parsed_digits",
    "parsed_networks",
    "texts_at",
    "word_of",
]


def address_of(text: str) -> tuple[int, int] | None:
    """Family and number; None if it is no address. Zone ids are none of ours."""
    if "%" in text:
        return None
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    return address.version, int(address)


def network_of(text: str) -> tuple[int, int, int] | None:
    """Family, number with all its bits, and length; None if it is none, or has a netmask."""
    if "%" in text or ("/" in text and "." in text.rpartition("/")[2]):
        return None
    try:
        interface = ipaddress.ip_interface(text)
    except ValueError:
        return None
    return interface.version, int(interface.ip), interface.network.prefixlen


def digits_of(text: str) -> str | None:
    """The digits alone; None if there is anything else. A plus needs a digit behind it."""
    digits = text.removeprefix("+")
    if text == "+" or not all(digit in "0123456789" for digit in digits):
        return None
    return digits


def word_of(digits: str) -> int:
    """The word of up to 16 digits, and of more the first 16."""
    return int("".join("123456789a"[int(digit)] for digit in digits[:16]).ljust(16, "0"), 16)


def texts_at(texts: list[str]) -> tuple[Any, Any, Any]:
    """Address and length of texts, and what keeps them alive."""
    address, length = np.empty(len(texts), np.uint64), np.empty(len(texts), np.uint64)
    owner = np.empty(len(texts), object)
    owner[:] = texts
    assert strings.of_objects(owner, None, address, length) == -1
    return address, length, owner


def parsed_addresses(texts: list[str], level: str | None = None) -> list[tuple[int, int] | None]:
    """What the parser makes of texts, in the oracle's form; checks what it promises beside."""
    n = len(texts)
    family, v4, v6 = np.full(n, 9, np.uint8), np.full(n, 9, np.uint32), np.full(16 * n, 9, np.uint8)
    parse = kernel("addresses", level).parse_addresses
    address, length, _owner = texts_at(texts)
    counts = parse(address, length, family, v4, v6)
    assert counts == ((family == 4).sum(), (family == 6).sum())
    assert not v4[family != 4].any()
    assert (v6.reshape(n, 16)[family != 6] == 9).all()
    again = np.empty(n, np.uint8), np.empty(n, np.uint32)
    assert parse(address, length, *again, None) == counts
    assert np.array_equal(again[0], family)
    assert np.array_equal(again[1], v4)
    return [_number(family[i], v4[i], v6[16 * i : 16 * i + 16]) for i in range(n)]


def parsed_networks(texts: list[str], level: str | None = None) -> list[tuple[int, int, int] | None]:
    """As `parsed_addresses`, of networks."""
    n = len(texts)
    family, v4, v6, bits = np.empty(n, np.uint8), np.empty(n, np.uint32), np.zeros(16 * n, np.uint8), np.empty(n, np.uint8)
    address, length, _owner = texts_at(texts)
    kernel("addresses", level).parse_networks(address, length, family, v4, v6, bits)
    found = [_number(family[i], v4[i], v6[16 * i : 16 * i + 16]) for i in range(n)]
    return [None if number is None else (*number, int(bits[i])) for i, number in enumerate(found)]


def parsed_digits(texts: list[str], level: str | None = None) -> tuple[list[int], list[int]]:
    """Words and counts of digits."""
    n = len(texts)
    words, counts = np.empty(n, np.uint64), np.empty(n, np.uint8)
    address, length, _owner = texts_at(texts)
    module = kernel("addresses", level)
    assert module.parse_digits(address, length, words, counts) == (counts == module.MALFORMED).sum()
    return words.tolist(), counts.tolist()


def _number(family: Any, v4: Any, v6: Any) -> tuple[int, int] | None:
    return {0: None, 4: (4, int(v4)), 6: (6, int.from_bytes(v6.tobytes(), "big"))}[int(family)]


_edges = ["0", "00", "01", "9", "99", "100", "255", "256", "999", "1000", "", "0255"]
_octets = st.integers(0, 300).map(str) | st.sampled_from(_edges)
_quads = st.lists(_octets, min_size=3, max_size=5).map(".".join)
_good_quads = st.integers(0, 2**32 - 1).map(lambda value: str(ipaddress.IPv4Address(value)))
_hextets = st.builds(str.format, st.sampled_from(["{:x}", "{:X}", "{:04x}", "0{:x}"]), st.integers(0, 0xFFFF))


@st.composite
def _colons(draw: st.DrawFn) -> str:
    """Hextets with a gap or two or none, a gap's colons among them, and perhaps an IPv4 address at the end."""
    parts = draw(st.lists(_hextets, max_size=9))
    for _ in range(draw(st.sampled_from([0, 1, 1, 1, 2]))):
        parts.insert(draw(st.integers(0, len(parts))), "")
    text = ":".join(parts)
    text = ":" + text if text.startswith(":") or draw(st.integers(0, 15)) == 0 else text
    text = text + ":" if text.endswith(":") or draw(st.integers(0, 15)) == 0 else text
    if draw(st.integers(0, 3)) == 0:
        text += ("" if text.endswith(":") else ":") + draw(_good_quads | _quads)
    return text


@st.composite
def nearly(draw: st.DrawFn, texts: st.SearchStrategy[str]) -> str:
    """A text with a few characters changed, taken out or put in."""
    text = list(draw(texts))
    for _ in range(draw(st.sampled_from([0, 0, 1, 2]))):
        at = draw(st.integers(0, len(text)))
        text[at : at + draw(st.integers(0, 1))] = draw(st.sampled_from([*"0123456789abfFgG.:/+-% \0é٣", "", "::"]))
    return "".join(text)


_good_sixes = st.integers(0, 2**128 - 1).map(lambda value: str(ipaddress.IPv6Address(value)))
addresses = nearly(_good_quads | _quads | _good_sixes | _colons()) | st.text("0123456789abcF.:", max_size=50)
_lengths = st.sampled_from(["", "/", "/+8", "/ 8", "/8/8", "/0x8", "/255.0.0.0", "/0.0.0.255", "/18446744073709551624"])
_lengths |= st.integers(0, 140).map("/{}".format) | st.integers(0, 9).map("/{:03}".format)
networks = st.builds(str.__add__, addresses, _lengths)
