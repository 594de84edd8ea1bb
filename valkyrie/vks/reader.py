"""Reading a ``.vks`` file: mapped or copied, read-only in either case, and checked before anything is handed out."""

from __future__ import annotations

import mmap
import os
import stat
from collections.abc import Mapping
from contextlib import suppress
from types import MappingProxyType
from typing import Any, get_args

import numpy as np
import numpy.typing as npt
import xxhash

from valkyrie.errors import ArgumentError, SnapshotFormatError, SourceError
from valkyrie.typing import LoadMode, Verify
from valkyrie.vks.directory import AGAIN, Entry, parse, parse_preamble, refuse
from valkyrie.vks.disk import DISK, Disk, file_path, source_error
from valkyrie.vks.format import HEADER, SLICE_BYTES, TRAILER, Section, aligned, first_impossible

__all__ = ["File", "read"]

_ADVISE_FROM_BYTES = 4 * 2**20


class File:
    """A file that was read: its sections in their order, as read-only arrays.

    Immutable and safe to use from any thread. The arrays keep the memory (or the map) alive; nothing needs closing.

    Attributes
    ----------
    path : str
        As given to `read`.
    content : str
        What the file holds, as given to `write`.
    digest : str
        32 hexadecimal digits, XXH3-128 of header and directory with all checksums: equal digests, equal files.
    directory : tuple of Entry
        Kind, name, dtype, offset, count, checksum of each section.
    sections : mapping of str to Section
        By name, in the order of the file.
    nbytes : int
        Length of the file.
    """

    __slots__ = ("content", "digest", "directory", "nbytes", "path", "sections")

    def __init__(self, path: str, content: str, digest: str, entries: list[Entry], memory: memoryview) -> None:
        self.path = path
        self.content = content
        self.digest = digest
        self.nbytes = len(memory)
        self.directory = tuple(entries)
        self.sections: Mapping[str, Section] = MappingProxyType(
            {entry.name: Section(entry.kind, entry.name, _values(memory, entry)) for entry in entries}
        )

    def __repr__(self) -> str:
        return f"<valkyrie.vks.File {self.content} {self.path!r}: {len(self.directory)} sections, {self.nbytes} bytes>"

    def get(self, name: str) -> npt.NDArray[Any]:
        """The array of a section, read-only, shape (n,).

        Raises
        ------
        SnapshotFormatError
            The file has no such section.
        """
        section = self.sections.get(name)
        if section is None:
            raise SnapshotFormatError(
                f"{self.path!r}: there is no section {name!r} in this {self.content}",
                hint=AGAIN,
                offset=HEADER.size,
                path=self.path,
            )
        return section.values


def read(
    path: str | os.PathLike[str], *, mode: LoadMode = "mmap", verify: Verify = "header", disk: Disk = DISK
) -> File:
    """Open a file; its arrays are read-only and 64-byte aligned.

    Parameters
    ----------
    path : str or os.PathLike
        The file.
    mode : {"mmap", "copy"}
        ``"mmap"`` maps the file: opening costs nothing and processes share the memory. The file may be replaced by a
        rename meanwhile, as `write` does; it must not be changed or cut in place: that would end the process (SIGBUS).
        ``"copy"`` reads it into memory: for disks that others can write to, and network disks.
    verify : {"full", "header", "none"}
        Which checksums are compared: all, that of header and directory, none. The structure is checked in any case, so
        no array reaches outside the file. Only ``"full"`` reads the sections: damage in them shows with it alone.
    disk : Disk
        The system calls.

    Raises
    ------
    SnapshotFormatError
        The file is truncated, damaged, hostile, of a later version, or no ``.vks`` file; ``data["offset"]`` says where.
    SourceError
        It cannot be opened or read; a `FileNotFoundError` or `PermissionError` too where it is one.
    ArgumentError
        An unknown `mode` or `verify`.
    """
    for argument, value, known in (("mode", mode, get_args(LoadMode)), ("verify", verify, get_args(Verify))):
        if value not in known:
            raise ArgumentError(f"{argument}={value!r} is unknown", hint=f"Use one of {', '.join(map(repr, known))}")
    named = file_path(path)
    try:
        # Without O_NONBLOCK, opening a pipe would wait for its writer.
        fd = disk.open(named, os.O_RDONLY | os.O_NONBLOCK)
        try:
            return _read(fd, named, mode, verify, disk)
        finally:
            with suppress(OSError):
                disk.close(fd)
    except SourceError:
        raise
    except OSError as failure:
        raise source_error(failure, named, "read") from failure


