"""Building the lines of an IdTable: partition into segments, then place segment by segment.

A segment is 4,096 buckets and the lines that go with them, some 300 KB, so everything the search for pilots touches stays in
cache: that is what makes a build of 10**7 keys three times as fast as one over the whole table.

Inside a segment the buckets are taken by falling size, and for each the pilots 0..255 are tried until one sends all its keys to
lines that have room. The idea of a small displacement per bucket, searched largest bucket first, is CHD's (Belazzougui, Botelho,
Dietzfelbinger: Hash, displace, and compress, ESA 2009); lines of several slots make one byte per bucket enough.

The search is bounded: a bucket beyond MAX_BUCKET keys, or one that no pilot can place, fails the attempt at once, and the caller
takes another seed. A caller who is at the end of its attempts passes `unplaced`, and such keys are marked there instead.
"""
from libc.stdint cimport int32_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc, qsort
from libc.string cimport memcmp, memcpy, memset

from probing cimport (
    VK_B16,
    VK_BYTES,
    vk_bucket,
    vk_multiplied,
    vk_same_bytes,
    vk_shifted,
)

cdef extern from *:
    int __builtin_popcountll(unsigned long long x) nogil

cdef enum:
    MAX_BUCKET = 48      # a Poisson(5) bucket over 10**9 keys stays far below
    LARGE_BUCKET = 1024  # from here a sample is looked at before the bucket is sorted
    SAMPLE = 64
    SMALL_BUCKET = 16    # up to here duplicates are found pair by pair, beyond by sorting
    MAX_EQUAL = 8        # distinct keys of one 64-bit hash in one bucket: more can only be an attack

cdef struct Entry:
    uint64_t fp
    uint32_t index

# What a build works on: borrowed pointers, the same for all segments.
cdef struct Job:
    const uint64_t *fp          # by segment
    const uint32_t *index       # by segment: which key; NULL when that is the position itself
    const int32_t *values       # what to store for a key; NULL when that is its index
    const uint8_t *keys16       # b16
    const uint64_t *address     # bytes
    const uint64_t *length
    uint8_t *lines
    uint8_t *pilots
    uint8_t *dropped
    uint8_t *unplaced           # NULL: fail instead
    uint64_t n_pilots
    uint32_t buckets            # per segment
    uint32_t segment_lines
    uint32_t capacity           # slots of a line
    uint32_t line_bytes
    uint32_t key_bytes
    uint32_t row_offset
    int32_t kind
    bint flat
    bint keep_last

cdef struct Scratch:
    Entry *entries
    uint32_t *start             # of each bucket; one more for the end
    uint32_t *order             # buckets by falling size
    uint32_t *line              # of each key of the bucket at hand
    uint8_t *slot
    uint8_t *fill               # of each line


cdef inline bint same_key(const Job *job, uint32_t a, uint32_t b) noexcept nogil:
    """Whether two keys of equal fingerprint are one: integers always (the mix is a bijection)."""
    if job.kind == VK_B16:
        return memcmp(job.keys16 + 16 * <uint64_t>a, job.keys16 + 16 * <uint64_t>b, 16) == 0
    if job.kind == VK_BYTES:
        return job.length[a] == job.length[b] and vk_same_bytes(
            <const uint8_t *><size_t>job.address[a], <const uint8_t *><size_t>job.address[b], job.length[a])
    return True


cdef int by_fingerprint(const void *a, const void *b) noexcept nogil:
    cdef const Entry *x = <const Entry *>a
    cdef const Entry *y = <const Entry *>b
    if x.fp != y.fp:
        return -1 if x.fp < y.fp else 1
    return -1 if x.index < y.index else 1


cdef bint beyond_placing(const Job *job, const Entry *e, uint32_t n) noexcept nogil:
    """Whether a few entries, taken evenly from a bucket too large to place, already show that its size is not due to duplicates:
    more hashes than a bucket holds, or more keys of one hash than a line does. It spares sorting what was chosen to fail."""
    cdef uint32_t i, j, equal, distinct = 0, step = n // SAMPLE
    cdef const Entry *one
    cdef const Entry *other
    for j in range(SAMPLE):
        one = &e[j * step]
        equal = 0
        for i in range(j):
            other = &e[i * step]
            if one.fp == other.fp:
                if same_key(job, one.index, other.index):
                    break
                equal += 1
        else:
            distinct += equal == 0
            if equal >= MAX_EQUAL:
                return True
    return distinct > MAX_BUCKET


