"""Prefixes of text before they become a tree: texts to their stored form, and sorting them.

A stored text is the caller's with one trailing terminator taken off, then (where the kind says so) read from its end, in
ASCII lower case, and closed with the terminator again, so that plain bytes compare as whole segments or labels do. "" stays
"".

Texts are sorted by slices: eight bytes as one big-endian number, zeros beyond the end. The caller sorts by the first slice,
which numpy does best; `sort_runs` orders what is equal there, skipping what all texts of a run share and sorting them by the
next slice, so no byte is looked at much more than once and long common prefixes cost no comparisons.
"""
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc, qsort
from libc.string cimport memcmp, memcpy

from text_words cimport common_bytes, slice_of

cdef enum:
    FEW = 12            # a run this short is sorted by inserting
    BEYOND = 9          # of a text that goes on after a slice; one that ends in it has 0..8 bytes there

cdef struct Entry:
    uint64_t slice
    uint32_t inside         # bytes of the text in the slice, BEYOND if it goes on
    uint32_t index

# What a sort works on: borrowed pointers.
cdef struct Job:
    const uint8_t *data
    const int64_t *offsets
    int64_t *order
    Entry *entries          # scratch, one a text


cdef inline uint8_t lower(uint8_t c) noexcept nogil:
    return c | 0x20 if c'A' <= c <= c'Z' else c


cdef inline bint ends_with(const uint64_t[::1] address, const uint64_t[::1] length, Py_ssize_t i, int terminator) noexcept nogil:
    """Whether text i has a last byte and it is the terminator."""
    return length[i] > 0 and (<const uint8_t *><size_t>(address[i] + length[i] - 1))[0] == terminator


def trim(const uint64_t[::1] address not None, const uint64_t[::1] length not None, int terminator, uint64_t[::1] out not None):
    """Lengths of texts without one trailing terminator."""
    cdef Py_ssize_t n = out.shape[0], i
    if address.shape[0] != n or length.shape[0] != n:
        raise ValueError("address, length and out must be equally long")
    with nogil:
        for i in range(n):
            out[i] = length[i] - ends_with(address, length, i, terminator)


def stored_lengths(const uint64_t[::1] address not None, const uint64_t[::1] length not None, int terminator,
                   int64_t[::1] offsets not None):
    """Where each text begins in its stored form, and where the last ends; whether every length fits 31 bits."""
    cdef Py_ssize_t n = offsets.shape[0] - 1, i
    cdef int64_t size, at = 0
    cdef bint fits = True
    if n < 0 or address.shape[0] != n or length.shape[0] != n:
        raise ValueError("offsets must be one longer than address and length")
    with nogil:
        for i in range(n):
            size = <int64_t>length[i]
            if terminator >= 0:
                size -= ends_with(address, length, i, terminator)
                size += size > 0
            fits &= size <= 0x7FFFFFFF
            offsets[i] = at
            at += size
        offsets[n] = at
    return fits


def store(const uint64_t[::1] address not None, const int64_t[::1] offsets not None, int terminator, bint backwards, bint fold,
          uint8_t[::1] data not None):
    """Write texts in their stored form at the offsets that `stored_lengths` gave."""
    cdef Py_ssize_t n = address.shape[0], i
    cdef int64_t size, j
    cdef const uint8_t *p
    cdef uint8_t *q
    check_offsets(offsets, n, data.shape[0])
    if data.shape[0] == 0:
        return
    with nogil:
        for i in range(n):
            p = <const uint8_t *><size_t>address[i]
            q = &data[0] + offsets[i]
            size = offsets[i + 1] - offsets[i]
            if size and terminator >= 0:
                size -= 1
                q[size] = <uint8_t>terminator
            if backwards:
                for j in range(size):
                    q[j] = p[size - 1 - j]
            elif size:
                memcpy(q, p, size)
            if fold:
                for j in range(size):
                    q[j] = lower(q[j])


