/* Words from any address. On the machines that are built for they are little-endian as they lie there. */
#ifndef VK_LOAD_H
#define VK_LOAD_H

#include <stdint.h>
#include <string.h>

static inline uint64_t vk_load64(const void *p) {
    uint64_t x;
    memcpy(&x, p, 8);
    return x;
}

static inline uint32_t vk_load32(const void *p) {
    uint32_t x;
    memcpy(&x, p, 4);
    return x;
}

#endif
