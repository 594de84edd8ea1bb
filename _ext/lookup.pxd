# The lookup pipelines, compiled into each CPU level's id_table.
#
# A random line of a big table is a cache miss and often a TLB miss, so what counts is how many are under way at once. Every key
# goes through the same steps: hash it and prefetch its bucket's pilot; PILOT_AHEAD keys later read the pilot and prefetch the
# line; LINE_AHEAD keys later compare. Eight keys take each step together, and the steps of different keys are mixed in one loop,
# so the arithmetic of some hides the memory of others (a block-wise prefetch, then compare, was 1.6 times slower). Lines go to
# L2, not L1: L1 has too few miss buffers to keep this many lines in flight. For integers and 128-bit keys no branch depends
# on the data; texts branch on their length.
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t

from probing cimport (
    VK_B16,
    VK_BYTES,
    VK_PREFETCH_L1,
    VK_PREFETCH_L2,
    vk_any_mark,
    vk_bucket,
    vk_hash_key16,
    vk_hash_text,
    vk_is_mark,
    vk_line,
    vk_load32,
    vk_load64,
    vk_locate8,
    vk_locate8_flat,
    vk_match3,
    vk_match5,
    vk_mix8,
    vk_mix64,
    vk_may_differ,
    vk_next_match5,
    vk_patch,
    vk_pilots8,
    vk_record_row,
    vk_same_bytes,
    vk_slot,
    vk_slot_row,
    vk_view,
)

cdef enum:
    PILOT_AHEAD = 16
    LINE_AHEAD = 64
    RECORD_AHEAD = 32
    FALLBACK_BYTES = 32
    RING = 128          # a power of two, more than all three together


cdef inline int32_t id_row(const vk_view *t, uint64_t key) noexcept nogil:
    """One integer key, lines layout."""
    cdef uint64_t h = vk_mix64(key, &t.key)
    cdef const uint8_t *line = t.lines + 64 * vk_line(t, h)
    return <int32_t>vk_load32(line + 40 + 4 * vk_match5(line, h))


cdef inline int32_t flat_row(const vk_view *t, uint64_t key) noexcept nogil:
    """One integer key, flat layout."""
    cdef uint64_t h = vk_mix64(key, &t.key)
    return vk_slot_row(t.lines + 16 * vk_slot(t, h), h)


cdef inline int32_t direct_row(const vk_view *t, uint64_t key) noexcept nogil:
    """One integer key, direct layout: below the base wraps to above the span, and all beyond it share the guard."""
    cdef uint64_t i = key - t.base
    i = i if i < t.span else t.span
    return <int32_t>vk_load32(t.lines + 4 * i)


cdef inline int32_t b16_row(const vk_view *t, const uint8_t *key) noexcept nogil:
    cdef const uint8_t *line = t.lines + 64 * vk_line(t, vk_hash_key16(t, key))
    return <int32_t>vk_load32(line + 48 + 4 * vk_match3(line, key))


cdef inline int32_t text_row_in_line(const vk_view *t, const uint8_t *line, uint64_t h, const uint8_t *p, uint64_t n,
                                     unsigned i) noexcept nogil:
    """The row of a text whose hash is in slot i, or in a later slot of the line: equal hashes of unequal texts are legal."""
    cdef int32_t row
    while i < 5:
        row = vk_record_row(t, vk_load32(line + 40 + 4 * i), p, n)
        if row >= 0:
            return row
        i = vk_next_match5(line, h, i)
    return -1


cdef inline int32_t text_row(const vk_view *t, const uint8_t *p, uint64_t n) noexcept nogil:
    cdef uint64_t h = vk_hash_text(t, p, n)
    cdef const uint8_t *line = t.lines + 64 * vk_line(t, h)
    return text_row_in_line(t, line, h, p, n, vk_match5(line, h))


cdef inline Py_ssize_t note_marked(uint64_t packed, Py_ssize_t at, uint32_t *marked) noexcept nogil:
    """Put those of eight positions to `marked` whose pilot is a mark; how many."""
    cdef Py_ssize_t found = 0
    cdef unsigned j
    for j in range(8):
        if vk_is_mark(packed, j):
            marked[found] = <uint32_t>(at + j)
            found += 1
    return found


