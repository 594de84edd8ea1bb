"""Hashes of keys are XXH64 and MD5 as published, whatever container the keys come in and at every CPU level."""

from __future__ import annotations

import hashlib
import uuid
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import xxhash

from tests.naive_picks import ketama_hash, key_hash
from valkyrie._native import cpu_levels, kernel
from valkyrie.arrays import key_column
from valkyrie.errors import ArgumentError, KeyTypeError
from valkyrie.picks import identity_hashes, key_hashes

TEXTS = ["", "a", "straße", "x" * 31, "x" * 32, "y" * 33, "z" * 54, "z" * 55, "z" * 56, "w" * 63, "w" * 64, "v" * 65, "u" * 300]
NUMBERS = [0, 1, 9, 10, -1, -10, 2**63 - 1, -(2**63), *(10**i for i in range(2, 19)), *(10**i - 1 for i in range(2, 19))]
UUIDS = [uuid.UUID(int=i * 0x9E3779B97F4A7C15F39CC0605CEDC835 % 2**128) for i in range(40)]

COLUMNS: dict[str, tuple[Any, list[Any]]] = {
    "int64": (np.array(NUMBERS, np.int64), NUMBERS),
    "uint64": (np.array([n % 2**64 for n in NUMBERS], np.uint64), [n % 2**64 for n in NUMBERS]),
    "int8": (np.array([-128, -1, 0, 127], np.int8), [-128, -1, 0, 127]),
    "uint16, strided": (np.arange(0, 60_000, 1_000, np.uint16)[::2], list(range(0, 60_000, 2_000))),
    "big-endian": (np.array(NUMBERS, ">i8"), NUMBERS),
    "list of str": (TEXTS, TEXTS),
    "list of bytes": ([text.encode() for text in TEXTS], TEXTS),
    "unicode": (np.array(TEXTS), TEXTS),
    "fixed": (np.array([text.encode() for text in TEXTS]), TEXTS),
    "StringDType": (np.array(TEXTS, np.dtypes.StringDType()), TEXTS),
}


@pytest.mark.parametrize("name", COLUMNS)
def test_hashes_are_those_published(name: str) -> None:
    keys, plain = COLUMNS[name]
    column = key_column(keys)
    for seed in (0, 1, 2**64 - 1):
        assert key_hashes(column, seed).tolist() == [key_hash(key, seed) for key in plain]
    assert key_hashes(column, kind="md5").tolist() == [ketama_hash(key) for key in plain]


def test_ids_of_128_bits_are_16_bytes_to_xxh64_and_the_text_of_a_uuid_to_md5() -> None:
    column = key_column(UUIDS)
    assert key_hashes(column, 5).tolist() == [key_hash(key.bytes, 5) for key in UUIDS]
    assert key_hashes(column, kind="md5").tolist() == [ketama_hash(str(key)) for key in UUIDS]


