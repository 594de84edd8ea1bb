"""Which index a kind of prefixes has: built from prefixes, or taken from the arrays of a file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import numpy as np

from valkyrie import records
from valkyrie.errors import ArgumentError, SnapshotFormatError
from valkyrie.tables.prefixes.index import BuiltIndex, PrefixIndex
from valkyrie.tables.prefixes.ip_index import IpIndex
from valkyrie.tables.prefixes.text_index import TextIndex
from valkyrie.tables.prefixes.wildcard_index import WildcardIndex
from valkyrie.tables.prefixes.word_index import WordIndex
from valkyrie.typing import AnyArray, OnDuplicate, PrefixKind

__all__ = ["built_index", "check_lengths", "stored_index"]

_INDEXES: dict[str, type[PrefixIndex]] = {kind: index for index in (IpIndex, WordIndex, TextIndex) for kind in index.kinds}
_POLICIES = ("error", "first", "last")


def built_index(
    prefixes: Any, lengths: Any, *, kind: PrefixKind, strict: bool, wildcards: bool, on_duplicate: OnDuplicate
) -> BuiltIndex:
    """Build the index of a kind; arguments as `PrefixTable.build` takes them.

    Raises
    ------
    DuplicateKeyError, KeyTypeError, CapacityError, ArgumentError
    """
    index_type = _INDEXES.get(kind) if isinstance(kind, str) else None
    if index_type is None:
        raise ArgumentError(f"kind: {kind!r} is not a kind of prefixes", hint=f"Use one of {', '.join(_INDEXES)}")
    if on_duplicate not in _POLICIES:
        raise ArgumentError(
            f'on_duplicate must be "error", "first" or "last"; got {on_duplicate!r}', hint='Use "error", the default'
        )
    check_lengths(lengths, kind)
    if wildcards and kind != "suffix":
        raise ArgumentError(f"wildcards: prefixes of kind {kind!r} have none", hint='Leave it out, or use kind="suffix"')
    return (WildcardIndex if wildcards else index_type).build(
        prefixes, lengths, kind=kind, strict=strict, wildcards=wildcards, on_duplicate=on_duplicate
    )


def check_lengths(lengths: Any, kind: PrefixKind) -> Any:
    """The lengths, if prefixes of the kind can have any beside them.

    Raises
    ------
    ArgumentError
    """
    if lengths is not None and kind not in ("ip", "bits"):
        raise ArgumentError(f"lengths: prefixes of kind {kind!r} have their own lengths", hint="Leave it out")
    return lengths


def stored_index(columns: Mapping[str, AnyArray]) -> PrefixIndex:
    """Take the index out of the arrays of a prefix table.

    Raises
    ------
    SnapshotFormatError, ArgumentError
    """
    if not isinstance(columns, Mapping):
        raise ArgumentError(
            f"columns: arrays by name are needed, got {type(columns).__name__}", hint="Give what to_columns() gave"
        )
    header = columns.get("header")
    if not isinstance(header, np.ndarray) or header.dtype != records.PREFIX_TABLE_HEADER or header.shape != (1,):
        raise SnapshotFormatError("the prefix table has no header", hint="Build and save the table again")
    code = int(header["kind"][0])
    if code >= len(records.PREFIX_KINDS):
        raise SnapshotFormatError(f"prefixes of kind {code}, which this version does not know", hint="Upgrade Valkyrie")
    kind = cast(PrefixKind, records.PREFIX_KINDS[code])
    parts = {name.removeprefix("search/"): array for name, array in columns.items() if name.startswith("search/")}
    index = (WildcardIndex if header["wildcards"][0] else _INDEXES[kind]).from_columns(parts, kind)
    if index.n != int(header["entries"][0]):
        raise SnapshotFormatError(f"the prefix table holds {index.n} prefixes and says {int(header['entries'][0])}")
    return index
