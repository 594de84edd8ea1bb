"""The reader of a prefix table: one key at a time, over the arenas that batches are searched in, and without numba.

A reader for each kind of engine turns a key into a number or its bytes, and finds a rank. It checks once that the sizes of its
arrays agree, and trusts their contents: the engines checked those when they took them over. `PrefixTableReader` puts rows to
ranks; `PrefixTable` is this class and more, so that no Python frame lies between the caller and the search. `PrefixChains`
climbs from a rank to all that contain it.

A key that a reader does not take (another type, a null, text without UTF-8 form, a prefix that is malformed) is `NOT_TAKEN`, -2:
then the slow path of the table decides, which reads a column of one key, and raises what a batch would raise.

Searches hold the GIL: they take less time than to release it.
"""
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.long cimport PyLong_CheckExact
from libc.stdint cimport int32_t, uint8_t, uint32_t, uint64_t

from matching cimport (
    VK_MALFORMED,
    VK_MORE_DIGITS,
    vk_address_tables,
    vk_digits_of,
    vk_exact32,
    vk_exact64,
    vk_exact128,
    vk_interval_rank,
    vk_intervals,
    vk_ipv4,
    vk_ipv4_rank,
    vk_ipv6,
    vk_ipv6_rank,
    vk_parse_address,
    vk_parse_digits,
    vk_parse_network,
    vk_text_rank,
    vk_texts,
)
from one_key cimport is_number, is_text, ones_behind, read_halves
from prefix_arrays cimport take_intervals, take_ipv4, take_ipv6, take_texts

from ipaddress import IPv4Address, IPv6Address

from numpy import integer, uint64

cdef enum:
    NONE = -1
    NOT_TAKEN = -2

vk_address_tables()


cdef class PrefixReader:
    """Finds ranks of single keys. This one takes no key; see its subclasses.

    Made from the `reader_arguments` of engines, whose arrays it borrows and keeps alive. Immutable; threads may share it.
    """

    cdef object owners

    cdef int32_t longest(self, key) except? -3:
        return NOT_TAKEN

    cdef int32_t exact(self, prefix) except? -3:
        return NOT_TAKEN

    def rank_of(self, key):
        """The rank of the longest prefix of a key; -1: none, or the key is malformed; -2: this reader does not take the key."""
        return self.longest(key)


cdef class IpReader(PrefixReader):
    """Addresses of both families, whose ranks follow one another: text, int (IPv4), `ipaddress`; networks as text."""

    cdef vk_ipv4 v4
    cdef vk_ipv6 v6
    cdef const uint32_t *starts
    cdef const uint64_t *high, *low
    cdef const uint8_t *lengths4, *lengths6
    cdef int32_t n4, n6

    def __cinit__(self, tuple ipv4 not None, tuple ipv6 not None):
        self.owners = (ipv4, ipv6)
        starts, lengths, shift, root, nodes, leaves, deep_words, deep_steps, deep_ranks = ipv4
        take_ipv4(&self.v4, shift, root, nodes, leaves, deep_words, deep_steps, deep_ranks)
        self.adopt4(starts, lengths)
        high, low, lengths, words, steps, ranks, bounds, low_last, low_ranks = ipv6
        take_ipv6(&self.v6, words, steps, ranks, bounds, low_last, low_ranks)
        self.adopt6(high, low, lengths)

    cdef object adopt4(self, const uint32_t[::1] starts, const uint8_t[::1] lengths):
        if lengths.shape[0] != starts.shape[0] or starts.shape[0] > 0x7FFFFFFF:
            raise ValueError("the columns of the IPv4 prefixes must be equally long")
        if starts.shape[0]:
            self.starts = &starts[0]
            self.lengths4 = &lengths[0]
        self.n4 = <int32_t>starts.shape[0]

    cdef object adopt6(self, const uint64_t[::1] high, const uint64_t[::1] low, const uint8_t[::1] lengths):
        if low.shape[0] != high.shape[0] or lengths.shape[0] != high.shape[0] or high.shape[0] + self.n4 > 0x7FFFFFFF:
            raise ValueError("the columns of the IPv6 prefixes must be equally long")
        if high.shape[0]:
            self.high = &high[0]
            self.low = &low[0]
            self.lengths6 = &lengths[0]
        self.n6 = <int32_t>high.shape[0]

    cdef int32_t rank4(self, uint32_t address) noexcept nogil:
        return vk_ipv4_rank(&self.v4, address) if self.n4 else NONE

    cdef int32_t rank6(self, uint64_t high, uint64_t low) noexcept nogil:
        cdef int32_t rank = vk_ipv6_rank(&self.v6, high, low) if self.n6 else NONE
        return rank if rank < 0 else rank + self.n4

    cdef int32_t longest(self, key) except? -3:
        cdef const uint8_t *p
        cdef Py_ssize_t n
        cdef uint8_t packed[16]
        cdef uint8_t family
        cdef uint32_t ipv4 = 0
        cdef uint64_t high = 0, low = 0
        cdef bint negative
        if is_text(key, &p, &n):
            family = vk_parse_address(p, <uint64_t>n, &ipv4, packed)
            if family == 6:
                read_halves(packed, &high, &low)
                return self.rank6(high, low)
            return self.rank4(ipv4) if family == 4 else NONE
        if is_number(key, integer, &low, &negative):
            return self.rank4(<uint32_t>low) if low <= 0xFFFFFFFF else NOT_TAKEN
        if type(key) is IPv4Address:
            return self.rank4(<uint32_t>int(key))
        if type(key) is IPv6Address and key.scope_id is None:
            address = <bytes?>key.packed
            if PyBytes_GET_SIZE(address) != 16:
                return NOT_TAKEN
            read_halves(<const uint8_t *>PyBytes_AS_STRING(address), &high, &low)
            return self.rank6(high, low)
        return NOT_TAKEN

    cdef int32_t exact(self, prefix) except? -3:
        cdef const uint8_t *p
        cdef Py_ssize_t n
        cdef uint8_t packed[16]
        cdef uint8_t family, bits
        cdef uint32_t ipv4 = 0
        cdef uint64_t high = 0, low = 0
        cdef int32_t rank
        if not is_text(prefix, &p, &n):
            return NOT_TAKEN
        family = vk_parse_network(p, <uint64_t>n, &ipv4, packed, &bits)
        if family == 4 and not <uint64_t>ipv4 << 32 & ones_behind(bits):
            return vk_exact32(self.starts, self.lengths4, self.rank4(ipv4), ipv4, bits)
        if family != 6:
            return NOT_TAKEN
        read_halves(packed, &high, &low)
        if high & ones_behind(bits) or low & ones_behind(bits - 64):
            return NOT_TAKEN
        rank = vk_exact128(self.high, self.low, self.lengths6, self.rank6(high, low) - self.n4, high, low, bits)
        return rank if rank < 0 else rank + self.n4


