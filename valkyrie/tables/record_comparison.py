"""Which rows of two payloads hold equal records, whatever rows they are.

Columns are compared by name, as the bytes of their values; NaN equals NaN, and null equals null, whatever lies under it. Pairs of
rows are compared one column after another, text last, and only those go on to the next column that were equal so far: nothing is
hashed, so no two records can be taken for one another. Where there are more pairs than rows, rows are compared instead of pairs:
first each with its namesake, then each with the row that a sample of the pairs has beside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np

from valkyrie.arrays import KeyColumn, NumpyBox, StringDictionary
from valkyrie.parallel import run
from valkyrie.tables.id_table import IdTable
from valkyrie.tables.payload import PayloadColumn, taken_rows
from valkyrie.typing import AnyArray, BoolArray, Int32Array

__all__ = ["RecordComparison"]

_Values: TypeAlias = tuple[AnyArray, BoolArray | None]
_CHUNK = 1 << 17
_PAIRS_PER_ROW = 4
"""How many pairs a row has in the sample: enough that few rows are in none."""


class RecordComparison:
    """Compares the records of two payloads. Immutable; safe to share between threads.

    Parameters
    ----------
    old, new : mapping of str to PayloadColumn
    threads : int
    """

    def __init__(self, old: Mapping[str, PayloadColumn], new: Mapping[str, PayloadColumn], threads: int) -> None:
        self._threads = threads
        types = [{name: each.dtype_name for name, each in side.items()} for side in (old, new)]
        self._comparable = types[0] == types[1]
        self._shared = self._comparable and all(_same_arrays(old[name], new[name]) for name in old)
        self._old_rows, self._new_rows = (max((len(each) for each in side.values()), default=0) for side in (old, new))
        pairs = [_ColumnPair(old[name], new[name]) for name in old] if self._comparable else []
        self._columns = sorted(pairs, key=lambda pair: pair.old.texts is not None)

    def differ(self, before: Int32Array, after: Int32Array) -> BoolArray:
        """Which pairs of rows hold different records.

        Parameters
        ----------
        before, after : ndarray of int32, shape (n,)
            Rows of the old payload and of the new; -1 is no record, a row that a payload has not is a record of nulls.

        Returns
        -------
        ndarray of bool, shape (n,)
        """
        out: BoolArray = np.empty(len(before), np.bool_)
        if not self._comparable:
            return np.logical_or(before >= 0, after >= 0, out=out)
        by_row = self._shared or len(before) >= max(self._old_rows, self._new_rows)
        changed = None if self._shared or not by_row else self._changed_rows()
        partners = self._partners(before, after) if by_row else None

        def piece(start: int, stop: int) -> None:
            old, new = before[start:stop], after[start:stop]
            differ = old != new
            both = (old >= 0) & (new >= 0)
            if by_row:
                both &= differ
                if changed is not None:
                    differ |= (old == new) & _at(changed, old, False)
            if both.all():
                differ = ~self._equal(old, new, partners)
            elif both.any():
                differ[both] = ~self._equal(old[both], new[both], partners)
            out[start:stop] = differ

        run(piece, len(before), threads=self._threads, chunk=_CHUNK)
        return out

    def _changed_rows(self) -> BoolArray | None:
        """Which rows hold another record in the new payload; None where none does."""
        shared = min(self._old_rows, self._new_rows)
        beyond = np.arange(shared, max(self._old_rows, self._new_rows), dtype=np.int32)
        changed = np.empty(shared + len(beyond), np.bool_)
        changed[shared:] = ~self._equal_pairs(beyond, beyond)

        def piece(start: int, stop: int) -> None:
            equal = np.ones(stop - start, np.bool_)
            for column in self._columns:
                equal &= column.equal_slices(slice(start, stop))
            np.logical_not(equal, out=changed[start:stop])

        run(piece, shared, threads=self._threads, chunk=_CHUNK)
        return changed if changed.any() else None

    def _partners(self, before: Int32Array, after: Int32Array) -> tuple[Int32Array, BoolArray | None] | None:
        """For each old row a new one that it is paired with, -1 where none was seen; and whether the two are equal, None: all."""
        rows = self._old_rows
        if not rows or len(before) < 2 * _PAIRS_PER_ROW * rows:
            return None
        step = len(before) // (_PAIRS_PER_ROW * rows)
        old, new = before[::step], after[::step]
        of_use = np.flatnonzero((old != new) & (new >= 0) & (old.view(np.uint32) < rows))
        partner: Int32Array = np.full(rows, -1, np.int32)
        partner[old[of_use]] = new[of_use]
        sampled = np.flatnonzero(partner >= 0).astype(np.int32)
        equal = np.zeros(rows, np.bool_)

        def piece(start: int, stop: int) -> None:
            some = sampled[start:stop]
            equal[some] = self._equal_pairs(some, partner[some])

        run(piece, len(sampled), threads=self._threads, chunk=_CHUNK)
        if not len(sampled):
            return None
        return partner, None if equal[sampled].all() else equal

    def _equal(self, before: Int32Array, after: Int32Array, partners: tuple[Int32Array, BoolArray | None] | None) -> BoolArray:
        if partners is None:
            return self._equal_pairs(before, after)
        is_partner = _at(partners[0], before, -1) == after
        equal: BoolArray = is_partner if partners[1] is None else is_partner & _at(partners[1], before, False)
        if not is_partner.all():
            rest = np.flatnonzero(~is_partner)
            equal[rest] = self._equal_pairs(before[rest], after[rest])
        return equal

    def _equal_pairs(self, before: Int32Array, after: Int32Array) -> BoolArray:
        equal = np.ones(len(before), np.bool_)
        at: Any = slice(None)
        for column in self._columns:
            found = column.equal(before, after)
            if found.all():
                continue
            equal[at] = found
            kept = np.flatnonzero(found)
            before, after = before[kept], after[kept]
            at = kept if isinstance(at, slice) else at[kept]
        return equal


class _ColumnPair:
    """A column of both payloads, of one type."""

    def __init__(self, old: PayloadColumn, new: PayloadColumn) -> None:
        self.old, self.new = old, new

    def equal(self, before: Int32Array, after: Int32Array) -> BoolArray:
        """Which pairs of rows hold equal values."""
        return self._equal(_taken(self.old, before), _taken(self.new, after))

    def equal_slices(self, part: slice) -> BoolArray:
        """Which rows of a part that both columns have hold equal values."""
        return self._equal(_slice(self.old, part), _slice(self.new, part))

    def _equal(self, old: _Values, new: _Values) -> BoolArray:
        if self.old.texts is not None:
            return self._equal_codes(old[0], new[0])
        found = _equal_values(old[0], new[0])
        if old[1] is not None or new[1] is not None:
            nulls: Any = [np.False_ if each is None else each for each in (old[1], new[1])]
            found = (found & ~(nulls[0] | nulls[1])) | (nulls[0] & nulls[1])
        return found

    def _equal_codes(self, old: Int32Array, new: Int32Array) -> BoolArray:
        if not self._same_texts:
            numbered: BoolArray = _at(self._numbers[0], old, -1) == _at(self._numbers[1], new, -1)
            return numbered
        found: BoolArray = old == new
        if not found.all():
            other = np.flatnonzero(~found)
            found[other] = _at(self._numbers[0], old[other], -1) == _at(self._numbers[1], new[other], -1)
        return found

    @cached_property
    def _same_texts(self) -> bool:
        """Whether a code means the same text in both columns."""
        old, new = self.old.texts, self.new.texts
        assert old is not None
        assert new is not None
        return old is new or (np.array_equal(old.offsets, new.offsets) and np.array_equal(old.data, new.data))

    @cached_property
    def _numbers(self) -> tuple[Int32Array, Int32Array]:
        """A number for each text of both dictionaries, the same for the same text, none of them -1."""
        assert self.old.texts is not None
        assert self.new.texts is not None
        old, new = (_as_keys(each) for each in (self.old.texts, self.new.texts))
        # Dictionaries from elsewhere may hold a text twice.
        first = IdTable.build_column(old, on_duplicate="first")
        more = IdTable.build_column(new, on_duplicate="first")
        known = first.get_column(new)
        # Texts of the new one alone are numbered downwards, from -2.
        return first.get_column(old), np.where(known >= 0, known, np.int32(-2) - more.get_column(new))


def _as_keys(texts: StringDictionary) -> KeyColumn:
    return KeyColumn("bytes", "offsets", texts.data, len(texts), NumpyBox(), offsets=texts.offsets)


def _same_arrays(old: PayloadColumn, new: PayloadColumn) -> bool:
    sides = [each.to_columns("") for each in (old, new)]
    return sides[0].keys() == sides[1].keys() and all(sides[0][name] is sides[1][name] for name in sides[0])


def _taken(column: PayloadColumn, rows: Int32Array) -> _Values:
    """Values or, of text, codes; and where there is none. A code of -1 says so itself."""
    if column.texts is not None:
        return _at(column.values, rows, -1), None
    values, nulls = column.take(rows, 1)
    assert isinstance(values, np.ndarray)
    return values, nulls


def _slice(column: PayloadColumn, part: slice) -> _Values:
    return column.values[part], None if column.nulls is None else column.nulls[part]


def _at(values: Any, rows: Int32Array, fill: Any) -> Any:
    """The values at rows; `fill` at -1 and rows beyond."""
    return taken_rows(values, rows, fill, 1)[0]


def _equal_values(old: AnyArray, new: AnyArray) -> BoolArray:
    """Which values are the same bytes, or NaN both."""
    if old.dtype.kind == "c":
        part = old.real.dtype
        parts = _equal_values(old.view(part), new.view(part))
        return parts[::2] & parts[1::2]
    size = old.dtype.itemsize
    if size == 0:
        return np.ones(len(old), np.bool_)
    word = next(word for word in (8, 4, 2, 1) if size % word == 0)
    words = [each.view(f"u{word}").reshape(-1, size // word) for each in (old, new)]
    equal: BoolArray = words[0][:, 0] == words[1][:, 0]
    for at in range(1, size // word):
        equal &= words[0][:, at] == words[1][:, at]
    if old.dtype.kind == "f":
        other = np.flatnonzero(~equal)
        equal[other] = np.isnan(old[other]) & np.isnan(new[other])
    return equal
