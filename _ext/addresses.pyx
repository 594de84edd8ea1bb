"""Parsers of addresses, networks and digit strings: arrays of texts in, arrays of numbers out.

Texts come by address and length, as `strings` gives them, or as Python objects. The parsing of one text is in `vk_address.h`.
A family is 4, 6, or 0 for what is no address; a count of digits is `MORE_DIGITS` for more than 16, `MALFORMED` for no digits.
IPv6 addresses are 16 bytes each, in network order, written only where the family is 6; IPv4 addresses are 0 where it is not 4.
"""
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_Check, PyBytes_GET_SIZE
from cpython.exc cimport PyErr_Clear, PyErr_ExceptionMatches
from cpython.object cimport PyObject
from cpython.unicode cimport PyUnicode_Check
from libc.stdint cimport uint8_t, uint32_t, uint64_t

from probing cimport VK_PREFETCH_L1

cdef extern from "Python.h":
    const char *PyUnicode_AsUTF8AndSize(object text, Py_ssize_t *size)
    PyObject **PySequence_Fast_ITEMS(object sequence)

cdef extern from "vk_address.h" nogil:
    enum:
        VK_MALFORMED
        VK_MORE_DIGITS
    void vk_address_tables()
    uint8_t vk_parse_address(const uint8_t *p, uint64_t n, uint32_t *ipv4, uint8_t *ipv6)
    uint8_t vk_parse_network(const uint8_t *p, uint64_t n, uint32_t *ipv4, uint8_t *ipv6, uint8_t *bits)
    uint8_t vk_parse_digits(const uint8_t *p, uint64_t n, uint64_t *word)
    uint8_t vk_digits_of(uint64_t value, uint64_t *word)

cdef enum:
    OBJECTS_AHEAD = 12      # objects lie anywhere: their heads are prefetched

MALFORMED = VK_MALFORMED
MORE_DIGITS = VK_MORE_DIGITS

vk_address_tables()


cdef struct outputs:
    uint8_t *family
    uint32_t *ipv4
    uint8_t *ipv6       # or NULL: then an IPv6 address is only recognised
    Py_ssize_t count4
    Py_ssize_t count6


cdef inline void put_address(outputs *out, Py_ssize_t i, const uint8_t *p, uint64_t n) noexcept nogil:
    """Parse text i and count it."""
    cdef uint8_t unused[16]
    cdef uint32_t ipv4 = 0
    cdef uint8_t family = vk_parse_address(p, n, &ipv4, out.ipv6 + 16 * i if out.ipv6 != NULL else unused)
    out.family[i] = family
    out.ipv4[i] = ipv4 if family == 4 else 0
    out.count4 += family == 4
    out.count6 += family == 6


cdef outputs outputs_of(Py_ssize_t n, uint8_t[::1] family, uint32_t[::1] ipv4, uint8_t[::1] ipv6) except *:
    cdef outputs out
    if family.shape[0] < n or ipv4.shape[0] < n or (ipv6 is not None and ipv6.shape[0] < 16 * n):
        raise ValueError("family, ipv4 or ipv6 is too short")
    out.family = &family[0] if n else NULL
    out.ipv4 = &ipv4[0] if n else NULL
    out.ipv6 = &ipv6[0] if n and ipv6 is not None else NULL
    out.count4 = out.count6 = 0
    return out


def parse_addresses(const uint64_t[::1] address not None, const uint64_t[::1] length not None, uint8_t[::1] family not None,
                    uint32_t[::1] ipv4 not None, uint8_t[::1] ipv6):
    """IPv4 and IPv6 addresses. How many of each there are: what is missing from n is malformed.

    Without `ipv6` the IPv6 addresses are recognised, but go nowhere.
    """
    cdef Py_ssize_t n = address.shape[0], i
    if length.shape[0] < n:
        raise ValueError("length is too short")
    cdef outputs out = outputs_of(n, family, ipv4, ipv6)
    with nogil:
        for i in range(n):
            put_address(&out, i, <const uint8_t *><size_t>address[i], length[i])
    return out.count4, out.count6


