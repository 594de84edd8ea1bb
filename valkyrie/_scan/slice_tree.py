"""The tree of slices: longest prefixes and ranges of prefixes among sorted texts. What it is, and its kernels in numpy.

A *slice* of a text is eight of its bytes as one big-endian number, zeros beyond its end: slices compare as the bytes do, so
eight bytes are one integer compare, and eight compares are one vector instruction. The tree is a trie of B+-trees over
slices, after Masstree (Mao, Kohler, Morris: Cache craftiness for fast multicore key-value storage, EuroSys 2012), and blind
like a Patricia trie (Morrison 1968). It compares and never hashes, so nobody can choose texts that collide.

::

    rank   0       1                2                   3
    text   /api/   /api/v1/users/   /api/v1/users/me/   /static/
    parent -1      0                1                   -1

    node 0, depth 1:  slices  api/   api/v1/u   static/      what follows the "/" that all texts share
                      first   0      1          3            the lowest rank of the group of texts with this slice
                      link    ~0     node 1     ~3           the node of those that go on if there are two, else ~(last rank)
    node 1, depth 14: slices  (zeros)   me/                  "/api/v1/users/" is what its texts share; one of them ends there
                      first   1         2
                      link    ~1        ~2

A node is a range of texts that share their first `depth` bytes; what they share beyond the node above is skipped, not stored,
so a long common prefix costs nothing. Its distinct slices at that depth lie in order: up to eight inside one 64-byte line
(the rest of the line belongs to other nodes and is masked), more of them in whole lines under inner lines of eight
separators, where line i has the lines 9i + 1 .. 9i + 9 below it. The root has most of the slices, so a batch goes down it in
step, one level of all queries after the other: its cache misses overlap.

**Longest prefix.** Follow the query's slices down to the greatest slice that is not above the query's, in the last node that
can be reached; take a text x of that group, or the first of the node if there is no such slice. Then every stored prefix of
the query is x or one of its parents, so the longest is the first of these that is not longer than L, the bytes that query
and x share. Why: a prefix k of the query sorts before it, and whatever sorts between the two begins with k. So does x, if k
reaches into the node and x is a text of its group that does not sort above the query; if k ends before, all texts of the node
begin with k. And where the query differs from skipped bytes, all texts of the node share the same L with it, and any of them
will do. So skipped bytes are verified by the one compare that finds L, and nothing is ever taken back. L is read off the
slices where nothing was skipped and x ends in the last one: then no text is touched.

NULs are bytes as any other: "a" and "a\\0" have the same slice, so of texts that end in one slice (`padded` says whether
there are such) the last is taken for x, and where order matters lengths decide.

**Range of a prefix.** A prefix that ends in a slice of a node covers the slices from its own, zeros at the end, to its own
with ones there: two searches in one node, mostly the root.

Cost: one line a level of the root (5 or 6 for a million texts), 2 a node below it, 2 to 3 for x. The parents that are climbed
are at most as many as texts nested in one another.

The functions here are the twins of those in ``slice_tree_jit.py`` and ``slice_ranges_jit.py``: same arguments, same answers.
A batch that waits for the compiler, and every batch where there is none, comes here.
"""

from __future__ import annotations

import numpy as np

from valkyrie._native import slice_tree
from valkyrie.typing import AnyArray, BoolArray, Int32Array, Int64Array, UInt8Array, UInt64Array

__all__ = ["FAR", "SHORT_RANKS", "longest_prefixes", "prefix_ranges", "short_ranks"]

SHORT_RANKS = np.dtype([("first", "<u4"), ("more", "u1", (9,)), ("unused", "u1", (3,))])
"""The lowest ranks of a line of slices: that of its first, and how much greater those of all eight and of the next line are."""
FAR = 255
"""In place of a difference that no byte holds: the group must be asked."""

_BYTES = np.arange(8)


class _Queries:
    """Texts anywhere in memory, read as the table reads them."""

    def __init__(self, address: UInt64Array, length: UInt64Array, terminator: int, backwards: bool, fold: bool) -> None:
        self.address = address
        self.length = length
        self.form = terminator, bool(backwards), bool(fold)
        self.sizes: Int64Array = length.astype(np.int64) + (terminator >= 0)

    def slices(self, rows: Int64Array, depth: Int64Array) -> UInt64Array:
        out = np.empty(len(rows), np.uint64)
        slice_tree.slices_at(self.address[rows], self.length[rows], depth, *self.form, out)
        return out


