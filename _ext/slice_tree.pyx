"""Building a tree of slices over sorted texts, and reading slices of texts anywhere in memory for the numpy twin.

What the tree is and how it lies in memory is said at the head of ``valkyrie/_scan/slice_tree.py``. It is built breadth first:
the nodes are their own queue, a node that waits holds its range of texts where its slices will be, and a child always has a
higher number than its parent, which is how a reader of a foreign tree knows that a descent ends.
"""
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memmove

from text_words cimport common_bytes, slice_of

cdef enum:
    LINE = 8            # slices of a line
    WAYS = 9            # children of an inner line

cdef uint64_t ALL_ONES = ~<uint64_t>0

# As PREFIX_TEXT, SLICE_NODE and SLICE_GROUP of valkyrie.records.
cdef packed struct Text:
    uint64_t offset
    uint32_t length
    int32_t parent

cdef packed struct Node:
    uint32_t depth
    uint32_t at
    uint32_t count
    uint32_t inner

cdef packed struct Group:
    int32_t first
    int32_t link

# What is being built: borrowed pointers, and how much of each is in use.
cdef struct Tree:
    const uint8_t *bytes
    const Text *texts
    Node *nodes
    Group *groups
    uint64_t *slices
    uint64_t *inner
    int64_t n_nodes
    int64_t n_slices
    int64_t n_lines
    bint padded


def gather(const uint8_t[::1] data not None, const int64_t[::1] offsets not None, const int64_t[::1] order not None,
           uint8_t[::1] arena not None, Text[::1] texts not None):
    """Copy texts in sorted order into the arena, which has 8 bytes more than they need, and note where they are."""
    cdef Py_ssize_t n = order.shape[0], i
    cdef int64_t at = 0, begin, end
    if texts.shape[0] != n:
        raise ValueError("texts must be as long as order")
    for i in range(n):
        if not 0 <= order[i] < offsets.shape[0] - 1:
            raise ValueError("order must hold positions of texts")
        begin = offsets[order[i]]
        end = offsets[order[i] + 1]
        if not 0 <= begin <= end <= data.shape[0] or end - begin > 0x7FFFFFFF or at + end - begin + 8 > arena.shape[0]:
            raise ValueError("a text does not fit the arena")
        if end > begin:
            memcpy(&arena[at], &data[begin], end - begin)
        texts[i].offset = <uint64_t>at
        texts[i].length = <uint32_t>(end - begin)
        texts[i].parent = -1
        at += end - begin


cdef int check_texts(const uint8_t[::1] arena, const Text[::1] texts) except -1:
    cdef Py_ssize_t i
    if texts.shape[0] > 0x7FFFFFFF:
        raise ValueError("there must be fewer than 2**31 texts")
    for i in range(texts.shape[0]):
        if texts[i].length > 0x7FFFFFFF or texts[i].offset + texts[i].length + 8 > <uint64_t>arena.shape[0]:
            raise ValueError("a text lies outside the arena")
    return 0


def link(const uint8_t[::1] arena not None, Text[::1] texts not None):
    """Set the parent of each text: the longest other text it begins with.

    In sorted order those that begin with a text follow it at once, so the texts a text begins with are a stack: from one text to
    the next, what is longer than the bytes they share is done with.
    """
    cdef Py_ssize_t n = texts.shape[0], i
    cdef int64_t top = 0, common
    cdef int32_t *open_texts
    check_texts(arena, texts)
    if n == 0:
        return
    open_texts = <int32_t *>malloc(n * sizeof(int32_t))
    if not open_texts:
        raise MemoryError("scratch space of parents")
    with nogil:
        for i in range(n):
            if i:
                common = common_bytes(&arena[<Py_ssize_t>texts[i - 1].offset], &arena[<Py_ssize_t>texts[i].offset],
                                      min(texts[i - 1].length, texts[i].length))
                while top and texts[open_texts[top - 1]].length > common:
                    top -= 1
            texts[i].parent = open_texts[top - 1] if top else -1
            open_texts[top] = <int32_t>i
            top += 1
        free(open_texts)


cdef void close_group(Tree *t, int64_t first, int64_t first_tail, int64_t last, int64_t depth) noexcept nogil:
    """Give the newest group its texts: those that end in its slice, then from first_tail those that go on."""
    cdef Group *group = &t.groups[t.n_slices - 1]
    cdef Node *child
    group.first = <int32_t>first
    t.padded |= first_tail - first > 1
    if last - first_tail < 1:
        group.link = <int32_t>~last
        return
    group.link = <int32_t>t.n_nodes
    child = &t.nodes[t.n_nodes]
    child.at = <uint32_t>first_tail
    child.count = <uint32_t>(last + 1)
    child.depth = <uint32_t>depth + 8
    child.inner = 0
    t.n_nodes += 1


cdef void fill_gap(Tree *t, int64_t at, int64_t n) noexcept nogil:
    cdef int64_t i
    for i in range(at, at + n):
        t.slices[i] = ALL_ONES
        t.groups[i].first = 0
        t.groups[i].link = ~0


