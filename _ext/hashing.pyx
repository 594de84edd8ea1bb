"""The hashes of vk_hash.h over arrays, and which CPU this is.

Kernels: they check that lengths agree; dtypes and contiguity are the memoryviews', and addresses are trusted. The GIL is
released.
"""
from libc.stdint cimport uint8_t, uint64_t

from probing cimport VK_SIPHASH, vk_key, vk_key_from_seed, vk_mix64


cdef extern from "vk_hash.h" nogil:
    uint64_t vk_unmix64(uint64_t h, const vk_key *key)
    uint64_t vk_hash_b16(uint64_t lo, uint64_t hi, const vk_key *key)
    uint64_t vk_hash_bytes(const uint8_t *p, uint64_t n, const vk_key *key)
    uint64_t vk_siphash13(const uint8_t *p, uint64_t n, const vk_key *key)
    uint64_t vk_load64(const void *p)


# A compiler that is told x86-64-v3 may use lzcnt, f16c and movbe too, and a CPU without lzcnt runs it as another instruction:
# wrong answers, not a crash. Not every compiler knows these three by name, so they are read from cpuid.
cdef extern from *:
    """
    #if defined(__x86_64__) && defined(__GNUC__)
    #include <cpuid.h>
    static int vk_cpu_level(void) {
        unsigned a, b, c, d;
        __builtin_cpu_init();
        if (!(__builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2") &&
              __builtin_cpu_supports("fma")))
            return 0;
        if (!__get_cpuid(1, &a, &b, &c, &d) || !(c >> 22 & 1) || !(c >> 29 & 1)) return 0; /* movbe, f16c */
        if (!__get_cpuid(0x80000001u, &a, &b, &c, &d) || !(c >> 5 & 1)) return 0;          /* lzcnt */
        if (!(__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512cd") &&
              __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl")))
            return 1;
        return 2;
    }
    #else
    static int vk_cpu_level(void) { return 0; }
    #endif
    """
    int vk_cpu_level() nogil


def cpu_features():
    """The level of this CPU, as {"level": "default", "v3" or "v4"}."""
    return {"level": ("default", "v3", "v4")[vk_cpu_level()]}


def key_from_seed(uint64_t seed):
    """The eight words that a seed expands to."""
    cdef vk_key key
    vk_key_from_seed(seed, &key)
    return tuple(key.k[i] for i in range(8))


def hash_ids(const uint64_t[::1] keys not None, uint64_t seed, uint64_t[::1] out not None):
    """vk_mix64 of each key."""
    cdef vk_key key
    cdef Py_ssize_t i
    if keys.shape[0] != out.shape[0]:
        raise ValueError("keys must be as long as out")
    vk_key_from_seed(seed, &key)
    with nogil:
        for i in range(keys.shape[0]):
            out[i] = vk_mix64(keys[i], &key)


def unhash_ids(const uint64_t[::1] hashes not None, uint64_t seed, uint64_t[::1] out not None):
    """The keys behind hashes: the inverse of `hash_ids`."""
    cdef vk_key key
    cdef Py_ssize_t i
    if hashes.shape[0] != out.shape[0]:
        raise ValueError("hashes must be as long as out")
    vk_key_from_seed(seed, &key)
    with nogil:
        for i in range(hashes.shape[0]):
            out[i] = vk_unmix64(hashes[i], &key)


def hash_keys16(const uint8_t[::1] keys not None, uint64_t seed, int hash, uint64_t[::1] out not None):
    """The hash (VK_FAST or VK_SIPHASH) of 128-bit keys, 16 bytes each."""
    cdef vk_key key
    cdef Py_ssize_t i, n = out.shape[0]
    cdef const uint8_t *p
    if keys.shape[0] != 16 * n:
        raise ValueError("keys must be 16 bytes for each of out")
    if n == 0:
        return
    p = &keys[0]
    vk_key_from_seed(seed, &key)
    with nogil:
        if hash == VK_SIPHASH:
            for i in range(n):
                out[i] = vk_siphash13(p + 16 * i, 16, &key)
        else:
            for i in range(n):
                out[i] = vk_hash_b16(vk_load64(p + 16 * i), vk_load64(p + 16 * i + 8), &key)


def hash_texts(const uint64_t[::1] address not None, const uint64_t[::1] length not None, uint64_t seed, int hash,
               uint64_t[::1] out not None):
    """The hash (VK_FAST or VK_SIPHASH) of texts, by address and length."""
    cdef vk_key key
    cdef Py_ssize_t i, n = out.shape[0]
    if address.shape[0] != n or length.shape[0] != n:
        raise ValueError("address and length must be as long as out")
    vk_key_from_seed(seed, &key)
    with nogil:
        if hash == VK_SIPHASH:
            for i in range(n):
                out[i] = vk_siphash13(<const uint8_t *><size_t>address[i], length[i], &key)
        else:
            for i in range(n):
                out[i] = vk_hash_bytes(<const uint8_t *><size_t>address[i], length[i], &key)
