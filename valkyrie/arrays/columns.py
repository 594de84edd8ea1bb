"""Named, immutable columns of equal length: the neutral form of every result of several columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, overload

import numpy as np

from valkyrie.arrays.arrow_container import ArrowBox
from valkyrie.arrays.columns_repr import html_table, text_table
from valkyrie.arrays.containers import Answers, NumpyBox
from valkyrie.arrays.pandas_container import PandasBox
from valkyrie.arrays.payload import payload_column
from valkyrie.arrays.payload_values import PayloadValues
from valkyrie.arrays.polars_container import PolarsBox
from valkyrie.arrays.strings import Strings
from valkyrie.arrays.time_units import with_not_a_time
from valkyrie.errors import ArgumentError, UnknownColumnError
from valkyrie.typing import AnyArray, BoolArray

__all__ = ["Columns", "check_lengths"]

_SHOWN_ROWS = 10


class Columns:
    """Named one-dimensional arrays of equal length, immutable.

    Parameters
    ----------
    columns : mapping of str to array-like, shape (n,)
        Arrays, lists, or columns of pandas, polars and Arrow; text is coded, other values are borrowed as read-only
        views.

    Raises
    ------
    ArgumentError
        Columns of unequal length, names that are not text, values that are nested or of mixed types.

    Notes
    -----
    Safe to read from any thread. Writing to an array that was borrowed shows in the columns.

    Examples
    --------
    >>> columns = Columns({"id": [7, 8], "name": ["a", None]})
    >>> columns["id"]
    array([7, 8])
    >>> columns.names
    ('id', 'name')
    """

    __slots__ = ("_answers",)

    def __init__(self, columns: Mapping[str, Any]) -> None:
        for name in columns:
            if not isinstance(name, str):
                raise ArgumentError(f"columns: names must be str, got {name!r}", hint="Rename the columns")
        self._set({name: payload_column(raw, name) for name, raw in columns.items()})

    @classmethod
    def from_answers(cls, answers: Answers) -> Columns:
        """Make columns of (values, missing) pairs as the boxes of ``containers`` take them; nothing is copied."""
        columns = cls.__new__(cls)
        columns._set(answers)
        return columns

    def _set(self, answers: Answers) -> None:
        check_lengths(list(answers), [values for values, _ in answers.values()], "columns")
        self._answers = {name: _read_only(pair) for name, pair in answers.items()}

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns, in order."""
        return tuple(self._answers)

    def __len__(self) -> int:
        return next((len(values) for values, _ in self._answers.values()), 0)

    def __iter__(self) -> Iterator[str]:
        return iter(self._answers)

    def __contains__(self, name: object) -> bool:
        return name in self._answers

    @overload
    def __getitem__(self, key: str) -> AnyArray: ...
    @overload
    def __getitem__(self, key: slice | AnyArray | Sequence[int]) -> Columns: ...
    def __getitem__(self, key: str | slice | AnyArray | Sequence[int]) -> AnyArray | Columns:
        """Return a column as a read-only ndarray by name, or the rows of a slice, boolean mask or integer array.

        Text is an array of str; what is missing is None there, and NaN, NaT, -1 or another default in other dtypes
        (``missing(name)`` tells them apart).
        """
        if isinstance(key, str):
            array = NumpyBox().column(*self._pair(key), key).view()
            array.flags.writeable = False
            return array
        return self.take(key)

    def missing(self, name: str) -> BoolArray:
        """Return where a column has no value: ndarray of bool, shape (n,)."""
        values, missing = self._pair(name)
        absent = values.nulls if isinstance(values, Strings) else np.zeros(len(values), dtype=np.bool_)
        return absent if missing is None else absent | missing

    def take(self, rows: slice | AnyArray | Sequence[int]) -> Columns:
        """Return the rows of a slice, a boolean mask or positions, in their order.

        Raises
        ------
        ArgumentError
            Positions outside the columns, a mask of another length, or neither of the three.
        """
        index: Any = rows
        if not isinstance(rows, slice):
            index = np.asarray(rows)
            if index.size == 0 and index.dtype.kind == "f":
                index = index.astype(np.intp)
            if index.ndim != 1 or index.dtype.kind not in "biu":
                raise ArgumentError(
                    f"rows: {rows!r} does not pick rows",
                    hint="Use a slice, a boolean mask, an array of integers, or the name of a column",
                    argument="rows",
                )
        try:
            return Columns.from_answers(
                {
                    name: (
                        values.take(index) if isinstance(values, Strings) else values[index],
                        None if missing is None else missing[index],
                    )
                    for name, (values, missing) in self._answers.items()
                }
            )
        except IndexError as error:
            raise ArgumentError(f"rows: {error}", hint=f"There are {len(self)} rows", argument="rows") from error

    def to_numpy(self) -> AnyArray:
        """Return a structured array, shape (n,), a copy; text fields are objects."""
        return NumpyBox().table(self._answers)

    def to_pandas(self) -> Any:
        """Return a pandas DataFrame; integers are nullable."""
        return PandasBox(None, None).table(self._answers)

    def to_polars(self) -> Any:
        """Return a polars DataFrame."""
        return PolarsBox().table(self._answers)

    def to_arrow(self) -> Any:
        """Return a pyarrow Table; numbers are not copied, text is dictionary-encoded.

        Raises
        ------
        MissingExtraError
            pyarrow is not installed.
        """
        return ArrowBox().table(self._answers)

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        capsule: object = self.to_arrow().__arrow_c_stream__(requested_schema)
        return capsule

    def raw(self) -> list[Any]:
        """Return the columns as containers that ``payload_column`` reads back without loss."""
        return [
            values if missing is None or isinstance(values, Strings) else np.ma.MaskedArray(values, missing)
            for values, missing in self._answers.values()
        ]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Columns):
            return NotImplemented
        if self.names != other.names or len(self) != len(other):
            return False
        return all(_equal(self, other, name) for name in self.names)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return text_table(type(self).__name__, len(self), *self._head())

    def _repr_html_(self) -> str:
        return html_table(type(self).__name__, len(self), *self._head())

    def _head(self) -> tuple[list[str], list[str], list[list[Any]]]:
        head = self.take(slice(_SHOWN_ROWS))
        kinds, cells = [], []
        for name, (values, _) in head._answers.items():
            kinds.append("text" if isinstance(values, Strings) else str(values.dtype))
            shown = head[name].tolist()
            cells.append([None if gone else item for item, gone in zip(shown, head.missing(name), strict=True)])
        return list(self.names), kinds, cells

    def _pair(self, name: str) -> PayloadValues:
        try:
            return self._answers[name]
        except KeyError:
            raise UnknownColumnError(
                f"there is no column {name!r}",
                hint=f"The columns are {', '.join(map(repr, self.names))}",
                column=name,
            ) from None


