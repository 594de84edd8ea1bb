"""Header and directory of a ``.vks`` file, packed and parsed: every structural check of the format is here.

Nothing is believed before it is checked and all arithmetic is in Python integers, so no value wraps. The parser works
on bytes already read: a file that changes meanwhile cannot slip another directory under the checks.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import xxhash

from valkyrie.arrays.libraries import is_masked
from valkyrie.errors import ArgumentError, SnapshotFormatError
from valkyrie.records import MAX_ROWS
from valkyrie.vks.format import (
    BYTE_ORDER,
    DIGEST_OFFSET,
    ENTRY,
    HEADER,
    MAGIC,
    MAX_NAME_BYTES,
    MAX_SECTIONS,
    TRAILER,
    TRAILER_MAGIC,
    VERSION,
    Section,
    aligned,
    decode_dtype,
    encode_dtype,
)

__all__ = ["AGAIN", "Entry", "Preamble", "digest_of", "layout", "pack", "parse", "parse_preamble", "refuse"]

AGAIN = "Write the file again, or fetch it again from where it came"
"""The hint of every error that damage can cause."""

_WORD = re.compile(r"[a-z0-9_.\-]{4,16}")
_RESERVED = bytes(12)


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the directory. ``offset`` and ``nbytes`` count bytes of the file; ``checksum`` is XXH3-64."""

    kind: str
    name: str
    dtype: np.dtype[Any]
    offset: int
    count: int
    checksum: int

    @property
    def nbytes(self) -> int:
        """Bytes of the section, without padding."""
        return self.count * self.dtype.itemsize

    @property
    def stop(self) -> int:
        """Offset of the first byte after the section."""
        return self.offset + self.nbytes

    def with_checksum(self, checksum: int) -> Entry:
        """The same entry once its section is written."""
        return replace(self, checksum=checksum)


@dataclass(frozen=True, slots=True)
class Preamble:
    """The first 64 bytes, as far as they can be checked alone."""

    n_sections: int
    header_bytes: int
    total_bytes: int
    content: str
    digest: bytes


def refuse(path: str, offset: int, message: str, hint: str = AGAIN) -> SnapshotFormatError:
    """The error for a file that is not as the format says, at a byte offset."""
    return SnapshotFormatError(f"{path!r}: {message} (at byte {offset})", hint=hint, offset=offset, path=path)


def digest_of(head: bytes) -> bytes:
    """XXH3-128 of header and directory, with the digest itself as zeros."""
    rest = memoryview(head)[HEADER.size :]
    return xxhash.xxh3_128(head[:DIGEST_OFFSET] + bytes(HEADER.size - DIGEST_OFFSET) + rest).digest()


def layout(sections: Sequence[Section], content: str) -> tuple[list[Entry], int, int]:
    """Entries (checksums 0), header length and total length; `ArgumentError` for what a file cannot hold."""
    if not _WORD.fullmatch(content):
        raise ArgumentError(f"content={content!r} cannot be used", hint="Give 4 to 16 of a-z 0-9 _ . -")
    if len(sections) > MAX_SECTIONS:
        raise ArgumentError(f"{len(sections)} sections are too many", hint=f"A file holds at most {MAX_SECTIONS}")
    names_bytes = sum(_name_bytes(section) for section in sections)
    header_bytes = offset = aligned(HEADER.size + ENTRY.size * len(sections) + names_bytes)
    entries: list[Entry] = []
    seen: set[str] = set()
    for section in sections:
        if section.name in seen:
            raise _unfit(section, "its name occurs twice", "Names are unique in a file")
        seen.add(section.name)
        entry = Entry(section.kind, section.name, _checked_dtype(section), offset, len(section.values), 0)
        entries.append(entry)
        offset = aligned(entry.stop)
    return entries, header_bytes, offset + TRAILER.size


def _unfit(section: Section, message: str, hint: str) -> ArgumentError:
    return ArgumentError(f"section {section.name[:80]!r}: {message}", hint=hint, section=section.name)


def _name_bytes(section: Section) -> int:
    try:
        n_bytes = len(section.name.encode())
    except UnicodeEncodeError:
        raise _unfit(section, "its name is not Unicode text", "Names are UTF-8, without lone surrogates") from None
    if not 1 <= n_bytes <= MAX_NAME_BYTES:
        raise _unfit(section, f"its name has {n_bytes} bytes", f"Names have 1 to {MAX_NAME_BYTES} bytes of UTF-8")
    return n_bytes


