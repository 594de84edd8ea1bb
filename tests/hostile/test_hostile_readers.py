"""Whoever makes a reader by hand, or gets hold of one that was refused, meets errors, not the end of the process."""

from __future__ import annotations

import dataclasses
import gc

import numpy as np
import pytest

import valkyrie as vk
from valkyrie._native import IdTableReader
from valkyrie.errors import SnapshotFormatError

SEEN = []


class Refused(vk.IdTable):
    def __del__(self):
        SEEN.append((self.get(5), self.get_many(np.arange(9)).tolist(), len(self), 5 in self))


@pytest.mark.parametrize(
    "changes",
    [{"span": -1}, {"span": 2**70}, {"layout": "lines"}, {"pilots": np.empty((2, 2), "u1")}, {"entries": -1}, {"lines": None}],
    ids=lambda changes: "-".join(changes),
)
def test_a_reader_that_was_refused_is_empty(changes):
    parts = vk.IdTable.build([1, 2, 3])._parts
    SEEN.clear()
    with pytest.raises((SnapshotFormatError, TypeError, ValueError)):
        Refused(dataclasses.replace(parts, **changes))
    gc.collect()
    assert SEEN in ([], [(None, [-1] * 9, 0, False)])


def test_a_reader_takes_all_its_arguments_and_no_others():
    arguments = vk.IdTable.build([1, 2, 3])._parts.reader_arguments()
    assert IdTableReader(**arguments).get(2) == 1
    with pytest.raises(TypeError, match="needs 'lines'"):
        IdTableReader()
    with pytest.raises(TypeError, match="does not take"):
        IdTableReader(**arguments, more=1)
    for name in ("lines", "pilots", "arena", "fallback"):
        with pytest.raises((TypeError, ValueError)):
            IdTableReader(**(arguments | {name: None}))
    with pytest.raises(TypeError):
        IdTableReader.__new__(Refused)
