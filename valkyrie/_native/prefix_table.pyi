from typing import Any, Self, TypeVar, overload

from typing_extensions import disjoint_base

from valkyrie.typing import Int32Array

_Default = TypeVar("_Default")

@disjoint_base
class PrefixReader:
    def rank_of(self, key: Any) -> int: ...

@disjoint_base
class IpReader(PrefixReader):
    def __new__(cls, ipv4: tuple[Any, ...], ipv6: tuple[Any, ...]) -> Self: ...

@disjoint_base
class WordReader(PrefixReader):
    def __new__(cls, arguments: tuple[Any, ...], *, digits: bool) -> Self: ...

@disjoint_base
class TextReader(PrefixReader):
    def __new__(cls, arguments: tuple[Any, ...], *, winners: tuple[Int32Array, Int32Array] | None = None) -> Self: ...

@disjoint_base
class PrefixChains:
    def __new__(cls, parents: Int32Array, rows: Int32Array | None) -> Self: ...
    def of(self, rank: int) -> list[int]: ...

@disjoint_base
class PrefixTableReader:
    def __new__(cls, index: Any, rows: Int32Array | None, **_: Any) -> Self: ...
    def lookup(self, key: Any) -> int | None: ...
    @overload
    def get(self, prefix: Any, default: None = None) -> int | None: ...
    @overload
    def get(self, prefix: Any, default: _Default) -> int | _Default: ...
    def __contains__(self, prefix: object, /) -> bool: ...
