"""Arrow arrays as numpy views of their buffers; a slice is a view, not a copy.

Nobody checks what an Arrow file or another library hands over, and Arrow's own kernels believe it: a damaged array ends the
process. So every array is checked before it is read. The cheap check, of the lengths of all buffers and of the first and last
offset, takes the time of a call; whatever Arrow itself is to read value by value (views, runs, dictionaries) is checked in full.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from valkyrie.arrays.libraries import pyarrow
from valkyrie.errors import ArgumentError
from valkyrie.typing import AnyArray, BoolArray, Int32Array, UInt8Array

__all__ = [
    "boolean_values",
    "checked",
    "decoded_dictionary",
    "dictionary_codes",
    "fixed_size_values",
    "is_arrow_text",
    "null_mask",
    "number_values",
    "one_array",
    "text_buffers",
]


def one_array(column: Any, argument: str) -> Any:
    """Return an Array for an Array or ChunkedArray: chunks are joined only if there is more than one.

    Raises
    ------
    ArgumentError
        The buffers of the array do not fit each other.
    """
    pa = pyarrow("an Arrow column")
    if not isinstance(column, pa.ChunkedArray):
        return _plain_storage(pa, column, argument)
    if column.num_chunks == 0:
        return _plain_storage(pa, _empty(pa, column.type), argument)
    chunks = [_plain_storage(pa, chunk, argument) for chunk in column.chunks]
    if len(chunks) == 1:
        return chunks[0]
    if pa.types.is_dictionary(chunks[0].type):
        return _joined_dictionaries(pa, chunks, argument)
    try:
        return pa.chunked_array(chunks).combine_chunks()
    except pa.ArrowInvalid:
        # 32-bit offsets end at 2 GiB of text
        return pa.chunked_array([_large(pa, chunk) for chunk in chunks]).combine_chunks()


def decoded_dictionary(array: Any, argument: str) -> Any:
    """Return an array of the values that the codes of a dictionary array stand for.

    Raises
    ------
    ArgumentError
        It is damaged.
    """
    pa = pyarrow("an Arrow column")
    entries = one_array(checked(array, argument, full=True).dictionary, argument)
    return _large(pa, entries).take(array.indices)


def checked(array: Any, argument: str, *, full: bool = False) -> Any:
    """Return the Array or ChunkedArray itself, once it is safe to read.

    Parameters
    ----------
    full : bool
        Whether every value is looked at (offsets, codes, UTF-8), not only the lengths of the buffers.

    Raises
    ------
    ArgumentError
        It is damaged.
    """
    try:
        array.validate(full=full)
    except pyarrow("an Arrow column").lib.ArrowException as error:
        reason = (str(error).splitlines() or ["unknown reason"])[0].rstrip(".")
        raise ArgumentError(
            f"{argument}: the Arrow array is damaged ({reason})",
            hint="Read or make it again; array.validate(full=True) tells what is wrong",
            argument=argument,
        ) from error
    return array


def _is_read_by_arrow(pa: Any, arrow_type: Any) -> bool:
    # by name: pyarrow has had views for a few versions only
    return bool(pa.types.is_run_end_encoded(arrow_type)) or str(arrow_type) in ("string_view", "binary_view")


def _plain_storage(pa: Any, array: Any, argument: str) -> Any:
    if isinstance(array.type, pa.BaseExtensionType) and array.type.extension_name in ("arrow.uuid", "arrow.json"):
        array = array.storage
    checked(array, argument, full=_is_read_by_arrow(pa, array.type))
    if pa.types.is_run_end_encoded(array.type):
        return _without_runs(pa, array, argument)
    match str(array.type):
        case "string_view":
            return array.cast(pa.large_string())
        case "binary_view":
            return array.cast(pa.large_binary())
    return array


def _without_runs(pa: Any, array: Any, argument: str) -> Any:
    # Arrow's own decoder knows neither views nor dictionaries nor uuids
    ends = np.clip(number_values(array.run_ends).astype(np.int64) - array.offset, 0, len(array))
    runs = np.repeat(np.arange(len(ends)), np.diff(ends, prepend=0))
    return _large(pa, _plain_storage(pa, array.values, argument)).take(pa.array(runs))


def _joined_dictionaries(pa: Any, chunks: list[Any], argument: str) -> Any:
    for chunk in chunks:
        checked(chunk, argument, full=True)
    try:
        return pa.chunked_array(chunks).unify_dictionaries().combine_chunks()
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        # Arrow does not unify dictionaries that hold a null, are of some types, or outgrow the codes
        return one_array(pa.chunked_array([decoded_dictionary(chunk, argument) for chunk in chunks]), argument)


def _empty(pa: Any, arrow_type: Any) -> Any:
    # Arrow cannot make an empty array of every encoding, and without values it does not matter
    while pa.types.is_dictionary(arrow_type) or pa.types.is_run_end_encoded(arrow_type):
        arrow_type = arrow_type.value_type
    return pa.nulls(0, arrow_type)


def _large(pa: Any, array: Any) -> Any:
    if pa.types.is_string(array.type):
        return array.cast(pa.large_string())
    return array.cast(pa.large_binary()) if pa.types.is_binary(array.type) else array


def is_arrow_text(arrow_type: Any) -> bool:
    """Tell whether ``text_buffers`` reads arrays of the type."""
    types = pyarrow("an Arrow column").types
    tests = (types.is_string, types.is_large_string, types.is_binary, types.is_large_binary)
    return any(test(arrow_type) for test in tests)


def null_mask(array: Any) -> BoolArray | None:
    """Unpack the validity bitmap: ndarray of bool, shape (n,), True where null; None if nothing is."""
    if array.null_count == 0 or array.buffers()[0] is None:
        return None
    return ~_bits(array.buffers()[0], array.offset, len(array))


def boolean_values(array: Any) -> BoolArray:
    """Unpack the values of a boolean array: ndarray of bool, shape (n,)."""
    return _bits(array.buffers()[1], array.offset, len(array))


def number_values(array: Any, dtype: Any = None) -> AnyArray:
    """View the values of a fixed-width array: ndarray, shape (n,), of ``dtype`` or of the array's own number type."""
    dtype = np.dtype(array.type.to_pandas_dtype() if dtype is None else dtype)
    return _view(array.buffers()[1], dtype, array.offset, len(array))