def longest_prefixes(
    address: UInt64Array,
    length: UInt64Array,
    terminator: int,
    backwards: bool,
    fold: bool,
    padded: bool,
    nodes: AnyArray,
    inner: UInt64Array,
    slices: UInt64Array,
    groups: AnyArray,
    texts: AnyArray,
    arena: UInt8Array,
    out: Int32Array,
) -> None:
    """Write the rank of the longest prefix of each text into `out`, -1 where there is none; the table has at least one.

    Parameters
    ----------
    address, length : ndarray of uint64, shape (m,)
    terminator : int
        A byte every text is read as ending with, -1 if none.
    backwards, fold : bool
        Read texts from their end; read A-Z as a-z.
    padded : bool
    nodes, inner, slices, groups, texts, arena
        The tree.
    out : ndarray of int32, shape (m,)
    """
    queries = _Queries(address, length, terminator, backwards, fold)
    at = np.zeros(len(out), np.int64)
    rows = np.arange(len(out))
    node = np.zeros(len(out), np.int64)
    while len(rows):
        depth = nodes["depth"][node].astype(np.int64)
        first = nodes["at"][node].astype(np.int64)
        word = queries.slices(rows, depth)
        j = _last_not_above(slices, first, nodes["count"][node].astype(np.int64), word)
        group = groups[np.maximum(j, first)]
        link = group["link"]
        ours = (j >= first) & (slices[np.maximum(j, first)] == word) & (queries.sizes[rows] > depth + 8) & (link >= 0)
        last = np.where(link < 0, ~link, group["first"])
        if padded:
            ends = link >= 0
            below = groups["first"][nodes["at"][link[ends]]] - 1
            last[ends] = np.maximum(group["first"][ends], below)
        at[rows] = np.where(j < first, group["first"], last)
        rows, node = rows[ours], link[ours].astype(np.int64)
    common = _common(queries, np.arange(len(out)), texts, arena, at)
    # Up the parents, all of them a step at a time.
    rows = np.flatnonzero(texts["length"][at] > common)
    while len(rows):
        at[rows] = texts["parent"][at[rows]]
        rows = rows[at[rows] >= 0]
        rows = rows[texts["length"][at[rows]] > common[rows]]
    out[:] = at


def prefix_ranges(
    address: UInt64Array,
    length: UInt64Array,
    terminator: int,
    backwards: bool,
    fold: bool,
    nodes: AnyArray,
    inner: UInt64Array,
    slices: UInt64Array,
    groups: AnyArray,
    texts: AnyArray,
    arena: UInt8Array,
    ranks: UInt8Array,
    low: Int32Array,
    high: Int32Array,
) -> None:
    """Write the ranks [low, high) of the stored texts that begin with each of the given; where none does, both are its place.

    Parameters as `longest_prefixes`; the given texts have no trailing terminator, and an empty one is the prefix of all. `ranks`
    are what `short_ranks` gives, as bytes, or none; only the compiled form reads them.
    """
    queries = _Queries(address, length, terminator, backwards, fold)
    queries.sizes[length == 0] = 0
    every = np.arange(len(low))
    begin = np.zeros(len(low), np.int64)
    end = np.full(len(low), len(texts), np.int64)
    # The root tells most of it: the groups below the text's slice, and above that slice with ones behind the text's end.
    root = nodes[0]
    depth, count = int(root["depth"]), int(root["count"])
    if depth == 0:
        word = np.where(queries.sizes > 0, queries.slices(every, begin), np.uint64(0))
        beyond = np.minimum(queries.sizes, 8).astype(np.uint64) * np.uint64(8)
        ones = np.where(beyond < 64, np.uint64(2**64 - 1) >> np.minimum(beyond, np.uint64(63)), np.uint64(0))
        begin = _lowest(groups, count, len(texts), np.searchsorted(slices[:count], word))
        end = _lowest(groups, count, len(texts), np.searchsorted(slices[:count], word | ones, side="right"))
    low[:] = _bisect(queries, texts, arena, begin, end, under=False)
    high[:] = _bisect(queries, texts, arena, low.astype(np.int64), end, under=True)


