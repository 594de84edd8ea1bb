"""What the tests of published directories share: managers, waiting for followers, and files changed by hand."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import xxhash

import valkyrie as vk
from valkyrie.snapshot import Snapshot, SnapshotManager
from valkyrie.snapshot.version_files import CurrentLine

__all__ = ["ROWS", "SECONDS", "manager_of", "replace", "reseal", "segments", "until", "version_fields"]

ROWS = 20_000  # more than are built anew at every change
SECONDS = 20.0
"""Within which a follower must have done what it does in a few hundredths of one."""


def manager_of(rows: int = ROWS) -> SnapshotManager:
    return SnapshotManager(Snapshot.build(vk.IdTable.build(np.arange(rows) * 7)), merge_above=None)


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.002)


def segments(directory: Path) -> set[str]:
    return set(os.listdir(directory / "segments"))


def replace(path: Path, data: bytes) -> None:
    """Put another file in the place of one that may be mapped."""
    other = path.with_name("other")
    other.write_bytes(data)
    other.replace(path)


def reseal(directory: Path, fields: dict[str, Any]) -> None:
    """Write a version file with right checksums, its own and that in CURRENT, whatever it says."""
    fields = {name: value for name, value in fields.items() if name != "checksum"}
    checksum = xxhash.xxh3_128_hexdigest(json.dumps(fields, indent=1).encode() + b"\n")
    number = directory.joinpath("CURRENT").read_bytes().split(b".")[0].decode()
    replace(directory / "versions" / f"{number}.json", json.dumps(fields | {"checksum": checksum}, indent=1).encode() + b"\n")
    replace(directory / "CURRENT", CurrentLine(int(number), checksum).pack())


def version_fields(directory: Path, version: int) -> dict[str, Any]:
    fields: dict[str, Any] = json.loads((directory / "versions" / f"{version}.json").read_bytes())
    return fields
