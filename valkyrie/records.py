"""Structured dtypes of every array that is stored, published or mapped; sizes and offsets are part of the format.

::

    ID_LINE    64 bytes: five 64-bit fingerprints, five rows, one guard that is always -1
               0        8        16       24       32       40   44   48   52   56   60
               | fp[0]  | fp[1]  | fp[2]  | fp[3]  | fp[4]  |r[0]|r[1]|r[2]|r[3]|r[4]| -1 |

    B16_LINE   64 bytes: three 128-bit keys, three rows, one guard that is always -1
               0                16               32               48   52   56   60
               | key[0]         | key[1]         | key[2]         |r[0]|r[1]|r[2]| -1 |

    ID_SLOT    16 bytes: one fingerprint, its row, a guard; the flat layout of small tables
    ROW_SLOT    4 bytes: the row of key base + i; the direct layout of dense integers, and one slot more that is always -1
    FALLBACK   32 bytes: fingerprint, key (128-bit tables only), row or, in a bytes table, reference; sorted by fingerprint

An unused slot has row -1 (and fingerprint 0) and stands after the used ones, so the first slot that matches is the right one,
and a line in which nothing matches answers with its guard: a miss needs no branch.

Fingerprints: of an integer the keyed bijective mix, so that it *is* the key; of a text its keyed hash, and then ``row`` is the
reference of its record, in units of 8 bytes, in the arena: u32 length, i32 row, the bytes, zeros up to a multiple of 8.
"""

from __future__ import annotations

import numpy as np

__all__ = [
    "ADMIN",
    "B16",
    "B16_LINE",
    "EJECTED",
    "ENDPOINT",
    "ENDPOINT_STATE",
    "FALLBACK",
    "HASHES",
    "HEALTH",
    "ID_LINE",
    "ID_SLOT",
    "ID_TABLE_HEADER",
    "INTERVAL_LINE",
    "INTERVAL_LINE32",
    "IPV4_NODE",
    "KINDS",
    "LAYOUTS",
    "LINK",
    "MAX_ROWS",
    "MISSING",
    "NODE",
    "NODE_STATUS",
    "NO_SLOT",
    "PICK_GROUP",
    "PICK_HASHES",
    "PICK_MEMBER",
    "PICK_METHODS",
    "PICK_PLAN",
    "PREFIX_KINDS",
    "PREFIX_TABLE_HEADER",
    "PREFIX_TEXT",
    "REGION",
    "ROUTE",
    "ROW_SLOT",
    "SERVICE",
    "SLICE_GROUP",
    "SLICE_NODE",
    "STATUS",
    "TEXT_PREFIXES_HEADER",
]

MISSING = -1
"""The row of a key that is not in the table, unless the caller chooses another with ``missing=``."""

MAX_ROWS = 2**31 - 1
"""Rows are int32."""

B16 = np.dtype("V16")
"""A 128-bit key: 16 bytes in network order, as ``uuid.UUID.bytes``."""

ID_LINE = np.dtype({
    "names": ["fp", "row", "guard"],
    "formats": [("<u8", (5,)), ("<i4", (5,)), "<i4"],
    "offsets": [0, 40, 60],
    "itemsize": 64,
})

B16_LINE = np.dtype({
    "names": ["key", "row", "guard"],
    "formats": [("V16", (3,)), ("<i4", (3,)), "<i4"],
    "offsets": [0, 48, 60],
    "itemsize": 64,
})

ID_SLOT = np.dtype([("fp", "<u8"), ("row", "<i4"), ("guard", "<i4")])

ROW_SLOT = np.dtype([("row", "<i4")])

FALLBACK = np.dtype([("fp", "<u8"), ("key", "V16"), ("row", "<i4"), ("guard", "<i4")])

KINDS = ("int", "b16", "bytes")
"""Kinds of keys, by code."""

LAYOUTS = ("direct", "flat", "lines")
"""Layouts of an IdTable, by code."""

HASHES = ("fast", "siphash-1-3")
"""Hashes of an IdTable, by code."""

ID_TABLE_HEADER = np.dtype([
    ("kind", "u1"),
    ("layout", "u1"),
    ("hash", "u1"),
    ("is_signed", "u1"),
    ("reseeds", "<u4"),
    ("seed", "<u8"),
    ("segment_shift", "<u4"),
    ("segment_lines", "<u4"),
    ("base", "<u8"),
    ("span", "<u8"),
    ("entries", "<u8"),
])
"""The numbers of an IdTable: one record beside its arrays."""

ROUTE = np.dtype([
    ("target", "<i4"),
    ("shard", "<u4"),
    ("latency_us", "<u4"),
    ("reliability", "<u2"),
    ("weight", "<f4"),
    ("flags", "u1"),
    ("constraints", "<u4"),
])
"""The standard route record: one choice of payload among many.

target : code of what the key maps to; shard : partition number; latency_us : expected latency in microseconds;
reliability : share of successes in 1/65535; weight : relative weight; flags, constraints : bit sets of the caller's.
"""

