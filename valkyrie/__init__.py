"""Valkyrie routes arrays: tables from keys to rows and payload, one call for a whole column of keys.

>>> import numpy as np
>>> import valkyrie as vk
>>> table = vk.IdTable.build(np.array([10, 20, 30]))
>>> table.get_many([30, 10, 99])
array([ 2,  0, -1], dtype=int32)
"""

from valkyrie import errors
from valkyrie.analysis import Diff, WhatIf, diff, what_if
from valkyrie.arrays import Columns
from valkyrie.records import ROUTE
from valkyrie.snapshot import Change, Insert, ManagerStats, Modify, Remove, Replace, Snapshot, SnapshotManager, load
from valkyrie.tables import IdTable, IdTableStats, PrefixTable, PrefixTableStats, RouteTable
from valkyrie.versions import show_versions

__version__ = "0.1.0"

__all__ = [
    "ROUTE",
    "Change",
    "Columns",
    "Diff",
    "IdTable",
    "IdTableStats",
    "Insert",
    "ManagerStats",
    "Modify",
    "PrefixTable",
    "PrefixTableStats",
    "Remove",
    "Replace",
    "RouteTable",
    "Snapshot",
    "SnapshotManager",
    "WhatIf",
    "__version__",
    "diff",
    "errors",
    "load",
    "show_versions",
    "what_if",
]
