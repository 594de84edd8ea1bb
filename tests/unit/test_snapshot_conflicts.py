"""Who would undo what came between is refused."""

from __future__ import annotations

import pytest

from tests.snapshots import snapshot_of
from valkyrie.errors import VersionConflictError
from valkyrie.snapshot import SnapshotManager


def test_update_refuses_an_edit_of_an_earlier_version():
    manager = SnapshotManager(snapshot_of(routes={10: 0, 20: 1}))
    old = manager.current
    manager.update(lambda now: now.with_routes({30: 5}))
    with pytest.raises(VersionConflictError, match="an edit of version 1, but version 2 is current"):
        manager.update(lambda _: old.with_routes({40: 6}))
    assert manager.current.lookup(30) == 5
    assert manager.update(lambda now: now).version == 3