@pytest.mark.parametrize("kind", ["xxh64", "md5"])
@pytest.mark.parametrize("keys", [np.array(NUMBERS), TEXTS * 700, UUIDS * 210], ids=["int", "text", "b16"])
def test_rows_may_be_hashed_in_pieces(keys: Any, kind: Any) -> None:
    column = key_column(keys)
    whole = key_hashes(column, 3, kind=kind)
    out = np.zeros(column.n, np.uint64)
    cuts = [0, 0, 1, column.n // 3, column.n - 1, column.n]
    for start, stop in zip(cuts[:-1], cuts[1:], strict=True):
        part = out[start:stop]
        assert key_hashes(column, 3, start, stop, part, kind=kind) is part
    assert out.tolist() == whole.tolist()


@pytest.mark.parametrize("keys", [np.array(NUMBERS), TEXTS * 700, UUIDS], ids=["int", "text", "b16"])
def test_each_row_may_have_a_seed_of_its_own(keys: Any) -> None:
    column = key_column(keys)
    seeds = np.arange(column.n, dtype=np.uint64) % np.uint64(3)
    expected = np.choose(seeds.astype(np.intp), [key_hashes(column, seed) for seed in range(3)])
    assert key_hashes(column, seeds).tolist() == expected.tolist()
    assert key_hashes(column, seeds[2:9], 2, 9).tolist() == expected[2:9].tolist()


def test_dictionaries_are_hashed_by_what_they_stand_for() -> None:
    codes = [3, 0, None, 3, 12, 1] * 5
    column = key_column(pa.DictionaryArray.from_arrays(pa.array(codes, pa.int32()), pa.array(TEXTS)))
    assert column.codes is not None
    for kind, one in (("xxh64", key_hash), ("md5", ketama_hash)):
        got = key_hashes(column, start=1, stop=29, kind=kind).tolist()  # type: ignore[arg-type]
        assert [h for h, code in zip(got, codes[1:29], strict=True) if code is not None] == [
            one(TEXTS[code]) for code in codes[1:29] if code is not None
        ]
    seeds = np.arange(30, dtype=np.uint64) % np.uint64(2)
    got = key_hashes(column, seeds).tolist()
    assert all(got[i] == key_hash(TEXTS[code], i % 2) for i, code in enumerate(codes) if code is not None)


def test_nulls_do_not_disturb_their_neighbours() -> None:
    assert key_hashes(key_column(["a", None, "b"]))[[0, 2]].tolist() == [key_hash("a"), key_hash("b")]


@pytest.mark.parametrize("level", cpu_levels())
def test_levels_agree_on_every_length_of_batch(level: str) -> None:
    picking = kernel("picking", level)
    keys = np.random.default_rng(1).integers(0, 2**64, 70, np.uint64)
    seeds = keys[::-1].copy()
    texts = [bytes(range(n % 256)) * (1 + n // 256) for n in range(0, 330, 3)]
    for n in range(len(keys)):
        out = np.zeros(n, np.uint64)
        picking.hash_ids(keys[:n], np.array([9], np.uint64), out)
        assert out.tolist() == [key_hash(key, 9) for key in keys[:n].tolist()]
        picking.hash_ids(keys[:n], seeds[:n] if n else seeds[:1], out)
        assert out.tolist() == [key_hash(key, seed) for key, seed in zip(keys[:n].tolist(), seeds.tolist(), strict=False)]
        for is_signed in (False, True):
            picking.md5_ids(keys[:n], is_signed, out)
            assert out.tolist() == [ketama_hash(key) for key in keys[:n].view(np.int64 if is_signed else np.uint64).tolist()]
    data = np.frombuffer(b"".join(texts), np.uint8)
    length = np.array([len(text) for text in texts], np.uint64)
    address = np.cumsum(length, dtype=np.uint64) - length + np.uint64(data.ctypes.data)
    for n in (1, 15, 16, 31, 33, len(texts)):
        digests, out = np.zeros((n, 4), np.uint32), np.zeros(n, np.uint64)
        picking.md5_texts(address[:n], length[:n], digests)
        assert [digest.tobytes() for digest in digests] == [hashlib.md5(text).digest() for text in texts[:n]]
        picking.hash_texts(address[:n], length[:n], np.array([2], np.uint64), out)
        assert out.tolist() == [xxhash.xxh64_intdigest(text, 2) for text in texts[:n]]


def test_identities_are_hashed_as_texts() -> None:
    assert identity_hashes([b"10.0.0.1:80", b"", b"b"], 4).tolist() == [key_hash(name, 4) for name in (b"10.0.0.1:80", b"", b"b")]
    assert identity_hashes([], 4).tolist() == []


def test_what_is_no_text_or_no_hash_is_refused() -> None:
    with pytest.raises(KeyTypeError, match="position 1 .* lone surrogate"):
        key_hashes(key_column(["a", "\ud800"]))
    with pytest.raises(ArgumentError, match="kind: 'crc' is no hash of keys. Use 'xxh64' or 'md5'"):
        key_hashes(key_column([1]), kind="crc")  # type: ignore[arg-type]


@pytest.mark.parametrize("level", cpu_levels())
def test_kernels_refuse_arrays_that_do_not_agree(level: str) -> None:
    picking = kernel("picking", level)
    words, seeds, out = np.zeros(4, np.uint64), np.zeros(1, np.uint64), np.zeros(3, np.uint64)
    for call in (
        lambda: picking.hash_ids(words, seeds, out),
        lambda: picking.hash_ids(words, np.zeros(2, np.uint64), words.copy()),
        lambda: picking.hash_keys16(np.zeros(32, np.uint8), seeds, out),
        lambda: picking.hash_texts(words, words, seeds, out),
        lambda: picking.md5_ids(words, False, out),
        lambda: picking.md5_texts(words, words, np.zeros((3, 4), np.uint32)),
        lambda: picking.jump(words, 3, np.zeros(3, np.uint32)),
        lambda: picking.jump(words, 0, np.zeros(4, np.uint32)),
        lambda: picking.top_k(np.zeros(32, np.uint8), False, words, np.zeros((3, 1), np.int32)),
        lambda: picking.pick(np.zeros(64, np.uint8), np.zeros(4, np.int32), out, np.zeros(4, np.int32), np.zeros(4, np.uint8)),
        lambda: picking.pick_ids(
            np.zeros(64, np.uint8), np.zeros(4, np.int32), words, False, np.zeros(4, np.int32), np.zeros(3, np.uint8)
        ),
        lambda: picking.fill_maglev(words, words, None, np.zeros(3, np.uint16)),
        lambda: picking.fill_maglev(words, words, None, np.zeros(5, np.uint16)),
    ):
        with pytest.raises(ValueError, match="differ|agree|range"):
            call()
