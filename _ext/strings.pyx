"""Text in numpy's and Arrow's forms as (address, length) of UTF-8 bytes: what the text kernels read, whatever held it.

Every function fills the first n entries of `address` and `length` and borrows: the addresses are good for as long as the array
they came from is alive and unchanged. Functions that can meet a value that is no text return its position, else -1.
"""
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_Check, PyBytes_GET_SIZE
from cpython.unicode cimport PyUnicode_Check
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset

cimport numpy as cnp

from utf8 cimport utf8_of

cnp.import_array()

ctypedef fused offset_t:
    int32_t
    int64_t

cdef extern from "vk_text.h" nogil:
    enum:
        VK_UTF8_SPARE
    int64_t vk_fixed_length(const uint8_t *field, int64_t width)
    int64_t vk_ascii_from_ucs4(const uint8_t *field, int64_t width, uint8_t *out)
    int64_t vk_utf8_from_ucs4(const uint8_t *field, int64_t width, uint8_t *out)

cdef extern from "numpy/arrayobject.h" nogil:
    ctypedef struct npy_string_allocator:
        pass
    ctypedef struct npy_static_string:
        size_t size
        const char *buf
    ctypedef struct npy_packed_static_string:
        pass
    int NPY_VSTRING
    ctypedef struct PyArray_StringDTypeObject:
        pass
    npy_string_allocator *NpyString_acquire_allocator(const PyArray_StringDTypeObject *descr)
    void NpyString_release_allocator(npy_string_allocator *allocator)
    int NpyString_load(npy_string_allocator *allocator, const npy_packed_static_string *packed, npy_static_string *text)

cdef const uint8_t *EMPTY = <const uint8_t *>b""


def of_offsets(const offset_t[::1] offsets not None, const uint8_t[::1] data not None, uint64_t[::1] address not None,
               uint64_t[::1] length not None):
    """Arrow's layout: text i is data[offsets[i]:offsets[i + 1]]. The position of the first text outside data, or -1."""
    cdef Py_ssize_t n = offsets.shape[0] - 1, i
    cdef int64_t begin, end, size = data.shape[0]
    cdef const uint8_t *p = &data[0] if size else EMPTY
    if n > address.shape[0] or n > length.shape[0]:
        raise ValueError("address and length are too short")
    with nogil:
        for i in range(n):
            begin = offsets[i]
            end = offsets[i + 1]
            if begin < 0 or end < begin or end > size:
                with gil:
                    return i
            address[i] = <uint64_t><size_t>(p + begin)
            length[i] = <uint64_t>(end - begin)
    return -1


def of_fixed(const uint8_t[:, ::1] fields not None, uint64_t[::1] address not None, uint64_t[::1] length not None):
    """numpy `S`: fields of one width, padded with NULs."""
    cdef Py_ssize_t n = fields.shape[0], width = fields.shape[1], i
    cdef const uint8_t *p
    if n > address.shape[0] or n > length.shape[0]:
        raise ValueError("address and length are too short")
    if n == 0:
        return
    p = &fields[0, 0] if width else EMPTY
    with nogil:
        for i in range(n):
            address[i] = <uint64_t><size_t>(p + i * width)
            length[i] = <uint64_t>vk_fixed_length(p + i * width, width)


def of_ucs4(const uint32_t[:, ::1] fields not None, uint8_t[::1] scratch not None, uint64_t[::1] address not None,
            uint64_t[::1] length not None):
    """numpy `U`: encoded into `scratch`, which needs 5 bytes a character and 16 more. The first text with no UTF-8, or -1.

    ASCII goes to a place of its own for each text, so that no text waits for the length of the one before; what is not all ASCII
    goes behind those places, one after the other.
    """
    cdef Py_ssize_t n = fields.shape[0], width = fields.shape[1], i
    cdef const uint8_t *p
    cdef uint8_t *o
    cdef uint8_t *behind
    cdef int64_t size
    if n > address.shape[0] or n > length.shape[0] or scratch.shape[0] < 5 * n * width + VK_UTF8_SPARE:
        raise ValueError("address, length or scratch is too short")
    if n == 0:
        return -1
    p = <const uint8_t *>&fields[0, 0] if width else EMPTY
    o = &scratch[0] if width else <uint8_t *>EMPTY
    behind = o + n * width
    with nogil:
        for i in range(n):
            size = vk_ascii_from_ucs4(p, width, o)
            address[i] = <uint64_t><size_t>o
            if size < 0:
                size = vk_utf8_from_ucs4(p, width, behind)
                if size < 0:
                    with gil:
                        return i
                address[i] = <uint64_t><size_t>behind
                behind += size
            length[i] = <uint64_t>size
            p += 4 * width
            o += width
    return -1


