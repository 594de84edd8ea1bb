"""The compiled hashes and their numpy twins are the same functions, and SipHash is the published one."""

from __future__ import annotations

import platform
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from valkyrie._native import hashing, strings
from valkyrie._scan import hash as twin
from valkyrie.typing import AnyArray, Int64Array, UInt8Array, UInt64Array

FAST, SIPHASH = 0, 1

seeds = st.one_of(st.sampled_from([0, 1, 2**63, 2**64 - 1]), st.integers(0, 2**64 - 1))
words = st.one_of(st.sampled_from([0, 1, 2**32 - 1, 2**32, 2**63, 2**64 - 1]), st.integers(0, 2**64 - 1))


def hashed_ids(ids: UInt64Array, seed: int) -> UInt64Array:
    out = np.empty(len(ids), np.uint64)
    hashing.hash_ids(ids, seed, out)
    return out


def hashed_b16(keys: AnyArray, seed: int, which: int) -> UInt64Array:
    out = np.empty(len(keys), np.uint64)
    hashing.hash_keys16(np.ascontiguousarray(keys).view(np.uint8).reshape(-1), seed, which, out)
    return out


def hashed_texts(texts: list[bytes], seed: int, which: int) -> UInt64Array:
    offsets, data = packed(texts)
    address, length, out = (np.empty(len(texts), np.uint64) for _ in range(3))
    assert strings.of_offsets(offsets, data, address, length) == -1
    hashing.hash_texts(address, length, seed, which, out)
    return out


def packed(texts: list[bytes]) -> tuple[Int64Array, UInt8Array]:
    offsets = np.cumsum([0, *map(len, texts)], dtype=np.int64)
    return offsets, np.frombuffer(b"".join(texts), np.uint8)


@given(seeds)
def test_a_seed_expands_to_the_same_words(seed: int) -> None:
    key = hashing.key_from_seed(seed)
    assert key == twin.key_from_seed(seed)
    assert key[2] % 2 == key[3] % 2 == 1
    assert len(set(key)) == 8


@given(seeds, st.lists(words, max_size=40))
def test_the_mix_is_its_twin_and_can_be_undone(seed: int, keys: list[int]) -> None:
    ids, key = np.array(keys, np.uint64), twin.key_from_seed(seed)
    mixed, back = hashed_ids(ids, seed), np.empty(len(ids), np.uint64)
    np.testing.assert_array_equal(mixed, twin.mix64(ids, key))
    np.testing.assert_array_equal(twin.unmix64(mixed, key), ids)
    hashing.unhash_ids(mixed, seed, back)
    np.testing.assert_array_equal(back, ids)


@given(seeds, st.lists(st.binary(min_size=16, max_size=16), max_size=40))
def test_hashes_of_128_bit_keys_are_their_twins(seed: int, keys: list[bytes]) -> None:
    raw, key = np.frombuffer(b"".join(keys), np.uint8).reshape(-1, 16), twin.key_from_seed(seed)
    np.testing.assert_array_equal(hashed_b16(raw, seed, FAST), twin.hash_b16(raw, key))
    np.testing.assert_array_equal(hashed_b16(raw, seed, SIPHASH), twin.siphash13(*packed(keys), key))


@given(seeds, st.lists(st.binary(max_size=150), max_size=40))
def test_hashes_of_strings_are_their_twins(seed: int, texts: list[bytes]) -> None:
    key = twin.key_from_seed(seed)
    np.testing.assert_array_equal(hashed_texts(texts, seed, FAST), twin.hash_bytes(*packed(texts), key))
    np.testing.assert_array_equal(hashed_texts(texts, seed, SIPHASH), twin.siphash13(*packed(texts), key))


@pytest.mark.parametrize("fill", [0x00, 0xFF, None])
def test_hashes_of_every_length_are_their_twins(fill: int | None) -> None:
    rng, key = np.random.default_rng(4), twin.key_from_seed(4)
    texts = [rng.bytes(n) if fill is None else bytes([fill]) * n for n in range(400)]
    fast, sip = hashed_texts(texts, 4, FAST), hashed_texts(texts, 4, SIPHASH)
    np.testing.assert_array_equal(fast, twin.hash_bytes(*packed(texts), key))
    np.testing.assert_array_equal(sip, twin.siphash13(*packed(texts), key))
    assert len(np.unique(fast)) == len(np.unique(sip)) == 400


@settings(max_examples=50)
@given(seeds, st.binary(max_size=120), st.integers(0, 63))
def test_where_a_string_lies_does_not_change_its_hash(seed: int, text: bytes, shift: int) -> None:
    for which in (FAST, SIPHASH):
        moved = hashed_texts([bytes(shift), text, b"\xff"], seed, which)[1]
        assert moved == hashed_texts([text], seed, which)[0]