cdef Py_ssize_t drop_duplicates(const Job *job, Entry *e, uint32_t n) noexcept nogil:
    """Mark the losers among equal keys of one bucket; how many, or -1 if too many distinct keys share one hash."""
    cdef uint32_t i, j, first = 0, others
    cdef uint64_t seen = 0
    cdef Py_ssize_t found = 0
    if n <= SMALL_BUCKET:
        for j in range(n):
            seen |= <uint64_t>1 << (e[j].fp & 63)
        if __builtin_popcountll(seen) == n:     # five of six buckets end here, without a branch per pair
            return 0
        for j in range(1, n):
            for i in range(j, 0, -1):       # the nearest equal first: of three, keep_last must drop two
                if e[i - 1].fp == e[j].fp and same_key(job, e[i - 1].index, e[j].index):
                    job.dropped[e[i - 1].index if job.keep_last else e[j].index] = 1
                    found += 1
                    break
        return found
    if job.unplaced == NULL and n >= LARGE_BUCKET and beyond_placing(job, e, n):
        return -1
    qsort(e, n, sizeof(Entry), by_fingerprint)
    for j in range(1, n):
        first = j if e[j].fp != e[j - 1].fp else first
        others = 0
        for i in range(j, first, -1):
            if e[i - 1].fp != e[j].fp:
                break
            if same_key(job, e[i - 1].index, e[j].index):
                job.dropped[e[i - 1].index if job.keep_last else e[j].index] = 1
                found += 1
                break
            others += 1
            if others == MAX_EQUAL and job.unplaced == NULL:
                return -1
    return found


cdef inline bint try_pilot(const Job *job, Scratch *s, const Entry *e, uint32_t n, uint32_t pilot) noexcept nogil:
    """Give every key of the bucket a slot under this pilot, or none."""
    cdef uint32_t j, line
    for j in range(n):
        if job.flat:
            line = vk_multiplied(e[j].fp, pilot, job.segment_lines)
        else:
            line = vk_shifted(e[j].fp, pilot, job.segment_lines)
        if s.fill[line] >= job.capacity:
            while j > 0:
                j -= 1
                s.fill[s.line[j]] -= 1
            return False
        s.line[j] = line
        s.slot[j] = s.fill[line]
        s.fill[line] += 1
    return True


cdef inline void store(const Job *job, Scratch *s, const Entry *e, uint32_t n, uint8_t *lines) noexcept nogil:
    cdef uint32_t j
    cdef uint8_t *line
    cdef int32_t value
    for j in range(n):
        line = lines + <uint64_t>s.line[j] * job.line_bytes
        value = <int32_t>e[j].index if job.values == NULL else job.values[e[j].index]
        if job.key_bytes == 16:
            memcpy(line + 16 * s.slot[j], job.keys16 + 16 * <uint64_t>e[j].index, 16)
        else:
            memcpy(line + 8 * s.slot[j], &e[j].fp, 8)
        memcpy(line + job.row_offset + 4 * s.slot[j], &value, 4)


