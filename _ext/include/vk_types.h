/* What the kernels share: the view of a table that they read, and the arithmetic that takes a hash to its line.
 *
 * A 64-bit hash h is cut in two. Its high half chooses a bucket of about five keys, its low half a position; the bucket's one-byte
 * pilot shifts that position so that every line ends up with at most five keys:
 *
 *     bucket  = high32(h) * n_pilots >> 32
 *     segment = bucket >> segment_shift                      (4,096 buckets; one segment when the table is small)
 *     line    = segment * segment_lines + (low32(h) + (pilots[bucket] << 24)  mod 2^32) * segment_lines >> 32
 *
 * Buckets and lines of one segment belong together, so a table is built segment by segment in cache, and no directory is needed to
 * look up. Whatever the bytes of the pilots, a line is always inside the table: nothing a file holds can lead a read astray.
 *
 * The flat layout has one slot of 16 bytes a line, and the pilot multiplies instead of shifting, since two keys of a bucket with
 * close low halves could never be parted by a shift.
 */
#ifndef VK_TYPES_H
#define VK_TYPES_H

#include <stdint.h>
#include <string.h>

#include "vk_hash.h"

enum { VK_DIRECT = 0, VK_FLAT = 1, VK_LINES = 2 };
enum { VK_INT = 0, VK_B16 = 1, VK_BYTES = 2 };
enum { VK_FAST = 0, VK_SIPHASH = 1 };

/* A table as the kernels see it. All pointers are borrowed from arrays that the owner keeps alive. */
typedef struct {
    const uint8_t *lines;
    const uint8_t *pilots;
    const uint8_t *arena;    /* records of a bytes table: u32 length, i32 row, the bytes, zeros up to a multiple of 8 */
    const uint8_t *fallback; /* keys no line could take, sorted by hash: 32 bytes each, see records.FALLBACK */
    uint64_t n_pilots;
    uint64_t arena_bytes;
    uint64_t n_fallback;
    uint64_t base; /* direct layout: the smallest key */
    uint64_t span; /* direct layout: slots; slot `span` is a guard that holds -1 */
    uint32_t segment_shift;
    uint32_t segment_lines;
    int32_t layout;
    int32_t kind;
    int32_t hash;
    int32_t is_signed;
    vk_key key;
} vk_view;

static inline uint64_t vk_bucket(uint64_t h, uint64_t n_pilots) { return ((h >> 32) * n_pilots) >> 32; }

static inline uint32_t vk_shifted(uint64_t h, uint32_t pilot, uint32_t lines) {
    return (uint32_t)(((uint64_t)(uint32_t)((uint32_t)h + (pilot << 24)) * lines) >> 32);
}

#define VK_FLAT_MULTIPLIER 0x9E3779B1u

static inline uint32_t vk_multiplied(uint64_t h, uint32_t pilot, uint32_t lines) {
    return (uint32_t)(((uint64_t)(uint32_t)((uint32_t)h * (VK_FLAT_MULTIPLIER + (pilot << 9))) * lines) >> 32);
}

/* Line number of a hash in the lines layout. */
static inline uint64_t vk_line(const vk_view *t, uint64_t h) {
    uint64_t bucket = vk_bucket(h, t->n_pilots);
    return (bucket >> t->segment_shift) * (uint64_t)t->segment_lines + vk_shifted(h, t->pilots[bucket], t->segment_lines);
}

/* Slot number of a hash in the flat layout. */
static inline uint64_t vk_slot(const vk_view *t, uint64_t h) {
    return vk_multiplied(h, t->pilots[vk_bucket(h, t->n_pilots)], t->segment_lines);
}

static inline uint64_t vk_hash_key16(const vk_view *t, const uint8_t *p) {
    return t->hash == VK_SIPHASH ? vk_siphash13(p, 16, &t->key) : vk_hash_b16(vk_load64(p), vk_load64(p + 8), &t->key);
}

static inline uint64_t vk_hash_text(const vk_view *t, const uint8_t *p, uint64_t n) {
    return t->hash == VK_SIPHASH ? vk_siphash13(p, n, &t->key) : vk_hash_bytes(p, n, &t->key);
}

/* Equality of n bytes, without a call and without a read outside either. From 8 to 32 bytes, where most names are, four words that
 * overlap cover both, so that texts of mixed lengths take no branch that could be mispredicted. */
static inline int vk_same_bytes(const uint8_t *a, const uint8_t *b, uint64_t n) {
    uint64_t i, last, second, third, differ = 0;
    if (n >= 8) {
        last = n - 8;
        second = last < 8 ? last : 8;
        third = last < 16 ? last : 16;
        differ = (vk_load64(a) ^ vk_load64(b)) | (vk_load64(a + last) ^ vk_load64(b + last));
        differ |= (vk_load64(a + second) ^ vk_load64(b + second)) | (vk_load64(a + third) ^ vk_load64(b + third));
        for (i = 24; i < last; i += 8) differ |= vk_load64(a + i) ^ vk_load64(b + i);
        return differ == 0;
    }
    if (n >= 4) return ((vk_load32(a) ^ vk_load32(b)) | (vk_load32(a + n - 4) ^ vk_load32(b + n - 4))) == 0;
    for (i = 0; i < n; i++) differ |= (uint64_t)(a[i] ^ b[i]);
    return differ == 0;
}

/* The row of the record at `ref` if it holds these bytes, else -1. `ref` counts units of 8 bytes and may come from a file: it is
 * checked against the arena here, at every use, in every mode. */
static inline int32_t vk_record_row(const vk_view *t, uint32_t ref, const uint8_t *p, uint64_t n) {
    uint64_t at = (uint64_t)ref * 8;
    const uint8_t *record;
    if (at + 8 > t->arena_bytes) return -1;
    record = t->arena + at;
    if (vk_load32(record) != n || n > t->arena_bytes - at - 8) return -1;
    return vk_same_bytes(record + 8, p, n) ? (int32_t)vk_load32(record + 4) : -1;
}

#endif
