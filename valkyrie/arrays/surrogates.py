"""Texts that hold a lone surrogate: they have no UTF-8 form, so no table holds them, and to look one up is a miss.

Whoever reads texts finds such a one anyway, so nobody looks for it beforehand: a lookup that was refused asks for the
column without them, and tries again.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from valkyrie.arrays.key_kinds import KeyColumn
from valkyrie.arrays.strings import is_encodable
from valkyrie.typing import AnyArray

__all__ = ["encodable"]

_FIRST, _COUNT = 0xD800, 0x800


def encodable(column: KeyColumn) -> KeyColumn | None:
    """Make texts that hold a lone surrogate null.

    Returns
    -------
    KeyColumn or None
        None if no text holds one. Values and nulls are copies.
    """
    if column.form == "object":
        found = np.fromiter(map(_holds_surrogate, column.values), np.bool_, len(column.values))
    elif column.form == "ucs4":
        points = column.values.view(np.uint32).reshape(len(column.values), -1)
        found = np.asarray((points - np.uint32(_FIRST) < _COUNT).any(axis=1))
    else:
        return None
    if not found.any():
        return None
    values: AnyArray = column.values.copy()
    values[found] = ""
    rows = found if column.codes is None else found[column.codes] & (column.codes >= 0)
    return replace(column, values=values, nulls=rows if column.nulls is None else rows | column.nulls)


def _holds_surrogate(text: Any) -> bool:
    return isinstance(text, str) and not is_encodable(text)
