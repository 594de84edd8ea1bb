# Declarations of the C headers, and nothing else: every struct and inline function that more than one extension needs.
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t


cdef extern from "vk_hash.h" nogil:
    ctypedef struct vk_key:
        uint64_t k[8]
    void vk_key_from_seed(uint64_t seed, vk_key *key)
    uint64_t vk_mix64(uint64_t x, const vk_key *key)


cdef extern from "vk_types.h" nogil:
    enum:
        VK_DIRECT
        VK_FLAT
        VK_LINES
        VK_INT
        VK_B16
        VK_BYTES
        VK_FAST
        VK_SIPHASH

    ctypedef struct vk_view:
        const uint8_t *lines
        const uint8_t *pilots
        const uint8_t *arena
        const uint8_t *fallback
        uint64_t n_pilots
        uint64_t arena_bytes
        uint64_t n_fallback
        uint64_t base
        uint64_t span
        uint32_t segment_shift
        uint32_t segment_lines
        int32_t layout
        int32_t kind
        int32_t hash
        int32_t is_signed
        vk_key key

    uint64_t vk_load64(const void *p)
    uint32_t vk_load32(const void *p)
    uint64_t vk_bucket(uint64_t h, uint64_t n_pilots)
    uint32_t vk_shifted(uint64_t h, uint32_t pilot, uint32_t lines)
    uint32_t vk_multiplied(uint64_t h, uint32_t pilot, uint32_t lines)
    uint64_t vk_line(const vk_view *t, uint64_t h)
    uint64_t vk_slot(const vk_view *t, uint64_t h)
    uint64_t vk_hash_key16(const vk_view *t, const uint8_t *p)
    uint64_t vk_hash_text(const vk_view *t, const uint8_t *p, uint64_t n)
    bint vk_same_bytes(const uint8_t *a, const uint8_t *b, uint64_t n)
    int32_t vk_record_row(const vk_view *t, uint32_t ref, const uint8_t *p, uint64_t n)


cdef extern from "vk_patch.h" nogil:
    enum:
        VK_MARK

    ctypedef struct vk_patch:
        const vk_view *table
        const int32_t *rows
        const uint8_t *pilots
        const uint64_t *filter
        int64_t n_rows
        int32_t shift

    bint vk_any_mark(uint64_t packed)
    bint vk_is_mark(uint64_t packed, unsigned j)
    bint vk_filter_bit(const vk_patch *p, uint64_t h)
    bint vk_may_differ(const vk_view *t, const vk_patch *p, uint64_t h)
    int32_t vk_patched(const vk_patch *p, int32_t place, int32_t row)


cdef extern from "vk_simd.h" nogil:
    void VK_PREFETCH_L1(const void *p)
    void VK_PREFETCH_L2(const void *p)
    uint64_t vk_pilots8(const uint64_t *bucket, const uint8_t *pilots)
    void vk_mix8(const uint64_t *keys, uint64_t *h, uint64_t *bucket, const vk_view *t)
    void vk_locate8(const uint64_t *h, uint64_t *at, uint64_t packed, const vk_view *t)
    void vk_locate8_flat(const uint64_t *h, uint64_t *at, uint64_t packed, const vk_view *t)
    unsigned vk_match5(const uint8_t *line, uint64_t h)
    unsigned vk_match3(const uint8_t *line, const uint8_t *key)
    unsigned vk_next_match5(const uint8_t *line, uint64_t h, unsigned i)
    int32_t vk_slot_row(const uint8_t *slot, uint64_t h)
