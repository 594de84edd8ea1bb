"""The containers keys come in, by name: each a function from a list of Python keys, None being null, to the container."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

WITHOUT_POLARS = os.environ.get("VALKYRIE_TEST_WITHOUT") == "polars"
"""Where there is no wheel of it (free-threaded Python), and nowhere else, these containers are left out."""

if WITHOUT_POLARS:
    pl: Any = None
else:
    import polars as pl

__all__ = ["INTS", "TEXTS", "WIDES", "listed"]

Form = Callable[[list[Any]], Any]


def _objects(keys: list[Any]) -> Any:
    array = np.empty(len(keys), object)
    array[:] = keys
    return array


def _masked(keys: list[Any]) -> Any:
    values = np.array([0 if key is None else key for key in keys], np.int64)
    return np.ma.MaskedArray(values, [key is None for key in keys])


def _utf8(keys: list[Any]) -> list[Any]:
    return [key.encode() if isinstance(key, str) else key for key in keys]


def _chunked(keys: list[Any], type_: Any) -> Any:
    third = len(keys) // 3
    return pa.chunked_array([keys[:third], [], keys[third:]], type_)


def _indexed(keys: Any, **options: Any) -> Any:
    return pd.Series(keys, index=range(len(keys), 0, -1), name="key", **options)


TEXTS: dict[str, Form] = {
    "list": list,
    "tuple": tuple,
    "object": _objects,
    "object, reversed twice": lambda keys: _objects(keys[::-1])[::-1],
    "StringDType": lambda keys: np.array(keys, np.dtypes.StringDType(na_object=None)),
    "UTF-8": _utf8,
    "arrow string": lambda keys: pa.array(keys, pa.string()),
    "arrow large_string": lambda keys: pa.array(keys, pa.large_string()),
    "arrow string_view": lambda keys: pa.array(keys, pa.string_view()),
    "arrow binary": lambda keys: pa.array(_utf8(keys), pa.binary()),
    "arrow dictionary": lambda keys: pa.array(keys, pa.string()).dictionary_encode(),
    "arrow chunked": lambda keys: _chunked(keys, pa.string()),
    "arrow sliced": lambda keys: pa.array(["no", *keys, None], pa.string()).slice(1, len(keys)),
    "pandas str": lambda keys: _indexed(keys, dtype="str"),
    "pandas object": lambda keys: _indexed(_objects(keys)),
    "pandas category": lambda keys: _indexed(keys, dtype="category"),
    "pandas arrow": lambda keys: _indexed(keys, dtype=pd.ArrowDtype(pa.string())),
    "polars": lambda keys: pl.Series("key", keys, dtype=pl.String),
    "polars categorical": lambda keys: pl.Series("key", keys, dtype=pl.Categorical),
    "polars binary": lambda keys: pl.Series("key", _utf8(keys), dtype=pl.Binary),
}
INTS: dict[str, Form] = {
    "list": list,
    "object": _objects,
    "masked": _masked,
    "arrow": lambda keys: pa.array(keys, pa.int64()),
    "arrow dictionary": lambda keys: pa.array(keys, pa.int64()).dictionary_encode(),
    "arrow chunked": lambda keys: _chunked(keys, pa.int64()),
    "arrow sliced": lambda keys: pa.array([9, *keys, None], pa.int64()).slice(1, len(keys)),
    "pandas Int64": lambda keys: _indexed(pd.array(keys, "Int64")),
    "pandas arrow": lambda keys: _indexed(keys, dtype=pd.ArrowDtype(pa.int64())),
    "pandas category": lambda keys: _indexed(pd.array(keys, "Int64"), dtype="category"),
    "polars": lambda keys: pl.Series("key", keys, dtype=pl.Int64),
}
WIDES: dict[str, Form] = {
    "list of UUID": lambda keys: [key if key is None else uuid.UUID(bytes=key) for key in keys],
    "list of int": lambda keys: [key if key is None else int.from_bytes(key, "big") for key in keys],
    "list of bytes": list,
    "object": _objects,
    "arrow": lambda keys: pa.array(keys, pa.binary(16)),
    "arrow dictionary": lambda keys: pa.array(keys, pa.binary(16)).dictionary_encode(),
    "arrow chunked": lambda keys: _chunked(keys, pa.binary(16)),
    "arrow sliced": lambda keys: pa.array([bytes(16), *keys], pa.binary(16)).slice(1, len(keys)),
    "pandas arrow": lambda keys: _indexed(keys, dtype=pd.ArrowDtype(pa.binary(16))),
    "pandas object": lambda keys: _indexed(_objects([key if key is None else uuid.UUID(bytes=key) for key in keys])),
    "polars": lambda keys: pl.Series("key", keys, dtype=pl.Binary),
}

for _forms in (TEXTS, INTS, WIDES):
    for _name in [name for name in _forms if name.startswith("polars") and pl is None]:
        del _forms[_name]


def listed(values: Any) -> list[Any]:
    """A column of any container as Python values, None where its library says that there is none."""
    if isinstance(values, pd.Series | pd.Index):
        return [None if gone else item for item, gone in zip(values.tolist(), values.isna().tolist(), strict=True)]
    if isinstance(values, pa.Array | pa.ChunkedArray):
        return values.to_pylist()
    if pl is not None and isinstance(values, pl.Series):
        return values.to_list()
    return values.tolist() if isinstance(values, np.ndarray) else list(values)
