# Declarations of vk_prefix.h and of the parsers it includes.
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t


cdef extern from "vk_prefix.h" nogil:
    enum:
        VK_LINE_WORDS
        VK_LINE_WORDS32
        VK_MALFORMED
        VK_MORE_DIGITS

    ctypedef struct vk_ipv4_node:
        pass
    ctypedef struct vk_slice_node:
        pass
    ctypedef struct vk_slice_group:
        pass
    ctypedef struct vk_prefix_text:
        uint32_t length

    ctypedef struct vk_intervals:
        const uint64_t *words
        const int64_t *steps
        const int32_t *ranks
        int64_t levels
    ctypedef struct vk_intervals32:
        const uint32_t *words
        const int64_t *steps
        const int32_t *ranks
        int64_t levels
    ctypedef struct vk_ipv4:
        const vk_ipv4_node *root
        const vk_ipv4_node *nodes
        const uint8_t *leaves
        vk_intervals32 deep
        int shift
    ctypedef struct vk_ipv6:
        vk_intervals high
        const int64_t *bounds
        const uint64_t *low_last
        const int32_t *low_ranks
    ctypedef struct vk_texts:
        const vk_slice_node *nodes
        const uint64_t *inner
        const uint64_t *slices
        const vk_slice_group *groups
        const vk_prefix_text *texts
        const uint8_t *arena
        int64_t n
        int terminator
        int backwards
        int fold
        int padded

    void vk_address_tables()
    uint8_t vk_parse_address(const uint8_t *p, uint64_t n, uint32_t *ipv4, uint8_t *ipv6)
    uint8_t vk_parse_network(const uint8_t *p, uint64_t n, uint32_t *ipv4, uint8_t *ipv6, uint8_t *bits)
    uint8_t vk_parse_digits(const uint8_t *p, uint64_t n, uint64_t *word)
    uint8_t vk_digits_of(uint64_t value, uint64_t *word)
    int32_t vk_interval_rank(const vk_intervals *t, uint64_t key)
    int32_t vk_ipv4_rank(const vk_ipv4 *t, uint32_t address)
    int32_t vk_ipv6_rank(const vk_ipv6 *t, uint64_t high, uint64_t low)
    int32_t vk_exact32(const uint32_t *starts, const uint8_t *lengths, int32_t rank, uint32_t start, int bits)
    int32_t vk_exact64(const uint64_t *starts, const uint8_t *lengths, int32_t rank, uint64_t start, int bits)
    int32_t vk_exact128(const uint64_t *high, const uint64_t *low, const uint8_t *lengths, int32_t rank, uint64_t start_high,
                        uint64_t start_low, int bits)
    int32_t vk_text_rank(const vk_texts *t, const uint8_t *p, int64_t n)
