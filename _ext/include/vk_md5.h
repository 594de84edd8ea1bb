/* MD5 (RFC 1321) of many short texts at once, a text a lane: what ketama hashes, for keys and for the points of its ring.
 *
 * One text is a chain of 64 steps in which each waits for the last, so lanes are what there is to gain. Two groups of lanes
 * take turns, which hides most of the waiting. A text of up to 55 bytes is one block; longer ones go by themselves.
 */
#ifndef VK_MD5_H
#define VK_MD5_H

#include <stdint.h>
#include <string.h>

#if defined(__AVX512F__)
#define VK_MD5_WIDTH 16
#elif defined(__AVX2__)
#define VK_MD5_WIDTH 8
#else
#define VK_MD5_WIDTH 4
#endif

enum { VK_MD5_LANES = 2 * VK_MD5_WIDTH, VK_MD5_SHORT = 55 };

typedef uint32_t vk_md5_lanes __attribute__((vector_size(4 * VK_MD5_WIDTH)));

/* The texts of a batch: word w of lane i is words[w][i]. */
typedef struct {
    uint32_t words[16][VK_MD5_LANES];
} __attribute__((aligned(64))) vk_md5_batch;

static const uint32_t VK_MD5_SINES[64] = {
    0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee, 0xf57c0faf, 0x4787c62a, 0xa8304613, 0xfd469501,
    0x698098d8, 0x8b44f7af, 0xffff5bb1, 0x895cd7be, 0x6b901122, 0xfd987193, 0xa679438e, 0x49b40821,
    0xf61e2562, 0xc040b340, 0x265e5a51, 0xe9b6c7aa, 0xd62f105d, 0x02441453, 0xd8a1e681, 0xe7d3fbc8,
    0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed, 0xa9e3e905, 0xfcefa3f8, 0x676f02d9, 0x8d2a4c8a,
    0xfffa3942, 0x8771f681, 0x6d9d6122, 0xfde5380c, 0xa4beea44, 0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70,
    0x289b7ec6, 0xeaa127fa, 0xd4ef3085, 0x04881d05, 0xd9d4d039, 0xe6db99e5, 0x1fa27cf8, 0xc4ac5665,
    0xf4292244, 0x432aff97, 0xab9423a7, 0xfc93a039, 0x655b59c3, 0x8f0ccc92, 0xffeff47d, 0x85845dd1,
    0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1, 0xf7537e82, 0xbd3af235, 0x2ad7d2bb, 0xeb86d391,
};
static const uint8_t VK_MD5_TURNS[4][4] = {{7, 12, 17, 22}, {5, 9, 14, 20}, {4, 11, 16, 23}, {6, 10, 15, 21}};

#define VK_MD5_ROTATED(x, by) ((x) << (by) | (x) >> (32 - (by)))

/* Step i of the state {a, b, c, d}, with the word that is due. */
#define VK_MD5_STEP(s, i, mixed, word)                                                              \
    do {                                                                                            \
        __typeof__((s)[0]) sum_ = (s)[0] + (mixed) + ((word) + VK_MD5_SINES[i]);                    \
        (s)[0] = (s)[3];                                                                            \
        (s)[3] = (s)[2];                                                                            \
        (s)[2] = (s)[1];                                                                            \
        (s)[1] += VK_MD5_ROTATED(sum_, VK_MD5_TURNS[(i) / 16][(i) % 4]);                            \
    } while (0)
#define VK_MD5_MIX_F(s) ((s)[3] ^ ((s)[1] & ((s)[2] ^ (s)[3])))
#define VK_MD5_MIX_G(s) ((s)[2] ^ ((s)[3] & ((s)[1] ^ (s)[2])))
#define VK_MD5_MIX_H(s) ((s)[1] ^ (s)[2] ^ (s)[3])
#define VK_MD5_MIX_I(s) ((s)[2] ^ ((s)[1] | ~(s)[3]))

static const uint32_t VK_MD5_START[4] = {0x67452301u, 0xefcdab89u, 0x98badcfeu, 0x10325476u};

/* The digests of a batch of one-block texts: digest[j][i] is word j of lane i, little-endian. */
static void vk_md5_many(const vk_md5_batch *batch, uint32_t digest[4][VK_MD5_LANES]) {
    vk_md5_lanes s[2][4];
    for (int g = 0; g < 2; g++)
        for (int j = 0; j < 4; j++) s[g][j] = VK_MD5_START[j] - (vk_md5_lanes){0};
#define VK_MD5_WORD(w) (*(const vk_md5_lanes *)&batch->words[w][g * VK_MD5_WIDTH])
#define VK_MD5_ROUND(from, mix, place)                                                   \
    _Pragma("GCC unroll 16") for (int i = from; i < from + 16; i++)                      \
        _Pragma("GCC unroll 2") for (int g = 0; g < 2; g++)                              \
            VK_MD5_STEP(s[g], i, mix(s[g]), VK_MD5_WORD((place) % 16));
    VK_MD5_ROUND(0, VK_MD5_MIX_F, i)
    VK_MD5_ROUND(16, VK_MD5_MIX_G, 5 * i + 1)
    VK_MD5_ROUND(32, VK_MD5_MIX_H, 3 * i + 5)
    VK_MD5_ROUND(48, VK_MD5_MIX_I, 7 * i)
#undef VK_MD5_ROUND
#undef VK_MD5_WORD
    for (int g = 0; g < 2; g++)
        for (int j = 0; j < 4; j++) {
            s[g][j] += VK_MD5_START[j];
            memcpy(&digest[j][g * VK_MD5_WIDTH], &s[g][j], sizeof s[g][j]);
        }
}

