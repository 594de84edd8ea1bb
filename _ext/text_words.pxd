# Texts eight bytes at a time; nothing is read outside them.
from libc.stdint cimport int64_t, uint8_t, uint64_t


cdef extern from "vk_address.h" nogil:
    uint64_t vk_load64(const void *p)
    uint64_t vk_few_bytes(const uint8_t *p, uint64_t n)


cdef extern from *:
    uint64_t __builtin_bswap64(uint64_t x) nogil
    int __builtin_ctzll(unsigned long long x) nogil


cdef inline uint64_t slice_of(const uint8_t *p, int64_t n) noexcept nogil:
    """The first eight of n bytes as a big-endian number, zeros beyond the end."""
    return __builtin_bswap64(vk_few_bytes(p, <uint64_t>(n if n < 8 else 8)))


cdef inline int64_t common_bytes(const uint8_t *a, const uint8_t *b, int64_t n) noexcept nogil:
    """How many of the first n bytes agree."""
    cdef int64_t i = 0
    cdef uint64_t differ = 0
    while i + 8 <= n and differ == 0:
        differ = vk_load64(a + i) ^ vk_load64(b + i)
        i += 8
    if differ:
        i -= 8
    elif i < n:
        differ = vk_few_bytes(a + i, <uint64_t>(n - i)) ^ vk_few_bytes(b + i, <uint64_t>(n - i))
    return i + (__builtin_ctzll(differ) >> 3) if differ else n      # the first byte in memory is the lowest of the word
