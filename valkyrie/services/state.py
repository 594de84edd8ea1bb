"""Changes of state: which endpoints, what about them, checked before anything is copied."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from valkyrie import records
from valkyrie.arrays import Strings, payload_column
from valkyrie.errors import ArgumentError
from valkyrie.services.endpoint import MOST_AMOUNT
from valkyrie.typing import AnyArray, Int64Array

if TYPE_CHECKING:
    from valkyrie.services.services import Services

__all__ = ["StateChange", "changed_state"]

_CODES = {"health": records.HEALTH, "admin": records.ADMIN, "ejected": records.EJECTED}
_AMOUNTS = {"weight": 1.0, "load": MOST_AMOUNT, "latency": MOST_AMOUNT}


class StateChange(NamedTuple):
    """What a caller asked for: the endpoints, the service they are of, and the new values by field."""

    endpoints: Any
    service: Any
    changes: dict[str, Any]


def changed_state(services: Services, asked: StateChange) -> dict[int, AnyArray]:
    """The new state of every service that is touched, by its number; a service whose state stays as it is is not there.

    Raises
    ------
    ArgumentError, ServiceNotFoundError
    """
    if not asked.changes:
        raise ArgumentError("with_state: nothing is to change", hint='Such as health="unhealthy"')
    numbers = _numbers(services, asked)
    values = {name: _values(name, value, len(numbers)) for name, value in asked.changes.items()}
    if len(numbers) == 0:
        return {}
    owner = np.searchsorted(services.firsts, numbers, side="right") - 1
    touched = {}
    for number in np.unique(owner).tolist():
        here = np.flatnonzero(owner == number) if len(numbers) > 1 else slice(None)
        state = services.blocks[number].state.copy()
        local = numbers[here] - services.firsts[number]
        for name, value in values.items():
            state[name][local] = value[here] if value.ndim else value
        if not np.array_equal(state, services.blocks[number].state):
            touched[number] = state
    return touched


def _numbers(services: Services, asked: StateChange) -> Int64Array:
    endpoints, service = asked.endpoints, asked.service
    if service is not None:
        of = [services.number(name) for name in ([service] if isinstance(service, str) else list(service))]
    if endpoints is None:
        if service is None:
            return np.arange(services.endpoint_count)
        parts = [np.arange(*services.firsts[[number, number + 1]]) for number in of]
        return np.concatenate([np.empty(0, np.int64), *parts])
    if isinstance(endpoints, str):
        return np.array([services.endpoint_number(endpoints, service)])
    values, nulls = payload_column([endpoints] if np.isscalar(endpoints) else endpoints, "endpoints")
    if nulls is not None and nulls.any():
        raise ArgumentError(f"endpoints: the one at position {int(np.argmax(nulls))} is null", hint="Leave it out")
    if isinstance(values, Strings):
        found = [services.endpoint_number(identity, service) for identity in values.to_objects().tolist()]
        return np.array(found, np.int64)
    if values.dtype.kind not in "iu":
        raise ArgumentError(
            f"endpoints: identities or numbers are needed, got {values.dtype}", hint='Such as ["10.0.0.7:80"]'
        )
    if len(values) and not 0 <= values.min() <= values.max() < services.endpoint_count:
        bad = values[(values < 0) | (values >= services.endpoint_count)][0]
        there = f"There are {services.endpoint_count:,}, from 0"
        raise ArgumentError(f"endpoints: there is no endpoint number {bad}", hint=there)
    numbers: Int64Array = values.astype(np.int64)
    return numbers


def _values(name: str, value: Any, n: int) -> AnyArray:
    """The new values of one field, one for all or one each, in its dtype."""
    if name not in _CODES and name not in _AMOUNTS:
        raise ArgumentError(
            f"with_state: there is no {name!r} to change", hint=f"There are {', '.join([*_CODES, *_AMOUNTS])}", argument=name
        )
    if np.isscalar(value):
        column: Any = [value]
    else:
        column = value
    values, nulls = payload_column(column, name)
    if len(values) != n and not (column is not value and len(values) == 1):
        raise ArgumentError(f"{name}: {len(values):,} values for {n:,} endpoints", hint="Give one, or one an endpoint")
    if nulls is not None and nulls.any():
        raise ArgumentError(f"{name}: the value at position {int(np.argmax(nulls))} is null", hint="Give every endpoint one")
    found = _codes(name, values) if name in _CODES else _amounts(name, values)
    return found[0] if column is not value else found


def _codes(name: str, values: AnyArray | Strings) -> AnyArray:
    words = _CODES[name]
    if isinstance(values, Strings):
        texts = values.to_objects().tolist()
        for text in texts:
            if text not in words:
                raise ArgumentError(f"{name}: {text!r} is not one of {', '.join(words)}", hint="Give one of them")
        return np.array([words.index(text) for text in texts], np.uint8)
    if values.dtype.kind not in "iu" or (len(values) and not 0 <= values.min() <= values.max() < len(words)):
        raise ArgumentError(f"{name}: codes from 0 to {len(words) - 1} are needed", hint=f"Or one of {', '.join(words)}")
    return values.astype(np.uint8)


def _amounts(name: str, values: AnyArray | Strings) -> AnyArray:
    most = _AMOUNTS[name]
    if isinstance(values, Strings) or values.dtype.kind not in "iuf":
        raise ArgumentError(f"{name}: numbers are needed", hint=f"From 0 to {most:g}")
    numbers = values.astype(np.float64)
    bad = ~((numbers >= 0) & (numbers <= most))
    if bad.any():
        raise ArgumentError(f"{name}: {numbers[bad][0]!r} is no number from 0 to {most:g}", hint="Give a finite number")
    return numbers.astype(np.float32)