def of_objects(cnp.ndarray keys not None, nulls, uint64_t[::1] address not None, uint64_t[::1] length not None):
    """An object array of str and bytes; rows that `nulls` marks, and None, count as empty. The first of any other type, or -1.

    Holds the GIL. The caller passes an array of its own, so that the texts cannot go away while their addresses are in use.
    """
    cdef Py_ssize_t n, i, size
    cdef const uint8_t[::1] null = nulls
    cdef object item
    cdef const char *p
    if cnp.PyArray_NDIM(keys) != 1 or cnp.PyArray_TYPE(keys) != cnp.NPY_OBJECT:
        raise ValueError("keys must be one-dimensional and objects")
    n = cnp.PyArray_DIM(keys, 0)
    if n > address.shape[0] or n > length.shape[0] or (null is not None and null.shape[0] < n):
        raise ValueError("address, length or nulls is too short")
    cdef object[:] items = keys
    for i in range(n):
        item = items[i]
        if PyUnicode_Check(item):
            p = utf8_of(item, &size)
            if p == NULL:
                return i
        elif PyBytes_Check(item):
            p = PyBytes_AS_STRING(item)
            size = PyBytes_GET_SIZE(item)
        elif item is None or (null is not None and null[i]):
            p = <const char *>EMPTY
            size = 0
        else:
            return i
        address[i] = <uint64_t><size_t>p
        length[i] = <uint64_t>size
    return -1


def of_string_dtype(cnp.ndarray keys not None, uint64_t[::1] address not None, uint64_t[::1] length not None):
    """numpy's StringDType, read through its C interface. The first that cannot be read, or -1; a null counts as empty."""
    cdef Py_ssize_t n, i, bad = -1
    cdef const uint8_t *p = <const uint8_t *>cnp.PyArray_DATA(keys)
    cdef int64_t stride
    cdef npy_string_allocator *allocator
    cdef npy_static_string text
    cdef int state
    if cnp.PyArray_NDIM(keys) != 1 or cnp.PyArray_TYPE(keys) != NPY_VSTRING:
        raise ValueError("keys must be one-dimensional and of StringDType")
    n = cnp.PyArray_DIM(keys, 0)
    stride = cnp.PyArray_STRIDE(keys, 0)
    if n > address.shape[0] or n > length.shape[0]:
        raise ValueError("address and length are too short")
    cdef const PyArray_StringDTypeObject *descr = <const PyArray_StringDTypeObject *>cnp.PyArray_DESCR(keys)
    with nogil:
        allocator = NpyString_acquire_allocator(descr)
        for i in range(n):
            state = NpyString_load(allocator, <const npy_packed_static_string *>(p + i * stride), &text)
            if state < 0:
                bad = i
                break
            address[i] = <uint64_t><size_t>(<const uint8_t *>text.buf if state == 0 and text.size else EMPTY)
            length[i] = <uint64_t>text.size if state == 0 else 0
        NpyString_release_allocator(allocator)
    return bad


def lengths_to_records(const uint64_t[::1] length not None, uint32_t[::1] refs not None):
    """Where each text's record begins, in units of 8 bytes; the units of all, which may exceed what a reference can name."""
    cdef Py_ssize_t n = length.shape[0], i
    cdef uint64_t at = 0
    if refs.shape[0] < n:
        raise ValueError("refs is too short")
    with nogil:
        for i in range(n):
            refs[i] = <uint32_t>at
            at += 1 + (length[i] + 7) // 8
    return at


def write_records(const uint64_t[::1] address not None, const uint64_t[::1] length not None, const uint32_t[::1] refs not None,
                  const int32_t[::1] rows not None, uint8_t[::1] arena not None):
    """Write each text as a record: u32 length, i32 row, the bytes, zeros up to a multiple of 8."""
    cdef Py_ssize_t n = rows.shape[0], i
    cdef uint64_t at, padded
    cdef uint32_t size
    cdef int32_t row
    if address.shape[0] < n or length.shape[0] < n or refs.shape[0] < n:
        raise ValueError("address, length and refs must be as long as rows")
    with nogil:
        for i in range(n):
            at = 8 * <uint64_t>refs[i]
            padded = (length[i] + 7) // 8 * 8
            if length[i] > 0x7FFFFFFF or at + 8 + padded > <uint64_t>arena.shape[0]:
                with gil:
                    raise ValueError("a record does not fit the arena")
            size = <uint32_t>length[i]
            row = rows[i]
            memcpy(&arena[<Py_ssize_t>at], &size, 4)
            memcpy(&arena[<Py_ssize_t>at + 4], &row, 4)
            if padded:
                memset(&arena[<Py_ssize_t>(at + padded)], 0, 8)
                memcpy(&arena[<Py_ssize_t>at + 8], <const void *><size_t>address[i], size)


def text_bytes(uint64_t address, uint64_t length):
    """The bytes of one text, by address and length, as the functions above found them."""
    return (<const char *><size_t>address)[:<Py_ssize_t>length]
