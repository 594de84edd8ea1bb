"""How a lookup learns that its key may have changed, as `vk_patch.h` tests it: marks among the pilots, or bits of a filter.

Kernels: they check the lengths of their arrays and release the GIL.
"""
from libc.stdint cimport uint8_t, uint64_t

from probing cimport VK_MARK, vk_bucket


def mark_pilots(const uint64_t[::1] hashes not None, uint8_t[::1] pilots not None):
    """Put a mark in the place of the pilot of each hash."""
    cdef Py_ssize_t i
    cdef uint64_t n = <uint64_t>pilots.shape[0]
    if not 1 <= n < <uint64_t>1 << 32:
        raise ValueError("pilots out of range")
    with nogil:
        for i in range(hashes.shape[0]):
            pilots[vk_bucket(hashes[i], n)] = VK_MARK


def mark_filter(const uint64_t[::1] hashes not None, uint64_t[::1] filter not None):
    """Set the bit of each hash in a filter of a power of two of words."""
    cdef int shift = 58
    cdef Py_ssize_t i, words = filter.shape[0]
    cdef uint64_t at
    if words == 0 or words & (words - 1):
        raise ValueError("filter must be a power of two of words")
    while words > 1:
        words >>= 1
        shift -= 1
    with nogil:
        for i in range(hashes.shape[0]):
            at = hashes[i] >> shift
            filter[at >> 6] |= <uint64_t>1 << (at & 63)
