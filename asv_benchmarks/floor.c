/* The machine's limit for a lookup of 8-byte ids: read an id, hash it with two multiplies, touch one random 64-byte line
 * of a table of the given size, write an int32. No keys are compared; nothing that does a real lookup can be faster
 * while it touches as many lines. */

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { LINE = 64, STEP = 8, RING = 256 };
static const size_t HUGE_PAGE = (size_t)2 << 20;

unsigned char *floor_allocate(size_t n_lines) {
    size_t bytes = (n_lines * LINE + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
    unsigned char *lines = aligned_alloc(HUGE_PAGE, bytes);
    if (lines == NULL) return NULL;
    madvise(lines, bytes, MADV_HUGEPAGE);
    memset(lines, 1, bytes);
    return lines;
}

void floor_free(unsigned char *lines) { free(lines); }

static inline size_t line_of(uint64_t id, size_t n_lines) {
    uint64_t h = id * UINT64_C(0x9E3779B97F4A7C15);
    return (size_t)(((unsigned __int128)h * n_lines) >> 64);
}

static inline int32_t read_line(const unsigned char *line) {
    int32_t value;
    memcpy(&value, line + 40, sizeof value);
    return value;
}

/* The prefetch level must be a constant of the compiler, so the loop is written once and compiled per level.
 * `ahead` is a multiple of STEP and below RING; n may be any. */
#define DEFINE_TOUCH(NAME, PREFETCH)                                                                                     \
    static void NAME(const uint64_t *ids, size_t n, const unsigned char *lines, size_t n_lines, int32_t *out,            \
                     size_t ahead) {                                                                                     \
        const unsigned char *ring[RING];                                                                                 \
        size_t whole = n / STEP * STEP, head = ahead < whole ? ahead : whole;                                            \
        for (size_t i = 0; i < head; i++) {                                                                              \
            ring[i % RING] = lines + LINE * line_of(ids[i], n_lines);                                                    \
            PREFETCH(ring[i % RING]);                                                                                    \
        }                                                                                                                \
        for (size_t i = head; i < whole; i += STEP) {                                                                    \
            for (size_t j = i; j < i + STEP; j++) {                                                                      \
                ring[j % RING] = lines + LINE * line_of(ids[j], n_lines);                                                \
                PREFETCH(ring[j % RING]);                                                                                \
            }                                                                                                            \
            for (size_t j = i - head; j < i - head + STEP; j++) out[j] = read_line(ring[j % RING]);                      \
        }                                                                                                                \
        for (size_t i = whole - head; i < whole; i++) out[i] = read_line(ring[i % RING]);                                \
        for (size_t i = whole; i < n; i++) out[i] = read_line(lines + LINE * line_of(ids[i], n_lines));                  \
    }

#define TO_L1(p) __builtin_prefetch(p, 0, 3)
#define TO_L2(p) __builtin_prefetch(p, 0, 2)
#define NONE(p) ((void)(p))
DEFINE_TOUCH(touch_l1, TO_L1)
DEFINE_TOUCH(touch_l2, TO_L2)
DEFINE_TOUCH(touch_plain, NONE)

/* level: 0 = prefetch into L1 (t0), 1 = prefetch into L2 (t1), 2 = none */
void floor_touch(const uint64_t *ids, size_t n, const unsigned char *lines, size_t n_lines, int32_t *out, int level,
                 size_t ahead) {
    if (level == 0) touch_l1(ids, n, lines, n_lines, out, ahead);
    else if (level == 1) touch_l2(ids, n, lines, n_lines, out, ahead);
    else touch_plain(ids, n, lines, n_lines, out, ahead);
}
