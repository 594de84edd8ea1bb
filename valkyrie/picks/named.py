"""Policies by name and as text: how a service says which it has, and how a file keeps it."""

from __future__ import annotations

import difflib
import json
from dataclasses import fields
from typing import Any

from valkyrie.errors import ArgumentError, UnknownPolicyError
from valkyrie.picks.policy import Policy

__all__ = ["as_policy", "policy_names", "policy_of_text", "policy_text"]


def policy_names() -> tuple[str, ...]:
    """Names of all policies there are, a caller's own included."""
    return tuple(sorted(_policies()))


def as_policy(policy: Any) -> Policy:
    """A policy from its name, or itself.

    Raises
    ------
    UnknownPolicyError
        There is none of the name; the hint names the nearest.
    ArgumentError
        It is neither text nor a policy.
    """
    if isinstance(policy, Policy):
        return policy
    if not isinstance(policy, str):
        raise ArgumentError(
            f"policy: {policy!r} is no policy"[:200], hint='A name such as "maglev", or an instance such as Maglev(seed=3)'
        )
    known = _policies()
    if policy not in known:
        near = difflib.get_close_matches(policy, known, 3, 0.5)
        listed = " or ".join(map(repr, near)) if near else ", ".join(sorted(known))
        raise UnknownPolicyError(
            f"policy: there is no policy {policy!r}", hint=f"Did you mean {listed}?" if near else f"There are {listed}"
        )
    try:
        return known[policy]()
    except TypeError as error:
        raise ArgumentError(f"policy: {policy!r} has settings without default: {error}", hint="Give an instance") from error


def policy_text(policy: Policy) -> str:
    """A policy as JSON: its name and its settings."""
    settings = {field.name: getattr(policy, field.name) for field in fields(policy)}
    try:
        return json.dumps({"name": policy.name, **settings}, sort_keys=True, separators=(",", ":"))
    except (TypeError, ValueError) as error:
        raise ArgumentError(
            f"policy: the settings of {policy.name!r} cannot be stored: {error}", hint="Use numbers, text and lists of them"
        ) from error


def policy_of_text(text: str) -> Policy:
    """The policy that `policy_text` wrote.

    Raises
    ------
    UnknownPolicyError
        No policy of the name is known here: a caller's own must be imported first.
    ValueError, TypeError
        It is no text of a policy.
    """
    settings = json.loads(text)
    name = settings.pop("name")
    if name not in _policies():
        as_policy(name)
    return _policies()[name](**settings)


def _policies() -> dict[str, type[Policy]]:
    found: dict[str, type[Policy]] = {}
    left = list(Policy.__subclasses__())
    while left:
        one = left.pop()
        left += one.__subclasses__()
        if isinstance(getattr(one, "name", None), str):
            found.setdefault(one.name, one)
    return found
