/* Text as it lies in numpy's arrays, turned into address and length of its UTF-8 bytes. */
#ifndef VK_TEXT_H
#define VK_TEXT_H

#include <stdint.h>
#include <string.h>

#if defined(__SSE2__)
#include <immintrin.h>
#endif

#if defined(__SSE2__)
/* Which of 16, 32 or 64 bytes are not NUL, the first in bit 0. */
static inline uint32_t vk_used_of(__m128i bytes) {
    return 0xFFFFu ^ (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, _mm_setzero_si128()));
}

static inline uint32_t vk_used16(const uint8_t *p) { return vk_used_of(_mm_loadu_si128((const __m128i *)p)); }

static inline uint32_t vk_used32(const uint8_t *p) {
#if defined(__AVX2__)
    return ~(uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(_mm256_loadu_si256((const __m256i *)p), _mm256_setzero_si256()));
#else
    return vk_used16(p) | vk_used16(p + 16) << 16;
#endif
}

static inline uint64_t vk_used64(const uint8_t *p) {
#if defined(__AVX512BW__)
    return _mm512_test_epi8_mask(_mm512_loadu_si512(p), _mm512_set1_epi8(-1));
#else
    return vk_used32(p) | (uint64_t)vk_used32(p + 32) << 32;
#endif
}

/* Whether a byte from place i of a field is not NUL; it has 64 bytes or more. */
static inline int vk_used_from(const uint8_t *field, int64_t i, int64_t width) {
    uint64_t used = 0;
    for (; i + 64 <= width; i += 64) used |= vk_used64(field + i);
    if (i < width) used |= vk_used64(field + width - 64) >> (64 - (width - i));
    return used != 0;
}

/* How far the last byte that is not NUL reaches in `lower` and then `upper`, of which bit 63 is that of place `end` - 1; both are
 * computed, since which one it is cannot be foreseen. */
static inline int64_t vk_last_used(uint64_t lower, int64_t lower_end, uint64_t upper, int64_t end) {
    int64_t in_lower = lower_end - __builtin_clzll(lower | 1), in_upper = end - __builtin_clzll(upper | 1);
    in_lower = lower ? in_lower : lower_end - 64;
    return upper ? in_upper : in_lower;
}

/* `vk_fixed_length` of a field of 64 bytes or more. Most texts are much shorter than the longest, which the field was made for, so
 * the end is looked for from the front, in steps of 128 bytes. What is behind it is read too, as fast as memory comes and without
 * a branch on it: there may be text behind a NUL. Then the end is looked for from the back. */
static inline int64_t vk_wide_length(const uint8_t *field, int64_t width) {
    int64_t i, end, at;
    uint64_t lower, upper;
    for (i = 0; i + 128 <= width; i += 128) {
        lower = vk_used64(field + i);
        upper = vk_used64(field + i + 64);
        if (upper >> 63) continue;
        if (vk_used_from(field, i + 128, width)) break;
        return vk_last_used(lower, i + 64, upper, i + 128);
    }
    for (end = width; end >= 64; end = at) {
        at = end >= 128 ? end - 128 : 0;
        lower = vk_used64(field + at);
        upper = vk_used64(field + end - 64);
        if (lower | upper) return vk_last_used(lower, at + 64, upper, end);
    }
    while (end > 0 && field[end - 1] == 0) end--;
    return end;
}
#endif

/* Length of a fixed-width field: numpy pads with NULs at the end, and they are not part of the text; NULs before others are. Fields
 * of 16 to 64 bytes, as names mostly are, take no branch on their content. */
static inline int64_t vk_fixed_length(const uint8_t *field, int64_t width) {
    uint64_t word;
#if defined(__SSE2__)
    if (width >= 64) return vk_wide_length(field, width);
    if (width >= 16) {
        if (width >= 32)
            word = vk_used32(field) | (uint64_t)vk_used32(field + width - 32) << (width - 32);
        else
            word = vk_used16(field) | (uint64_t)vk_used16(field + width - 16) << (width - 16);
        return word ? 64 - __builtin_clzll(word) : 0;
    }
#endif
    while (width >= 8) {
        memcpy(&word, field + width - 8, 8);
        if (word) return width - (__builtin_clzll(word) >> 3);
        width -= 8;
    }
    while (width > 0 && field[width - 1] == 0) width--;
    return width;
}

static inline int64_t vk_ucs4_length(const uint8_t *field, int64_t width) { return (vk_fixed_length(field, 4 * width) + 3) >> 2; }