cdef inline Py_ssize_t id_rows(const vk_view *table, const vk_patch *patch, const uint64_t *keys, Py_ssize_t n, int32_t *out,
                               uint32_t *marked) noexcept nogil:
    """Integer keys, lines layout. How many pilots are marks: the positions of their keys go to `marked`, their rows are wrong."""
    cdef vk_view own = table[0]     # its address never leaves here, so its fields stay in registers
    cdef const vk_view *t = &own
    cdef uint64_t hashes[RING]
    cdef uint64_t at[RING]
    cdef uint64_t packed
    cdef uint64_t *h
    cdef uint64_t *a
    cdef const uint8_t *line
    cdef Py_ssize_t i = 0, j, found = 0, whole = n & ~<Py_ssize_t>7
    cdef bint patched = patch.table != NULL
    if patched:
        own.pilots = patch.pilots
    while i < whole + PILOT_AHEAD + LINE_AHEAD:
        if i < whole:
            h = hashes + (i & (RING - 1))
            a = at + (i & (RING - 1))
            vk_mix8(keys + i, h, a, t)
            for j in range(8):
                VK_PREFETCH_L1(t.pilots + a[j])
        if PILOT_AHEAD <= i and i - PILOT_AHEAD < whole:
            h = hashes + ((i - PILOT_AHEAD) & (RING - 1))
            a = at + ((i - PILOT_AHEAD) & (RING - 1))
            packed = vk_pilots8(a, t.pilots)
            vk_locate8(h, a, packed, t)
            for j in range(8):
                VK_PREFETCH_L2(t.lines + a[j])
            if patched and vk_any_mark(packed):
                found += note_marked(packed, i - PILOT_AHEAD, marked + found)
        if i >= PILOT_AHEAD + LINE_AHEAD:
            h = hashes + ((i - PILOT_AHEAD - LINE_AHEAD) & (RING - 1))
            a = at + ((i - PILOT_AHEAD - LINE_AHEAD) & (RING - 1))
            for j in range(8):
                line = t.lines + a[j]
                out[i - PILOT_AHEAD - LINE_AHEAD + j] = <int32_t>vk_load32(line + 40 + 4 * vk_match5(line, h[j]))
        i += 8
    return found + rest_of_ids(table, patch, keys, whole, n, out, marked + found)


cdef inline Py_ssize_t rest_of_ids(const vk_view *t, const vk_patch *patch, const uint64_t *keys, Py_ssize_t at, Py_ssize_t n,
                                   int32_t *out, uint32_t *marked) noexcept nogil:
    """The last keys, fewer than eight."""
    cdef Py_ssize_t found = 0
    while at < n:
        out[at] = id_row(t, keys[at])
        if patch.table != NULL and vk_may_differ(t, patch, vk_mix64(keys[at], &t.key)):
            marked[found] = <uint32_t>at
            found += 1
        at += 1
    return found


cdef inline void flat_rows(const vk_view *table, const uint64_t *keys, Py_ssize_t n, int32_t *out) noexcept nogil:
    """Integer keys, flat layout: the table is in cache, so no prefetch; steps of different keys still overlap."""
    cdef vk_view own = table[0]     # its address never leaves here, so its fields stay in registers
    cdef const vk_view *t = &own
    cdef uint64_t hashes[16]
    cdef uint64_t at[16]
    cdef uint64_t *h
    cdef uint64_t *a
    cdef Py_ssize_t i = 0, j, whole = n & ~<Py_ssize_t>7
    while i < whole + 8:
        if i < whole:
            h = hashes + (i & 8)
            a = at + (i & 8)
            vk_mix8(keys + i, h, a, t)
            vk_locate8_flat(h, a, vk_pilots8(a, t.pilots), t)
        if i >= 8:
            h = hashes + ((i - 8) & 8)
            a = at + ((i - 8) & 8)
            for j in range(8):
                out[i - 8 + j] = vk_slot_row(t.lines + a[j], h[j])
        i += 8
    for i in range(whole, n):
        out[i] = flat_row(t, keys[i])


