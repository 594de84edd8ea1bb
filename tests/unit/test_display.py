"""What a line looks like as text, and what a throughput plot shows."""

from __future__ import annotations

import re
import subprocess
import sys
import uuid

import numpy as np
import pytest

import valkyrie as vk
from valkyrie.display import line_diagram, throughput_plot

TABLES = {
    "direct": vk.IdTable.build(range(10)),
    "flat": vk.IdTable.build(np.arange(1000) * 7919, seed=1),
    "lines": vk.IdTable.build(np.arange(20_000) * 7919, seed=1),
    "texts": vk.IdTable.build([f"host-{i}" for i in range(1000)], seed=1),
    "b16": vk.IdTable.build([uuid.UUID(int=i) for i in range(1000)], seed=1),
}
FIGURES = {"batch": [1000, 10, 10], "entries": [100, 100, 5_000], "seconds": [1e-4, 1e-6, 2e-6]}


@pytest.fixture
def pyplot(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MPLBACKEND", "agg")
    from matplotlib import pyplot

    pyplot.switch_backend("agg")
    yield pyplot
    pyplot.close("all")


@pytest.mark.parametrize("name", TABLES)
def test_line_diagram_holds_every_value_at_its_offset(name: str) -> None:
    lines = TABLES[name].lines
    above, below = line_diagram(lines, 3).split("\n")
    assert len(lines) > 3
    drawn = [cell.strip() for cell in below.strip("|").split("|")]
    expected = []
    for field in lines.dtype.names:
        for value in np.atleast_1d(lines[3][field]):
            number = int(value) if field != "key" else value.tobytes().hex()
            expected.append(number if field == "key" else f"{number:016x}" if field == "fp" else str(number))
    assert drawn == expected
    numbers = list(re.finditer(r"\d+", above))
    assert [number.start() for number in numbers] == [bar.start() for bar in re.finditer(r"\|(?=.)", below)]
    starts = [
        lines.dtype.fields[field][1] + i * lines[field].dtype.itemsize
        for field in lines.dtype.names
        for i in range(np.size(lines[3][field]))
    ]
    assert [int(number[0]) for number in numbers] == starts


def test_line_diagram_refuses_what_is_no_line() -> None:
    with pytest.raises(vk.errors.ArgumentError, match=r"table\.lines"):
        line_diagram(np.arange(3), 0)
    with pytest.raises(vk.errors.ArgumentError, match="lies outside"):
        line_diagram(TABLES["flat"].lines, 10**9)


@pytest.mark.parametrize("figures", [FIGURES, vk.Columns(FIGURES)], ids=["dict", "Columns"])
def test_throughput_plot_draws_a_curve_for_each_table_size(pyplot, figures) -> None:
    axes = throughput_plot(figures)
    curves = {line.get_label(): line.get_xydata().tolist() for line in axes.get_lines()}
    assert curves == {"100": [[10, pytest.approx(10)], [1000, pytest.approx(10)]], "5,000": [[10, pytest.approx(5)]]}
    assert axes.get_xscale() == "log"
    assert axes.get_xlabel() == "keys in a call"


def test_throughput_plot_draws_where_it_is_told(pyplot) -> None:
    _, axes = pyplot.subplots()
    assert throughput_plot(FIGURES, axes=axes) is axes


@pytest.mark.parametrize(
    ("figures", "message"),
    [
        ({"batch": [1], "entries": [1]}, "no column 'seconds'"),
        (FIGURES | {"seconds": [1, 2, 0]}, "'seconds' must hold positive"),
        (FIGURES | {"seconds": [[1, 2, 3]]}, "'seconds' must hold positive"),
        (FIGURES | {"seconds": [1]}, "3 batches, 3 entries and 1 seconds"),
    ],
)
def test_throughput_plot_refuses_bad_figures(figures, message: str) -> None:
    with pytest.raises(vk.errors.ArgumentError, match=message):
        throughput_plot(figures)


def test_without_matplotlib_the_error_says_how_to_install_it() -> None:
    code = f"""
import sys
sys.modules["matplotlib"] = None
from valkyrie.display import throughput_plot
from valkyrie.errors import MissingExtraError
try:
    throughput_plot({FIGURES!r})
except MissingExtraError as error:
    print(error)
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert 'pip install "valkyrie-routing[notebook]"' in run.stdout
