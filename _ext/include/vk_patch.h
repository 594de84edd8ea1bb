/* Changes that wait beside a table, and how a lookup learns of them at next to no cost.
 *
 * A patch is a small table of its own, from changed keys to places in an array of new rows, -1 where the key was removed. In the
 * lines layout it has a copy of the pilots, one byte a bucket of five keys, in which the buckets of changed keys hold VK_MARK. A
 * lookup reads its key's pilot anyway, so to know that nothing changed costs it one test for eight keys. The keys of a marked bucket
 * (and of one whose true pilot is 255) are looked up again, one by one, in the table as it is and then in the patch.
 *
 * Layouts without such pilots test a bit of the key's keyed hash in a filter of 16 bits a change or more.
 */
#ifndef VK_PATCH_H
#define VK_PATCH_H

#include "vk_simd.h"

#define VK_MARK 255

typedef struct {
    const vk_view *table;   /* NULL: nothing has changed */
    const int32_t *rows;    /* the new row of each place of `table`, -1 where the key was removed */
    const uint8_t *pilots;  /* lines layout: pilots and marks */
    const uint64_t *filter; /* other layouts: 2^(64 - shift) bits */
    int64_t n_rows;
    int32_t shift;
} vk_patch;

/* Whether one of eight pilots is a mark: whether the complement has a zero byte. */
static inline int vk_any_mark(uint64_t packed) { return ((~packed - 0x0101010101010101ull) & packed & 0x8080808080808080ull) != 0; }

static inline int vk_is_mark(uint64_t packed, unsigned j) { return (uint8_t)(packed >> (8 * j)) == VK_MARK; }

static inline int vk_filter_bit(const vk_patch *p, uint64_t h) {
    uint64_t at = h >> p->shift;
    return (int)(p->filter[at >> 6] >> (at & 63)) & 1;
}

/* Whether the key of a hash may have changed. */
static inline int vk_may_differ(const vk_view *t, const vk_patch *p, uint64_t h) {
    return t->layout == VK_LINES ? p->pilots[vk_bucket(h, t->n_pilots)] == VK_MARK : vk_filter_bit(p, h);
}

/* The row behind a place that the patch's own table gave: `row` itself where it gave none. */
static inline int32_t vk_patched(const vk_patch *p, int32_t place, int32_t row) {
    return place < 0 || place >= p->n_rows ? row : p->rows[place];
}

#endif
