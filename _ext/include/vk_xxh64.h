/* XXH64, the published hash (Collet; https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md): what policies hash.
 *
 * Unlike the hashes of tables it is a public format: picks of today must be the picks of tomorrow, and of any other program that
 * hashes the same bytes. A number is the eight bytes of its little-endian form.
 */
#ifndef VK_XXH64_H
#define VK_XXH64_H

#include "vk_lanes.h"
#include "vk_load.h"

#define VK_XXH_1 0x9E3779B185EBCA87ull
#define VK_XXH_2 0xC2B2AE3D27D4EB4Full
#define VK_XXH_3 0x165667B19E3779F9ull
#define VK_XXH_4 0x85EBCA77C2B2AE63ull
#define VK_XXH_5 0x27D4EB2F165667C5ull

/* Macros, since they serve words and vectors of words. */
#define VK_XXH_ROTATED(x, by) ((x) << (by) | (x) >> (64 - (by)))
#define VK_XXH_ROUND(state, word) (VK_XXH_ROTATED((state) + (word) * VK_XXH_2, 31) * VK_XXH_1)
#define VK_XXH_TAKE8(h, word)                              \
    do {                                                   \
        (h) ^= VK_XXH_ROUND(0 * (word), word);             \
        (h) = VK_XXH_ROTATED(h, 27) * VK_XXH_1 + VK_XXH_4; \
    } while (0)
#define VK_XXH_FINISH(h)   \
    do {                   \
        (h) ^= (h) >> 33;  \
        (h) *= VK_XXH_2;   \
        (h) ^= (h) >> 29;  \
        (h) *= VK_XXH_3;   \
        (h) ^= (h) >> 32;  \
    } while (0)

static inline uint64_t vk_xxh64_word(uint64_t word, uint64_t seed) {
    uint64_t h = seed + VK_XXH_5 + 8;
    VK_XXH_TAKE8(h, word);
    VK_XXH_FINISH(h);
    return h;
}

static inline uint64_t vk_xxh64(const uint8_t *p, uint64_t n, uint64_t seed) {
    const uint8_t *end = p + n;
    uint64_t h = seed + VK_XXH_5;
    if (n >= 32) {
        uint64_t v[4] = {seed + VK_XXH_1 + VK_XXH_2, seed + VK_XXH_2, seed, seed - VK_XXH_1};
        for (; end - p >= 32; p += 32)
            for (int j = 0; j < 4; j++) v[j] = VK_XXH_ROUND(v[j], vk_load64(p + 8 * j));
        h = VK_XXH_ROTATED(v[0], 1) + VK_XXH_ROTATED(v[1], 7) + VK_XXH_ROTATED(v[2], 12) + VK_XXH_ROTATED(v[3], 18);
        for (int j = 0; j < 4; j++) h = (h ^ VK_XXH_ROUND(0, v[j])) * VK_XXH_1 + VK_XXH_4;
    }
    h += n;
    for (; end - p >= 8; p += 8) VK_XXH_TAKE8(h, vk_load64(p));
    if (end - p >= 4) {
        h ^= vk_load32(p) * VK_XXH_1;
        h = VK_XXH_ROTATED(h, 23) * VK_XXH_2 + VK_XXH_3;
        p += 4;
    }
    for (; p < end; p++) {
        h ^= *p * VK_XXH_5;
        h = VK_XXH_ROTATED(h, 11) * VK_XXH_1;
    }
    VK_XXH_FINISH(h);
    return h;
}

/* Of n words, each with its own seed, or (`step` 0) all with the first. */
static inline void vk_xxh64_words(const uint64_t *words, const uint64_t *seeds, int step, uint64_t *out, int64_t n) {
    int64_t i = 0;
#if VK_LANES > 1
    vk_words seed = vk_all_words(n ? seeds[0] : 0);
    for (; i + VK_LANES <= n; i += VK_LANES) {
        vk_words word = vk_load_words(words + i), h;
        if (step) seed = vk_load_words(seeds + i);
        h = seed + (VK_XXH_5 + 8);
        VK_XXH_TAKE8(h, word);
        VK_XXH_FINISH(h);
        vk_store_words(out + i, h);
    }
#endif
    for (; i < n; i++) out[i] = vk_xxh64_word(words[i], seeds[i * step]);
}

#endif