cdef Py_ssize_t build_segment(const Job *job, Scratch *s, uint64_t segment, uint64_t begin, uint64_t end) noexcept nogil:
    """Place one segment. The number of duplicates found (then nothing is placed), or -1 when the attempt fails."""
    cdef uint64_t first_bucket = segment * job.buckets, i
    cdef uint32_t b, n, size, pilot
    cdef uint32_t histogram[MAX_BUCKET + 2]
    cdef uint32_t *start = s.start
    cdef uint8_t *lines = job.lines + segment * job.segment_lines * job.line_bytes
    cdef Py_ssize_t found = 0, more
    cdef Entry *e
    memset(start, 0, (job.buckets + <size_t>2) * sizeof(uint32_t))
    for i in range(begin, end):
        start[vk_bucket(job.fp[i], job.n_pilots) - first_bucket + 2] += 1
    for b in range(job.buckets):
        start[b + 2] += start[b + 1]
    for i in range(begin, end):
        b = <uint32_t>(vk_bucket(job.fp[i], job.n_pilots) - first_bucket)
        e = &s.entries[start[b + 1]]
        start[b + 1] += 1
        e.fp = job.fp[i]
        e.index = <uint32_t>i if job.index == NULL else job.index[i]

    memset(histogram, 0, sizeof(histogram))
    for b in range(job.buckets):
        n = start[b + 1] - start[b]
        if n > 1:
            more = drop_duplicates(job, &s.entries[start[b]], n)
            if more < 0 and job.unplaced == NULL:
                return -1
            if more > 0:
                found += more
        histogram[n if n <= MAX_BUCKET else MAX_BUCKET + 1] += 1
    if found:
        return found
    if histogram[MAX_BUCKET + 1] and job.unplaced == NULL:
        return -1

    # Buckets by falling size: histogram[n] becomes the place of the next bucket of n keys.
    n = 0
    for size in range(MAX_BUCKET + 1, 0, -1):
        b = histogram[size]
        histogram[size] = n
        n += b
    histogram[0] = n
    for b in range(job.buckets):
        n = start[b + 1] - start[b]
        size = n if n <= MAX_BUCKET else MAX_BUCKET + 1
        s.order[histogram[size]] = b
        histogram[size] += 1

    # An empty slot is fingerprint 0 and row -1, and so is the guard. Cleared here, the lines are in cache when they are filled.
    for i in range(job.segment_lines):
        memset(lines + i * job.line_bytes, 0, job.row_offset)
        memset(lines + i * job.line_bytes + job.row_offset, 0xFF, job.line_bytes - job.row_offset)
    memset(s.fill, 0, job.segment_lines)
    for i in range(job.buckets):
        b = s.order[i]
        n = start[b + 1] - start[b]
        if n == 0:
            break
        e = &s.entries[start[b]]
        pilot = 256
        if n <= MAX_BUCKET:
            pilot = 0
            while pilot < 256 and not try_pilot(job, s, e, n, pilot):
                pilot += 1
        if pilot < 256:
            job.pilots[first_bucket + b] = <uint8_t>pilot
            store(job, s, e, n, lines)
        elif job.unplaced == NULL:
            return -1
        else:
            for size in range(n):
                job.unplaced[e[size].index] = 1
    return 0


def segment_counts(const uint64_t[::1] fp not None, uint64_t n_pilots, uint32_t shift, uint64_t[::1] counts not None):
    """Add to `counts` how many of the hashes belong to each segment; counts has one entry a segment."""
    cdef Py_ssize_t i
    if n_pilots < 1 or n_pilots >> 32 or shift > 31 or <uint64_t>counts.shape[0] <= (n_pilots - 1) >> shift:
        raise ValueError("counts must have one entry a segment")
    with nogil:
        for i in range(fp.shape[0]):
            counts[<Py_ssize_t>(vk_bucket(fp[i], n_pilots) >> shift)] += 1


def partition(const uint64_t[::1] fp not None, uint64_t n_pilots, uint32_t shift, uint64_t[::1] starts not None,
              uint64_t[::1] fp_out not None, uint32_t[::1] index_out not None):
    """Move hashes, with their positions, to the place of their segment; `starts` is moved on as a cursor. Stable."""
    cdef Py_ssize_t i
    cdef uint64_t at, segment
    if n_pilots < 1 or n_pilots >> 32 or shift > 31 or <uint64_t>starts.shape[0] <= (n_pilots - 1) >> shift:
        raise ValueError("starts must have one entry a segment")
    if fp_out.shape[0] != fp.shape[0] or index_out.shape[0] != fp.shape[0]:
        raise ValueError("fp_out and index_out must be as long as fp")
    with nogil:
        for i in range(fp.shape[0]):
            segment = vk_bucket(fp[i], n_pilots) >> shift
            at = starts[<Py_ssize_t>segment]
            if at >= <uint64_t>fp_out.shape[0]:
                with gil:
                    raise ValueError("starts do not come from the counts of these hashes")
            starts[<Py_ssize_t>segment] = at + 1
            fp_out[<Py_ssize_t>at] = fp[i]
            index_out[<Py_ssize_t>at] = <uint32_t>i


