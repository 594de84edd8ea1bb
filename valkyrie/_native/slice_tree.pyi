from valkyrie.typing import AnyArray, Int64Array, UInt8Array, UInt64Array

def gather(data: UInt8Array, offsets: Int64Array, order: Int64Array, arena: UInt8Array, texts: AnyArray) -> None: ...
def link(arena: UInt8Array, texts: AnyArray) -> None: ...
def plant(
    arena: UInt8Array, texts: AnyArray, nodes: AnyArray, slices: UInt64Array, groups: AnyArray, inner: UInt64Array
) -> tuple[int, int, int, bool]: ...
def slices_at(
    address: UInt64Array,
    length: UInt64Array,
    depth: Int64Array,
    terminator: int,
    backwards: bool,
    fold: bool,
    out: UInt64Array,
) -> None: ...
