/* Longest match of one key over the arenas of a prefix table, in plain C: what the batch kernels of `valkyrie/_scan` do for an
 * array, without numba. Their numpy twins say why the answers are right (`ipv4.py`, `interval_tree.py`, `slice_tree.py`), and
 * `valkyrie/records.py` draws the layouts.
 *
 * A batch hides its cache misses behind one another; one key cannot, so what counts here is how many lines it touches one after
 * the other: three for IPv4, one a level for intervals, about two a node for texts.
 *
 * Nothing is checked here: the arrays were when they were taken over, whatever file they came from (`from_columns` of the
 * engines). Every loop ends: levels are counted, children have higher numbers, parents lower ones. Of a key nothing is read
 * outside its bytes; behind the arena of texts there are 64 bytes that are nobody's.
 */
#ifndef VK_PREFIX_H
#define VK_PREFIX_H

#include <stdint.h>
#include <string.h>

#if defined(__AVX512F__)
#include <immintrin.h>
#endif

#include "vk_address.h"

enum { VK_LINE_WORDS = 8, VK_LINE_WORDS32 = 16, VK_ONE_LEVEL = 72 };

/* Intervals: lines of the ends of subtrees, level by level, and what leads from a line to the next level. */
typedef struct {
    const uint64_t *words;
    const int64_t *steps;
    const int32_t *ranks;
    int64_t levels;
} vk_intervals;

typedef struct {
    const uint32_t *words;
    const int64_t *steps;
    const int32_t *ranks;
    int64_t levels;
} vk_intervals32;

/* IPV4_NODE */
typedef struct {
    uint64_t starts;
    uint32_t first;
    int32_t base;
} vk_ipv4_node;

typedef struct {
    const vk_ipv4_node *root;
    const vk_ipv4_node *nodes;
    const uint8_t *leaves;
    vk_intervals32 deep;
    int shift;
} vk_ipv4;

typedef struct {
    vk_intervals high;
    const int64_t *bounds;
    const uint64_t *low_last;
    const int32_t *low_ranks;
} vk_ipv6;

/* SLICE_NODE, SLICE_GROUP and PREFIX_TEXT */
typedef struct {
    uint32_t depth;
    uint32_t at;
    uint32_t count;
    uint32_t inner;
} vk_slice_node;

typedef struct {
    int32_t first;
    int32_t link;
} vk_slice_group;

typedef struct {
    uint64_t offset;
    uint32_t length;
    int32_t parent;
} vk_prefix_text;

typedef struct {
    const vk_slice_node *nodes;
    const uint64_t *inner;
    const uint64_t *slices;
    const vk_slice_group *groups;
    const vk_prefix_text *texts;
    const uint8_t *arena;
    int64_t n;
    int terminator; /* the byte that ends every text, -1 if none */
    int backwards;
    int fold;
    int padded;
} vk_texts;

/* ---- intervals ---- */

#if defined(__AVX512F__)

static inline int64_t vk_count_less(const uint64_t *line, uint64_t key) {
    return __builtin_popcount(_mm512_cmplt_epu64_mask(_mm512_loadu_si512(line), _mm512_set1_epi64((long long)key)));
}

static inline int64_t vk_count_less32(const uint32_t *line, uint32_t key) {
    return __builtin_popcount(_mm512_cmplt_epu32_mask(_mm512_loadu_si512(line), _mm512_set1_epi32((int)key)));
}

/* Which of eight slices are not above a word, as bits. */
static inline uint32_t vk_not_above(const uint64_t *line, uint64_t word) {
    return _mm512_cmple_epu64_mask(_mm512_loadu_si512(line), _mm512_set1_epi64((long long)word));
}

#else

static inline int64_t vk_count_less(const uint64_t *line, uint64_t key) {
    int64_t count = 0;
    for (int i = 0; i < VK_LINE_WORDS; i++) count += line[i] < key;
    return count;
}

static inline int64_t vk_count_less32(const uint32_t *line, uint32_t key) {
    uint32_t count = 0;
    for (int i = 0; i < VK_LINE_WORDS32; i++) count += line[i] < key;
    return count;
}

static inline uint32_t vk_not_above(const uint64_t *line, uint64_t word) {
    uint32_t bits = 0;
    for (int i = 0; i < VK_LINE_WORDS; i++) bits |= (uint32_t)(line[i] <= word) << i;
    return bits;
}

#endif

static inline int32_t vk_interval_rank(const vk_intervals *t, uint64_t key) {
    int64_t at = 0, level;
    for (level = 0; level < t->levels - 1; level++) at = 9 * at + 8 * vk_count_less(t->words + at, key) + t->steps[level];
    return t->ranks[at - t->steps[level] + vk_count_less(t->words + at, key)];
}

