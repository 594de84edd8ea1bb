"""Policies that pick one member of a set by arrays: pure functions that know no service, no snapshot and no clock."""

from valkyrie.picks.key_hashes import identity_hashes, key_hashes
from valkyrie.picks.members import MAX_MEMBERS, Members
from valkyrie.picks.policy import KeyHash, PickTable, Policy, Scope, pick_rows, plans_of

__all__ = [
    "MAX_MEMBERS",
    "KeyHash",
    "Members",
    "PickTable",
    "Policy",
    "Scope",
    "identity_hashes",
    "key_hashes",
    "pick_rows",
    "plans_of",
]
