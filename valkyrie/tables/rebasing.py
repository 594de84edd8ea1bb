"""Bringing what happened to a table meanwhile to its merged form, so that a merge can be done beside those who edit.

All tables that were edited from one another without a new build lie over the same big arrays, and the patches beside those hold
every key that changed. So where two of them differ is known from their patches alone: it costs what waits, not what is there.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np

from valkyrie.tables.id_table import IdTable
from valkyrie.tables.ids.patch import found_rows
from valkyrie.tables.prefix_table import PrefixTable
from valkyrie.tables.route_table import RouteTable

__all__ = ["rebased"]

Table: TypeAlias = IdTable | PrefixTable | RouteTable


def rebased(
    now: Table,
    before: Table | None,
    merged: Table | None,
) -> Table | None:
    """The content of one table over the arrays of another.

    Parameters
    ----------
    now : IdTable, PrefixTable or RouteTable
        Whose content it is to be.
    before, merged : IdTable, PrefixTable, RouteTable or None
        A table, and its merged form.

    Returns
    -------
    IdTable, PrefixTable, RouteTable or None
        None unless `now` and `before` lie over the same arrays.
    """
    if now is before:
        return merged
    if isinstance(now, RouteTable) and isinstance(before, RouteTable) and isinstance(merged, RouteTable):
        index = rebased(now.index, before.index, merged.index)
        return now._with_index(index) if isinstance(index, IdTable) else None
    if not (isinstance(now, IdTable) and isinstance(before, IdTable) and isinstance(merged, IdTable)):
        return None
    if now._parts is not before._parts:
        return None
    table: IdTable = merged
    for patch in (before._patch, now._patch):
        if patch is not None:
            rows = found_rows(now, patch.keys)
            differs = np.flatnonzero(rows != found_rows(table, patch.keys))
            table = table._edited(patch.keys.take(differs), rows[differs], "error", 1)
    return table
