"""Damaged and hostile ``.vks`` files made from a good one, and a judge of what the reader does with them."""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xxhash

from valkyrie import vks
from valkyrie.errors import SnapshotFormatError
from valkyrie.records import B16_LINE, ID_LINE
from valkyrie.typing import LoadMode, Verify
from valkyrie.vks.format import decode_dtype

HEADER, ENTRY, TRAILER = 64, 64, 24
EXTREMES = (
    0, 1, 2, 63, 64, 65, 255, 2**16, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**61, 2**63 - 1, 2**63, 2**64 - 64, 2**64 - 1,
)  # fmt: skip
READINGS: tuple[tuple[LoadMode, Verify], ...] = (
    ("mmap", "full"),
    ("copy", "full"),
    ("mmap", "header"),
    ("mmap", "none"),
    ("copy", "none"),
)
FIELDS = {"offset": (16, 8), "count": (24, 8), "code": (40, 2), "unit": (42, 2), "parameter": (44, 4), "name": (48, 4)}


@dataclass(frozen=True)
class Mutant:
    """A changed file; `resealed` if its checksums were made to fit the change."""

    kind: str
    region: str
    resealed: bool
    data: bytes


def sample_sections(rng: np.random.Generator) -> list[vks.Section]:
    """A small file with every family of dtype, empty sections, and a name that is not ASCII."""
    lines = np.zeros(3, ID_LINE)
    lines["fp"], lines["row"], lines["guard"] = rng.integers(1, 2**63, (3, 5)), rng.integers(0, 99, (3, 5)), -1
    wide = np.zeros(2, B16_LINE)
    wide["row"], wide["guard"] = 7, -1
    return [
        vks.Section("index", "index/lines", lines),
        vks.Section("index", "index/wide", wide),
        vks.Section("table", "table/seed", rng.integers(0, 2**64, 1, dtype="u8")),
        vks.Section("payload", "payload/fläche", rng.standard_normal(9).astype("f4")),
        vks.Section("payload", "payload/code", np.array([b"a", b"bcd", b""])),
        vks.Section("payload", "payload/name", np.array(["x", "žlu\U0001f600", ""])),
        vks.Section("payload", "payload/at", np.arange(5).astype("M8[25s]")),
        vks.Section("payload", "payload/up", rng.integers(0, 2, 7).astype(bool)),
        vks.Section("payload", "payload/none", np.zeros(0, "i8")),
        vks.Section("payload", "payload/flat", np.ndarray((4,), np.dtype("S0"), buffer=b"")),
    ]


def _entries(data: bytes) -> Iterator[tuple[int, tuple[int, ...]]]:
    (n,) = struct.unpack_from("<I", data, 12)
    for at in range(HEADER, min(HEADER + n * ENTRY, len(data) - ENTRY + 1), ENTRY):
        yield at, struct.unpack_from("<QQQHHI", data, at + 16)


def regions(data: bytes) -> dict[str, tuple[int, int]]:
    """Start and stop of every part of a good file, by name."""
    (n,), (header_bytes,) = struct.unpack_from("<I", data, 12), struct.unpack_from("<Q", data, 16)
    parts = {"header": (0, HEADER), "directory": (HEADER, HEADER + n * ENTRY)}
    names_stop = HEADER + n * ENTRY
    starts = []
    for i, (at, (offset, count, _, *code)) in enumerate(_entries(data)):
        dtype = decode_dtype(*code)
        assert dtype is not None
        parts[f"section {i}"] = (offset, offset + count * dtype.itemsize)
        names_stop += struct.unpack_from("<I", data, at + 48)[0]
        starts.append(offset)
    parts["names"] = (HEADER + n * ENTRY, names_stop)
    parts["header padding"] = (names_stop, header_bytes)
    for i, after in enumerate([*starts[1:], len(data) - TRAILER]):
        parts[f"padding {i}"] = (parts[f"section {i}"][1], after)
    parts["trailer"] = (len(data) - TRAILER, len(data))
    return {name: part for name, part in parts.items() if part[0] < part[1]}


