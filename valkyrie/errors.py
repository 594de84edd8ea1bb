"""Every exception Valkyrie raises: one root, builtin parents, and data a program can act on.

``ValkyrieError`` carries ``code`` (a stable identifier), ``hint`` (what to do about it) and ``data`` (the offending
values). Each class also derives from the builtin that a Python user would catch: ``ValueError``, ``TypeError``, ``KeyError``...
"""

from __future__ import annotations

from typing import Any, ClassVar

__all__ = [
    "AmbiguousKeyError",
    "ArgumentError",
    "CapacityError",
    "DigestMismatchError",
    "DirectoryHeldError",
    "DuplicateKeyError",
    "KeyNotFoundError",
    "KeyTypeError",
    "ManagerBusyError",
    "ManagerClosedError",
    "MissingExtraError",
    "NestedCallError",
    "NoEndpointError",
    "PolicyScopeError",
    "ProcessBoundError",
    "QueueFullError",
    "ScenarioError",
    "ServiceNotFoundError",
    "SnapshotFormatError",
    "SourceError",
    "UnknownColumnError",
    "UnknownNodeError",
    "UnknownPolicyError",
    "ValkyrieError",
    "VersionConflictError",
    "VersionEvictedError",
]


class ValkyrieError(Exception):
    """Root of all errors raised by Valkyrie.

    Parameters
    ----------
    message : str
        What is wrong, naming the argument and what was got.
    hint : str, optional
        What to do about it; appended to the message.
    **data
        Offending values, positions, names: for programs, not for people.
    """

    code: ClassVar[str] = "error"

    def __init__(self, message: str, *, hint: str = "", **data: Any) -> None:
        super().__init__(f"{message}. {hint}" if hint else message)
        self.message = message
        self.hint = hint
        self.data = data

    def __str__(self) -> str:
        return str(self.args[0])


class ArgumentError(ValkyrieError, ValueError):
    """An argument has a value that cannot be used."""

    code = "argument"


class KeyTypeError(ValkyrieError, TypeError):
    """Keys are of a kind that the table does not hold, or that no table can hold (floats, dates, booleans)."""

    code = "key_type"


class AmbiguousKeyError(ValkyrieError, TypeError):
    """Tables of several kinds could take the keys: name one with ``table=``."""

    code = "ambiguous_key"


class DuplicateKeyError(ValkyrieError, ValueError):
    """A key occurs twice; ``data['keys']`` and ``data['positions']`` name the first few."""

    code = "duplicate_key"


class KeyNotFoundError(ValkyrieError, KeyError):
    """``table[key]`` for a key that the table does not hold."""

    code = "key_not_found"


class UnknownColumnError(ValkyrieError, KeyError):
    """A payload column that the table does not have; the hint names the nearest."""

    code = "unknown_column"


class UnknownNodeError(ValkyrieError, KeyError):
    """A node or region that the topology does not have; the hint names the nearest."""

    code = "unknown_node"


class CapacityError(ValkyrieError, OverflowError):
    """More rows than a table can hold (2**31 - 1)."""

    code = "capacity"


class SnapshotFormatError(ValkyrieError, ValueError):
    """A ``.vks`` file is truncated, corrupt, hostile or from a later version; ``data['offset']`` says where."""

    code = "snapshot_format"


class SourceError(ValkyrieError, OSError):
    """A file of keys or payload that cannot be read or written, or has nothing in it."""

    code = "source"


class DigestMismatchError(ValkyrieError, ValueError):
    """A snapshot is not the one that was promised; ``data`` holds the digests ``expected`` and ``got``."""

    code = "digest_mismatch"


class VersionConflictError(ValkyrieError, RuntimeError):
    """A snapshot was made from a version that is no longer current; ``data`` holds ``expected`` and ``current``."""

    code = "version_conflict"


class VersionEvictedError(ValkyrieError, LookupError):
    """A version that the history holds no longer, or never did; ``data['retained']`` lists those it holds."""

    code = "version_evicted"


class QueueFullError(ValkyrieError, TimeoutError):
    """Changes come faster than they are published, and the time to wait for room is over."""

    code = "queue_full"


class ManagerClosedError(ValkyrieError, RuntimeError):
    """A manager of snapshots that was closed, or only follows another, takes no changes."""

    code = "manager_closed"


class ManagerBusyError(ValkyrieError, TimeoutError):
    """Another thread was publishing for as long as the caller would wait."""

    code = "manager_busy"


class NestedCallError(ValkyrieError, RuntimeError):
    """A call that would wait for the thread that makes it, since that thread is publishing."""

    code = "nested_call"


class DirectoryHeldError(ValkyrieError, RuntimeError):
    """Another manager publishes to the directory, or could, since its lock is gone; ``data['holder']`` says which process."""

    code = "directory_held"


class ProcessBoundError(ValkyrieError, TypeError):
    """An object with threads and locks of this process, which cannot be pickled or copied."""

    code = "process_bound"


class ScenarioError(ValkyrieError, RuntimeError):
    """A scenario of `what_if` failed; ``data['scenario']`` names it, the cause says why."""

    code = "scenario"


class ServiceNotFoundError(ValkyrieError, KeyError):
    """There is no service, or endpoint of it, of the name; the hint names the nearest."""

    code = "service_not_found"


class UnknownPolicyError(ValkyrieError, ValueError):
    """There is no policy of the name; the hint names the nearest."""

    code = "unknown_policy"


class PolicyScopeError(ValkyrieError, TypeError):
    """A policy is asked for what it cannot know: one that looks at a whole batch, for one key."""

    code = "policy_scope"


class NoEndpointError(ValkyrieError, LookupError):
    """No endpoint of a service may take a request; ``data['status']`` says why."""

    code = "no_endpoint"


class MissingExtraError(ValkyrieError, ImportError):
    """An optional dependency is needed; the hint is the install line."""

    code = "missing_extra"
