"""Who may be picked: the members of one set, as arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from valkyrie._native import freeze
from valkyrie.errors import ArgumentError, CapacityError
from valkyrie.records import NO_SLOT
from valkyrie.typing import Float64Array, Int32Array, UInt16Array

__all__ = ["MAX_MEMBERS", "Members"]

MAX_MEMBERS = NO_SLOT
"""Locals are uint16, and one of them means nobody."""


@dataclass(frozen=True, slots=True, eq=False)
class Members:
    """The members of a set that may be picked, sorted by identity; made by `of`.

    Attributes
    ----------
    identities : tuple of bytes
        What a policy hashes of each: the text ``address:port``, or its hash key. Unique, in ascending order of bytes, so that
        nothing depends on the order of registration.
    weights : ndarray of float64, shape (n,)
        Finite and above 0.
    local : ndarray of uint16, shape (n,)
        What a pick answers: the position of the member in its service.
    declared : ndarray of int32, shape (n,)
        Its position in the order of declaration: what jump hashes to, and how ketama settles who has a point that two
        members share.
    positions : int
        How many positions were declared, members who may not be picked now included. At least ``max(declared) + 1``.

    Notes
    -----
    Immutable, so safe to read from any thread.
    """

    identities: tuple[bytes, ...]
    weights: Float64Array
    local: UInt16Array
    declared: Int32Array
    positions: int

    @classmethod
    def of(
        cls,
        identities: Sequence[bytes | str],
        weights: Any = None,
        local: Any = None,
        *,
        declared: Any = None,
        positions: int | None = None,
    ) -> Members:
        """Check and sort the members of a set; none at all is a set too.

        Parameters
        ----------
        identities : sequence of bytes or str, length n
            str counts as UTF-8.
        weights : array-like of float, shape (n,), optional
            Finite and above 0 (leave out who has weight 0). By default all 1.
        local : array-like of int, shape (n,), optional
            From 0 to 65,534. By default the order given.
        declared : array-like of int, shape (n,), optional
            From 0, unique. By default the order given.
        positions : int, optional
            By default one more than the greatest of `declared`.

        Raises
        ------
        ArgumentError
            An identity comes twice; a weight is NaN, infinite, zero or negative; lengths differ; a position is out of range.
        CapacityError
            More than 65,535 members.
        """
        names = [_identity(name) for name in identities]
        n = len(names)
        if n > MAX_MEMBERS:
            raise CapacityError(
                f"identities: {n:,} members, a set holds {MAX_MEMBERS:,}", hint="Split the service into several", members=n
            )
        order = sorted(range(n), key=names.__getitem__)
        ranked = tuple(names[i] for i in order)
        twice = next((a for a, b in pairwise(ranked) if a == b), None)
        if twice is not None:
            raise ArgumentError(
                f"identities: {_shown(twice)} comes twice",
                hint="Give each member an address:port or a hash key of its own",
                argument="identities",
                value=twice,
            )
        places = np.array(order, np.intp)
        rank_of = _integers("declared", declared, n, 2**31 - 1)
        if len(np.unique(rank_of)) != n:
            raise ArgumentError("declared: a position comes twice", hint="Give each member its own", argument="declared")
        needed = int(rank_of.max()) + 1 if n else 0
        if positions is not None and not needed <= positions < 2**31:
            raise ArgumentError(
                f"positions: {positions} positions cannot hold {needed}",
                hint="Count every member that was declared, whether or not it may be picked",
                argument="positions",
                value=positions,
            )
        return cls(
            ranked,
            freeze(_weights(weights, names)[places]),
            freeze(_integers("local", local, n, MAX_MEMBERS)[places].astype(np.uint16)),
            freeze(rank_of[places].astype(np.int32)),
            needed if positions is None else positions,
        )

    def __len__(self) -> int:
        return len(self.identities)

    @property
    def is_weighted(self) -> bool:
        """Whether weights differ."""
        return len(self) > 0 and bool((self.weights != self.weights[0]).any())

    @property
    def proportions(self) -> Float64Array:
        """Weights after all were scaled by the power of two that brings the greatest to between 1/2 and 1, at least 2**-900.

        So sums and inverses of them are finite, and yet no digit of a weight changes; one of less than 2**-900 of the
        greatest, which no key is ever picked by, counts as so much.
        """
        _, exponent = np.frexp(self.weights.max(initial=0.0))
        return np.asarray(np.maximum(np.ldexp(self.weights, -int(exponent)), 2.0**-900), np.float64)


def _identity(name: bytes | str) -> bytes:
    if isinstance(name, str):
        return name.encode("utf-8", "surrogatepass")
    if isinstance(name, bytes):
        return name
    raise ArgumentError(
        f"identities: text or bytes are needed, got a {type(name).__name__}",
        hint="Give address:port, or a hash key",
        argument="identities",
    )


def _weights(weights: Any, names: list[bytes]) -> Float64Array:
    if weights is None:
        return np.ones(len(names))
    values = np.asarray(weights, np.float64)
    if values.shape != (len(names),):
        raise _wrong_length("weights", values.shape, len(names))
    bad = np.flatnonzero(~(np.isfinite(values) & (values > 0)))
    if bad.size:
        i = int(bad[0])
        raise ArgumentError(
            f"weights: that of {_shown(names[i])} is {values[i]}",
            hint="A weight is a finite number above 0; leave out a member of weight 0",
            argument="weights",
            position=i,
        )
    return values


def _integers(argument: str, values: Any, n: int, stop: int) -> np.ndarray:
    if values is None:
        return np.arange(n)
    given = np.asarray(values)
    if given.shape != (n,):
        raise _wrong_length(argument, given.shape, n)
    if given.dtype.kind not in "iu" and n:
        raise ArgumentError(f"{argument}: integers are needed, got {given.dtype}", hint="Convert to int32", argument=argument)
    if n and not (given.min() >= 0 and given.max() < stop):
        raise ArgumentError(f"{argument}: from {given.min()} to {given.max()}", hint=f"Use 0 to {stop - 1:,}", argument=argument)
    return given.astype(np.int64)


def _wrong_length(argument: str, shape: tuple[int, ...], n: int) -> ArgumentError:
    return ArgumentError(
        f"{argument}: one for each of {n} members is needed, got shape {shape}",
        hint="Give an array of one dimension, as long as identities",
        argument=argument,
    )


def _shown(name: bytes) -> str:
    return repr(name.decode("utf-8", "backslashreplace"))
