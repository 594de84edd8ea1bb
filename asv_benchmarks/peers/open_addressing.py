"""Open addressing in numba, as one would write it by hand: the strongest peer for 64-bit ids.

The table has a power-of-two number of slots, at most 0.6 full. The slot is the top bits of a multiplicative hash, then
the next ones in turn. An unused slot holds a key that is not in the table, so two comparisons end a probe, and a query
for that very key still misses. Two layouts, since each wins somewhere: key and row side by side, or two arrays.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from ..data import Keys
from .contender import Contender

FULLEST = 0.6


@functools.cache
def compile_kernels() -> dict[str, Any]:
    """The four loops, compiled by numba on their first call."""
    import numba

    multiplier, one = np.uint64(0x9E3779B97F4A7C15), np.uint64(1)

    @numba.njit(nogil=True)
    def build_pairs(keys, slots, shift, unused):  # type: ignore[no-untyped-def]
        mask = np.uint64(len(slots) - 1)
        for i in range(len(keys)):
            slot = (keys[i] * multiplier) >> shift
            while slots[slot, 0] != unused:
                slot = (slot + one) & mask
            slots[slot, 0] = keys[i]
            slots[slot, 1] = np.uint64(i)

    @numba.njit(nogil=True)
    def get_pairs(keys, slots, shift, unused, out):  # type: ignore[no-untyped-def]
        mask = np.uint64(len(slots) - 1)
        for i in range(len(keys)):
            key = keys[i]
            slot = (key * multiplier) >> shift
            found = slots[slot, 0]
            while found != key and found != unused:
                slot = (slot + one) & mask
                found = slots[slot, 0]
            out[i] = np.int32(slots[slot, 1])

    @numba.njit(nogil=True)
    def build_split(keys, slot_keys, slot_rows, shift, unused):  # type: ignore[no-untyped-def]
        mask = np.uint64(len(slot_keys) - 1)
        for i in range(len(keys)):
            slot = (keys[i] * multiplier) >> shift
            while slot_keys[slot] != unused:
                slot = (slot + one) & mask
            slot_keys[slot] = keys[i]
            slot_rows[slot] = i

    @numba.njit(nogil=True)
    def get_split(keys, slot_keys, slot_rows, shift, unused, out):  # type: ignore[no-untyped-def]
        mask = np.uint64(len(slot_keys) - 1)
        for i in range(len(keys)):
            key = keys[i]
            slot = (key * multiplier) >> shift
            found = slot_keys[slot]
            while found != key and found != unused:
                slot = (slot + one) & mask
                found = slot_keys[slot]
            out[i] = slot_rows[slot] if found != unused else np.int32(-1)

    return {"build_pairs": build_pairs, "get_pairs": get_pairs, "build_split": build_split, "get_split": get_split}


def plan_slots(keys: Keys) -> tuple[int, np.uint64, np.uint64]:
    """Number of slots, the shift that turns a hash into a slot, and a key that marks an unused slot."""
    bits = 1
    while len(keys) > FULLEST * 2**bits:
        bits += 1
    unused = np.uint64(2**64 - 1)
    while (keys == unused).any():
        unused -= np.uint64(1)
    return 2**bits, np.uint64(64 - bits), unused


class NumbaPairs(Contender):
    """Key and row in one 16-byte slot: a hit touches one line."""

    name = "numba pairs"
    forms = ("u64",)

    def build(self, keys: Keys) -> None:
        """Fill the slots and bind the lookup."""
        kernels = compile_kernels()
        n_slots, shift, unused = plan_slots(keys)
        slots = np.empty((n_slots, 2), np.uint64)
        slots[:, 0] = unused
        slots[:, 1] = np.uint64(2**64 - 1)
        kernels["build_pairs"](keys, slots, shift, unused)
        self.nbytes = slots.nbytes
        get, empty = kernels["get_pairs"], np.empty

        def answer(queries: Keys) -> Keys:
            out = empty(len(queries), np.int32)
            get(queries, slots, shift, unused, out)
            return out

        self.answer = answer


class NumbaSplit(Contender):
    """Keys in one array, rows in another: fewer bytes, and a miss touches keys only."""

    name = "numba split"
    forms = ("u64",)

    def build(self, keys: Keys) -> None:
        """Fill the slots and bind the lookup."""
        kernels = compile_kernels()
        n_slots, shift, unused = plan_slots(keys)
        slot_keys = np.full(n_slots, unused)
        # Rows of unused slots are never read, so their pages need not be written.
        slot_rows = np.empty(n_slots, np.int32)
        kernels["build_split"](keys, slot_keys, slot_rows, shift, unused)
        self.nbytes = slot_keys.nbytes + slot_rows.nbytes
        get, empty = kernels["get_split"], np.empty

        def answer(queries: Keys) -> Keys:
            out = empty(len(queries), np.int32)
            get(queries, slot_keys, slot_rows, shift, unused, out)
            return out

        self.answer = answer
