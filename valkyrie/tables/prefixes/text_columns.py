"""The arrays of a tree of slices as they come from elsewhere: everything a search follows is checked once, here."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from valkyrie import records
from valkyrie._native import freeze, read_only
from valkyrie.errors import SnapshotFormatError
from valkyrie.tables.prefixes.text_build import MOST_TEXTS, PAD
from valkyrie.typing import AnyArray, BoolArray, Int64Array

__all__ = ["checked_columns"]

_DTYPES = {
    "header": records.TEXT_PREFIXES_HEADER,
    "texts": records.PREFIX_TEXT,
    "arena": np.dtype(np.uint8),
    "nodes": records.SLICE_NODE,
    "slices": np.dtype(np.uint64),
    "groups": records.SLICE_GROUP,
    "inner": np.dtype(np.uint64),
}


def checked_columns(columns: Mapping[str, AnyArray]) -> dict[str, AnyArray]:
    """The arrays of prefixes of text, read-only and aligned, if no search over them can leave them or go on for ever.

    They are borrowed, and copied only where they are not aligned. That they make sense is not checked.

    Raises
    ------
    SnapshotFormatError
    """
    found = {name: _expected(columns, name) for name in _DTYPES}
    header, texts, arena, nodes = found["header"], found["texts"], found["arena"], found["nodes"]
    slices, groups, inner = found["slices"], found["groups"], found["inner"]
    _check(len(header) == 1, "the header must be one record")
    _check(header["entries"][0] == len(texts) <= MOST_TEXTS, "the number of entries is not that of the texts")
    _check(-1 <= header["terminator"][0] <= 255, "the terminator is no byte")
    _check((len(nodes) > 0) == (len(texts) > 0), "a tree has nodes if it has texts")
    _check(len(slices) == len(groups) and len(slices) % 8 == 0, "slices and groups must be whole lines, and as many")
    _check(len(slices) < 2**31 and len(nodes) < 2**31 and len(inner) % 8 == 0, "an array is too long or not of whole lines")
    _check(len(arena) >= PAD, "the arena must have its padding")
    if len(texts):
        room = np.uint64(len(arena) - PAD)
        offset, length = texts["offset"], texts["length"].astype(np.uint64)
        _check(((offset <= room) & (length <= room - np.minimum(offset, room))).all(), "a text lies outside the arena")
        _check((texts["length"] < 2**31).all(), "a text is too long")
        parent = texts["parent"]
        _check(((parent >= -1) & (parent < np.arange(len(texts)))).all(), "a parent is not before its text")
        _check_nodes(nodes, len(slices), len(inner) // 8)
        _check_groups(nodes, groups, texts)
    return found


def _check_nodes(nodes: AnyArray, n_slices: int, n_lines: int) -> None:
    at, count, first = (nodes[name].astype(np.int64) for name in ("at", "count", "inner"))
    big: BoolArray = count > 8
    _check((nodes["depth"] < 2**31).all(), "a node is too deep")
    _check(at[0] == 0, "the root must be first")
    _check(((count >= 1) & (at + count <= n_slices)).all(), "a node lies outside the slices")
    _check(((at & 7) + np.where(big, 0, count) <= np.where(big, 0, 8)).all(), "a node is not inside a line, or in whole lines")
    _check((first + _inner_lines(count) <= n_lines).all(), "a node lies outside the inner lines")


def _inner_lines(count: Int64Array) -> Int64Array:
    """Lines above so many slices in whole lines, as the builder lays them out."""
    leaves = (count + 7) >> 3
    full = np.zeros_like(count)
    reach = 1
    while (more := leaves > 9 * reach).any():
        full += np.where(more, reach, 0)
        reach *= 9
    return full + (leaves + 8) // 9


def _check_groups(nodes: AnyArray, groups: AnyArray, texts: AnyArray) -> None:
    """Ranks are ranks, and a child is behind its parent: so every descent ends."""
    first, link, n = groups["first"], groups["link"], len(texts)
    _check(((first >= 0) & (first < n) & (link < len(nodes)) & (link >= -n)).all(), "a group names no rank or no node")
    at, count = nodes["at"].astype(np.int64), nodes["count"].astype(np.int64)
    _check((at[1:] >= at[:-1] + count[:-1]).all(), "nodes must follow one another")
    owner = np.searchsorted(at, np.arange(len(groups)), side="right") - 1  # what lies between nodes is never followed
    below = link >= 0
    _check((link[below] > owner[below]).all(), "a node is not behind the node above it")
    _check((nodes["depth"] <= texts["length"][first[at]]).all(), "a node is deeper than its first text is long")
    _check(nodes["depth"][0] <= texts["length"][0], "the root is deeper than the first text is long")


def _expected(columns: Mapping[str, AnyArray], name: str) -> AnyArray:
    dtype = _DTYPES[name]
    array = columns.get(name, np.empty(0, dtype))
    if not isinstance(array, np.ndarray) or array.dtype != dtype or array.ndim != 1:
        raise SnapshotFormatError(f"prefixes of text: {name} must be an array of {dtype}, one-dimensional")
    if not (array.flags.c_contiguous and array.ctypes.data % 8 == 0):
        return freeze(array)
    return read_only(array)


def _check(good: object, what: str) -> None:
    if not good:
        raise SnapshotFormatError(f"prefixes of text: {what}", hint="Build or save the table again")
