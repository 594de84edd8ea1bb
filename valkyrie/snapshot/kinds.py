"""Which tables of a snapshot keys are for: those of their kind, as long as that is one."""

from __future__ import annotations

import ipaddress
import uuid
from collections.abc import Mapping
from typing import Any

import numpy as np

from valkyrie.arrays import key_column
from valkyrie.errors import AmbiguousKeyError, ArgumentError, KeyTypeError
from valkyrie.tables import PrefixTable, Table, index_of

__all__ = ["described_kind", "fitting_tables", "one_table", "table_kind"]

_FITS = {
    "int": {"int", "prefixes digits"},
    "uint64": {"int", "prefixes digits", "prefixes bits"},
    "uint32": {"int", "prefixes digits", "prefixes ip"},
    "b16": {"b16", "prefixes ip"},
    "bytes": {"bytes", *(f"prefixes {kind}" for kind in ("bytes", "path", "suffix", "digits", "ip"))},
    "address": {"prefixes ip"},
}
_ADDRESSES = (
    ipaddress.IPv4Address,
    ipaddress.IPv6Address,
    ipaddress.IPv4Network,
    ipaddress.IPv6Network,
)


def described_kind(table: Table) -> str:
    """What a table's keys are, in words."""
    index = index_of(table)
    return f"{'prefixes' if isinstance(index, PrefixTable) else 'keys'} of kind {index.kind}"


def fitting_tables(tables: Mapping[str, Table], keys: Any, table: str | None, *, single: bool = False) -> list[str]:
    """Names of the tables in which keys are looked up, in order, at least one.

    Parameters
    ----------
    tables : mapping of str to table
    keys : array-like, or one key
    table : str, optional
        The table that the caller named.
    single : bool
        Whether `keys` is one key.

    Raises
    ------
    ArgumentError
        There is no table of the name.
    KeyTypeError
        No table holds keys of the kind.
    AmbiguousKeyError
        Tables of several kinds could.
    """
    if table is not None:
        if table not in tables:
            raise ArgumentError(f"table: there is no table {table!r}", hint=f"The tables are {', '.join(map(repr, tables))}")
        return [table]
    kinds = {name: table_kind(each) for name, each in tables.items()}
    if len(set(kinds.values())) == 1:
        return list(tables)
    sort = _sort_of_key(keys) if single else _sort_of(keys)
    if sort is None:  # nothing but nulls: any table takes it
        return [next(iter(tables))]
    found = [name for name, kind in kinds.items() if kind in _FITS[sort]]
    if not found:
        raise KeyTypeError(
            f"keys: no table holds keys like these ({sort})",
            hint="The tables hold " + ", ".join(f"{name}: {kind}" for name, kind in kinds.items()),
        )
    if len({kinds[name] for name in found}) > 1:
        raise AmbiguousKeyError(
            "keys: tables of several kinds could hold them: " + ", ".join(f"{name} ({kinds[name]})" for name in found),
            hint=f"Name one, such as table={found[0]!r}",
            tables=found,
        )
    return found


def one_table(tables: Mapping[str, Table], keys: Any, table: str | None) -> str:
    """The name of the one table that an edit of keys is for; errors as `fitting_tables`."""
    found = fitting_tables(tables, keys, table)
    if len(found) > 1:
        raise AmbiguousKeyError(
            f"table: several tables could hold the keys: {', '.join(map(repr, found))}",
            hint=f"Name one, such as table={found[0]!r}",
            tables=found,
        )
    return found[0]


def table_kind(table: Table) -> str:
    """As `_FITS` calls it: the kind of an IdTable, or "prefixes " and that of a PrefixTable."""
    index = index_of(table)
    return f"prefixes {index.kind}" if isinstance(index, PrefixTable) else str(index.kind)


def _sort_of(keys: Any) -> str | None:
    objects = isinstance(keys, list | tuple) or getattr(keys, "dtype", None) == np.dtype(object)
    if objects and isinstance(next((key for key in keys if key is not None), None), _ADDRESSES):
        return "address"
    column = key_column(keys, lookup="signed")
    if column.untyped:
        return None
    if column.kind == "int" and column.values.dtype in (np.uint64, np.uint32):
        return str(column.values.dtype.name)
    return column.kind


def _sort_of_key(key: Any) -> str | None:
    if key is None:
        return None
    if isinstance(key, _ADDRESSES):
        return "address"
    if isinstance(key, np.uint64 | np.uint32):
        return type(key).__name__
    if isinstance(key, uuid.UUID | np.void):
        return "b16"
    if isinstance(key, str | bytes):
        return "bytes"
    return "int"
