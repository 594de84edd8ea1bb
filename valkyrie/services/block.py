"""One service as arrays: the unit that versions of a snapshot share.

What changes by the second (health, ejection, slow start, load) lies in an array of its own, so that a health flip copies 16 bytes
an endpoint of one service, and nothing of the others.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import xxhash

from valkyrie import records
from valkyrie._native import freeze
from valkyrie.picks import Policy, policy_text
from valkyrie.services.endpoint import Endpoint
from valkyrie.services.picking import ServicePicks
from valkyrie.services.service import Service
from valkyrie.typing import AnyArray

__all__ = ["Block", "block_of"]

TEXTS = ("identity", "address", "protocol", "version", "zone", "region", "metadata")
"""Fields of an endpoint that are codes of texts."""

_OF_ENDPOINTS = {"identities", "positions", "metadata", "_head_digest"}
"""What does not depend on the state."""


@dataclass(frozen=True, eq=False)
class Block:
    """A service and its endpoints.

    Attributes
    ----------
    head : Service
        The service without its endpoints.
    endpoints : ndarray of records.ENDPOINT, shape (n,)
        In the order in which they were declared; read-only. ``service`` counts only where all blocks are joined.
    texts : sequence of str
        What the codes mean; may be shared with other blocks.
    state : ndarray of records.ENDPOINT_STATE, shape (n,)
        Of the same order; read-only.
    """

    head: Service
    endpoints: AnyArray
    texts: Sequence[str]
    state: AnyArray

    def __len__(self) -> int:
        return len(self.endpoints)

    @property
    def name(self) -> str:
        """The name of the service."""
        return self.head.name

    @property
    def policy(self) -> Policy:
        """The policy of the service."""
        return self.head.policy

    @cached_property
    def identities(self) -> tuple[str, ...]:
        """What policies hash, by position."""
        return tuple(self.texts[code] for code in self.endpoints["identity"].tolist())

    @cached_property
    def positions(self) -> Mapping[str, int]:
        """Position of each endpoint by identity."""
        return {identity: position for position, identity in enumerate(self.identities)}

    @cached_property
    def metadata(self) -> tuple[Mapping[str, str], ...]:
        """The metadata of each endpoint, by position."""
        read = {code: json.loads(self.texts[code]) for code in np.unique(self.endpoints["metadata"]).tolist()}
        return tuple(read[code] for code in self.endpoints["metadata"].tolist())

    @cached_property
    def picks(self) -> ServicePicks:
        """What policies pick from; made on first use, and shared by all versions that have this block."""
        return ServicePicks(self)

    @cached_property
    def digest(self) -> bytes:
        """XXH3-128 of all that is known of the service, its state included: 16 bytes."""
        digest = xxhash.xxh3_128(self._head_digest)
        digest.update(np.ascontiguousarray(self.state).view(np.uint8).data)
        return digest.digest()

    @cached_property
    def _head_digest(self) -> bytes:
        head = self.head
        facts = [self.name, policy_text(self.policy), metadata_text(head.tags)]
        facts += [repr(number) for number in (head.panic_threshold, head.overprovision, head.max_ejected)]
        digest = xxhash.xxh3_128()
        plain = self.endpoints.copy()
        for name in TEXTS:  # what the texts say counts, whatever their codes
            facts += [self.texts[code] for code in plain[name].tolist()]
            plain[name] = 0
        plain["service"] = 0
        for fact in facts:
            raw = fact.encode()
            digest.update(len(raw).to_bytes(4, "little") + raw)
        digest.update(plain.view(np.uint8).data)
        return digest.digest()

    def endpoint(self, position: int) -> Endpoint:
        """One endpoint with its present health and admin state, as an object; made once."""
        made = self._made[position]
        if made is None:
            made = self._made[position] = self._endpoint(position)
        return made

    @cached_property
    def service(self) -> Service:
        """The service with its endpoints, as an object."""
        return replace(self.head, endpoints=tuple(self.endpoint(position) for position in range(len(self))))

    def with_state(self, state: AnyArray) -> Block:
        """The same service in another state: ndarray of records.ENDPOINT_STATE, shape (n,), copied."""
        block = Block(self.head, self.endpoints, self.texts, freeze(state))
        for name in _OF_ENDPOINTS & self.__dict__.keys():
            block.__dict__[name] = self.__dict__[name]
        return block

    @cached_property
    def _made(self) -> list[Endpoint | None]:
        return [None] * len(self)

    def _endpoint(self, position: int) -> Endpoint:
        record, state = self.endpoints[position], self.state[position]
        text = {name: self.texts[record[name]] for name in TEXTS[1:6]}
        return Endpoint(
            **text,
            port=int(record["port"]),
            weight=float(record["weight"]),
            priority=int(record["priority"]),
            capacity=float(record["capacity"]),
            metadata=self.metadata[position],
            hash_key=self.identities[position] if record["own_identity"] else None,
            health=records.HEALTH[state["health"]],
            admin=records.ADMIN[state["admin"]],
        )


def block_of(service: Service) -> Block:
    """The arrays of a service; its endpoints' own health and admin are the state."""
    n = len(service.endpoints)
    endpoints, state = np.zeros(n, records.ENDPOINT), np.zeros(n, records.ENDPOINT_STATE)
    codes: dict[str, int] = {}

    def code(text: str) -> int:
        return codes.setdefault(text, len(codes))

    for name in TEXTS[1:6]:
        endpoints[name] = [code(getattr(endpoint, name)) for endpoint in service.endpoints]
    for name in ("port", "weight", "priority", "capacity"):
        endpoints[name] = [getattr(endpoint, name) for endpoint in service.endpoints]
    endpoints["identity"] = [code(endpoint.identity) for endpoint in service.endpoints]
    endpoints["own_identity"] = [endpoint.hash_key is not None for endpoint in service.endpoints]
    endpoints["metadata"] = [code(metadata_text(endpoint.metadata)) for endpoint in service.endpoints]
    state["health"] = [records.HEALTH.index(endpoint.health) for endpoint in service.endpoints]
    state["admin"] = [records.ADMIN.index(endpoint.admin) for endpoint in service.endpoints]
    state["weight"] = 1.0
    return Block(replace(service, endpoints=()), freeze(endpoints), tuple(codes), freeze(state))


def metadata_text(metadata: Mapping[str, Any]) -> str:
    """Metadata or tags as text: JSON with sorted keys, so that equal ones are equal texts."""
    return json.dumps(dict(metadata), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
