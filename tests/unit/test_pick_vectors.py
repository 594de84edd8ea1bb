"""Frozen picks: the policies still pick what they picked when the vectors were written."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.pick_vectors import GROUPS, IDENTITIES, KETAMA, KEYS, PICKS, TOP_3, WEIGHTS, XXH64
from valkyrie._native import cpu_levels, kernel
from valkyrie.arrays import key_column
from valkyrie.picks import (
    Jump,
    Maglev,
    Members,
    PickTable,
    Rendezvous,
    Ring,
    Split,
    Sticky,
    key_hashes,
    pick_rows,
    plans_of,
    topk_many,
)
from valkyrie.records import PICK_GROUP

EQUAL = Members.of(IDENTITIES)
WEIGHTED = Members.of(IDENTITIES, WEIGHTS)
PRESENT = [0, 2, 3, 5, 6]
PART = Members.of([IDENTITIES[i] for i in PRESENT], None, PRESENT, declared=PRESENT, positions=7)

TABLES: dict[str, Callable[[], PickTable]] = {
    "maglev": lambda: Maglev(1009).compile(EQUAL),
    "maglev, weighted, seed 7": lambda: Maglev(1009, seed=7).compile(WEIGHTED),
    "ketama": lambda: Ring().compile(EQUAL),
    "ketama, weighted": lambda: Ring().compile(WEIGHTED),
    "ring, xxh64, weighted, seed 7": lambda: Ring("xxh64", seed=7).compile(WEIGHTED),
    "rendezvous": lambda: Rendezvous().compile(EQUAL),
    "rendezvous, weighted, seed 7": lambda: Rendezvous(seed=7).compile(WEIGHTED),
    "jump": lambda: Jump().compile(EQUAL),
    "jump, 1 and 4 out, seed 7": lambda: Jump(seed=7).compile(PART),
    "sticky, weighted": lambda: Sticky(64).compile(WEIGHTED),
}


def hashes_of(seed: int, kind: Any = "xxh64") -> list[int]:
    """Of the keys, each kind of them by itself."""
    parts = [[key for key in KEYS if isinstance(key, kind_of)] for kind_of in (int, str, uuid.UUID)]
    hashed: dict[Any, int] = {}
    for part in parts:
        hashed |= dict(zip(part, key_hashes(key_column(part), seed, kind=kind).tolist(), strict=True))
    return [hashed[key] for key in KEYS]


@pytest.mark.parametrize("seed", XXH64)
def test_hashes_of_keys_are_frozen(seed: int) -> None:
    assert hashes_of(seed) == XXH64[seed]


def test_ketama_hashes_are_frozen() -> None:
    assert hashes_of(0, "md5") == [h << 32 for h in KETAMA]


@pytest.mark.parametrize("name", PICKS)
def test_picks_are_frozen(name: str) -> None:
    table = TABLES[name]()
    hashes = np.array([h << 32 for h in KETAMA] if table.hash == "md5" else XXH64[table.seed], np.uint64)
    assert table.pick_hashes(hashes).tolist() == PICKS[name]
    for level in cpu_levels():
        endpoint, status = np.zeros(len(KEYS), np.int32), np.zeros(len(KEYS), np.uint8)
        kernel("picking", level).pick(plans_of([table]).view(np.uint8), np.zeros(len(KEYS), np.int32), hashes, endpoint, status)
        assert endpoint.tolist() == PICKS[name], level


def test_all_frozen_picks_are_tested() -> None:
    assert set(TABLES) == set(PICKS)


def test_splits_are_frozen_as_rendezvous() -> None:
    hashes = np.array(XXH64[7], np.uint64)
    assert Split(seed=7).compile(WEIGHTED).pick_hashes(hashes).tolist() == PICKS["rendezvous, weighted, seed 7"]


def test_replicas_are_frozen() -> None:
    assert topk_many(np.array(XXH64[0][:10], np.uint64), WEIGHTED, 3).tolist() == TOP_3


def test_groups_are_frozen() -> None:
    groups = np.zeros(3, PICK_GROUP)
    groups["threshold"], groups["plan"] = [2**62, 2**63, 2**64 - 1], [1, 2, 3]
    tables = [PickTable("groups", 12, 0, 3, groups), *[PickTable("answer")] * 3]
    endpoint, _ = pick_rows(plans_of(tables, first=[0, 0, 1, 2]), np.zeros(12, np.int32), np.array(XXH64[0][:12], np.uint64))
    assert endpoint.tolist() == GROUPS
