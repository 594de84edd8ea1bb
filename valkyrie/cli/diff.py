"""``valkyrie diff``: what two table files do differently, and a gate for releases."""

from __future__ import annotations

from typing import Annotated, Any, TypeAlias

import numpy as np
import typer

import valkyrie as vk
from valkyrie.cli.exit_codes import ExitCode
from valkyrie.cli.options import Format, Header, Json, Nulls, TableName, Threads, read_options
from valkyrie.cli.reporting import emit_json, errors_console, facts, shown
from valkyrie.cli.reporting import table as draw_table
from valkyrie.errors import ArgumentError
from valkyrie.interop import ReadOptions, read_table
from valkyrie.snapshot import Table
from valkyrie.tables import IdTable, index_of

__all__ = ["diff"]

Opened: TypeAlias = Table | vk.Snapshot


def diff(
    before: Annotated[str, typer.Argument(metavar="A.vks", help="A table or a snapshot, before.", show_default=False)],
    after: Annotated[str, typer.Argument(metavar="B.vks", help="The same, after.", show_default=False)],
    keys: Annotated[
        str | None,
        typer.Option(
            "--keys", metavar="FILE", help="Keys to look up in both; default: compare what they hold.", show_default=False
        ),
    ] = None,
    column: Annotated[
        str | None,
        typer.Option("--column", metavar="NAME", help="Column of keys; default id, or the only one.", show_default=False),
    ] = None,
    load_column: Annotated[
        str | None,
        typer.Option("--load-column", metavar="NAME", help="Column of what each key weighs; default 1.", show_default=False),
    ] = None,
    table: TableName = None,
    limit: Annotated[
        float | None,
        typer.Option(
            "--fail-if-moved-over",
            metavar="SHARE",
            min=0.0,
            max=1.0,
            help="Exit with code 8 if more than this share moves.",
            show_default=False,
        ),
    ] = None,
    most: Annotated[int, typer.Option("--most", min=0, help="Most ways from target to target to list.")] = 20,
    threads: Threads = 1,
    form: Format = None,
    header: Header = True,
    null: Nulls = None,
    as_json: Json = False,
) -> None:
    """Say what two tables do differently, in all their keys or for those of a file.

    --fail-if-moved-over makes a gate: the share is that of the keys in the
    file, of their load with --load-column, and without --keys that of the
    keys of A which are removed or lead elsewhere. A key of a table with
    payload leads elsewhere if its record is another; keys that only lead to
    another row of the same record are counted apart.
    """
    if keys is None and (column or load_column):
        raise ArgumentError("--column and --load-column are of the file of keys", hint="Name it: --keys FILE")
    a, b = _pair(vk.load(before), vk.load(after))
    if keys is None:
        found = vk.diff(a, b, table=table)
        share, report = found.changed_share, _tables(found)
    else:
        options = read_options(form, header, null)
        found = _diff_of_keys(a, b, (keys, column, load_column), table, options, threads or None)
        share, report = found.moved_load_share, _moves(found, most)
    gate = {} if limit is None else {"share": share, "limit": limit, "passed": share <= limit}
    if as_json:
        emit_json({"a": before, "b": after} | report | ({"gate": gate} if gate else {}))
    elif keys is None:
        rows = [[name, *each.values()] for name, each in report["tables"].items()]
        names = ["table", "keys before", "keys after", "removed", "changed", "added", "moved by row only", "payload differs"]
        draw_table("", names, rows)
    else:
        _show_moves(report, len(found.matrix), with_load=load_column is not None)
    if gate and not gate["passed"]:
        errors_console().print(shown(f"valkyrie: {share:.4%} moved, more than the {limit:.4%} of --fail-if-moved-over"))
        raise typer.Exit(ExitCode.MOVED)


def _pair(a: Opened, b: Opened) -> tuple[Opened, Opened]:
    """Both snapshots or both tables: beside a table, a snapshot of one table is that table."""
    sides = [a, b]
    for i, (one, other) in enumerate(((a, b), (b, a))):
        if isinstance(one, vk.Snapshot) and not isinstance(other, vk.Snapshot) and len(one.tables) == 1:
            sides[i] = next(iter(one.tables.values()))
    return sides[0], sides[1]


