"""The small files of a published directory: which version is current, and what each version is made of.

::

    DIR/CURRENT                          one line: name and checksum of a version file; replaced, never changed
    DIR/versions/42.json                 what version 42 is made of; immutable
    DIR/segments/42-patch-9f03...vks     arrays of a table, first needed by version 42; immutable
    DIR/LOCK                             held by the publisher, and says who that is

A version file has exactly one spelling, so that whatever is not one, is damaged, and holds a checksum of itself, which CURRENT
repeats: no older version can be taken for the current one. Nothing is believed before it is checked.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NoReturn

import xxhash

from valkyrie.errors import ArgumentError, SnapshotFormatError
from valkyrie.tables import TABLE_TYPES

__all__ = [
    "GROUPS",
    "MAX_NUMBER",
    "MAX_VERSION_BYTES",
    "CurrentLine",
    "SegmentEntry",
    "TableEntry",
    "VersionFile",
    "is_segment_name",
    "is_version_name",
]

GROUPS = ("index", "payload", "patch")
"""What the arrays of a table are divided into; each group is a segment."""

MAX_NUMBER = 2**62
"""Of versions and bytes in files: whoever goes on from one can count on for ever, in arrays of int64 too."""

MAX_VERSION_BYTES = 16 * 2**20
"""Of a version file: some 30,000 tables. Bounds what a hostile file can make a reader do."""

_FORMAT = 1
_MOST_TABLES = 32_767
_AGAIN = "Publish again, or restore the directory from a copy"
_CURRENT = re.compile(rb"([1-9][0-9]{0,18})\.json ([0-9a-f]{32})\n")
_DIGEST = re.compile(r"[0-9a-f]{32}")
_VERSION_NAME = re.compile(r"[1-9][0-9]{0,18}\.json")
_SEGMENT = re.compile(r"[1-9][0-9]{0,18}-(index|payload|patch)-[0-9a-f]{16}\.vks")


@dataclass(frozen=True, slots=True)
class CurrentLine:
    """What CURRENT says: a version, and the checksum of its file."""

    version: int
    checksum: str

    def pack(self) -> bytes:
        """As it stands in the file."""
        return f"{self.version}.json {self.checksum}\n".encode()

    @classmethod
    def parse(cls, data: bytes, path: str) -> CurrentLine:
        """Read what stands in the file.

        Raises
        ------
        SnapshotFormatError
        """
        found = _CURRENT.fullmatch(data)
        if found is None or int(found[1]) > MAX_NUMBER:
            raise SnapshotFormatError(
                f"{path!r}: it must hold the name of a version file and its checksum, it holds {data[:64]!r}",
                hint="Restore the directory from a copy; without CURRENT, a publisher begins anew",
                path=path,
            )
        return cls(int(found[1]), found[2].decode())


@dataclass(frozen=True, slots=True)
class SegmentEntry:
    """A file of arrays: its group, its name, its bytes, and the digest that a ``.vks`` file has, which stands for all in it."""

    group: str
    name: str
    nbytes: int
    digest: str


@dataclass(frozen=True, slots=True)
class TableEntry:
    """A table of a version: one segment of each group that it has."""

    name: str
    type: str
    segments: tuple[SegmentEntry, ...]


@dataclass(frozen=True, slots=True)
class VersionFile:
    """What a version is made of; `digest`, `parent` and `created_at` as those of its snapshot."""

    version: int
    digest: str
    parent: str | None
    created_at: float
    tables: tuple[TableEntry, ...]

    @property
    def segments(self) -> Iterator[SegmentEntry]:
        """Of all tables."""
        return (segment for table in self.tables for segment in table.segments)

    @property
    def line(self) -> CurrentLine:
        """What CURRENT says while this is the current version."""
        return CurrentLine(self.version, _checksum(self._fields()))

    def pack(self) -> bytes:
        """As it stands in the file.

        Raises
        ------
        ArgumentError
            There are too many tables for one file.
        """
        fields = self._fields()
        data = _written(fields | {"checksum": _checksum(fields)})
        if len(data) > MAX_VERSION_BYTES:
            raise ArgumentError(f"{len(self.tables)} tables are too many to publish", hint="Put them into fewer")
        return data

    def _fields(self) -> dict[str, Any]:
        return {
            "format": _FORMAT,
            "version": self.version,
            "digest": self.digest,
            "parent": self.parent,
            "created_at": self.created_at,
            "tables": [
                {
                    "name": table.name,
                    "type": table.type,
                    "segments": [
                        {"group": each.group, "name": each.name, "bytes": each.nbytes, "digest": each.digest}
                        for each in table.segments
                    ],
                }
                for table in self.tables
            ],
        }

    @classmethod
    def parse(cls, data: bytes, path: str) -> VersionFile:
        """Read what stands in a file.

        Raises
        ------
        SnapshotFormatError
            ``data["field"]`` says where.
        """
        try:
            fields = _Fields(json.loads(data), "", path)
            _checked_format(fields)
            written, own = fields.text("checksum", _DIGEST), _checksum(fields.without("checksum"))
        except (ValueError, RecursionError) as error:
            if isinstance(error, SnapshotFormatError):
                raise
            _refuse(path, "it", f"is not JSON: {error}")
        if written != own:
            _refuse(path, "checksum", "does not match: the file is damaged")
        tables = tuple(_table(each) for each in fields.objects("tables"))
        if not 0 < len({table.name for table in tables}) == len(tables) <= _MOST_TABLES:
            _refuse(path, "tables", f"must be 1 to {_MOST_TABLES}, each of another name")
        parent = fields.value("parent")
        result = cls(
            fields.whole("version", 1),
            fields.text("digest", _DIGEST),
            None if parent is None else fields.text("parent", _DIGEST),
            fields.number("created_at"),
            tables,
        )
        if result.pack() != data:
            _refuse(path, "it", "holds more, or is spelled otherwise, than a publisher writes")
        return result


def is_version_name(name: str) -> bool:
    """Whether a version file may be called so."""
    return _VERSION_NAME.fullmatch(name) is not None


def is_segment_name(name: str) -> bool:
    """Whether a segment may be called so: no name leads out of the directory of segments."""
    return _SEGMENT.fullmatch(name) is not None


class _Fields:
    """One object of the JSON, whose fields are checked as they are read."""

    __slots__ = ("_path", "_values", "_where")

    def __init__(self, values: Any, where: str, path: str) -> None:
        self._path = path
        self._where = where
        if type(values) is not dict:
            _refuse(path, where or "it", "must be an object")
        self._values = values

    def without(self, name: str) -> dict[str, Any]:
        return {key: value for key, value in self._values.items() if key != name}

    def value(self, name: str) -> Any:
        if name not in self._values:
            self.refuse(name, "is missing")
        return self._values[name]

    def refuse(self, name: str, message: str) -> NoReturn:
        _refuse(self._path, f"{self._where}{name}", message)

    def text(self, name: str, form: re.Pattern[str]) -> str:
        value = self.value(name)
        if type(value) is not str or not form.fullmatch(value):
            self.refuse(name, f"{_shown(value)} is not of the form {form.pattern}")
        return value

    def word(self, name: str, known: tuple[str, ...]) -> str:
        value = self.value(name)
        if type(value) is not str or value not in known:
            self.refuse(name, f"{_shown(value)} is none of {', '.join(known)}")
        return value

    def name(self, name: str) -> str:
        value = self.value(name)
        if type(value) is not str or not value or not value.isprintable():
            self.refuse(name, f"{_shown(value)} is no name of a table")
        return value

    def whole(self, name: str, least: int) -> int:
        value = self.value(name)
        if type(value) is not int or not least <= value <= MAX_NUMBER:
            self.refuse(name, f"{_shown(value)} is no whole number from {least} to {MAX_NUMBER}")
        return value

    def number(self, name: str) -> float:
        value = self.value(name)
        if type(value) is not float or not math.isfinite(value):
            self.refuse(name, f"{_shown(value)} is no number with a point")
        return value

    def objects(self, name: str) -> Iterator[_Fields]:
        values = self.value(name)
        if type(values) is not list:
            self.refuse(name, "must be a list")
        return (_Fields(each, f"{self._where}{name}[{i}].", self._path) for i, each in enumerate(values))


def _checked_format(fields: _Fields) -> None:
    version = fields.whole("format", 1)
    if version > _FORMAT:
        fields.refuse("format", f"is {version}, this Valkyrie reads up to {_FORMAT}: upgrade valkyrie-routing")


def _table(fields: _Fields) -> TableEntry:
    segments = tuple(_segment(each) for each in fields.objects("segments"))
    groups = [segment.group for segment in segments]
    if len(set(groups)) < len(groups) or "index" not in groups:
        fields.refuse("segments", f"must be one of each group, and one index; they are {', '.join(groups) or 'none'}")
    return TableEntry(fields.name("name"), fields.word("type", tuple(TABLE_TYPES)), segments)


def _segment(fields: _Fields) -> SegmentEntry:
    group = fields.word("group", GROUPS)
    name = fields.text("name", _SEGMENT)
    if name.split("-")[1] != group:
        fields.refuse("name", f"{name} is not the name of a segment of group {group}")
    return SegmentEntry(group, name, fields.whole("bytes", 1), fields.text("digest", _DIGEST))


def _written(fields: dict[str, Any]) -> bytes:
    return json.dumps(fields, indent=1).encode() + b"\n"


def _checksum(fields: dict[str, Any]) -> str:
    return xxhash.xxh3_128_hexdigest(_written(fields))


def _shown(value: Any) -> str:
    return ascii(value)[:80]


def _refuse(path: str, field: str, message: str) -> NoReturn:
    raise SnapshotFormatError(f"{path!r}: {field} {message}", hint=_AGAIN, path=path, field=field)
