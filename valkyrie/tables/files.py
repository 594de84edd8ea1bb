"""The table that a ``.vks`` file holds."""

from __future__ import annotations

from valkyrie import vks
from valkyrie.errors import SnapshotFormatError
from valkyrie.tables.any_table import TABLE_TYPES, Table, index_of
from valkyrie.typing import Verify

__all__ = ["check_table", "table_of"]

_SAMPLE = 4096
"""Lines or prefixes that are looked at when a file is loaded."""


def table_of(file: vks.File, verify: Verify) -> Table:
    """Take the table out of a file that was read; with ``verify="full"`` a sample of its keys is looked at.

    Raises
    ------
    SnapshotFormatError
    """
    columns = {name: file.get(name) for name in file.sections}
    try:
        if file.content in TABLE_TYPES:
            table = TABLE_TYPES[file.content].from_columns(columns)
            if verify == "full":
                check_table(table)
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


def check_table(table: Table) -> None:
    """Look at a sample of the keys of a table, which must lie where they belong.

    Raises
    ------
    SnapshotFormatError
    """
    index_of(table).check(sample=_SAMPLE)
