/* Picks of keyed policies: which member of a set answers a key, from the key's hash alone.
 *
 * A plan (records.PICK_PLAN) says for one set by which method, and where its arrays are. Plans and addresses are made and kept
 * alive by the caller within one process; no file ever holds one.
 *
 *     slots        slots[hash * size >> 64]: one load. Maglev and sticky slots are this.
 *     ring         the first point above the hash. `index` holds, for each of a power of two of equal parts of the ring, how
 *                  many points lie before it, so that a search begins at most a point or two before its end.
 *     rendezvous   the best of all members' scores: below.
 *     jump         the bucket of Lamping and Veach; a bucket that is out sends the key on with another hash.
 *     groups       the first threshold that a remix of the hash does not pass chooses another plan.
 *     answer       always the same.
 *
 * Rendezvous. The score of member m for key k is x = mix(k ^ m): the first 48 bits of x are a number v, and t = (2v + 1) /
 * 2**49 is uniform in (0, 1). With equal weights the smallest v wins; with weights w the smallest -ln(1 - t) / w, which is
 * exponential with rate w, so that the first of all falls to a member with probability w / sum(w), and a member that changes
 * its weight takes keys from the others or gives to them, and moves none between them (Schindelhauer and Schomaker 2005; Thaler
 * and Ravishankar 1998). Of equals the first in order wins. The logarithm is written here, in additions, multiplications and
 * one division, each rounded as IEEE 754 says: every machine gives the same.
 *
 * Few logarithms are needed. t + t*t/2 is below -ln(1 - t), and close for the small t of a winner; the member for which this
 * bound is smallest wins unless another's bound lies below its exact value, and only then is the key scored in full.
 */
#ifndef VK_PICK_H
#define VK_PICK_H

#include "vk_xxh64.h"

enum { VK_PICK_NONE, VK_PICK_SLOTS, VK_PICK_RING, VK_PICK_RENDEZVOUS, VK_PICK_JUMP, VK_PICK_GROUPS, VK_PICK_ANSWER };
enum { VK_KEY_XXH64, VK_KEY_MD5 };
enum { VK_STATUS_ERROR = 5, VK_JUMP_TRIES = 64, VK_GROUP_DEPTH = 8, VK_SLOT_OUT = 0xFFFF };

/* records.PICK_MEMBER */
typedef struct {
    uint64_t identity;
    double inverse; /* of the weight, scaled by a power of two */
    double bound;   /* inverse / 2**49, a little less: no rounding lifts it above a cost */
    uint16_t local;
    uint8_t unused[6];
} vk_pick_member;

/* records.PICK_GROUP */
typedef struct {
    uint64_t threshold;
    int32_t plan;
    int32_t unused;
} vk_pick_group;

/* records.PICK_PLAN */
typedef struct {
    uint64_t slots;
    uint64_t aux;
    uint64_t index;
    uint64_t size;
    uint64_t seed;
    int32_t first;
    int32_t count;
    uint8_t method;
    uint8_t status;
    uint8_t hash;
    uint8_t shift;
    uint8_t weighted;
    uint8_t unused[11];
} vk_pick_plan;

#define VK_PICK_MIX_1 0x9FB21C651E98DF25ull
#define VK_PICK_MIX_2 0xD6E8FEB86659FD93ull

static inline uint64_t vk_high_product(uint64_t a, uint64_t b) { return (uint64_t)((unsigned __int128)a * b >> 64); }

/* Both operands are hashes already; what is needed is that no two members see keys in related order. */
static inline uint64_t vk_pick_mix(uint64_t key, uint64_t member) {
    uint64_t x = (key ^ member) * VK_PICK_MIX_1;
    x ^= x >> 32;
    return x * VK_PICK_MIX_2;
}

static inline double vk_as_double(uint64_t bits) {
    double x;
    memcpy(&x, &bits, 8);
    return x;
}

static inline uint64_t vk_bits_of(double x) {
    uint64_t bits;
    memcpy(&bits, &x, 8);
    return bits;
}

#define VK_BITS_OF_1 0x3FF0000000000000ull
#define VK_TWO_52 0x4330000000000000ull /* the bits of 2**52: or-ed with a smaller number they are 2**52 + it */

/* 2v + 1 of a score, exactly. */
static inline double vk_pick_odd(uint64_t score) { return vk_as_double(score >> 15 | 1 | VK_TWO_52) - 4503599627370496.0; }

/* -ln(u) for u in (0, 1): exponent, and the series of fdlibm (Sun Microsystems 1993) for the rest. */
static inline double vk_minus_log(double u) {
    uint64_t bits = vk_bits_of(u) + (0x3FF0000000000000ull - 0x3FE6A09E667F3BCDull); /* mantissas from sqrt(1/2) to sqrt(2) */
    double e = (double)(int64_t)(bits >> 52) - 1023.0;
    double f = vk_as_double((bits & 0x000FFFFFFFFFFFFFull) + 0x3FE6A09E667F3BCDull) - 1.0;
    double s = f / (2.0 + f), z = s * s, half = 0.5 * f * f;
    double r = 1.479819860511658591e-01;
    r = r * z + 1.531383769920937332e-01;
    r = r * z + 1.818357216161805012e-01;
    r = r * z + 2.222219843214978396e-01;
    r = r * z + 2.857142874366239149e-01;
    r = r * z + 3.999999999940941908e-01;
    r = r * z + 6.666666666666735130e-01;
    return -(e * 6.931471805599453094e-01 + (f - (half - s * (half + r * z))));
}

