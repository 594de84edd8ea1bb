from valkyrie.typing import Int32Array, UInt8Array, UInt32Array, UInt64Array

def segment_counts(fp: UInt64Array, n_pilots: int, shift: int, counts: UInt64Array) -> None: ...
def partition(
    fp: UInt64Array,
    n_pilots: int,
    shift: int,
    starts: UInt64Array,
    fp_out: UInt64Array,
    index_out: UInt32Array,
) -> None: ...
def build_segments(
    first: int,
    last: int,
    bounds: UInt64Array,
    fp: UInt64Array,
    index: UInt32Array | None,
    values: Int32Array | None,
    kind: int,
    flat: bool,
    keys16: UInt8Array | None,
    address: UInt64Array | None,
    length: UInt64Array | None,
    n_pilots: int,
    buckets: int,
    segment_lines: int,
    lines: UInt8Array,
    pilots: UInt8Array,
    keep_last: bool,
    dropped: UInt8Array,
    unplaced: UInt8Array | None,
) -> int: ...
