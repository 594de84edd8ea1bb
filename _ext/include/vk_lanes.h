/* Vectors of 64-bit lanes, as wide as the CPU level they are compiled for: 8 (AVX-512), 4 (AVX2), or none.
 *
 * They are the vector types of gcc and clang, so that +, ^, >> and * are written once; a level without them takes the plain loops
 * that stand beside, and so do the last rows of every array.
 */
#ifndef VK_LANES_H
#define VK_LANES_H

#include <stdint.h>
#include <string.h>

#if defined(__AVX2__) || (defined(__AVX512F__) && defined(__AVX512DQ__))
#include <immintrin.h>
#endif

#if defined(__AVX512F__) && defined(__AVX512DQ__)
#define VK_LANES 8
#elif defined(__AVX2__)
#define VK_LANES 4
#else
#define VK_LANES 1
#endif

#define VK_INLINE static inline __attribute__((always_inline))

#if VK_LANES > 1
typedef uint64_t vk_words __attribute__((vector_size(8 * VK_LANES)));
typedef int64_t vk_masks __attribute__((vector_size(8 * VK_LANES)));
typedef double vk_doubles __attribute__((vector_size(8 * VK_LANES)));

VK_INLINE vk_words vk_load_words(const uint64_t *p) {
    vk_words x;
    memcpy(&x, p, sizeof x);
    return x;
}

VK_INLINE void vk_store_words(uint64_t *p, vk_words x) { memcpy(p, &x, sizeof x); }

VK_INLINE vk_words vk_all_words(uint64_t x) { return x - (vk_words){0}; }

VK_INLINE vk_doubles vk_all_doubles(double x) { return x - (vk_doubles){0}; }
#endif

#if VK_LANES == 8
VK_INLINE vk_words vk_least_words(vk_words a, vk_words b) { return (vk_words)_mm512_min_epu64((__m512i)a, (__m512i)b); }

/* The lanes of a where a < b, else those of c. */
VK_INLINE vk_words vk_words_if_less(vk_doubles a, vk_doubles b, vk_words yes, vk_words no) {
    return (vk_words)_mm512_mask_blend_epi64(_mm512_cmp_pd_mask((__m512d)a, (__m512d)b, _CMP_LT_OQ), (__m512i)no, (__m512i)yes);
}

/* Doubles above 0 are in order as integers too, and those are compared where floating-point units are not: of two below 0
 * either may be the least. */
VK_INLINE vk_doubles vk_least_doubles(vk_doubles a, vk_doubles b) {
    return (vk_doubles)_mm512_min_epi64((__m512i)a, (__m512i)b);
}

VK_INLINE vk_doubles vk_most_doubles(vk_doubles a, vk_doubles b) {
    return (vk_doubles)_mm512_max_epi64((__m512i)a, (__m512i)b);
}

/* The bits of a under the mask and those of b that it leaves free. */
VK_INLINE vk_words vk_joined_words(vk_words a, uint64_t mask, vk_words b) {
    return (vk_words)_mm512_ternarylogic_epi64((__m512i)a, _mm512_set1_epi64((long long)mask), (__m512i)b, 0xEA);
}

VK_INLINE unsigned vk_less_bits(vk_doubles a, vk_doubles b) {
    return _mm512_cmp_pd_mask((__m512d)a, (__m512d)b, _CMP_LT_OQ);
}

VK_INLINE vk_doubles vk_truncated(vk_doubles a) {
    return (vk_doubles)_mm512_roundscale_pd((__m512d)a, _MM_FROUND_TO_ZERO | _MM_FROUND_NO_EXC);
}
#elif VK_LANES == 4
/* AVX2 compares signed words only. */
VK_INLINE vk_words vk_least_words(vk_words a, vk_words b) {
    vk_words sign = vk_all_words(0x8000000000000000ull);
    __m256i is_less = _mm256_cmpgt_epi64((__m256i)(b ^ sign), (__m256i)(a ^ sign));
    return (vk_words)_mm256_blendv_epi8((__m256i)b, (__m256i)a, is_less);
}

VK_INLINE vk_words vk_words_if_less(vk_doubles a, vk_doubles b, vk_words yes, vk_words no) {
    __m256d is_less = _mm256_cmp_pd((__m256d)a, (__m256d)b, _CMP_LT_OQ);
    return (vk_words)_mm256_blendv_pd((__m256d)no, (__m256d)yes, is_less);
}

VK_INLINE vk_doubles vk_least_doubles(vk_doubles a, vk_doubles b) { return (vk_doubles)_mm256_min_pd((__m256d)a, (__m256d)b); }

VK_INLINE vk_doubles vk_most_doubles(vk_doubles a, vk_doubles b) { return (vk_doubles)_mm256_max_pd((__m256d)a, (__m256d)b); }

VK_INLINE vk_words vk_joined_words(vk_words a, uint64_t mask, vk_words b) { return (a & mask) | b; }

VK_INLINE unsigned vk_less_bits(vk_doubles a, vk_doubles b) {
    return (unsigned)_mm256_movemask_pd(_mm256_cmp_pd((__m256d)a, (__m256d)b, _CMP_LT_OQ));
}

VK_INLINE vk_doubles vk_truncated(vk_doubles a) {
    return (vk_doubles)_mm256_round_pd((__m256d)a, _MM_FROUND_TO_ZERO | _MM_FROUND_NO_EXC);
}
#endif

#endif
