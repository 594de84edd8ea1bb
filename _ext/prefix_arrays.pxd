# The arrays of an index as the structs that one key is searched in: they are checked to fit one another, and borrowed.
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t

from matching cimport (
    VK_LINE_WORDS,
    VK_LINE_WORDS32,
    vk_intervals,
    vk_ipv4,
    vk_ipv4_node,
    vk_ipv6,
    vk_prefix_text,
    vk_slice_group,
    vk_slice_node,
    vk_texts,
)


cdef inline int check_levels(Py_ssize_t words, const int64_t[::1] steps, Py_ssize_t ranks, int width) except -1:
    if (not 1 <= steps.shape[0] <= 16 or ranks < width or ranks % width or steps[steps.shape[0] - 1] < 0
            or words != steps[steps.shape[0] - 1] + ranks):
        raise ValueError("the levels of a tree of intervals do not fit its arrays")
    return 0


cdef inline int take_intervals(vk_intervals *t, const uint64_t[::1] words, const int64_t[::1] steps,
                               const int32_t[::1] ranks) except -1:
    check_levels(words.shape[0], steps, ranks.shape[0], VK_LINE_WORDS)
    t.words = &words[0]
    t.steps = &steps[0]
    t.ranks = &ranks[0]
    t.levels = steps.shape[0]
    return 0


cdef inline int take_ipv4(vk_ipv4 *t, int shift, const uint64_t[::1] root, const uint64_t[::1] nodes, const uint8_t[::1] leaves,
                          const uint32_t[::1] deep_words, const int64_t[::1] deep_steps,
                          const int32_t[::1] deep_ranks) except -1:
    if not 20 <= shift <= 28 or root.shape[0] != 2 << (32 - shift) or nodes.shape[0] < 2 or leaves.shape[0] < 5:
        raise ValueError("the arrays of the IPv4 prefixes do not fit one another")
    check_levels(deep_words.shape[0], deep_steps, deep_ranks.shape[0], VK_LINE_WORDS32)
    t.root = <const vk_ipv4_node *>&root[0]
    t.nodes = <const vk_ipv4_node *>&nodes[0]
    t.leaves = &leaves[0]
    t.shift = shift
    t.deep.words = &deep_words[0]
    t.deep.steps = &deep_steps[0]
    t.deep.ranks = &deep_ranks[0]
    t.deep.levels = deep_steps.shape[0]
    return 0


cdef inline int take_ipv6(vk_ipv6 *t, const uint64_t[::1] words, const int64_t[::1] steps, const int32_t[::1] ranks,
                          const int64_t[::1] bounds, const uint64_t[::1] low_last, const int32_t[::1] low_ranks) except -1:
    if bounds.shape[0] < 1 or low_ranks.shape[0] != low_last.shape[0]:
        raise ValueError("the arrays of the IPv6 prefixes do not fit one another")
    take_intervals(&t.high, words, steps, ranks)
    t.bounds = &bounds[0]
    if low_last.shape[0]:
        t.low_last = &low_last[0]
        t.low_ranks = &low_ranks[0]
    return 0


cdef inline int take_texts(vk_texts *t, const uint8_t[::1] nodes, const uint64_t[::1] inner, const uint64_t[::1] slices,
                           const uint8_t[::1] groups, const uint8_t[::1] texts, const uint8_t[::1] arena) except -1:
    cdef Py_ssize_t n = texts.shape[0] // <Py_ssize_t>sizeof(vk_prefix_text)
    if (groups.shape[0] != 8 * slices.shape[0] or slices.shape[0] % 8 or inner.shape[0] % 8
            or nodes.shape[0] % sizeof(vk_slice_node) or texts.shape[0] % sizeof(vk_prefix_text)):
        raise ValueError("the arrays of the texts do not fit one another")
    if n == 0:
        return 0
    if not (nodes.shape[0] and inner.shape[0] and slices.shape[0]) or arena.shape[0] < 64:
        raise ValueError("an array of the texts is too short")
    t.nodes = <const vk_slice_node *>&nodes[0]
    t.inner = &inner[0]
    t.slices = &slices[0]
    t.groups = <const vk_slice_group *>&groups[0]
    t.texts = <const vk_prefix_text *>&texts[0]
    t.arena = &arena[0]
    t.n = n
    return 0
