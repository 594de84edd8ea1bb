"""Writing a ``.vks`` file: after any failure or crash the path holds the old file or the new one, whole.

::

    temporary file in the same directory, mode 0600, locked
      -> sections, trailer, and the header last: a file that was not finished has no magic
      -> final mode -> fsync -> header and trailer read back and compared
      -> rename over the target -> fsync of the directory

A failed fsync is a failed write and is not tried again: the kernel may have dropped the pages that it could not write,
and the second call would say that all is well.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import suppress

import numpy as np
import xxhash

from valkyrie.errors import ArgumentError, SourceError
from valkyrie.vks import temporary
from valkyrie.vks.directory import Entry, layout, pack
from valkyrie.vks.disk import DISK, Disk, file_path, source_error
from valkyrie.vks.format import SLICE_BYTES, TRAILER, TRAILER_MAGIC, Section, aligned, first_impossible

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
    state = "What was there before is unchanged"
    try:
        target = os.path.realpath(named)
        mode = _final_mode(target, named, disk)
        temporary.sweep(target, disk)
        fd, unfinished = temporary.create(target, disk)
        try:
            entries = [_write_section(fd, *pair, disk) for pair in zip(entries, sections, strict=True)]
            head, digest = pack(entries, content, header_bytes, total_bytes)
            trailer = TRAILER.pack(digest, TRAILER_MAGIC)
            _write_all(fd, trailer, total_bytes - TRAILER.size, disk)
            _write_all(fd, head, 0, disk)
            _set_mode(fd, mode, disk)
            disk.fsync(fd)
            _compare(fd, head, trailer, total_bytes, disk)
            disk.replace(unfinished, target)
            state = "The new file is in place, but a power failure now could bring back the old one: write it again"
            _sync_directory(os.path.dirname(target), disk)
        except BaseException:
            with suppress(OSError):
                disk.unlink(unfinished)
            raise
        finally:
            # Only now, with the lock: before the rename, another writer could take the file for stale.
            with suppress(OSError):
                disk.close(fd)
    except SourceError:
        raise
    except OSError as failure:
        raise source_error(failure, named, "write", state) from failure


def _final_mode(target: str, named: str, disk: Disk) -> int:
    try:
        present = disk.stat(target)
    except FileNotFoundError:
        return 0o666 & ~disk.umask()
    if stat.S_ISDIR(present.st_mode):
        raise IsADirectoryError(errno.EISDIR, "it is a directory", named)
    if not stat.S_ISREG(present.st_mode):
        raise OSError(errno.EINVAL, "it is a device, pipe or socket, which a file would replace", named)
    return stat.S_IMODE(present.st_mode) & 0o777


def _set_mode(fd: int, mode: int, disk: Disk) -> None:
    try:
        disk.fchmod(fd, mode)
    except OSError as failure:
        # File systems without permissions (FAT, some network shares) refuse; there is nothing to protect or to grant.
        if failure.errno not in (errno.EPERM, errno.EOPNOTSUPP):
            raise


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


def _sync_directory(directory: str, disk: Disk) -> None:
    fd = disk.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        disk.fsync(fd)
    except OSError as failure:
        # Some network and FUSE file systems have no fsync of directories, and say so in this way.
        if failure.errno not in (errno.EINVAL, errno.EOPNOTSUPP):
            raise
    finally:
        disk.close(fd)
