"""Readers under a hot writer see whole versions only; publishers that are busted on purpose are caught, each by its check."""

from __future__ import annotations

import pytest

from tests.sizes import READS
from tests.stamped_snapshots import BUSTED, good_publisher, run_readers


def test_readers_see_whole_versions():
    readers, swaps, merges = run_readers(good_publisher, readers=3, reads=READS // 3, seconds=600)
    assert [reader.wrong for reader in readers] == [""] * 3
    assert sum(reader.reads for reader in readers) >= READS // 3 * 3
    assert swaps > 1000
    assert merges > 0  # what readers hold is exchanged under its version, too


@pytest.mark.parametrize("name", BUSTED)
def test_busted_publishers_are_caught(name):
    publisher, letters = BUSTED[name]
    readers, _, _ = run_readers(publisher, readers=3, reads=10**12, seconds=10)
    caught = {reader.wrong[1] for reader in readers if reader.wrong}
    assert caught
    assert caught <= set(letters)
