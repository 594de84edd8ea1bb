from typing import Any, Self, TypeVar, overload

from typing_extensions import disjoint_base

from valkyrie.typing import AnyArray, Int32Array, ObjectArray, UInt8Array, UInt64Array

_Default = TypeVar("_Default")

@disjoint_base
class IdTableReader:
    @property
    def seed(self) -> int: ...
    def __new__(
        cls,
        *,
        lines: UInt8Array,
        pilots: UInt8Array,
        arena: UInt8Array,
        fallback: UInt8Array,
        layout: int,
        kind: int,
        hash: int,
        is_signed: bool,
        seed: int,
        segment_shift: int,
        segment_lines: int,
        base: int,
        span: int,
        entries: int,
        patch: IdTableReader = ...,
        patch_rows: Int32Array = ...,
        patch_pilots: UInt8Array = ...,
        patch_filter: UInt64Array = ...,
    ) -> Self: ...
    def __len__(self) -> int: ...
    @overload
    def get(self, key: Any, default: None = None) -> int | None: ...
    @overload
    def get(self, key: Any, default: _Default) -> int | _Default: ...
    def __getitem__(self, key: Any, /) -> int: ...
    def __contains__(self, key: object, /) -> bool: ...
    def get_many(
        self, keys: Any, *, missing: int = -1, out: Int32Array | None = None, threads: int | None = 1
    ) -> Int32Array: ...
    def _probe_ints(self, keys: AnyArray, missing: int, out: Int32Array) -> None: ...
    def _probe_b16(self, keys: UInt8Array, missing: int, out: Int32Array) -> None: ...
    def _probe_objects(
        self, items: list[Any] | tuple[Any, ...] | ObjectArray, start: int, missing: int, out: Int32Array
    ) -> int: ...
    def _probe_texts(self, address: UInt64Array, length: UInt64Array, missing: int, out: Int32Array) -> None: ...