def fixed_size_values(array: Any) -> UInt8Array:
    """View the values of a fixed_size_binary array: ndarray of uint8, shape (n * width,)."""
    width = array.type.byte_width
    return _view(array.buffers()[1], np.dtype(np.uint8), array.offset * width, len(array) * width)


def text_buffers(array: Any, argument: str) -> tuple[AnyArray, UInt8Array]:
    """View offsets (int32 or int64, shape (n + 1,)) and data (uint8) of string, binary and their large forms.

    Raises
    ------
    ArgumentError
        The offsets do not rise or leave the data: what an Arrow file holds is not checked when it is read.
    """
    types = pyarrow("an Arrow column").types
    large = types.is_large_string(array.type) or types.is_large_binary(array.type)
    dtype = np.dtype(np.int64 if large else np.int32)
    _, raw_offsets, raw_data = array.buffers()
    data = np.empty(0, dtype=np.uint8) if raw_data is None else np.frombuffer(raw_data, dtype=np.uint8)
    if len(array) == 0:
        return np.zeros(1, dtype=dtype), data
    offsets = _view(raw_offsets, dtype, array.offset, len(array) + 1)
    if offsets[0] < 0 or offsets[-1] > data.size or (offsets[1:] < offsets[:-1]).any():
        raise ArgumentError(
            f"{argument}: the offsets of the Arrow array leave its data",
            hint="The array is damaged; array.validate(full=True) tells where",
            argument=argument,
        )
    return offsets, data


def dictionary_codes(
    codes: AnyArray, nulls: BoolArray | None, dictionary_nulls: BoolArray | None, size: int, argument: str
) -> tuple[Int32Array, BoolArray | None]:
    """Make the codes of a dictionary-encoded column uniform.

    Parameters
    ----------
    codes : ndarray of any integer dtype, shape (n,)
        Positions in the dictionary; negative, or anything under ``nulls``, is null.
    nulls : ndarray of bool, shape (n,), or None
    dictionary_nulls : ndarray of bool, shape (size,), or None
        Entries of the dictionary that are null themselves.
    size : int
        Entries of the dictionary.

    Returns
    -------
    codes : ndarray of int32, shape (n,)
        -1 where null.
    nulls : ndarray of bool, shape (n,), or None

    Raises
    ------
    ArgumentError
        A code is not in the dictionary.
    """
    if nulls is not None:
        codes = np.where(nulls, 0, codes) if size else np.full(len(codes), -1)
    if codes.dtype == np.int64:
        codes = np.maximum(codes, -1)  # null as before; cut to 32 bits, -2**32 would become a position
    if codes.size and int(codes.max()) >= size:
        raise ArgumentError(
            f"{argument}: a code is outside the dictionary of {size} entries",
            hint="The column is damaged; array.validate(full=True) tells where",
            argument=argument,
        )
    out = np.ascontiguousarray(codes, dtype=np.int32)
    absent = out < 0 if nulls is None else nulls | (out < 0)
    if dictionary_nulls is not None and size:
        absent = absent | dictionary_nulls[np.maximum(out, 0)]
    if not absent.any():
        return out, None
    return np.where(absent, np.int32(-1), out), absent


def _bits(buffer: Any, first: int, n: int) -> BoolArray:
    if n == 0:
        return np.zeros(0, dtype=np.bool_)
    octets = np.frombuffer(buffer, dtype=np.uint8)[first // 8 : (first + n + 7) // 8]
    return np.unpackbits(octets, bitorder="little")[first % 8 : first % 8 + n].view(np.bool_)


def _view(buffer: Any, dtype: np.dtype[Any], start: int, count: int) -> AnyArray:
    if count == 0:
        return np.empty(0, dtype=dtype)
    values = np.frombuffer(buffer, dtype=dtype, count=count, offset=start * dtype.itemsize)
    # buffers mapped from files may lie anywhere
    return values if values.flags.aligned else values.copy()