def _checked_dtype(section: Section) -> np.dtype[Any]:
    values = section.values
    if not _WORD.fullmatch(section.kind):
        raise _unfit(section, f"kind {section.kind!r} cannot be used", "Kinds are 4 to 16 of a-z 0-9 _ . -")
    if not isinstance(values, np.ndarray):
        raise _unfit(section, f"values must be a numpy array, got a {type(values).__name__}", "Use numpy.asarray()")
    if is_masked(values):
        raise _unfit(section, "values must not be masked", "Give the data and the mask as two sections")
    if values.ndim != 1:
        raise _unfit(section, f"values must have one dimension, got shape {values.shape}", "Use ravel()")
    code = encode_dtype(values.dtype)
    dtype = None if code is None else decode_dtype(*code)
    if dtype is None:
        raise _unfit(
            section,
            f"dtype {values.dtype} has no code in the format",
            "Use bool, integers, floats up to 64 bits, complex, S, U, V, datetime64 or timedelta64; "
            "strings of any length as two sections, offsets and bytes",
        )
    if dtype.itemsize == 0 and len(values) > MAX_ROWS:
        raise _unfit(section, f"{len(values)} items without bytes", f"At most {MAX_ROWS} are allowed")
    return dtype


def pack(entries: Sequence[Entry], content: str, header_bytes: int, total_bytes: int) -> tuple[bytes, bytes]:
    """(header and directory, digest) as they stand in the file."""
    names = [entry.name.encode() for entry in entries]
    lines = []
    for entry, name in zip(entries, names, strict=True):
        code = encode_dtype(entry.dtype)
        assert code is not None
        lines.append(
            ENTRY.pack(entry.kind.encode(), entry.offset, entry.count, entry.checksum, *code, len(name), _RESERVED)
        )
    first = HEADER.pack(
        MAGIC, VERSION, BYTE_ORDER, len(entries), header_bytes, total_bytes, content.encode(), bytes(16)
    )
    head = b"".join([first, *lines, *names]).ljust(header_bytes, b"\0")
    digest = digest_of(head)
    return head[:DIGEST_OFFSET] + digest + head[HEADER.size :], digest


def parse_preamble(first: bytes, size: int, path: str) -> Preamble:
    """Check the first 64 bytes of a file of `size` bytes: everything that says how to read the rest."""
    if size == 0:
        raise refuse(path, 0, "the file is empty")
    _check_magic(first, path)
    if len(first) < HEADER.size:
        raise refuse(path, len(first), f"truncated: {size} bytes, the header alone has {HEADER.size}")
    _, version, order, n_sections, header_bytes, total_bytes, content, digest = HEADER.unpack(first)
    if order != BYTE_ORDER:
        swapped = order == int.from_bytes(BYTE_ORDER.to_bytes(2, "big"), "little")
        mark = "that of a big-endian file, .vks is always little-endian" if swapped else "neither that nor its reverse"
        raise refuse(path, 10, f"the byte order mark must be {BYTE_ORDER:#x}, it is {order:#x}: {mark}")
    if version > VERSION:
        message = f"format version {version}, this Valkyrie reads up to {VERSION}"
        raise refuse(path, 8, message, "Upgrade valkyrie-routing to read it")
    if version < 1:
        raise refuse(path, 8, f"format version {version} does not exist")
    if size < total_bytes:
        raise refuse(path, size, f"truncated: {size} of {total_bytes} bytes")
    if size > total_bytes:
        raise refuse(path, total_bytes, f"{size - total_bytes} bytes follow the end of the file")
    if n_sections > MAX_SECTIONS:
        raise refuse(path, 12, f"{n_sections} sections, at most {MAX_SECTIONS} are allowed")
    directory_bytes = HEADER.size + ENTRY.size * n_sections
    longest = aligned(directory_bytes + MAX_NAME_BYTES * n_sections)
    if not directory_bytes <= header_bytes <= min(longest, total_bytes - TRAILER.size) or header_bytes % 64:
        raise refuse(path, 16, f"header length {header_bytes} does not fit {n_sections} sections in {size} bytes")
    return Preamble(n_sections, header_bytes, total_bytes, _word(content, path, 32, "content"), digest)


