"""What the policy of a service picks from, made on first use and shared by every version in which the service is the same."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from valkyrie import records
from valkyrie.picks import Members, PickTable, Policy
from valkyrie.services.eligibility import Group, Request, groups_of

if TYPE_CHECKING:
    from valkyrie.services.block import Block

__all__ = ["CompiledGroup", "CompiledService", "ServicePicks"]

_MOST_KEPT = 64
"""Of the combinations of requests and policies that a service was asked with."""


class CompiledGroup(NamedTuple):
    """Endpoints that take a share of a service's traffic, ready to be picked from."""

    share: float
    status: int
    members: Members
    table: PickTable


class CompiledService(NamedTuple):
    """A service as a policy sees it: groups, whose shares add up to 1, or the status if there are none."""

    policy: Policy
    groups: tuple[CompiledGroup, ...]
    status: int

    def status_of(self, local: int) -> int:
        """The status of a row that an endpoint was picked for, by its position in the service; -1 is none."""
        for group in self.groups[:-1]:
            if local in group.members.local:
                return group.status
        return self.groups[-1].status if self.groups else self.status


class ServicePicks:
    """The compiled groups of one service in one state, by request and policy. Safe to share between threads."""

    def __init__(self, block: Block) -> None:
        self._block = block
        self._lock = threading.Lock()
        self._kept: dict[tuple[Request, Policy], CompiledService] = {}

    def of(self, request: Request, policy: Policy | None = None) -> CompiledService:
        """What to pick from; compiled by whoever asks first, while the others wait."""
        asked = (request, policy or self._block.policy)
        found = self._kept.get(asked)
        if found is None:
            with self._lock:
                found = self._kept.get(asked)
                if found is None:
                    while len(self._kept) >= _MOST_KEPT:
                        del self._kept[next(iter(self._kept))]
                    found = self._kept[asked] = self._compiled(*asked)
        return found

    def _compiled(self, request: Request, policy: Policy) -> CompiledService:
        groups, status = groups_of(self._block, request)
        made = tuple(self._group(group, policy) for group in groups)
        return CompiledService(policy, made, records.STATUS.index(status) if not made else made[0].status)

    def _group(self, group: Group, policy: Policy) -> CompiledGroup:
        block, at = self._block, group.positions
        weights = block.endpoints["weight"][at] * block.state["weight"][at].astype(np.float64)
        identities = [block.identities[i].encode() for i in at.tolist()]
        members = Members.of(identities, weights, at, declared=at, positions=len(block))
        return CompiledGroup(group.share, group.status, members, policy.compile(members))