#if defined(__SSE2__)
/* Sixteen code points to their low bytes (saturated if they have more); the code points are joined to `seen` by or. */
static inline __m128i vk_narrow16(const uint8_t *field, __m128i *seen) {
    const __m128i *q = (const __m128i *)field;
    __m128i a = _mm_loadu_si128(q), b = _mm_loadu_si128(q + 1), c = _mm_loadu_si128(q + 2), d = _mm_loadu_si128(q + 3);
    *seen = _mm_or_si128(*seen, _mm_or_si128(_mm_or_si128(a, b), _mm_or_si128(c, d)));
    return _mm_packus_epi16(_mm_packs_epi32(a, b), _mm_packs_epi32(c, d));
}
#endif

/* Write a field of code points as bytes to out, which has room for `width`, if all of them are ASCII. The length of the text, or -1
 * if one is not. The last sixteen are narrowed together and may overlap those before: no loop over a rest. The length is read off
 * the registers: reading back bytes that were just stored by two overlapping stores would wait for both. */
static inline int64_t vk_ascii_from_ucs4(const uint8_t *field, int64_t width, uint8_t *out) {
    uint32_t c, all = 0;
    int64_t i = 0;
#if defined(__SSE2__)
    if (width >= 16) {
        __m128i seen = _mm_setzero_si128(), bytes;
        uint64_t used = 0;
        int64_t lower = width >= 32 ? width - 32 : 0;
        for (; i < lower; i += 16) _mm_storeu_si128((__m128i *)(out + i), vk_narrow16(field + 4 * i, &seen));
        bytes = vk_narrow16(field + 4 * lower, &seen);
        _mm_storeu_si128((__m128i *)(out + lower), bytes);
        used = vk_used_of(bytes);
        bytes = vk_narrow16(field + 4 * (width - 16), &seen);
        _mm_storeu_si128((__m128i *)(out + width - 16), bytes);
        used |= (uint64_t)vk_used_of(bytes) << (width - 16 - lower);
        seen = _mm_or_si128(seen, _mm_srli_si128(seen, 8));
        all = (uint32_t)_mm_cvtsi128_si32(_mm_or_si128(seen, _mm_srli_si128(seen, 4)));
        if (all >= 0x80) return -1;
        return used ? lower + 64 - __builtin_clzll(used) : vk_fixed_length(out, lower);
    }
#endif
    for (; i < width; i++) {
        memcpy(&c, field + 4 * i, 4);
        all |= c;
        out[i] = (uint8_t)c;
    }
    return all < 0x80 ? vk_fixed_length(out, width) : -1;
}

/* What vk_utf8_from_ucs4 may write behind the text. */
enum { VK_UTF8_SPARE = 16 };

#if defined(__AVX2__) && defined(__BMI2__)
/* Up to eight code points from place i of a field, zeros behind its end; nothing beyond it is read. The last few come with those
 * before them, in one load, and are moved to the front: a masked load is several times slower on some CPUs. */
static inline __m256i vk_load_ucs4(const uint8_t *field, int64_t width, int64_t i) {
    const __m256i lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    int32_t few[8] = {0}, n = (int32_t)(width - i);
    if (n >= 8) return _mm256_loadu_si256((const __m256i *)(field + 4 * i));
    if (n <= 0) return _mm256_setzero_si256();
    if (width < 8) {
        memcpy(few, field, (size_t)(4 * width));
        return _mm256_loadu_si256((const __m256i *)few);
    }
    __m256i last = _mm256_loadu_si256((const __m256i *)(field + 4 * (width - 8)));
    last = _mm256_permutevar8x32_epi32(last, _mm256_add_epi32(lanes, _mm256_set1_epi32(8 - n)));
    return _mm256_and_si256(last, _mm256_cmpgt_epi32(_mm256_set1_epi32(n), lanes));
}

/* Write those of eight bytes that `keep` marks with 0xFF; the next place to write. */
static inline uint8_t *vk_write_kept(uint8_t *o, int64_t bytes, int64_t keep) {
    uint64_t kept = _pext_u64((uint64_t)bytes, (uint64_t)keep);
    memcpy(o, &kept, 8);
    return o + (__builtin_popcountll((uint64_t)keep) >> 3);
}

/* Encode code points below 0x800, which take one byte or two: sixteen at a time become sixteen pairs of bytes, of which bit-extracts
 * keep those that are used. Padding is encoded with the text, and the length taken from the place of the last code point that is
 * none. The bytes of the text, or -1 if a code point is 0x800 or more. */
