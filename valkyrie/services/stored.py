"""Services as arrays of a file, and back: what comes from a file is checked before an object is made of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import xxhash

from valkyrie import records
from valkyrie._native import freeze
from valkyrie.arrays import StringDictionary
from valkyrie.errors import SnapshotFormatError, ValkyrieError
from valkyrie.picks import policy_of_text, policy_text
from valkyrie.services.block import TEXTS, Block, metadata_text
from valkyrie.services.endpoint import MOST_AMOUNT, checked_text, checked_texts
from valkyrie.services.service import MOST_ENDPOINTS, Service
from valkyrie.services.services import Services
from valkyrie.services.targets import EndpointTarget, Split, Target
from valkyrie.typing import AnyArray

__all__ = ["services_digest", "services_from_columns", "services_to_columns", "targets_from_text", "targets_text"]

_AGAIN = "Save the snapshot again"
_NAMES = ("services", "endpoints", "state", "texts", "offsets")


def services_to_columns(services: Services) -> dict[str, AnyArray]:
    """The arrays by name: records.SERVICE, records.ENDPOINT, records.ENDPOINT_STATE, and the texts that codes refer to."""
    codes: dict[str, int] = {}

    def code(text: str) -> int:
        return codes.setdefault(text, len(codes))

    heads = np.zeros(len(services), records.SERVICE)
    parts = []
    for number, block in enumerate(services.blocks):
        head = block.head
        first = int(services.firsts[number])
        texts = code(block.name), code(policy_text(block.policy)), code(metadata_text(head.tags))
        heads[number] = (*texts, first, len(block), 0, head.panic_threshold, head.overprovision, head.max_ejected)
        own = block.endpoints.copy()
        own["service"] = number
        for name in TEXTS:
            used, inverse = np.unique(own[name], return_inverse=True)
            own[name] = np.array([code(block.texts[each]) for each in used.tolist()], np.uint32)[inverse]
        parts.append(own)
    dictionary = StringDictionary.from_texts(codes)
    return {
        "services": heads,
        "endpoints": np.concatenate([np.empty(0, records.ENDPOINT), *parts]),
        "state": services.state,
        "offsets": dictionary.offsets,
        "texts": dictionary.data,
    }


def services_from_columns(columns: Mapping[str, AnyArray]) -> Services:
    """Take the arrays that `services_to_columns` gave.

    Raises
    ------
    SnapshotFormatError
        They do not fit each other, or hold what no service can be.
    """
    missing = [name for name in _NAMES if not isinstance(columns.get(name), np.ndarray)]
    if missing:
        raise SnapshotFormatError(f"the services have no array {missing[0]!r}", hint=_AGAIN)
    heads, endpoints, state = columns["services"], columns["endpoints"], columns["state"]
    wanted = {"services": records.SERVICE, "endpoints": records.ENDPOINT, "state": records.ENDPOINT_STATE}
    for name, dtype in wanted.items():
        if columns[name].dtype != dtype or columns[name].ndim != 1:
            raise SnapshotFormatError(f"array {name!r} of the services is of dtype {columns[name].dtype}", hint=_AGAIN)
    try:
        texts = StringDictionary(columns["offsets"], columns["texts"]).objects[:-1].tolist()
    except ValkyrieError as error:
        raise SnapshotFormatError(f"the texts of the services are not sound: {error.message}", hint=_AGAIN) from error
    _check(heads, endpoints, state, len(texts))
    # Blocks own their part: an edit of one service then keeps nothing of the others alive.
    blocks = []
    for head in heads:
        first, count = int(head["first"]), int(head["count"])
        part = slice(first, first + count)
        block = Block(_service(head, texts), freeze(endpoints[part]), texts, freeze(state[part]))
        _check_block(block)
        blocks.append(block)
    try:
        return Services(blocks)
    except ValkyrieError as error:
        raise SnapshotFormatError(error.message, hint=_AGAIN) from error


def services_digest(services: Services) -> bytes:
    """XXH3-128 of all that is known of the services, their state included, in their order: 16 bytes."""
    digest = xxhash.xxh3_128()
    for block in services.blocks:
        digest.update(block.digest)
    return digest.digest()


def targets_text(targets: tuple[Target, ...]) -> str:
    """Targets as JSON: a text is a service, a pair an endpoint, an object a split."""
    return json.dumps([_plain(target) for target in targets], separators=(",", ":"), ensure_ascii=False)


def targets_from_text(text: str) -> tuple[Target, ...]:
    """Targets from what `targets_text` gave.

    Raises
    ------
    SnapshotFormatError
    """
    try:
        return tuple(_target(target) for target in json.loads(text))
    except (ValkyrieError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise SnapshotFormatError("the targets of the snapshot cannot be read", hint=_AGAIN) from error


def _plain(target: Target) -> Any:
    if isinstance(target, Split):
        return {"name": target.name, "parts": [[_plain(part), share] for part, share in target.parts.items()]}
    return target if isinstance(target, str) else [target.service, target.identity]


def _target(plain: Any) -> Target:
    if isinstance(plain, dict):
        parts = {_target(part): share for part, share in plain["parts"]}
        return Split(plain["name"], parts)  # type: ignore[arg-type]
    if isinstance(plain, list):
        service, identity = plain
        return EndpointTarget(service, identity)
    if not isinstance(plain, str):
        raise TypeError(plain)
    return plain


def _check(heads: AnyArray, endpoints: AnyArray, state: AnyArray, texts: int) -> None:
    n = len(endpoints)
    codes = [heads[name] for name in ("name", "policy", "tags")] + [endpoints[name] for name in TEXTS]
    first, count = heads["first"].astype(np.int64), heads["count"].astype(np.int64)
    amounts = [(endpoints["weight"], MOST_AMOUNT), (endpoints["capacity"], MOST_AMOUNT), (state["weight"], 1.0)]
    amounts += [(state[name], MOST_AMOUNT) for name in ("load", "latency")]
    sound = (
        len(state) == n
        and all(len(code) == 0 or int(code.max()) < texts for code in codes)
        and bool((count >= 0).all())
        and np.array_equal(first, np.cumsum(count) - count)
        and int(count.sum()) == n
        and all(bool((state[name] < len(words)).all()) for name, words in _STATES.items())
        and all(bool(((values >= 0) & (values <= most)).all()) for values, most in amounts)
    )
    if not sound:
        raise SnapshotFormatError("the services of the snapshot make no sense", hint=_AGAIN)


_STATES = {"health": records.HEALTH, "admin": records.ADMIN, "ejected": records.EJECTED}


def _service(head: Any, texts: list[str]) -> Service:
    try:
        return Service(
            texts[head["name"]],
            (),
            policy_of_text(texts[head["policy"]]),
            json.loads(texts[head["tags"]]),
            float(head["panic_threshold"]),
            float(head["overprovision"]),
            float(head["max_ejected"]),
        )
    except (ValkyrieError, ValueError, TypeError, LookupError, RecursionError) as error:
        raise SnapshotFormatError(f"a service of the snapshot cannot be read: {error}", hint=_AGAIN) from error


def _check_block(block: Block) -> None:
    """Whether every endpoint is one that `Endpoint` takes: each distinct text is looked at once, and no object is made."""
    try:
        endpoints = block.endpoints
        used = {name: [block.texts[code] for code in np.unique(endpoints[name]).tolist()] for name in TEXTS}
        for name in TEXTS[:-1]:
            for text in used[name]:
                checked_text(text, name)
        for text in used["metadata"]:
            checked_texts(json.loads(text), "metadata")
        own = [block.texts[code] for code in endpoints["address"].tolist()]
        named = [f"{address}:{port}" for address, port in zip(own, endpoints["port"].tolist(), strict=True)]
        sound = (
            len(set(block.identities)) == len(block) <= MOST_ENDPOINTS
            and all(used["identity"])
            and all(text and not any(map(str.isspace, text)) for text in used["address"])
            and all(
                its_own or identity == name
                for its_own, identity, name in zip(endpoints["own_identity"].tolist(), block.identities, named, strict=True)
            )
        )
    except (ValkyrieError, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise SnapshotFormatError(f"the endpoints of {block.name!r} cannot be read: {error}", hint=_AGAIN) from error
    if not sound:
        raise SnapshotFormatError(f"the endpoints of {block.name!r} make no sense", hint=_AGAIN)
