"""Keyed picks: hashes of keys, the tables that policies are compiled to, and picks from plans.

Plans are `records.PICK_PLAN` as bytes, members `records.PICK_MEMBER` as bytes. Kernels: they check the lengths of their arrays
and which plan a row names; addresses inside plans, and what lies there, are trusted. They release the GIL.
"""
from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc


cdef extern from "vk_xxh64.h" nogil:
    uint64_t vk_xxh64(const uint8_t *p, uint64_t n, uint64_t seed)
    void vk_xxh64_words(const uint64_t *words, const uint64_t *seeds, int step, uint64_t *out, int64_t n)


cdef extern from "vk_pick_rows.h" nogil:
    ctypedef struct vk_pick_member:
        uint64_t identity
        uint16_t local

    ctypedef struct vk_pick_plan:
        pass

    ctypedef struct vk_waiting:
        pass

    ctypedef struct vk_pick_batch:
        const vk_pick_plan *plans
        int64_t n_plans
        const int32_t *plan_of_row
        const uint64_t *hashes
        int32_t *endpoint
        uint8_t *status

    uint64_t vk_pick_mix(uint64_t key, uint64_t member)
    double vk_pick_cost(const vk_pick_member *member, uint64_t key)
    void vk_jump_many(const uint64_t *keys, uint32_t buckets, int64_t rows, uint32_t *out)
    void vk_md5_decimals(const uint64_t *keys, const int32_t *rows, int64_t n, int is_signed, uint64_t *out)
    void vk_md5_texts(const uint64_t *address, const uint64_t *length, int64_t n, uint32_t *digests)
    void vk_pick_rows(const vk_pick_batch *b, int64_t rows, vk_waiting *waiting)
    void vk_pick_ids(const vk_pick_batch *b, const uint64_t *keys, int64_t rows, int is_signed, vk_waiting *waiting)


def hash_ids(const uint64_t[::1] keys not None, const uint64_t[::1] seeds not None, uint64_t[::1] out not None):
    """XXH64 of the eight bytes of each key, with its own seed or, if there is one seed only, with that."""
    cdef Py_ssize_t n = out.shape[0]
    if keys.shape[0] != n or (seeds.shape[0] != n and seeds.shape[0] != 1):
        raise ValueError("keys, seeds and out differ in length")
    if n:
        with nogil:
            vk_xxh64_words(&keys[0], &seeds[0], seeds.shape[0] != 1, &out[0], n)


def hash_keys16(const uint8_t[::1] keys not None, const uint64_t[::1] seeds not None, uint64_t[::1] out not None):
    """XXH64 of the sixteen bytes of each key; seeds as `hash_ids`."""
    cdef Py_ssize_t n = out.shape[0], i, step = seeds.shape[0] != 1
    if keys.shape[0] != 16 * n or (seeds.shape[0] != n and seeds.shape[0] != 1):
        raise ValueError("keys, seeds and out differ in length")
    with nogil:
        for i in range(n):
            out[i] = vk_xxh64(&keys[16 * i], 16, seeds[i * step])


def hash_texts(const uint64_t[::1] address not None, const uint64_t[::1] length not None, const uint64_t[::1] seeds not None,
               uint64_t[::1] out not None):
    """XXH64 of each text; seeds as `hash_ids`."""
    cdef Py_ssize_t n = out.shape[0], i, step = seeds.shape[0] != 1
    if address.shape[0] != n or length.shape[0] != n or (seeds.shape[0] != n and seeds.shape[0] != 1):
        raise ValueError("address, length, seeds and out differ in length")
    with nogil:
        for i in range(n):
            out[i] = vk_xxh64(<const uint8_t *><size_t>address[i], length[i], seeds[i * step])


def md5_ids(const uint64_t[::1] keys not None, bint is_signed, uint64_t[::1] out not None):
    """MD5 of the decimal text of each key: its first four bytes, little-endian, in the high half of the word."""
    cdef Py_ssize_t n = out.shape[0]
    if keys.shape[0] != n:
        raise ValueError("keys and out differ in length")
    if n:
        with nogil:
            vk_md5_decimals(&keys[0], NULL, n, is_signed, &out[0])


def md5_texts(const uint64_t[::1] address not None, const uint64_t[::1] length not None, uint32_t[:, ::1] digests not None):
    """MD5 of each text, as four little-endian words."""
    cdef Py_ssize_t n = digests.shape[0]
    if address.shape[0] != n or length.shape[0] != n or digests.shape[1] != 4:
        raise ValueError("address, length and digests differ in length")
    if n:
        with nogil:
            vk_md5_texts(&address[0], &length[0], n, &digests[0, 0])


