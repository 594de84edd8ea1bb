"""The reader of an IdTable: one key on the hot path of a service, or an array of them, without a Python frame in between.

`IdTableReader` borrows the arrays of a table (lines, pilots, arena, fallback), checks once that every line, pilot and guard its
arithmetic can reach lies inside them, and from then on trusts only itself: references into the arena are checked at each use.

The probes take one contiguous piece of a batch each, so that the caller decides about chunks, threads and Ctrl-C. They release
the GIL, but for object arrays, whose items they must not lose while they look at their bytes.
"""
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_Check, PyBytes_CheckExact, PyBytes_GET_SIZE
from cpython.long cimport PyLong_AsUnsignedLongLong, PyLong_CheckExact
from cpython.object cimport PyObject
from cpython.unicode cimport PyUnicode_Check
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memset

cimport numpy as cnp

from answers cimport b16_answer, id_answer, ids, keys16, text_answer, texts
from lookup cimport FALLBACK_BYTES
from probing cimport (
    VK_PREFETCH_L1,
    VK_B16,
    VK_BYTES,
    VK_DIRECT,
    VK_FLAT,
    VK_INT,
    VK_LINES,
    vk_key_from_seed,
    vk_patch,
    vk_view,
)
from utf8 cimport utf8_of

from valkyrie.errors import KeyNotFoundError

cnp.import_array()

cdef extern from "Python.h":
    long long PyLong_AsLongLongAndOverflow(object x, int *overflow) except? -1
    PyObject **PySequence_Fast_ITEMS(object sequence)

cdef extern from "vk_text.h" nogil:
    void vk_widen(const uint8_t *p, int64_t stride, int64_t n, int itemsize, int is_signed, int swapped, uint64_t *out)

cdef enum:
    CHUNK = 1024            # keys widened, or texts addressed, at a time, in buffers on the stack
    OBJECTS_AHEAD = 12      # objects lie anywhere: their heads are prefetched
    SMALL_BATCH = 1 << 20   # beyond, the caller's loop takes over, which polls for Ctrl-C


cdef int32_t NOTHING = -1


