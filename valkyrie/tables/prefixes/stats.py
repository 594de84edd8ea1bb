"""What can be said of a built PrefixTable."""

from __future__ import annotations

from dataclasses import dataclass

from valkyrie.tables.stats import Statistics

__all__ = ["PrefixTableStats"]


@dataclass(frozen=True, eq=False, repr=False)
class PrefixTableStats(Statistics):
    """Statistics of a PrefixTable; attributes, and a mapping of the same names.

    Attributes
    ----------
    entries : int
        Prefixes in the table.
    kind : str
    deepest : int
        Most prefixes inside one another.
    longest : int
        Length of the longest: bits, digits or bytes.
    index_bytes_per_entry : float
        Bytes that a longest-match lookup needs, of text the texts themselves included, divided by entries; NaN for an empty
        table.
    bytes_per_entry : float
        Bytes of all arrays, the prefixes themselves and the rows included, divided by entries.
    rows_stored : bool
        Whether rows are a column of their own: not where the row of every prefix is its rank.
    build_seconds : float
        NaN for a table that was loaded.
    """

    entries: int
    kind: str
    deepest: int
    longest: int
    index_bytes_per_entry: float
    bytes_per_entry: float
    rows_stored: bool
    build_seconds: float
