"""Endpoint: where one instance of a service listens, and what is known of it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from valkyrie import records
from valkyrie.arrays import is_encodable
from valkyrie.errors import ArgumentError

__all__ = ["MOST_AMOUNT", "Endpoint", "checked_text", "checked_texts"]

MOST_AMOUNT = 1e30
"""The greatest weight, capacity, load or latency: far beyond any, and sums of them stay finite."""

_MOST_PORT = 65_535
_MOST_PRIORITY = 255


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One instance of a service. Immutable.

    Parameters
    ----------
    address : str
        Host name or IP address; without spaces or control characters.
    port : int
        0 to 65,535; 0 where addresses have no ports.
    protocol, version : str
    weight : float
        Share of the traffic relative to its siblings; finite, 0 or more. An endpoint of weight 0 is never picked.
    zone, region : str
        Where it stands; "" where that is unknown.
    priority : int
        0 to 255. Endpoints of a higher number are used as far as those of lower ones are not healthy.
    capacity : float
        What it can take, in the unit of the load of an analysis; 0 where that is unknown.
    metadata : mapping of str to str
        What a `subset` selects by.
    hash_key : str, optional
        What policies hash in place of ``address:port``, so that an endpoint may move and keep its keys.
    health : {"unknown", "healthy", "degraded", "unhealthy"}
    admin : {"up", "drain", "maintenance"}

    Raises
    ------
    ArgumentError
        A value is none of these; the message names it.
    """

    address: str
    port: int = 0
    protocol: str = ""
    version: str = ""
    weight: float = 1.0
    zone: str = ""
    region: str = ""
    priority: int = 0
    capacity: float = 0.0
    metadata: Mapping[str, str] = field(default_factory=dict)
    hash_key: str | None = None
    health: str = "unknown"
    admin: str = "up"

    def __post_init__(self) -> None:
        put = object.__setattr__
        if not self.address or not isinstance(self.address, str):
            raise ArgumentError(f"address: {self.address!r} is no address", hint="Give a host name or an IP address")
        for name in ("address", "protocol", "version", "zone", "region"):
            checked_text(getattr(self, name), name)
        if any(sign.isspace() for sign in self.address):
            raise ArgumentError(f"address: {self.address!r} has a space in it", hint="Give a host name or an IP address")
        if self.hash_key is not None and not checked_text(self.hash_key, "hash_key"):
            raise ArgumentError("hash_key: it is empty", hint="Leave it out to hash address:port")
        put(self, "port", _whole(self.port, "port", _MOST_PORT))
        put(self, "priority", _whole(self.priority, "priority", _MOST_PRIORITY))
        put(self, "weight", _amount(self.weight, "weight"))
        put(self, "capacity", _amount(self.capacity, "capacity"))
        put(self, "metadata", checked_texts(self.metadata, "metadata"))
        for name, words in (("health", records.HEALTH), ("admin", records.ADMIN)):
            if getattr(self, name) not in words:
                raise ArgumentError(f"{name}: {getattr(self, name)!r} is not one of {', '.join(words)}", hint="Give one of them")

    @property
    def identity(self) -> str:
        """What policies hash: ``hash_key``, or ``address:port``."""
        return f"{self.address}:{self.port}" if self.hash_key is None else self.hash_key

    def __hash__(self) -> int:
        return hash((self.address, self.port, self.hash_key))

    def __reduce__(self) -> tuple[Any, ...]:
        facts = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return _endpoint, (facts | {"metadata": dict(self.metadata)},)


def _endpoint(facts: dict[str, Any]) -> Endpoint:
    return Endpoint(**facts)


def checked_text(value: Any, argument: str) -> str:
    """Printable text, or an ArgumentError that names the argument."""
    if not isinstance(value, str) or not (value.isprintable() and is_encodable(value)):
        raise ArgumentError(f"{argument}: {value!r} is no printable text"[:200], hint="Give a str without control characters")
    return value


def checked_texts(value: Any, argument: str) -> Mapping[str, str]:
    """A read-only mapping of printable text to printable text, sorted by key, or an ArgumentError that names the argument."""
    if not isinstance(value, Mapping):
        raise ArgumentError(
            f"{argument}: a mapping is needed, got {type(value).__name__}", hint='Such as {"stage": "canary"}'
        )
    for pair in value.items():
        for text in pair:
            checked_text(text, argument)
    return MappingProxyType(dict(sorted(value.items())))


def _whole(value: Any, argument: str, most: int) -> int:
    if isinstance(value, bool) or not hasattr(value, "__index__") or not 0 <= value <= most:
        raise ArgumentError(f"{argument}: {value!r} is no whole number from 0 to {most:,}", hint="Give an int")
    return int(value)


def _amount(value: Any, argument: str) -> float:
    try:
        number = float("nan") if isinstance(value, bool | str | bytes) else float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number) or number < 0 or number > MOST_AMOUNT:
        raise ArgumentError(f"{argument}: {value!r} is no finite number from 0 on", hint="Give a float")
    return number
