"""The exit codes of every command, in one place."""

from __future__ import annotations

from enum import IntEnum

from valkyrie.errors import (
    AmbiguousKeyError,
    ArgumentError,
    DirectoryHeldError,
    MissingExtraError,
    SnapshotFormatError,
    SourceError,
    UnknownColumnError,
    ValkyrieError,
    VersionEvictedError,
)

__all__ = ["MEANINGS", "ExitCode", "exit_code"]


class ExitCode(IntEnum):
    """What the process returns."""

    OK = 0
    MISSING_KEY = 1
    USAGE = 2
    BAD_INPUT = 3
    BAD_TABLE = 4
    MISSING_EXTRA = 5
    SYSTEM = 6
    WRONG_ANSWER = 7
    MOVED = 8
    FAULT = 70
    INTERRUPTED = 130
    BROKEN_PIPE = 141
    TERMINATED = 143


MEANINGS = {
    ExitCode.OK: "done",
    ExitCode.MISSING_KEY: "get: a key is not in the table, or cannot be in it",
    ExitCode.USAGE: "called wrongly: an unknown option, column, format or version",
    ExitCode.BAD_INPUT: "input data unreadable, empty, malformed, or with duplicate keys",
    ExitCode.BAD_TABLE: "the .vks file is damaged, foreign or from a later version",
    ExitCode.MISSING_EXTRA: "an optional dependency is missing; the install line is printed",
    ExitCode.SYSTEM: "the system refused: no such file, no permission, disk full, directory held",
    ExitCode.WRONG_ANSWER: "bench, demo: an answer differs from the reference",
    ExitCode.MOVED: "diff: more moved than --fail-if-moved-over allows",
    ExitCode.FAULT: "a fault of valkyrie itself; the traceback says where",
    ExitCode.INTERRUPTED: "interrupted",
    ExitCode.BROKEN_PIPE: "the reader of the output went away",
    ExitCode.TERMINATED: "told to end (SIGTERM); no part of an output is left",
}


def exit_code(error: BaseException) -> ExitCode:
    """The exit code of an error that a command ends with."""
    if isinstance(error, SnapshotFormatError):
        return ExitCode.BAD_TABLE
    if isinstance(error, (AmbiguousKeyError, ArgumentError, UnknownColumnError, VersionEvictedError)):
        return ExitCode.USAGE
    if isinstance(error, MissingExtraError):
        return ExitCode.MISSING_EXTRA
    if isinstance(error, DirectoryHeldError):
        return ExitCode.SYSTEM
    if isinstance(error, SourceError):
        return ExitCode.SYSTEM if error.errno else ExitCode.BAD_INPUT
    if isinstance(error, ValkyrieError):
        return ExitCode.BAD_INPUT
    return ExitCode.SYSTEM