def short_ranks(nodes: AnyArray, groups: AnyArray, n: int) -> UInt8Array:
    """The lowest ranks of the root's groups in short, SHORT_RANKS for each line of its slices, as bytes; n texts in all."""
    count = int(nodes["count"][0])
    lines = (count + 7) >> 3
    first = np.full(8 * lines + 1, n, np.int32)
    first[:count] = groups["first"][:count]
    ranks = np.zeros(lines, SHORT_RANKS)
    ranks["first"] = first[:-1:8]
    for i in range(9):
        more = first[i : 8 * lines - 7 + i : 8] - first[:-1:8]
        ranks["more"][:, i] = np.where((more < 0) | (more > FAR), FAR, more)
    return ranks.view(np.uint8)


def _lowest(groups: AnyArray, count: int, n: int, at: Int64Array) -> Int64Array:
    """The lowest rank of each of those groups of the root; behind the last of its `count` groups, n."""
    first = groups["first"][np.minimum(at, count - 1)]
    return np.where(at < count, first, n).astype(np.int64)


def _last_not_above(slices: UInt64Array, first: Int64Array, count: Int64Array, word: UInt64Array) -> Int64Array:
    """Where each word stands among the slices first..first + count - 1 in order: the last that is not above it, or first - 1."""
    low, high = first.copy(), first + count
    rows = np.arange(len(word))
    while len(rows):
        middle = (low[rows] + high[rows]) >> 1
        up = slices[middle] <= word[rows]
        low[rows[up]] = middle[up] + 1
        high[rows[~up]] = middle[~up]
        rows = rows[low[rows] < high[rows]]
    return low - 1


def _common(queries: _Queries, rows: Int64Array, texts: AnyArray, arena: UInt8Array, ranks: Int64Array) -> Int64Array:
    """How many first bytes each of those queries shares with the text of its rank."""
    text = texts[ranks]
    most = np.minimum(queries.sizes[rows], text["length"].astype(np.int64))
    offset = text["offset"].astype(np.int64)
    common = np.zeros(len(rows), np.int64)
    still = np.flatnonzero(most > 0)
    while len(still):
        depth = common[still]
        ours = queries.slices(rows[still], depth)
        theirs = arena[(offset[still] + depth)[:, None] + _BYTES].view(">u8")[:, 0]
        differ = (ours ^ theirs).astype(">u8").view(np.uint8).reshape(-1, 8) != 0
        common[still] += np.where(differ.any(axis=1), differ.argmax(axis=1), 8)
        still = still[(common[still] == depth + 8) & (common[still] < most[still])]
    return np.minimum(common, most)


def _bisect(
    queries: _Queries, texts: AnyArray, arena: UInt8Array, low: Int64Array, high: Int64Array, *, under: bool
) -> Int64Array:
    """The first rank of low..high whose text is not below the query; with `under`, that does not begin with it either."""
    low, high = low.copy(), high.copy()
    rows = np.flatnonzero(low < high)
    while len(rows):
        middle = (low[rows] + high[rows]) >> 1
        up = _is_below(queries, rows, texts, arena, middle, under)
        low[rows[up]] = middle[up] + 1
        high[rows[~up]] = middle[~up]
        rows = rows[low[rows] < high[rows]]
    return low


def _is_below(
    queries: _Queries, rows: Int64Array, texts: AnyArray, arena: UInt8Array, ranks: Int64Array, under: bool
) -> BoolArray:
    """Whether the text of each rank sorts below the query; with `under`, or begins with it."""
    common = _common(queries, rows, texts, arena, ranks)
    ends = common == queries.sizes[rows]
    ours = queries.slices(rows, common) >> np.uint64(56)
    text = texts[ranks]
    theirs = arena[text["offset"].astype(np.int64) + common]
    text_ends = common == text["length"].astype(np.int64)
    below: BoolArray = np.where(ends, under, text_ends | (theirs < ours))
    return below
