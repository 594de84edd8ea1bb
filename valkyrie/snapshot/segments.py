"""The arrays of published tables in immutable files: what did not change is not written again, and not read again.

The arrays of a table fall into three groups, each a segment::

    patch      what has a path component "patch": changes that wait beside the big arrays; small, new at each change
    payload    payload/...
    index      all others; the big arrays

A group is unchanged if its large arrays are the very same objects, which never change, and its small ones are equal. So a version
in which a hundred keys of ten million changed costs a segment of those hundred. A reader keeps the arrays of the segments it
has, so that whatever was found out about them, it knows already.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from typing import Any

import numpy as np
import xxhash

from valkyrie import vks
from valkyrie.errors import DigestMismatchError, SnapshotFormatError
from valkyrie.snapshot.published_directory import PublishedDirectory
from valkyrie.snapshot.snapshot import Snapshot
from valkyrie.snapshot.version_files import GROUPS, SegmentEntry, TableEntry, VersionFile
from valkyrie.tables import TABLE_TYPES, Table, check_table
from valkyrie.typing import AnyArray, LoadMode, Verify

__all__ = ["SegmentReader", "SegmentWriter", "grouped"]

_CONTENT = "segment"
_SMALL_BYTES = 4096
_MAP_FROM_BYTES = 1 << 20
_AGAIN = "Publish again, or restore the directory from a copy"

Columns = Mapping[str, AnyArray]


def grouped(columns: Columns) -> dict[str, dict[str, AnyArray]]:
    """Divide the arrays of a table; groups without any are left out."""
    groups: dict[str, dict[str, AnyArray]] = {}
    for name, values in columns.items():
        groups.setdefault(_group_of(name), {})[name] = values
    return {group: groups[group] for group in GROUPS if group in groups}


def _group_of(name: str) -> str:
    if name.startswith("payload/"):  # whatever the columns of a payload are called
        return "payload"
    return "patch" if "patch" in name.split("/") else "index"


class SegmentWriter:
    """Writes what a snapshot needs and the directory does not hold yet. For one thread at a time, but for `write_ahead`.

    Parameters
    ----------
    directory : PublishedDirectory

    Attributes
    ----------
    written : int
        Segments written so far.
    written_bytes : int
        Their length.
    """

    __slots__ = ("_ahead", "_directory", "_known", "_lock", "written", "written_bytes")

    def __init__(self, directory: PublishedDirectory) -> None:
        self._directory = directory
        self._known: dict[tuple[Any, ...], tuple[tuple[weakref.ref[AnyArray], ...], SegmentEntry]] = {}
        self._ahead: set[str] = set()
        self._lock = threading.Lock()
        self.written = self.written_bytes = 0

    @property
    def names(self) -> set[str]:
        """Of the segments it knows, but for those that were written ahead and are still to be named by a version."""
        with self._lock:
            return {entry.name for _, entry in self._known.values()} - self._ahead

    def write_ahead(self, snapshot: Snapshot, *, until: Callable[[], bool]) -> None:
        """Write what a snapshot that is about to become current needs, beside the thread that publishes, so that it need not.

        Before each segment, `until` is asked whether that is enough. What was written ahead before and never named by a version
        counts as written no longer.
        """
        with self._lock:
            self._ahead.clear()
        for table in snapshot.tables.values():
            for group, columns in grouped(table.to_columns()).items():
                if until():
                    return
                if _large(columns):
                    self._segment(group, columns, snapshot, ahead=True)

    def write(self, snapshot: Snapshot) -> tuple[TableEntry, ...]:
        """Write what is missing; durable when this returns, if the disk is.

        Raises
        ------
        SourceError
            What was written before stays, and is known.
        """
        entries = []
        for name, table in snapshot.tables.items():
            segments = [self._segment(group, columns, snapshot) for group, columns in grouped(table.to_columns()).items()]
            entries.append(TableEntry(name, table.content, tuple(segments)))
        return tuple(entries)

    def adopt(self, snapshot: Snapshot, segments: Collection[SegmentEntry]) -> None:
        """Learn which of the segments that are there hold arrays of a snapshot, by reading them; damaged ones do not."""
        by_shape: dict[tuple[Any, ...], list[SegmentEntry]] = {}
        for entry in segments:
            with suppress(SnapshotFormatError, vks.SourceNotFoundError):
                file = _read(self._directory, entry, "header")
                shape = {each.name: (each.dtype, each.count) for each in file.directory}
                by_shape.setdefault((entry.group, *sorted(shape.items())), []).append(entry)
        for table in snapshot.tables.values():
            for group, columns in grouped(table.to_columns()).items():
                shape = {name: (values.dtype, len(values)) for name, values in columns.items()}
                for entry in by_shape.get((group, *sorted(shape.items())), []):
                    with suppress(SnapshotFormatError, vks.SourceNotFoundError):
                        file = _read(self._directory, entry, "full")
                        if all(each.checksum == _checksum(columns[each.name]) for each in file.directory):
                            self._know(columns, entry)
                            break

    def forget(self, names: Collection[str]) -> None:
        """Segments are removed, or about to be."""
        with self._lock:
            self._known = {key: known for key, known in self._known.items() if known[1].name not in names}

    def _segment(self, group: str, columns: Columns, snapshot: Snapshot, *, ahead: bool = False) -> SegmentEntry:
        with self._lock:
            found = self._known.get(_key(columns))
            if found is not None and all(ref() is array for ref, array in zip(found[0], _large(columns), strict=True)):
                self._ahead.discard(found[1].name)
                return found[1]
        name = f"{snapshot.version}-{group}-{os.urandom(8).hex()}.vks"
        path, disk = self._directory.segment_path(name), self._directory.disk
        try:
            vks.write(path, [vks.Section(group, *each) for each in columns.items()], content=_CONTENT, disk=disk)
            file = vks.read(path, verify="header", disk=disk)
        except BaseException:
            with suppress(OSError):
                disk.unlink(path)
            raise
        entry = SegmentEntry(group, name, file.nbytes, file.digest)
        self._know(columns, entry, ahead=ahead)
        return entry

    def _know(self, columns: Columns, entry: SegmentEntry, *, ahead: bool | None = None) -> None:
        """Take note of a segment; `ahead` says of one that was just written for whom."""
        with self._lock:
            self._known[_key(columns)] = tuple(map(weakref.ref, _large(columns))), entry
            if ahead:
                self._ahead.add(entry.name)
            self.written += ahead is not None
            self.written_bytes += 0 if ahead is None else entry.nbytes


def _large(columns: Columns) -> list[AnyArray]:
    return [values for values in columns.values() if values.nbytes > _SMALL_BYTES]


def _key(columns: Columns) -> tuple[Any, ...]:
    """Equal for groups of equal content, if the large arrays of both are alive."""
    return tuple(
        (name, id(values)) if values.nbytes > _SMALL_BYTES else (name, values.dtype.str, values.dtype.names, values.tobytes())
        for name, values in columns.items()
    )


def _checksum(values: AnyArray) -> int:
    contiguous = np.ascontiguousarray(values)
    return xxhash.xxh3_64_intdigest(contiguous.view(np.uint8).data if contiguous.nbytes else b"")


class SegmentReader:
    """Makes snapshots of version files; keeps the arrays and tables of the one before. For one thread at a time.

    Parameters
    ----------
    directory : PublishedDirectory
    verify : {"full", "header", "none"}
        As for `valkyrie.load`; with "full" also the content must have the digest that the version file promises.
    """

    __slots__ = ("_directory", "_files", "_tables", "_verify")

    def __init__(self, directory: PublishedDirectory, verify: Verify) -> None:
        self._directory = directory
        self._verify: Verify = verify
        self._files: dict[SegmentEntry, vks.File] = {}
        self._tables: dict[tuple[str, tuple[SegmentEntry, ...]], Table] = {}

    def snapshot(self, file: VersionFile) -> Snapshot:
        """Read a version.

        Raises
        ------
        SourceNotFoundError
            A segment is not there: retention was faster, or somebody removed it.
        SnapshotFormatError
            A segment is damaged, or not the one that is meant.
        DigestMismatchError
            They hold other content than the version file says.
        SourceError
        """
        files: dict[SegmentEntry, vks.File] = {}
        for entry in file.segments:
            known = files.get(entry) or self._files.get(entry)
            files[entry] = _read(self._directory, entry, self._verify) if known is None else known
        tables: dict[tuple[str, tuple[SegmentEntry, ...]], Table] = {}
        for table in file.tables:
            key = table.type, table.segments
            found = tables.get(key) or self._tables.get(key)
            tables[key] = self._table(table, files) if found is None else found
        named = {table.name: tables[table.type, table.segments] for table in file.tables}
        if self._verify == "full":
            self._check_digest(Snapshot.build(named).digest, file)
        self._files, self._tables = files, tables
        return Snapshot(named, version=file.version, digest=file.digest, parent=file.parent, created_at=file.created_at)

    def _check_digest(self, digest: str, file: VersionFile) -> None:
        if digest != file.digest:
            raise DigestMismatchError(
                f"{self._directory.version_path(file.version)!r} promises digest {file.digest}, its segments have {digest}",
                hint=_AGAIN,
                expected=file.digest,
                got=digest,
            )

    def _table(self, entry: TableEntry, files: Mapping[SegmentEntry, vks.File]) -> Table:
        columns = {name: files[each].get(name) for each in entry.segments for name in files[each].sections}
        try:
            table = TABLE_TYPES[entry.type].from_columns(columns)
            if self._verify == "full" and any(each.group == "index" and each not in self._files for each in entry.segments):
                check_table(table)
        except SnapshotFormatError as error:
            raise SnapshotFormatError(
                f"{self._directory.path!r}: table {entry.name!r}: {error.message}", hint=_AGAIN, path=self._directory.path
            ) from error
        return table


def _read(directory: PublishedDirectory, entry: SegmentEntry, verify: Verify) -> vks.File:
    path = directory.segment_path(entry.name)
    # A map keeps a descriptor open, and there is a small segment in every version that is kept.
    mode: LoadMode = "mmap" if entry.nbytes >= _MAP_FROM_BYTES else "copy"
    file = vks.read(path, mode=mode, verify=verify, disk=directory.disk)
    if (file.content, file.digest, file.nbytes) != (_CONTENT, entry.digest, entry.nbytes):
        raise SnapshotFormatError(f"{path!r}: it is another segment than the one that was published", hint=_AGAIN, path=path)
    foreign = [name for name in file.sections if _group_of(name) != entry.group]
    if foreign:
        raise SnapshotFormatError(
            f"{path!r}: array {foreign[0]!r} does not belong to group {entry.group}", hint=_AGAIN, path=path
        )
    return file