cdef int check_offsets(const int64_t[::1] offsets, Py_ssize_t n, int64_t size) except -1:
    """Texts lie one behind the other, inside the data."""
    cdef Py_ssize_t i
    if offsets.shape[0] != n + 1 or n > 0x7FFFFFFF:
        raise ValueError("offsets must be one longer than there are texts, which must be fewer than 2**31")
    for i in range(n):
        if offsets[i] < 0 or offsets[i + 1] < offsets[i] or offsets[i + 1] - offsets[i] > 0x7FFFFFFF or offsets[i + 1] > size:
            raise ValueError("offsets must rise to the end of data")
    return 0


cdef int check_order(const int64_t[::1] order, Py_ssize_t n) except -1:
    cdef Py_ssize_t i
    for i in range(order.shape[0]):
        if not 0 <= order[i] < n:
            raise ValueError("order must hold positions of texts")
    return 0


def common_length(const uint8_t[::1] data not None, const int64_t[::1] offsets not None):
    """How many first bytes all texts share."""
    cdef Py_ssize_t n = offsets.shape[0] - 1, i
    cdef int64_t common, size
    check_offsets(offsets, n, data.shape[0])
    if n < 1 or data.shape[0] == 0:
        return 0
    with nogil:
        common = offsets[1] - offsets[0]
        for i in range(1, n):
            size = offsets[i + 1] - offsets[i]
            common = common_bytes(&data[0] + offsets[0], &data[0] + offsets[i], common if common < size else size)
            if common == 0:
                break
    return common


def slices(const uint8_t[::1] data not None, const int64_t[::1] offsets not None, int64_t depth, uint64_t[::1] out not None):
    """The slice of each text at a depth that none of them is shorter than."""
    cdef Py_ssize_t n = out.shape[0], i
    cdef int64_t at, size
    check_offsets(offsets, n, data.shape[0])
    for i in range(n):
        if depth < 0 or offsets[i + 1] - offsets[i] < depth:
            raise ValueError("a text is shorter than depth")
    with nogil:
        for i in range(n):
            at = offsets[i] + depth
            size = offsets[i + 1] - at
            out[i] = 0 if size == 0 else slice_of(&data[at], size)


cdef int by_slice(const void *a, const void *b) noexcept nogil:
    cdef const Entry *x = <const Entry *>a
    cdef const Entry *y = <const Entry *>b
    if x.slice != y.slice:
        return -1 if x.slice < y.slice else 1
    if x.inside != y.inside:
        return -1 if x.inside < y.inside else 1
    return -1 if x.index < y.index else 1


cdef inline bint comes_before(const Job *job, int64_t a, int64_t b, int64_t depth) noexcept nogil:
    """Whether text a sorts before text b; both are equal up to the depth. Equal texts keep their order."""
    cdef int64_t size_a = job.offsets[a + 1] - job.offsets[a] - depth
    cdef int64_t size_b = job.offsets[b + 1] - job.offsets[b] - depth
    cdef int differ = memcmp(job.data + job.offsets[a] + depth, job.data + job.offsets[b] + depth,
                             size_a if size_a < size_b else size_b)
    if differ:
        return differ < 0
    return a < b if size_a == size_b else size_a < size_b


cdef void insert_sorted(const Job *job, int64_t begin, int64_t end, int64_t depth) noexcept nogil:
    cdef int64_t i, j, text
    for i in range(begin + 1, end):
        text = job.order[i]
        j = i
        while j > begin and comes_before(job, text, job.order[j - 1], depth):
            job.order[j] = job.order[j - 1]
            j -= 1
        job.order[j] = text


cdef inline int64_t run_end(const Entry *e, int64_t i, int64_t end) noexcept nogil:
    """Behind the texts that share a slice and go on, from i; i + 1 if there is only that one."""
    cdef int64_t j = i + 1
    if e[i].inside == BEYOND:
        while j < end and e[j].slice == e[i].slice:     # those that end come first, so the rest go on
            j += 1
    return j


