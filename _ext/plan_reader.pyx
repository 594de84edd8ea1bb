"""PlanReader: picks for single keys. The plans are those of `picking`; their addresses are trusted."""
cimport cython
from libc.stdint cimport int32_t, int64_t, uint8_t, uint64_t


cdef extern from "vk_pick_one.h" nogil:
    ctypedef struct vk_pick_plan:
        pass

    const vk_pick_plan *vk_plan_of(const vk_pick_plan *plans, int64_t n_plans, int64_t p, uint64_t hash)
    int32_t vk_pick_one(const vk_pick_plan *plan, uint64_t hash)
    uint64_t vk_hash_of_id(const vk_pick_plan *plan, uint64_t key, int is_negative)


@cython.final
cdef class PlanReader:
    """Picks by plans, which it borrows and keeps alive; whoever makes it keeps alive what the plans point to."""

    cdef const uint8_t[::1] _plans
    cdef int64_t _count

    def __cinit__(self, const uint8_t[::1] plans not None):
        self._plans = plans
        self._count = plans.shape[0] // sizeof(vk_pick_plan)

    cdef const vk_pick_plan *_all(self) noexcept:
        return <const vk_pick_plan *>&self._plans[0]

    def pick(self, int64_t plan, uint64_t hash):
        """The position of the member that a plan picks for a hash, -1 for none."""
        cdef const vk_pick_plan *found
        if not 0 <= plan < self._count:
            raise IndexError("there is no such plan")
        found = vk_plan_of(self._all(), self._count, plan, hash)
        return -1 if found is NULL else vk_pick_one(found, hash)

    def pick_id(self, int64_t plan, key):
        """The same for an int from -2**63 to 2**64 - 1; OverflowError for others."""
        cdef bint is_negative = key < 0
        cdef uint64_t word = <uint64_t>(<int64_t>key) if is_negative else <uint64_t>key
        cdef const vk_pick_plan *found
        cdef uint64_t hash
        if not 0 <= plan < self._count:
            raise IndexError("there is no such plan")
        hash = vk_hash_of_id(self._all() + plan, word, is_negative)
        found = vk_plan_of(self._all(), self._count, plan, hash)
        return -1 if found is NULL else vk_pick_one(found, hash)
