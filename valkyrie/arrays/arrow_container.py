"""Results as Arrow arrays and tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from valkyrie._native import strings
from valkyrie.arrays.containers import Answers, apply_fill, fill_of
from valkyrie.arrays.libraries import pyarrow
from valkyrie.arrays.strings import Strings
from valkyrie.arrays.time_units import to_unit_of
from valkyrie.errors import ArgumentError
from valkyrie.typing import AnyArray, BoolArray

__all__ = ["ArrowBox", "arrow_array"]


class ArrowBox:
    """pyarrow arrays; text comes as a dictionary array (int32 codes) that shares one dictionary per payload column.

    Parameters
    ----------
    chunked : bool
        The keys came as a ChunkedArray, or as a stream.
    """

    __slots__ = ("chunked",)

    def __init__(self, chunked: bool = False) -> None:
        self.chunked = chunked

    def column(
        self, values: AnyArray | Strings, missing: BoolArray | None = None, name: str | None = None, fill: Any = None
    ) -> Any:
        array = arrow_array(*apply_fill(values, missing, name, fill), name)
        return pyarrow("an Arrow result").chunked_array([array]) if self.chunked else array

    def table(self, columns: Answers, fill: Mapping[str, Any] | None = None) -> Any:
        fills = fill_of(columns, fill)
        plain = ArrowBox()
        arrays = [plain.column(*pair, name, fills.get(name)) for name, pair in columns.items()]
        return pyarrow("an Arrow result").Table.from_arrays(arrays, names=list(columns))


def arrow_array(values: AnyArray | Strings, missing: BoolArray | None, name: str | None = None) -> Any:
    """Return an Arrow array, null where ``missing``, which counts NaT; numbers of the machine's byte order are not copied."""
    pa = pyarrow("an Arrow result")
    mask = missing if missing is not None and missing.any() else None
    if isinstance(values, Strings):
        codes = pa.array(values.codes, mask=mask)
        return pa.DictionaryArray.from_arrays(codes, values.dictionary.arrow(), safe=False)
    kind = values.dtype.kind
    if kind == "V":
        return _fixed_size_binary(pa, values, mask)
    if kind == "S" and values.dtype.itemsize:
        return _binary(pa, values, mask)
    if kind in "Mm":
        units = ("D", "s", "ms", "us", "ns") if kind == "M" else ("s", "ms", "us", "ns")
        values = to_unit_of(values, units, name, missing)
    try:
        return pa.array(values, mask=mask)
    except pa.ArrowNotImplementedError as error:
        raise ArgumentError(
            f"{name or 'column'}: Arrow has no type for numpy {values.dtype}",
            hint="Ask for numpy arrays, or store the parts as columns of their own",
            column=name,
        ) from error


def _binary(pa: Any, values: AnyArray, mask: BoolArray | None) -> Any:
    """Items of dtype S without their padding; Arrow's own conversion would cut them at the first NUL."""
    fields = np.ascontiguousarray(values).view(np.uint8).reshape(len(values), values.dtype.itemsize)
    address, length = np.empty(len(values), np.uint64), np.empty(len(values), np.uint64)
    strings.of_fixed(fields, address, length)
    offsets = np.zeros(len(values) + 1, np.int64)
    np.cumsum(length, out=offsets[1:])
    data = fields[np.arange(fields.shape[1], dtype=np.uint64) < length[:, None]]
    validity = None if mask is None else pa.py_buffer(np.packbits(~mask, bitorder="little"))
    buffers = [validity, pa.py_buffer(offsets), pa.py_buffer(data)]
    array = pa.Array.from_buffers(pa.large_binary(), len(values), buffers)
    return array.cast(pa.binary()) if offsets[-1] < 2**31 else array


def _fixed_size_binary(pa: Any, values: AnyArray, mask: BoolArray | None) -> Any:
    data = np.ascontiguousarray(values)
    validity = None if mask is None else pa.py_buffer(np.packbits(~mask, bitorder="little"))
    # a buffer of dtype V has no format that other libraries read
    raw = data.view(np.uint8) if data.size else np.empty(0, dtype=np.uint8)
    return pa.Array.from_buffers(pa.binary(values.dtype.itemsize), len(values), [validity, pa.py_buffer(raw)])
