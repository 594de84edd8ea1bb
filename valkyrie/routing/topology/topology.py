"""Topology: nodes, links between them and the regions they lie in, immutable, as structured arrays."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Self

import numpy as np

from valkyrie.arrays import Columns, Strings
from valkyrie.errors import ArgumentError
from valkyrie.records import NODE_STATUS
from valkyrie.routing.topology.content import topology_digest
from valkyrie.routing.topology.names import Names, text_column
from valkyrie.routing.topology.reading import (
    LINK_COLUMNS,
    checked_numbers,
    read_links,
    read_nodes,
    read_regions,
    refuse_twins,
    status_codes,
)
from valkyrie.routing.topology.search_cache import SearchCache
from valkyrie.typing import AnyArray, BoolArray, Int32Array

__all__ = ["Topology"]


class Topology:
    """Nodes, links and regions; immutable.

    Parameters
    ----------
    nodes : DataFrame, Columns, dict of arrays, structured array, or list of dicts
        ``name`` (text, unique) and, where known, ``region`` (text), ``status`` ("up", "drain" or "down"), ``security`` (level,
        0 to 255) and ``capacity``. What is left out or null is up, in no region, of level 0 and unbounded capacity.
    links : likewise
        ``source`` and ``target`` (names) and, where known, ``latency_us``, ``cost``, ``bandwidth_mbps``, ``reliability`` (share
        of successes), ``load`` (share of the bandwidth in use; 1 is saturated), ``security`` and ``encrypted``. What is left out
        or null is 0, but bandwidth unbounded and reliability 1; a strategy refuses to search by a column that was left out.
    regions : likewise, optional
        ``name`` and, where one is part of another, ``parent``. By default the regions that the nodes name.
    directed : bool
        False: each link leads both ways.

    Attributes
    ----------
    nodes : ndarray of records.NODE, shape (n,), read-only
    links : ndarray of records.LINK, shape (m,), read-only
    regions : ndarray of records.REGION, shape (r,), read-only
    names, region_names : Names
        Text i names node i, or region i.
    given : frozenset of str
        Which columns of numbers the links came with.
    directed : bool

    Raises
    ------
    ArgumentError
        A name stands twice or is missing; a number is NaN, negative ("negative-cost topology") or out of its bounds; a link leads
        from a node to itself, or equals another in all fields (parallel links that differ are welcome: a search takes the best by
        its own measure); regions are parts of each other in a circle ("cyclic hierarchy").
    UnknownNodeError
        A link ends at, or a node lies in, or a region is part of what has not been named; the hint has the nearest names.

    Notes
    -----
    Drained nodes send and receive, but nothing passes through them: the stub router of RFC 6987. Safe to share between threads.
    Searches are kept beside the topology, up to 64 MiB, and die with it.

    Examples
    --------
    >>> topology = Topology(
    ...     [{"name": "ams"}, {"name": "fra"}, {"name": "lhr"}],
    ...     [{"source": "ams", "target": "fra", "cost": 2}, {"source": "fra", "target": "lhr", "cost": 3}],
    ... )
    >>> topology
    Topology(3 nodes, 2 links, 0 regions)
    """

    __slots__ = ("__weakref__", "_digest", "directed", "given", "links", "names", "nodes", "region_names", "regions", "searches")

    directed: bool
    given: frozenset[str]
    links: AnyArray
    names: Names
    nodes: AnyArray
    region_names: Names
    regions: AnyArray
    searches: SearchCache
    _digest: str | None

    def __init__(self, nodes: Any, links: Any, regions: Any = None, *, directed: bool = False) -> None:
        if not isinstance(directed, bool):
            raise ArgumentError(f"directed must be True or False; got {directed!r}", hint="False: each link leads both ways")
        known, places = (None, None) if regions is None else read_regions(regions)
        names, points, region_names = read_nodes(nodes, known)
        if places is None:
            places = np.full(len(region_names), -1, [("parent", "<i4")])
        lines, given = read_links(links, names)
        self._set(names, points, lines, region_names, places, directed, given)

    def _set(
        self,
        names: Names,
        nodes: AnyArray,
        links: AnyArray,
        region_names: Names,
        regions: AnyArray,
        directed: bool,
        given: frozenset[str],
    ) -> None:
        refuse_twins(links, names, directed)
        put = object.__setattr__
        for attribute, array in (("nodes", nodes), ("links", links), ("regions", regions)):
            array.flags.writeable = False
            put(self, attribute, array)
        put(self, "names", names)
        put(self, "region_names", region_names)
        put(self, "directed", directed)
        put(self, "given", given)
        put(self, "searches", SearchCache())
        put(self, "_digest", None)

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"a topology cannot be changed; with_links() and the like make another, not assigning {name!r}")

    def _edited(self, **changes: Any) -> Self:
        kept = ("names", "nodes", "links", "region_names", "regions", "directed", "given")
        parts = {name: getattr(self, name) for name in kept}
        edited = type(self).__new__(type(self))
        edited._set(**parts | changes)
        return edited

    @property
    def digest(self) -> str:
        """128 bits of the content, 32 hexadecimal digits: equal for equal nodes, links and regions in any order."""
        if self._digest is None:
            found = topology_digest(self.names, self.nodes, self.links, self.region_names, self.regions, self.directed)
            object.__setattr__(self, "_digest", found)
            return found
        return self._digest

    @property
    def nbytes(self) -> int:
        """Bytes of the records; searches that are kept are beside them."""
        return int(self.nodes.nbytes + self.links.nbytes + self.regions.nbytes)

    @property
    def node_columns(self) -> Columns:
        """The nodes with their names, as `Topology` reads them."""
        region = Strings(self.nodes["region"], self.region_names.dictionary)
        status = Strings(self.nodes["status"].astype(np.int32), Names(NODE_STATUS, "status").dictionary)
        rest = {name: self.nodes[name] for name in ("security", "capacity")}
        names = self._named(np.arange(len(self.nodes), dtype=np.int32))
        return Columns({"name": names, "region": region, "status": status} | rest)

    @property
    def link_columns(self) -> Columns:
        """The links with the names of their ends and the columns they came with, as `Topology` reads them."""
        ends = {end: self._named(self.links[end]) for end in ("source", "target")}
        return Columns(ends | {name: self.links[name] for name in LINK_COLUMNS if name in self.given})

    @property
    def region_columns(self) -> Columns:
        """The regions with their names, as `Topology` reads them."""
        names = np.arange(len(self.regions), dtype=np.int32)
        columns = {"name": names, "parent": self.regions["parent"]}
        return Columns({name: Strings(codes, self.region_names.dictionary) for name, codes in columns.items()})

    def node_positions(self, names: Any, argument: str = "names") -> Int32Array:
        """Positions of nodes by name, in any container of text; integers are positions already. -1 is unknown or null.

        Parameters
        ----------
        names : array-like, length k
        argument : str
            Name of the caller's argument, for messages.

        Returns
        -------
        ndarray of int32, shape (k,)

        Raises
        ------
        ArgumentError
            Neither text nor integers.
        """
        if isinstance(names, np.ndarray) and names.ndim == 1 and names.dtype.kind in "iu":
            return np.where((names >= 0) & (names < len(self.nodes)), names, -1).astype(np.int32)
        found = self.names.look_up(names)
        return self.names.positions(text_column(names, argument)) if found is None else found

    def in_regions(self, regions: Iterable[str], argument: str = "regions") -> BoolArray:
        """Which nodes lie in one of some regions, or in a part of it: ndarray of bool, shape (n,).

        Raises
        ------
        UnknownNodeError
            There is no such region.
        """
        inside = np.zeros(len(self.regions) + 1, np.bool_)
        inside[self.region_names.require_many(regions, argument)] = True
        up = np.append(self.regions["parent"], np.int32(-1))
        for _ in range(len(up).bit_length()):
            inside |= inside[up]
            up = up[up]
        found: BoolArray = inside[self.nodes["region"]]
        return found

    def with_nodes(self, nodes: Any) -> Self:
        """A topology with more nodes, or others in place of those of the same names; regions and links as they are.

        Raises
        ------
        ArgumentError, UnknownNodeError
            As the constructor; a region that the topology does not have is unknown.
        """
        names, records, _ = read_nodes(nodes, self.region_names)
        every = list(dict.fromkeys([*self.names.texts, *names.texts]))
        joined = Names(every, "node")
        points = np.concatenate([self.nodes, np.zeros(len(every) - len(self.nodes), self.nodes.dtype)])
        points[[joined.index[text] for text in names.texts]] = records
        return self._edited(names=joined, nodes=points)

    def with_links(self, links: Any) -> Self:
        """A topology with more links; errors as the constructor."""
        more, given = read_links(links, self.names)
        kept = self.given & given if len(self.links) else given
        return self._edited(links=np.concatenate([self.links, more]), given=kept)

    def with_load(self, load: Any) -> Self:
        """A topology whose links bear another load.

        Parameters
        ----------
        load : array-like of float, shape (m,), or mapping of (source, target) to float
            In the order of `links`; or by ends, for all links between them (either way round if they have no direction), the
            others staying as they are.

        Raises
        ------
        ArgumentError
            NaN, negative or infinite; another number of values than there are links; ends without a link.
        UnknownNodeError
        """
        links = self.links.copy()
        if isinstance(load, Mapping):
            values = checked_numbers(list(load.values()) or np.zeros(0), "load", "load", LINK_COLUMNS["load"])
            for (ends, _), value in zip(load.items(), values, strict=True):
                links["load"][self._between(ends, "load")] = value
        else:
            values = checked_numbers(load, "load", "load", LINK_COLUMNS["load"])
            if len(values) != len(links):
                raise ArgumentError(
                    f"load: {len(values)} values for {len(links)} links", hint="Give one for each link, in the order of .links"
                )
            links["load"] = values
        return self._edited(links=links, given=self.given | {"load"})

    def with_status(self, status: Mapping[str, str]) -> Self:
        """A topology in which nodes are "up", "drain" or "down": mapping of names to statuses.

        Raises
        ------
        ArgumentError, UnknownNodeError
        """
        if not isinstance(status, Mapping):
            raise ArgumentError(
                f"status: a mapping is needed, got {status!r}", hint='Such as {"ams": "drain"}', argument="status"
            )
        positions = self.names.require_many(status, "status")
        nodes = self.nodes.copy()
        nodes["status"][positions] = status_codes(list(status.values()), "status")
        return self._edited(nodes=nodes)

    def without_nodes(self, names: Iterable[str]) -> Self:
        """A topology without some nodes and the links that end there; UnknownNodeError if there is no such node."""
        keep = np.ones(len(self.nodes), np.bool_)
        keep[self.names.require_many(names, "names")] = False
        position = np.cumsum(keep, dtype=np.int32) - np.int32(1)
        links = self.links[keep[self.links["source"]] & keep[self.links["target"]]]
        for end in ("source", "target"):
            links[end] = position[links[end]]
        kept = [text for text, stays in zip(self.names.texts, keep.tolist(), strict=True) if stays]
        return self._edited(names=Names(kept, "node"), nodes=self.nodes[keep], links=links)

    def without_links(self, pairs: Iterable[tuple[str, str]]) -> Self:
        """A topology without the links between pairs of nodes, either way round if they have no direction.

        Raises
        ------
        ArgumentError
            There is no link between them.
        UnknownNodeError
        """
        gone = np.zeros(len(self.links), np.bool_)
        for pair in pairs:
            gone |= self._between(pair, "pairs")
        return self._edited(links=self.links[~gone])

    def _between(self, ends: Any, argument: str) -> BoolArray:
        if not isinstance(ends, tuple) or len(ends) != 2:
            raise ArgumentError(f"{argument}: {ends!r} is no pair of names", hint='Such as ("ams", "fra")', argument=argument)
        source, target = self.names.require_many(ends, argument)
        from_, to = self.links["source"], self.links["target"]
        found: BoolArray = (from_ == source) & (to == target)
        if not self.directed:
            found |= (from_ == target) & (to == source)
        if not found.any():
            raise ArgumentError(
                f"{argument}: there is no link from {ends[0]!r} to {ends[1]!r}", hint="See .link_columns", argument=argument
            )
        return found

    def _named(self, positions: Int32Array) -> Strings:
        return Strings(positions, self.names.dictionary)

    def __reduce__(self) -> tuple[Any, ...]:
        columns = [{name: table[name] for name in table} for table in (self.node_columns, self.link_columns, self.region_columns)]
        return _rebuilt, (*columns, self.directed)

    def __repr__(self) -> str:
        kind = ", directed" if self.directed else ""
        return f"Topology({len(self.nodes):,} nodes, {len(self.links):,} links, {len(self.regions):,} regions{kind})"

    def _repr_html_(self) -> str:
        import html

        return f"<b>{html.escape(repr(self))}</b>{self.node_columns._repr_html_()}{self.link_columns._repr_html_()}"


def _rebuilt(nodes: Any, links: Any, regions: Any, directed: bool) -> Topology:
    return Topology(nodes, links, regions, directed=directed)
