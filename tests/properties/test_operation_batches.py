"""Operations that are applied at once do what they would do one after the other, failures included."""

from __future__ import annotations

import ipaddress
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import valkyrie as vk
from valkyrie.snapshot import Insert, Modify, Remove, Replace, Snapshot
from valkyrie.snapshot.batch import Batch
from valkyrie.tables.ids import patch

NETS = [f"10.{i}.0.0/{length}" for i in (0, 2, 4) for length in (15, 16)]
KEYS: dict[str, list[Any]] = {
    "ids": [0, 1, 2, 3, 2**63 - 1, -1, True, 2**63, 1.5, None],
    "unsigned": [0, 1, 2, 2**64 - 1, -1, None],
    "names": ["a", "b", b"a", b"\xff", "\ud800", "é", 5, None],
    "networks": [*NETS, "10.0.0.1/8", "nonsense", ipaddress.ip_network("10.0.0.0/16"), None],
    "routes": [0, 1, 2, "a", None],
    "nowhere": [0, "a"],
}
ROWS = st.integers(0, 4)


def first() -> Snapshot:
    return Snapshot.build(
        {
            "ids": vk.IdTable.build([0, 1]),
            "unsigned": vk.IdTable.build(np.array([0, 1], np.uint64)),
            "names": vk.IdTable.build(["a", "b"]),
            "networks": vk.PrefixTable.build(NETS[1:3], kind="ip"),
            "routes": vk.RouteTable.build({"id": [0, 1], "value": [1.5, 2.5]}),
        }
    )


@st.composite
def operations(draw: st.DrawFn) -> Any:
    table = draw(st.sampled_from(list(KEYS)))
    kind = draw(st.sampled_from([Insert, Modify, Replace, Remove]))
    # Mostly keys that a table can hold: then it is what they do to one another that decides.
    some = KEYS[table][: draw(st.sampled_from([3, 3, 3, 99]))]
    keys: Any = draw(st.lists(st.sampled_from(some), min_size=1, max_size=3))
    as_array = draw(st.integers(0, 3)) == 0 and all(type(key) is int and 0 <= key < 2**63 for key in keys)
    if as_array:
        keys = np.array(keys)
    named = draw(st.sampled_from([table, table, None]))
    lengths = draw(st.sampled_from([None] * 9 + [[16] * len(keys)]))
    if kind is Remove:
        return Remove(keys, named, lengths)
    return kind(keys, [draw(ROWS) for _ in keys], named, lengths)


@pytest.fixture(params=["patched", "built again"], autouse=True)
def way_of_editing(request, monkeypatch):
    if request.param == "patched":
        monkeypatch.setattr(patch, "FLAT_UP_TO", 0)


@given(st.lists(operations(), max_size=25))
def test_at_once_is_as_one_after_the_other(scheduled):
    alone, errors, applied = first(), [], 0
    for operation in scheduled:
        single = Batch(alone, [operation])
        alone = single.snapshot
        errors += single.errors
        applied += single.applied
    batch = Batch(first(), scheduled)
    assert batch.snapshot.digest == alone.digest
    assert [(type(each), str(each), each.__notes__) for each in batch.errors] == [
        (type(each), str(each), each.__notes__) for each in errors
    ]
    assert batch.applied == applied == len(scheduled) - len(errors)
    assert batch.edits <= applied
    for table in batch.snapshot.tables.values():
        getattr(table, "index", table).check()