# Prefixes over bits: IPv4 networks by nodes and one-byte leaves, everything else by lines of interval ends.
#
#     IPV4_NODE        16 bytes: what 64 slots lead to
#                      0         8       12
#                      | starts  | first | base  |
#
#     INTERVAL_LINE    64 bytes: the last addresses of eight intervals, or of eight subtrees
#                      0         8                  56
#                      | last[0] | last[1] | ...    | last[7] |
#
#     INTERVAL_LINE32  64 bytes: the same with sixteen
#                      0       4                  60
#                      | [0]   | [1]   | ...      | [15]  |
#
# Slot i of a node leads to ``first`` plus how many of bits 0 to i of ``starts`` are set; bit i is set when slot i leads
# elsewhere than slot i - 1, and bit 0 never is. The root has 16 to 4,096 nodes, numbered by the top 4 to 12 bits of an address;
# the slot is in the next six, and what it leads to is a node. That one's slot, in the next six bits, leads to a byte of
# ``leaves``, a code:
#
#     0           the prefix that covers the whole node: its rank (or -1) is the int32 in the four bytes before ``first``
#     1 to 254    the prefix of rank ``base`` + code
#     255         ask the tree of INTERVAL_LINE32
#
# ``leaves`` begins with four zeros and a 1, which all nodes share that lie inside one interval. ``base`` of a root node is 0.

IPV4_NODE = np.dtype([("starts", "<u8"), ("first", "<u4"), ("base", "<i4")])

INTERVAL_LINE = np.dtype([("last", "<u8", (8,))])

INTERVAL_LINE32 = np.dtype([("last", "<u4", (16,))])

# Prefixes of text: their bytes, and a tree over slices of eight bytes (`valkyrie._scan.slice_tree` says how it is searched).
#
#   PREFIX_TEXT   16 bytes, one a prefix in sorted order: where its text begins in the arena, how long it is, and the rank of
#                 the longest other prefix it begins with, -1 if none
#                 0        8        12       16
#                 | offset | length | parent |
#
#   SLICE_NODE    16 bytes: texts that share their first `depth` bytes; their distinct slices there, in order, are `count` entries
#                 from `at` on, and so are the groups of those slices; `inner` is the first of the node's lines of separators
#                 0       4    8       12      16
#                 | depth | at | count | inner |
#
#   SLICE_GROUP    8 bytes: texts that share a slice too; `first` is the lowest rank among them. Those that end in the slice
#                 come first; if at least two go on, `link` is their node, else it is ~(the highest rank of the group)
#                 0       4      8
#                 | first | link |

PREFIX_TEXT = np.dtype([("offset", "<u8"), ("length", "<u4"), ("parent", "<i4")])

SLICE_NODE = np.dtype([("depth", "<u4"), ("at", "<u4"), ("count", "<u4"), ("inner", "<u4")])

SLICE_GROUP = np.dtype([("first", "<i4"), ("link", "<i4")])

TEXT_PREFIXES_HEADER = np.dtype([
    ("entries", "<u8"),
    ("terminator", "<i2"),
    ("backwards", "u1"),
    ("fold", "u1"),
    ("padded", "u1"),
    ("reserved", "u1", (3,)),
])
"""The numbers of prefixes of text.

terminator : the byte that every text but "" ends with, -1 if none; backwards : texts are read from their end; fold : in ASCII
lower case; padded : texts that differ only in NULs at their end share a slice.
"""

PREFIX_KINDS = ("bytes", "path", "digits", "suffix", "ip", "bits")
"""Kinds of prefixes, by code."""

STATUS = ("ok", "panic", "miss", "unhealthy", "constrained", "error")
"""What became of a key that was routed, by code; part of every file and result."""

# Services: what is known of each endpoint, and what changes about it in an array of its own, so that a health flip copies 16
# bytes an endpoint of one service. Texts are codes into a dictionary beside the arrays.
#
#   SERVICE         48 bytes: its endpoints are `count` from `first` on
#   ENDPOINT        56 bytes
#   ENDPOINT_STATE  16 bytes
#                   0        1       2         3   4        8      12
#                   | health | admin | ejected |   | weight | load | latency |

HEALTH = ("unknown", "healthy", "degraded", "unhealthy")
"""What checks say of an endpoint, by code; unknown takes traffic as healthy does."""

ADMIN = ("up", "drain", "maintenance")
"""What its operator says, by code."""

EJECTED = ("no", "outlier", "breaker")
"""Whether its own outcomes speak against it, by code."""

SERVICE = np.dtype([
    ("name", "<u4"),
    ("policy", "<u4"),
    ("tags", "<u4"),
    ("first", "<i4"),
    ("count", "<i4"),
    ("reserved", "<u4"),
    ("panic_threshold", "<f8"),
    ("overprovision", "<f8"),
    ("max_ejected", "<f8"),
])
"""A service: name, policy, tags : codes of texts; first, count : its endpoints; the rest as `services.Service` has them."""

