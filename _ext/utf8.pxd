# The UTF-8 form of Python's str, for every extension that reads one.
from cpython.exc cimport PyErr_Clear, PyErr_ExceptionMatches


cdef extern from "Python.h":
    const char *PyUnicode_AsUTF8AndSize(object text, Py_ssize_t *size)


cdef inline const char *utf8_of(object text, Py_ssize_t *size) except? NULL:
    """The UTF-8 form that a str keeps of itself, or NULL if it has none: it holds a lone surrogate."""
    cdef const char *p = PyUnicode_AsUTF8AndSize(text, size)
    if p == NULL and PyErr_ExceptionMatches(UnicodeEncodeError):
        PyErr_Clear()
    return p