static inline int32_t vk_interval_rank32(const vk_intervals32 *t, uint32_t key) {
    int64_t at = 0, level;
    for (level = 0; level < t->levels - 1; level++) at = 17 * at + 16 * vk_count_less32(t->words + at, key) + t->steps[level];
    return t->ranks[at - t->steps[level] + vk_count_less32(t->words + at, key)];
}

/* ---- addresses ---- */

/* Where a slot (the low six bits) of a node leads. */
static inline uint64_t vk_slot_of(const vk_ipv4_node *node, uint32_t slot) {
    return node->first + (uint64_t)__builtin_popcountll(node->starts << (~slot & 63));
}

static inline int32_t vk_ipv4_rank(const vk_ipv4 *t, uint32_t address) {
    const vk_ipv4_node *node = t->nodes + vk_slot_of(t->root + (address >> t->shift), address >> (t->shift - 6));
    uint32_t code = t->leaves[vk_slot_of(node, address >> (t->shift - 12))];
    int32_t rank;
    if (code == 255) return vk_interval_rank32(&t->deep, address);
    if (code) return node->base + (int32_t)code;
    memcpy(&rank, t->leaves + node->first - 4, 4);
    return rank;
}

static inline int32_t vk_ipv6_rank(const vk_ipv6 *t, uint64_t high, uint64_t low) {
    int32_t rank = vk_interval_rank(&t->high, high);
    int64_t begin, end, middle;
    if (rank >= -1) return rank;
    begin = t->bounds[-2 - rank];
    end = t->bounds[-1 - rank] - 1;
    while (begin < end) {
        middle = (begin + end) >> 1;
        if (t->low_last[middle] < low)
            begin = middle + 1;
        else
            end = middle;
    }
    return t->low_ranks[begin];
}

/* The rank of a prefix itself, or -1. Given is the longest prefix of its first address: that is it, or a longer one that begins
 * there too, and those follow it in order. */
static inline int32_t vk_exact32(const uint32_t *starts, const uint8_t *lengths, int32_t rank, uint32_t start, int bits) {
    while (rank >= 0 && starts[rank] == start && lengths[rank] > bits) rank--;
    return rank >= 0 && starts[rank] == start && lengths[rank] == bits ? rank : -1;
}

static inline int32_t vk_exact64(const uint64_t *starts, const uint8_t *lengths, int32_t rank, uint64_t start, int bits) {
    while (rank >= 0 && starts[rank] == start && lengths[rank] > bits) rank--;
    return rank >= 0 && starts[rank] == start && lengths[rank] == bits ? rank : -1;
}

static inline int32_t vk_exact128(const uint64_t *high, const uint64_t *low, const uint8_t *lengths, int32_t rank,
                                  uint64_t start_high, uint64_t start_low, int bits) {
    while (rank >= 0 && high[rank] == start_high && low[rank] == start_low && lengths[rank] > bits) rank--;
    return rank >= 0 && high[rank] == start_high && low[rank] == start_low && lengths[rank] == bits ? rank : -1;
}

/* ---- texts ---- */

/* Eight bytes with A-Z as a-z. */
static inline uint64_t vk_folded(uint64_t word) {
    uint64_t low = word & 0x7F7F7F7F7F7F7F7Fu;
    uint64_t upper = ((low + 0x3F3F3F3F3F3F3F3Fu) ^ (low + 0x2525252525252525u)) & ~word & 0x8080808080808080u;
    return word | upper >> 2;
}

/* How many first bytes of two slices agree, from their exclusive or. */
static inline int64_t vk_equal_bytes(uint64_t differ) { return differ ? __builtin_clzll(differ) >> 3 : 8; }

/* The slice of a text of n bytes at a depth, read as the table's kind reads it. */
static inline uint64_t vk_slice_at(const vk_texts *t, const uint8_t *p, int64_t n, int64_t depth) {
    int64_t left = n - depth, inside = left < 8 ? left : 8;
    uint64_t word = 0;
    if (left > 0) {
        if (t->backwards)
            word = vk_few_bytes(p + left - inside, (uint64_t)inside) << (8 * (8 - inside));
        else
            word = __builtin_bswap64(vk_few_bytes(p + depth, (uint64_t)inside));
        if (t->fold) word = vk_folded(word);
    }
    if (t->terminator >= 0 && left >= 0 && left < 8) word |= (uint64_t)t->terminator << (56 - 8 * left);
    return word;
}

