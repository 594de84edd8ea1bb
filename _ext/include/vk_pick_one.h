/* One pick: what the kernel for rows does, for one key and without its queues. */
#ifndef VK_PICK_ONE_H
#define VK_PICK_ONE_H

#include "vk_pick_rows.h"

/* The plan that answers for a hash: of groups, the one it leads to; NULL if there is none. */
static inline const vk_pick_plan *vk_plan_of(const vk_pick_plan *plans, int64_t n_plans, int64_t p, uint64_t hash) {
    if (p < 0 || p >= n_plans) return NULL;
    p = vk_group_member(plans, n_plans, p, hash);
    return p < 0 ? NULL : plans + p;
}

/* The local of the member, -1 for none. */
static int32_t vk_pick_one(const vk_pick_plan *plan, uint64_t hash) {
    const uint16_t *slots = (const uint16_t *)(size_t)plan->slots;
    switch (plan->method) {
    case VK_PICK_SLOTS: return slots[vk_high_product(hash, plan->size)];
    case VK_PICK_RING: {
        const uint64_t *points = (const uint64_t *)(size_t)plan->slots;
        const uint32_t *index = (const uint32_t *)(size_t)plan->index;
        return ((const uint16_t *)(size_t)plan->aux)[vk_ring_point(points, plan->size, index, plan->shift, hash)];
    }
    case VK_PICK_RENDEZVOUS: {
        const vk_pick_member *members = (const vk_pick_member *)(size_t)plan->slots;
        return members[vk_rendezvous_one(members, (uint32_t)plan->count, plan->weighted, hash)].local;
    }
    case VK_PICK_JUMP: return vk_jump_local(plan, hash, vk_jump_one(hash, (uint32_t)plan->size));
    case VK_PICK_ANSWER: return 0;
    default: return -1;
    }
}

/* What a plan hashes of an integer key. */
static uint64_t vk_hash_of_id(const vk_pick_plan *plan, uint64_t key, int is_negative) {
    if (plan->hash == VK_KEY_MD5) {
        char text[24];
        uint32_t digest[4];
        uint64_t magnitude = is_negative ? 0 - key : key;
        int at = sizeof text;
        do text[--at] = (char)('0' + magnitude % 10);
        while (magnitude /= 10);
        if (is_negative) text[--at] = '-';
        vk_md5((const uint8_t *)text + at, sizeof text - at, digest);
        return (uint64_t)digest[0] << 32;
    }
    return vk_xxh64_word(key, plan->seed);
}

#endif