cdef class IdTableReader:
    """Reads the arrays of an IdTable; see `valkyrie.tables.IdTable`, which is this class and more.

    Immutable and safe to share between threads. Raises ValueError if the arrays do not fit the numbers.
    """

    cdef vk_view view
    cdef vk_patch patch                 # changes that wait beside the table
    cdef tuple owners, patch_owners     # what the two point into
    cdef readonly uint64_t seed
    cdef Py_ssize_t entries

    def __cinit__(self, **arguments):
        cdef vk_view *t = &self.view
        memset(t, 0, sizeof(vk_view))
        memset(&self.patch, 0, sizeof(vk_patch))
        t.lines = <const uint8_t *>&NOTHING     # an empty direct layout, should anyone get hold of what is refused below
        a = arguments
        try:
            self.adopt(a.pop("lines"), a.pop("pilots"), a.pop("arena"), a.pop("fallback"), a.pop("layout"), a.pop("kind"),
                       a.pop("hash"), a.pop("is_signed"), a.pop("seed"), a.pop("segment_shift"), a.pop("segment_lines"),
                       a.pop("base"), a.pop("span"), a.pop("entries"))
            if "patch" in a:
                self.adopt_patch(a.pop("patch"), a.pop("patch_rows"), a.pop("patch_pilots"), a.pop("patch_filter"))
        except KeyError as error:
            raise TypeError(f"the reader of an id table needs {error}") from None
        except OverflowError as error:
            raise ValueError(f"a number is out of range: {error}") from None
        if a:
            raise TypeError(f"the reader of an id table does not take {sorted(a)}")

    cdef object adopt(self, const uint8_t[::1] lines, const uint8_t[::1] pilots, const uint8_t[::1] arena,
                      const uint8_t[::1] fallback, int layout, int kind, int hash, bint is_signed, uint64_t seed,
                      uint64_t segment_shift, uint64_t segment_lines, uint64_t base, uint64_t span, Py_ssize_t entries):
        """Check the arrays and take them; until the last line the reader is an empty one."""
        cdef vk_view *t = &self.view
        if lines is None or pilots is None or arena is None or fallback is None:
            raise ValueError("an array is None")
        if not (0 <= layout <= 2 and 0 <= kind <= 2 and 0 <= hash <= 1 and 0 <= entries <= 0x7FFFFFFF):
            raise ValueError("unknown layout, kind or hash")
        if layout == VK_DIRECT:
            if kind != VK_INT or span >= 1 << 40 or <uint64_t>lines.shape[0] != 4 * (span + 1):
                raise ValueError("direct layout: the slots do not fill the span")
        else:
            if layout == VK_FLAT and kind != VK_INT:
                raise ValueError("flat layout: integer keys only")
            if not (1 <= pilots.shape[0] < 1 << 32 and segment_shift < 32 and 1 <= segment_lines < 1 << 32):
                raise ValueError("pilots or segments out of range")
            n_lines = (((<uint64_t>pilots.shape[0] - 1) >> segment_shift) + 1 if layout == VK_LINES else 1) * segment_lines
            if n_lines >= 1 << 40 or <uint64_t>lines.shape[0] != n_lines * (64 if layout == VK_LINES else 16):
                raise ValueError("the lines do not fill the segments")
            t.pilots = &pilots[0]
            t.n_pilots = <uint64_t>pilots.shape[0]
        if fallback.shape[0] % FALLBACK_BYTES:
            raise ValueError("fallback entries are 32 bytes")
        if fallback.shape[0] and layout == VK_DIRECT:
            raise ValueError("the direct layout has no fallback")
        t.lines = &lines[0]
        t.arena_bytes = <uint64_t>arena.shape[0]
        if t.arena_bytes:
            t.arena = &arena[0]
        t.n_fallback = <uint64_t>fallback.shape[0] // FALLBACK_BYTES
        if t.n_fallback:
            t.fallback = &fallback[0]
        t.layout = layout
        t.kind = kind
        t.hash = hash
        t.is_signed = is_signed
        t.segment_shift = <uint32_t>segment_shift
        t.segment_lines = <uint32_t>segment_lines
        t.base = base
        t.span = span
        vk_key_from_seed(seed, &t.key)
        self.seed = seed
        self.entries = entries
        self.owners = (lines, pilots, arena, fallback)

    cdef object adopt_patch(self, IdTableReader table, const int32_t[::1] rows, const uint8_t[::1] pilots,
                            const uint64_t[::1] filter):
        """Take changes: a table from changed keys to places in `rows`, and what `id_patch` made of the same keys."""
        cdef vk_patch *p = &self.patch
        cdef Py_ssize_t words = filter.shape[0]
        if table is None or table.patch.table != NULL or table.view.kind != self.view.kind:
            raise ValueError("patch: a table of the same kind is needed, without changes of its own")
        if table.view.is_signed != self.view.is_signed or rows.shape[0] == 0:
            raise ValueError("patch: of the other sign, or empty")
        if self.view.layout == VK_LINES:
            if <uint64_t>pilots.shape[0] != self.view.n_pilots:
                raise ValueError("patch: as many pilots as the table has are needed")
            p.pilots = &pilots[0]
        else:
            if words == 0 or words & (words - 1):
                raise ValueError("patch: filter must be a power of two of words")
            p.filter = &filter[0]
            p.shift = 58
            while words > 1:
                words >>= 1
                p.shift -= 1
        p.rows = &rows[0]
        p.n_rows = rows.shape[0]
        p.table = &table.view
        self.patch_owners = (table, rows, pilots, filter)

    def __len__(self):
        return self.entries

    cdef int32_t row_of(self, key) except -2:
        """The row of one key, or -1; a file may hold any negative row, so all of them are -1."""
        cdef int32_t row = self.stored_row(key)
        return row if row >= 0 else -1

    cdef int32_t stored_row(self, key) except? -2:
        cdef const vk_view *t = &self.view
        cdef int overflow = 0
        cdef long long x
        cdef unsigned long long u
        cdef Py_ssize_t size
        cdef const char *p
        if t.kind == VK_INT:
            if not PyLong_CheckExact(key):
                key = self._scalar_key(key)
                if key is None:
                    return -1
            x = PyLong_AsLongLongAndOverflow(key, &overflow)
            if overflow == 0:
                return -1 if x < 0 and not t.is_signed else id_answer(t, &self.patch, <uint64_t>x)
            if overflow < 0 or t.is_signed:
                return -1
            try:
                u = PyLong_AsUnsignedLongLong(key)
            except OverflowError:
                return -1
            return id_answer(t, &self.patch, u)
        if t.kind == VK_BYTES and PyUnicode_Check(key):
            p = utf8_of(key, &size)
            if p == NULL:
                return -1           # a lone surrogate has no UTF-8, so no table holds it
            return text_answer(t, &self.patch, <const uint8_t *>p, <uint64_t>size)
        if not PyBytes_Check(key) or t.kind == VK_B16:
            key = self._scalar_key(key)
            if key is None:
                return -1
            if not PyBytes_CheckExact(key) or t.kind == VK_B16 and PyBytes_GET_SIZE(key) != 16:
                raise TypeError("a key must be bytes, and 16 of them in a table of 128-bit keys")
        if t.kind == VK_B16:
            return b16_answer(t, &self.patch, <const uint8_t *>PyBytes_AS_STRING(key))
        return text_answer(t, &self.patch, <const uint8_t *>PyBytes_AS_STRING(key), <uint64_t>PyBytes_GET_SIZE(key))

    def get(self, key, default=None):
        """The row of `key`, or `default`. Raises KeyTypeError for a key of another kind."""
        cdef int32_t row = self.row_of(key)
        return default if row < 0 else row

    def __getitem__(self, key):
        cdef int32_t row = self.row_of(key)
        if row < 0:
            raise KeyNotFoundError(f"key {key!r} is not in the table", hint="get(key, default) does not raise", key=key)
        return row

    def __contains__(self, key):
        return self.row_of(key) >= 0

    def get_many(self, keys, *, missing=-1, out=None, threads=1):
        """The rows of an array of keys; see `valkyrie.tables.IdTable.get_many`."""
        cdef cnp.npy_intp n
        cdef int kind
        cdef bint is_signed
        cdef int32_t absent
        cdef cnp.ndarray array, rows
        if (out is None and type(threads) is int and threads == 1 and self.view.kind == VK_INT and cnp.PyArray_CheckExact(keys)
                and type(missing) is int and -0x80000000 <= missing <= 0x7FFFFFFF):
            array = <cnp.ndarray>keys
            kind = cnp.PyArray_TYPE(array)
            is_signed = kind == cnp.NPY_LONG or kind == cnp.NPY_LONGLONG
            if ((is_signed or kind == cnp.NPY_ULONG or kind == cnp.NPY_ULONGLONG) and cnp.PyArray_NDIM(array) == 1
                    and cnp.PyArray_ITEMSIZE(array) == 8 and cnp.PyArray_ISCARRAY_RO(array)):
                n = cnp.PyArray_DIM(array, 0)
                if n <= SMALL_BATCH:
                    absent = missing
                    rows = cnp.PyArray_EMPTY(1, &n, cnp.NPY_INT32, 0)
                    with nogil:
                        ids(&self.view, &self.patch, <const uint64_t *>cnp.PyArray_DATA(array), n, is_signed, absent,
                            <int32_t *>cnp.PyArray_DATA(rows))
                    return rows
        return self._get_many(keys, missing, out, threads)

    def _probe_ints(self, cnp.ndarray keys not None, int32_t missing, int32_t[::1] out not None):
        """Integer keys of any width, stride and byte order, shape (n,)."""
        cdef Py_ssize_t n = out.shape[0], at = 0, m
        cdef const uint8_t *p = <const uint8_t *>cnp.PyArray_DATA(keys)
        cdef int64_t stride
        cdef int itemsize = <int>cnp.PyArray_ITEMSIZE(keys)
        cdef bint swapped = not cnp.PyArray_ISNOTSWAPPED(keys), is_signed = cnp.PyArray_ISSIGNED(keys)
        cdef uint64_t wide[CHUNK]
        if (self.view.kind != VK_INT or cnp.PyArray_NDIM(keys) != 1 or cnp.PyArray_DIM(keys, 0) != n
                or not cnp.PyArray_ISINTEGER(keys) or itemsize not in (1, 2, 4, 8)):
            raise ValueError("keys must be integers, as many as out, and the table one of integer keys")
        stride = cnp.PyArray_STRIDE(keys, 0)
        if n == 0:
            return
        with nogil:
            if itemsize == 8 and stride == 8 and not swapped and <size_t>p % 8 == 0:
                ids(&self.view, &self.patch, <const uint64_t *>p, n, is_signed, missing, &out[0])
            else:
                while at < n:
                    m = min(n - at, <Py_ssize_t>CHUNK)
                    vk_widen(p + at * stride, stride, m, itemsize, is_signed, swapped, wide)
                    ids(&self.view, &self.patch, wide, m, is_signed, missing, &out[at])
                    at += m

    def _probe_b16(self, const uint8_t[::1] keys not None, int32_t missing, int32_t[::1] out not None):
        """128-bit keys, 16 bytes each, one after the other."""
        cdef Py_ssize_t n = out.shape[0]
        if self.view.kind != VK_B16 or keys.shape[0] != 16 * n:
            raise ValueError("keys must be 16 bytes for each of out, and the table of 128-bit keys")
        if n == 0:
            return
        with nogil:
            keys16(&self.view, &self.patch, &keys[0], n, missing, &out[0])

    def _probe_objects(self, items not None, Py_ssize_t start, int32_t missing, int32_t[::1] out not None):
        """Texts in a list, a tuple or a contiguous object array from `start` on; None is missing.

        The position of the first item that is neither str nor bytes, or has no UTF-8 form; else -1. Holds the GIL throughout:
        no other thread can take away a text while its bytes are being read, and so none needs a reference of its own.
        """
        cdef const uint8_t *address[CHUNK]
        cdef uint64_t length[CHUNK]
        cdef PyObject **objects
        cdef PyObject *item
        cdef Py_ssize_t n = out.shape[0], at = 0, i, m, size
        cdef const char *p
        cdef bint nulls
        if cnp.PyArray_Check(items):
            if cnp.PyArray_TYPE(items) != cnp.NPY_OBJECT or cnp.PyArray_NDIM(items) != 1 or not cnp.PyArray_ISCARRAY_RO(items):
                raise ValueError("items must be a contiguous array of objects")
            objects = <PyObject **>cnp.PyArray_DATA(items)
            size = cnp.PyArray_DIM(items, 0)
        else:
            if type(items) is not list and type(items) is not tuple:
                raise ValueError("items must be a list, a tuple or an array")
            objects = PySequence_Fast_ITEMS(items)
            size = len(items)
        if self.view.kind != VK_BYTES or start < 0 or n > size or start > size - n:
            raise ValueError("out must be no longer than items, and the table of bytes")
        objects += start
        while at < n:
            m = min(n - at, <Py_ssize_t>CHUNK)
            nulls = False
            for i in range(m):
                if at + i + OBJECTS_AHEAD < n:
                    VK_PREFETCH_L1(objects[at + i + OBJECTS_AHEAD])
                item = objects[at + i]
                if item == NULL or item == <PyObject *>None:
                    nulls = True
                    p = b""
                    size = 0
                elif PyUnicode_Check(<object>item):
                    p = utf8_of(<object>item, &size)
                    if p == NULL:
                        return start + at + i
                elif PyBytes_Check(<object>item):
                    p = PyBytes_AS_STRING(<object>item)
                    size = PyBytes_GET_SIZE(<object>item)
                else:
                    return start + at + i
                address[i] = <const uint8_t *>p
                length[i] = <uint64_t>size
            texts(&self.view, &self.patch, address, length, m, missing, &out[at])
            if nulls:
                for i in range(m):
                    if objects[at + i] == NULL or objects[at + i] == <PyObject *>None:
                        out[at + i] = missing
            at += m
        return -1

    def _probe_texts(self, const uint64_t[::1] address not None, const uint64_t[::1] length not None, int32_t missing,
                     int32_t[::1] out not None):
        """Texts by address and length, as `valkyrie._native.strings` finds them; the caller keeps their owner alive."""
        cdef Py_ssize_t n = out.shape[0]
        if self.view.kind != VK_BYTES or address.shape[0] < n or length.shape[0] < n:
            raise ValueError("address and length must be as long as out, and the table of bytes")
        if n == 0:
            return
        with nogil:
            texts(&self.view, &self.patch, <const uint8_t **><size_t>&address[0], &length[0], n, missing, &out[0])
