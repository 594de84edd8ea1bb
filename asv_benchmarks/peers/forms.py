"""The containers that keys come in, each made from the arrays of ``data``."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..data import LONGEST_PAIR, Keys

TEXT_FORMS = ("arrow", "S", "U", "object", "stringdtype")
FORMS = ("u64", "b16", *TEXT_FORMS)


def in_form(keys: Keys, form: str) -> Any:
    """Convert uint64, ``V16`` or object-of-str `keys` to the container named `form`, one of ``FORMS``."""
    if form in ("u64", "b16", "object"):
        return keys
    if form == "arrow":
        import pyarrow

        return pyarrow.array(keys.tolist(), pyarrow.string())
    if form == "S":
        return np.array([key.encode() for key in keys], dtype=f"S{LONGEST_PAIR}")
    if form == "U":
        return keys.astype(f"U{LONGEST_PAIR}")
    if form == "stringdtype":
        return keys.astype(np.dtypes.StringDType())
    raise ValueError(f"form is {form!r}, not one of {FORMS}")


def as_list(keys: Keys, form: str) -> list[Any]:
    """Python objects, as a dict would hold them: int, bytes or str."""
    if form == "b16":
        return [key.tobytes() for key in keys]
    return list((in_form(keys, "S") if form == "S" else keys).tolist())
