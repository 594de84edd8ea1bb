"""Building prefix tables over bits: nested prefixes painted as disjoint intervals, and IPv4's intervals packed into nodes.

Painting. Prefixes come sorted by (start, length), so a prefix follows all that contain it. One pass with a stack of those that
are open: a prefix that begins closes what ended before it, and paints what lies between with the label of the innermost that is
still open. The result is at most 2 n + 1 intervals, each given by its *last* address and a label, neighbours never alike; the
innermost open prefix is also the parent. Prefixes over one address form a chain of growing lengths, so the stack has at most as
many entries as an address has bits, and one: a deeper stack is proof that the input was not sorted, and ends the pass.

Packing. `records.py` draws the arrays of an IPv4 table. A block is what one node stands for when it stands for no more, a leaf
the 64th part of a block. Blocks that lie inside one interval are *uniform*; such blocks side by side share a node. In any other
block each leaf gets a one-byte code: 0 for the label that covers the block (a prefix as long as the block, or shorter, or none:
there is but one such label), 1 to 254 for base + code, since prefixes that begin inside one block have neighbouring ranks, and
255 where that does not do: for a leaf cut by longer prefixes, or a rank out of reach. What lies under a 255 goes to a list of
intervals of its own, which covers the whole address space (with nothing in the gaps), so that searching it needs no bounds.
Codes are written by runs of leaves, so a block costs what its intervals cost.
"""
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy

ctypedef fused word_t:
    uint32_t
    uint64_t

cdef enum:
    MOST_OPEN = 66          # 65 lengths of 64 bits, and the background
    MOST_OPEN_PAIRS = 130   # 129 lengths of 128 bits, and the background
    LEAVES = 64             # of a block, and blocks of a root entry
    ESCAPE = 255
    CUT = -2                # the value of a leaf that has several
    SHARED_LEAVES = 5       # an unused cover, and the one code of all uniform nodes

cdef struct Open:
    uint64_t last
    int32_t label
    int32_t index

cdef struct OpenPair:
    uint64_t high
    uint64_t low
    int32_t index

# As IPV4_NODE in records.py.
cdef struct Node:
    uint64_t starts
    uint32_t first
    int32_t base

# Leaves of a block that follow one another and have the same value.
cdef struct Run:
    uint32_t leaf               # the first
    int32_t value
    Py_ssize_t at               # the interval over its first address

# Intervals as they are written, with how many fit; `next` is where the next one begins.
cdef struct Painted:
    uint32_t *last
    int32_t *label
    Py_ssize_t n
    Py_ssize_t capacity
    uint64_t next


cdef inline word_t last_address(word_t start, uint32_t length) noexcept nogil:
    cdef word_t every = <word_t>0 - <word_t>1
    return start | (every >> length if length < 8 * sizeof(word_t) else 0)


cdef Py_ssize_t paint_all(const word_t *start, const uint8_t *length, const int32_t *label, Py_ssize_t n, int32_t background,
                          word_t *last, int32_t *painted, int32_t *parents) noexcept nogil:
    """How many intervals were written, or -1 if the prefixes are not sorted. `label` NULL: positions; `parents` may be NULL."""
    cdef Open stack[MOST_OPEN]
    cdef int depth = 0
    cdef word_t every = <word_t>0 - <word_t>1, unpainted = 0, s
    cdef Py_ssize_t i, m = 0
    stack[0].last = every
    stack[0].label = background
    stack[0].index = -1
    for i in range(n):
        s = start[i]
        while stack[depth].last < s:        # never the background, so depth stays at 0 or above
            if unpainted <= stack[depth].last:
                last[m] = <word_t>stack[depth].last
                painted[m] = stack[depth].label
                m += 1
                unpainted = <word_t>(stack[depth].last + 1)
            depth -= 1
        if parents != NULL:
            parents[i] = stack[depth].index
        if unpainted < s:
            last[m] = s - 1
            painted[m] = stack[depth].label
            m += 1
            unpainted = s
        depth += 1
        if depth == MOST_OPEN:
            return -1
        stack[depth].last = last_address(s, length[i])
        stack[depth].label = <int32_t>i if label == NULL else label[i]
        stack[depth].index = <int32_t>i
    while depth >= 0:
        if unpainted <= stack[depth].last:
            last[m] = <word_t>stack[depth].last
            painted[m] = stack[depth].label
            m += 1
            if stack[depth].last == every:      # one past it would be 0 again
                break
            unpainted = <word_t>(stack[depth].last + 1)
        depth -= 1
    return m


