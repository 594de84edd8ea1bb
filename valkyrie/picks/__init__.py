"""Policies that pick one member of a set by arrays: pure functions that know no service, no snapshot and no clock."""

from valkyrie.picks.jump import Jump, jump_many
from valkyrie.picks.key_hashes import identity_hashes, key_hashes
from valkyrie.picks.maglev import Maglev
from valkyrie.picks.members import MAX_MEMBERS, Members
from valkyrie.picks.named import as_policy, policy_names, policy_of_text, policy_text
from valkyrie.picks.policy import KeyHash, PickTable, Policy, Scope, pick_rows, plans_of
from valkyrie.picks.rendezvous import Rendezvous
from valkyrie.picks.ring import Ring
from valkyrie.picks.split import Split
from valkyrie.picks.sticky import Sticky
from valkyrie.picks.top_k import topk_many

__all__ = [
    "MAX_MEMBERS",
    "Jump",
    "KeyHash",
    "Maglev",
    "Members",
    "PickTable",
    "Policy",
    "Rendezvous",
    "Ring",
    "Scope",
    "Split",
    "Sticky",
    "as_policy",
    "identity_hashes",
    "jump_many",
    "key_hashes",
    "pick_rows",
    "plans_of",
    "policy_names",
    "policy_of_text",
    "policy_text",
    "topk_many",
]