#define VK_TINY 0x1p-49
#define VK_COST_MAX 0x1p+960 /* above all costs: inverse weights end at 2**900 */

/* What a member's score must be the smallest of. */
static inline double vk_pick_cost(const vk_pick_member *member, uint64_t key) {
    return vk_minus_log(1.0 - vk_pick_odd(vk_pick_mix(key, member->identity)) * VK_TINY) * member->inverse;
}

static uint32_t vk_rendezvous_one(const vk_pick_member *members, uint32_t n, int weighted, uint64_t key) {
    uint32_t best = 0;
    if (weighted) {
        double least = vk_pick_cost(members, key), cost;
        for (uint32_t i = 1; i < n; i++) {
            if (vk_pick_odd(vk_pick_mix(key, members[i].identity)) * members[i].bound > least) continue;
            cost = vk_pick_cost(members + i, key);
            if (cost < least) {
                least = cost;
                best = i;
            }
        }
    } else {
        uint64_t least = UINT64_MAX;
        for (uint32_t i = 0; i < n; i++) {
            uint64_t score = vk_pick_mix(key, members[i].identity) >> 16;
            if (score < least) {
                least = score;
                best = i;
            }
        }
    }
    return best;
}

#if VK_LANES > 1
enum { VK_VECTORS = 4, VK_BLOCK = VK_VECTORS * VK_LANES }; /* keys that are scored side by side */

VK_INLINE vk_words vk_pick_mixes(vk_words keys, uint64_t member) {
    vk_words x = (keys ^ member) * VK_PICK_MIX_1;
    x ^= x >> 32;
    return x * VK_PICK_MIX_2;
}

/* The number of the member rides in the 16 bits of a score that do not count, so that one minimum keeps both. */
static void vk_rendezvous_equal(const vk_pick_member *members, uint32_t n, const uint64_t *keys, uint32_t *best) {
    vk_words key[VK_VECTORS], least[VK_VECTORS];
    for (int v = 0; v < VK_VECTORS; v++) {
        key[v] = vk_load_words(keys + v * VK_LANES);
        least[v] = vk_all_words(UINT64_MAX);
    }
    for (uint32_t i = 0; i < n; i++) {
#pragma GCC unroll 4
        for (int v = 0; v < VK_VECTORS; v++) {
            vk_words score = vk_pick_mixes(key[v], members[i].identity);
            least[v] = vk_least_words(least[v], (score & ~(uint64_t)0xFFFF) | (uint64_t)i);
        }
    }
    for (int v = 0; v < VK_VECTORS; v++)
        for (int j = 0; j < VK_LANES; j++) best[v * VK_LANES + j] = (uint32_t)(least[v][j] & 0xFFFF);
}

/* Whether the member of the least bound is the one of the least cost. Where t is below 1/8, as of nearly all winners, and above
 * 2**-35, a cost is at most 0.6 % above its bound, and so most need no logarithm. */
static inline int vk_is_first(const vk_pick_member *member, uint64_t key, double least, double second) {
    uint64_t score = vk_pick_mix(key, member->identity);
    if (second > least * 1.0078125 && score >> 61 == 0 && score >> 29 != 0) return 1;
    return vk_pick_cost(member, key) < second;
}

/* With y = 1 + t the bound is (y*y - 1) / 2, and a little less, since t has lost bits; a member's number rides in the last of
 * its own. */
static void vk_rendezvous_weighted(const vk_pick_member *members, uint32_t n, const uint64_t *keys, uint32_t *best) {
    vk_words key[VK_VECTORS];
    vk_doubles least[VK_VECTORS], second[VK_VECTORS];
    for (int v = 0; v < VK_VECTORS; v++) {
        key[v] = vk_load_words(keys + v * VK_LANES);
        least[v] = second[v] = vk_all_doubles(VK_COST_MAX);
    }
    for (uint32_t i = 0; i < n; i++) {
        double half = members[i].bound * (0.5 / VK_TINY), rest = half + half * 0x1p-46;
        vk_words number = vk_all_words(i);
#pragma GCC unroll 4
        for (int v = 0; v < VK_VECTORS; v++) {
            vk_doubles y = (vk_doubles)(vk_pick_mixes(key[v], members[i].identity) >> 12 | VK_BITS_OF_1);
            vk_doubles bound = (vk_doubles)vk_joined_words((vk_words)(y * y * half - rest), ~(uint64_t)0xFFFF, number);
            second[v] = vk_least_doubles(second[v], vk_most_doubles(least[v], bound));
            least[v] = vk_least_doubles(least[v], bound);
        }
    }
    for (int v = 0; v < VK_VECTORS; v++)
        for (int j = 0; j < VK_LANES; j++) {
            uint32_t i = (uint32_t)(vk_bits_of(least[v][j]) & 0xFFFF);
            uint64_t k = keys[v * VK_LANES + j];
            if (!vk_is_first(members + i, k, least[v][j], second[v][j])) i = vk_rendezvous_one(members, n, 1, k);
            best[v * VK_LANES + j] = i;
        }
}
#endif

