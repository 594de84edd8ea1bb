"""Results as pandas Series, Index, extension array or DataFrame; the index of the keys is kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np

from valkyrie.arrays.arrow_container import arrow_array
from valkyrie.arrays.containers import Answers, apply_fill, fill_of
from valkyrie.arrays.libraries import loaded
from valkyrie.arrays.missing import default_missing, with_missing
from valkyrie.arrays.strings import Strings
from valkyrie.arrays.time_units import to_unit_of
from valkyrie.typing import AnyArray, BoolArray

__all__ = ["PandasBox"]


class PandasBox:
    """pandas objects. Integers come as nullable ``Int*``, booleans as ``boolean``, text as ``str``.

    Parameters
    ----------
    index : pandas.Index or None
        Index of the results; None counts from 0.
    name : hashable
        Name of the keys, which a single column keeps unless it is given another.
    form : {"series", "index", "array"}
        What the keys were: an Index answers with an Index (which assigns by position), an extension array with one.
    """

    __slots__ = ("form", "index", "name")

    def __init__(self, index: Any, name: Any, form: Literal["series", "index", "array"] = "series") -> None:
        self.index = index
        self.name = name
        self.form = form

    def column(
        self, values: AnyArray | Strings, missing: BoolArray | None = None, name: str | None = None, fill: Any = None
    ) -> Any:
        import pandas as pd

        array = _pandas_values(*apply_fill(values, missing, name, fill), name)
        label = self.name if name is None else name
        if self.form == "index":
            if array.dtype == np.float16:
                array = array.astype(np.float32)  # pandas has no Index of float16
            return pd.Index(array, name=label)
        if self.form == "array":
            return pd.array(array, dtype=array.dtype)
        return pd.Series(array, index=self.index, name=label, copy=False)

    def table(self, columns: Answers, fill: Mapping[str, Any] | None = None) -> Any:
        import pandas as pd

        fills = fill_of(columns, fill)
        parts = {}
        for name, pair in columns.items():
            array = _pandas_values(*apply_fill(*pair, name, fills.get(name)), name)
            parts[name] = pd.Series(array, index=self.index, copy=False)
        return pd.DataFrame(parts, index=self.index, columns=list(columns), copy=False)


def _pandas_values(values: AnyArray | Strings, missing: BoolArray | None, name: str | None) -> Any:
    import pandas as pd

    if isinstance(values, Strings):
        return _text(values.to_objects()) if loaded("pyarrow") is None else _text_from_arrow(values)
    if not values.flags.writeable:
        values = values.copy()
    mask = np.zeros(len(values), dtype=np.bool_) if missing is None else missing
    match values.dtype.kind:
        case "i" | "u":
            return pd.arrays.IntegerArray(values, mask)
        case "b":
            return pd.arrays.BooleanArray(values, mask)
        case "M" | "m":
            values = to_unit_of(values, ("s", "ms", "us", "ns"), name, missing)
            return with_missing(values, missing, default_missing(values.dtype))
        case "U":
            return _text(with_missing(values.astype(object), missing, None))
        case "S" | "V":
            items = np.empty(len(values), dtype=object)
            items[:] = values.tolist()
            return with_missing(items, missing, None)
        case _:
            return with_missing(values, missing, default_missing(values.dtype))


def _text(objects: AnyArray) -> Any:
    import pandas as pd

    return pd.array(objects, dtype="str") if _has_text_dtype() else objects


def _text_from_arrow(values: Strings) -> Any:
    import pandas as pd

    if not _has_text_dtype():
        return values.to_objects()
    codes = arrow_array(values.codes, values.nulls)
    return pd.array(values.dictionary.arrow(large=True).take(codes), dtype="str")


def _has_text_dtype() -> bool:
    # before pandas 3, "str" meant a cast of every item, None included
    import pandas as pd

    return int(pd.__version__.split(".")[0]) >= 3