def _read(fd: int, path: str, mode: LoadMode, verify: Verify, disk: Disk) -> File:
    status = disk.fstat(fd)
    if not stat.S_ISREG(status.st_mode):
        what = "a directory" if stat.S_ISDIR(status.st_mode) else "a device, pipe or socket"
        raise refuse(path, 0, f"it is {what}, not a file", "Give a file that a table's save() wrote")
    size = status.st_size
    preamble = parse_preamble(_pread(fd, HEADER.size, 0, disk), size, path)
    head = _pread(fd, preamble.header_bytes, 0, disk)
    trailer = _pread(fd, TRAILER.size, size - TRAILER.size, disk)
    # The header may have changed since the first look at it: one read decides.
    preamble = parse_preamble(head[: HEADER.size], size, path)
    entries = parse(preamble, head, trailer, path, checksum=verify != "none")
    memory = _mapped(fd, size, path, disk) if mode == "mmap" else _copied(fd, size, path, disk)
    if verify == "full":
        for entry in entries:
            _check_section(memory, entry, path)
    return File(path, preamble.content, preamble.digest.hex(), entries, memory)


def _pread(fd: int, n_bytes: int, offset: int, disk: Disk) -> bytes:
    parts = []
    while n_bytes and (part := disk.pread(fd, n_bytes, offset)):
        parts.append(part)
        n_bytes, offset = n_bytes - len(part), offset + len(part)
    return b"".join(parts)


def _mapped(fd: int, size: int, path: str, disk: Disk) -> memoryview:
    try:
        memory = disk.map(fd, size)
    except ValueError:
        raise refuse(path, 0, "the file became shorter while it was read") from None
    if size >= _ADVISE_FROM_BYTES:
        _advise(memory, "MADV_HUGEPAGE", "MADV_WILLNEED")
    return memoryview(memory)


def _copied(fd: int, size: int, path: str, disk: Disk) -> memoryview:
    # An anonymous map is aligned to a page, and goes back to the system at once when the last array is dropped.
    memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    if size >= _ADVISE_FROM_BYTES:
        _advise(memory, "MADV_HUGEPAGE")
    buffer, at = memoryview(memory), 0
    while at < size:
        n_read = disk.preadv(fd, buffer[at : at + SLICE_BYTES], at)
        if n_read == 0:
            raise refuse(path, at, "the file became shorter while it was read")
        at += n_read
    # numpy asks this view, not the map below it, before it makes an array writable.
    return buffer.toreadonly()


def _advise(memory: mmap.mmap, *names: str) -> None:
    for name in names:
        advice = getattr(mmap, name, None)
        if advice is not None:
            # A hint: a kernel without huge pages for files refuses it, and all works as well.
            with suppress(OSError):
                memory.madvise(advice)


def _check_section(memory: memoryview, entry: Entry, path: str) -> None:
    checksum = xxhash.xxh3_64()
    for start in range(entry.offset, entry.stop, SLICE_BYTES):
        checksum.update(memory[start : min(start + SLICE_BYTES, entry.stop)])
    if checksum.intdigest() != entry.checksum:
        raise refuse(path, entry.offset, f"section {entry.name!r} is damaged: its checksum does not match")
    if any(memory[entry.stop : aligned(entry.stop)]):
        raise refuse(path, entry.stop, f"padding after section {entry.name!r} is not zero")
    impossible = first_impossible(_values(memory, entry))
    if impossible is not None:
        at = entry.offset + impossible * entry.dtype.itemsize
        raise refuse(path, at, f"item {impossible} of section {entry.name!r} is no value of dtype {entry.dtype}")


def _values(memory: memoryview, entry: Entry) -> npt.NDArray[Any]:
    if entry.nbytes == 0:
        # frombuffer refuses items without bytes; there is nothing to share.
        return np.ndarray((entry.count,), entry.dtype, buffer=memoryview(b""))
    return np.frombuffer(memory, entry.dtype, entry.count, entry.offset)
