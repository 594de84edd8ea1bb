/* Table hashing, all of it: every hash that decides where a key lies in a table is written here, and once more, in numpy, in
 * valkyrie/_scan/hash.py. Tests hold the two equal bit for bit, by frozen vectors and by random inputs. (What a routing policy
 * hashes is another matter: a public format, XXH64, that must never change with a table's seed.)
 *
 * Which is for what
 *
 *     vk_mix64       64-bit ids -> 64 bits. A bijection, so the hash can stand in the table in place of the key: equal hashes are
 *                    equal keys, and vk_unmix64 gives the key back.
 *     vk_hash_b16    128-bit keys -> 64 bits. Two multiplies. Keys of equal hash are legal; the table compares the keys.
 *     vk_hash_bytes  byte strings -> 64 bits. Made for names of 4 to 48 bytes: one branch on the length, then straight-line code.
 *     vk_siphash13   byte strings -> 64 bits, SipHash-1-3. Slower, and a keyed function that has stood up to cryptanalysis.
 *
 * All four draw on one vk_key, expanded from the table's 64-bit seed:
 *
 *     k[0] k[1]   key of SipHash, verbatim; finish of the two fast hashes
 *     k[2] k[3]   odd: multipliers of the mix; first pair of addends of vk_hash_bytes
 *     k[4]        what the mix adds by xor
 *     k[2..7]     addends of vk_hash_bytes; k[4] k[5] those of vk_hash_b16
 *
 * Why keyed. With a fixed public hash anyone can choose keys that share a bucket, and a table that takes keys from outside then
 * fails to build or builds slowly (hash flooding: Crosby and Wallach 2003). A seed beside fixed constants does not help: published
 * collisions of several fast hashes hold for every seed, because a block that equals a public constant multiplies the state by zero.
 * Here no such constant exists: every word of a key meets a word of the seed's expansion before it meets a multiply.
 *
 * What is NOT promised. Whoever knows the seed (it is written in the file of a table) can make keys that collide, in no time:
 * tests/hostile/chosen_keys.py does so. Nor has anyone but us tried to recover the seed of the fast hashes from what a program lets
 * through. So a build that fails takes a new seed, and after two of them strings and 128-bit keys go to SipHash-1-3. The strength of
 * any of this is bounded by the 64 bits of the seed.
 *
 * How they work, and whose ideas they are
 *
 *     vk_mix64: the key's xor; a fold of the high bits onto the low; a multiply; a fold; a multiply; a fold. Multiply and
 *     xor-shift alternate as in the finishers of MurmurHash3 (Appleby) and SplitMix64 (Steele, Lea, Flood 2014), with multipliers
 *     from the seed. The first fold takes two shifts, because with none, keys that differ only in their high bits meet the last
 *     multiply as one arithmetic progression, and with one, progressions like i * (2**32 + 1) cancel in it: both overfilled buckets
 *     for some seeds. Any fixed first step has such a set of keys; that of two shifts is not one that ids come in. Both halves of
 *     the result are fit for range reduction by multiply (Lemire 2019), also jointly.
 *
 *     vk_hash_bytes: the message is read as blocks of three pairs of words. A block becomes 128 bits by
 *     sum((a + k) * (b + k')) mod 2**128, the NH of UMAC (Black, Halevi, Krawczyk, Krovetz, Rogaway 1999): for random k, two
 *     different blocks get any given difference with probability 2**-64 at most. The two halves, keyed again, are multiplied and
 *     the product folded (high half xor low half), a step known from wyhash (Wang Yi). Products within a block do not wait for each
 *     other; from block to block one fold is chained.
 *         n <= 16       one pair; the two words cover the message, overlapping
 *         n <= 48       one block: the first, a middle and the last 16 bytes, overlapping
 *         n > 48        blocks of 48 bytes while more than 48 are left, then the last 48 bytes
 *     What overlapping hides is the length, which is therefore added to the sum, times an odd constant.
 *
 *     vk_hash_b16: the same for a single pair. The two words of a 128-bit key are its first and its last 8 bytes, read as
 *     little-endian numbers.
 *
 *     vk_siphash13: Aumasson and Bernstein 2012, with one round a word and three at the end.
 *
 * Nothing is read outside [p, p + n); n = 0 never touches p, which may be NULL.
 */
#ifndef VK_HASH_H
#define VK_HASH_H

#include <stdint.h>
#include <string.h>

#include "vk_load.h"

#if defined(__AVX2__)
#include <immintrin.h>
#endif

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "Valkyrie's hashes and files are little-endian; this target is not"
#endif

