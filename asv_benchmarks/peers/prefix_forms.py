"""Prefixes and queries in the shapes that peers take: addresses as text, paths and domains as bytes to be read from the left."""

from __future__ import annotations

import socket
import struct

import numpy as np

from ..data import Keys
from ..prefix_data import PrefixSet

PREFIX_KINDS = ("ip4", "ip6", "bits", "digits", "bytes", "path", "suffix")


def from_left(kind: str, texts: Keys) -> Keys:
    """Texts of which one is a prefix of another if, byte by byte, it begins with it: numpy S.

    Paths get a slash behind them; domains are turned round and get a dot behind them.
    """
    if kind == "path":
        return np.strings.add(texts, b"/")
    if kind == "suffix":
        return np.array([text[::-1] + b"." for text in texts.tolist()])
    return texts


def packed6(words: Keys) -> Keys:
    """IPv6 addresses of two words as 16 bytes in network order: V16."""
    return np.ascontiguousarray(words.astype(">u8")).view("V16").reshape(-1)


def addresses(kind: str, keys: Keys) -> list[str]:
    """Addresses as text."""
    if kind == "ip4":
        return [socket.inet_ntoa(struct.pack(">I", key)) for key in keys.tolist()]
    return [socket.inet_ntop(socket.AF_INET6, key) for key in packed6(keys).tolist()]


def each_key(kind: str, keys: Keys) -> list[str] | list[int]:
    """Queries one by one, as a program has them: numbers for "bits", else text."""
    if kind == "bits":
        return list(keys.tolist())
    return addresses(kind, keys) if kind in ("ip4", "ip6") else [key.decode() for key in keys.tolist()]


def valkyrie_kind(kind: str) -> str:
    """What `valkyrie.PrefixTable` calls this kind."""
    return "ip" if kind in ("ip4", "ip6") else kind


def written(prefixes: PrefixSet) -> list[str]:
    """Networks as text, such as 10.0.0.0/8."""
    assert prefixes.lengths is not None
    texts = addresses(prefixes.kind, prefixes.keys)
    return [f"{text}/{length}" for text, length in zip(texts, prefixes.lengths.tolist(), strict=True)]


def limits(prefixes: PrefixSet) -> list[tuple[int, int, int]] | list[tuple[bytes, bytes, int]]:
    """First key of each prefix, first key behind it, and row; sorted so that each comes before what lies in it.

    Numbers are Python's, of as many bits as the kind has.
    """
    rows = prefixes.rows.tolist()  # type: ignore[union-attr]
    if prefixes.lengths is None:
        texts = from_left(prefixes.kind, prefixes.keys).tolist()
        return sorted((text, text[:-1] + bytes([text[-1] + 1]), row) for text, row in zip(texts, rows, strict=True))
    bits = {"ip4": 32, "ip6": 128, "bits": 64}[prefixes.kind]
    starts = prefixes.keys.tolist()
    if prefixes.kind == "ip6":
        starts = [high << 64 | low for high, low in starts]
    ends = [start + (1 << bits - length) for start, length in zip(starts, prefixes.lengths.tolist(), strict=True)]
    return sorted(zip(starts, ends, rows, strict=True), key=lambda limit: (limit[0], -limit[1]))