ENDPOINT = np.dtype([
    ("identity", "<u4"),
    ("address", "<u4"),
    ("protocol", "<u4"),
    ("version", "<u4"),
    ("zone", "<u4"),
    ("region", "<u4"),
    ("metadata", "<u4"),
    ("port", "<u2"),
    ("priority", "u1"),
    ("own_identity", "u1"),
    ("service", "<i4"),
    ("reserved", "<u4"),
    ("weight", "<f8"),
    ("capacity", "<f8"),
])
"""An endpoint: identity to metadata : codes of texts; priority : 0 is asked first; own_identity : whether the identity is its
own and not ``address:port``; capacity : in the unit of the caller's load."""

ENDPOINT_STATE = np.dtype([
    ("health", "u1"),
    ("admin", "u1"),
    ("ejected", "u1"),
    ("reserved", "u1"),
    ("weight", "<f4"),
    ("load", "<f4"),
    ("latency", "<f4"),
])
"""What changes about an endpoint: codes of `HEALTH`, `ADMIN`, `EJECTED`; weight : share of its weight that is in force, 0 to 1
(slow start); load : requests under way; latency : in seconds."""

PREFIX_TABLE_HEADER = np.dtype([("kind", "u1"), ("wildcards", "u1"), ("reserved", "u1", (6,)), ("entries", "<u8")])
"""The numbers of a PrefixTable: one record beside its arrays."""

# Topologies. Names stand beside the records, in the same order: text i names node i, or region i.
#
#   NODE      16 bytes: region -1 is none; status is a code of NODE_STATUS
#             0        4        5          6          8
#             | region | status | security | reserved | capacity |
#
#   LINK      56 bytes: positions of two nodes, and what it takes to go from one to the other
#             0        4        8            16     24               32            40     48         49          50
#             | source | target | latency_us | cost | bandwidth_mbps | reliability | load | security | encrypted | reserved |
#
#   REGION     4 bytes: the region it is part of, -1 if none

NODE = np.dtype([("region", "<i4"), ("status", "u1"), ("security", "u1"), ("reserved", "u1", (2,)), ("capacity", "<f8")])

LINK = np.dtype([
    ("source", "<i4"),
    ("target", "<i4"),
    ("latency_us", "<f8"),
    ("cost", "<f8"),
    ("bandwidth_mbps", "<f8"),
    ("reliability", "<f8"),
    ("load", "<f8"),
    ("security", "u1"),
    ("encrypted", "u1"),
    ("reserved", "u1", (6,)),
])

REGION = np.dtype([("parent", "<i4")])

NODE_STATUS = ("up", "drain", "down")
"""What a node of a topology is open for, by code: everything; its own traffic, but not what passes through; nothing."""

# Picks: how one member of a set is found from the hash of a key. Records of one process, which hold addresses: never stored.
#
#   PICK_PLAN     64 bytes: one set and its method
#                 0       8     16      24     32     40      44      48       49       50     51      52         53
#                 | slots | aux | index | size | seed | first | count | method | status | hash | shift | weighted | zeros |
#
#   PICK_MEMBER   32 bytes: a member as rendezvous scores it
#                 0          8         16      24      26
#                 | identity | inverse | bound | local | zeros |
#
#   PICK_GROUP    16 bytes: where hashes up to a threshold go
#                 0           8      12
#                 | threshold | plan | zeros |

PICK_METHODS = ("none", "slots", "ring", "rendezvous", "jump", "groups", "answer")
"""Methods of plans, by code."""

PICK_HASHES = ("xxh64", "md5")
"""What keys are hashed with, by code."""

NO_SLOT = 0xFFFF
"""The local of nobody."""

PICK_PLAN = np.dtype([
    ("slots", "<u8"),
    ("aux", "<u8"),
    ("index", "<u8"),
    ("size", "<u8"),
    ("seed", "<u8"),
    ("first", "<i4"),
    ("count", "<i4"),
    ("method", "u1"),
    ("status", "u1"),
    ("hash", "u1"),
    ("shift", "u1"),
    ("weighted", "u1"),
    ("reserved", "u1", (11,)),
])
"""How the member of a set is found.

slots, aux, index : addresses of arrays, by method: of "slots" the uint16 locals; of "ring" the uint64 points, uint16 locals and
the uint32 index; of "rendezvous" the PICK_MEMBER records; of "jump" the uint16 locals by position (NO_SLOT: out) and the
PICK_MEMBER records; of "groups" the PICK_GROUP records.
size : slots, points, positions or groups; seed : of the hash of keys, and in "groups" of its remix; first : added to the local
of the member that is picked; count : members; method : code in `PICK_METHODS`, "none" answers -1 and "answer" `first`; status :
code in `STATUS` for each row; hash : code in `PICK_HASHES`; shift : of a hash to its part of the ring; weighted : whether members
differ in weight.
"""

PICK_MEMBER = np.dtype([
    ("identity", "<u8"),
    ("inverse", "<f8"),
    ("bound", "<f8"),
    ("local", "<u2"),
    ("reserved", "u1", (6,)),
])
"""identity : hash of the member's identity; inverse : of its weight; bound : a little less, in units of 2**-49."""

PICK_GROUP = np.dtype([("threshold", "<u8"), ("plan", "<i4"), ("reserved", "<i4")])
"""threshold : the last remixed hash that goes to the plan, 2**64 - 1 for the last group; plan : its position in the batch."""