def build_segments(Py_ssize_t first, Py_ssize_t last, const uint64_t[::1] bounds not None,
                   const uint64_t[::1] fp not None, const uint32_t[::1] index, const int32_t[::1] values,
                   int kind, bint flat, const uint8_t[::1] keys16, const uint64_t[::1] address, const uint64_t[::1] length,
                   uint64_t n_pilots, uint32_t buckets, uint32_t segment_lines,
                   uint8_t[::1] lines not None, uint8_t[::1] pilots not None, bint keep_last, uint8_t[::1] dropped not None,
                   uint8_t[::1] unplaced):
    """Place the segments first..last-1; safe to call from several threads on disjoint segments.

    Optional arrays are passed as None. Returns the number of duplicates (the losers are marked in `dropped`, and then the table
    is not complete), or -1 when a bucket could not be placed and `unplaced` is None.
    """
    cdef Job job
    cdef Scratch s
    cdef Py_ssize_t segment, most = 1, found = 0, one, n = fp.shape[0]
    cdef uint64_t line_bytes = 16 if flat else 64
    if not 0 <= first <= last < bounds.shape[0] or <uint64_t>(bounds.shape[0] - 1) * buckets != n_pilots:
        raise ValueError("bounds must be one more than the segments")
    if <uint64_t>pilots.shape[0] < n_pilots or segment_lines < 1 or dropped.shape[0] < n:
        raise ValueError("pilots or dropped is too short")
    if <uint64_t>lines.shape[0] < <uint64_t>(bounds.shape[0] - 1) * segment_lines * line_bytes:
        raise ValueError("lines is too short")
    if ((index is not None and index.shape[0] < n) or (values is not None and values.shape[0] < n)
            or (address is not None and address.shape[0] < n) or (length is not None and length.shape[0] < n)
            or (unplaced is not None and unplaced.shape[0] < n)):
        raise ValueError("an array is shorter than fp")
    if kind == VK_B16 and (keys16 is None or keys16.shape[0] < 16 * n):
        raise ValueError("keys16 must be 16 bytes for each of fp")
    if kind == VK_BYTES and (address is None or length is None):
        raise ValueError("texts need address and length")
    for segment in range(first, last):
        if bounds[segment] > bounds[segment + 1] or bounds[segment + 1] > <uint64_t>n:
            raise ValueError("bounds must rise to the length of fp")
    memset(&job, 0, sizeof(job))
    memset(&s, 0, sizeof(s))
    if fp.shape[0] > 0:
        job.fp = &fp[0]
        if index is not None:
            job.index = &index[0]
        if values is not None:
            job.values = &values[0]
        if keys16 is not None:
            job.keys16 = &keys16[0]
        if address is not None:
            job.address = &address[0]
            job.length = &length[0]
    if unplaced is not None:
        job.unplaced = &unplaced[0]
    job.lines = &lines[0]
    job.pilots = &pilots[0]
    job.dropped = &dropped[0]
    job.n_pilots = n_pilots
    job.buckets = buckets
    job.segment_lines = segment_lines
    job.kind = kind
    job.flat = flat
    job.keep_last = keep_last
    job.key_bytes = 16 if kind == VK_B16 else 8
    job.capacity = 1 if flat else (3 if kind == VK_B16 else 5)
    job.line_bytes = 16 if flat else 64
    job.row_offset = job.key_bytes * job.capacity
    for segment in range(first, last):
        most = max(most, <Py_ssize_t>(bounds[segment + 1] - bounds[segment]))
    s.entries = <Entry *>malloc(most * sizeof(Entry))
    s.start = <uint32_t *>malloc((buckets + <size_t>2) * sizeof(uint32_t))
    s.order = <uint32_t *>malloc(<size_t>buckets * sizeof(uint32_t))
    s.line = <uint32_t *>malloc(MAX_BUCKET * sizeof(uint32_t))
    s.slot = <uint8_t *>malloc(MAX_BUCKET)
    s.fill = <uint8_t *>malloc(segment_lines)
    try:
        if not (s.entries and s.start and s.order and s.line and s.slot and s.fill):
            raise MemoryError("scratch space of a segment")
        with nogil:
            for segment in range(first, last):
                one = build_segment(&job, &s, <uint64_t>segment, bounds[segment], bounds[segment + 1])
                if one < 0:
                    found = -1
                    break
                found += one
    finally:
        free(s.entries)
        free(s.start)
        free(s.order)
        free(s.line)
        free(s.slot)
        free(s.fill)
    return found
