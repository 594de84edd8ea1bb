"""Nodes, links and regions in: from tables of any library to checked records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from valkyrie.arrays import Frame, Strings, payload_column, read_frame, require_column
from valkyrie.errors import ArgumentError
from valkyrie.records import LINK, NODE, NODE_STATUS, REGION
from valkyrie.routing.topology.names import Names, text_column
from valkyrie.typing import AnyArray, BoolArray, Int32Array

__all__ = [
    "LINK_COLUMNS",
    "NODE_COLUMNS",
    "checked_numbers",
    "read_links",
    "read_nodes",
    "read_regions",
    "refuse_twins",
    "status_codes",
]


class _Numbers(NamedTuple):
    """What a column of numbers may hold, and its value where it has none."""

    default: float
    most: float = np.inf
    infinite: bool = False
    whole: bool = False


NODE_COLUMNS = {
    "capacity": _Numbers(np.inf, infinite=True),
    "security": _Numbers(0, 255, whole=True),
}
LINK_COLUMNS = {
    "latency_us": _Numbers(0.0),
    "cost": _Numbers(0.0),
    "bandwidth_mbps": _Numbers(np.inf, infinite=True),
    "reliability": _Numbers(1.0, 1.0),
    "load": _Numbers(0.0),
    "security": _Numbers(0, 255, whole=True),
    "encrypted": _Numbers(0, 1, whole=True),
}


def read_regions(regions: Any) -> tuple[Names, AnyArray]:
    """Read regions: ``name``, and ``parent`` where one is part of another.

    Returns
    -------
    names : Names
    records : ndarray of REGION, shape (n,)

    Raises
    ------
    ArgumentError
        A name is missing or stands twice, or regions are parts of each other in a circle.
    UnknownNodeError
        A parent is not among the names.
    """
    frame = _frame(regions, "regions", {"name", "parent"})
    names = Names(_unique(frame, "regions"), "region")
    records = np.full(len(names), -1, REGION)
    if "parent" in frame.names:
        records["parent"] = _known(frame, "parent", names, "regions", required=False)
    _refuse_circles(names, records["parent"])
    return names, records


def _refuse_circles(names: Names, parents: Int32Array) -> None:
    """Climb from all regions at once, twice as far each time: who is not at a top in the end goes round in a circle."""
    at = parents
    for _ in range(len(names).bit_length()):
        at = np.where(at < 0, -1, at[at])
    if (at >= 0).any():
        circle = [int(at[at >= 0][0])]
        while (parent := int(parents[circle[-1]])) != circle[0]:
            circle.append(parent)
        texts = [names.texts[position] for position in [*circle, circle[0]]]
        raise ArgumentError(
            f"regions: cyclic hierarchy: {' in '.join(map(repr, texts))}",
            hint="Leave out the parent of one of them",
            argument="regions",
            circle=texts,
        )


def read_nodes(nodes: Any, regions: Names | None) -> tuple[Names, AnyArray, Names]:
    """Read nodes.

    Parameters
    ----------
    nodes : table of columns, or list of dicts
    regions : Names or None
        Those that may be named; None takes what the nodes name.

    Returns
    -------
    names : Names
    records : ndarray of NODE, shape (n,)
    regions : Names

    Raises
    ------
    ArgumentError, UnknownNodeError
    """
    frame = _frame(nodes, "nodes", {"name", "region", "status", *NODE_COLUMNS})
    names = Names(_unique(frame, "nodes"), "node")
    records = np.zeros(len(names), NODE)
    records["region"] = -1
    if "region" in frame.names:
        column = text_column(frame.column("region"), "nodes: region")
        if regions is None:
            regions = Names(sorted({text for text in column.to_objects() if text is not None}), "region")
        records["region"] = _known(frame, "region", regions, "nodes", required=False)
    if "status" in frame.names:
        records["status"] = status_codes(frame.column("status"), "nodes: status")
    _fill(records, frame, NODE_COLUMNS, "nodes")
    return names, records, Names((), "region") if regions is None else regions


def read_links(links: Any, nodes: Names) -> tuple[AnyArray, frozenset[str]]:
    """Read links between known nodes.

    Returns
    -------
    records : ndarray of LINK, shape (m,)
    given : frozenset of str
        The columns of numbers that were there; of no links, all.

    Raises
    ------
    ArgumentError
        Numbers that are NaN, negative or too large; a link from a node to itself.
    UnknownNodeError
        An end is no node.
    """
    frame = _frame(links, "links", {"source", "target", *LINK_COLUMNS})
    records = np.zeros(len(frame.columns[0]) if frame.columns else 0, LINK)
    for end in ("source", "target"):
        records[end] = _known(frame, end, nodes, "links", required=True)
    loops = np.flatnonzero(records["source"] == records["target"])
    if loops.size:
        name = nodes.texts[records["source"][loops[0]]]
        raise ArgumentError(
            f"links: link {loops[0]} leads from {name!r} to itself", hint="Leave it out", argument="links", position=int(loops[0])
        )
    _fill(records, frame, LINK_COLUMNS, "links")
    return records, frozenset(LINK_COLUMNS).intersection(frame.names) if len(records) else frozenset(LINK_COLUMNS)


def refuse_twins(links: AnyArray, nodes: Names, directed: bool) -> None:
    """Raise ArgumentError if two links are equal in every field; parallel links that differ are welcome."""
    ends = np.stack([links["source"], links["target"]])
    low, high = ends if directed else (ends.min(0), ends.max(0))
    fields = [links[name] for name in LINK_COLUMNS]
    order = np.lexsort([*fields, high, low])
    same = np.ones(max(len(links) - 1, 0), np.bool_)
    for field in (low, high, *fields):
        same &= field[order[1:]] == field[order[:-1]]
    if same.any():
        at = int(np.flatnonzero(same)[0])
        one, two = sorted((int(order[at]), int(order[at + 1])))
        source, target = (nodes.texts[links[end][two]] for end in ("source", "target"))
        raise ArgumentError(
            f"links: links {one} and {two} are the same, from {source!r} to {target!r}",
            hint="Leave one out; links between the same nodes must differ in something",
            argument="links",
            positions=(one, two),
        )


def checked_numbers(raw: Any, name: str, argument: str, rule: _Numbers) -> AnyArray:
    """Read a column of numbers from 0.

    Raises
    ------
    ArgumentError
        Not numbers, or NaN, negative, too large, not finite or not whole where they must be; the first such row is named.
    """
    values, nulls = payload_column(raw, f"{argument}: {name}")
    if isinstance(values, Strings):
        if not values.nulls.all():
            raise ArgumentError(
                f"{argument}: {name} must be numbers, got text", hint="Convert them", argument=argument, column=name
            )
        return np.full(len(values), rule.default)
    if values.dtype.kind not in ("biu" if rule.whole else "iuf"):
        kind = "whole numbers" if rule.whole else "numbers"
        raise ArgumentError(
            f"{argument}: {name} must be {kind}, got {values.dtype}", hint="Convert them", argument=argument, column=name
        )
    # Adding 0 makes -0.0 the 0.0 that it equals: equal topologies have equal bytes.
    numbers = values.astype(np.float64) + 0.0
    if nulls is not None:
        numbers[nulls] = rule.default
    wrong = ~((numbers >= 0) & (numbers <= rule.most))
    if not rule.infinite:
        wrong |= np.isinf(numbers)
    if wrong.any():
        position = int(np.flatnonzero(wrong)[0])
        got = float(numbers[position])
        what = "negative-cost topology: " if got < 0 and name in ("cost", "latency_us") else ""
        above = "0 or more" if rule.infinite else "finite, 0 or more"
        bound = above if np.isinf(rule.most) else f"from 0 to {rule.most:g}"
        raise ArgumentError(
            f"{argument}: {what}{name} of row {position} is {got:g}, it must be {bound}",
            hint="Mend the row or leave it out",
            argument=argument,
            column=name,
            position=position,
        )
    return numbers


def status_codes(raw: Any, argument: str) -> AnyArray:
    """Read statuses, as text or codes; null is "up". ArgumentError for others."""
    values, nulls = payload_column(raw, argument)
    hint = f"It is one of {', '.join(map(repr, NODE_STATUS))}"
    if not isinstance(values, Strings) and values.dtype.kind in "iu":
        codes = values.astype(np.int64) if nulls is None else np.where(nulls, 0, values)
        wrong = (codes < 0) | (codes >= len(NODE_STATUS))
    else:
        texts = text_column(raw, argument)
        codes = Names(NODE_STATUS, "status").positions(texts)
        codes, wrong = np.where(texts.nulls, 0, codes), (codes < 0) & ~texts.nulls
        values = texts.to_objects()
    if wrong.any():
        position = int(np.flatnonzero(wrong)[0])
        raise ArgumentError(f"{argument} of row {position} is {values.tolist()[position]!r}", hint=hint, position=position)
    return codes.astype(np.uint8)


def _frame(table: Any, argument: str, known: set[str]) -> Frame:
    if isinstance(table, Sequence) and not isinstance(table, (str, bytes)):
        table = _of_rows(table, argument)
    frame = read_frame(table, argument)
    for name in frame.names:
        require_column(sorted(known), name, argument)
    return frame


def _of_rows(rows: Sequence[Any], argument: str) -> dict[str, list[Any]]:
    odd = next((i for i, row in enumerate(rows) if not isinstance(row, Mapping)), None)
    if odd is not None:
        raise ArgumentError(
            f"{argument}: row {odd} is a {type(rows[odd]).__name__}, a dict is needed",
            hint="Give a list of dicts, or a table of columns",
            argument=argument,
            position=odd,
        )
    return {name: [row.get(name) for row in rows] for name in dict.fromkeys(name for row in rows for name in row)}


def _column(frame: Frame, name: str, argument: str) -> Strings:
    if not frame.names:
        return Strings.from_texts([])
    return text_column(frame.column(name, argument), f"{argument}: {name}")


def _unique(frame: Frame, argument: str) -> list[str]:
    texts: list[Any] = _column(frame, "name", argument).to_objects().tolist()
    seen: dict[str | None, int] = {}
    for position, text in enumerate(texts):
        if text is None:
            raise ArgumentError(f"{argument}: row {position} has no name", hint="Name each", argument=argument, position=position)
        first = seen.setdefault(text, position)
        if first != position:
            raise ArgumentError(
                f"{argument}: {text!r} is the name of rows {first} and {position}",
                hint="Names must be unique",
                argument=argument,
                positions=(first, position),
            )
    return texts


def _known(frame: Frame, column: str, names: Names, argument: str, *, required: bool) -> Int32Array:
    given = _column(frame, column, argument)
    positions = names.positions(given)
    wrong: BoolArray = positions < 0
    if not required:
        wrong &= ~given.nulls
    if wrong.any():
        raise names.unknown(given.to_objects()[wrong][0], f"{argument}: {column} of row {int(np.flatnonzero(wrong)[0])}")
    return positions


def _fill(records: AnyArray, frame: Frame, rules: Mapping[str, _Numbers], argument: str) -> None:
    for name, rule in rules.items():
        if name in frame.names:
            records[name] = checked_numbers(frame.column(name), name, argument, rule)
        else:
            records[name] = rule.default
