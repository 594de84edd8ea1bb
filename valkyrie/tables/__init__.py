"""Tables: compiled keys, and the payload behind them."""

from valkyrie.tables.files import load
from valkyrie.tables.id_stats import IdTableStats
from valkyrie.tables.id_table import IdTable
from valkyrie.tables.route_table import RouteTable

__all__ = ["IdTable", "IdTableStats", "RouteTable", "load"]
