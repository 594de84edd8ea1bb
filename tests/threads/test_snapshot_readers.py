"""Readers under a hot writer see whole versions only; publishers that are busted on purpose are caught."""

from __future__ import annotations

import pytest

from tests.sizes import READS
from tests.stamped_snapshots import BUSTED, good_publisher, run_readers


def test_readers_see_whole_versions():
    readers, swaps = run_readers(good_publisher, readers=3, reads=READS // 3, seconds=600)
    assert [reader.wrong for reader in readers] == [""] * 3
    assert sum(reader.reads for reader in readers) >= READS // 3 * 3
    assert swaps > 1000


@pytest.mark.parametrize("name", BUSTED)
def test_busted_publishers_are_caught(name):
    readers, _ = run_readers(BUSTED[name], readers=3, reads=10**12, seconds=10)
    assert any(reader.wrong for reader in readers)
