"""Building prefixes of text: to the stored form, in order, without duplicates, as the arrays of a tree of slices."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from valkyrie import records
from valkyrie._native import Block, freeze, prefix_texts, slice_tree
from valkyrie.errors import CapacityError
from valkyrie.typing import AnyArray, Int64Array, UInt8Array, UInt64Array

__all__ = ["FORMS", "MOST_TEXTS", "PAD", "SortedTexts", "TextForm", "normalised", "sorted_texts", "tree_columns"]

MOST_TEXTS = 2**28
"""Prefixes a tree of slices can number."""

PAD = 64
"""Bytes behind the last text, so that it can be read in whole words."""


class TextForm(NamedTuple):
    """How a kind of text is read.

    Attributes
    ----------
    terminator : int
        The byte that ends every text, so that only whole segments match; -1 if none.
    backwards : bool
        Texts are read from their end.
    fold : bool
        A-Z count as a-z.
    """

    terminator: int
    backwards: bool
    fold: bool


FORMS = {
    "bytes": TextForm(-1, False, False),
    "path": TextForm(ord("/"), False, False),
    "suffix": TextForm(ord("."), True, True),
}
"""The form of each kind of text."""


class SortedTexts(NamedTuple):
    """The order of texts.

    Attributes
    ----------
    order : ndarray of int64, shape (n,)
        The positions of distinct texts, by rank.
    duplicates : ndarray of int64, shape (d, 2)
        Pairs of positions of equal texts, the earlier first; neighbours, if there are more than two of one text.
    """

    order: Int64Array
    duplicates: Int64Array


def normalised(address: UInt64Array, length: UInt64Array, form: TextForm) -> tuple[UInt8Array, Int64Array]:
    """The stored form of texts: data and offsets, as Arrow has them.

    Parameters
    ----------
    address, length : ndarray of uint64, shape (n,)
        Of texts that stay alive for the call.

    Raises
    ------
    CapacityError
        A text has 2**31 bytes or more.
    """
    offsets = np.empty(len(address) + 1, np.int64)
    if not prefix_texts.stored_lengths(address, length, form.terminator, offsets):
        raise CapacityError("prefixes: a text of 2**31 bytes or more cannot be a prefix")
    data = np.empty(int(offsets[-1]), np.uint8)
    prefix_texts.store(address, offsets, form.terminator, form.backwards, form.fold, data)
    return data, offsets


def sorted_texts(data: UInt8Array, offsets: Int64Array, *, keep_last: bool = False) -> SortedTexts:
    """Sort texts and find those that are equal; the first of them is kept, or the last.

    The first eight bytes in which the texts differ are sorted by numpy, what is equal there in a native pass.
    """
    depth = prefix_texts.common_length(data, offsets)
    slices = np.empty(len(offsets) - 1, np.uint64)
    prefix_texts.slices(data, offsets, depth, slices)
    order = np.argsort(slices).astype(np.int64, copy=False)
    prefix_texts.sort_runs(data, offsets, slices[order], depth, order)
    equal = np.empty(len(order), np.uint8)
    equal[:1] = 0
    if not prefix_texts.mark_equal(data, offsets, order, equal):
        return SortedTexts(order, np.empty((0, 2), np.int64))
    later = np.flatnonzero(equal)
    dropped = later - 1 if keep_last else later
    return SortedTexts(np.delete(order, dropped), np.stack([order[later - 1], order[later]], axis=1))


def tree_columns(data: UInt8Array, offsets: Int64Array, order: Int64Array, form: TextForm) -> dict[str, AnyArray]:
    """The arrays of the tree over distinct sorted texts, by name, read-only.

    Raises
    ------
    CapacityError
        There are more than `MOST_TEXTS`.
    """
    n = len(order)
    if n > MOST_TEXTS:
        raise CapacityError(f"prefixes: at most {MOST_TEXTS:,} texts; got {n:,}", hint="Split them into several tables")
    sizes = np.diff(offsets)[order] if n != len(offsets) - 1 else np.diff(offsets)
    arena = Block(int(sizes.sum()) + PAD)
    texts = Block(n * records.PREFIX_TEXT.itemsize)
    every = texts.writable.view(records.PREFIX_TEXT)
    slice_tree.gather(data, offsets, order, arena.writable, every)
    slice_tree.link(arena.writable, every)
    # More than any tree of n texts needs: what stays untouched is never real memory.
    nodes = np.empty(2 * n + 1, records.SLICE_NODE)
    slices = np.empty(12 * n + 32, np.uint64)
    groups = np.empty(12 * n + 32, records.SLICE_GROUP)
    inner = np.empty(8 * (n + 32), np.uint64)
    n_nodes = n_slices = n_lines = 0
    padded = False
    if n:
        n_nodes, n_slices, n_lines, padded = slice_tree.plant(arena.writable, every, nodes, slices, groups, inner)
    header = np.zeros(1, records.TEXT_PREFIXES_HEADER)
    header["entries"] = n
    header["padded"] = padded
    for name, value in form._asdict().items():
        header[name] = value
    return {
        "header": freeze(header),
        "texts": texts.freeze().view(records.PREFIX_TEXT),
        "arena": arena.freeze(),
        "nodes": freeze(nodes[:n_nodes]),
        "slices": freeze(slices[:n_slices]),
        "groups": freeze(groups[:n_slices]),
        "inner": freeze(inner[: 8 * n_lines]),
    }
