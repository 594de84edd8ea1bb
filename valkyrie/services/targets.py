"""Targets: what rows of a table lead to. A service, one endpoint, or a split over several of them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any

import xxhash

from valkyrie import picks
from valkyrie.errors import ArgumentError
from valkyrie.picks import PickTable
from valkyrie.services.endpoint import checked_text

__all__ = ["EndpointTarget", "Split", "Target"]

_TOLERANCE = 1e-9
_SUMS = (1.0, 100.0)


@dataclass(frozen=True, slots=True)
class EndpointTarget:
    """One endpoint of a service, by identity: keys that lead here go nowhere else. Immutable."""

    service: str
    identity: str

    def __post_init__(self) -> None:
        checked_text(self.service, "service")
        checked_text(self.identity, "identity")

    @property
    def name(self) -> str:
        """How it is named in results."""
        return f"{self.service}/{self.identity}"


@dataclass(frozen=True, slots=True)
class Split:
    """Keys of one target divided over several by weight: a canary. Immutable.

    Each key takes one way, always the same; if a way's share grows, the keys that took it before still do.

    Parameters
    ----------
    name : str
        What the split hashes with: two splits of different names divide keys independently.
    parts : mapping of (str or EndpointTarget) to float
        Services by name, or single endpoints, and their shares, which add up to 1 or to 100.

    Raises
    ------
    ArgumentError
        Shares that do not add up, are negative or not finite; none that is more than 0.
    """

    name: str
    parts: Mapping[str | EndpointTarget, float]

    def __post_init__(self) -> None:
        if not self.name or not checked_text(self.name, "name"):
            raise ArgumentError(f"name: {self.name!r} is no name of a split", hint="Give printable text")
        hint = 'Such as Split("rollout", {"web": 0.95, "web-canary": 0.05})'
        if not isinstance(self.parts, Mapping) or not self.parts:
            raise ArgumentError(f"parts: a mapping of targets to shares is needed, got {self.parts!r}"[:200], hint=hint)
        shares = {}
        for part, share in self.parts.items():
            if not isinstance(part, EndpointTarget):
                checked_text(part, "parts")
            try:
                shares[part] = math.nan if isinstance(share, bool | str) else float(share)
            except (TypeError, ValueError) as error:
                raise ArgumentError(f"parts: {share!r} of {part!r} is no share", hint=hint) from error
            if not 0 <= shares[part] <= 100:
                raise ArgumentError(f"parts: {share!r} of {part!r} is no share", hint="Shares are from 0 on and add up to 1")
        total = math.fsum(shares.values())
        if not any(abs(total - whole) <= _TOLERANCE * whole for whole in _SUMS):
            fair = ", ".join(f"{part!r}: {share / total:.6g}" for part, share in shares.items()) if total else hint
            raise ArgumentError(
                f"parts: the shares of {self.name!r} add up to {total:g}, not to 1 or 100", hint=f"To keep their ratio: {fair}"
            )
        object.__setattr__(self, "parts", MappingProxyType({part: share / total for part, share in shares.items()}))

    @property
    def seed(self) -> int:
        """Seed of the hash by which keys choose: that of the name, XXH64."""
        return xxhash.xxh64_intdigest(self.name.encode())

    @property
    def ways(self) -> tuple[str | EndpointTarget, ...]:
        """The targets that take keys, in the order of the numbers that `table` picks."""
        return tuple(part for part, share in self.parts.items() if share > 0)

    @property
    def table(self) -> PickTable:
        """What the hash of a key picks a way from; made once."""
        return _table(self)

    def __hash__(self) -> int:
        return hash((self.name, tuple(self.parts.items())))

    def __reduce__(self) -> tuple[Any, ...]:
        return Split, (self.name, dict(self.parts))


@lru_cache(maxsize=1_024)
def _table(split: Split) -> PickTable:
    names = [part if isinstance(part, str) else part.name for part in split.ways]
    shares = [split.parts[part] for part in split.ways]
    return picks.Split(seed=split.seed).compile(picks.Members.of(names, shares))


Target = str | EndpointTarget | Split
"""A service by its name, an endpoint, a split."""
