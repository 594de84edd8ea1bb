"""Where and how a file is put: permissions, links, leftovers of dead writers, several writers at once."""

from __future__ import annotations

import errno
import fcntl
import os
import resource
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from valkyrie import vks
from valkyrie.errors import SourceError
from valkyrie.vks import temporary
from valkyrie.vks.disk import DISK, Disk

ONE = [vks.Section("payload", "x", np.arange(1_000))]


@pytest.fixture(params=[0o022, 0o077, 0o000])
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def test_a_new_file_has_the_mode_of_any_new_file(tmp_path: Path, umask: int) -> None:
    path = tmp_path / "a.vks"
    vks.write(path, ONE, content="sample")
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~umask
    assert os.umask(umask) == umask


def test_without_proc_the_umask_is_still_found(umask: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_proc(*_: object, **__: object) -> None:
        raise FileNotFoundError

    monkeypatch.setattr("builtins.open", no_proc)
    assert Disk().umask() == umask
    assert os.umask(umask) == umask


def test_a_replaced_file_keeps_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "a.vks"
    path.touch(mode=0o600)
    vks.write(path, ONE, content="sample")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_file_under_way_is_private(tmp_path: Path) -> None:
    modes = []

    class Watching(Disk):
        def pwrite(self, fd: int, data: bytes | memoryview, offset: int) -> int:
            modes.append(stat.S_IMODE(os.fstat(fd).st_mode))
            return super().pwrite(fd, data, offset)

    vks.write(tmp_path / "a.vks", ONE, content="sample", disk=Watching())
    assert set(modes) == {0o600}


def test_a_symbolic_link_is_followed(tmp_path: Path) -> None:
    real, link = tmp_path / "data" / "real.vks", tmp_path / "link.vks"
    real.parent.mkdir()
    link.symlink_to(real)
    vks.write(link, ONE, content="sample")
    assert link.is_symlink()
    assert vks.read(real).get("x").shape == (1_000,)


def test_relative_and_longest_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    name = "n" * 251 + ".vks"
    vks.write(name, ONE, content="sample")
    assert os.listdir() == [name]


def test_errors_name_the_path_and_the_mend(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="directories are not created") as caught:
        vks.write(tmp_path / "none" / "a.vks", ONE, content="sample")
    assert isinstance(caught.value, SourceError)
    assert caught.value.filename == str(tmp_path / "none" / "a.vks")
    with pytest.raises(SourceError, match="directory") as directory:
        vks.write(tmp_path, ONE, content="sample")
    assert directory.value.errno == errno.EISDIR
    (tmp_path / "file").touch()
    with pytest.raises(SourceError, match="not a directory"):
        vks.write(tmp_path / "file" / "a.vks", ONE, content="sample")
    with pytest.raises(SourceError, match="shorter name"):
        vks.write(tmp_path / ("n" * 300), ONE, content="sample")


def test_a_device_is_not_replaced_by_a_file() -> None:
    with pytest.raises(SourceError, match="device"):
        vks.write("/dev/null", ONE, content="sample")
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)


def test_a_file_size_limit_of_the_system_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.vks"
    vks.write(path, ONE, content="sample")
    before = path.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(SourceError, match="ulimit") as caught:
            vks.write(path, [vks.Section("payload", "x", np.zeros(100_000))], content="sample")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert caught.value.errno == errno.EFBIG
    assert "unchanged" in caught.value.hint
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["a.vks"]


def test_what_dead_writers_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    target = str(tmp_path / "a.vks")
    (dead, dead_path), (alive, alive_path) = temporary.create(target, DISK), temporary.create(target, DISK)
    other, other_path = temporary.create(str(tmp_path / "b.vks"), DISK)
    os.close(dead)
    os.close(other)
    bystander = tmp_path / ".vks-notes.tmp"
    bystander.touch()
    vks.write(target, ONE, content="sample")
    left = {str(tmp_path / name) for name in os.listdir(tmp_path)}
    assert left == {target, alive_path, other_path, str(bystander)}
    assert not os.path.exists(dead_path)
    os.close(alive)


def test_a_writer_whose_file_was_taken_for_stale_takes_another(tmp_path: Path) -> None:
    class Robbed(Disk):
        n_robbed = 0

        def lock(self, fd: int) -> None:
            if self.n_robbed == 0:
                self.n_robbed += 1
                (name,) = os.listdir(tmp_path)
                thief = os.open(tmp_path / name, os.O_RDWR)
                fcntl.flock(thief, fcntl.LOCK_EX)
                os.unlink(tmp_path / name)
                super_lock_fails = True
                try:
                    super().lock(fd)
                    super_lock_fails = False
                finally:
                    os.close(thief)
                assert super_lock_fails
            elif self.n_robbed == 1:
                self.n_robbed += 1
                (name,) = os.listdir(tmp_path)
                os.unlink(tmp_path / name)
                super().lock(fd)
            else:
                super().lock(fd)

    disk = Robbed()
    vks.write(tmp_path / "a.vks", ONE, content="sample", disk=disk)
    assert disk.n_robbed == 2
    assert os.listdir(tmp_path) == ["a.vks"]


@pytest.mark.parametrize("call", ["lock", "fchmod"])
def test_file_systems_without_locks_or_permissions_will_do(tmp_path: Path, call: str) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))

    disk = Disk()
    setattr(disk, call, refuse)
    vks.write(tmp_path / "a.vks", ONE, content="sample", disk=disk)
    assert vks.read(tmp_path / "a.vks", verify="full").get("x").shape == (1_000,)
    assert os.listdir(tmp_path) == ["a.vks"]


def test_short_writes_are_completed_and_none_is_an_error(tmp_path: Path) -> None:
    class Reluctant(Disk):
        most = 100

        def pwrite(self, fd: int, data: bytes | memoryview, offset: int) -> int:
            return super().pwrite(fd, memoryview(data)[: self.most], offset)

    disk = Reluctant()
    vks.write(tmp_path / "a.vks", ONE, content="sample", disk=disk)
    assert vks.read(tmp_path / "a.vks", verify="full").get("x").tolist() == list(range(1_000))
    disk.most = 0
    with pytest.raises(SourceError, match="no more bytes"):
        vks.write(tmp_path / "a.vks", ONE, content="sample", disk=disk)


def test_several_writers_of_one_path_leave_one_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "a.vks"
    failures: list[BaseException] = []
    start = threading.Barrier(4)

    def work(i: int) -> None:
        try:
            start.wait()
            for _ in range(15):
                vks.write(path, [vks.Section("payload", "x", np.full(5_000, i))], content="sample")
                values = vks.read(path, verify="full").get("x")
                assert (values == values[0]).all()
        except BaseException as failure:
            failures.append(failure)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert os.listdir(tmp_path) == ["a.vks"]