def paint(const word_t[::1] starts not None, const uint8_t[::1] lengths not None, const int32_t[::1] labels, int32_t background,
          word_t[::1] last not None, int32_t[::1] painted not None, int32_t[::1] parents):
    """Paint prefixes, sorted by (start, length), over `background`; the number of intervals.

    `labels` None labels each prefix with its position; `parents` may be None. `last` and `painted` need room for 2 n + 1.
    """
    cdef Py_ssize_t n = starts.shape[0], m
    cdef const word_t *start = &starts[0] if n else NULL
    cdef const uint8_t *length = &lengths[0] if lengths.shape[0] else NULL
    cdef const int32_t *label = &labels[0] if labels is not None and labels.shape[0] else NULL
    cdef int32_t *parent = &parents[0] if parents is not None and parents.shape[0] else NULL
    if n > 0x7FFFFFFF or lengths.shape[0] != n or last.shape[0] < 2 * n + 1 or painted.shape[0] < 2 * n + 1:
        raise ValueError("lengths must be as many as starts, last and painted have room for 2 n + 1")
    if (labels is not None and labels.shape[0] != n) or (parents is not None and parents.shape[0] != n):
        raise ValueError("labels and parents must be as many as starts")
    with nogil:
        m = paint_all(start, length, label, n, background, &last[0], &painted[0], parent)
    if m < 0:
        raise ValueError("prefixes must be sorted by start and length, each once")
    return m


def paint_groups(const int64_t[::1] bounds not None, const uint64_t[::1] starts not None, const uint8_t[::1] lengths not None,
                 const int32_t[::1] labels not None, const int32_t[::1] backgrounds not None, uint64_t[::1] last not None,
                 int32_t[::1] painted not None, int64_t[::1] ends not None):
    """Paint group g, prefixes bounds[g] to bounds[g + 1], over its own background; its intervals end before ends[g]."""
    cdef Py_ssize_t groups = backgrounds.shape[0], n = starts.shape[0], g, m = 0, more
    cdef int64_t begin
    if bounds.shape[0] != groups + 1 or lengths.shape[0] != n or labels.shape[0] != n or ends.shape[0] != groups:
        raise ValueError("bounds must be one more than backgrounds, lengths and labels as many as starts")
    if last.shape[0] < 2 * n + groups or painted.shape[0] < 2 * n + groups:
        raise ValueError("last and painted must have room for 2 n + groups")
    for g in range(groups):
        if not 0 <= bounds[g] < bounds[g + 1] <= n or (g > 0 and bounds[g] < bounds[g - 1]):
            raise ValueError("bounds must rise to the number of starts")
    with nogil:
        for g in range(groups):
            begin = bounds[g]
            more = paint_all(&starts[begin], &lengths[begin], &labels[begin], bounds[g + 1] - begin, backgrounds[g],
                             &last[m], &painted[m], NULL)
            if more < 0:
                with gil:
                    raise ValueError("prefixes must be sorted by start and length, each once")
            m += more
            ends[g] = m
    return m


def parents_of_pairs(const uint64_t[::1] high not None, const uint64_t[::1] low not None, const uint8_t[::1] lengths not None,
                     int32_t[::1] parents not None):
    """The position of the innermost prefix that contains each, or -1: prefixes of 128 bits, sorted by (high, low, length)."""
    cdef Py_ssize_t n = high.shape[0], i
    cdef OpenPair stack[MOST_OPEN_PAIRS]
    cdef OpenPair *top = &stack[0]
    cdef uint64_t every = <uint64_t>0 - 1
    cdef uint32_t length
    if n > 0x7FFFFFFF or low.shape[0] != n or lengths.shape[0] != n or parents.shape[0] != n:
        raise ValueError("low, lengths and parents must be as many as high")
    top.high = top.low = every
    top.index = -1
    with nogil:
        for i in range(n):
            while top.high < high[i] or (top.high == high[i] and top.low < low[i]):
                top -= 1
            parents[i] = top.index
            if top == &stack[MOST_OPEN_PAIRS - 1]:
                with gil:
                    raise ValueError("prefixes must be sorted by high, low and length, each once")
            length = lengths[i]
            top += 1
            top.high = last_address(high[i], length)
            top.low = every if length <= 64 else last_address(low[i], length - 64)
            top.index = <int32_t>i


