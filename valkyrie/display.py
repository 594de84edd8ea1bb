"""Pictures of tables, of their speed and of what changed: a stored line as text, throughput and moves as plots.

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

__all__ = ["line_diagram", "move_plot", "throughput_plot"]

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
    pyplot = _pyplot()
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


def move_plot(
    moves: Columns | Mapping[str, Any], *, weight: str = "load", most: int = 16, axes: Axes | None = None
) -> Axes:
    """Plot what moved from where to where as a heat map: a row for each target before, a column for each after.

    Parameters
    ----------
    moves : Columns or mapping of str to array-like, shape (n,)
        ``before`` and ``after``, targets, -1 for no route; and how much went that way, under the name of `weight`.
    weight : str
        Which column is drawn: "load" or "keys".
    most : int
        How many targets a side shows; the rest of a side is drawn together, as "others".
    axes : matplotlib Axes, optional
        Where to draw; by default a new figure.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ArgumentError
        A column is missing, of another length or negative, or `most` is not positive.
    MissingExtraError
        matplotlib is not installed.
    """
    for name in ("before", "after", weight):
        if name not in moves:
            raise ArgumentError(f"moves: there is no column {name!r}", hint="Give diff.matrix")
    if isinstance(most, bool) or not isinstance(most, int) or most < 1:
        raise ArgumentError(f"most must be 1 or more; got {most!r}", hint="It is how many targets a side shows")
    weights = np.asarray(moves[weight], np.float64)
    sides = [np.asarray(moves[name], np.int64) for name in ("before", "after")]
    if not (len(sides[0]) == len(sides[1]) == len(weights)) or not (weights >= 0).all():
        raise ArgumentError(f"moves: one {weight}, 0 or more, is needed for each way", hint="Give diff.matrix")
    pyplot = _pyplot()
    (rows, row_labels), (columns, column_labels) = (_largest(side, weights, most) for side in sides)
    cells = np.zeros((len(row_labels), len(column_labels)))
    np.add.at(cells, (rows, columns), weights)
    if axes is None:
        size = (2.5 + 0.35 * len(column_labels), 1.5 + 0.3 * len(row_labels))
        _, axes = pyplot.subplots(figsize=size, layout="constrained")
    if cells.size:
        image = axes.imshow(np.ma.masked_equal(cells, 0), cmap="viridis", aspect="auto", vmin=0)
        axes.figure.colorbar(image, ax=axes, label=f"{weight} moved")
    else:
        axes.text(0.5, 0.5, "nothing moved", ha="center", va="center", transform=axes.transAxes)
    axes.set_xticks(range(len(column_labels)), column_labels, rotation=90)
    axes.set_yticks(range(len(row_labels)), row_labels)
    axes.set_xlabel("target after")
    axes.set_ylabel("target before")
    return axes


def _largest(targets: AnyArray, weights: AnyArray, most: int) -> tuple[AnyArray, list[str]]:
    """Where each target is drawn, and the labels: the heaviest in their order, then "others"."""
    distinct, at = np.unique(targets, return_inverse=True)
    total = np.bincount(at, weights, minlength=len(distinct))
    shown = np.sort(np.argsort(-total, kind="stable")[:most])
    place = np.full(len(distinct), len(shown))
    place[shown] = np.arange(len(shown))
    labels = ["no route" if target < 0 else str(target) for target in distinct[shown].tolist()]
    others = len(distinct) - len(shown)
    return place[at], [*labels, f"others ({others:,})"] if others else labels


def _pyplot() -> Any:
    try:
        from matplotlib import pyplot
    except ImportError as error:
        raise MissingExtraError(
            "plots need matplotlib, which is not installed",
            hint='Install it: pip install "valkyrie-routing[notebook]"',
            library="matplotlib",
        ) from error
    return pyplot


def _positive(figures: Columns | Mapping[str, Any], name: str) -> AnyArray:
    if name not in figures:
        raise ArgumentError(f"figures: there is no column {name!r}", hint='Give "batch", "entries" and "seconds"')
    values = np.asarray(figures[name], np.float64)
    if values.ndim != 1 or not (values > 0).all():
        raise ArgumentError(f"figures: the column {name!r} must hold positive numbers", hint="One measurement a row")
    return values
