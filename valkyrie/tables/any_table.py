"""What is asked of a table whichever of the three it is."""

from __future__ import annotations

from typing import TypeAlias

from valkyrie.tables.id_table import IdTable
from valkyrie.tables.prefix_table import PrefixTable
from valkyrie.tables.route_table import RouteTable

__all__ = ["TABLE_TYPES", "Table", "index_of"]

Table: TypeAlias = IdTable | PrefixTable | RouteTable

TABLE_TYPES: dict[str, type[IdTable] | type[PrefixTable] | type[RouteTable]] = {
    table.content: table for table in (IdTable, PrefixTable, RouteTable)
}
"""The types of tables by the name they have in files."""


def index_of(table: Table) -> IdTable | PrefixTable:
    """The table of keys: that of a RouteTable, any other itself."""
    return table.index if isinstance(table, RouteTable) else table
