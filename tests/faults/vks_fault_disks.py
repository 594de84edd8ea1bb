"""Disks that fail at the n-th system call, or lose power there and with it what was not yet made durable."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np

from valkyrie.vks.disk import Disk

CALLS = [name for name in vars(Disk) if not name.startswith("_")]


class PowerLoss(BaseException):
    """The process is gone; a BaseException, so that nothing which handles errors sees it."""


class FaultyDisk(Disk):
    """Counts the system calls and hands the n-th to `fault`; all others are real."""

    def __init__(self, fail_at: int) -> None:
        self.fail_at = fail_at
        self.n_calls = 0
        self.names: list[str] = []
        for name in CALLS:
            setattr(self, name, self._counted(name, getattr(self, name)))

    def _counted(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*args: Any) -> Any:
            self.n_calls += 1
            self.names.append(name)
            if self.n_calls == self.fail_at:
                return self.fault(name, call, args)
            return call(*args)

        return counted

    def fault(self, name: str, call: Callable[..., Any], args: tuple[Any, ...]) -> Any:
        """What happens instead of the n-th call."""
        raise NotImplementedError


class FailingDisk(FaultyDisk):
    """The n-th call raises, before it has done anything, after half of it (a write) or after all of it."""

    def __init__(self, fail_at: int, failure: BaseException, done: str) -> None:
        super().__init__(fail_at)
        self.failure = failure
        self.done = done

    def fault(self, name: str, call: Callable[..., Any], args: tuple[Any, ...]) -> Any:
        if name == "pwrite" and self.done == "half":
            fd, data, offset = args
            call(fd, memoryview(data)[: len(data) // 2], offset)
        elif name == "close" or self.done == "all":
            result = call(*args)
            if name == "open":
                os.close(result)
        raise self.failure


class DyingDisk(FaultyDisk):
    """At the n-th call the power fails: every later call too, and what was not made durable may be lost.

    Parameters
    ----------
    data : {"kept", "lost", "some"}
        What becomes of bytes written but not covered by an fsync of their file.
    renames : {"kept", "lost"}
        What becomes of a rename not covered by an fsync of its directory.
    """

    def __init__(self, fail_at: int, data: str, renames: str, rng: np.random.Generator) -> None:
        super().__init__(fail_at)
        self.data, self.renames, self.rng = data, renames, rng
        self.dead = False
        self.paths: dict[int, str] = {}
        self.volatile: dict[str, list[tuple[int, int]]] = {}
        self.undo: list[tuple[str, bytes | None]] = []

    def _counted(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        counted = super()._counted(name, call)

        def mortal(*args: Any) -> Any:
            if self.dead:
                raise PowerLoss
            return counted(*args)

        return mortal

    def fault(self, name: str, call: Callable[..., Any], args: tuple[Any, ...]) -> Any:
        if name == "pwrite":
            fd, data, offset = args
            call(fd, memoryview(data)[: int(self.rng.integers(len(data) + 1))], offset)
        self.dead = True
        self.restart()
        raise PowerLoss

    def open(self, path: str, flags: int, mode: int = 0o600) -> int:
        fd = super().open(path, flags, mode)
        self.paths[fd] = path
        return fd

    def pwrite(self, fd: int, data: bytes | memoryview, offset: int) -> int:
        n_written = super().pwrite(fd, data, offset)
        self.volatile.setdefault(self.paths[fd], []).append((offset, n_written))
        return n_written

    def fsync(self, fd: int) -> None:
        super().fsync(fd)
        if os.path.isdir(self.paths[fd]):
            self.undo.clear()
        else:
            self.volatile.pop(self.paths[fd], None)

    def replace(self, source: str, target: str) -> None:
        before = None
        if os.path.exists(target):
            with open(target, "rb") as file:
                before = file.read()
        super().replace(source, target)
        self.undo.append((target, before))
        if source in self.volatile:
            self.volatile[target] = self.volatile.pop(source)

    def close(self, fd: int) -> None:
        super().close(fd)
        self.paths.pop(fd, None)

    def restart(self) -> None:
        """Close what the dead process had open, and lose what may be lost."""
        for fd in self.paths:
            with suppress(OSError):
                os.close(fd)
        for path, spans in self.volatile.items():
            if os.path.exists(path) and self.data != "kept":
                with open(path, "r+b") as file:
                    for offset, n_bytes in spans:
                        if self.data == "lost" or self.rng.integers(2):
                            file.seek(offset)
                            file.write(bytes(n_bytes))
        if self.renames == "lost":
            for target, before in reversed(self.undo):
                if before is None:
                    os.unlink(target)
                else:
                    with open(target, "wb") as file:
                        file.write(before)


class ForgetfulDisk(DyingDisk):
    """Says that files are durable and does nothing: a fault the tests must be able to see."""

    def fsync(self, fd: int) -> None:
        if os.path.isdir(self.paths[fd]):
            super().fsync(fd)
