"""Containers in and out: keys and payload from any array library, results in the library the keys came in."""

from valkyrie.arrays.arrow_container import ArrowBox
from valkyrie.arrays.columns import Columns
from valkyrie.arrays.containers import Answers, Container, ListBox, NumpyBox, apply_fill, fill_of, python_value
from valkyrie.arrays.frames import Frame, read_frame, require_column
from valkyrie.arrays.key_kinds import KeyColumn
from valkyrie.arrays.keys import key_column
from valkyrie.arrays.missing import default_missing, fill_scalar
from valkyrie.arrays.pandas_container import PandasBox
from valkyrie.arrays.payload import payload_column
from valkyrie.arrays.polars_container import PolarsBox
from valkyrie.arrays.strings import StringDictionary, Strings, is_encodable
from valkyrie.arrays.surrogates import encodable

__all__ = [
    "Answers",
    "ArrowBox",
    "Columns",
    "Container",
    "Frame",
    "KeyColumn",
    "ListBox",
    "NumpyBox",
    "PandasBox",
    "PolarsBox",
    "StringDictionary",
    "Strings",
    "apply_fill",
    "default_missing",
    "encodable",
    "fill_of",
    "fill_scalar",
    "is_encodable",
    "key_column",
    "payload_column",
    "python_value",
    "read_frame",
    "require_column",
]