def _check_magic(first: bytes, path: str) -> None:
    if first[: len(MAGIC)] == MAGIC or (len(first) < len(MAGIC) and MAGIC.startswith(first)):
        return
    if b"VKS" in first[:8]:
        raise refuse(
            path, 0, "the file was changed by a transfer in text mode", "Transfer it again in binary mode, unchanged"
        )
    raise refuse(path, 0, f"not a .vks file, it starts with {first[:8]!r}", "Give a file that a table's save() wrote")


def parse(preamble: Preamble, head: bytes, trailer: bytes, path: str, *, checksum: bool) -> list[Entry]:
    """Entries of the directory, each within the file; `head` is header and directory, `trailer` the last 24 bytes.

    Parameters
    ----------
    checksum : bool
        Whether the digest is compared; every other check is made in any case.
    """
    end = preamble.total_bytes - TRAILER.size
    if len(head) != preamble.header_bytes or len(trailer) != TRAILER.size:
        raise refuse(path, len(head), "the file became shorter while it was read")
    again, magic = TRAILER.unpack(trailer)
    if magic != TRAILER_MAGIC:
        raise refuse(path, end + 16, "the end mark is missing: the file is damaged, or was not written to its end")
    if again != preamble.digest:
        raise refuse(path, end, "start and end of the file do not belong together: their digests differ")
    if checksum and digest_of(head) != preamble.digest:
        raise refuse(path, DIGEST_OFFSET, "header or directory is damaged: its digest does not match")

    entries: list[Entry] = []
    seen: set[str] = set()
    name_at = directory_end = HEADER.size + ENTRY.size * preamble.n_sections
    expected = preamble.header_bytes
    for i, fields in enumerate(ENTRY.iter_unpack(head[HEADER.size : directory_end])):
        at = HEADER.size + ENTRY.size * i
        entry, name_bytes = _parse_entry(fields, head, name_at, at, path)
        if entry.name in seen:
            raise refuse(path, name_at, f"section name {entry.name[:40]!r} occurs twice")
        seen.add(entry.name)
        if entry.offset != expected:
            raise refuse(path, at + 16, f"section {i} is said to start at {entry.offset}, not at {expected}")
        if entry.stop > end:
            raise refuse(path, at + 24, f"section {i} is said to end at {entry.stop}, sections end at {end}")
        entries.append(entry)
        name_at += name_bytes
        expected = aligned(entry.stop)
    if aligned(name_at) != preamble.header_bytes or any(head[name_at:]):
        raise refuse(path, name_at, "bytes between the names and the first section are not all used or zero")
    if expected != end:
        raise refuse(path, expected, f"the sections end at byte {expected}, the trailer starts at {end}")
    return entries


def _parse_entry(fields: tuple[Any, ...], head: bytes, name_at: int, at: int, path: str) -> tuple[Entry, int]:
    kind, offset, count, checksum, code, unit, parameter, name_bytes, reserved = fields
    if reserved != _RESERVED:
        raise refuse(path, at + 52, "reserved bytes are not zero")
    dtype = decode_dtype(code, unit, parameter)
    if dtype is None:
        raise refuse(path, at + 40, f"no such dtype: code {code}, unit {unit}, parameter {parameter}")
    if dtype.itemsize == 0 and count > MAX_ROWS:
        raise refuse(path, at + 24, f"{count} items without bytes, at most {MAX_ROWS} are allowed")
    if not 1 <= name_bytes <= MAX_NAME_BYTES or name_at + name_bytes > len(head):
        raise refuse(path, at + 48, f"a name of {name_bytes} bytes does not fit")
    try:
        name = head[name_at : name_at + name_bytes].decode()
    except UnicodeDecodeError as failure:
        raise refuse(path, name_at + failure.start, "a section name is not UTF-8") from None
    return Entry(_word(kind, path, at, "kind"), name, dtype, offset, count, checksum), name_bytes


def _word(field: bytes, path: str, offset: int, what: str) -> str:
    text = field.rstrip(b"\0").decode("latin-1")
    if not _WORD.fullmatch(text):
        raise refuse(path, offset, f"{what} {text!r} is not 4 to 16 of a-z 0-9 _ . -")
    return text
