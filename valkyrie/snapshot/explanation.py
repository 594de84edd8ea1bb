"""Why a key leads where it leads."""

from __future__ import annotations

import html
import time
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from valkyrie.snapshot.kinds import described_kind
from valkyrie.tables import PrefixTable, RouteTable, index_of

if TYPE_CHECKING:
    from valkyrie.snapshot.snapshot import Snapshot

__all__ = ["Explanation", "explained"]


@dataclass(frozen=True, slots=True)
class Explanation:
    """What became of a key, and why.

    Attributes
    ----------
    key : object
        As it was given.
    table : str or None
        The table that answered; None if none did.
    kind : str or None
        What that table's keys are.
    row : int or None
        Where the key leads.
    rule : object
        The key or prefix of the table that matched.
    record : dict or None
        The payload of the row, of a RouteTable.
    tables_tried : tuple of str
        In order, the one that answered included.
    version : int or None
        Of the snapshot.
    since_version : int or None
        The first version from which on the answer has been the same, as far back as the history goes.
    since_time : float or None
        When that was published, in seconds since the epoch.
    or_before : bool
        Whether it may have been the same before, in a version that is not kept any more.
    """

    key: Any
    table: str | None
    kind: str | None
    row: int | None
    rule: Any
    record: dict[str, Any] | None
    tables_tried: tuple[str, ...]
    version: int | None
    since_version: int | None = None
    since_time: float | None = None
    or_before: bool = False

    def __str__(self) -> str:
        tried = ", ".join(self.tables_tried)
        if self.table is None:
            return f"{self.key!r} leads nowhere: it is in none of the tables {tried}{self._when()}"
        matched = "" if self.rule == self.key else f", where it begins with {self.rule!r}" if "prefix" in str(self.kind) else ""
        record = f" {self.record}" if self.record else ""
        return f"{self.key!r} leads to row {self.row}{record}: it is in table {self.table!r}{matched}{self._when()}"

    def _when(self) -> str:
        version = "" if self.version is None else f"; version {self.version}"
        if self.since_version is None:
            return version
        since = "" if self.since_time is None else time.strftime(", %Y-%m-%d %H:%M:%S UTC", time.gmtime(self.since_time))
        return f"{version}, and so since version {self.since_version}{since}{' or before' if self.or_before else ''}"

    def _repr_html_(self) -> str:
        names = [each.name for each in fields(self)]
        rows = "".join(
            f"<tr><th>{name.replace('_', ' ')}</th><td>{html.escape(repr(getattr(self, name)))}</td></tr>" for name in names
        )
        return f"<table>{rows}</table>"


def explained(snapshot: Snapshot, key: Any, names: list[str]) -> Explanation:
    """Look a key up in tables of a snapshot, in order, and say what was found."""
    tried = []
    for name in names:
        tried.append(name)
        table = snapshot.tables[name]
        index = index_of(table)
        rule = key
        if isinstance(index, PrefixTable):
            found = index.match(key)
            rule, row = (None, None) if found is None else found
        else:
            row = index.get(key)
        if row is not None:
            record = table.record(row) if isinstance(table, RouteTable) else None
            return Explanation(key, name, described_kind(table), row, rule, record, tuple(tried), snapshot.version)
    return Explanation(key, None, None, None, None, None, tuple(tried), snapshot.version)
