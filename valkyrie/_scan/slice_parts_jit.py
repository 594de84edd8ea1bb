"""What the kernels over a tree of slices are made of: reading its arrays, slices of texts, and the search in one node.

Arrays are read by address, since numba counts a reference for every array that a function hands to another; the parts below
take the addresses of the arrays that they are named after. Positions are int64 and addresses uint64: the two must not meet,
numba would make floats of them. `valkyrie.records` has the layouts whose offsets stand here, and the essay of `slice_tree`
says what they mean.
"""
# mypy: ignore-errors

from __future__ import annotations

import numpy as np

from valkyrie._scan.vector import (
    byte_swap,
    compiled,
    count_le_at,
    differing64,
    field,
    inlined,
    item,
    leading_zeros,
    load8,
    load32,
    load64,
    prefetch_at,
    trailing_zeros,
)

__all__ = [
    "BLOCK",
    "GROUP",
    "LINE",
    "NODE",
    "ONES",
    "SLICE",
    "TEXT",
    "address_of",
    "comes_after",
    "common_from",
    "common_with_root",
    "equal_bytes",
    "folded",
    "group_first",
    "group_link",
    "leaf_of",
    "lines_in_root",
    "node_at",
    "node_count",
    "node_depth",
    "node_inner",
    "position_in_line",
    "positions_in_root",
    "slice_at",
    "text_length",
    "text_offset",
    "text_parent",
]

BLOCK = 64
ONE_LEVEL = 72  # slices below one inner line
ONES = np.uint64(2**64 - 1)
LOW32 = np.uint64(2**32 - 1)
SEVEN_BITS = np.uint64(0x7F7F7F7F7F7F7F7F)
TO_A = np.uint64(0x3F3F3F3F3F3F3F3F)  # what lifts "A" to 0x80
TO_BRACKET = np.uint64(0x2525252525252525)  # what lifts the byte after "Z" to 0x80
TOP_BITS = np.uint64(0x8080808080808080)


# SLICE_NODE, SLICE_GROUP and PREFIX_TEXT, field by field; a function of the address of the array and the number of the item.
LINE, SLICE, NODE, GROUP, TEXT = 64, 8, 16, 8, 16
node_depth, node_at, node_count, node_inner = (field(NODE, offset) for offset in (0, 4, 8, 12))
group_first, group_link = (field(GROUP, offset, signed=True) for offset in (0, 4))
text_length, text_parent = field(TEXT, 8), field(TEXT, 12, signed=True)


@inlined
def address_of(array):
    """Where the items of an array are."""
    return np.uint64(array.ctypes.data)


@inlined
def text_offset(texts, i):
    """Where the text of a rank begins in the arena."""
    return load64(item(texts, i, TEXT))


@inlined
def folded(word):
    """Eight bytes with A-Z as a-z."""
    low = word & SEVEN_BITS
    upper = ((low + TO_A) ^ (low + TO_BRACKET)) & ~word & TOP_BITS
    return word | (upper >> np.uint64(2))


@inlined
def equal_bytes(differ):
    """How many first bytes of two slices agree, from their exclusive or."""
    return np.int64(leading_zeros(differ)) >> 3


@inlined
def slice_at(address, n, depth, terminator, backwards, fold):
    """The slice of a text of n bytes, read as the table's kind reads it; never reads outside the text.

    From four bytes on, two loads that may overlap cover what is there: no branch on the length of short texts.
    """
    left = n - depth
    word = np.uint64(0)
    if left >= 4:
        missing = np.uint64(8 * max(8 - left, 0))
        if backwards:
            end = address + np.uint64(left)
            word = load32(end - np.uint64(4)) << np.uint64(32)
            word |= (load32(end - np.uint64(min(left, 8))) << missing) & LOW32
        else:
            start = address + np.uint64(depth)
            word = byte_swap(load32(start))
            word |= (byte_swap(load32(start + np.uint64(min(left - 4, 4)))) << missing) >> np.uint64(32)
    elif left > 0:
        # The first, the middle and the last byte: of one byte or two some are the same.
        middle, end = left >> 1, left - 1
        if backwards:
            word = load8(address + np.uint64(end)) << np.uint64(56)
            word |= load8(address + np.uint64(end - middle)) << np.uint64(56 - 8 * middle)
            word |= load8(address) << np.uint64(56 - 8 * end)
        else:
            start = address + np.uint64(depth)
            word = load8(start) << np.uint64(56)
            word |= load8(start + np.uint64(middle)) << np.uint64(56 - 8 * middle)
            word |= load8(start + np.uint64(end)) << np.uint64(56 - 8 * end)
    if fold:
        word = folded(word)
    if terminator >= 0 and 0 <= left < 8:
        word |= np.uint64(terminator) << np.uint64(56 - 8 * left)
    return word


