"""Errors say what is wrong, where, and what to do; writing refuses what reading could not give back."""

from __future__ import annotations

import errno
import mmap
import os
import pickle
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.hostile.vks_mutator import reseal
from valkyrie import vks
from valkyrie.errors import ArgumentError, SnapshotFormatError, SourceError
from valkyrie.vks.disk import Disk


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "table.vks"
    vks.write(
        path, [vks.Section("payload", "x", np.arange(40)), vks.Section("payload", "y", np.arange(3))], content="sample"
    )
    return path


def refused(path: Path, **options: Any) -> SnapshotFormatError:
    with pytest.raises(SnapshotFormatError) as caught:
        vks.read(path, **options)
    assert caught.value.hint
    assert caught.value.data["path"] == str(path)
    assert repr(str(path)) in str(caught.value)
    return caught.value


def patched(path: Path, at: int, layout: str, *values: int, sealed: bool = True) -> Path:
    data = bytearray(path.read_bytes())
    struct.pack_into(layout, data, at, *values)
    if sealed:
        reseal(data)
    path.write_bytes(data)
    return path


def test_an_empty_file(tmp_path: Path) -> None:
    path = tmp_path / "empty.vks"
    path.touch()
    assert "empty" in str(refused(path))


@pytest.mark.parametrize("data", [b"a,b\n1,2\n", b"P", b"PAR1" + bytes(200), bytes(64)])
def test_a_file_of_another_kind(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "other.csv"
    path.write_bytes(data)
    assert "not a .vks file" in str(refused(path))


def test_a_directory_and_a_pipe(tmp_path: Path) -> None:
    assert "a directory" in str(refused(tmp_path))
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    assert "pipe" in str(refused(pipe))


def test_a_missing_file_is_also_the_builtin_error(tmp_path: Path) -> None:
    path = tmp_path / "none.vks"
    with pytest.raises(FileNotFoundError) as caught:
        vks.read(path)
    assert isinstance(caught.value, SourceError)
    assert caught.value.code == "source"
    assert (caught.value.errno, caught.value.filename) == (errno.ENOENT, str(path))
    assert caught.value.data["path"] == str(path)
    assert "Check the spelling" in str(caught.value)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


class FailingDisk(Disk):
    def __init__(self, call: str, failure: Exception) -> None:
        def fail(*_: object) -> None:
            raise failure

        setattr(self, call, fail)


def test_a_file_that_may_not_be_read_is_also_the_builtin_error(path: Path) -> None:
    disk = FailingDisk("open", PermissionError(errno.EACCES, os.strerror(errno.EACCES)))
    with pytest.raises(PermissionError) as caught:
        vks.read(path, disk=disk)
    assert isinstance(caught.value, SourceError)
    assert caught.value.errno == errno.EACCES
    assert "permissions" in str(caught.value)


@pytest.mark.parametrize("call", ["fstat", "pread", "map"])
def test_a_disk_that_fails_while_reading(path: Path, call: str) -> None:
    with pytest.raises(SourceError, match="system log") as caught:
        vks.read(path, disk=FailingDisk(call, OSError(errno.EIO, os.strerror(errno.EIO))))
    assert caught.value.errno == errno.EIO


def test_a_file_that_shrinks_while_it_is_read(path: Path) -> None:
    class Shrinking(Disk):
        def preadv(self, fd: int, buffer: memoryview, offset: int) -> int:
            return super().preadv(fd, buffer[:100], offset) if offset < 200 else 0

        def map(self, fd: int, n_bytes: int) -> mmap.mmap:
            return super().map(fd, n_bytes + 2**20)

    assert "shorter" in str(refused(path, mode="copy", disk=Shrinking()))
    assert "shorter" in str(refused(path, mode="mmap", disk=Shrinking()))


def test_short_reads_are_completed(path: Path) -> None:
    class Reluctant(Disk):
        def pread(self, fd: int, n_bytes: int, offset: int) -> bytes:
            return super().pread(fd, min(n_bytes, 7), offset)

        def preadv(self, fd: int, buffer: memoryview, offset: int) -> int:
            return super().preadv(fd, buffer[:5], offset)

    assert vks.read(path, mode="copy", verify="full", disk=Reluctant()).get("x").tolist() == list(range(40))


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data.replace(b"\r\n", b"\n"),
        lambda data: data.replace(b"\n", b"\r\n"),
        lambda data: data.decode("latin-1").encode("utf-8"),
        lambda data: data.decode("utf-8", "replace").encode(),
        lambda data: bytes(byte & 0x7F for byte in data),
    ],
)
def test_text_mode_damage_is_named(path: Path, damage: Any) -> None:
    path.write_bytes(damage(path.read_bytes()))
    error = refused(path, verify="none")
    assert "text mode" in str(error)
    assert "binary" in error.hint


