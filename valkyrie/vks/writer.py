"""Writing a ``.vks`` file, by way of a `replacement`: what its path holds is whole at any moment.

Sections and trailer come first and the header last: a file that was not finished has no magic. Once it is on disk, and
before it has its name, header and trailer are read back and compared.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Sequence

import numpy as np
import xxhash

from valkyrie.errors import ArgumentError
from valkyrie.vks.directory import Entry, layout, pack
from valkyrie.vks.disk import DISK, Disk, file_path
from valkyrie.vks.format import SLICE_BYTES, TRAILER, TRAILER_MAGIC, Section, aligned, first_impossible
from valkyrie.vks.replacement import replacement

__all__ = ["write"]


def write(path: str | os.PathLike[str], sections: Sequence[Section], *, content: str, disk: Disk = DISK) -> None:
    """Write a file, atomically and durably.

    Parameters
    ----------
    path : str or os.PathLike
        Where to; a file that is there is replaced and its permissions are kept, a symbolic link is followed. Readers
        that have the old file mapped keep it.
    sections : sequence of Section
        In this order. The arrays must not change meanwhile.
    content : str
        What the file as a whole is, 4 to 16 of ``a-z 0-9 _ . -``: ``"id_table"``.
    disk : Disk
        The system calls.

    Raises
    ------
    ArgumentError
        A section that the format does not hold; nothing has been touched.
    SourceError
        The file cannot be written. Nothing is left beside the target, which holds the old file, if there was one; only
        if the last step fails, making the rename durable, it holds the new one and the message says so.

    Notes
    -----
    Safe to call from any thread or process: of several writers to one path, the last to finish wins.
    """
    named = file_path(path)
    entries, header_bytes, total_bytes = layout(sections, content)
    with replacement(named, disk) as new:
        entries = [_write_section(new.fd, *pair, disk) for pair in zip(entries, sections, strict=True)]
        head, digest = pack(entries, content, header_bytes, total_bytes)
        trailer = TRAILER.pack(digest, TRAILER_MAGIC)
        _write_all(new.fd, trailer, total_bytes - TRAILER.size, disk)
        _write_all(new.fd, head, 0, disk)
        new.check = lambda: _compare(new.fd, head, trailer, total_bytes, disk)


def _write_section(fd: int, entry: Entry, section: Section, disk: Disk) -> Entry:
    checksum = xxhash.xxh3_64()
    at = entry.offset
    for part in _slices(section.values, entry):
        checksum.update(part)
        _write_all(fd, part, at, disk)
        at += len(part)
    _write_all(fd, bytes(aligned(at) - at), at, disk)
    return entry.with_checksum(checksum.intdigest())


def _slices(values: np.ndarray, entry: Entry) -> Iterator[memoryview]:
    """The section's bytes, little-endian and contiguous, a few MiB at a time."""
    if entry.nbytes == 0:
        return
    n_rows = max(1, SLICE_BYTES // entry.dtype.itemsize)
    for start in range(0, len(values), n_rows):
        part = np.ascontiguousarray(values[start : start + n_rows], dtype=entry.dtype)
        impossible = first_impossible(part)
        if impossible is not None:
            raise ArgumentError(
                f"section {entry.name!r}: the bytes of item {start + impossible} are no value of dtype {entry.dtype}",
                hint="The array was made by viewing other bytes: make it by conversion",
                section=entry.name,
            )
        yield part.view(np.uint8).data


def _write_all(fd: int, data: bytes | memoryview, offset: int, disk: Disk) -> None:
    rest = memoryview(data)
    while len(rest):
        n_written = disk.pwrite(fd, rest, offset)
        if n_written == 0:
            raise OSError(errno.EIO, "the file system takes no more bytes, without saying why")
        rest, offset = rest[n_written:], offset + n_written


def _compare(fd: int, head: bytes, trailer: bytes, total_bytes: int, disk: Disk) -> None:
    same = (
        disk.fstat(fd).st_size == total_bytes
        and disk.pread(fd, len(head), 0) == head
        and disk.pread(fd, len(trailer), total_bytes - len(trailer)) == trailer
    )
    if not same:
        raise OSError(errno.EIO, "the file reads back otherwise than it was written")
