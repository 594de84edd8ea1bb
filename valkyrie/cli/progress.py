"""How far a command has come, on a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, Progress, SpinnerColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn

from valkyrie.cli.reporting import errors_console

__all__ = ["progress_bar"]


@contextmanager
def progress_bar(name: str) -> Iterator[Callable[[int, float | None], object] | None]:
    """A bar with rows per second on standard error, if that is a terminal; None elsewhere.

    What is given takes the rows done so far, and their share of all where that is known.
    """
    if not sys.stderr.isatty():
        yield None
        return
    bar = Progress(
        SpinnerColumn(),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[rows]:,} rows"),
        TextColumn("{task.fields[rate]:.2f} M rows/s"),
        TimeRemainingColumn(),
        console=errors_console(),
        transient=True,
    )
    with bar:
        task = bar.add_task(name, total=None, rows=0, rate=0.0)

        def advance(rows: int, share: float | None) -> None:
            elapsed = bar.tasks[task].elapsed or 0.0
            total = None if share is None else 1.0
            bar.update(task, total=total, completed=share or 0.0, rows=rows, rate=rows / elapsed / 1e6 if elapsed else 0.0)

        yield advance
