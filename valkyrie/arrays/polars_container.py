"""Results as polars Series and DataFrames; pyarrow is not needed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from valkyrie.arrays.containers import Answers, apply_fill, fill_of
from valkyrie.arrays.strings import Strings
from valkyrie.arrays.time_units import to_unit_of
from valkyrie.errors import ArgumentError
from valkyrie.typing import AnyArray, BoolArray

__all__ = ["PolarsBox"]


class PolarsBox:
    """polars objects. Text comes as ``String``, dates as ``Date`` or ``Datetime``.

    Parameters
    ----------
    name : str
        Name of the keys, which a single column keeps unless it is given another.
    """

    __slots__ = ("name",)

    def __init__(self, name: str = "") -> None:
        self.name = name

    def column(
        self, values: AnyArray | Strings, missing: BoolArray | None = None, name: str | None = None, fill: Any = None
    ) -> Any:
        return _series(self.name if name is None else name, *apply_fill(values, missing, name, fill))

    def table(self, columns: Answers, fill: Mapping[str, Any] | None = None) -> Any:
        import polars as pl

        fills = fill_of(columns, fill)
        return pl.DataFrame([self.column(*pair, name, fills.get(name)) for name, pair in columns.items()])


def _series(name: str, values: AnyArray | Strings, missing: BoolArray | None) -> Any:
    import polars as pl

    if isinstance(values, Strings):
        dictionary = values.dictionary
        texts = dictionary.form("polars", lambda: pl.Series(dictionary.objects, dtype=pl.String))
        # the dictionary's last object is None: code -1 picks null without a mask
        codes = np.where(values.codes < 0, np.int32(len(dictionary)), values.codes)
        return texts.gather(pl.Series(codes)).alias(name)
    match values.dtype.kind:
        case "M":
            values = to_unit_of(values, ("D", "ms", "us", "ns"), name, missing)
        case "m":
            values = to_unit_of(values, ("ms", "us", "ns"), name, missing)
        case "c":
            raise ArgumentError(
                f"{name or 'column'}: polars has no type for numpy {values.dtype}",
                hint="Ask for numpy arrays, or store the parts as columns of their own",
                column=name,
            )
    if values.dtype.kind in "SV":
        series = pl.Series(name, values.tolist(), dtype=pl.Binary)
    elif values.dtype.kind == "U":
        series = pl.Series(name, values.astype(object), dtype=pl.String)
    else:
        series = pl.Series(name, np.ascontiguousarray(values))
    if missing is not None and missing.any():
        return series.to_frame().select(pl.when(~pl.lit(pl.Series(missing))).then(pl.col(name)).alias(name)).to_series()
    return series