def reseal(data: bytearray) -> None:
    """Make every checksum fit, as an attacker would, as far as the directory still makes sense."""
    if len(data) < HEADER + TRAILER:
        return
    for at, (offset, count, _, *code) in _entries(bytes(data)):
        dtype = decode_dtype(*code)
        if dtype is not None and offset + count * dtype.itemsize <= len(data):
            part = bytes(data[offset : offset + count * dtype.itemsize])
            struct.pack_into("<Q", data, at + 32, xxhash.xxh3_64_intdigest(part))
    (header_bytes,) = struct.unpack_from("<Q", data, 16)
    if HEADER <= header_bytes <= len(data):
        data[48:64] = bytes(16)
        data[48:64] = xxhash.xxh3_128_digest(bytes(data[:header_bytes]))
    data[-TRAILER:-8] = data[48:64]


def mutate(data: bytes, rng: np.random.Generator) -> Mutant:
    """A mutant that differs from the good file; half are resealed, half of those with length and end mark mended."""
    while (mutant := _changed(data, rng)).data == data:
        pass
    return mutant


def _changed(data: bytes, rng: np.random.Generator) -> Mutant:
    parts = regions(data)
    region = str(rng.choice(list(parts)))
    start, stop = parts[region]
    changed = bytearray(data)
    at = int(rng.integers(start, stop))
    kind = str(rng.choice(["flip", "byte", "word", "field", "truncate", "extend", "swap", "zero", "remove", "repeat"]))
    if kind == "flip":
        changed[at] ^= 1 << int(rng.integers(8))
    elif kind == "byte":
        changed[at] = int(rng.choice([0, 1, 0x0A, 0x0D, 0x7F, 0x80, 0xFF, int(rng.integers(256))]))
    elif kind == "word":
        width = int(rng.choice([2, 4, 8]))
        at = min(at // width * width, len(data) - width)
        changed[at : at + width] = (_number(data, rng) % 256**width).to_bytes(width, "little")
    elif kind == "field":
        region = "directory"
        field, width = FIELDS[str(rng.choice(list(FIELDS)))]
        line = int(rng.integers((parts["directory"][1] - HEADER) // ENTRY))
        at = HEADER + ENTRY * line + field
        changed[at : at + width] = (_number(data, rng) % 256**width).to_bytes(width, "little")
    elif kind == "truncate":
        del changed[at:]
    elif kind == "extend":
        changed += rng.bytes(int(rng.choice([1, 8, 24, 64, 4096])))
    else:
        size = int(rng.choice([1, 8, 16, 64]))
        at = min(at // size * size, len(data) - size)
        other = int(rng.integers(len(data) // size)) * size
        block = bytes(changed[at : at + size])
        if kind == "swap":
            changed[at : at + size], changed[other : other + size] = changed[other : other + size], block
        elif kind == "zero":
            changed[at : at + size] = bytes(size)
        elif kind == "remove":
            del changed[at : at + size]
        else:
            changed[at:at] = block
    resealed = bool(rng.integers(2))
    if resealed:
        if rng.integers(2) and len(changed) >= HEADER + TRAILER:
            struct.pack_into("<Q", changed, 24, len(changed))
            changed[-8:] = data[-8:]
        reseal(changed)
    return Mutant(kind, region, resealed, bytes(changed))


def _number(data: bytes, rng: np.random.Generator) -> int:
    near = (len(data), len(data) - TRAILER, len(data) // 64 * 64)
    return int(rng.choice(np.array([*EXTREMES, *near, int(rng.integers(300))], dtype="u8")))


def judge(mutant: Mutant, good: bytes, path: Path) -> Counter[str]:
    """Read a mutant in several ways; AssertionError for a wrong answer, any other exception is the reader's fault."""
    outcomes: Counter[str] = Counter()
    path.write_bytes(mutant.data)
    for mode, verify in READINGS:
        try:
            file = vks.read(path, mode=mode, verify=verify)
        except SnapshotFormatError as error:
            offset = error.data["offset"]
        else:
            offset = None
        if offset is not None:
            assert 0 <= offset <= len(mutant.data)
            outcomes["refused"] += 1
            continue
        n_read = sum(len(section.values.tobytes()) for section in file.sections.values())
        assert n_read <= len(mutant.data)
        if mutant.resealed:
            outcomes["resealed, read to the end"] += 1
        else:
            assert verify != "full", f"silent acceptance: {mutant.kind} in {mutant.region}"
            if verify == "header":
                head = int.from_bytes(good[16:24], "little")
                assert mutant.data[:head] == good[:head]
                assert mutant.data[-TRAILER:] == good[-TRAILER:]
            outcomes[f"accepted without section checksums, verify={verify}"] += 1
    return outcomes
