"""What every command does alike: results for people or as JSON, errors in two lines, quiet ends."""

from __future__ import annotations

import functools
import json
import math
import os
import re
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, ParamSpec

import numpy as np
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from valkyrie.cli.exit_codes import ExitCode, exit_code
from valkyrie.errors import ValkyrieError

__all__ = ["bytes_text", "command", "console", "emit_json", "errors_console", "facts", "shown", "table"]

P = ParamSpec("P")
UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""What a terminal obeys instead of showing it: control characters, line and direction marks; and halves of characters."""


class _Console(Console):
    def on_broken_pipe(self) -> None:
        # Called where the error is caught; rich would end the process with 1.
        raise


def shown(value: object) -> str:
    """The text of a value with what a terminal would obey escaped: ``\\x1b``."""
    return UNSEEN.sub(_escaped, str(value))


def _escaped(found: re.Match[str]) -> str:
    character = found.group()
    # This is how Python writes a byte that is no UTF-8.
    byte = 0xDC80 <= ord(character) <= 0xDCFF
    return f"\\x{ord(character) - 0xDC00:02x}" if byte else character.encode("unicode_escape", "backslashreplace").decode()


def console() -> Console:
    """Standard output for people; wide and without colour where it is not a terminal, so that lines can be searched."""
    wide = None if sys.stdout.isatty() else 160
    return _Console(highlight=False, markup=False, emoji=False, soft_wrap=wide is not None, width=wide)


def errors_console() -> Console:
    """Standard error: messages and progress."""
    return _Console(stderr=True, highlight=False, markup=False, emoji=False, soft_wrap=True)


def emit_json(value: Any) -> None:
    """Print one JSON document on standard output."""
    indent = 2 if sys.stdout.isatty() else None
    text = json.dumps(_json(value), ensure_ascii=False, indent=indent, allow_nan=False)
    text = re.sub(rf"(?!\n){UNSEEN.pattern}", lambda found: f"\\u{ord(found.group()):04x}", text)
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        text = json.dumps(_json(value), indent=indent, allow_nan=False)
    sys.stdout.write(text + "\n")


def facts(rows: dict[str, Any]) -> None:
    """Print names and values in two aligned columns."""
    width = max(map(len, rows))
    for name, value in rows.items():
        console().print(shown(f"{name:<{width}}  {value}"))


def table(title: str, columns: list[str], rows: list[list[Any]], *, numbers: int | None = None) -> None:
    """Print a table; the last `numbers` columns (default all but the first) are aligned to the right."""
    drawn = Table(title=title, title_justify="left", title_style="bold")
    first_number = 1 if numbers is None else len(columns) - numbers
    for i, name in enumerate(columns):
        drawn.add_column(Text(shown(name)), justify="right" if i >= first_number else "left", overflow="fold")
    for row in rows:
        drawn.add_row(*(Text("" if value is None else shown(value)) for value in row))
    console().print(drawn)


def bytes_text(count: float) -> str:
    """A number of bytes for people: ``1.4 MB``."""
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.2f} GB"


def command(function: Callable[P, None]) -> Callable[P, None]:
    """Wrap a command: errors become one or two lines and an exit code, never a traceback.

    With ``--json`` an error is also a document on standard output. A fault of the program itself is not hidden: `main`
    shows it as Python does.
    """

    @functools.wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            function(*args, **kwargs)
            sys.stdout.flush()
        except KeyboardInterrupt:
            errors_console().print("interrupted")
            raise typer.Exit(ExitCode.INTERRUPTED) from None
        except BrokenPipeError:
            _abandon_stdout()
            raise typer.Exit(ExitCode.BROKEN_PIPE) from None
        except (ValkyrieError, OSError, MemoryError) as error:
            code = exit_code(error)
            message, hint = _lines(error)
            errors_console().print(f"valkyrie: {shown(message)}" + (f"\n  {shown(hint)}" if hint else ""))
            if kwargs.get("as_json") and kwargs.get("out") != "-":
                name = getattr(error, "code", "system")
                emit_json({"error": {"code": name, "message": message, "hint": hint, "exit_code": int(code)}})
            raise typer.Exit(code) from None

    return run


def _lines(error: BaseException) -> tuple[str, str]:
    if isinstance(error, ValkyrieError):
        return error.message, error.hint
    if isinstance(error, MemoryError):
        return "not enough memory", "Use a smaller input, or a machine with more"
    return str(error), ""


def _abandon_stdout() -> None:
    # The interpreter flushes standard output once more at exit; give it somewhere to go.
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _json(value: Any) -> Any:
    """The value in terms of JSON, which knows no NaN, no dates and no bytes."""
    if isinstance(value, Mapping):
        return {str(name): _json(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_json(item) for item in value]
    if isinstance(value, np.ndarray):
        return _json(value.tolist())
    if isinstance(value, (np.bool_, np.integer, np.floating)):
        value = value.item()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, bytes):
        return value.decode(errors="backslashreplace")
    return value if value is None or isinstance(value, (bool, int, str)) else str(value)
