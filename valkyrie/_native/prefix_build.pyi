from typing import TypeVar

from valkyrie.typing import Int32Array, Int64Array, UInt8Array, UInt32Array, UInt64Array

_Words = TypeVar("_Words", UInt32Array, UInt64Array)

def paint(
    starts: _Words,
    lengths: UInt8Array,
    labels: Int32Array | None,
    background: int,
    last: _Words,
    painted: Int32Array,
    parents: Int32Array | None,
) -> int: ...
def paint_groups(
    bounds: Int64Array,
    starts: UInt64Array,
    lengths: UInt8Array,
    labels: Int32Array,
    backgrounds: Int32Array,
    last: UInt64Array,
    painted: Int32Array,
    ends: Int64Array,
) -> int: ...
def parents_of_pairs(high: UInt64Array, low: UInt64Array, lengths: UInt8Array, parents: Int32Array) -> None: ...
def count_open(parents: Int32Array, depths: Int32Array) -> None: ...
def pack_ipv4(
    last: UInt32Array,
    labels: Int32Array,
    lengths: UInt8Array,
    bits: int,
    root: UInt8Array,
    nodes: UInt8Array,
    leaves: UInt8Array,
    deep_last: UInt32Array,
    deep_labels: Int32Array,
) -> tuple[int, int, int]: ...
