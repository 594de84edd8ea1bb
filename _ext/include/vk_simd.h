/* The steps of a lookup for eight hashes at a time, written for each CPU level the extension is compiled for.
 *
 *     vk_mix8      keys  -> hashes and buckets
 *     vk_pilots8   buckets -> their pilots, a byte each
 *     vk_locate8   buckets and pilots -> byte offsets of lines
 *     vk_match5/3  one line and one key -> which of its rows answers; the guard (a row that is always -1) when none does
 *
 * The x86-64 baseline has neither 64-bit vector compares nor multiplies: there the multiplies are scalar and the compares are of
 * 32-bit halves. AVX2 (v3) multiplies 64-bit lanes in three 32-bit steps. AVX-512 (v4) has all of it, and compares a line at once.
 */
#ifndef VK_SIMD_H
#define VK_SIMD_H

#include "vk_types.h"

#if defined(__SSE2__)
#include <immintrin.h>
#endif

#if defined(__GNUC__) || defined(__clang__)
#define VK_PREFETCH_L1(p) __builtin_prefetch((p), 0, 3)
#define VK_PREFETCH_L2(p) __builtin_prefetch((p), 0, 2)
#else
#define VK_PREFETCH_L1(p) ((void)(p))
#define VK_PREFETCH_L2(p) ((void)(p))
#endif

static inline uint64_t vk_pilots8(const uint64_t *bucket, const uint8_t *pilots) {
    uint64_t packed = 0;
    for (int j = 0; j < 8; j++) packed |= (uint64_t)pilots[bucket[j]] << (8 * j);
    return packed;
}

#if defined(__AVX512F__) && defined(__AVX512DQ__)

static inline void vk_mix8(const uint64_t *keys, uint64_t *h, uint64_t *bucket, const vk_view *t) {
    __m512i x = vk_mix64_x8(_mm512_loadu_si512(keys), &t->key);
    _mm512_storeu_si512(h, x);
    x = _mm512_mul_epu32(_mm512_srli_epi64(x, 32), _mm512_set1_epi64((long long)t->n_pilots));
    _mm512_storeu_si512(bucket, _mm512_srli_epi64(x, 32));
}

static inline __m512i vk_spread8(uint64_t packed) { return _mm512_cvtepu8_epi64(_mm_cvtsi64_si128((long long)packed)); }

static inline void vk_locate8_flat(const uint64_t *h, uint64_t *at, uint64_t packed, const vk_view *t) {
    __m512i by = _mm512_add_epi64(_mm512_slli_epi64(vk_spread8(packed), 9), _mm512_set1_epi64(VK_FLAT_MULTIPLIER));
    __m512i low = _mm512_mul_epu32(_mm512_loadu_si512(h), by);
    __m512i slot = _mm512_srli_epi64(_mm512_mul_epu32(low, _mm512_set1_epi64(t->segment_lines)), 32);
    _mm512_storeu_si512(at, _mm512_slli_epi64(slot, 4));
}

static inline void vk_locate8(const uint64_t *h, uint64_t *at, uint64_t packed, const vk_view *t) {
    __m512i lines = _mm512_set1_epi64(t->segment_lines);
    __m512i pilot = _mm512_slli_epi64(vk_spread8(packed), 24);
    __m512i line = _mm512_srli_epi64(_mm512_mul_epu32(_mm512_add_epi32(_mm512_loadu_si512(h), pilot), lines), 32);
    __m512i segment = _mm512_srl_epi64(_mm512_loadu_si512(at), _mm_cvtsi32_si128((int)t->segment_shift));
    line = _mm512_add_epi64(line, _mm512_mul_epu32(segment, lines));
    _mm512_storeu_si512(at, _mm512_slli_epi64(line, 6));
}

static inline unsigned vk_match5(const uint8_t *line, uint64_t h) {
    unsigned m = _mm512_cmpeq_epi64_mask(_mm512_loadu_si512(line), _mm512_set1_epi64((long long)h));
    return (unsigned)__builtin_ctz(m | 32u);
}

static inline unsigned vk_match3(const uint8_t *line, const uint8_t *key) {
    __m512i k = _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)key));
    unsigned m = _mm512_cmpeq_epi64_mask(_mm512_loadu_si512(line), k);
    return (unsigned)__builtin_ctz((m & (m >> 1) & 0x15u) | 0x40u) >> 1;
}

