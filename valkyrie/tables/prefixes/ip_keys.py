"""Addresses to look up, from any container: text, `ipaddress` objects, uint32 (IPv4), or 16 and 4 bytes in network order.

A number says nothing of its family, so only uint32 arrays are taken for IPv4. Bytes objects and `S` arrays are text, whatever
their width: packed addresses are `V4`, `V16`, uint8 of shape (n, 4) or (n, 16), or Arrow's fixed_size_binary.

Lists of str, the slowest of the common forms, have a way of their own: parsed where they lie, without a column in between.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from valkyrie._native import read_only
from valkyrie.arrays import Container, KeyColumn, key_column
from valkyrie.arrays.libraries import loaded
from valkyrie.errors import KeyTypeError
from valkyrie.parallel import thread_count
from valkyrie.tables.located import check_errors
from valkyrie.tables.prefixes.ip_containers import ip_objects, packed_column
from valkyrie.tables.prefixes.ip_values import IpValues
from valkyrie.tables.prefixes.keys import IpColumn, any_of
from valkyrie.tables.prefixes.malformed import malformed, malformed_rows, parse_texts, value_count
from valkyrie.typing import AnyArray, BoolArray, Errors, UInt8Array

__all__ = ["ip_queries", "no_address", "texts_of"]

_CHUNK = 1 << 19
_FREE_THREADED = not getattr(sys, "_is_gil_enabled", lambda: True)()
_WHAT = "an IP address"
_MEND = "IPv4 is four numbers without leading zeros, IPv6 has no zone id (%), neither has a /length"
_NUMBER = "A number alone is no address: give uint32 arrays for IPv4, V16 for IPv6, text, or ipaddress objects"


def ip_queries(keys: Any, *, errors: Errors = "coerce", argument: str = "keys", threads: int | None = 1) -> IpColumn:
    """Read addresses to look up.

    Parameters
    ----------
    keys : array-like, length n
        Text as `ipaddress.ip_address` takes it, without zone ids; IPv4Address and IPv6Address objects, mixed with text or not;
        uint32 arrays, for IPv4; V16 or uint8 of shape (n, 16) for IPv6, V4 or uint8 of shape (n, 4) for IPv4, both in network
        order, as fixed_size_binary is. In any container that `key_column` reads.
    errors : {"coerce", "raise"}
        What becomes of text that is no address: flagged as bad, or an error.
    argument : str
        Name of the caller's argument, for messages.
    threads : int or None
        How many threads parse text; None is all.

    Returns
    -------
    IpColumn
        Borrows the memory of `keys` where it can.

    Raises
    ------
    ArgumentError
        Text that is no address, with ``errors="raise"``: the first is named, and how many there are.
    KeyTypeError
        Neither text nor addresses.
    """
    check_errors(errors)
    workers = thread_count(threads)
    objects = ip_objects(keys)
    if objects is not None:
        return _from_objects(*objects, errors, argument)
    keys = packed_column(keys)
    column = keys if isinstance(keys, KeyColumn) else key_column(keys, argument=argument)
    if column.untyped:
        return IpColumn(column.n, column.box, column.nulls, v4=read_only(np.zeros(column.n, np.uint32)))
    if column.kind == "bytes":
        out = IpValues(value_count(column))
        parse_texts(column, out.parse, workers, argument)
        bad = malformed_rows(column, out.bad(), errors, argument, _WHAT, _MEND)
        return out.column(column.box, n=column.n, nulls=column.nulls, codes=column.codes, bad=bad)
    if column.kind == "b16":
        v6 = _aligned(column.values.view(np.uint64))
        return IpColumn(column.n, column.box, column.nulls, codes=column.codes, v6=read_only(v6))
    if column.values.dtype.newbyteorder("=") != np.uint32:
        raise KeyTypeError(
            f"{argument}: addresses are needed, got {column.values.dtype} numbers", hint=_NUMBER, argument=argument
        )
    v4 = _aligned(np.ascontiguousarray(column.values, np.uint32))
    return IpColumn(column.n, column.box, column.nulls, codes=column.codes, v4=read_only(v4))


def texts_of(items: Sequence[Any]) -> list[Any]:
    """The items that are str or bytes, None in the place of every other."""
    return [item if isinstance(item, str | bytes) else None for item in items]


def no_address(item: Any, position: int, argument: str, wanted: str = "an address") -> KeyTypeError:
    """The error for an object that is none."""
    name = type(item).__name__
    hint = "Give text, or objects of ipaddress; None where there is none"
    if isinstance(item, int | np.integer) and not isinstance(item, bool):
        hint = _NUMBER
    elif name.endswith("Network"):
        hint = "An address has one longest match, a network has not: look up its network_address"
    return KeyTypeError(
        f"{argument}: {wanted} expected at position {position}, got {name}",
        hint=hint,
        argument=argument,
        position=position,
        got=name,
    )


def _from_objects(items: Sequence[Any], box: Container, errors: Errors, argument: str) -> IpColumn:
    n = len(items)
    if _FREE_THREADED or n > _CHUNK:
        items = tuple(items)  # another thread may change a list that is not ours, without a GIL or between two chunks
    out = IpValues(n)
    nulls = np.empty(n, np.uint8)
    for start in range(0, n, _CHUNK):
        if not out.parse_objects(items, nulls, start, min(n, start + _CHUNK)):
            out, nulls = _from_mixed(items, argument)
            break
    absent: BoolArray = nulls.view(np.bool_)
    flags = out.bad()
    bad = None if flags is None else any_of(flags & ~absent)
    if bad is not None and errors == "raise":
        position = int(np.argmax(bad))
        raise malformed(argument, _WHAT, position, items[position], int(bad.sum()), _MEND)
    return out.column(box, nulls=any_of(absent), bad=bad)


def _from_mixed(items: Sequence[Any], argument: str) -> tuple[IpValues, UInt8Array]:
    """Texts and objects of `ipaddress`, item by item; what is neither is an error."""
    ipaddress = loaded("ipaddress")
    numbers: dict[int, int] = {}
    packed: dict[int, bytes] = {}
    for position, item in enumerate(items):
        if item is None or isinstance(item, str | bytes):
            continue
        if ipaddress is not None and isinstance(item, ipaddress.IPv4Address):
            numbers[position] = int(item)
        elif ipaddress is not None and isinstance(item, ipaddress.IPv6Address):
            if item.scope_id is None:
                packed[position] = item.packed
        else:
            raise no_address(item, position, argument)
    out = IpValues(len(items))
    out.family[:] = 0
    column = key_column(texts_of(items), kind="bytes", argument=argument)
    if not column.untyped:
        parse_texts(column, out.parse, 1, argument)
    out.put(numbers, packed)
    return out, np.fromiter((item is None for item in items), np.uint8, len(items))


def _aligned(values: AnyArray) -> AnyArray:
    """The values where they lie, or a copy where the machine's words do not: kernels are compiled for aligned arrays."""
    return values if values.flags.aligned else values.copy()