/* How many of the first `most` bytes a text of n bytes, `size` with its terminator, shares with a stored one; the first `depth`
 * are known to agree. */
static inline int64_t vk_common_from(const vk_texts *t, const uint8_t *p, int64_t n, int64_t size, int64_t depth,
                                     const uint8_t *stored, int64_t most) {
    uint64_t differ;
    if (most > size) most = size;
    for (; depth < most; depth += 8) {
        differ = vk_slice_at(t, p, n, depth) ^ __builtin_bswap64(vk_load64(stored + depth));
        if (differ) {
            depth += vk_equal_bytes(differ);
            break;
        }
    }
    return depth < most ? depth : most;
}

/* Where a word stands among the slices of a node: the last that is not above it, or `at` - 1. */
static inline int64_t vk_position(const vk_texts *t, const vk_slice_node *node, uint64_t word) {
    const uint64_t *lines = t->inner + (uint64_t)VK_LINE_WORDS * node->inner;
    int64_t at = node->at, count = node->count, leaves = (count + 7) >> 3, skipped = at & 7, leaf = 0, reach = 1, full = 0, last, i;
    uint32_t wanted = 255;
    if (count <= VK_LINE_WORDS) {
        wanted = (255u >> (8 - count)) << skipped;
    } else {
        i = __builtin_popcount(vk_not_above(lines, word));
        if (count > VK_ONE_LEVEL) {
            for (; reach * 9 < leaves; reach *= 9) full += reach;
            last = full + (leaves + 8) / 9 - 1;
            i++;
            while (i < full + reach) {
                if (i > last) i = last;
                i = 9 * i + 1 + __builtin_popcount(vk_not_above(lines + VK_LINE_WORDS * i, word));
            }
            i -= full + reach;
        }
        leaf = i < leaves ? i : leaves - 1;
    }
    i = at - skipped + VK_LINE_WORDS * leaf;
    __builtin_prefetch(t->groups + i); /* while the slices come */
    i = VK_LINE_WORDS * leaf + __builtin_popcount(vk_not_above(t->slices + i, word) & wanted);
    return at + (i < count ? i : count) - 1;
}

/* The rank of the longest prefix of a text, or -1. */
static inline int32_t vk_text_rank(const vk_texts *t, const uint8_t *p, int64_t n) {
    const vk_slice_node *node = t->nodes;
    int64_t size = n + (t->terminator >= 0), depth, common, position, known;
    int32_t rank = 0, ended;
    uint64_t word, found;
    const uint8_t *near;
    int below, goes_on;
    vk_slice_group group;
    if (t->n == 0) return -1;
    known = node->depth; /* bytes that are verified, if no more were skipped */
    if (known) {
        /* What all texts share; in a tree from elsewhere, the first may be shorter. */
        common = t->texts[0].length < known ? t->texts[0].length : known;
        common = vk_common_from(t, p, n, size, 0, t->arena + t->texts[0].offset, common);
        if (common < known) goto climb;
    }
    for (;;) {
        depth = node->depth;
        word = vk_slice_at(t, p, n, depth);
        position = vk_position(t, node, word);
        below = position < (int64_t)node->at;
        position += below;
        found = t->slices[position];
        group = t->groups[position];
        goes_on = !below && found == word && size > depth + 8;
        if (!goes_on || group.link < 0) break;
        known += known == depth ? 8 : 0;
        node = t->nodes + group.link;
        /* Most nodes have a few texts, side by side: the one that will be compared comes while the node does. */
        near = t->arena + t->texts[group.first].offset + depth;
        __builtin_prefetch(near);
        __builtin_prefetch(near + 64);
    }
    if (below) {
        rank = group.first;
    } else if (group.link < 0) {
        rank = ~group.link;
    } else {
        rank = group.first;
        if (t->padded) { /* of texts that end in the slice, the last */
            ended = t->groups[t->nodes[group.link].at].first - 1;
            rank = ended > rank ? ended : rank;
        }
    }
    if (known == depth && !goes_on) {
        common = depth + (below ? 0 : vk_equal_bytes(found ^ word));
        common = common < size ? common : size;
    } else {
        known += known == depth ? 8 : 0;
        if (t->texts[rank].parent >= 0) __builtin_prefetch(t->texts + t->texts[rank].parent); /* while the text comes */
        common = vk_common_from(t, p, n, size, known, t->arena + t->texts[rank].offset, t->texts[rank].length);
    }
climb:
    while (rank >= 0 && t->texts[rank].length > common) rank = t->texts[rank].parent;
    return rank;
}

#endif
