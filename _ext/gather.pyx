"""Taking payload by row, where -1 (or any row the payload does not have) takes the fill item instead; writing out ranges."""
from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy

from probing cimport VK_PREFETCH_L2

ctypedef fused item_t:
    uint8_t
    uint16_t
    uint32_t
    uint64_t

cdef enum:
    AHEAD = 48


cdef inline Py_ssize_t take_items(const item_t *items, uint32_t n_items, const int32_t *rows, Py_ssize_t n, item_t fill,
                                  item_t *out) noexcept nogil:
    """How many rows took the fill item. It is chosen by a select, not a branch: misses come in no order."""
    cdef Py_ssize_t i, ahead, absent = 0
    cdef uint32_t row
    cdef item_t item
    for i in range(n):
        ahead = i + AHEAD if i + AHEAD < n else n - 1
        VK_PREFETCH_L2(items + <uint32_t>rows[ahead] * <uint64_t>(<uint32_t>rows[ahead] < n_items))
        row = <uint32_t>rows[i]
        item = items[row if row < n_items else 0]
        out[i] = item if row < n_items else fill
        absent += row >= n_items
    return absent


def take(const uint8_t[::1] items not None, Py_ssize_t itemsize, const int32_t[::1] rows not None,
         const uint8_t[::1] fill not None, uint8_t[::1] out not None):
    """Write items[rows] to out, all as bytes; how many rows took `fill`, an item itself.

    The buffers of items of 2, 4 and 8 bytes are aligned, and there is at least one item.
    """
    cdef Py_ssize_t n = rows.shape[0], i, absent = 0
    cdef uint64_t n_items
    cdef uint32_t row
    if itemsize < 1 or fill.shape[0] != itemsize or out.shape[0] != n * itemsize or items.shape[0] < itemsize:
        raise ValueError("fill must be one item, out as many as rows, items at least one")
    if n == 0:
        return 0
    n_items = <uint64_t>(items.shape[0] // itemsize)
    if n_items > 0x7FFFFFFF:
        n_items = 0x7FFFFFFF
    with nogil:
        if itemsize == 1:
            absent = take_items[uint8_t](&items[0], <uint32_t>n_items, &rows[0], n, fill[0], &out[0])
        elif itemsize == 2:
            absent = take_items[uint16_t](<const uint16_t *>&items[0], <uint32_t>n_items, &rows[0], n,
                                          (<const uint16_t *>&fill[0])[0], <uint16_t *>&out[0])
        elif itemsize == 4:
            absent = take_items[uint32_t](<const uint32_t *>&items[0], <uint32_t>n_items, &rows[0], n,
                                          (<const uint32_t *>&fill[0])[0], <uint32_t *>&out[0])
        elif itemsize == 8:
            absent = take_items[uint64_t](<const uint64_t *>&items[0], <uint32_t>n_items, &rows[0], n,
                                          (<const uint64_t *>&fill[0])[0], <uint64_t *>&out[0])
        else:
            for i in range(n):
                row = <uint32_t>rows[i]
                if row < n_items:
                    memcpy(&out[i * itemsize], &items[<Py_ssize_t>(row * <uint64_t>itemsize)], <size_t>itemsize)
                else:
                    memcpy(&out[i * itemsize], &fill[0], <size_t>itemsize)
                    absent += 1
    return absent


cdef inline void count_up(uint32_t start, Py_ssize_t size, uint32_t *o, const uint32_t *end) noexcept nogil:
    """Write start, start + 1 ... to o, `size` of them, in eights: what that leaves behind them is another range's, to come.

    `end` is that of all ranges, where there is no room for more. A long range is written in aligned eights from its second on.
    """
    cdef const uint32_t *stop = o + size
    cdef Py_ssize_t j, step
    if size > 0 and end - o >= 8:
        for j in range(8):
            o[j] = start + <uint32_t>j
        step = 8 - <Py_ssize_t>((<size_t>o >> 2) & 7)
        o += step
        start += <uint32_t>step
    while o < stop and end - o >= 8:
        for j in range(8):
            o[j] = start + <uint32_t>j
        o += 8
        start += 8
    while o < stop:
        o[0] = start
        o += 1
        start += 1


def expand_ranges(const int32_t[::1] starts not None, const int64_t[::1] offsets not None, const int32_t[::1] rows,
                  int32_t[::1] out not None):
    """Write to out[offsets[i]:offsets[i + 1]] what follows from starts[i] on: numbers, or with `rows` the rows there."""
    cdef Py_ssize_t n = starts.shape[0], i, j, size
    cdef int64_t first
    cdef int32_t *o
    cdef const int32_t *r
    if offsets.shape[0] != n + 1 or offsets[0] != 0 or offsets[n] != out.shape[0]:
        raise ValueError("offsets must rise from 0 to the length of out, one more than starts")
    if out.shape[0] == 0:
        return
    for i in range(n):
        if offsets[i + 1] < offsets[i] or starts[i] < 0 or offsets[i + 1] - offsets[i] > 0x7FFFFFFF - starts[i]:
            raise ValueError("a range is negative, or reaches beyond 2**31 - 1")
        if rows is not None and starts[i] + (offsets[i + 1] - offsets[i]) > rows.shape[0]:
            raise ValueError("a range reaches beyond the rows")
    with nogil:
        for i in range(n):
            first = offsets[i]
            size = <Py_ssize_t>(offsets[i + 1] - first)
            if size == 0:
                continue
            o = &out[<Py_ssize_t>first]
            if rows is None:
                count_up(<uint32_t>starts[i], size, <uint32_t *>o, <const uint32_t *>&out[0] + out.shape[0])
            else:
                r = &rows[starts[i]]
                for j in range(size):
                    o[j] = r[j]
