"""IP prefixes for a build or an exact search: CIDR text, `ipaddress` objects, or arrays of addresses with their lengths."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, NoReturn

import numpy as np

from valkyrie._native import addresses
from valkyrie.arrays import KeyColumn, key_column
from valkyrie.arrays.libraries import loaded
from valkyrie.arrays.texts import Texts
from valkyrie.errors import ArgumentError
from valkyrie.tables.prefixes.ip_containers import ip_objects, packed_column
from valkyrie.tables.prefixes.ip_keys import ip_queries, no_address, texts_of
from valkyrie.tables.prefixes.keys import IpPrefixes, leading_ones, prefix_lengths, refuse_nulls
from valkyrie.tables.prefixes.malformed import malformed_rows, parse_texts, refused_at, value_count
from valkyrie.typing import AnyArray, BoolArray, UInt8Array, UInt32Array

__all__ = ["ip_prefixes"]

_WHAT = "an IP network"
_MEND = "Write it as 10.0.0.0/8 or 2001:db8::/32: the length in bits, not a netmask, and no zone id"


class _Networks(NamedTuple):
    """Networks as they were written; rows of `v4` and `v6` where the family is another are arbitrary."""

    family: UInt8Array
    v4: UInt32Array
    v6: UInt8Array
    lengths: UInt8Array

    @classmethod
    def room(cls, n: int) -> _Networks:
        return cls(np.zeros(n, np.uint8), np.zeros(n, np.uint32), np.zeros(16 * n, np.uint8), np.zeros(n, np.uint8))


def ip_prefixes(prefixes: Any, lengths: Any = None, *, strict: bool = True, argument: str = "prefixes") -> IpPrefixes:
    """Read IP prefixes.

    Parameters
    ----------
    prefixes : array-like, length n
        Without `lengths`: text such as "10.0.0.0/8", "2001:db8::/32" or, with all bits, "10.0.0.1"; objects of `ipaddress`
        (networks, interfaces, addresses). With `lengths`: addresses in any form that `ip_queries` takes.
    lengths : array-like of int, length n, or int, optional
        How many leading bits of each address count: to 32 for IPv4, to 128 for IPv6.
    strict : bool
        Whether bits behind the length are an error; otherwise they are cleared.
    argument : str
        Name of the caller's argument, for messages.

    Returns
    -------
    IpPrefixes
        In the order given, duplicates and all.

    Raises
    ------
    ArgumentError
        Malformed text, a length out of range, or bits set behind it: the first is named, and how many there are.
    KeyTypeError
        A null, or neither text nor addresses.
    """
    networks = _read(prefixes, argument) if lengths is None else _with_lengths(prefixes, lengths, argument)
    return _canonical(networks, strict, argument)


def _read(prefixes: Any, argument: str) -> _Networks:
    objects = ip_objects(prefixes)
    if objects is not None:
        return _from_objects(objects[0], argument)
    keys = packed_column(prefixes)
    column = keys if isinstance(keys, KeyColumn) else key_column(keys, argument=argument)
    if column.untyped:
        refuse_nulls(column.nulls, argument)
        return _Networks.room(0)
    if column.kind != "bytes":
        raise ArgumentError(
            f"{argument}: addresses without text need their prefix lengths",
            hint="Give lengths=, one for each or one number for all",
            argument=argument,
        )
    return _from_text(column, argument)


def _from_text(column: KeyColumn, argument: str, positions: Sequence[int] | None = None) -> _Networks:
    """Networks of text; `positions` are those of the rows among what the caller gave, for messages."""
    refuse_nulls(column.nulls, argument)
    out = _Networks.room(value_count(column))

    def parse(texts: Texts, start: int, stop: int) -> None:
        v6 = out.v6[16 * start : 16 * stop]
        arrays = out.family[start:stop], out.v4[start:stop], v6, out.lengths[start:stop]
        addresses.parse_networks(texts.address, texts.length, *arrays)

    parse_texts(column, parse, 1, argument)
    malformed_rows(column, out.family == 0, "raise", argument, _WHAT, _MEND, positions)
    if column.codes is None:
        return out
    v6 = out.v6.reshape(-1, 16)[column.codes].reshape(-1)
    return _Networks(out.family[column.codes], out.v4[column.codes], v6, out.lengths[column.codes])


def _from_objects(items: Sequence[Any], argument: str) -> _Networks:
    """Texts and objects of `ipaddress`, mixed or not."""
    types = set(map(type, items))
    if types <= {str, bytes}:
        return _from_text(key_column(items, kind="bytes", argument=argument), argument)
    if type(None) in types:
        refuse_nulls(np.fromiter((item is None for item in items), np.bool_, len(items)), argument)
    found = [(i, *_network(item, i, argument)) for i, item in enumerate(items) if not isinstance(item, str | bytes)]
    out = _Networks.room(len(items))
    texts = [i for i, item in enumerate(texts_of(items)) if item is not None]
    if texts:
        column = key_column([items[i] for i in texts], kind="bytes", argument=argument)
        part = _from_text(column, argument, texts)
        out.family[texts], out.v4[texts], out.lengths[texts] = part.family, part.v4, part.lengths
        out.v6.reshape(-1, 16)[texts] = part.v6.reshape(-1, 16)
    at = [i for i, *_ in found]
    out.family[at] = [version for _, version, _, _ in found]
    out.lengths[at] = [length for _, _, _, length in found]
    out.v4[at] = [value if version == 4 else 0 for _, version, value, _ in found]
    packed = b"".join((value if version == 6 else 0).to_bytes(16, "big") for _, version, value, _ in found)
    out.v6.reshape(-1, 16)[at] = np.frombuffer(packed, np.uint8).reshape(-1, 16)
    return out


def _network(item: Any, position: int, argument: str) -> tuple[int, int, int]:
    """Version, address and length of an object of `ipaddress`."""
    ipaddress = loaded("ipaddress")
    if ipaddress is not None:
        if isinstance(item, ipaddress.IPv4Network | ipaddress.IPv6Network):
            first = item.network_address
            if getattr(first, "scope_id", None) is None:
                return item.version, int(first), item.prefixlen
        elif isinstance(item, ipaddress.IPv4Interface | ipaddress.IPv6Interface):
            if getattr(item, "scope_id", None) is None:
                return item.version, int(item.ip), item.network.prefixlen
        elif isinstance(item, ipaddress.IPv4Address | ipaddress.IPv6Address) and getattr(item, "scope_id", None) is None:
            return item.version, int(item), item.max_prefixlen
    raise no_address(item, position, argument, _WHAT)


def _with_lengths(prefixes: Any, lengths: Any, argument: str) -> _Networks:
    column = ip_queries(prefixes, errors="raise", argument=argument).expanded()
    refuse_nulls(column.nulls, argument)
    n = column.n
    out = _Networks.room(n)
    if column.family is not None:
        out.family[:] = column.family
    else:
        out.family[:] = 4 if column.v4 is not None else 6
    if column.v4 is not None:
        out.v4[:] = column.v4
    if column.v6 is not None:
        out.v6[:] = column.v6.view(np.uint8)
    most = np.where(out.family == 4, 32, 128)
    out.lengths[:] = prefix_lengths(lengths, n, most)
    return out


def _canonical(given: _Networks, strict: bool, argument: str) -> IpPrefixes:
    is_v4: BoolArray = given.family == 4
    count4, n = int(is_v4.sum()), len(is_v4)
    v4 = high = low = None
    beyond: AnyArray = np.zeros(n, np.bool_)
    if count4 or not n:
        ones = (leading_ones(given.lengths) >> np.uint64(32)).astype(np.uint32)
        v4 = np.where(is_v4, given.v4 & ones, np.uint32(0))
        beyond |= is_v4 & (v4 != given.v4)
    if count4 < n:
        halves = given.v6.view(">u8").reshape(n, 2).astype(np.uint64)
        upper = np.minimum(given.lengths, np.uint8(64))
        kept = halves & np.stack((leading_ones(upper), leading_ones(given.lengths - upper)), axis=1)
        kept[is_v4] = 0
        beyond |= ~is_v4 & (kept != halves).any(axis=1)
        high, low = np.ascontiguousarray(kept[:, 0]), np.ascontiguousarray(kept[:, 1])
    if strict and beyond.any():
        _refuse_host_bits(given, beyond, argument)
    return IpPrefixes(n, given.lengths, given.family if 0 < count4 < n else None, v4, high, low)


def _refuse_host_bits(given: _Networks, beyond: BoolArray, argument: str) -> NoReturn:
    import ipaddress

    position, count = int(np.argmax(beyond)), int(beyond.sum())
    length = int(given.lengths[position])
    packed = given.v6[16 * position : 16 * position + 16].tobytes()
    address = ipaddress.ip_address(int(given.v4[position]) if given.family[position] == 4 else packed)
    network = ipaddress.ip_network((address, length), strict=False)
    shown, problem = f"{address}/{length}", f"has bits set behind its length: the network is {network}"
    mend = "Correct it; build(strict=False) clears such bits"
    raise refused_at(argument, position, shown, problem, mend, count=count, value=shown, network=str(network))
