"""Loading whatever table a ``.vks`` file holds."""

from __future__ import annotations

import os

from valkyrie import vks
from valkyrie.errors import SnapshotFormatError
from valkyrie.tables.id_table import IdTable
from valkyrie.tables.prefix_table import PrefixTable
from valkyrie.tables.route_table import RouteTable
from valkyrie.typing import LoadMode, Verify

__all__ = ["load"]

_SAMPLE = 4096
"""Lines or prefixes that are looked at when a file is loaded."""


def load(path: str | os.PathLike[str], mode: LoadMode = "mmap", verify: Verify = "full") -> IdTable | PrefixTable | RouteTable:
    """Load a table from a ``.vks`` file.

    Parameters
    ----------
    path : path-like
    mode : {"mmap", "copy"}
        "mmap" maps the file read-only: processes share the memory, and with ``verify="header"`` nothing is read before it is
        needed. A mapped file must not be truncated in place (replacing it by renaming is safe); for network disks use "copy".
    verify : {"full", "header", "none"}
        Which checksums are compared; "full" also looks at a sample of the keys, which must lie where they belong (`IdTable.check`
        looks at all). In every mode, whatever lookups dereference is checked to lie inside the file.

    Returns
    -------
    IdTable, PrefixTable or RouteTable
        Whichever was saved.

    Raises
    ------
    SnapshotFormatError
        The file is truncated, corrupt, from a later version, or no ``.vks`` file at all.
    SourceError
        It cannot be read; also a FileNotFoundError or PermissionError where it is one.
    """
    file = vks.read(path, mode=mode, verify=verify)
    columns = {name: file.get(name) for name in file.sections}
    try:
        table: IdTable | PrefixTable | RouteTable | None = None
        if file.content == "id_table":
            table = IdTable.from_columns(columns)
        elif file.content == "prefix_table":
            table = PrefixTable.from_columns(columns)
        elif file.content == "route_table":
            table = RouteTable.from_columns(columns)
        if table is not None and verify == "full":
            index = table.index if isinstance(table, RouteTable) else table
            index.check(sample=_SAMPLE)
        if table is not None:
            return table
    except SnapshotFormatError as error:
        first = min((entry.offset for entry in file.directory), default=0)
        raise SnapshotFormatError(
            f"{file.path}: {error.message}", hint=error.hint or "Build and save the table again", path=file.path, offset=first
        ) from error
    raise SnapshotFormatError(
        f"{file.path}: the file holds {file.content!r}, which this version cannot load",
        hint="Upgrade Valkyrie",
        path=file.path,
        offset=0,
    )
