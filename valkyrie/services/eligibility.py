"""Who may take traffic: the states of endpoints in one table, levels that spill over, panic.

An endpoint is judged by the first line that fits it::

    maintenance        out, always
    drain              out, always
    weight 0           out, and counted nowhere
    subset             out, if the request asks for metadata it does not have
    health unhealthy   not available; picked in panic alone
    ejected            not available; picked in panic alone. At most `max_ejected` of the endpoints that are not out, rounded
                       down, count as ejected: breakers first, then outliers, each in the order of identities
    health degraded    available for what healthy ones cannot take
    healthy, unknown   available

Endpoints that are not out form *levels*: by priority and, within one, by how near they are to the request's zone (the same zone,
the same region, elsewhere) as far as the request names one. Of n endpoints of a level, h healthy and d degraded::

    healthy share      min(1, overprovision * h / n) of the traffic, as far as levels before it left any
    degraded share     min(1, overprovision * d / n) of what the healthy endpoints of all levels left, in the same order
    panic              only if all shares together are less than 1: a level of which less than `panic_threshold` is available
                       counts all its endpoints as available, unhealthy and ejected ones too

Shares that do not reach 1 together are scaled up to it. If nobody is available and nobody panics, the status is "unhealthy".

These are Envoy's semantics (priority levels, overprovisioning factor 1.4, degraded endpoints, panic threshold of 50 %), and
Istio's way to make levels of localities; the cap on ejections is Envoy's ``max_ejection_percent`` without its minimum of one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from valkyrie import records
from valkyrie.typing import BoolArray, Int64Array

if TYPE_CHECKING:
    from valkyrie.services.block import Block

__all__ = ["Group", "Request", "groups_of"]

_OK, _PANIC = records.STATUS.index("ok"), records.STATUS.index("panic")
_DEGRADED, _UNHEALTHY = records.HEALTH.index("degraded"), records.HEALTH.index("unhealthy")
_UP, _BREAKER = records.ADMIN.index("up"), records.EJECTED.index("breaker")


class Request(NamedTuple):
    """What of a request decides about levels and subsets; hashable, so that its groups are found again.

    Attributes
    ----------
    zone, region : str
        Where it comes from; "" where that does not matter.
    subset : tuple of (str, str)
        Metadata that an endpoint must have.
    fallback : {"none", "any"}
        Whether endpoints without it are taken if none has it.
    """

    zone: str = ""
    region: str = ""
    subset: tuple[tuple[str, str], ...] = ()
    fallback: str = "none"


@dataclass(frozen=True, eq=False)
class Group:
    """Endpoints of one level that take a share of the traffic together.

    Attributes
    ----------
    share : float
        More than 0; those of all groups add up to 1.
    positions : ndarray of int64
        Within the service, ascending.
    status : int
        Code of records.STATUS: ok or panic.
    """

    share: float
    positions: Int64Array
    status: int


def groups_of(block: Block, request: Request) -> tuple[list[Group], str]:
    """The groups that share the traffic of a service, and the status if there is none: "unhealthy" or "constrained"."""
    state, endpoints = block.state, block.endpoints
    standing: BoolArray = (state["admin"] == _UP) & (endpoints["weight"] * state["weight"] > 0)
    asked = _subset(block, request)
    if asked is not None:
        chosen = standing & asked
        if chosen.any() or request.fallback == "none":
            if standing.any() and not chosen.any():
                return [], "constrained"
            standing = chosen
    unhealthy = state["health"] == _UNHEALTHY
    unhealthy |= _ejected(block, standing)
    healthy = standing & ~unhealthy & (state["health"] != _DEGRADED)
    degraded = standing & ~unhealthy & (state["health"] == _DEGRADED)
    if not request.zone and not request.region and bool(healthy.all()) and not endpoints["priority"].any():
        return ([Group(1.0, np.arange(len(block)), _OK)], "") if len(block) else ([], "unhealthy")
    level = _levels(block, request)
    groups = _shared_out(block, [(level == each) & standing for each in np.unique(level[standing]).tolist()], healthy, degraded)
    return groups, "unhealthy"


def _shared_out(block: Block, levels: list[BoolArray], healthy: BoolArray, degraded: BoolArray) -> list[Group]:
    over, threshold = block.head.overprovision, block.head.panic_threshold
    sizes = [int(np.count_nonzero(level)) for level in levels]
    counts = [(int(np.count_nonzero(level & healthy)), int(np.count_nonzero(level & degraded))) for level in levels]
    reach = sum(min(1.0, over * (h + d) / n) for (h, d), n in zip(counts, sizes, strict=True))
    panics = [reach < 1 and (h + d) / n < threshold for (h, d), n in zip(counts, sizes, strict=True)]
    shares: list[tuple[float, BoolArray, int]] = []
    if reach == 0:  # nobody is left at all: the first level that panics takes everything
        shares = [(1.0, level, _PANIC) for level, panic in zip(levels, panics, strict=True) if panic][:1]
    else:
        rest = 1.0
        for which, (available, column) in enumerate(((healthy, 0), (degraded, 1))):
            for level, n, count, panic in zip(levels, sizes, counts, panics, strict=True):
                if panic and which == 1:
                    continue
                able = sum(count) if panic else count[column]
                share = min(rest, over * able / n)
                rest -= share
                shares.append((share, level if panic else level & available, _PANIC if panic else _OK))
    total = sum(share for share, _, _ in shares)
    return [Group(share / total, np.flatnonzero(members), status) for share, members, status in shares if share > 0]


def _subset(block: Block, request: Request) -> BoolArray | None:
    if not request.subset:
        return None
    return np.array([_has(metadata, request.subset) for metadata in block.metadata], np.bool_)


def _has(metadata: Mapping[str, str], subset: tuple[tuple[str, str], ...]) -> bool:
    return all(metadata.get(name) == value for name, value in subset)


def _ejected(block: Block, standing: BoolArray) -> BoolArray:
    ejected = (block.state["ejected"] > 0) & standing
    n = int(np.count_nonzero(ejected))
    most = int(block.head.max_ejected * np.count_nonzero(standing) + 1e-9)
    if n <= most:
        return ejected
    kept = np.zeros(len(ejected), np.bool_)
    identities, codes = block.identities, block.state["ejected"]
    order = sorted(np.flatnonzero(ejected).tolist(), key=lambda i: (codes[i] != _BREAKER, identities[i].encode()))
    kept[order[:most]] = True
    return kept


def _levels(block: Block, request: Request) -> Int64Array:
    """The level of every endpoint, the first to be asked lowest."""
    texts, endpoints = block.texts, block.endpoints
    distance = np.zeros(len(block), np.int64)
    if request.zone or request.region:
        zones = np.array([texts[code] == request.zone for code in endpoints["zone"].tolist()], np.bool_)
        regions = np.array([texts[code] == request.region for code in endpoints["region"].tolist()], np.bool_)
        region_known = bool(request.region)
        distance = np.where(regions, 1, 2) if region_known else np.full(len(block), 2)
        if request.zone:
            distance = np.where(zones & (regions if region_known else True), 0, distance)
    levels: Int64Array = endpoints["priority"].astype(np.int64) * 3 + distance
    return levels