def check_lengths(names: Sequence[str], columns: Sequence[Any], argument: str) -> None:
    """Raise ArgumentError unless all columns have a length, and the same."""
    lengths: dict[str, int] = {}
    for name, column in zip(names, columns, strict=True):
        if not hasattr(column, "__len__") or isinstance(column, (str, bytes)):
            raise ArgumentError(
                f"{argument}: column {name!r} is a {type(column).__name__}, an array is needed",
                hint="Give one value per row",
                argument=argument,
                column=name,
            )
        lengths[name] = len(column)
    if len(set(lengths.values())) > 1:
        listed = ", ".join(f"{name!r} has {length}" for name, length in lengths.items())
        raise ArgumentError(
            f"{argument}: columns of unequal length: {listed}",
            hint="All columns must have one value per row",
            argument=argument,
            lengths=lengths,
        )


def _read_only(pair: PayloadValues) -> PayloadValues:
    values, missing = pair
    if isinstance(values, Strings):
        return values.masked(missing), None
    values = values.view()
    values.flags.writeable = False
    return values, with_not_a_time(values, missing if missing is not None and missing.any() else None)


def _equal(left: Columns, right: Columns, name: str) -> bool:
    one, other = left[name], right[name]
    if one.dtype != other.dtype or not np.array_equal(left.missing(name), right.missing(name)):
        return False
    return bool(np.array_equal(one, other, equal_nan=one.dtype.kind in "fcMm"))