cdef void sort_run(const Job *job, int64_t begin, int64_t end, int64_t depth) noexcept nogil:
    """Sort a run of texts that are equal up to the depth. The largest run inside is next in the loop: calls nest log2(n) deep."""
    cdef int64_t i, j, size, common, longest, longest_begin
    cdef const uint8_t *first
    cdef Entry *e = job.entries
    while end - begin > FEW:
        first = job.data + job.offsets[job.order[begin]] + depth
        common = job.offsets[job.order[begin] + 1] - job.offsets[job.order[begin]] - depth
        for i in range(begin + 1, end):
            if common == 0:
                break
            j = job.order[i]
            size = job.offsets[j + 1] - job.offsets[j] - depth
            common = common_bytes(first, job.data + job.offsets[j] + depth, common if common < size else size)
        depth += common
        for i in range(begin, end):
            j = job.order[i]
            size = job.offsets[j + 1] - job.offsets[j] - depth
            e[i].slice = slice_of(job.data + job.offsets[j] + depth, size)
            e[i].inside = <uint32_t>(size if size <= 8 else BEYOND)
            e[i].index = <uint32_t>j
        qsort(e + begin, end - begin, sizeof(Entry), by_slice)
        longest = longest_begin = 0
        i = begin
        while i < end:
            job.order[i] = e[i].index
            j = run_end(e, i, end)
            if j - i > longest:
                longest = j - i
                longest_begin = i
            for size in range(i + 1, j):
                job.order[size] = e[size].index
            i = j
        i = begin
        depth += 8
        while i < end:
            j = run_end(e, i, end)
            if j - i > 1 and i != longest_begin:
                sort_run(job, i, j, depth)
            i = j
        if longest < 2:
            return
        begin = longest_begin
        end = longest_begin + longest
    insert_sorted(job, begin, end, depth)


def sort_runs(const uint8_t[::1] data not None, const int64_t[::1] offsets not None, const uint64_t[::1] sorted_slices not None,
              int64_t depth, int64_t[::1] order not None):
    """Finish a sort of texts that are in the order of their slices at the depth, which all texts share the bytes before."""
    cdef Py_ssize_t n = order.shape[0], i = 0, j
    cdef Job job
    check_offsets(offsets, n, data.shape[0])
    check_order(order, n)
    if sorted_slices.shape[0] != n or depth < 0:
        raise ValueError("sorted_slices must be as long as order")
    for i in range(n):
        if offsets[i + 1] - offsets[i] < depth:
            raise ValueError("a text is shorter than depth")
    if n == 0 or data.shape[0] == 0:
        return
    job.data = &data[0]
    job.offsets = &offsets[0]
    job.order = &order[0]
    job.entries = <Entry *>malloc(n * sizeof(Entry))
    if not job.entries:
        raise MemoryError("scratch space of a sort")
    with nogil:
        i = 0
        while i < n:
            j = i + 1
            while j < n and sorted_slices[j] == sorted_slices[i]:
                j += 1
            if j - i > 1:
                sort_run(&job, i, j, depth)     # from this depth: texts that end in the slice are still to be put in order
            i = j
        free(job.entries)


def mark_equal(const uint8_t[::1] data not None, const int64_t[::1] offsets not None, const int64_t[::1] order not None,
               uint8_t[::1] equal not None):
    """Mark in `equal` each text, in sorted order, that is the same as the one before it; how many."""
    cdef Py_ssize_t n = order.shape[0], i, found = 0
    cdef int64_t a, b, size
    check_offsets(offsets, n, data.shape[0])
    check_order(order, n)
    if equal.shape[0] != n:
        raise ValueError("equal must be as long as order")
    with nogil:
        for i in range(1, n):
            a = order[i - 1]
            b = order[i]
            size = offsets[a + 1] - offsets[a]
            equal[i] = size == offsets[b + 1] - offsets[b] and (
                size == 0 or memcmp(&data[offsets[a]], &data[offsets[b]], size) == 0)
            found += equal[i]
    return found