@compiled
def common_from(address, n, size, depth, terminator, backwards, fold, text, most):
    """How many of the first `most` bytes a text shares with the stored one; the first `depth` are known to agree."""
    most = min(most, size)
    whole = min(most, n) - 8
    if n >= LINE and not (backwards or fold):
        while depth < min(most, n):
            at = min(depth, n - LINE)  # the last bytes come with some that are known: nothing is read behind them
            differ = differing64(address + np.uint64(at), text + np.uint64(at)) >> np.uint64(depth - at)
            if differ != 0:
                return min(depth + np.int64(trailing_zeros(differ)), most)
            depth = at + LINE
    differ = np.uint64(0)
    while depth <= whole:
        if backwards:
            word = load64(address + np.uint64(n - depth - 8))
        else:
            word = byte_swap(load64(address + np.uint64(depth)))
        if fold:
            word = folded(word)
        differ = word ^ byte_swap(load64(text + np.uint64(depth)))
        if differ != 0:
            return depth + equal_bytes(differ)
        depth += 8
    while depth < most:  # once, or twice where the terminator has a word of its own
        differ = slice_at(address, n, depth, terminator, backwards, fold) ^ byte_swap(load64(text + np.uint64(depth)))
        if differ != 0:
            return min(depth + equal_bytes(differ), most)
        depth += 8
    return most


@inlined
def common_with_root(address, n, size, terminator, backwards, fold, text, depth):
    """How many of the first `depth` bytes, which all stored texts share, a text has; `text` is one of them."""
    if n >= 8 and depth <= 8 and not (backwards or fold):
        return min(np.int64(trailing_zeros(load64(address) ^ load64(text))) >> 3, depth)
    return common_from(address, n, size, 0, terminator, backwards, fold, text, depth)


@inlined
def leaf_of(word, count, lines):
    """Which line of a node's slices a word belongs to. A node of one line has a line of ones for its inner line."""
    i = count_le_at(lines, word, 255)
    if count > ONE_LEVEL:
        leaves = (count + 7) >> 3
        reach, full = 1, 0
        while reach * 9 < leaves:
            full += reach
            reach *= 9
        last = full + (leaves + 8) // 9 - 1
        i += 1
        while i < full + reach:
            i = min(i, last)
            i = 9 * i + 1 + count_le_at(item(lines, i, LINE), word, 255)
        i -= full + reach
    return min(i, ((count + 7) >> 3) - 1)


@inlined
def position_in_line(word, at, count, leaf, slices):
    """Where a word stands among the slices of a node, from its line: the last that is not above it, or at - 1."""
    skipped = at & 7  # of other nodes; none if this one has lines of its own
    wanted = (255 >> max(8 - count, 0)) << skipped
    return at + min(8 * leaf + count_le_at(item(slices, at - skipped + 8 * leaf, SLICE), word, wanted), count) - 1


@inlined
def lines_in_root(words, m, line, nodes, inner):
    """The line of the root's slices that each of the first m words belongs to, one level after the other."""
    lines = item(inner, node_inner(nodes, 0), LINE)
    leaves = (node_count(nodes, 0) + 7) >> 3
    reach, full, height = 1, 0, 0
    while reach * 9 < leaves:
        full += reach
        reach *= 9
        height += 1
    last = full + (leaves + 8) // 9 - 1
    # Each is a byte offset, of the line before the one that comes next: so a level is few instructions. All levels but the
    # lowest are full. The numbers of words are unsigned, so that none is tested for being negative.
    for k in range(np.uint64(m)):
        line[k] = count_le_at(lines, words[k], 255) * LINE
    for _ in range(height - 1):
        for k in range(np.uint64(m)):
            at = item(lines, line[k] + LINE, 1)
            line[k] = 9 * line[k] + 9 * LINE + count_le_at(at, words[k], 255) * LINE
    if height > 0:
        for k in range(np.uint64(m)):
            at = min(line[k] + LINE, last * LINE)
            line[k] = 9 * at + count_le_at(item(lines, at, 1), words[k], 255) * LINE
    for k in range(np.uint64(m)):
        line[k] = min(max((line[k] >> 6) + 1 - full - reach, 0), leaves - 1)


@compiled
def positions_in_root(words, m, position, nodes, inner, slices, groups):
    """Where words stand in the root, the first m of them, as `position_in_line` says it."""
    begin, count = node_at(nodes, 0), node_count(nodes, 0)
    lines_in_root(words, m, position, nodes, inner)
    for k in range(np.uint64(m)):
        prefetch_at(item(slices, position[k], LINE))
        prefetch_at(item(groups, position[k], LINE))
    for k in range(np.uint64(m)):
        position[k] = position_in_line(words[k], begin, count, position[k], slices)


@inlined
def comes_after(address, n, same, terminator, backwards, fold, text, most):
    """1 if a text that shares `same` bytes with a stored one of `most`, and is not its prefix, sorts after it, else 0."""
    if same >= most:
        return 1
    ours = slice_at(address, n, same, terminator, backwards, fold) >> np.uint64(56)
    return 1 if ours > load8(text + np.uint64(same)) else 0