cdef inline void direct_rows(const vk_view *table, const uint64_t *keys, Py_ssize_t n, int32_t *out) noexcept nogil:
    """Integer keys, direct layout."""
    cdef vk_view own = table[0]     # its address never leaves here, so its fields stay in registers
    cdef const vk_view *t = &own
    cdef Py_ssize_t i, ahead = n if n < LINE_AHEAD else LINE_AHEAD
    cdef uint64_t k
    for i in range(n - ahead):
        k = keys[i + ahead] - t.base
        k = k if k < t.span else t.span
        VK_PREFETCH_L2(t.lines + 4 * k)
        out[i] = direct_row(t, keys[i])
    for i in range(n - ahead, n):
        out[i] = direct_row(t, keys[i])


cdef inline Py_ssize_t b16_rows(const vk_view *table, const vk_patch *patch, const uint8_t *keys, Py_ssize_t n, int32_t *out,
                                uint32_t *marked) noexcept nogil:
    """128-bit keys; otherwise as `id_rows`."""
    cdef vk_view own = table[0]     # its address never leaves here, so its fields stay in registers
    cdef const vk_view *t = &own
    cdef uint64_t hashes[RING]
    cdef uint64_t at[RING]
    cdef uint64_t h, packed
    cdef uint64_t *a
    cdef const uint8_t *line
    cdef Py_ssize_t i = 0, j, k, found = 0, whole = n & ~<Py_ssize_t>7
    cdef bint patched = patch.table != NULL
    if patched:
        own.pilots = patch.pilots
    while i < whole + PILOT_AHEAD + LINE_AHEAD:
        if i < whole:
            for j in range(8):
                h = vk_hash_key16(t, keys + 16 * (i + j))
                hashes[(i + j) & (RING - 1)] = h
                at[(i + j) & (RING - 1)] = vk_bucket(h, t.n_pilots)
                VK_PREFETCH_L1(t.pilots + at[(i + j) & (RING - 1)])
        if PILOT_AHEAD <= i and i - PILOT_AHEAD < whole:
            a = at + ((i - PILOT_AHEAD) & (RING - 1))
            packed = vk_pilots8(a, t.pilots)
            vk_locate8(hashes + ((i - PILOT_AHEAD) & (RING - 1)), a, packed, t)
            for j in range(8):
                VK_PREFETCH_L2(t.lines + a[j])
            if patched and vk_any_mark(packed):
                found += note_marked(packed, i - PILOT_AHEAD, marked + found)
        if i >= PILOT_AHEAD + LINE_AHEAD:
            k = i - PILOT_AHEAD - LINE_AHEAD
            a = at + (k & (RING - 1))
            for j in range(8):
                line = t.lines + a[j]
                out[k + j] = <int32_t>vk_load32(line + 48 + 4 * vk_match3(line, keys + 16 * (k + j)))
        i += 8
    for i in range(whole, n):
        out[i] = b16_row(table, keys + 16 * i)
        if patched and vk_may_differ(table, patch, vk_hash_key16(table, keys + 16 * i)):
            marked[found] = <uint32_t>i
            found += 1
    return found


