"""Version files that are damaged, malformed or forged: refused by name, and never taken for another version."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import valkyrie as vk
from tests.published_files import manager_of, replace, reseal, version_fields
from valkyrie.errors import (
    DigestMismatchError,
    SnapshotFormatError,
    ValkyrieError,
)
from valkyrie.snapshot import Snapshot, SnapshotManager
from valkyrie.snapshot.version_files import VersionFile


@pytest.fixture
def published(tmp_path: Path) -> Iterator[tuple[SnapshotManager, Path]]:
    manager = manager_of()
    with manager.publish_to(tmp_path, retain=3, durable=False):
        yield manager, tmp_path


def test_current_and_the_version_file_must_belong_together(published: tuple[SnapshotManager, Path]) -> None:
    manager, path = published
    manager.publish(manager.current)
    replace(path / "versions" / "2.json", (path / "versions" / "1.json").read_bytes())
    with pytest.raises(SnapshotFormatError, match="not that of its name"):
        SnapshotManager.follow(path)
    replace(path / "CURRENT", (path / "CURRENT").read_bytes().replace(b"2.json", b"1.json"))
    with pytest.raises(SnapshotFormatError, match="another version 1"):
        SnapshotManager.follow(path)


def test_content_that_was_not_promised(published: tuple[SnapshotManager, Path]) -> None:
    _, path = published
    fields = version_fields(path, 1)
    promised, fields["digest"] = fields["digest"], "0" * 32
    reseal(path, fields)
    with pytest.raises(DigestMismatchError) as caught:
        SnapshotManager.follow(path)
    assert caught.value.data == {"expected": "0" * 32, "got": promised}


HOSTILE: list[tuple[str, Any]] = [
    ("name", "../../etc/passwd"), ("name", "1-index-0123456789abcdef.vks/../x"), ("name", "1-patch-0123456789abcdef.vks"),
    ("name", ""), ("name", None), ("name", "/1-index-0123456789abcdef.vks"), ("name", "1-index-0123456789ABCDEF.vks"),
    ("group", "patch"), ("group", 1), ("bytes", -1), ("bytes", 10**30), ("bytes", True), ("bytes", 12.0), ("digest", "0"),
    ("digest", "g" * 32), ("digest", None),
]  # fmt: skip


@pytest.mark.parametrize(("field", "value"), HOSTILE)
def test_hostile_segments(published: tuple[SnapshotManager, Path], field: str, value: Any) -> None:
    _, path = published
    fields = version_fields(path, 1)
    fields["tables"][0]["segments"][0][field] = value
    reseal(path, fields)
    with pytest.raises(SnapshotFormatError, match=rf"tables\[0\]\.segments(\[0\]\.(name|{field}))?") as caught:
        SnapshotManager.follow(path)
    assert caught.value.data["field"].startswith("tables[0].segments")


MALFORMED: list[tuple[str, Any]] = [
    ("version", 2), ("version", "1"), ("version", 0), ("version", 2**63), ("version", True), ("digest", "x"), ("parent", 1),
    ("parent", "z" * 32), ("created_at", 1), ("created_at", None), ("created_at", float("nan")), ("created_at", float("inf")),
    ("tables", []), ("tables", {}), ("tables", [1]), ("format", 2), ("format", "1"), ("more", 1),
]  # fmt: skip


@pytest.mark.parametrize(("field", "value"), MALFORMED)
def test_malformed_version_files(published: tuple[SnapshotManager, Path], field: str, value: Any) -> None:
    _, path = published
    reseal(path, version_fields(path, 1) | {field: value})
    with pytest.raises(SnapshotFormatError, match=r"1\.json"):
        SnapshotManager.follow(path)


@pytest.mark.parametrize("name", ["", "a\nb", "\ud800", 7, None])
def test_names_of_tables(published: tuple[SnapshotManager, Path], name: Any) -> None:
    _, path = published
    fields = version_fields(path, 1)
    fields["tables"][0]["name"] = name
    reseal(path, fields)
    with pytest.raises(SnapshotFormatError, match=r"tables\[0\]\.name"):
        SnapshotManager.follow(path)


def test_deep_and_long_files(published: tuple[SnapshotManager, Path]) -> None:
    _, path = published
    for data in (b"[" * 100_000, b"1" * 10_000, b"", b"\xff", b'{"a": 1e999}', b"null", b" " * (17 << 20)):
        replace(path / "versions" / "1.json", data)
        with pytest.raises(SnapshotFormatError, match=r"1\.json"):
            SnapshotManager.follow(path)


json_scalars = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=40)
json_values = st.recursive(
    json_scalars | st.sampled_from(["x.vks", "0" * 32]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


def paths_of(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from paths_of(inner, (*path, key))


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("published")
    manager = SnapshotManager(Snapshot.build({"a": vk.IdTable.build([1, 2, 3]), "b": vk.IdTable.build(["x", "y"])}))
    with manager.publish_to(path, durable=False):
        manager.publish(manager.current)
    return path


@given(data=st.data())
def test_no_changed_version_file_is_taken_for_another(sample: Path, data: st.DataObject) -> None:
    good = (sample / "versions" / "2.json").read_bytes()
    at = data.draw(st.integers(0, len(good)))
    middle = data.draw(st.binary(max_size=8))
    changed = good[:at] + middle + good[at + data.draw(st.integers(0, 8)) :]
    if changed == good:
        assert VersionFile.parse(changed, "2.json").pack() == good
    else:
        with pytest.raises(SnapshotFormatError):
            VersionFile.parse(changed, "2.json")


@given(data=st.data())
def test_no_sealed_version_file_does_harm(sample: Path, tmp_path: Path, data: st.DataObject) -> None:
    """Checksums that fit do not make a version: what is taken has the content that its digest says."""
    fields = version_fields(sample, 2)
    promised = fields["digest"]
    *way, last = data.draw(st.sampled_from([path for path in paths_of(fields) if path]))
    inner = fields
    for step in way:
        inner = inner[step]
    change = data.draw(st.sampled_from(["value", "gone", "twice"]))
    if change == "value":
        inner[last] = data.draw(json_values)
    elif change == "gone":
        del inner[last]
    elif isinstance(inner, list):
        inner.append(inner[last])
    forged = tmp_path / "forged"
    forged.mkdir(exist_ok=True)
    for name in ("versions", "segments"):
        if not (forged / name).exists():
            (forged / name).symlink_to(sample / name)
    good = {name: (sample / name).read_bytes() for name in ("CURRENT", "versions/2.json")}
    (forged / "CURRENT").write_bytes(good["CURRENT"])
    try:
        reseal(forged, fields)
        with SnapshotManager.follow(forged, poll=5.0) as follower:
            taken = follower.current
    except ValkyrieError:
        return
    finally:
        replace(sample / "versions" / "2.json", good["versions/2.json"])
    assert taken.version == 2
    assert Snapshot.build(dict(taken.tables)).digest == taken.digest
    assert taken.digest == promised
    assert taken.lookup("y", table="b") == 1