cdef void plant_inner(Tree *t, Node *node) noexcept nogil:
    """Write the inner lines of a node: below line i are the lines 9i + 1 .. 9i + 9, and behind all of them come the leaves."""
    cdef int64_t leaves = (node.count + LINE - 1) // LINE, reach = 1, full = 0, begin = 0, width = 1, used, leaf, line, i
    while reach * WAYS < leaves:
        full += reach
        reach *= WAYS
    used = full + (leaves + WAYS - 1) // WAYS       # of the last level, only lines with leaves below them
    node.inner = <uint32_t>t.n_lines
    for line in range(used):
        if line == begin + width:
            begin += width
            width *= WAYS
            reach //= WAYS
        for i in range(LINE):
            leaf = ((line - begin) * WAYS + i + 1) * reach
            t.inner[LINE * (t.n_lines + line) + i] = t.slices[node.at + LINE * leaf] if leaf < leaves else ALL_ONES
    t.n_lines += used


cdef void plant_node(Tree *t, int64_t number) noexcept nogil:
    cdef Node *node = &t.nodes[number]
    cdef const Text *a = &t.texts[node.at]
    cdef const Text *b = &t.texts[node.count - 1]
    cdef int64_t begin = node.at, end = node.count, depth = node.depth, at = t.n_slices, first = begin, first_tail = begin, gap, i
    cdef uint64_t word, current = 0
    depth += common_bytes(t.bytes + a.offset + depth, t.bytes + b.offset + depth, min(a.length, b.length) - depth)
    node.depth = <uint32_t>depth
    for i in range(begin, end):
        word = slice_of(t.bytes + t.texts[i].offset + depth, t.texts[i].length - depth)
        if i == begin or word != current:
            if i > begin:
                close_group(t, first, first_tail, i - 1, depth)
            current = word
            t.slices[t.n_slices] = word
            t.n_slices += 1
            first = first_tail = i
        if t.texts[i].length <= depth + 8:
            first_tail = i + 1
    close_group(t, first, first_tail, end - 1, depth)
    node.at = <uint32_t>at
    node.count = <uint32_t>(t.n_slices - at)
    # Up to eight slices stay in one line; more begin at one.
    if (at % LINE) + node.count > LINE and at % LINE:
        gap = LINE - at % LINE
        memmove(&t.slices[at + gap], &t.slices[at], node.count * sizeof(uint64_t))
        memmove(&t.groups[at + gap], &t.groups[at], node.count * sizeof(Group))
        fill_gap(t, at, gap)
        node.at += <uint32_t>gap
        t.n_slices += gap
    if node.count > LINE:
        fill_gap(t, t.n_slices, -t.n_slices & (LINE - 1))
        t.n_slices = (t.n_slices + LINE - 1) // LINE * LINE
        plant_inner(t, node)


def plant(const uint8_t[::1] arena not None, const Text[::1] texts not None, Node[::1] nodes not None,
          uint64_t[::1] slices not None, Group[::1] groups not None, uint64_t[::1] inner not None):
    """Build the tree over distinct sorted texts: how many nodes, slices and inner lines it has, and whether it is `padded`.

    The arrays are larger than any tree of n texts: 2n + 1 nodes, 12n + 32 slices and groups, n + 32 inner lines of 8. What is not
    used is not touched.
    """
    cdef Py_ssize_t n = texts.shape[0], i
    cdef int64_t number = 0
    cdef Tree t
    check_texts(arena, texts)
    if n < 1 or n > 0x10000000:
        raise ValueError("there must be between 1 and 2**28 texts")
    if (nodes.shape[0] < 2 * n + 1 or slices.shape[0] < 12 * n + 32 or groups.shape[0] < 12 * n + 32
            or inner.shape[0] < 8 * (n + 32)):
        raise ValueError("an array is too short for this many texts")
    t.bytes = &arena[0]
    t.texts = &texts[0]
    t.nodes = &nodes[0]
    t.slices = &slices[0]
    t.groups = &groups[0]
    t.inner = &inner[0]
    t.n_nodes = 1
    t.n_slices = 0
    t.n_lines = 1       # of ones: the inner line of every node that has only one line of slices
    for i in range(LINE):
        t.inner[i] = ALL_ONES
    t.padded = False
    t.nodes[0].at = t.nodes[0].depth = t.nodes[0].inner = 0
    t.nodes[0].count = <uint32_t>n
    with nogil:
        while number < t.n_nodes:
            plant_node(&t, number)
            number += 1
        fill_gap(&t, t.n_slices, -t.n_slices & (LINE - 1))
        t.n_slices = (t.n_slices + LINE - 1) // LINE * LINE
    return t.n_nodes, t.n_slices, t.n_lines, bool(t.padded)


def slices_at(const uint64_t[::1] address not None, const uint64_t[::1] length not None, const int64_t[::1] depth not None,
              int terminator, bint backwards, bint fold, uint64_t[::1] out not None):
    """The slice of each text at its depth, read as the table's kind reads it: the scalar form of `slice_at` of the kernels."""
    cdef Py_ssize_t n = out.shape[0], i
    cdef int64_t size, at, j
    cdef uint64_t word
    cdef uint8_t c
    cdef const uint8_t *p
    if address.shape[0] != n or length.shape[0] != n or depth.shape[0] != n:
        raise ValueError("address, length, depth and out must be equally long")
    with nogil:
        for i in range(n):
            p = <const uint8_t *><size_t>address[i]
            size = <int64_t>length[i]
            at = depth[i]
            word = 0
            for j in range(8):
                if at + j < 0:
                    continue
                if at + j >= size:
                    if at + j == size and terminator >= 0:
                        word |= <uint64_t>terminator << (56 - 8 * j)
                    break
                c = p[size - 1 - at - j] if backwards else p[at + j]
                if fold and c'A' <= c <= c'Z':
                    c |= 0x20
                word |= <uint64_t>c << (56 - 8 * j)
            out[i] = word
