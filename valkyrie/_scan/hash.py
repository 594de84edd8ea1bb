"""The numpy twin of ``vk_hash.h``: the same hashes over arrays, bit for bit, for tests and for reading stored lines.

What each hash is, and why it is so, stands at the head of ``vk_hash.h``. Pure functions: any thread may call them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

import numpy as np

from valkyrie.typing import Int64Array, UInt8Array, UInt64Array

__all__ = ["HashKey", "hash_b16", "hash_bytes", "key_from_seed", "mix64", "siphash13", "unmix64"]

HashKey: TypeAlias = tuple[int, ...]
"""The eight words of ``vk_key``."""

_Wide: TypeAlias = tuple[UInt64Array, UInt64Array]
_MASK = (1 << 64) - 1
_GOLDEN = 0x9E3779B97F4A7C15
_SHORT, _BLOCK = 16, 48
_SIP_START = (0x736F6D6570736575, 0x646F72616E646F6D, 0x6C7967656E657261, 0x7465646279746573)


def key_from_seed(seed: int) -> HashKey:
    """Return the eight words that a seed expands to.

    Parameters
    ----------
    seed : int
        0 to 2**64 - 1.
    """

    def splitmix(state: int) -> int:
        z = state & _MASK
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
        return z ^ (z >> 31)

    state = splitmix(seed + _GOLDEN)
    words = [splitmix(state + _GOLDEN * (i + 1)) for i in range(8)]
    words[2] |= 1
    words[3] |= 1
    return tuple(words)


def mix64(keys: UInt64Array, key: HashKey) -> UInt64Array:
    """Return the bijective mix of 64-bit ids: ndarray of uint64 of the same shape."""
    x = keys ^ np.uint64(key[4])
    x ^= (x >> np.uint64(25)) ^ (x >> np.uint64(47))
    x *= np.uint64(key[2])
    x ^= x >> np.uint64(32)
    x *= np.uint64(key[3])
    return x ^ (x >> np.uint64(32))


def unmix64(hashes: UInt64Array, key: HashKey) -> UInt64Array:
    """Return the ids behind their mixes: ndarray of uint64 of the same shape."""
    h = hashes ^ (hashes >> np.uint64(32))
    h *= np.uint64(pow(key[3], -1, 1 << 64))
    h ^= h >> np.uint64(32)
    h *= np.uint64(pow(key[2], -1, 1 << 64))
    h ^= (h >> np.uint64(25)) ^ (h >> np.uint64(47))
    h ^= h >> np.uint64(50)
    return h ^ np.uint64(key[4])


def hash_b16(keys: UInt8Array, key: HashKey) -> UInt64Array:
    """Return the fast hash of 128-bit keys.

    Parameters
    ----------
    keys : ndarray of uint8, shape (n, 16)
    key : HashKey

    Returns
    -------
    ndarray of uint64, shape (n,)
    """
    words = np.ascontiguousarray(keys).view("<u8")
    low, high = _multiply(words[:, 0] + np.uint64(key[4]), words[:, 1] + np.uint64(key[5]))
    return _fold(low ^ np.uint64(key[0]), high ^ np.uint64(key[1]))


def hash_bytes(offsets: Int64Array, data: UInt8Array, key: HashKey) -> UInt64Array:
    """Return the fast hash of byte strings.

    Parameters
    ----------
    offsets : ndarray of int64, shape (n + 1,)
        String i is ``data[offsets[i]:offsets[i + 1]]``.
    data : ndarray of uint8, shape (m,)
    key : HashKey

    Returns
    -------
    ndarray of uint64, shape (n,)
    """
    at, size = offsets[:-1], np.diff(offsets)
    low, high = np.zeros(len(size), np.uint64), np.zeros(len(size), np.uint64)
    state = np.full(len(size), key[0], np.uint64)
    short = np.flatnonzero(size <= _SHORT)
    low[short], high[short] = _short_sum(data, at[short], size[short], key)
    one = np.flatnonzero((size > _SHORT) & (size <= _BLOCK))
    last = size[one] - 16
    low[one], high[one] = _block_sum(data, at[one], np.minimum(16, last), last, key)
    start, open_ = 0, np.flatnonzero(size > _BLOCK)
    low[open_], high[open_] = _full_block_sum(data, at[open_] + size[open_] - _BLOCK, key)
    while len(open_):
        block_low, block_high = _full_block_sum(data, at[open_] + start, key)
        state[open_] = _fold(block_low ^ state[open_], block_high ^ np.uint64(key[1]))
        start += _BLOCK
        open_ = open_[size[open_] > start + _BLOCK]
    low += size.view(np.uint64) * np.uint64(_GOLDEN)
    return _fold(low ^ state, high ^ np.uint64(key[1]))


def siphash13(offsets: Int64Array, data: UInt8Array, key: HashKey) -> UInt64Array:
    """Return SipHash-1-3 of byte strings under ``key[0]`` and ``key[1]``; arguments and result as `hash_bytes`."""
    at, size = offsets[:-1], np.diff(offsets)
    v = [np.full(len(size), key[i & 1] ^ start, np.uint64) for i, start in enumerate(_SIP_START)]
    for some, words in _sip_words(data, at, size):
        v[3][some] ^= words
        part = _sip_round([lane[some] for lane in v])
        part[0] ^= words
        for lane, new in zip(v, part, strict=True):
            lane[some] = new
    v[2] ^= np.uint64(0xFF)
    for _ in range(3):
        v = _sip_round(v)
    return v[0] ^ v[1] ^ v[2] ^ v[3]


def _multiply(a: UInt64Array, b: UInt64Array) -> _Wide:
    """Products of 128 bits as (low, high), by 32-bit halves."""
    half, mask = np.uint64(32), np.uint64(0xFFFFFFFF)
    a0, a1, b0, b1 = a & mask, a >> half, b & mask, b >> half
    cross = a1 * b0 + (a0 * b0 >> half)
    carry = a0 * b1 + (cross & mask)
    return a * b, a1 * b1 + (cross >> half) + (carry >> half)


def _fold(a: UInt64Array, b: UInt64Array) -> UInt64Array:
    low, high = _multiply(a, b)
    return low ^ high


def _read(data: UInt8Array, at: Int64Array, width: int) -> UInt64Array:
    """Little-endian numbers of 4 or 8 bytes at some positions."""
    taken = data[at[:, None] + np.arange(width)] if len(at) else np.empty((0, width), np.uint8)
    return taken.view(f"<u{width}")[:, 0].astype(np.uint64)


def _short_sum(data: UInt8Array, at: Int64Array, size: Int64Array, key: HashKey) -> _Wide:
    a, b = np.zeros(len(at), np.uint64), np.zeros(len(at), np.uint64)
    some = size >= 4
    first, end = at[some], at[some] + size[some] - 4
    step = (size[some] >> 3) << 2
    a[some] = _read(data, first, 4) << np.uint64(32) | _read(data, first + step, 4)
    b[some] = _read(data, end, 4) << np.uint64(32) | _read(data, end - step, 4)
    tiny = (size > 0) & (size < 4)
    first, n = at[tiny], size[tiny]
    a[tiny] = data[first] * np.uint64(1 << 16) + data[first + (n >> 1)] * np.uint64(1 << 8) + data[first + n - 1]
    return _multiply(a + np.uint64(key[2]), b + np.uint64(key[3]))


def _block_sum(data: UInt8Array, at: Int64Array, middle: Int64Array, last: Int64Array, key: HashKey) -> _Wide:
    low, high = np.zeros(len(at), np.uint64), np.zeros(len(at), np.uint64)
    for pair, start in enumerate((at, at + middle, at + last)):
        a = _read(data, start, 8) + np.uint64(key[2 + 2 * pair])
        b = _read(data, start + 8, 8) + np.uint64(key[3 + 2 * pair])
        product_low, product_high = _multiply(a, b)
        low += product_low
        high += product_high + (low < product_low)
    return low, high


def _full_block_sum(data: UInt8Array, at: Int64Array, key: HashKey) -> _Wide:
    return _block_sum(data, at, np.full_like(at, 16), np.full_like(at, 32), key)


def _sip_words(data: UInt8Array, at: Int64Array, size: Int64Array) -> Iterator[tuple[Int64Array, UInt64Array]]:
    """Yield all first words, all second words and so on, with who has one; a last word carries the length on top."""
    padded = np.concatenate([data, np.zeros(8, np.uint8)])
    for start in range(0, int(size.max(initial=-1)) + 1, 8):
        some = np.flatnonzero(size >= start)
        words, left = _read(padded, at[some] + start, 8), size[some] - start
        ends = left < 8
        keep = (np.uint64(1) << (8 * left[ends]).astype(np.uint64)) - np.uint64(1)
        words[ends] = words[ends] & keep | size[some][ends].astype(np.uint64) << np.uint64(56)
        yield some, words


def _sip_round(v: list[UInt64Array]) -> list[UInt64Array]:
    a, b, c, d = v
    a, c = a + b, c + d
    b, d = _rotate_left(b, 13) ^ a, _rotate_left(d, 16) ^ c
    c, a = c + b, _rotate_left(a, 32) + d
    b, d = _rotate_left(b, 17) ^ c, _rotate_left(d, 21) ^ a
    return [a, b, _rotate_left(c, 32), d]


def _rotate_left(x: UInt64Array, by: int) -> UInt64Array:
    return x << np.uint64(by) | x >> np.uint64(64 - by)