cdef inline Py_ssize_t text_rows(const vk_view *t, const vk_patch *patch, const uint8_t **texts, const uint64_t *lengths,
                                 Py_ssize_t n, int32_t *out, uint32_t *marked) noexcept nogil:
    """Texts by address and length: one more step, since the record behind a matching hash is a miss of its own. Otherwise as
    `id_rows`."""
    cdef uint64_t hashes[RING]
    cdef uint64_t at[RING]
    cdef uint32_t slot[RING]
    cdef uint64_t h, packed
    cdef uint64_t *a
    cdef const uint8_t *line
    cdef Py_ssize_t i = 0, j, k, found = 0, whole = n & ~<Py_ssize_t>7
    cdef bint patched = patch.table != NULL
    cdef const uint8_t *pilots = patch.pilots if patched else t.pilots
    while i < whole + PILOT_AHEAD + LINE_AHEAD // 2 + RECORD_AHEAD:
        if i < whole:
            for j in range(8):
                h = vk_hash_text(t, texts[i + j], lengths[i + j])
                hashes[(i + j) & (RING - 1)] = h
                at[(i + j) & (RING - 1)] = vk_bucket(h, t.n_pilots)
                VK_PREFETCH_L1(pilots + at[(i + j) & (RING - 1)])
        k = i - PILOT_AHEAD
        if 0 <= k < whole:
            a = at + (k & (RING - 1))
            packed = vk_pilots8(a, pilots)
            vk_locate8(hashes + (k & (RING - 1)), a, packed, t)
            for j in range(8):
                VK_PREFETCH_L2(t.lines + a[j])
            if patched and vk_any_mark(packed):
                found += note_marked(packed, k, marked + found)
        k = i - PILOT_AHEAD - LINE_AHEAD // 2
        if 0 <= k < whole:
            for j in range(8):
                line = t.lines + at[(k + j) & (RING - 1)]
                slot[(k + j) & (RING - 1)] = vk_match5(line, hashes[(k + j) & (RING - 1)])
                # Slot 5 is the guard, no record: then prefetch the arena's first line, which costs nothing.
                h = 8 * <uint64_t>vk_load32(line + 40 + 4 * slot[(k + j) & (RING - 1)])
                h &= <uint64_t>0 - <uint64_t>(slot[(k + j) & (RING - 1)] < 5)
                VK_PREFETCH_L2(<const void *>(<size_t>t.arena + h))     # a number: it may lie outside, and is not read
                VK_PREFETCH_L2(<const void *>(<size_t>t.arena + h + 7 + lengths[k + j]))
        k = i - PILOT_AHEAD - LINE_AHEAD // 2 - RECORD_AHEAD
        if k >= 0:
            for j in range(8):
                line = t.lines + at[(k + j) & (RING - 1)]
                out[k + j] = text_row_in_line(t, line, hashes[(k + j) & (RING - 1)], texts[k + j], lengths[k + j],
                                              slot[(k + j) & (RING - 1)])
        i += 8
    for i in range(whole, n):
        out[i] = text_row(t, texts[i], lengths[i])
        if patched and vk_may_differ(t, patch, vk_hash_text(t, texts[i], lengths[i])):
            marked[found] = <uint32_t>i
            found += 1
    return found


cdef inline uint64_t fallback_start(const vk_view *t, uint64_t h) noexcept nogil:
    """Position of the first key of hash h among those that no line could take, or of the one that would follow it."""
    cdef uint64_t low = 0, high = t.n_fallback, middle
    while low < high:
        middle = (low + high) // 2
        if vk_load64(t.fallback + FALLBACK_BYTES * middle) < h:
            low = middle + 1
        else:
            high = middle
    return low


cdef inline int32_t fallback_id(const vk_view *t, uint64_t h) noexcept nogil:
    """The row of an integer key, whose hash is the key."""
    cdef uint64_t at = fallback_start(t, h)
    cdef const uint8_t *entry = t.fallback + FALLBACK_BYTES * at
    return <int32_t>vk_load32(entry + 24) if at < t.n_fallback and vk_load64(entry) == h else -1


cdef inline int32_t fallback_row(const vk_view *t, uint64_t h, const uint8_t *p, uint64_t n) noexcept nogil:
    """The row of any other key; several may share a hash."""
    cdef uint64_t at = fallback_start(t, h)
    cdef const uint8_t *entry
    cdef int32_t row
    while at < t.n_fallback:
        entry = t.fallback + FALLBACK_BYTES * at
        if vk_load64(entry) != h:
            break
        row = <int32_t>vk_load32(entry + 24)
        if t.kind == VK_B16 and vk_same_bytes(entry + 8, p, 16):
            return row
        if t.kind == VK_BYTES:
            row = vk_record_row(t, <uint32_t>row, p, n)
            if row >= 0:
                return row
        at += 1
    return -1