cdef void even_turns(const uint64_t[::1] offsets, const uint64_t[::1] skips, uint16_t[::1] slots, uint64_t *at) noexcept nogil:
    """Members take turns, each the first slot in its own order that is free."""
    cdef Py_ssize_t n = offsets.shape[0], member = 0, _turn
    cdef uint64_t size = <uint64_t>slots.shape[0], place, skip
    for _turn in range(slots.shape[0]):
        place = at[member]
        skip = skips[member]
        while slots[place] != 0xFFFF:
            place += skip
            place -= size if place >= size else 0
        slots[place] = <uint16_t>member
        at[member] = place
        member += 1
        if member == n:
            member = 0


cdef void sink(uint64_t *heap, Py_ssize_t n) noexcept nogil:
    """Put the first of a heap where it belongs."""
    cdef Py_ssize_t i = 0, child = 1
    cdef uint64_t moved = heap[0]
    while child < n:
        if child + 1 < n:
            child += heap[child + 1] < heap[child]
        if moved < heap[child]:
            break
        heap[i] = heap[child]
        i = child
        child = 2 * i + 1
    heap[i] = moved


cdef uint64_t next_turn(double weight, double target, uint64_t never) noexcept nogil:
    """The first number i for which i * weight, as it is rounded, is not below the target."""
    cdef double about = target / weight
    cdef uint64_t i
    if not about < <double>never:
        return never
    i = <uint64_t>about
    while i > 1 and not <double>(i - 1) * weight < target:
        i -= 1
    while <double>i * weight < target:
        i += 1
    return i


cdef void weighted_turns(const uint64_t[::1] skips, const double[::1] weights, uint16_t[::1] slots, uint64_t *at, uint64_t *heap,
                         double *targets) noexcept nogil:
    """The same, but a member of less than the greatest weight misses turns, in proportion.

    In the heap are the numbers of turns that are due, each with its member in the last 16 bits: whoever is due first, and of
    several the first member, is on top.
    """
    cdef Py_ssize_t n = skips.shape[0], i, _turn
    cdef uint64_t size = <uint64_t>slots.shape[0], place, member, due
    cdef double most = 0
    for i in range(n):
        most = max(most, weights[i])
        heap[i] = <uint64_t>1 << 16 | <uint64_t>i
        targets[i] = 0
    for _turn in range(slots.shape[0]):
        member = heap[0] & 0xFFFF
        place = at[member]
        while slots[place] != 0xFFFF:
            place += skips[member]
            place -= size if place >= size else 0
        slots[place] = <uint16_t>member
        at[member] = place
        targets[member] += most
        due = max((heap[0] >> 16) + 1, next_turn(weights[member], targets[member], size + 2))
        heap[0] = due << 16 | member
        sink(heap, n)


def fill_maglev(const uint64_t[::1] offsets not None, const uint64_t[::1] skips not None, const double[::1] weights,
                uint16_t[::1] slots not None):
    """Fill the slots with positions of members, whose orders of preference are offset + i * skip modulo a prime number of slots.

    Without weights all are equal. At least one member, at most as many as slots, offsets and skips below their number.
    """
    cdef Py_ssize_t n = offsets.shape[0], size = slots.shape[0], i
    cdef uint64_t *at
    if not 1 <= n <= 0xFFFF or n > size or skips.shape[0] != n or (weights is not None and weights.shape[0] != n):
        raise ValueError("offsets, skips, weights and slots do not agree")
    for i in range(n):
        if offsets[i] >= <uint64_t>size or not 1 <= skips[i] < <uint64_t>size:
            raise ValueError("offsets or skips out of range")
    at = <uint64_t *>malloc(3 * n * sizeof(uint64_t))
    if at == NULL:
        raise MemoryError("no memory for the turns of members")
    with nogil:
        for i in range(n):
            at[i] = offsets[i]
        for i in range(size):
            slots[i] = 0xFFFF
        if weights is None:
            even_turns(offsets, skips, slots, at)
        else:
            weighted_turns(skips, weights, slots, at, at + n, <double *>(at + 2 * n))
    free(at)


