"""Service: a named set of endpoints, and how one of them is picked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from valkyrie.errors import ArgumentError, CapacityError
from valkyrie.picks import Policy, as_policy
from valkyrie.services.endpoint import Endpoint, checked_text, checked_texts

__all__ = ["MOST_ENDPOINTS", "Service"]

MOST_ENDPOINTS = 65_535
"""Of one service: picks are 16-bit numbers."""

_SHARES = {"panic_threshold": 1.0, "max_ejected": 1.0, "overprovision": 100.0}


@dataclass(frozen=True, slots=True)
class Service:
    """A named set of endpoints. Immutable.

    Parameters
    ----------
    name : str
        Unique among the services of a snapshot.
    endpoints : iterable of Endpoint
        No two with one identity. Their order counts for the policy "jump" alone.
    policy : str or Policy
        How an endpoint is picked: a name such as "maglev" or "rendezvous", or an instance such as ``picks.Maglev(seed=3)``.
    tags : mapping of str to str
    panic_threshold : float
        If a smaller share of a level's endpoints can take traffic, all of them do (status "panic"); 0 never panics.
    overprovision : float
        A level takes all of its traffic as long as this many times its healthy share is at least 1.
    max_ejected : float
        At most this share of the endpoints counts as ejected, rounded down; further ejections are not heeded.

    Raises
    ------
    ArgumentError, UnknownPolicyError, CapacityError
        A value is none of these; the message names it.
    """

    name: str
    endpoints: tuple[Endpoint, ...] = ()
    policy: Policy = field(default="maglev")  # type: ignore[assignment]
    tags: Mapping[str, str] = field(default_factory=dict)
    panic_threshold: float = 0.5
    overprovision: float = 1.4
    max_ejected: float = 0.1

    def __post_init__(self) -> None:
        put = object.__setattr__
        if not self.name or not checked_text(self.name, "name"):
            raise ArgumentError(f"name: {self.name!r} is no name of a service", hint="Give printable text")
        put(self, "endpoints", _endpoints(self.name, self.endpoints))
        put(self, "policy", as_policy(self.policy))
        put(self, "tags", checked_texts(self.tags, "tags"))
        for name, most in _SHARES.items():
            put(self, name, _share(getattr(self, name), name, most))
        if self.overprovision < 1:
            raise ArgumentError(f"overprovision: {self.overprovision!r} is below 1", hint="Such as 1.4")

    def __hash__(self) -> int:
        return hash((self.name, self.endpoints))

    def __repr__(self) -> str:
        n = len(self.endpoints)
        return f"Service({self.name!r}, {n:,} endpoint{'s' * (n != 1)}, policy={self.policy.name!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        facts = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return _service, (facts | {"tags": dict(self.tags)},)


def _service(facts: dict[str, Any]) -> Service:
    return Service(**facts)


def _endpoints(service: str, endpoints: Any) -> tuple[Endpoint, ...]:
    if isinstance(endpoints, Endpoint | str | Mapping) or not isinstance(endpoints, Iterable):
        raise ArgumentError(
            f"endpoints: a list of Endpoint is needed for {service!r}, got {type(endpoints).__name__}",
            hint='Such as [Endpoint(address="10.0.0.7", port=80)]',
        )
    found = tuple(endpoints)
    if len(found) > MOST_ENDPOINTS:
        raise CapacityError(
            f"endpoints: {len(found):,} for {service!r}, at most {MOST_ENDPOINTS:,} are possible", hint="Split the service"
        )
    identities: set[str] = set()
    for endpoint in found:
        if not isinstance(endpoint, Endpoint):
            raise ArgumentError(
                f"endpoints: {endpoint!r} of {service!r} is no Endpoint"[:200],
                hint='Such as Endpoint(address="10.0.0.7", port=80)',
            )
        if endpoint.identity in identities:
            raise ArgumentError(
                f"endpoints: {endpoint.identity!r} stands twice in {service!r}", hint="Give one of them another hash_key"
            )
        identities.add(endpoint.identity)
    return found


def _share(value: Any, argument: str, most: float) -> float:
    try:
        number = -1.0 if isinstance(value, bool | str | bytes) else float(value)
    except (TypeError, ValueError, OverflowError):
        number = -1.0
    if not 0 <= number <= most:
        raise ArgumentError(f"{argument}: {value!r} is no number from 0 to {most:g}", hint="Give a share, such as 0.5")
    return number