static void vk_md5_block(uint32_t state[4], const uint8_t *block) {
    uint32_t s[4], w[16];
    memcpy(w, block, 64);
    memcpy(s, state, 16);
    for (int i = 0; i < 16; i++) VK_MD5_STEP(s, i, VK_MD5_MIX_F(s), w[i]);
    for (int i = 16; i < 32; i++) VK_MD5_STEP(s, i, VK_MD5_MIX_G(s), w[(5 * i + 1) % 16]);
    for (int i = 32; i < 48; i++) VK_MD5_STEP(s, i, VK_MD5_MIX_H(s), w[(3 * i + 5) % 16]);
    for (int i = 48; i < 64; i++) VK_MD5_STEP(s, i, VK_MD5_MIX_I(s), w[7 * i % 16]);
    for (int j = 0; j < 4; j++) state[j] += s[j];
}

/* The digest of one text of any length. */
static void vk_md5(const uint8_t *p, uint64_t n, uint32_t digest[4]) {
    uint8_t last[128] = {0};
    uint64_t bits = n * 8, left;
    memcpy(digest, VK_MD5_START, 16);
    for (left = n; left >= 64; left -= 64, p += 64) vk_md5_block(digest, p);
    if (left) memcpy(last, p, left);
    last[left] = 0x80;
    memcpy(last + (left > VK_MD5_SHORT ? 120 : 56), &bits, 8);
    vk_md5_block(digest, last);
    if (left > VK_MD5_SHORT) vk_md5_block(digest, last + 64);
}

/* Put a text of at most VK_MD5_SHORT bytes into a lane. */
static inline void vk_md5_put(vk_md5_batch *batch, int lane, const uint8_t *p, uint64_t n) {
    uint32_t block[16] = {0};
    if (n) memcpy(block, p, n);
    ((uint8_t *)block)[n] = 0x80;
    block[14] = (uint32_t)n * 8;
    for (int w = 0; w < 16; w++) batch->words[w][lane] = block[w];
}

/* The digests of n texts, four words each. */
static void vk_md5_texts(const uint64_t *address, const uint64_t *length, int64_t n, uint32_t *digests) {
    vk_md5_batch batch;
    uint32_t digest[4][VK_MD5_LANES];
    memset(&batch, 0, sizeof batch);
    for (int64_t i = 0; i < n; i += VK_MD5_LANES) {
        int lanes = n - i < VK_MD5_LANES ? (int)(n - i) : VK_MD5_LANES;
        for (int lane = 0; lane < lanes; lane++)
            if (length[i + lane] <= VK_MD5_SHORT)
                vk_md5_put(&batch, lane, (const uint8_t *)(size_t)address[i + lane], length[i + lane]);
        vk_md5_many(&batch, digest);
        for (int lane = 0; lane < lanes; lane++, digests += 4) {
            for (int j = 0; j < 4; j++) digests[j] = digest[j][lane];
            if (length[i + lane] > VK_MD5_SHORT) vk_md5((const uint8_t *)(size_t)address[i + lane], length[i + lane], digests);
        }
    }
}

/* The eight digits of a number below 10**8, a byte each, the first lowest: halves, quarters, then single digits. */
static inline uint64_t vk_eight_digits(uint64_t x) {
    uint64_t y = x / 10000 | (x % 10000) << 32, q;
    q = (y * 10486 >> 20) & 0x0000007F0000007Full;
    y = q | (y - 100 * q) << 16;
    q = (y * 103 >> 10) & 0x000F000F000F000Full;
    return q | (y - 10 * q) << 8;
}

/* The decimal text of a number in a lane, with a sign before it if `is_negative`. */
static inline void vk_md5_put_decimal(vk_md5_batch *batch, int lane, uint64_t magnitude, int is_negative) {
    uint8_t text[64] = {0}, *p;
    uint64_t part[3] = {magnitude / 10000000000000000ull, magnitude / 100000000 % 100000000, magnitude % 100000000};
    uint32_t word, n;
    int skip = 23;
    for (int j = 2; j >= 0; j--) {
        uint64_t digits = vk_eight_digits(part[j]), ascii = digits + 0x3030303030303030ull;
        if (digits) skip = 8 * j + __builtin_ctzll(digits) / 8;
        memcpy(text + 8 + 8 * j, &ascii, 8);
    }
    text[32] = 0x80;
    text[7 + skip] = '-';
    p = text + 8 + skip - (is_negative != 0);
    n = (uint32_t)(text + 32 - p);
    for (int w = 0; w < 6; w++) {
        memcpy(&word, p + 4 * w, 4);
        batch->words[w][lane] = word;
    }
    batch->words[14][lane] = n * 8;
}

#endif