#define VK_GOLDEN 0x9E3779B97F4A7C15ull /* 2**64 / golden ratio, odd: the step of SplitMix64 */

typedef struct {
    uint64_t k[8];
} vk_key;

/* ---- the seed ---- */

static inline uint64_t vk_splitmix64(uint64_t *state) {
    uint64_t z = (*state += VK_GOLDEN);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
    return z ^ (z >> 31);
}

static inline void vk_key_from_seed(uint64_t seed, vk_key *key) {
    /* The stream starts at a mixed seed: from the seed itself, seeds that differ by the step would share seven words of eight. */
    uint64_t state = vk_splitmix64(&seed);
    for (int i = 0; i < 8; i++) key->k[i] = vk_splitmix64(&state);
    key->k[2] |= 1;
    key->k[3] |= 1;
}

/* ---- 64-bit ids ---- */

static inline uint64_t vk_mix64(uint64_t x, const vk_key *k) {
    x ^= k->k[4];
    x ^= (x >> 25) ^ (x >> 47);
    x *= k->k[2];
    x ^= x >> 32;
    x *= k->k[3];
    return x ^ (x >> 32);
}

/* Inverse of an odd number modulo 2**64, by Newton's step, which doubles the bits that are right: 5, 10, 20, 40, 80. */
static inline uint64_t vk_inverse_odd(uint64_t m) {
    uint64_t y = (3 * m) ^ 2;
    for (int i = 0; i < 4; i++) y *= 2 - m * y;
    return y;
}

static inline uint64_t vk_unmix64(uint64_t h, const vk_key *k) {
    h ^= h >> 32;
    h *= vk_inverse_odd(k->k[3]);
    h ^= h >> 32;
    h *= vk_inverse_odd(k->k[2]);
    /* With u the sum of the two shifts, the fold is 1 + u and u**4 = 0, so that 1 + u undoes itself but for 1 + u**2. */
    h ^= (h >> 25) ^ (h >> 47);
    h ^= h >> 50;
    return h ^ k->k[4];
}

/* vk_mix64 of four or eight ids at a time, for the kernels of the levels that can. */
#if defined(__AVX2__)
static inline __m256i vk_multiply_x4(__m256i x, uint64_t by) {
    __m256i low = _mm256_set1_epi64x((long long)by), high = _mm256_set1_epi64x((long long)(by >> 32));
    __m256i cross = _mm256_add_epi64(_mm256_mul_epu32(_mm256_srli_epi64(x, 32), low), _mm256_mul_epu32(x, high));
    return _mm256_add_epi64(_mm256_mul_epu32(x, low), _mm256_slli_epi64(cross, 32));
}

static inline __m256i vk_mix64_x4(__m256i x, const vk_key *k) {
    x = _mm256_xor_si256(x, _mm256_set1_epi64x((long long)k->k[4]));
    x = _mm256_xor_si256(x, _mm256_xor_si256(_mm256_srli_epi64(x, 25), _mm256_srli_epi64(x, 47)));
    x = vk_multiply_x4(x, k->k[2]);
    x = _mm256_xor_si256(x, _mm256_srli_epi64(x, 32));
    x = vk_multiply_x4(x, k->k[3]);
    return _mm256_xor_si256(x, _mm256_srli_epi64(x, 32));
}
#endif

#if defined(__AVX512F__) && defined(__AVX512DQ__)
static inline __m512i vk_mix64_x8(__m512i x, const vk_key *k) {
    x = _mm512_xor_si512(x, _mm512_set1_epi64((long long)k->k[4]));
    x = _mm512_ternarylogic_epi64(x, _mm512_srli_epi64(x, 25), _mm512_srli_epi64(x, 47), 0x96); /* xor of the three */
    x = _mm512_mullo_epi64(x, _mm512_set1_epi64((long long)k->k[2]));
    x = _mm512_xor_si512(x, _mm512_srli_epi64(x, 32));
    x = _mm512_mullo_epi64(x, _mm512_set1_epi64((long long)k->k[3]));
    return _mm512_xor_si512(x, _mm512_srli_epi64(x, 32));
}
#endif

/* ---- 128-bit keys and bytes ---- */

static inline __uint128_t vk_multiply128(uint64_t a, uint64_t b) { return (__uint128_t)a * b; }

