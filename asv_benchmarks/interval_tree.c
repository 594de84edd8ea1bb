/* The search of valkyrie/_scan/interval_tree_jit.py in C, instruction for instruction where the compilers agree: what numba costs.
 * The compare of a line is that of the reader of single keys. */

#include <stddef.h>
#include <stdint.h>

#include "../_ext/include/vk_prefix.h"

enum { TOGETHER = 64 };

void find_uint64(const uint64_t *queries, size_t n, const uint64_t *lines, const int64_t *steps, size_t levels,
                 const int32_t *ranks, int32_t *out) {
    int64_t at[TOGETHER], last = steps[levels - 1];
    for (size_t start = 0; start < n; start += TOGETHER) {
        const uint64_t *keys = queries + start;
        size_t m = n - start < TOGETHER ? n - start : TOGETHER;
        for (size_t j = 0; j < m; j++) at[j] = 0;
        for (size_t level = 0; level + 1 < levels; level++) {
            for (size_t j = 0; j < m; j++) {
                at[j] = 9 * at[j] + 8 * vk_count_less(lines + at[j], keys[j]) + steps[level];
                __builtin_prefetch(lines + at[j], 0, 2);
            }
        }
        for (size_t j = 0; j < m; j++) out[start + j] = ranks[at[j] - last + vk_count_less(lines + at[j], keys[j])];
    }
}
