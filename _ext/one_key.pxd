# One key that a caller gave, as bytes or as a number.
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_Check, PyBytes_GET_SIZE
from cpython.long cimport PyLong_AsUnsignedLongLong, PyLong_CheckExact
from cpython.unicode cimport PyUnicode_Check
from libc.stdint cimport uint8_t, uint64_t
from libc.string cimport memcpy

from utf8 cimport utf8_of

cdef extern from "Python.h":
    long long PyLong_AsLongLongAndOverflow(object x, int *overflow) except? -1

cdef extern from *:
    uint64_t __builtin_bswap64(uint64_t x) nogil


cdef inline int is_text(key, const uint8_t **p, Py_ssize_t *n) except -1:
    """Whether a key is bytes, or a str that has a UTF-8 form; its bytes, which live as long as the key."""
    if PyUnicode_Check(key):
        p[0] = <const uint8_t *>utf8_of(key, n)
        return p[0] != NULL
    if PyBytes_Check(key):
        p[0] = <const uint8_t *>PyBytes_AS_STRING(key)
        n[0] = PyBytes_GET_SIZE(key)
        return True
    return False


cdef inline int is_number(key, integer, uint64_t *value, bint *negative) except -1:
    """Whether a key is an int, or a number of numpy's `integer`, that 64 bits hold: those bits, and whether it is below zero."""
    cdef int overflow = 0
    cdef long long x
    if not PyLong_CheckExact(key):
        if not isinstance(key, integer) or key.dtype.kind == "m":       # a timedelta64 is an integer to numpy
            return False
        key = int(key)
    x = PyLong_AsLongLongAndOverflow(key, &overflow)
    value[0] = <uint64_t>x
    negative[0] = overflow == 0 and x < 0
    if overflow > 0:
        try:
            value[0] = PyLong_AsUnsignedLongLong(key)
        except OverflowError:
            return False
    return overflow >= 0


cdef inline uint64_t ones_behind(int bits) noexcept nogil:
    """A word whose bits are set but for the first so many: none of them from 64 on, all below 0."""
    return 0 if bits >= 64 else ~<uint64_t>0 >> (bits if bits > 0 else 0)


cdef inline void read_halves(const uint8_t *packed, uint64_t *high, uint64_t *low) noexcept nogil:
    """16 bytes in network order as two numbers."""
    memcpy(high, packed, 8)
    memcpy(low, packed + 8, 8)
    high[0] = __builtin_bswap64(high[0])
    low[0] = __builtin_bswap64(low[0])