def parse_address_objects(items not None, Py_ssize_t start, uint8_t[::1] nulls not None, uint8_t[::1] family not None,
                          uint32_t[::1] ipv4 not None, uint8_t[::1] ipv6):
    """As `parse_addresses`, of str and bytes in a list or tuple from `start` on, as many as `nulls` is long; None is null.

    Returns the position of the first item that is neither text nor None, or has no UTF-8 form, at which parsing stops, else -1;
    then what `parse_addresses` returns. Holds the GIL throughout: no other thread can take away a text while its bytes are being
    read, and so none needs a reference of its own.
    """
    cdef Py_ssize_t n = nulls.shape[0], i, size
    cdef PyObject **objects
    cdef PyObject *item
    cdef const char *p
    if type(items) is not list and type(items) is not tuple:
        raise ValueError("items must be a list or a tuple")
    if start < 0 or n > len(items) or start > len(items) - n:
        raise ValueError("nulls must be no longer than items")
    cdef outputs out = outputs_of(n, family, ipv4, ipv6)
    objects = PySequence_Fast_ITEMS(items) + start
    for i in range(n):
        if i + OBJECTS_AHEAD < n:
            VK_PREFETCH_L1(objects[i + OBJECTS_AHEAD])
        item = objects[i]
        nulls[i] = 0
        if PyUnicode_Check(<object>item):
            p = PyUnicode_AsUTF8AndSize(<object>item, &size)
            if p == NULL:
                if not PyErr_ExceptionMatches(UnicodeEncodeError):
                    raise
                PyErr_Clear()
                return start + i, out.count4, out.count6
        elif PyBytes_Check(<object>item):
            p = PyBytes_AS_STRING(<object>item)
            size = PyBytes_GET_SIZE(<object>item)
        elif item == <PyObject *>None:
            nulls[i] = 1
            out.family[i] = 0
            out.ipv4[i] = 0
            continue
        else:
            return start + i, out.count4, out.count6
        put_address(&out, i, <const uint8_t *>p, <uint64_t>size)
    return -1, out.count4, out.count6


def parse_networks(const uint64_t[::1] address not None, const uint64_t[::1] length not None, uint8_t[::1] family not None,
                   uint32_t[::1] ipv4 not None, uint8_t[::1] ipv6 not None, uint8_t[::1] bits not None):
    """Addresses with a prefix length behind a slash, or without, which means all bits. Returns as `parse_addresses`.

    Bits behind the prefix are kept: whether they may be set is the caller's affair.
    """
    cdef Py_ssize_t n = address.shape[0], i
    cdef uint8_t kind
    cdef uint32_t value
    if length.shape[0] < n or bits.shape[0] < n:
        raise ValueError("length or bits is too short")
    cdef outputs out = outputs_of(n, family, ipv4, ipv6)
    with nogil:
        for i in range(n):
            value = 0
            kind = vk_parse_network(<const uint8_t *><size_t>address[i], length[i], &value, out.ipv6 + 16 * i, &bits[i])
            out.family[i] = kind
            out.ipv4[i] = value if kind == 4 else 0
            out.count4 += kind == 4
            out.count6 += kind == 6
    return out.count4, out.count6


def parse_digits(const uint64_t[::1] address not None, const uint64_t[::1] length not None, uint64_t[::1] words not None,
                 uint8_t[::1] counts not None):
    """Digit strings, with or without a `+`, as nibbles of digit + 1, the first highest, zeros behind. How many are malformed."""
    cdef Py_ssize_t n = address.shape[0], i, malformed = 0
    if length.shape[0] < n or words.shape[0] < n or counts.shape[0] < n:
        raise ValueError("length, words or counts is too short")
    with nogil:
        for i in range(n):
            counts[i] = vk_parse_digits(<const uint8_t *><size_t>address[i], length[i], &words[i])
            malformed += counts[i] == VK_MALFORMED
    return malformed


def digits_of_numbers(const uint64_t[::1] values not None, uint64_t[::1] words not None, uint8_t[::1] counts not None):
    """As `parse_digits`, of the decimal digits of numbers."""
    cdef Py_ssize_t n = values.shape[0], i
    if words.shape[0] < n or counts.shape[0] < n:
        raise ValueError("words or counts is too short")
    with nogil:
        for i in range(n):
            counts[i] = vk_digits_of(values[i], &words[i])
