/* Picks for rows of a batch, each with its own plan.
 *
 * Rows go in pieces. Where one load answers, all addresses of a part of a piece are found and fetched before the first is read,
 * so that the misses of many rows overlap. Methods that score keys side by side want the keys of one plan together: they wait
 * until the piece is through, chained by plan, and are then answered plan by plan.
 */
#ifndef VK_PICK_ROWS_H
#define VK_PICK_ROWS_H

#include "vk_md5.h"
#include "vk_pick.h"
#include "vk_simd.h"

enum { VK_PICK_PIECE = 4096, VK_PICK_PART = 256 };

/* Rows of a piece that wait, and by which plan. */
typedef struct {
    int32_t count;
    int32_t row[VK_PICK_PIECE];
    int32_t plan[VK_PICK_PIECE];
    int32_t next[VK_PICK_PIECE];      /* the next of the same plan, -1 for none */
    int32_t head[2 * VK_PICK_PIECE];  /* by plan: open addressing, -1 for none */
    uint64_t hashes[VK_PICK_PIECE];
    uint32_t best[VK_PICK_PIECE];
    int32_t member[VK_PICK_PIECE];
    uint64_t of_keys[VK_PICK_PIECE]; /* the hashes of a whole piece, where keys come unhashed */
} vk_waiting;

typedef struct {
    const vk_pick_plan *plans;
    int64_t n_plans;
    const int32_t *plan_of_row;
    const uint64_t *hashes;
    int32_t *endpoint;
    uint8_t *status;
} vk_pick_batch;

/* The plan that a group sends a hash to; -1 if groups lead nowhere, or too deep. */
static inline int64_t vk_group_member(const vk_pick_plan *plans, int64_t n_plans, int64_t p, uint64_t hash) {
    for (int depth = 0; depth < VK_GROUP_DEPTH; depth++) {
        const vk_pick_plan *plan = plans + p;
        const vk_pick_group *groups = (const vk_pick_group *)(size_t)plan->slots;
        uint64_t remix = vk_pick_mix(hash, plan->seed), g = 0;
        if (plan->method != VK_PICK_GROUPS) return p;
        if (plan->size == 0) return -1;
        while (g + 1 < plan->size && remix > groups[g].threshold) g++;
        p = groups[g].plan;
        if (p < 0 || p >= n_plans) return -1;
    }
    return -1;
}

/* Rows start to stop: all but those that wait. `base` is the first row of the piece. */
static void vk_pick_part(const vk_pick_batch *b, int64_t start, int64_t stop, vk_waiting *waiting) {
    static const uint16_t nothing = 0;
    const uint16_t *place[VK_PICK_PART];
    for (int64_t i = start; i < stop; i++) {
        int64_t p = b->plan_of_row[i];
        uint64_t hash = b->hashes[i];
        const vk_pick_plan *plan;
        place[i - start] = &nothing;
        if (p >= 0 && p < b->n_plans && b->plans[p].method == VK_PICK_GROUPS) p = vk_group_member(b->plans, b->n_plans, p, hash);
        if (p < 0 || p >= b->n_plans) {
            b->endpoint[i] = -1;
            b->status[i] = VK_STATUS_ERROR;
            continue;
        }
        plan = b->plans + p;
        b->endpoint[i] = plan->first;
        b->status[i] = plan->status;
        if (plan->method == VK_PICK_SLOTS) {
            place[i - start] = (const uint16_t *)(size_t)plan->slots + vk_high_product(hash, plan->size);
            VK_PREFETCH_L1(place[i - start]);
        } else if (plan->method == VK_PICK_RING) {
            const uint64_t *points = (const uint64_t *)(size_t)plan->slots;
            const uint32_t *index = (const uint32_t *)(size_t)plan->index;
            place[i - start] = (const uint16_t *)(size_t)plan->aux + vk_ring_point(points, plan->size, index, plan->shift, hash);
            VK_PREFETCH_L1(place[i - start]);
        } else if (plan->method == VK_PICK_RENDEZVOUS || plan->method == VK_PICK_JUMP) {
            waiting->row[waiting->count] = (int32_t)(i - start);
            waiting->plan[waiting->count++] = (int32_t)p;
        } else if (plan->method != VK_PICK_ANSWER) {
            b->endpoint[i] = -1;
        }
    }
    for (int64_t i = start; i < stop; i++) b->endpoint[i] += *place[i - start];
}

/* The members of one plan for `count` hashes. */
static void vk_pick_waiting(const vk_pick_plan *plan, vk_waiting *w, int32_t count) {
    if (plan->method == VK_PICK_RENDEZVOUS) {
        const vk_pick_member *members = (const vk_pick_member *)(size_t)plan->slots;
        vk_rendezvous_many(members, (uint32_t)plan->count, plan->weighted, w->hashes, count, w->best);
        for (int32_t j = 0; j < count; j++) w->member[j] = members[w->best[j]].local;
    } else {
        vk_jump_many(w->hashes, (uint32_t)plan->size, count, w->best);
        for (int32_t j = 0; j < count; j++) w->member[j] = vk_jump_local(plan, w->hashes[j], w->best[j]);
    }
}

