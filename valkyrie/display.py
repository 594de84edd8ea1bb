"""Pictures of tables and of their speed: one stored line as text, throughput as a plot.

matplotlib is imported by the functions that draw with it, not before.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from valkyrie.arrays import Columns
from valkyrie.errors import ArgumentError, MissingExtraError
from valkyrie.typing import AnyArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["line_diagram", "throughput_plot"]

_FIELDS = {"fp": (8, 17), "key": (16, 33), "row": (4, 11), "guard": (4, 6)}


def line_diagram(lines: AnyArray, index: int) -> str:
    """Draw one line of an IdTable: byte offsets above, the stored values below.

    Parameters
    ----------
    lines : ndarray of ID_LINE, B16_LINE, ID_SLOT or ROW_SLOT, shape (n,)
        The attribute ``lines`` of a table.
    index : int
        Which line.

    Returns
    -------
    str
        Two lines of text. A slot whose row is -1 is empty.

    Raises
    ------
    ArgumentError
        `lines` is no array of lines, or `index` lies outside it.
    """
    names = lines.dtype.names if isinstance(lines, np.ndarray) and lines.ndim == 1 else None
    if not names or not set(names) <= _FIELDS.keys():
        got = lines.dtype if isinstance(lines, np.ndarray) else type(lines).__name__
        raise ArgumentError(f"lines must be the lines of an IdTable; got {got}", hint="Pass table.lines")
    if not -len(lines) <= index < len(lines):
        raise ArgumentError(f"index {index} lies outside the {len(lines)} lines")
    line = lines[index]
    offsets, cells = "", ""
    for name in names:
        size, width = _FIELDS[name]
        assert lines.dtype.fields is not None
        start = lines.dtype.fields[name][1]
        for i, value in enumerate(np.atleast_1d(line[name])):
            text = value.tobytes().hex() if name == "key" else f"{value:016x}" if name == "fp" else str(value)
            offsets += f"{start + i * size}".ljust(width + 1)
            cells += f"|{text.rjust(width - 1)} "
    return f"{offsets.rstrip()}\n{cells}|"


def throughput_plot(figures: Columns | Mapping[str, Any], *, axes: Axes | None = None) -> Axes:
    """Plot measured throughput against the size of a batch, one curve for each size of a table.

    Parameters
    ----------
    figures : Columns or mapping of str to array-like, shape (n,)
        ``batch``, keys in a call; ``entries``, keys in the table; ``seconds``, duration of a call. One measurement a row.
    axes : matplotlib Axes, optional
        Where to draw; by default a new figure.

    Returns
    -------
    matplotlib Axes
        Batch on a logarithmic axis, million keys per second on the other.

    Raises
    ------
    ArgumentError
        A column is missing or has another length, or a value is not positive.
    MissingExtraError
        matplotlib is not installed.
    """
    batch, entries, seconds = (_positive(figures, name) for name in ("batch", "entries", "seconds"))
    if not len(batch) == len(entries) == len(seconds):
        raise ArgumentError(f"figures: {len(batch)} batches, {len(entries)} entries and {len(seconds)} seconds")
    try:
        from matplotlib import pyplot
    except ImportError as error:
        raise MissingExtraError(
            "plots need matplotlib, which is not installed",
            hint='Install it: pip install "valkyrie-routing[notebook]"',
            library="matplotlib",
        ) from error
    if axes is None:
        _, axes = pyplot.subplots(figsize=(7, 4), layout="constrained")
    sizes = np.unique(entries)
    for size, colour in zip(sizes, pyplot.get_cmap("viridis")(np.linspace(0, 0.85, len(sizes))), strict=True):
        of_size = np.flatnonzero(entries == size)
        of_size = of_size[np.argsort(batch[of_size], kind="stable")]
        throughput = batch[of_size] / seconds[of_size] / 1e6
        axes.plot(batch[of_size], throughput, marker="o", markersize=4, color=colour, label=f"{size:,.0f}")
    axes.set_xscale("log")
    axes.set_ylim(bottom=0)
    axes.set_xlabel("keys in a call")
    axes.set_ylabel("million keys per second")
    axes.legend(title="keys in the table")
    axes.grid(alpha=0.3)
    return axes


def _positive(figures: Columns | Mapping[str, Any], name: str) -> AnyArray:
    if name not in figures:
        raise ArgumentError(f"figures: there is no column {name!r}", hint='Give "batch", "entries" and "seconds"')
    values = np.asarray(figures[name], np.float64)
    if values.ndim != 1 or not (values > 0).all():
        raise ArgumentError(f"figures: the column {name!r} must hold positive numbers", hint="One measurement a row")
    return values
