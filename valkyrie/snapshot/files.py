"""Snapshots in ``.vks`` files, and loading whatever such a file holds."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from valkyrie import vks
from valkyrie.errors import DigestMismatchError, SnapshotFormatError
from valkyrie.snapshot.digest import content_digest
from valkyrie.snapshot.snapshot import Snapshot
from valkyrie.snapshot.version_files import MAX_NUMBER
from valkyrie.tables import TABLE_TYPES, Table, check_table, table_of
from valkyrie.typing import AnyArray, LoadMode, Verify

__all__ = ["from_columns", "load", "load_promised", "load_snapshot", "save", "to_columns"]

_AGAIN = "Save the snapshot again"


def to_columns(snapshot: Snapshot) -> dict[str, AnyArray]:
    """The arrays of a snapshot by name."""
    meta = {
        "tables": [{"name": name, "type": table.content} for name, table in snapshot.tables.items()],
        "digest": snapshot.digest,
        "parent": snapshot.parent,
        "version": snapshot.version,
        "created_at": snapshot.created_at,
    }
    columns: dict[str, AnyArray] = {"meta": np.frombuffer(json.dumps(meta).encode(), np.uint8)}
    for number, table in enumerate(snapshot.tables.values()):
        columns |= {f"{number}/{name}": values for name, values in table.to_columns().items()}
    return columns


def from_columns(columns: Mapping[str, AnyArray]) -> Snapshot:
    """Take the arrays of a snapshot; the digest is the one they came with.

    Raises
    ------
    SnapshotFormatError
    """
    meta = _meta(columns.get("meta"))
    tables: dict[str, Table] = {}
    for number, entry in enumerate(meta["tables"]):
        begin = f"{number}/"
        own = {name.removeprefix(begin): values for name, values in columns.items() if name.startswith(begin)}
        tables[entry["name"]] = TABLE_TYPES[entry["type"]].from_columns(own)
    return Snapshot(tables, **{name: meta[name] for name in ("digest", "parent", "version", "created_at")})


def _meta(raw: Any) -> dict[str, Any]:
    try:
        meta = json.loads(raw.tobytes())
        tables, version, created_at = meta["tables"], meta["version"], meta["created_at"]
        names = [entry["name"] for entry in tables]
        sound = (
            0 < len(names) == len(set(names))
            and all(isinstance(name, str) and name and name.isprintable() for name in names)
            and all(entry["type"] in TABLE_TYPES for entry in tables)
            and _is_digest(meta["digest"])
            and (meta["parent"] is None or _is_digest(meta["parent"]))
            and (version is None or (type(version) is int and 0 <= version <= MAX_NUMBER))
            and (created_at is None or (type(created_at) in (int, float) and math.isfinite(created_at)))
        )
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise SnapshotFormatError("the description of the snapshot cannot be read", hint=_AGAIN) from error
    if not sound:
        raise SnapshotFormatError("the description of the snapshot makes no sense", hint=_AGAIN)
    return dict(meta)


def _is_digest(text: Any) -> bool:
    return isinstance(text, str) and len(text) == 32 and set(text) <= set("0123456789abcdef")


def save(snapshot: Snapshot, path: Any) -> None:
    """Write a snapshot to a file, whole or not at all."""
    sections = [vks.Section("snapshot", name, values) for name, values in to_columns(snapshot).items()]
    vks.write(path, sections, content="snapshot")


def load(path: str | os.PathLike[str], mode: LoadMode = "mmap", verify: Verify = "full") -> Table | Snapshot:
    """Load a table or a snapshot from a ``.vks`` file.

    Parameters
    ----------
    path : path-like
    mode : {"mmap", "copy"}
        "mmap" maps the file read-only: processes share the memory, and with ``verify="header"`` nothing is read before it is
        needed. A mapped file must not be truncated in place (replacing it by renaming is safe); for network disks use "copy".
    verify : {"full", "header", "none"}
        Which checksums are compared; "full" also looks at a sample of the keys, which must lie where they belong (`IdTable.check`
        looks at all), and computes the digest of a snapshot. In every mode, whatever lookups dereference is checked to lie inside
        the file.

    Returns
    -------
    IdTable, PrefixTable, RouteTable or Snapshot
        Whichever was saved.

    Raises
    ------
    SnapshotFormatError
        The file is truncated, corrupt, from a later version, or no ``.vks`` file at all.
    SourceError
        It cannot be read; also a FileNotFoundError or PermissionError where it is one.
    """
    file = vks.read(path, mode=mode, verify=verify)
    return _snapshot_of(file, mode, verify) if file.content == "snapshot" else table_of(file, verify)


def load_snapshot(path: Any, *, mode: LoadMode, verify: Verify, digest: str | None) -> Snapshot:
    """Load a snapshot: see `Snapshot.load`."""
    file = vks.read(path, mode=mode, verify=verify)
    if file.content != "snapshot":
        raise SnapshotFormatError(
            f"{file.path}: the file holds {file.content!r}, no snapshot",
            hint="valkyrie.load reads tables; Snapshot.build makes a snapshot of them",
            path=file.path,
            offset=0,
        )
    snapshot = _snapshot_of(file, mode, verify)
    if digest is not None and snapshot.digest != digest:
        raise DigestMismatchError(
            f"{file.path}: the file holds the snapshot {snapshot.digest}, but {digest} was promised",
            hint="It was replaced since: ask for the promise again",
            expected=digest,
            got=snapshot.digest,
            path=file.path,
        )
    return snapshot


def load_promised(path: str, digest: str) -> Snapshot:
    """Map the snapshot that another process had mapped: what a pickle of one calls."""
    return load_snapshot(path, mode="mmap", verify="header", digest=digest)


def _snapshot_of(file: vks.File, mode: LoadMode, verify: Verify) -> Snapshot:
    try:
        snapshot = from_columns({name: file.get(name) for name in file.sections})
        if verify == "full":
            for table in snapshot.tables.values():
                check_table(table)
            found = content_digest(snapshot.tables)
            if found != snapshot.digest:
                raise SnapshotFormatError(f"it holds the snapshot {found} and says {snapshot.digest}", hint=_AGAIN)
    except SnapshotFormatError as error:
        first = min((entry.offset for entry in file.directory), default=0)
        raise SnapshotFormatError(
            f"{file.path}: {error.message}", hint=error.hint or _AGAIN, path=file.path, offset=first
        ) from error
    facts = snapshot._facts() | {"file": os.path.abspath(file.path) if mode == "mmap" else None}
    return Snapshot(snapshot.tables, **facts)
