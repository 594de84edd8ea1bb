"""What policies are, and what they are compiled to."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Literal, TypeAlias

import numpy as np

from valkyrie._native import picking
from valkyrie.errors import ArgumentError
from valkyrie.picks.members import Members
from valkyrie.records import PICK_HASHES, PICK_METHODS, PICK_PLAN, STATUS
from valkyrie.typing import AnyArray, Int32Array, UInt8Array, UInt64Array

__all__ = ["KeyHash", "PickTable", "Policy", "Scope", "pick_rows", "plans_of"]

Scope: TypeAlias = Literal["keyed", "positional", "global"]
"""What a pick depends on: the key; the key's place in the batch and given columns; the whole batch."""

KeyHash: TypeAlias = Literal["xxh64", "md5"]
"""What the keys of a policy are hashed with."""


@dataclass(frozen=True, kw_only=True)
class Policy(ABC):
    """How one member of a set is picked.

    Parameters
    ----------
    seed : int, keyword only
        Of the hash, from 0 to 2**64 - 1. Policies of different seeds pick independently.

    Attributes
    ----------
    name : str
    scope : {"keyed", "positional", "global"}
    movement : str
        What moves when a member leaves, joins or changes its weight.

    Notes
    -----
    A policy is a value: two of equal parameters are equal, and compile equal members to equal tables, on any machine.
    """

    seed: int = 0
    name: ClassVar[str]
    scope: ClassVar[Scope]
    movement: ClassVar[str]

    def __post_init__(self) -> None:
        if isinstance(self.seed, bool) or not isinstance(self.seed, int) or not 0 <= self.seed < 2**64:
            raise ArgumentError(
                f"seed: {self.seed!r} is no seed", hint="Use a whole number from 0 to 2**64 - 1", argument="seed", value=self.seed
            )

    @abstractmethod
    def compile(self, members: Members) -> PickTable:
        """Make the table that picks among members; of no members one that picks nobody.

        Raises
        ------
        ArgumentError
            The policy cannot serve these members; the message says why.
        """


@dataclass(frozen=True, slots=True, eq=False)
class PickTable:
    """A policy compiled for the members of one set: what `plans_of` makes plans from.

    Attributes
    ----------
    method : str
        One of `records.PICK_METHODS`.
    seed : int
    count : int
        Members.
    size : int
        Slots, points or positions.
    slots, aux, index : ndarray, optional
        What the addresses of a plan lead to, see `records.PICK_PLAN`. C-contiguous, and never written to again.
    hash : {"xxh64", "md5"}
        What keys are hashed with.
    shift : int
    is_weighted : bool

    Notes
    -----
    Immutable. A plan holds addresses of its arrays and does not keep them alive: who makes plans keeps the table.
    """

    method: str
    seed: int = 0
    count: int = 0
    size: int = 0
    slots: AnyArray | None = field(default=None, repr=False)
    aux: AnyArray | None = field(default=None, repr=False)
    index: AnyArray | None = field(default=None, repr=False)
    hash: KeyHash = "xxh64"
    shift: int = 0
    is_weighted: bool = False

    @property
    def nbytes(self) -> int:
        """Bytes of its arrays."""
        return sum(array.nbytes for array in (self.slots, self.aux, self.index) if array is not None)

    def pick_hashes(self, hashes: UInt64Array) -> Int32Array:
        """The local of the member picked for each hash (`key_hashes` with the table's seed and hash), -1 if there are none.

        Parameters
        ----------
        hashes : ndarray of uint64, shape (n,)

        Returns
        -------
        ndarray of int32, shape (n,)
        """
        endpoint, _ = pick_rows(plans_of([self]), np.zeros(len(hashes), np.int32), hashes)
        return endpoint


def plans_of(tables: Sequence[PickTable], *, first: Sequence[int] | Int32Array | None = None) -> AnyArray:
    """Plans of tables, in their order.

    Parameters
    ----------
    tables : sequence of PickTable
        To be kept alive for as long as the plans are used: they hold addresses.
    first : array-like of int, optional
        What is added to the locals of each table, 0 by default.

    Returns
    -------
    ndarray of PICK_PLAN, shape (len(tables),)
        Of status "ok", or "unhealthy" where there are no members. The caller may write other codes into ``status``.
    """
    plans = np.zeros(len(tables), PICK_PLAN)
    if first is not None:
        plans["first"] = first
    for i, table in enumerate(tables):
        plan = plans[i]
        for name in ("slots", "aux", "index"):
            array = getattr(table, name)
            plan[name] = 0 if array is None else array.ctypes.data
        plan["size"], plan["seed"], plan["count"] = table.size, table.seed, table.count
        plan["method"], plan["hash"] = PICK_METHODS.index(table.method), PICK_HASHES.index(table.hash)
        plan["shift"], plan["weighted"] = table.shift, table.is_weighted
        plan["status"] = STATUS.index("unhealthy" if table.method == "none" else "ok")
    return plans


def pick_rows(plans: AnyArray, plan_of_row: Int32Array, hashes: UInt64Array) -> tuple[Int32Array, UInt8Array]:
    """Pick for rows of many sets at once.

    Parameters
    ----------
    plans : ndarray of PICK_PLAN, shape (m,)
    plan_of_row : ndarray of int32, shape (n,)
        Position of each row's plan; where it is none, the row's endpoint is -1 and its status "error".
    hashes : ndarray of uint64, shape (n,)
        Of the rows' keys, each by the hash and seed of its plan.

    Returns
    -------
    endpoint : ndarray of int32, shape (n,)
        ``first`` of the plan and the local of the member; -1 where nobody can be picked.
    status : ndarray of uint8, shape (n,)
        Codes in `records.STATUS`.

    Notes
    -----
    Releases the GIL. Rows are independent: pieces of a batch, on any number of threads, have the answers of the whole.
    """
    endpoint, status = np.empty(len(plan_of_row), np.int32), np.empty(len(plan_of_row), np.uint8)
    picking.pick(plans.view(np.uint8), plan_of_row, hashes, endpoint, status)
    return endpoint, status