def test_a_later_version_asks_for_an_upgrade(path: Path) -> None:
    error = refused(patched(path, 8, "<H", 2))
    assert "version 2" in str(error)
    assert "Upgrade" in error.hint
    assert error.data["offset"] == 8


def test_version_zero_and_foreign_byte_order(path: Path) -> None:
    assert "does not exist" in str(refused(patched(path, 8, "<H", 0)))
    assert "big-endian" in str(refused(patched(path, 10, ">H", 0x1234)))
    assert "neither" in str(refused(patched(path, 10, ">H", 7)))


def test_truncated_and_lengthened(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[:-1])
    error = refused(path, verify="none")
    assert f"truncated: {len(data) - 1} of {len(data)} bytes" in str(error)
    assert error.data["offset"] == len(data) - 1
    path.write_bytes(data + b"\n")
    assert "1 bytes follow the end" in str(refused(path, verify="none"))


def test_head_and_tail_of_different_files(path: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.vks"
    vks.write(
        other, [vks.Section("payload", "x", np.arange(40)), vks.Section("payload", "z", np.arange(3))], content="sample"
    )
    path.write_bytes(path.read_bytes()[:256] + other.read_bytes()[256:])
    assert "do not belong together" in str(refused(path, verify="none"))


def test_where_damage_is_seen_depends_on_verify(path: Path) -> None:
    offset = vks.read(path).directory[0].offset
    patched(path, offset + 8, "<q", 99, sealed=False)
    assert vks.read(path, verify="header").get("x")[1] == 99
    error = refused(path, verify="full")
    assert "section 'x' is damaged" in str(error)
    assert error.data["offset"] == offset
    patched(path, 64 + 32, "<Q", 1, sealed=False)
    assert vks.read(path, verify="none").get("x")[1] == 99
    assert "digest" in str(refused(path, verify="header"))


def test_padding_must_be_zero(path: Path) -> None:
    end = vks.read(path).directory[1].stop
    patched(path, end, "<B", 1)
    assert "padding" in str(refused(path, verify="full"))


@pytest.mark.parametrize(
    ("at", "layout", "value", "message"),
    [
        (12, "<I", 65_537, "sections"),
        (12, "<I", 3, "does not fit"),
        (16, "<Q", 2**63, "header length"),
        (16, "<Q", 200, "header length"),
        (32, "<B", 0x0A, "content"),
        (64, "<B", 0, "kind"),
        (64 + 16, "<Q", 0, "start at"),
        (64 + 16, "<Q", 2**64 - 64, "start at"),
        (128 + 16, "<Q", 256, "start at"),
        (64 + 24, "<Q", 2**61, "sections end"),
        (64 + 24, "<Q", 2**64 - 1, "sections end"),
        (128 + 24, "<Q", 0, "trailer starts"),
        (64 + 40, "<H", 0, "no such dtype"),
        (64 + 40, "<H", 19, "no such dtype"),
        (64 + 42, "<H", 1, "no such dtype"),
        (64 + 44, "<I", 1, "no such dtype"),
        (64 + 48, "<I", 0, "a name of 0 bytes"),
        (64 + 48, "<I", 2**32 - 1, "does not fit"),
        (64 + 52, "<I", 1, "reserved"),
        (192, "<B", 0xFF, "UTF-8"),
        (192, "<B", ord("y"), "twice"),
        (200, "<B", 1, "not all used or zero"),
    ],
)
def test_a_hostile_directory_is_refused_even_without_checksums(
    path: Path, at: int, layout: str, value: int, message: str
) -> None:
    patched(path, at, layout, value)
    for verify in ("full", "header", "none"):
        assert message in str(refused(path, verify=verify))


def test_many_items_without_bytes_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "flat.vks"
    vks.write(path, [vks.Section("payload", "x", np.ndarray((1,), np.dtype("V0"), buffer=b""))], content="sample")
    assert vks.read(patched(path, 64 + 24, "<Q", 2**31 - 1), verify="full").get("x").shape == (2**31 - 1,)
    assert "without bytes" in str(refused(patched(path, 64 + 24, "<Q", 2**31)))


def test_get_names_the_section(path: Path) -> None:
    file = vks.read(path)
    assert file.get("x").tolist() == list(range(40))
    with pytest.raises(SnapshotFormatError, match="no section 'z'"):
        file.get("z")


def test_unknown_options_and_paths_are_argument_errors(path: Path) -> None:
    with pytest.raises(ArgumentError, match="mode='rw'"):
        vks.read(path, mode="rw")  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="verify=True"):
        vks.read(path, verify=True)  # type: ignore[arg-type]
    for bad in ("", "a\0b", 3):
        with pytest.raises(ArgumentError, match="path"):
            vks.read(bad)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("section", "message"),
    [
        (vks.Section("payload", "x", np.array([object()])), "dtype object"),
        (vks.Section("payload", "x", np.zeros(2, "g")), "dtype"),
        (vks.Section("payload", "x", np.zeros(2, [("a", "i4")])), "dtype"),
        (vks.Section("payload", "x", np.array(["a"], np.dtypes.StringDType())), "offsets and bytes"),
        (vks.Section("payload", "x", np.zeros((2, 2))), "one dimension"),
        (vks.Section("payload", "x", np.array(3)), "one dimension"),
        (vks.Section("payload", "x", [1, 2]), "a list"),  # type: ignore[arg-type]
        (vks.Section("payload", "x", np.ma.masked_array([1, 2], [False, True])), "masked"),
        (vks.Section("payload", "x", np.array([2], "u1").view(bool)), "no value of dtype bool"),
        (vks.Section("payload", "x", np.array([2**31], "u4").view("U1")), "no value of dtype <U1"),
        (vks.Section("pay load", "x", np.zeros(2)), "kind"),
        (vks.Section("abc", "x", np.zeros(2)), "kind"),
        (vks.Section("a" * 17, "x", np.zeros(2)), "kind"),
        (vks.Section("payload", "", np.zeros(2)), "0 bytes"),
        (vks.Section("payload", "é" * 2049, np.zeros(2)), "4098 bytes"),
        (vks.Section("payload", "\ud800", np.zeros(2)), "not Unicode"),
    ],
)
def test_what_a_file_cannot_hold_is_refused_before_it_is_touched(
    tmp_path: Path, section: vks.Section, message: str
) -> None:
    with pytest.raises(ArgumentError, match=message) as caught:
        vks.write(tmp_path / "a.vks", [vks.Section("payload", "ok", np.zeros(1)), section], content="sample")
    assert caught.value.data["section"] == section.name
    assert caught.value.hint
    assert os.listdir(tmp_path) == []


def test_names_twice_too_many_sections_and_bad_content_are_refused(tmp_path: Path) -> None:
    one = vks.Section("payload", "x", np.zeros(1))
    with pytest.raises(ArgumentError, match="twice"):
        vks.write(tmp_path / "a.vks", [one, one], content="sample")
    with pytest.raises(ArgumentError, match="too many"):
        vks.write(tmp_path / "a.vks", [one] * 65_537, content="sample")
    for content in ("", "abc", "a" * 17, "Größe", "a b c"):
        with pytest.raises(ArgumentError, match="content"):
            vks.write(tmp_path / "a.vks", [one], content=content)
    assert os.listdir(tmp_path) == []
