"""The one door to compiled code: nothing else in Valkyrie imports an extension module.

Behind it kernels take arrays and give arrays; they check that lengths agree, and trust addresses. So whoever calls through
this door owes them: arrays that stay alive and unchanged during the call, outputs of their own, and text addresses that come
from `strings`. `Block` and `freeze` own the memory of tables.
"""

from typing import TYPE_CHECKING

from valkyrie._native import gather, hashing, id_build, id_patch, prefix_build, prefix_texts, slice_tree
from valkyrie._native.cpu import check_cpu_level, cpu_level, cpu_levels, kernel
from valkyrie._native.memory import Block, freeze, frozen, read_only
from valkyrie._native.plan_reader import PlanReader
from valkyrie._native.results import large_result

if TYPE_CHECKING:
    from valkyrie._native import addresses, picking, strings
    from valkyrie._native.id_table import IdTableReader
    from valkyrie._native.prefix_table import IpReader, PrefixChains, PrefixReader, PrefixTableReader, TextReader, WordReader
else:
    addresses = kernel("addresses")
    picking = kernel("picking")
    strings = kernel("strings")
    IdTableReader = kernel("id_table").IdTableReader
    prefix_table = kernel("prefix_table")
    PrefixReader, IpReader = prefix_table.PrefixReader, prefix_table.IpReader
    WordReader, TextReader = prefix_table.WordReader, prefix_table.TextReader
    PrefixTableReader, PrefixChains = prefix_table.PrefixTableReader, prefix_table.PrefixChains

__all__ = [
    "Block",
    "IdTableReader",
    "IpReader",
    "PlanReader",
    "PrefixChains",
    "PrefixReader",
    "PrefixTableReader",
    "TextReader",
    "WordReader",
    "addresses",
    "check_cpu_level",
    "cpu_level",
    "cpu_levels",
    "freeze",
    "frozen",
    "gather",
    "hashing",
    "id_build",
    "id_patch",
    "kernel",
    "large_result",
    "picking",
    "prefix_build",
    "prefix_texts",
    "read_only",
    "slice_tree",
    "strings",
]