/* Positions of the best members for `rows` keys; n from 1. */
static void vk_rendezvous_many(const vk_pick_member *members, uint32_t n, int weighted, const uint64_t *keys, int64_t rows,
                               uint32_t *best) {
    int64_t i = 0;
#if VK_LANES > 1
    uint64_t last[VK_BLOCK];
    uint32_t answers[VK_BLOCK];
    void (*block)(const vk_pick_member *, uint32_t, const uint64_t *, uint32_t *) = vk_rendezvous_equal;
    if (weighted) block = vk_rendezvous_weighted;
    for (; i + VK_BLOCK <= rows; i += VK_BLOCK) block(members, n, keys + i, best + i);
    if (rows - i > 4) {
        for (int64_t j = 0; j < VK_BLOCK; j++) last[j] = keys[i + j < rows ? i + j : i];
        block(members, n, last, answers);
        for (int64_t j = 0; i < rows; i++, j++) best[i] = answers[j];
    }
#endif
    for (; i < rows; i++) best[i] = vk_rendezvous_one(members, n, weighted, keys[i]);
}

/* ---- jump (Lamping and Veach 2014) ---- */

static inline uint32_t vk_jump_one(uint64_t key, uint32_t buckets) {
    double bucket = 0.0, next = 0.0;
    while (next < (double)buckets) {
        bucket = next;
        key = key * 2862933555777941757ull + 1;
        /* below 2**62, so that truncation is exact, and beyond 2**31 it ends the loop either way */
        next = (double)(int64_t)((bucket + 1.0) * (2147483648.0 / (double)((key >> 33) + 1)));
    }
    return (uint32_t)bucket;
}

static void vk_jump_many(const uint64_t *keys, uint32_t buckets, int64_t rows, uint32_t *out) {
    int64_t i = 0;
#if VK_LANES > 1
    enum { WIDE = 2 };
    vk_doubles end = vk_all_doubles((double)buckets);
    for (; i + WIDE * VK_LANES <= rows; i += WIDE * VK_LANES) {
        vk_words key[WIDE];
        vk_doubles bucket[WIDE], next[WIDE];
        unsigned open = 1;
        for (int v = 0; v < WIDE; v++) {
            key[v] = vk_load_words(keys + i + v * VK_LANES);
            bucket[v] = next[v] = vk_all_doubles(0.0);
        }
        while (open) {
            open = 0;
            for (int v = 0; v < WIDE; v++) {
                /* a lane that is through stays so: its next bucket is not below the end, and nothing is taken from it */
                bucket[v] = (vk_doubles)vk_words_if_less(next[v], end, (vk_words)next[v], (vk_words)bucket[v]);
                key[v] = key[v] * 2862933555777941757ull + 1;
                vk_doubles divisor = (vk_doubles)((key[v] >> 33) | VK_TWO_52) - 4503599627370495.0;
                vk_doubles after = vk_truncated((bucket[v] + 1.0) * (2147483648.0 / divisor));
                next[v] = (vk_doubles)vk_words_if_less(next[v], end, (vk_words)after, (vk_words)next[v]);
                open |= vk_less_bits(next[v], end);
            }
        }
        for (int v = 0; v < WIDE; v++)
            for (int j = 0; j < VK_LANES; j++) out[i + v * VK_LANES + j] = (uint32_t)bucket[v][j];
    }
#endif
    for (; i < rows; i++) out[i] = vk_jump_one(keys[i], buckets);
}

/* Positions to locals, `VK_SLOT_OUT` for those that are out: keys that land there are hashed again, and at last scored. */
static inline int32_t vk_jump_local(const vk_pick_plan *plan, uint64_t hash, uint32_t bucket) {
    const uint16_t *locals = (const uint16_t *)(size_t)plan->slots;
    const vk_pick_member *members = (const vk_pick_member *)(size_t)plan->aux;
    for (int tries = 0; tries < VK_JUMP_TRIES; tries++) {
        if (locals[bucket] != VK_SLOT_OUT) return locals[bucket];
        hash = vk_xxh64_word(hash, plan->seed);
        bucket = vk_jump_one(hash, (uint32_t)plan->size);
    }
    return members[vk_rendezvous_one(members, (uint32_t)plan->count, 0, hash)].local;
}

/* ---- ring ---- */

static inline uint64_t vk_ring_point(const uint64_t *points, uint64_t n, const uint32_t *index, unsigned shift, uint64_t hash) {
    uint64_t i = index[hash >> shift];
    /* two steps without a branch, which the points behind the last allow; more are rare */
    i += points[i] <= hash;
    i += points[i] <= hash;
    while (i < n && points[i] <= hash) i++;
    return i;
}

#endif