def jump(const uint64_t[::1] hashes not None, uint32_t buckets, uint32_t[::1] out not None):
    """The jump hash of Lamping and Veach: a bucket for each hash."""
    cdef Py_ssize_t n = out.shape[0]
    if hashes.shape[0] != n or not 1 <= buckets < <uint32_t>1 << 31:
        raise ValueError("hashes and out differ in length, or buckets is out of range")
    if n:
        with nogil:
            vk_jump_many(&hashes[0], buckets, n, &out[0])


def top_k(const uint8_t[::1] members not None, bint weighted, const uint64_t[::1] hashes not None, int32_t[:, ::1] out not None):
    """For each hash the locals of the best members, best first; -1 where there are no more."""
    cdef Py_ssize_t n = members.shape[0] // sizeof(vk_pick_member), rows = out.shape[0], k = out.shape[1], i, j, place, kept
    cdef const vk_pick_member *all_of_them
    cdef double *costs
    cdef double cost
    if hashes.shape[0] != rows:
        raise ValueError("hashes and out differ in length")
    if rows == 0 or k == 0:
        return
    costs = <double *>malloc(k * sizeof(double))
    if costs == NULL:
        raise MemoryError("no memory for the costs of members")
    with nogil:
        all_of_them = <const vk_pick_member *>&members[0] if n else NULL
        for i in range(rows):
            kept = 0
            for j in range(n):
                if weighted:
                    cost = vk_pick_cost(all_of_them + j, hashes[i])
                else:
                    cost = <double>(vk_pick_mix(hashes[i], all_of_them[j].identity) >> 16)
                if kept == k and not cost < costs[k - 1]:
                    continue
                place = kept if kept < k else k - 1
                kept = place + 1
                while place > 0 and cost < costs[place - 1]:
                    costs[place] = costs[place - 1]
                    out[i, place] = out[i, place - 1]
                    place -= 1
                costs[place] = cost
                out[i, place] = all_of_them[j].local
            for j in range(kept, k):
                out[i, j] = -1
    free(costs)


cdef vk_pick_batch batch_of(const uint8_t[::1] plans, const int32_t[::1] plan_of_row, int32_t[::1] endpoint,
                            uint8_t[::1] status) except *:
    """The arrays of a batch of at least one row, without its hashes."""
    cdef vk_pick_batch b
    if plan_of_row.shape[0] != endpoint.shape[0] or status.shape[0] != endpoint.shape[0]:
        raise ValueError("plan_of_row, endpoint and status differ in length")
    b.n_plans = plans.shape[0] // sizeof(vk_pick_plan)
    b.plans = <const vk_pick_plan *>&plans[0] if b.n_plans else NULL
    b.plan_of_row = &plan_of_row[0]
    b.endpoint = &endpoint[0]
    b.status = &status[0]
    b.hashes = NULL
    return b


cdef vk_waiting *new_waiting() except NULL:
    cdef vk_waiting *waiting = <vk_waiting *>malloc(sizeof(vk_waiting))
    if waiting == NULL:
        raise MemoryError("no memory for a piece of picks")
    return waiting


def pick(const uint8_t[::1] plans not None, const int32_t[::1] plan_of_row not None, const uint64_t[::1] hashes not None,
         int32_t[::1] endpoint not None, uint8_t[::1] status not None):
    """The endpoint and the status of each row, by its plan and the hash of its key.

    A row whose plan is no plan has endpoint -1 and the status of an error.
    """
    cdef Py_ssize_t n = endpoint.shape[0]
    cdef vk_pick_batch b
    cdef vk_waiting *waiting
    if hashes.shape[0] != n:
        raise ValueError("hashes and endpoint differ in length")
    if n == 0:
        return
    b = batch_of(plans, plan_of_row, endpoint, status)
    b.hashes = &hashes[0]
    waiting = new_waiting()
    with nogil:
        vk_pick_rows(&b, n, waiting)
    free(waiting)


def pick_ids(const uint8_t[::1] plans not None, const int32_t[::1] plan_of_row not None, const uint64_t[::1] keys not None,
             bint is_signed, int32_t[::1] endpoint not None, uint8_t[::1] status not None):
    """As `pick`, from integer keys: each is hashed as its plan says."""
    cdef Py_ssize_t n = endpoint.shape[0]
    cdef vk_pick_batch b
    cdef vk_waiting *waiting
    if keys.shape[0] != n:
        raise ValueError("keys and endpoint differ in length")
    if n == 0:
        return
    b = batch_of(plans, plan_of_row, endpoint, status)
    waiting = new_waiting()
    with nogil:
        vk_pick_ids(&b, &keys[0], n, is_signed, waiting)
    free(waiting)