def count_open(const int32_t[:] parents not None, int32_t[::1] depths not None):
    """How many prefixes contain each, itself among them, from the parents, which come before their children; -1 is none."""
    cdef Py_ssize_t n = parents.shape[0], i
    cdef int32_t parent
    if depths.shape[0] != n:
        raise ValueError("depths must be as many as parents")
    with nogil:
        for i in range(n):
            parent = parents[i]
            depths[i] = depths[parent] + 1 if 0 <= parent < i else 1


cdef inline bint put(Painted *p, uint64_t last, int32_t label) noexcept nogil:
    """Paint up to and with `last`; False if there is no room."""
    if p.n > 0 and p.label[p.n - 1] == label:
        p.n -= 1
    elif p.n == p.capacity:
        return False
    p.last[p.n] = <uint32_t>last
    p.label[p.n] = label
    p.n += 1
    p.next = last + 1
    return True


cdef bint escape(Painted *p, const uint32_t *last, const int32_t *label, uint64_t first, uint64_t end) noexcept nogil:
    """Copy the intervals from `first` to before `end`; `last` and `label` begin with the one over `first`."""
    if p.next < first and not put(p, first - 1, -1):
        return False
    while last[0] < end - 1:
        if not put(p, last[0], label[0]):
            return False
        last += 1
        label += 1
    return put(p, end - 1, label[0])


cdef Py_ssize_t runs_of_block(const uint32_t *last, const int32_t *label, Py_ssize_t *interval, uint64_t first, uint32_t shift,
                              Run *runs) noexcept nogil:
    """Split a block into runs, and move on to the interval over what follows it; how many runs."""
    cdef Py_ssize_t p = interval[0], n = 0
    cdef uint64_t end, leaf = 0
    while leaf < LEAVES:
        runs[n].leaf = <uint32_t>leaf
        runs[n].at = p
        end = first + ((leaf + 1) << shift)
        if last[p] >= end - 1:
            runs[n].value = label[p]
            leaf = (<uint64_t>last[p] + 1 - first) >> shift
            leaf = leaf if leaf < LEAVES else LEAVES
            p += last[p] == first + (leaf << shift) - 1
        else:
            runs[n].value = CUT
            leaf += 1
            while last[p] < end - 1:
                p += 1
            p += last[p] == end - 1
        n += 1
    interval[0] = p
    return n


