"""Plans: one record a service for the pick kernel, of one version of the services, one request, one policy.

Services come first, by number; behind them stand the groups of those services that have several. A service's record is made
when a batch first needs it. What was made is never changed: more is made in a copy, which takes the place of what was there, so
that readers need no lock.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from valkyrie import records
from valkyrie._native import PlanReader, freeze
from valkyrie.picks import Policy, plans_of
from valkyrie.services.eligibility import Request
from valkyrie.services.picking import CompiledService
from valkyrie.typing import AnyArray, BoolArray

if TYPE_CHECKING:
    from valkyrie.services.services import Services

__all__ = ["Made", "Plans"]

_ERROR = records.STATUS.index("error")
_TOP = 2**64 - 1


class Made(NamedTuple):
    """The records that are made so far.

    Attributes
    ----------
    plans : ndarray of records.PICK_PLAN, shape (m,)
    is_made : ndarray of bool, shape (n,)
        Of each service.
    compiled : dict of int to CompiledService
        By number of the service. Their tables, and `owners`, are what the addresses in the plans point to.
    owners : tuple
    reader : PlanReader
        Of the plans, for single keys.
    complete : bool
        Whether all are made.
    unkeyed : frozenset of int
        Services whose policy looks at more than the key.
    """

    plans: AnyArray
    reader: PlanReader
    is_made: BoolArray
    compiled: dict[int, CompiledService]
    owners: tuple[object, ...]
    complete: bool
    unkeyed: frozenset[int]

    @classmethod
    def of(
        cls,
        plans: AnyArray,
        is_made: BoolArray,
        compiled: dict[int, CompiledService],
        owners: tuple[object, ...],
        unkeyed: frozenset[int],
    ) -> Made:
        """Put records together with a reader of them; `plans` is read-only."""
        reader = PlanReader(plans.view(np.uint8))
        return cls(plans, reader, is_made, compiled, owners, bool(is_made.all()), unkeyed)


class Plans:
    """The plans of services for one request and one policy. Safe to share between threads.

    Parameters
    ----------
    services : Services
    request : Request
    policy : Policy, optional
        In place of each service's own.
    before : Made, optional
        Of services of the same numbers and sizes.
    changed : iterable of int
        Numbers of those that are not as they were then.
    """

    def __init__(
        self,
        services: Services,
        request: Request,
        policy: Policy | None = None,
        *,
        before: Made | None = None,
        changed: Iterable[int] = (),
    ) -> None:
        self._services, self._request, self._policy = services, request, policy
        self._lock = threading.Lock()
        n = len(services)
        # Groups of services that changed stay behind unused: once they are many, everything is made anew.
        usable = before is not None and len(before.plans) <= 4 * n + 64
        self.made = _without(before, list(changed)) if before is not None and usable else _nothing(n)

    def of(self, numbers: Iterable[int] | None = None) -> Made:
        """The records, those of some services (None: all) made.

        Parameters
        ----------
        numbers : iterable of int, optional
        """
        made = self.made
        if made.complete:
            return made
        wanted = range(len(self._services)) if numbers is None else numbers
        if all(made.is_made[number] for number in wanted):
            return made
        with self._lock:
            made = self.made
            missing = [number for number in wanted if not made.is_made[number]]
            if missing:
                self.made = made = self._more(made, missing)
        return made

    def _more(self, made: Made, missing: list[int]) -> Made:
        compiled, unkeyed = dict(made.compiled), set(made.unkeyed)
        is_made, head = made.is_made.copy(), made.plans.copy()
        behind: list[AnyArray] = []
        owners = list(made.owners)
        for number in missing:
            service = self._services.blocks[number].picks.of(self._request, self._policy)
            compiled[number], is_made[number] = service, True
            head[number]["status"] = service.status
            if service.policy.scope != "keyed":
                unkeyed.add(number)
                continue
            own = _plans(service, int(self._services.firsts[number]))
            if len(own) == 1:
                head[number] = own[0]
            elif len(own):
                thresholds = _thresholds(service, len(head) + sum(map(len, behind)))
                behind.append(own)
                owners.append(thresholds)
                head[number] = own[0]
                head[number]["method"] = records.PICK_METHODS.index("groups")
                head[number]["slots"], head[number]["size"] = thresholds.ctypes.data, len(thresholds)
        plans = freeze(np.concatenate([head, *behind]))
        return Made.of(plans, is_made, compiled, tuple(owners), frozenset(unkeyed))


def _plans(service: CompiledService, first: int) -> AnyArray:
    """A record for each group of a service whose policy is keyed."""
    plans = plans_of([group.table for group in service.groups], first=[first] * len(service.groups))
    plans["status"] = [group.status for group in service.groups]
    return plans


def _nothing(n: int) -> Made:
    blank = np.zeros(n, records.PICK_PLAN)
    blank["status"] = _ERROR
    return Made.of(freeze(blank), np.zeros(n, np.bool_), {}, (), frozenset())


def _without(made: Made, changed: list[int]) -> Made:
    """What was made, but for some services."""
    plans, is_made = made.plans.copy(), made.is_made.copy()
    plans[changed] = np.zeros(1, records.PICK_PLAN)
    plans["status"][changed] = _ERROR
    is_made[changed] = False
    compiled = {number: service for number, service in made.compiled.items() if is_made[number]}
    return Made.of(freeze(plans), is_made, compiled, made.owners, made.unkeyed.difference(changed))


def _thresholds(service: CompiledService, at: int) -> AnyArray:
    """Where the share of each group ends, as records.PICK_GROUP."""
    groups = np.zeros(len(service.groups), records.PICK_GROUP)
    end = 0.0
    for number, group in enumerate(service.groups):
        end += group.share
        groups[number] = (min(int(end * 2.0**64), _TOP), at + number, 0)
    groups["threshold"][-1] = _TOP
    return freeze(groups)
