"""Tables: compiled keys, and the payload behind them."""

from valkyrie.tables.any_table import TABLE_TYPES, Table, index_of
from valkyrie.tables.changes import ChangedKeys, KeyChanges
from valkyrie.tables.comparison import compared_tables, has_records, lead_elsewhere
from valkyrie.tables.files import check_table, table_of
from valkyrie.tables.id_table import IdTable
from valkyrie.tables.ids.stats import IdTableStats
from valkyrie.tables.prefix_table import PrefixTable
from valkyrie.tables.prefixes.stats import PrefixTableStats
from valkyrie.tables.route_table import PREFIX_KINDS, RouteTable, edit_lengths

__all__ = [
    "PREFIX_KINDS",
    "TABLE_TYPES",
    "ChangedKeys",
    "IdTable",
    "IdTableStats",
    "KeyChanges",
    "PrefixTable",
    "PrefixTableStats",
    "RouteTable",
    "Table",
    "check_table",
    "compared_tables",
    "edit_lengths",
    "has_records",
    "index_of",
    "lead_elsewhere",
    "table_of",
]
