/* Text as it lies in numpy's arrays, turned into address and length of its UTF-8 bytes. */
#ifndef VK_TEXT_H
#define VK_TEXT_H

#include <stdint.h>
#include <string.h>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

/* Length of a fixed-width field: numpy pads with NULs at the end, and they are not part of the text. Eight bytes at a time. */
static inline int64_t vk_fixed_length(const uint8_t *field, int64_t width) {
    uint64_t word;
    while (width >= 8) {
        memcpy(&word, field + width - 8, 8);
        if (word) return width - (__builtin_clzll(word) >> 3);
        width -= 8;
    }
    while (width > 0 && field[width - 1] == 0) width--;
    return width;
}

static inline int64_t vk_ucs4_length(const uint8_t *field, int64_t width) { return (vk_fixed_length(field, 4 * width) + 3) >> 2; }

/* Write the low bytes of n code points; their bits joined by or, so that below 0x80 all of them were ASCII. */
static inline uint32_t vk_narrow(const uint8_t *field, int64_t n, uint8_t *out) {
    uint32_t c, all = 0;
    int64_t i = 0;
#if defined(__SSE2__)
    __m128i seen = _mm_setzero_si128(), word;
    for (; i + 4 <= n; i += 4) {
        word = _mm_loadu_si128((const __m128i *)(field + 4 * i));
        seen = _mm_or_si128(seen, word);
        word = _mm_packs_epi32(word, word);
        c = (uint32_t)_mm_cvtsi128_si32(_mm_packus_epi16(word, word));
        memcpy(out + i, &c, 4);
    }
    seen = _mm_or_si128(seen, _mm_srli_si128(seen, 8));
    all = (uint32_t)_mm_cvtsi128_si32(_mm_or_si128(seen, _mm_srli_si128(seen, 4)));
#endif
    for (; i < n; i++) {
        memcpy(&c, field + 4 * i, 4);
        all |= c;
        out[i] = (uint8_t)c;
    }
    return all;
}

/* Encode a field of code points as UTF-8 into out, which has room for 4 bytes a code point. The bytes written, or -1 for a surrogate
 * or a number beyond U+10FFFF. The padding is narrowed with the text: a loop of one length for all fields is never mispredicted. */
static inline int64_t vk_utf8_from_ucs4(const uint8_t *field, int64_t width, uint8_t *out) {
    uint32_t c;
    uint8_t *o = out;
    int64_t i, n;
    if (vk_narrow(field, width, out) < 0x80) return vk_fixed_length(out, width);
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