cdef class WordReader(PrefixReader):
    """Words of 64 bits: "digits" from text and integers, "bits" from int and uint64, and as a prefix (word, length)."""

    cdef vk_intervals tree
    cdef const uint64_t *starts
    cdef const uint8_t *lengths
    cdef bint digits
    cdef Py_ssize_t n

    def __cinit__(self, tuple arguments not None, *, bint digits):
        self.owners = arguments
        self.digits = digits
        starts, lengths, words, steps, ranks = arguments
        take_intervals(&self.tree, words, steps, ranks)
        self.adopt(starts, lengths)

    cdef object adopt(self, const uint64_t[::1] starts, const uint8_t[::1] lengths):
        if lengths.shape[0] != starts.shape[0] or starts.shape[0] > 0x7FFFFFFF:
            raise ValueError("starts and lengths must be equally long")
        if starts.shape[0]:
            self.starts = &starts[0]
            self.lengths = &lengths[0]
        self.n = starts.shape[0]

    cdef int read_word(self, key, uint64_t *word) except -3:
        """How many digits or bits a key has (VK_MORE_DIGITS if the word holds the first ones only), NONE or NOT_TAKEN."""
        cdef const uint8_t *p
        cdef Py_ssize_t n
        cdef int count
        cdef bint negative = False
        if self.digits and is_text(key, &p, &n):
            count = vk_parse_digits(p, <uint64_t>n, word)
            return count if count != VK_MALFORMED else NONE
        # A number of another width would be aligned to the right; one of Python's has no width.
        if not is_number(key, integer if self.digits else uint64, word, &negative):
            return NOT_TAKEN
        if self.digits:
            count = vk_digits_of(word[0], word)
            return count if not negative else NONE
        return NOT_TAKEN if negative else 64

    cdef int32_t rank(self, uint64_t word) noexcept nogil:
        return vk_interval_rank(&self.tree, word) if self.n else NONE

    cdef int32_t longest(self, key) except? -3:
        cdef uint64_t word = 0
        cdef int count = self.read_word(key, &word)
        return self.rank(word) if count >= 0 else count

    cdef int32_t exact(self, prefix) except? -3:
        cdef uint64_t word = 0
        cdef int bits
        if self.digits:
            bits = self.read_word(prefix, &word)
            if bits < 0 or bits == VK_MORE_DIGITS:
                return NOT_TAKEN
            bits *= 4
        else:
            if type(prefix) is not tuple or len(prefix) != 2 or not PyLong_CheckExact(prefix[1]) or not 0 <= prefix[1] <= 64:
                return NOT_TAKEN
            bits = prefix[1]
            if self.read_word(prefix[0], &word) < 0 or word & ones_behind(bits):
                return NOT_TAKEN
        return vk_exact64(self.starts, self.lengths, self.rank(word), word, bits)