#elif defined(__AVX2__)

static inline void vk_mix8(const uint64_t *keys, uint64_t *h, uint64_t *bucket, const vk_view *t) {
    __m256i n_pilots = _mm256_set1_epi64x((long long)t->n_pilots);
    for (int j = 0; j < 8; j += 4) {
        __m256i x = vk_mix64_x4(_mm256_loadu_si256((const __m256i *)(keys + j)), &t->key);
        _mm256_storeu_si256((__m256i *)(h + j), x);
        x = _mm256_mul_epu32(_mm256_srli_epi64(x, 32), n_pilots);
        _mm256_storeu_si256((__m256i *)(bucket + j), _mm256_srli_epi64(x, 32));
    }
}

static inline __m256i vk_spread4(uint64_t packed, int from) {
    return _mm256_cvtepu8_epi64(_mm_cvtsi32_si128((int)(packed >> (8 * from))));
}

static inline void vk_locate8_flat(const uint64_t *h, uint64_t *at, uint64_t packed, const vk_view *t) {
    __m256i slots = _mm256_set1_epi64x(t->segment_lines), odd = _mm256_set1_epi64x(VK_FLAT_MULTIPLIER);
    for (int j = 0; j < 8; j += 4) {
        __m256i by = _mm256_add_epi64(_mm256_slli_epi64(vk_spread4(packed, j), 9), odd);
        __m256i low = _mm256_mul_epu32(_mm256_loadu_si256((const __m256i *)(h + j)), by);
        __m256i slot = _mm256_srli_epi64(_mm256_mul_epu32(low, slots), 32);
        _mm256_storeu_si256((__m256i *)(at + j), _mm256_slli_epi64(slot, 4));
    }
}

static inline void vk_locate8(const uint64_t *h, uint64_t *at, uint64_t packed, const vk_view *t) {
    __m256i lines = _mm256_set1_epi64x(t->segment_lines);
    __m128i shift = _mm_cvtsi32_si128((int)t->segment_shift);
    for (int j = 0; j < 8; j += 4) {
        __m256i pilot = _mm256_slli_epi64(vk_spread4(packed, j), 24);
        __m256i low = _mm256_add_epi32(_mm256_loadu_si256((const __m256i *)(h + j)), pilot);
        __m256i line = _mm256_srli_epi64(_mm256_mul_epu32(low, lines), 32);
        __m256i segment = _mm256_srl_epi64(_mm256_loadu_si256((const __m256i *)(at + j)), shift);
        line = _mm256_add_epi64(line, _mm256_mul_epu32(segment, lines));
        _mm256_storeu_si256((__m256i *)(at + j), _mm256_slli_epi64(line, 6));
    }
}

/* Lanes 5 to 7 of a line hold rows, so bits 5 to 7 of the mask are noise: the sentinel at bit 5 hides them all. */
static inline unsigned vk_match5(const uint8_t *line, uint64_t h) {
    __m256i k = _mm256_set1_epi64x((long long)h);
    __m256i a = _mm256_cmpeq_epi64(k, _mm256_loadu_si256((const __m256i *)line));
    __m256i b = _mm256_cmpeq_epi64(k, _mm256_loadu_si256((const __m256i *)(line + 32)));
    unsigned m = (unsigned)_mm256_movemask_pd(_mm256_castsi256_pd(a)) | (unsigned)_mm256_movemask_pd(_mm256_castsi256_pd(b)) << 4;
    return (unsigned)__builtin_ctz(m | 32u);
}

static inline unsigned vk_match3(const uint8_t *line, const uint8_t *key) {
    __m256i k = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)key));
    __m256i a = _mm256_cmpeq_epi64(k, _mm256_loadu_si256((const __m256i *)line));
    __m256i b = _mm256_cmpeq_epi64(k, _mm256_loadu_si256((const __m256i *)(line + 32)));
    unsigned m = (unsigned)_mm256_movemask_pd(_mm256_castsi256_pd(a)) | (unsigned)_mm256_movemask_pd(_mm256_castsi256_pd(b)) << 4;
    return (unsigned)__builtin_ctz((m & (m >> 1) & 0x15u) | 0x40u) >> 1;
}

