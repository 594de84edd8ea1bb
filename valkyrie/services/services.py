"""Services: all services of a snapshot. Immutable; an edit of one shares all others."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any, Self

import numpy as np

from valkyrie import records
from valkyrie._native import freeze
from valkyrie.arrays import StringDictionary
from valkyrie.errors import ArgumentError, CapacityError, ServiceNotFoundError
from valkyrie.picks import Policy
from valkyrie.services.block import Block, block_of
from valkyrie.services.eligibility import Request
from valkyrie.services.endpoint import Endpoint
from valkyrie.services.plans import Plans
from valkyrie.services.service import Service
from valkyrie.services.state import StateChange, changed_state
from valkyrie.typing import AnyArray, Int32Array

__all__ = ["Services"]

_ANY = Request()
_DEFAULT = (_ANY, None)
_MOST_PLANS = 256


class Services:
    """Services by name, in an order that is theirs: a service's number is its position.

    Iterating gives names; ``services[name]`` is a `Service`. Made by `of`, `valkyrie.services.read_services` (tables of
    endpoints), or an edit. Safe to share between threads.

    Attributes
    ----------
    blocks : tuple of Block
        The services as arrays.
    numbers : mapping of str to int
        Position of each by name.
    """

    def __init__(self, blocks: Iterable[Block]) -> None:
        """Put blocks together; use `of`."""
        self.blocks = tuple(blocks)
        self._plans: dict[tuple[Request, Policy | None], Plans] = {}
        self.numbers = {block.name: number for number, block in enumerate(self.blocks)}
        if len(self.numbers) < len(self.blocks):
            names = [block.name for block in self.blocks]
            twice = next(name for name in names if names.count(name) > 1)
            raise ArgumentError(f"services: {twice!r} stands twice", hint="Names of services are unique")

    @classmethod
    def of(cls, services: Any) -> Services:
        """Services from what a caller has.

        Parameters
        ----------
        services : iterable of Service; mapping of name to Service or to a list of Endpoint; Services; None
            None is no services.

        Raises
        ------
        ArgumentError
            They are none, or two have one name.
        """
        if isinstance(services, Services):
            return services
        if services is None:
            return cls(())
        if isinstance(services, Service):
            services = [services]
        if isinstance(services, Mapping):
            services = [_named(name, value) for name, value in services.items()]
        hint = 'Such as [Service("db", [Endpoint(address="10.0.0.7", port=5432)])]'
        if isinstance(services, str | bytes) or not isinstance(services, Iterable):
            raise ArgumentError(f"services: services are needed, got {type(services).__name__}", hint=hint)
        blocks = []
        for service in services:
            if not isinstance(service, Service):
                raise ArgumentError(f"services: {service!r} is no Service"[:200], hint=hint)
            blocks.append(block_of(service))
        return cls(blocks)

    def __len__(self) -> int:
        return len(self.blocks)

    def __iter__(self) -> Iterator[str]:
        return iter(self.numbers)

    def __contains__(self, name: object) -> bool:
        return name in self.numbers

    def __getitem__(self, name: str) -> Service:
        return self.blocks[self.number(name)].service

    def number(self, name: str, argument: str = "service") -> int:
        """Position of a service.

        Raises
        ------
        ServiceNotFoundError
        """
        try:
            return self.numbers[name]
        except (KeyError, TypeError):
            raise ServiceNotFoundError(
                f"{argument}: there is no service {name!r}", hint=_nearest(name, self.numbers), service=name
            ) from None

    @cached_property
    def firsts(self) -> Int32Array:
        """Number of the first endpoint of each service, and at last that of all: int32, shape (n + 1,)."""
        ends = np.cumsum([0, *(len(block) for block in self.blocks)])
        if ends[-1] > records.MAX_ROWS:
            raise CapacityError(f"services: {ends[-1]:,} endpoints, at most 2,147,483,647 are possible", hint="Split them")
        firsts: Int32Array = freeze(ends.astype(np.int32))
        return firsts

    @property
    def endpoint_count(self) -> int:
        """How many endpoints there are."""
        return int(self.firsts[-1])

    def service_of(self, endpoint: int) -> int:
        """Number of the service that an endpoint belongs to, by the endpoint's number."""
        return int(np.searchsorted(self.firsts, endpoint, side="right")) - 1

    def endpoint(self, number: int) -> Endpoint:
        """An endpoint by its number: services in their order, their endpoints in theirs.

        Raises
        ------
        ServiceNotFoundError
            There is no such number.
        """
        if not 0 <= number < self.endpoint_count:
            raise ServiceNotFoundError(
                f"number: there is no endpoint {number}", hint=f"There are {self.endpoint_count:,}, from 0", endpoint=number
            )
        service = self.service_of(number)
        return self.blocks[service].endpoint(number - int(self.firsts[service]))

    def endpoint_number(self, identity: str, service: str | None = None) -> int:
        """Number of an endpoint.

        Parameters
        ----------
        identity : str
            ``address:port`` or its ``hash_key``.
        service : str, optional
            Needed if several services have an endpoint of that identity.

        Raises
        ------
        ServiceNotFoundError
            There is none, or there are several.
        """
        if service is not None:
            number = self.number(service)
            position = self.blocks[number].positions.get(identity)
            if position is not None:
                return int(self.firsts[number]) + position
            known: Iterable[str] = self.blocks[number].positions
        else:
            found = self._by_identity.get(identity, ())
            if len(found) == 1:
                return found[0]
            if found:
                names = ", ".join(repr(self.blocks[self.service_of(number)].name) for number in found[:5])
                raise ServiceNotFoundError(
                    f"endpoint: {identity!r} is in several services: {names}", hint="Name one with service=", endpoint=identity
                )
            known = self._by_identity
        where = "" if service is None else f" in {service!r}"
        raise ServiceNotFoundError(
            f"endpoint: there is no endpoint {identity!r}{where}", hint=_nearest(identity, known), endpoint=identity
        )

    @cached_property
    def _by_identity(self) -> dict[str, tuple[int, ...]]:
        numbers: dict[str, tuple[int, ...]] = {}
        for number, identity in enumerate(self.identities):
            numbers[identity] = (*numbers.get(identity, ()), number)
        return numbers

    @property
    def default_plans(self) -> Plans:
        """The plans for no request in particular and each service's own policy."""
        found = self._plans.get(_DEFAULT)
        return self.plans() if found is None else found

    def plans(self, request: Request = _ANY, policy: Policy | None = None) -> Plans:
        """The plans for a request and a policy; the last few are kept, and those of no request in particular always."""
        asked = (request, policy)
        found = self._plans.get(asked)
        if found is None:
            kept = self._plans
            if len(kept) >= _MOST_PLANS:  # another thread may do the same: the dict is replaced, never emptied under a reader
                kept = dict([pair for pair in kept.items() if pair[0] == _DEFAULT] + list(kept.items())[-_MOST_PLANS // 2 :])
            found = kept.get(asked) or Plans(self, request, policy)
            self._plans = {**kept, asked: found}
        return found

    @cached_property
    def state(self) -> AnyArray:
        """The changeable state of all endpoints: records.ENDPOINT_STATE, shape (n,), read-only."""
        return _joined([block.state for block in self.blocks], records.ENDPOINT_STATE)

    @cached_property
    def identities(self) -> tuple[str, ...]:
        """The identity of every endpoint, by number."""
        return tuple(identity for block in self.blocks for identity in block.identities)

    @cached_property
    def dictionary(self) -> StringDictionary:
        """The identities as a dictionary that numbers of endpoints refer to."""
        return StringDictionary.from_texts(self.identities)

    def texts(self, field: str) -> list[str]:
        """A text of every endpoint, by number: "zone", "region", "address", "protocol" or "version"."""
        return [block.texts[code] for block in self.blocks for code in block.endpoints[field].tolist()]

    def with_services(self, services: Any) -> Self:
        """These and others; one of the name of another takes its place, and new ones stand behind. Errors as `of`."""
        blocks = {block.name: block for block in self.blocks}
        blocks |= {block.name: block for block in type(self).of(services).blocks}
        return type(self)(blocks.values())

    def without_services(self, names: str | Iterable[str]) -> Self:
        """These without some; numbers of those behind them fall.

        Raises
        ------
        ServiceNotFoundError
        """
        gone = {names} if isinstance(names, str) else set(names)
        for name in gone:
            self.number(name, "names")
        return type(self)(block for block in self.blocks if block.name not in gone)

    def with_state(self, endpoints: Any = None, *, service: Any = None, **changes: Any) -> Self:
        """The same services in another state; costs 16 bytes for each endpoint of the services touched.

        Parameters
        ----------
        endpoints : str, array-like of str, int, or array-like of int, optional
            Identities (``address:port`` or ``hash_key``) or numbers; by default all of `service`, or all.
        service : str or iterable of str, optional
            Where identities are looked for.
        **changes
            ``health``, ``admin``, ``ejected``: words of `valkyrie.records` or their codes; ``weight``: share of the weight in
            force, 0 to 1; ``load``; ``latency``, in seconds. One value, or one an endpoint.

        Raises
        ------
        ArgumentError, ServiceNotFoundError
        """
        touched = changed_state(self, StateChange(endpoints, service, changes))
        if not touched:
            return self
        blocks = list(self.blocks)
        for number, state in touched.items():
            blocks[number] = blocks[number].with_state(state)
        new = type(self).__new__(type(self))  # names and sizes are as they were: nothing is counted again
        new.blocks, new.numbers = tuple(blocks), self.numbers
        own = self._plans.get(_DEFAULT)
        new._plans = {} if own is None else {_DEFAULT: Plans(new, _ANY, before=own.made, changed=touched)}
        for name in ("firsts", "identities", "dictionary", "_by_identity"):
            if name in self.__dict__:
                new.__dict__[name] = self.__dict__[name]
        return new

    def __repr__(self) -> str:
        return f"Services({len(self):,} services, {self.endpoint_count:,} endpoints)"


def _named(name: Any, value: Any) -> Service:
    if isinstance(value, Service):
        if value.name != name:
            raise ArgumentError(f"services: {value.name!r} stands under the name {name!r}", hint="Give it its own name")
        return value
    return Service(name, value)


def _nearest(name: Any, names: Iterable[str]) -> str:
    known = list(names)
    if not known:
        return "There is none at all: Services.of() makes them"
    near = difflib.get_close_matches(str(name), known[:20_000], 3) or sorted(known)[:5]
    if len(known) > len(near):
        return f"Did you mean {' or '.join(map(repr, near))}?"
    return f"There are {', '.join(map(repr, near))}"


def _joined(parts: list[AnyArray], dtype: np.dtype[Any]) -> AnyArray:
    return freeze(np.concatenate([np.empty(0, dtype), *parts]))