static inline int64_t vk_utf8_below_0x800(const uint8_t *field, int64_t width, uint8_t *out) {
    const __m256i first = _mm256_set1_epi16(0xFF), six = _mm256_set1_epi16(0x3F), marks = _mm256_set1_epi16((short)0x80C0);
    uint8_t *o = out;
    int64_t size = 0;
    for (int64_t i = 0; i < width; i += 16) {
        __m256i a = vk_load_ucs4(field, width, i), b = vk_load_ucs4(field, width, i + 8);
        if (!_mm256_testz_si256(_mm256_or_si256(a, b), _mm256_set1_epi32(~0x7FF))) return -1;
        __m256i c = _mm256_permute4x64_epi64(_mm256_packus_epi32(a, b), 0xD8);
        __m256i wide = _mm256_cmpgt_epi16(c, _mm256_set1_epi16(0x7F));
        __m256i pair = _mm256_or_si256(_mm256_srli_epi16(c, 6), _mm256_slli_epi16(_mm256_and_si256(c, six), 8));
        pair = _mm256_blendv_epi8(c, _mm256_or_si256(pair, marks), wide);
        __m256i keep = _mm256_or_si256(first, wide);
        uint32_t used = ~(uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi16(c, _mm256_setzero_si256())); /* two bits each */
        if (used) {
            int64_t here = (32 - __builtin_clz(used)) >> 1;
            uint64_t seen = ~0ull >> (64 - 2 * here);
            size = (o - out) + here + (__builtin_popcountll((uint32_t)_mm256_movemask_epi8(wide) & seen) >> 1);
        }
        o = vk_write_kept(o, _mm256_extract_epi64(pair, 0), _mm256_extract_epi64(keep, 0));
        o = vk_write_kept(o, _mm256_extract_epi64(pair, 1), _mm256_extract_epi64(keep, 1));
        if (width - i <= 8) break;
        o = vk_write_kept(o, _mm256_extract_epi64(pair, 2), _mm256_extract_epi64(keep, 2));
        o = vk_write_kept(o, _mm256_extract_epi64(pair, 3), _mm256_extract_epi64(keep, 3));
    }
    return size;
}
#endif

/* Encode a field of code points as UTF-8 into out, which has room for 4 bytes a code point and VK_UTF8_SPARE. The bytes of the text,
 * or -1 for a surrogate or a number beyond U+10FFFF. */
static inline int64_t vk_utf8_from_ucs4(const uint8_t *field, int64_t width, uint8_t *out) {
    uint32_t c;
    uint8_t *o = out;
    int64_t i, n;
#if defined(__AVX2__) && defined(__BMI2__)
    n = vk_utf8_below_0x800(field, width, out);
    if (n >= 0) return n;
#endif
    n = vk_ucs4_length(field, width);
    for (i = 0; i < n; i++) {
        memcpy(&c, field + 4 * i, 4);
        if (c < 0x800) { /* one byte or two, by a select: Latin text with accents mixes them without a pattern */
            uint32_t two = 0xC0u | c >> 6 | (0x80u | (c & 0x3F)) << 8, wide = c >= 0x80;
            two = wide ? two : c;
            o[0] = (uint8_t)two;
            o[1] = (uint8_t)(two >> 8); /* there is room: 4 bytes a character */
            o += 1 + wide;
        } else if (c < 0x10000) {
            if (c >= 0xD800 && c < 0xE000) return -1;
            *o++ = (uint8_t)(0xE0 | c >> 12);
            *o++ = (uint8_t)(0x80 | (c >> 6 & 0x3F));
            *o++ = (uint8_t)(0x80 | (c & 0x3F));
        } else {
            if (c > 0x10FFFF) return -1;
            *o++ = (uint8_t)(0xF0 | c >> 18);
            *o++ = (uint8_t)(0x80 | (c >> 12 & 0x3F));
            *o++ = (uint8_t)(0x80 | (c >> 6 & 0x3F));
            *o++ = (uint8_t)(0x80 | (c & 0x3F));
        }
    }
    return o - out;
}

/* Widen n integers of 1, 2, 4 or 8 bytes, `stride` bytes apart and possibly byte-swapped, to 64 bits. */
static inline void vk_widen(const uint8_t *p, int64_t stride, int64_t n, int itemsize, int is_signed, int swapped, uint64_t *out) {
#define VK_WIDEN(unsigned_type, signed_type, swap)                                             \
    for (int64_t i = 0; i < n; i++) {                                                          \
        unsigned_type x;                                                                       \
        memcpy(&x, p + i * stride, sizeof x);                                                  \
        if (swapped) x = (unsigned_type)swap(x);                                               \
        out[i] = is_signed ? (uint64_t)(int64_t)(signed_type)x : (uint64_t)x;                  \
    }
#define VK_SAME(x) (x)
    switch (itemsize) {
        case 1: VK_WIDEN(uint8_t, int8_t, VK_SAME) break;
        case 2: VK_WIDEN(uint16_t, int16_t, __builtin_bswap16) break;
        case 4: VK_WIDEN(uint32_t, int32_t, __builtin_bswap32) break;
        default: VK_WIDEN(uint64_t, int64_t, __builtin_bswap64) break;
    }
#undef VK_WIDEN
#undef VK_SAME
}

#endif
