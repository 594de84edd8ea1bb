"""Constraints: what a path, and each node and link of it, must satisfy; nothing softens them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from valkyrie.errors import ArgumentError
from valkyrie.typing import BoolArray

if TYPE_CHECKING:
    from valkyrie.routing.topology.topology import Topology

__all__ = ["Constraints"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Constraints:
    """Hard filters of a search; immutable, hashable, safe to share.

    Parameters
    ----------
    max_latency_us : float, optional
        The latencies along the path, added from the source on, are at most this.
    min_reliability : float from 0 to 1, optional
        The reliabilities along the path, multiplied from the source on, are at least this.
    min_bandwidth_mbps : float, optional
        Of each link.
    security_level : int from 0 to 255, optional
        Of each node and each link, at least.
    allowed_regions : iterable of str, optional
        Each node lies in one of these regions or in a part of it; a node without a region does not.
    avoid_nodes : iterable of str
        None of these is on the path, nor an end of it.
    encrypted : bool
        Each link is.

    Raises
    ------
    ArgumentError
        NaN, a negative number, a share above 1, one text where several names are needed. Names are looked up in the
        topology of the search.

    Examples
    --------
    >>> Constraints(max_latency_us=500, avoid_nodes=["ams-2"]).active
    ('max_latency_us', 'avoid_nodes')
    """

    max_latency_us: float | None = None
    min_reliability: float | None = None
    min_bandwidth_mbps: float | None = None
    security_level: int | None = None
    allowed_regions: Iterable[str] | None = None
    avoid_nodes: Iterable[str] = ()
    encrypted: bool = False

    def __post_init__(self) -> None:
        put = object.__setattr__
        for name, most in (("max_latency_us", math.inf), ("min_reliability", 1), ("min_bandwidth_mbps", math.inf)):
            value = getattr(self, name)
            if value is not None:
                put(self, name, _number(value, name, most))
        level = self.security_level
        if level is not None:
            if isinstance(level, bool) or not isinstance(level, int | np.integer) or not 0 <= level <= 255:
                raise _wrong("security_level", level, "a whole number from 0 to 255")
            put(self, "security_level", int(level))
        if not isinstance(self.encrypted, bool | np.bool_):
            raise _wrong("encrypted", self.encrypted, "True or False")
        put(self, "encrypted", bool(self.encrypted))
        put(self, "avoid_nodes", _names(self.avoid_nodes, "avoid_nodes"))
        if self.allowed_regions is not None:
            put(self, "allowed_regions", _names(self.allowed_regions, "allowed_regions"))

    @property
    def active(self) -> tuple[str, ...]:
        """Names of those that are set."""
        values = ((field.name, getattr(self, field.name)) for field in fields(self))
        # An empty set of allowed regions allows nothing, while to avoid no node asks for nothing.
        return tuple(
            name for name, value in values if value is not None and value is not False and (value or name != "avoid_nodes")
        )

    @property
    def bounds_path(self) -> bool:
        """Whether something is asked of the path as a whole."""
        return self.max_latency_us is not None or self.min_reliability is not None

    def only(self, *names: str) -> Constraints:
        """Those of the names alone."""
        return Constraints(**{name: getattr(self, name) for name in names})

    def allows(self, latency_us: Any, reliability: Any) -> Any:
        """Whether a path of this latency and reliability will do; for arrays, an array."""
        fine = np.ones(np.shape(latency_us), np.bool_)
        if self.max_latency_us is not None:
            fine &= latency_us <= self.max_latency_us
        if self.min_reliability is not None:
            fine &= reliability >= self.min_reliability
        return fine

    def nodes(self, topology: Topology) -> BoolArray:
        """Which nodes will do: ndarray of bool, shape (n,), in the order of the topology.

        Raises
        ------
        UnknownNodeError
            A node to avoid, or an allowed region, is not in the topology.
        """
        fine = np.ones(len(topology.nodes), np.bool_)
        if self.security_level is not None:
            fine &= topology.nodes["security"] >= self.security_level
        if self.allowed_regions is not None:
            fine &= topology.in_regions(self.allowed_regions, "allowed_regions")
        fine[topology.names.require_many(self.avoid_nodes, "avoid_nodes")] = False
        return fine

    def links(self, topology: Topology) -> BoolArray:
        """Which links will do, each by itself: ndarray of bool, shape (m,)."""
        links = topology.links
        fine: BoolArray = np.asarray(self.allows(links["latency_us"], links["reliability"]))
        if self.min_bandwidth_mbps is not None:
            fine &= links["bandwidth_mbps"] >= self.min_bandwidth_mbps
        if self.security_level is not None:
            fine &= links["security"] >= self.security_level
        if self.encrypted:
            fine &= links["encrypted"] != 0
        return fine


def _number(value: Any, name: str, most: float) -> float:
    bound = "a number, 0 or more" if most == math.inf else f"a number from 0 to {most}"
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating) or not 0 <= value <= most:
        raise _wrong(name, value, bound)
    return float(value)


def _names(names: Any, argument: str) -> frozenset[str]:
    if isinstance(names, str) or not isinstance(names, Iterable):
        raise _wrong(argument, names, "a list of names")
    found = frozenset(names)
    odd = next((name for name in found if not isinstance(name, str)), None)
    if odd is not None:
        raise _wrong(argument, odd, "a list of names, each a text")
    return found


def _wrong(name: str, value: Any, bound: str) -> ArgumentError:
    return ArgumentError(f"{name} must be {bound}; got {value!r}", hint="Leave it out to ask for nothing", argument=name)