def _diff_of_keys(
    a: Opened, b: Opened, file: tuple[str, str | None, str | None], table: str | None, options: ReadOptions, threads: int | None
) -> vk.Diff:
    source, column, load_column = file
    wanted = [] if load_column is None else [load_column]
    kinds = _kinds([a, b], table)
    kind = next(iter(kinds)) if len(kinds) == 1 else None  # tables of several kinds leave it open
    read = read_table(source, wanted, key=column, kind="int" if kind == "bits" else kind, options=options)
    keys: Any = read.column(0)
    if kind == "bits" and str(keys.type) == "int64" and not (np.asarray(keys.drop_null()) < 0).any():
        keys = keys.cast("uint64")  # text has no types: the words were below 2**63 all
    load = None if load_column is None else read.column(load_column)
    return vk.diff(a, b, keys, load=load, table=table, threads=threads)


def _kinds(sides: list[Opened], table: str | None) -> set[str]:
    """What keys in a file are read as; of all prefixes but bits they are searched as they stand."""
    kinds: set[str] = set()
    for side in sides:
        tables = side.tables if isinstance(side, vk.Snapshot) else {"": side}
        for name, each in tables.items():
            index = index_of(each)
            if table is None or name in ("", table):
                kinds.add(index.kind if isinstance(index, IdTable) or index.kind == "bits" else "bytes")
    return kinds


def _tables(found: vk.Diff) -> dict[str, Any]:
    return {
        "tables": {
            name: {"keys_before": each.keys_before, "keys_after": each.keys_after}
            | each.counts
            | {"renumbered": each.renumbered, "payload_differs": each.payload_differs}
            for name, each in found.tables.items()
        },
        "changed_share": found.changed_share,
    }


def _moves(found: vk.Diff, most: int) -> dict[str, Any]:
    moves = found.moves
    heaviest = found.matrix.take(np.argsort(-found.matrix["load"], kind="stable")[:most])
    columns = [heaviest[name].tolist() for name in heaviest.names]
    return {
        "keys": len(moves),
        "moved": moves.keys_moved,
        "moved_share": moves.moved_share,
        "renumbered": moves.renumbered,
        "load": moves.total_load,
        "moved_load": moves.moved_load,
        "moved_load_share": moves.moved_load_share,
        "unrouted_before": moves.unrouted_before,
        "unrouted": moves.unrouted,
        "ways": len(found.matrix),
        "matrix": [dict(zip(heaviest.names, way, strict=True)) for way in zip(*columns, strict=True)],
    }


def _show_moves(report: dict[str, Any], ways: int, *, with_load: bool) -> None:
    lines = {"moved": f"{report['moved']:,} of {report['keys']:,} keys ({report['moved_share']:.2%})"}
    if with_load:
        share = report["moved_load_share"]
        lines["load moved"] = f"{report['moved_load']:,.6g} of {report['load']:,.6g} ({share:.2%})"
    if report["renumbered"]:
        lines["moved by row only"] = f"{report['renumbered']:,} keys, to another row of the same record"
    facts(lines | {"no route": f"{report['unrouted_before']:,} before, {report['unrouted']:,} after"})
    if report["matrix"]:
        names = ["before", "after", "keys", *(["load"] if with_load else [])]
        draw_table("", names, [_way(way, names) for way in report["matrix"]], numbers=len(names))
    if len(report["matrix"]) < ways:
        facts({"more": f"{ways - len(report['matrix']):,} of {ways:,} ways (--most)"})


def _way(way: dict[str, Any], names: list[str]) -> list[str]:
    shown_way = {name: _target(name, way[name]) for name in names}
    return list((shown_way | ({"after": "another record there"} if way["before"] == way["after"] else {})).values())


def _target(name: str, value: float) -> str:
    if name in ("before", "after"):
        return "no route" if value < 0 else str(value)
    return f"{value:,}" if name == "keys" else f"{value:,.6g}"
