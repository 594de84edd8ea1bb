"""The process around a command: its standard streams, SIGTERM, and an end that no thread can spoil.

Libraries leave threads behind that call into Python when it is half gone, and end the process with an abort although all
was said and done. So nothing is left to the interpreter: streams are flushed, and the process ends at once.
"""

from __future__ import annotations

import fcntl
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import suppress
from types import FrameType
from typing import NoReturn

from valkyrie.cli.exit_codes import ExitCode

__all__ = ["end", "end_on_sigterm", "streams_are_open"]

DESCRIPTORS = "/proc/self/fd"


def streams_are_open() -> bool:
    """Make the standard streams fit to be written to; False, after a message, if there is no standard output."""
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115
    if sys.stdout is None:
        print("valkyrie: standard output is closed", "  Redirect it to a file or to /dev/null", sep="\n", file=sys.stderr)
        return False
    for stream in (sys.stdout, sys.stderr):
        # What the terminal's encoding lacks is shown escaped.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    return True


def end_on_sigterm() -> None:
    """From now on SIGTERM removes the unfinished output and ends the process with 143.

    Not with an exception: those are swallowed where Python calls back from C, as within an import. A parent that ignores
    the signal is respected.
    """
    with suppress(ValueError):
        if signal.getsignal(signal.SIGTERM) is not signal.SIG_IGN:
            signal.signal(signal.SIGTERM, _terminate)


def _terminate(number: int, frame: FrameType | None) -> NoReturn:
    for path in _unfinished():
        with suppress(OSError):
            os.unlink(path)
    os._exit(ExitCode.TERMINATED)


def _unfinished() -> Iterator[str]:
    """Temporary files that this process writes: it holds the lock on them. Once renamed, they have another name."""
    with suppress(OSError):
        for fd in map(int, os.listdir(DESCRIPTORS)):
            with suppress(OSError):
                path = os.readlink(f"{DESCRIPTORS}/{fd}")
                name = os.path.basename(path)
                if name.startswith(".vks-") and name.endswith(".tmp"):
                    fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    yield path


def end(code: int) -> NoReturn:
    """Flush what was written and end the process, without waiting for the threads of any library."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        code = code or ExitCode.BROKEN_PIPE
    except (OSError, ValueError) as error:
        if not code:
            print(f"valkyrie: cannot write to standard output: {error}", file=sys.stderr)
            code = ExitCode.SYSTEM
    with suppress(OSError, ValueError):
        sys.stderr.flush()
    os._exit(code)