def pack_ipv4(const uint32_t[::1] last not None, const int32_t[::1] labels not None, const uint8_t[::1] lengths not None,
              uint32_t bits, uint8_t[::1] root not None, uint8_t[::1] nodes not None, uint8_t[::1] leaves not None,
              uint32_t[::1] deep_last not None, int32_t[::1] deep_labels not None):
    """Pack painted intervals under a root of 2**bits nodes; how many nodes, bytes of leaves and deep intervals there are.

    `lengths` are those of the prefixes that the labels name; `nodes` and `leaves` need the room that is checked below. The deep
    intervals are at most eight times as many as there are intervals.
    """
    cdef Py_ssize_t m = last.shape[0], n = lengths.shape[0], p = 0, at, j, k, used = SHARED_LEAVES, n_nodes = 0, blocks
    cdef uint32_t shift = 26 - bits, leaf_shift = shift - 6, block
    cdef uint64_t first, end
    cdef Run runs[LEAVES + 1]
    cdef int32_t uniform = CUT, cover, base, code, before
    cdef bint covered, fits = True
    cdef Node *entry
    cdef Node *node
    cdef Painted deep
    if not 4 <= bits <= 12 or root.shape[0] != sizeof(Node) << bits:
        raise ValueError("root must have 2**bits nodes")
    blocks = min(2 * m, <Py_ssize_t>1 << (bits + 6))
    if nodes.shape[0] < <Py_ssize_t>sizeof(Node) * blocks or leaves.shape[0] < SHARED_LEAVES + 5 * blocks + 2 * m:
        raise ValueError("nodes must have room for the blocks, leaves for 5 + 5 blocks + 2 m bytes")
    if m < 1 or labels.shape[0] != m or last[m - 1] != 0xFFFFFFFF or deep_last.shape[0] != deep_labels.shape[0]:
        raise ValueError("labels must be as many as last, and the last interval end with the addresses")
    for j in range(m):
        if not -1 <= labels[j] < n or (j > 0 and last[j] <= last[j - 1]):
            raise ValueError("last must rise, labels be ranks or -1")
    deep.last = &deep_last[0] if deep_last.shape[0] else NULL
    deep.label = &deep_labels[0] if deep_labels.shape[0] else NULL
    deep.n = 0
    deep.next = 0
    deep.capacity = deep_last.shape[0]
    with nogil:
        leaves[0] = leaves[1] = leaves[2] = leaves[3] = 0
        leaves[4] = 1
        for block in range(<uint32_t>1 << (bits + 6)):
            first = <uint64_t>block << shift
            end = first + (<uint64_t>1 << shift)
            entry = <Node *>&root[<Py_ssize_t>sizeof(Node) * (block >> 6)]
            if block & 63 == 0:
                entry.starts = 0
                entry.base = 0
            if last[p] >= end - 1:
                if uniform != labels[p]:
                    uniform = labels[p]
                    node = <Node *>&nodes[<Py_ssize_t>sizeof(Node) * n_nodes]
                    n_nodes += 1
                    node.starts = 0
                    node.first = SHARED_LEAVES - 1
                    node.base = uniform - 1
                    entry.starts |= <uint64_t>1 << (block & 63)
                p += last[p] == end - 1
                if block & 63 == 0:
                    entry.first = <uint32_t>(n_nodes - 1)
                    entry.starts = 0
                continue
            uniform = CUT
            k = runs_of_block(&last[0], &labels[0], &p, first, leaf_shift, runs)
            runs[k].leaf = LEAVES
            cover = -1
            base = 0x7FFFFFFF
            covered = False
            for j in range(k):
                if runs[j].value == -1 or (runs[j].value >= 0 and lengths[runs[j].value] <= bits + 6):
                    cover = runs[j].value
                    covered = True
                elif runs[j].value >= 0 and runs[j].value < base:
                    base = runs[j].value
            base = base - 1 if base < 0x7FFFFFFF else -1
            if covered:
                memcpy(&leaves[used], &cover, 4)
                used += 4
            node = <Node *>&nodes[<Py_ssize_t>sizeof(Node) * n_nodes]
            node.starts = 0
            node.first = <uint32_t>used
            node.base = base
            before = -1
            for j in range(k):
                if runs[j].value == CUT or (runs[j].value != cover and runs[j].value - base >= ESCAPE):
                    code = ESCAPE
                    at = runs[j].at
                    fits = fits and escape(&deep, &last[at], &labels[at], first + (<uint64_t>runs[j].leaf << leaf_shift),
                                           first + (<uint64_t>runs[j + 1].leaf << leaf_shift))
                else:
                    code = 0 if runs[j].value == cover else runs[j].value - base
                if code != before:
                    before = code
                    node.starts |= <uint64_t>(runs[j].leaf > 0) << runs[j].leaf
                    leaves[used] = <uint8_t>code
                    used += 1
            entry.starts |= <uint64_t>(block & 63 > 0) << (block & 63)
            n_nodes += 1
            if block & 63 == 0:
                entry.first = <uint32_t>(n_nodes - 1)
        if fits and deep.next >> 32 == 0:
            fits = put(&deep, 0xFFFFFFFF, -1)
    if not fits:
        raise ValueError("deep_last and deep_labels are too short")
    return n_nodes, used, deep.n