#else

static inline void vk_mix8(const uint64_t *keys, uint64_t *h, uint64_t *bucket, const vk_view *t) {
    for (int j = 0; j < 8; j++) {
        h[j] = vk_mix64(keys[j], &t->key);
        bucket[j] = vk_bucket(h[j], t->n_pilots);
    }
}

static inline void vk_locate8(const uint64_t *h, uint64_t *at, uint64_t packed, const vk_view *t) {
    for (int j = 0; j < 8; j++) {
        uint64_t segment = at[j] >> t->segment_shift;
        at[j] = (segment * t->segment_lines + vk_shifted(h[j], (uint8_t)(packed >> (8 * j)), t->segment_lines)) << 6;
    }
}

static inline void vk_locate8_flat(const uint64_t *h, uint64_t *at, uint64_t packed, const vk_view *t) {
    for (int j = 0; j < 8; j++) at[j] = (uint64_t)vk_multiplied(h[j], (uint8_t)(packed >> (8 * j)), t->segment_lines) << 4;
}

#if defined(__SSE2__)

static inline unsigned vk_match5(const uint8_t *line, uint64_t h) {
    __m128i k = _mm_set1_epi64x((long long)h);
    const __m128i *q = (const __m128i *)line;
    unsigned a = (unsigned)_mm_movemask_ps(_mm_castsi128_ps(_mm_cmpeq_epi32(k, _mm_loadu_si128(q))));
    unsigned b = (unsigned)_mm_movemask_ps(_mm_castsi128_ps(_mm_cmpeq_epi32(k, _mm_loadu_si128(q + 1))));
    unsigned c = (unsigned)_mm_movemask_ps(_mm_castsi128_ps(_mm_cmpeq_epi32(k, _mm_loadu_si128(q + 2))));
    unsigned m = a | b << 4 | c << 8;
    return (unsigned)__builtin_ctz((m & (m >> 1) & 0x155u) | 0x400u) >> 1;
}

static inline unsigned vk_match3(const uint8_t *line, const uint8_t *key) {
    __m128i k = _mm_loadu_si128((const __m128i *)key);
    const __m128i *q = (const __m128i *)line;
    unsigned a = _mm_movemask_epi8(_mm_cmpeq_epi8(k, _mm_loadu_si128(q))) == 0xFFFF;
    unsigned b = _mm_movemask_epi8(_mm_cmpeq_epi8(k, _mm_loadu_si128(q + 1))) == 0xFFFF;
    unsigned c = _mm_movemask_epi8(_mm_cmpeq_epi8(k, _mm_loadu_si128(q + 2))) == 0xFFFF;
    return (unsigned)__builtin_ctz(a | b << 1 | c << 2 | 8u);
}

#else

static inline unsigned vk_match5(const uint8_t *line, uint64_t h) {
    unsigned m = 32u;
    for (int j = 0; j < 5; j++) m |= (unsigned)(vk_load64(line + 8 * j) == h) << j;
    return (unsigned)__builtin_ctz(m);
}

static inline unsigned vk_match3(const uint8_t *line, const uint8_t *key) {
    unsigned m = 8u;
    for (int j = 0; j < 3; j++) m |= (unsigned)(memcmp(line + 16 * j, key, 16) == 0) << j;
    return (unsigned)__builtin_ctz(m);
}

#endif
#endif

/* The flat layout: slots of 16 bytes, {u64 fingerprint, i32 row, i32 guard}. */
/* Row of the slot if its fingerprint is h, else -1: a mask, not a branch, which would be mispredicted for mixed hits and misses. */
static inline int32_t vk_slot_row(const uint8_t *slot, uint64_t h) {
    return (int32_t)(vk_load32(slot + 8) | (uint32_t)-(int32_t)(vk_load64(slot) != h));
}

/* The next slot behind i with a fingerprint equal to h, or 5: two keys may share a 64-bit hash. */
static inline unsigned vk_next_match5(const uint8_t *line, uint64_t h, unsigned i) {
    for (i++; i < 5; i++)
        if (vk_load64(line + 8 * i) == h) break;
    return i < 5 ? i : 5;
}

#endif
