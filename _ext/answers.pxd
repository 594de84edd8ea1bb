# From keys to rows: a table's lines, then what no line could take, then the changes that wait beside it. Compiled into each CPU
# level's id_table; `lookup` has the lines.
#
# Keys that may have changed are noted where their pilots are read anyway, a piece at a time, and answered again when the piece is
# done. A filter asked for every key, in the pipeline or in a pass of its own, cost 15 to 35 % of a lookup among ten million.
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t

from lookup cimport (
    b16_row,
    b16_rows,
    direct_row,
    direct_rows,
    fallback_id,
    fallback_row,
    flat_row,
    flat_rows,
    id_row,
    id_rows,
    text_row,
    text_rows,
)
from probing cimport (
    VK_FLAT,
    VK_LINES,
    vk_filter_bit,
    vk_hash_key16,
    vk_hash_text,
    vk_may_differ,
    vk_mix64,
    vk_patch,
    vk_patched,
    vk_view,
)

cdef enum:
    PIECE = 1024        # keys that base and patch see one after the other: what is noted of them fits the smallest stacks


cdef inline int32_t one_id(const vk_view *t, uint64_t key) noexcept nogil:
    cdef int32_t row
    if t.layout == VK_FLAT:
        row = flat_row(t, key)
    elif t.layout == VK_LINES:
        row = id_row(t, key)
    else:
        return direct_row(t, key)
    if row < 0 and t.n_fallback:
        return fallback_id(t, vk_mix64(key, &t.key))
    return row


cdef inline int32_t one_b16(const vk_view *t, const uint8_t *key) noexcept nogil:
    cdef int32_t row = b16_row(t, key)
    if row < 0 and t.n_fallback:
        return fallback_row(t, vk_hash_key16(t, key), key, 16)
    return row


cdef inline int32_t one_text(const vk_view *t, const uint8_t *p, uint64_t n) noexcept nogil:
    cdef int32_t row = text_row(t, p, n)
    if row < 0 and t.n_fallback:
        return fallback_row(t, vk_hash_text(t, p, n), p, n)
    return row


cdef inline int32_t id_answer(const vk_view *t, const vk_patch *patch, uint64_t key) noexcept nogil:
    cdef int32_t row = one_id(t, key)
    if patch.table != NULL and vk_may_differ(t, patch, vk_mix64(key, &t.key)):
        return vk_patched(patch, one_id(patch.table, key), row)
    return row


cdef inline int32_t b16_answer(const vk_view *t, const vk_patch *patch, const uint8_t *key) noexcept nogil:
    cdef int32_t row = one_b16(t, key)
    if patch.table != NULL and vk_may_differ(t, patch, vk_hash_key16(t, key)):
        return vk_patched(patch, one_b16(patch.table, key), row)
    return row


cdef inline int32_t text_answer(const vk_view *t, const vk_patch *patch, const uint8_t *p, uint64_t n) noexcept nogil:
    cdef int32_t row = one_text(t, p, n)
    if patch.table != NULL and vk_may_differ(t, patch, vk_hash_text(t, p, n)):
        return vk_patched(patch, one_text(patch.table, p, n), row)
    return row


cdef inline void put_missing(int32_t *out, Py_ssize_t n, int32_t missing) noexcept nogil:
    cdef Py_ssize_t i
    if missing != -1:
        for i in range(n):
            out[i] = missing if out[i] < 0 else out[i]


cdef inline void plain_ids(const vk_view *t, const uint64_t *keys, Py_ssize_t n, int32_t *out) noexcept nogil:
    """Integer keys, as 64 bits, without changes."""
    cdef vk_patch none
    cdef Py_ssize_t i
    none.table = NULL
    if t.layout == VK_LINES:
        id_rows(t, &none, keys, n, out, NULL)
    elif t.layout == VK_FLAT:
        flat_rows(t, keys, n, out)
    else:
        direct_rows(t, keys, n, out)
    if t.n_fallback:
        for i in range(n):
            if out[i] < 0:
                out[i] = fallback_id(t, vk_mix64(keys[i], &t.key))


cdef inline void patched_ids(const vk_view *t, const vk_patch *patch, const uint64_t *keys, Py_ssize_t n,
                             int32_t *out) noexcept nogil:
    """Integer keys, at most a piece of them: as the table has them, then again those that may have changed, together."""
    cdef uint32_t marked[PIECE]
    cdef uint64_t some[PIECE]
    cdef int32_t rows[PIECE]
    cdef int32_t places[PIECE]
    cdef Py_ssize_t i, found = 0
    if t.layout == VK_LINES:
        found = id_rows(t, patch, keys, n, out, marked)
        if t.n_fallback:
            for i in range(n):
                if out[i] < 0:
                    out[i] = fallback_id(t, vk_mix64(keys[i], &t.key))
    else:
        plain_ids(t, keys, n, out)
        for i in range(n):
            marked[found] = <uint32_t>i
            found += vk_filter_bit(patch, vk_mix64(keys[i], &t.key))
    for i in range(found):
        some[i] = keys[marked[i]]
    plain_ids(t, some, found, rows)
    plain_ids(patch.table, some, found, places)
    for i in range(found):
        out[marked[i]] = vk_patched(patch, places[i], rows[i])


cdef inline void ids(const vk_view *t, const vk_patch *patch, const uint64_t *keys, Py_ssize_t n, bint is_signed, int32_t missing,
                     int32_t *out) noexcept nogil:
    """Integer keys of 64 bits. A query whose sign the table does not share is a miss, though its 64 bits may be a key's."""
    cdef Py_ssize_t i
    if patch.table == NULL:
        plain_ids(t, keys, n, out)
    else:
        i = 0
        while i < n:
            patched_ids(t, patch, keys + i, min(n - i, <Py_ssize_t>PIECE), out + i)
            i += PIECE
    if is_signed != t.is_signed:
        for i in range(n):
            out[i] |= <int32_t>(<int64_t>keys[i] >> 63)
    put_missing(out, n, missing)


cdef inline void keys16(const vk_view *t, const vk_patch *patch, const uint8_t *keys, Py_ssize_t n, int32_t missing,
                        int32_t *out) noexcept nogil:
    """128-bit keys, 16 bytes each."""
    cdef uint32_t marked[PIECE]
    cdef Py_ssize_t i, at = 0, m, found
    while at < n:
        m = n - at if patch.table == NULL else min(n - at, <Py_ssize_t>PIECE)
        found = b16_rows(t, patch, keys + 16 * at, m, out + at, marked)
        for i in range(found):
            out[at + marked[i]] = b16_answer(t, patch, keys + 16 * (at + marked[i]))
        at += m
    if t.n_fallback:
        for i in range(n):
            if out[i] < 0:
                out[i] = b16_answer(t, patch, keys + 16 * i)
    put_missing(out, n, missing)


cdef inline void texts(const vk_view *t, const vk_patch *patch, const uint8_t **address, const uint64_t *length, Py_ssize_t n,
                       int32_t missing, int32_t *out) noexcept nogil:
    cdef uint32_t marked[PIECE]
    cdef Py_ssize_t i, at = 0, m, found
    while at < n:
        m = n - at if patch.table == NULL else min(n - at, <Py_ssize_t>PIECE)
        found = text_rows(t, patch, address + at, length + at, m, out + at, marked)
        for i in range(found):
            out[at + marked[i]] = text_answer(t, patch, address[at + marked[i]], length[at + marked[i]])
        at += m
    if t.n_fallback:
        for i in range(n):
            if out[i] < 0:
                out[i] = text_answer(t, patch, address[i], length[i])
    put_missing(out, n, missing)