static inline uint64_t vk_fold(uint64_t a, uint64_t b) {
    __uint128_t product = vk_multiply128(a, b);
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static inline uint64_t vk_hash_b16(uint64_t lo, uint64_t hi, const vk_key *k) {
    __uint128_t sum = vk_multiply128(lo + k->k[4], hi + k->k[5]);
    return vk_fold((uint64_t)sum ^ k->k[0], (uint64_t)(sum >> 64) ^ k->k[1]);
}

/* NH of the 16 bytes at p, at p + middle and at p + last. */
static inline __uint128_t vk_block_sum(const uint8_t *p, uint64_t middle, uint64_t last, const vk_key *k) {
    const uint8_t *q = p + middle, *r = p + last;
    return vk_multiply128(vk_load64(p) + k->k[2], vk_load64(p + 8) + k->k[3]) +
           vk_multiply128(vk_load64(q) + k->k[4], vk_load64(q + 8) + k->k[5]) +
           vk_multiply128(vk_load64(r) + k->k[6], vk_load64(r + 8) + k->k[7]);
}

/* NH of at most 16 bytes, as two words that cover them. */
static inline __uint128_t vk_short_sum(const uint8_t *p, uint64_t n, const vk_key *k) {
    uint64_t a = 0, b = 0;
    if (n >= 4) {
        uint64_t step = (n >> 3) << 2; /* 0 below 8 bytes, 4 below 16, then 8: no branch on which of them */
        a = (uint64_t)vk_load32(p) << 32 | vk_load32(p + step);
        b = (uint64_t)vk_load32(p + n - 4) << 32 | vk_load32(p + n - 4 - step);
    } else if (n > 0) {
        a = (uint64_t)p[0] << 16 | (uint64_t)p[n >> 1] << 8 | p[n - 1];
    }
    return vk_multiply128(a + k->k[2], b + k->k[3]);
}

static inline uint64_t vk_hash_bytes(const uint8_t *p, uint64_t n, const vk_key *k) {
    uint64_t state = k->k[0];
    __uint128_t sum;
    if (n <= 16) {
        sum = vk_short_sum(p, n, k);
    } else if (n <= 48) {
        sum = vk_block_sum(p, n < 32 ? n - 16 : 16, n - 16, k);
    } else {
        for (uint64_t i = 0; i + 48 < n; i += 48) {
            sum = vk_block_sum(p + i, 16, 32, k);
            state = vk_fold((uint64_t)sum ^ state, (uint64_t)(sum >> 64) ^ k->k[1]);
        }
        sum = vk_block_sum(p + n - 48, 16, 32, k);
    }
    return vk_fold(((uint64_t)sum + n * VK_GOLDEN) ^ state, (uint64_t)(sum >> 64) ^ k->k[1]);
}

/* ---- SipHash-1-3 ---- */

static inline uint64_t vk_rotate_left(uint64_t x, int by) { return x << by | x >> (64 - by); }

static inline void vk_sip_round(uint64_t v[4]) {
    v[0] += v[1];
    v[2] += v[3];
    v[1] = vk_rotate_left(v[1], 13) ^ v[0];
    v[3] = vk_rotate_left(v[3], 16) ^ v[2];
    v[0] = vk_rotate_left(v[0], 32);
    v[2] += v[1];
    v[0] += v[3];
    v[1] = vk_rotate_left(v[1], 17) ^ v[2];
    v[3] = vk_rotate_left(v[3], 21) ^ v[0];
    v[2] = vk_rotate_left(v[2], 32);
}

/* The last n < 8 bytes as a little-endian number; words that overlap agree where they do, so they can be joined by or. */
static inline uint64_t vk_read_tail(const uint8_t *p, uint64_t n) {
    if (n >= 4) return vk_load32(p) | (uint64_t)vk_load32(p + n - 4) << (8 * (n - 4));
    if (n == 0) return 0;
    return (uint64_t)p[0] | (uint64_t)p[n >> 1] << (8 * (n >> 1)) | (uint64_t)p[n - 1] << (8 * (n - 1));
}

static inline uint64_t vk_siphash13(const uint8_t *p, uint64_t n, const vk_key *k) {
    uint64_t v[4] = {
        k->k[0] ^ 0x736F6D6570736575ull, /* the four words spell "somepseudorandomlygeneratedbytes" */
        k->k[1] ^ 0x646F72616E646F6Dull,
        k->k[0] ^ 0x6C7967656E657261ull,
        k->k[1] ^ 0x7465646279746573ull,
    };
    uint64_t i = 0, word;
    for (; i + 8 <= n; i += 8) {
        word = vk_load64(p + i);
        v[3] ^= word;
        vk_sip_round(v);
        v[0] ^= word;
    }
    word = n << 56 | (i < n ? vk_read_tail(p + i, n - i) : 0);
    v[3] ^= word;
    vk_sip_round(v);
    v[0] ^= word;
    v[2] ^= 0xFF;
    for (int round = 0; round < 3; round++) vk_sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

#endif