def test_siphash_is_the_published_function() -> None:
    """Key 00 01 .. 0f and messages 00 01 .. of 0 to 7 bytes."""
    key = (0x0706050403020100, 0x0F0E0D0C0B0A0908)
    published = [
        0xABAC0158050FC4DC, 0xC9F49BF37D57CA93, 0x82CB9B024DC7D44D, 0x8BF80AB8E7DDF7FB,
        0xCF75576088D38328, 0xDEF9D52F49533B67, 0xC50D2B50C59F22A7, 0xD3927D989BB11140,
    ]  # fmt: skip
    assert twin.siphash13(*packed([bytes(range(n)) for n in range(8)]), key).tolist() == published


_CPYTHON = """
import sys
assert sys.hash_info.algorithm == "siphash13", sys.hash_info
print(*(hash(bytes((7 * i + n) % 256 for i in range(n))) for n in range(1, 200)))
"""


@pytest.mark.parametrize("cpython_seed", [0, 1, 4294967295])
def test_siphash_is_the_one_that_cpython_hashes_bytes_with(cpython_seed: int) -> None:
    answer = subprocess.run(
        [sys.executable, "-c", _CPYTHON],
        env={"PYTHONHASHSEED": str(cpython_seed)},
        capture_output=True,
        text=True,
        check=True,
    )
    texts = [bytes((7 * i + n) % 256 for i in range(n)) for n in range(1, 200)]
    ours = twin.siphash13(*packed(texts), _cpython_key(cpython_seed)).view(np.int64)
    ours[ours == -1] = -2  # -1 is how CPython reports an error
    assert ours.tolist() == [int(h) for h in answer.stdout.split()]


def _cpython_key(seed: int) -> tuple[int, int]:
    """The key that PYTHONHASHSEED stands for: 0 for 0, else bytes of a linear congruential generator."""
    secret, x = bytearray(16), seed
    for i in range(16 if seed else 0):
        x = (x * 214013 + 2531011) % 2**32
        secret[i] = x >> 16 & 0xFF
    return int.from_bytes(secret[:8], "little"), int.from_bytes(secret[8:], "little")


_GUARDED = """
import ctypes, mmap
import numpy as np
from valkyrie._native import hashing
page = mmap.PAGESIZE
area = mmap.mmap(-1, 3 * page)
start = ctypes.addressof(ctypes.c_char.from_buffer(area))
protect = ctypes.CDLL(None, use_errno=True).mprotect
for closed in (start, start + 2 * page):
    assert protect(ctypes.c_void_p(closed), ctypes.c_size_t(page), 0) == 0
length = np.arange(300, dtype=np.uint64)
first = np.full(300, start + page, np.uint64)
out = np.empty(300, np.uint64)
for which in (0, 1):
    hashing.hash_texts(first, length, 1, which, out)
    hashing.hash_texts(first + np.uint64(page) - length, length, 1, which, out)
hashing.hash_texts(np.zeros(1, np.uint64), np.zeros(1, np.uint64), 1, 0, out[:1])
print("read nothing else")
"""


def test_nothing_outside_a_string_is_read() -> None:
    """Strings that begin and end at pages which may not be touched; the empty one may even be at address 0."""
    done = subprocess.run([sys.executable, "-c", _GUARDED], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "read nothing else"), done.stderr


def test_arrays_of_other_lengths_are_refused() -> None:
    two, three, bytes31 = np.zeros(2, np.uint64), np.zeros(3, np.uint64), np.zeros(31, np.uint8)
    for call in (hashing.hash_ids, hashing.unhash_ids):
        with pytest.raises(ValueError, match="as long as out"):
            call(two, 0, three)
    with pytest.raises(ValueError, match="16 bytes for each"):
        hashing.hash_keys16(bytes31, 0, FAST, two)
    for address, length in ((two, three), (three, two)):
        with pytest.raises(ValueError, match="as long as out"):
            hashing.hash_texts(address, length, 0, FAST, two)


def test_the_cpu_level_is_what_the_kernel_reports() -> None:
    level, info = hashing.cpu_features()["level"], Path("/proc/cpuinfo")
    if platform.machine() != "x86_64" or not info.exists():
        assert level in ("default", "v3", "v4")
        return
    flags = set(next(line for line in info.read_text().splitlines() if line.startswith("flags")).split())
    v3 = flags >= {"avx2", "bmi1", "bmi2", "fma", "f16c", "movbe", "abm"}
    v4 = v3 and flags >= {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"}
    assert level == ("v4" if v4 else "v3" if v3 else "default")