cdef class TextReader(PrefixReader):
    """Text and bytes.

    With `winners` its texts are the bases of rules. They are two arrays by rank: the rule of the base itself, and of longer keys.
    """

    cdef vk_texts tree
    cdef const int32_t[::1] at_base, beyond

    def __cinit__(self, tuple arguments not None, *, tuple winners=None):
        self.owners = arguments
        form, self.tree.padded, nodes, inner, slices, groups, texts, arena = arguments
        self.tree.terminator, self.tree.backwards, self.tree.fold = form
        if not -1 <= self.tree.terminator <= 255:
            raise ValueError("the terminator must be a byte, or -1")
        self.at_base, self.beyond = (None, None) if winners is None else winners
        take_texts(&self.tree, nodes, inner, slices, groups, texts, arena)
        if self.beyond is not None and (self.at_base.shape[0] != self.tree.n or self.beyond.shape[0] != self.tree.n):
            raise ValueError("winners must be as many as texts")

    cdef int32_t longest(self, key) except? -3:
        cdef const uint8_t *p
        cdef Py_ssize_t n
        cdef int32_t rank
        if not is_text(key, &p, &n):
            return NOT_TAKEN
        # The dot of the root may end a domain; a path is asked as it is.
        n -= self.tree.backwards and n > 0 and p[n - 1] == self.tree.terminator
        rank = vk_text_rank(&self.tree, p, n)
        if self.beyond is None or rank < 0:
            return rank
        return self.beyond[rank] if n + 1 > self.tree.texts[rank].length else self.at_base[rank]

    cdef int32_t exact(self, prefix) except? -3:
        """The longest prefix of it, if that is as long."""
        cdef const uint8_t *p
        cdef Py_ssize_t n
        cdef int32_t rank
        if self.beyond is not None or not is_text(prefix, &p, &n):
            return NOT_TAKEN
        n -= n > 0 and p[n - 1] == self.tree.terminator
        rank = vk_text_rank(&self.tree, p, n)
        return rank if rank >= 0 and self.tree.texts[rank].length == n + (n > 0 and self.tree.terminator >= 0) else NONE


cdef class PrefixChains:
    """From a rank to all prefixes that contain it: their rows (ranks, if `rows` is None), shortest first."""

    cdef const int32_t[:] parents
    cdef const int32_t[::1] rows

    def __cinit__(self, parents not None, rows):
        self.parents = parents
        self.rows = rows
        if rows is not None and self.rows.shape[0] != self.parents.shape[0]:
            raise ValueError("rows must be as long as parents")

    def of(self, Py_ssize_t rank):
        cdef list found = []
        cdef Py_ssize_t below = self.parents.shape[0]
        while 0 <= rank < below:        # parents come first, and a climb that goes up in ranks ends
            found.append(rank if self.rows is None else self.rows[rank])
            below = rank
            rank = self.parents[rank]
        found.reverse()
        return found


cdef class PrefixTableReader:
    """Looks up single keys; see `valkyrie.tables.PrefixTable`, which is this class and more.

    Made from an index, which has a `reader`, and the rows of its ranks (None: the ranks themselves).
    """

    cdef PrefixReader reader
    cdef const int32_t[::1] row_of

    def __cinit__(self, index, rows, **_):
        self.reader = index.reader
        self.row_of = rows
        if rows is not None and self.row_of.shape[0] != index.n:
            raise ValueError("rows must be as many as prefixes")

    def lookup(self, key):
        """The row of the longest prefix that one key begins with, or None.

        Parameters
        ----------
        key : str, bytes, int, `ipaddress` address, or numpy scalar
            One of what `lookup_many` takes. A null and a malformed address or number are misses.

        Raises
        ------
        KeyTypeError
            The key is of another kind.

        Notes
        -----
        Any thread may call. No batch is made of the key, and nothing is compiled.
        """
        cdef int32_t rank = self.reader.longest(key)
        if rank == NOT_TAKEN:
            rank = self._rank(key)
        if rank < 0:
            return None
        return rank if self.row_of is None else self.row_of[rank]

    def get(self, prefix, default=None):
        """The row of a prefix itself.

        Parameters
        ----------
        prefix : str, bytes, int, ipaddress network, or tuple
            As `build` takes one; of "bits" a pair (word, length).
        default : object, optional
            What is returned where it is not in the table; so it is for a null, and for text or numbers that are no prefix.

        Raises
        ------
        KeyTypeError
            It is of another kind than the prefixes of the table.

        Notes
        -----
        Any thread may call.
        """
        cdef int32_t rank = self.reader.exact(prefix)
        if rank == NOT_TAKEN:
            rank = self._find(prefix)
        if rank < 0:
            return default
        return rank if self.row_of is None else self.row_of[rank]

    def __contains__(self, prefix):
        """Whether a prefix itself is in the table: whether `get` finds its row, with the same errors."""
        cdef int32_t rank = self.reader.exact(prefix)
        return (rank if rank != NOT_TAKEN else <int32_t>self._find(prefix)) >= 0