/* Rows that wait, all of one plan, if they are: then they need no chains. */
static int vk_pick_one_plan(const vk_pick_batch *b, int64_t base, vk_waiting *w) {
    int32_t differ = 0;
    for (int32_t j = 0; j < w->count; j++) differ |= w->plan[j] ^ w->plan[0];
    if (differ) return 0;
    for (int32_t j = 0; j < w->count; j++) w->hashes[j] = b->hashes[base + w->row[j]];
    vk_pick_waiting(b->plans + w->plan[0], w, w->count);
    for (int32_t j = 0; j < w->count; j++) b->endpoint[base + w->row[j]] += w->member[j];
    return 1;
}

/* Rows that wait, plan by plan. */
static void vk_pick_chains(const vk_pick_batch *b, int64_t base, vk_waiting *w) {
    uint32_t mask = 7, at;
    while (mask + 1 < 2 * (uint32_t)w->count) mask = 2 * mask + 1;
    for (at = 0; at <= mask; at++) w->head[at] = -1;
    for (int32_t j = w->count - 1; j >= 0; j--) {
        at = (uint32_t)w->plan[j] * 0x9E3779B1u >> 7 & mask;
        while (w->head[at] >= 0 && w->plan[w->head[at]] != w->plan[j]) at = (at + 1) & mask;
        w->next[j] = w->head[at];
        w->head[at] = j;
    }
    for (at = 0; at <= mask; at++) {
        int32_t count = 0;
        if (w->head[at] < 0) continue;
        for (int32_t j = w->head[at]; j >= 0; j = w->next[j]) w->hashes[count++] = b->hashes[base + w->row[j]];
        vk_pick_waiting(b->plans + w->plan[w->head[at]], w, count);
        count = 0;
        for (int32_t j = w->head[at]; j >= 0; j = w->next[j]) b->endpoint[base + w->row[j]] += w->member[count++];
    }
}

/* One piece: rows `start` to `stop`, at most VK_PICK_PIECE. */
static void vk_pick_piece(const vk_pick_batch *b, int64_t start, int64_t stop, vk_waiting *waiting) {
    waiting->count = 0;
    for (int64_t from = start; from < stop; from += VK_PICK_PART) {
        int32_t before = waiting->count;
        vk_pick_part(b, from, from + VK_PICK_PART < stop ? from + VK_PICK_PART : stop, waiting);
        for (int32_t j = before; j < waiting->count; j++) waiting->row[j] += (int32_t)(from - start);
    }
    if (waiting->count && !vk_pick_one_plan(b, start, waiting)) vk_pick_chains(b, start, waiting);
}

/* MD5 of the decimals of the rows listed, the first four bytes of each in the high half of its hash. */
static void vk_md5_decimals(const uint64_t *keys, const int32_t *rows, int64_t n, int is_signed, uint64_t *out) {
    vk_md5_batch batch;
    uint32_t digest[4][VK_MD5_LANES];
    memset(&batch, 0, sizeof batch);
    for (int64_t i = 0; i < n; i += VK_MD5_LANES) {
        int lanes = n - i < VK_MD5_LANES ? (int)(n - i) : VK_MD5_LANES;
        for (int lane = 0; lane < lanes; lane++) {
            uint64_t key = keys[rows ? rows[i + lane] : i + lane];
            int is_negative = is_signed && key >> 63;
            vk_md5_put_decimal(&batch, lane, is_negative ? 0 - key : key, is_negative);
        }
        vk_md5_many(&batch, digest);
        for (int lane = 0; lane < lanes; lane++) out[rows ? rows[i + lane] : i + lane] = (uint64_t)digest[0][lane] << 32;
    }
}

/* Integer keys of a piece to hashes, each by the hash and the seed of its plan. */
static void vk_hash_ids_by_plan(const vk_pick_plan *plans, int64_t n_plans, const int32_t *plan_of_row, const uint64_t *keys,
                                int64_t rows, int is_signed, uint64_t *out) {
    uint64_t seeds[VK_PICK_PIECE];
    int32_t by_md5[VK_PICK_PIECE];
    int64_t n_md5 = 0;
    for (int64_t i = 0; i < rows; i++) {
        int64_t p = plan_of_row[i];
        int is_plan = p >= 0 && p < n_plans;
        seeds[i] = is_plan ? plans[p].seed : 0;
        by_md5[n_md5] = (int32_t)i;
        n_md5 += is_plan && plans[p].hash == VK_KEY_MD5;
    }
    vk_xxh64_words(keys, seeds, 1, out, rows);
    if (n_md5) vk_md5_decimals(keys, by_md5, n_md5, is_signed, out);
}

/* All rows of a batch. */
static void vk_pick_rows(const vk_pick_batch *b, int64_t rows, vk_waiting *waiting) {
    for (int64_t start = 0; start < rows; start += VK_PICK_PIECE)
        vk_pick_piece(b, start, start + VK_PICK_PIECE < rows ? start + VK_PICK_PIECE : rows, waiting);
}

/* The same from integer keys. */
static void vk_pick_ids(const vk_pick_batch *b, const uint64_t *keys, int64_t rows, int is_signed, vk_waiting *waiting) {
    vk_pick_batch piece = *b;
    piece.hashes = waiting->of_keys;
    for (int64_t part; rows > 0; rows -= part) {
        part = rows < VK_PICK_PIECE ? rows : VK_PICK_PIECE;
        vk_hash_ids_by_plan(piece.plans, piece.n_plans, piece.plan_of_row, keys, part, is_signed, waiting->of_keys);
        vk_pick_piece(&piece, 0, part, waiting);
        keys += part;
        piece.plan_of_row += part;
        piece.endpoint += part;
        piece.status += part;
    }
}

#endif
