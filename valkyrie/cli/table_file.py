"""``valkyrie info``, ``verify``, ``enumerate``: a table file, looked at, checked, listed."""

from __future__ import annotations

import math
import os
import time
from typing import Annotated, Any

import numpy as np
import typer

from valkyrie.cli.exit_codes import ExitCode
from valkyrie.cli.get import written_key, written_kind
from valkyrie.cli.opening import chosen_columns, open_table, open_tables
from valkyrie.cli.options import Columns, Json, TableFile, TableName
from valkyrie.cli.progress import progress_bar
from valkyrie.cli.reporting import bytes_text, emit_json, facts
from valkyrie.cli.reporting import table as draw_table
from valkyrie.errors import ArgumentError
from valkyrie.snapshot import Table
from valkyrie.tables import PrefixTable, RouteTable, index_of

__all__ = ["enumerate_prefixes", "info", "verify", "warm_up"]

_LISTED_AT_ONCE = 4096
_WORD_DIGITS = 20  # of 2**64


def info(table: TableFile, name: TableName = None, as_json: Json = False) -> None:
    """Say what a table file holds; of a snapshot, what its tables are."""
    tables = open_tables(table, table=name)
    file = {"file": table, "bytes": os.path.getsize(table)}
    reports = {each: _report(opened) for each, opened in tables.items()}
    if len(tables) > 1:
        if as_json:
            emit_json(file | {"content": "snapshot", "tables": reports})
            return
        facts({"snapshot": f"{table}, {bytes_text(os.path.getsize(table))}"})
        lines = [
            [each, report["content"], report["kind"], f"{len(tables[each]):,}", ", ".join(report["columns"])]
            for each, report in reports.items()
        ]
        draw_table("", ["table", "content", "kind", "keys", "columns"], lines, numbers=0)
        return
    (report,) = reports.values()
    if as_json:
        emit_json(file | report)
        return
    facts(
        {
            "table": f"{table}, {bytes_text(os.path.getsize(table))}",
            "keys": f"{len(next(iter(tables.values()))):,} "
            f"({report['kind']}{', column ' + repr(report['key']) if report['key'] else ''})",
            "columns": ", ".join(report["columns"]) or "none: keys map to rows",
            **_described(report["stats"]),
        }
    )


def verify(table: TableFile, as_json: Json = False) -> None:
    """Check every byte and every key of a table file, of all tables of a snapshot; exit code 4 says it is damaged."""
    started = time.perf_counter()
    indexes = [index_of(each) for each in open_tables(table, verify="full").values()]
    for index in indexes:
        index.check()
    entries = sum(map(len, indexes))
    seconds, size = time.perf_counter() - started, os.path.getsize(table)
    if as_json:
        emit_json({"file": table, "ok": True, "bytes": size, "tables": len(indexes), "entries": entries, "seconds": seconds})
    else:
        several = f"{len(indexes)} tables, " if len(indexes) > 1 else ""
        facts({"ok": f"{table}: {bytes_text(size)}, {several}{entries:,} keys, {seconds:.2f} s"})


def enumerate_prefixes(
    table: TableFile,
    prefix: Annotated[str, typer.Argument(metavar="PREFIX", help="A prefix; bits as WORD/LENGTH.", show_default=False)],
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="Most prefixes to list.", show_default=False)] = None,
    columns: Columns = None,
    name: TableName = None,
    as_json: Json = False,
) -> None:
    """List the prefixes that lie under one, itself included, in sorted order.

    Exit code 1 says there is none.
    """
    opened = open_table(table, table=name)
    index = index_of(opened)
    if not isinstance(index, PrefixTable):
        raise ArgumentError(f"{table}: its keys are looked up whole", hint="Build it with --kind ip, digits, path or the like")
    chosen = chosen_columns(opened, columns)
    begin, end = _range(index, prefix)
    shown = end if limit is None else min(end, begin + limit)
    listed: list[tuple[str, dict[str, Any]]] = []
    with progress_bar("enumerate") as progress:
        for at in range(begin, shown, _LISTED_AT_ONCE):
            found = list(index.items(at, min(shown, at + _LISTED_AT_ONCE)))
            records = _row_records(opened, [row for _, row in found], chosen)
            listed += zip((_prefix_text(name) for name, _ in found), records, strict=True)
            if progress is not None:
                progress(len(listed), len(listed) / (shown - begin))
    if as_json:
        emit_json({"count": end - begin, "prefixes": [{"prefix": name, "record": record} for name, record in listed]})
    else:
        draw_table("", ["prefix", *chosen], [[name, *record.values()] for name, record in listed], numbers=0)
        if shown < end:
            facts({"more": f"{end - shown:,} of {end - begin:,}"})
    if begin == end:
        raise typer.Exit(ExitCode.MISSING_KEY)


def warm_up(as_json: Json = False) -> None:
    """Compile the kernels of prefix tables now, so that no first large batch waits for it.

    They are kept on disk; a process loads them in tenths of a second.
    """
    took: dict[str, float | None] = {}
    for name, prefix in (("ip", "10.0.0.0/8"), ("digits", "49"), ("text", "a")):
        started = time.perf_counter()
        kind: Any = "bytes" if name == "text" else name
        took[name] = time.perf_counter() - started if PrefixTable.build([prefix], kind=kind).warm_up() else None
    if as_json:
        emit_json({"seconds": took})
    else:
        facts({name: "not compiled: numba is off or missing" if s is None else f"{s:.2f} s" for name, s in took.items()})


def _report(opened: Table) -> dict[str, Any]:
    return {
        "content": opened.content,
        "kind": index_of(opened).kind,
        "key": opened.key_name if isinstance(opened, RouteTable) else None,
        "columns": list(opened.column_names) if isinstance(opened, RouteTable) else [],
        "stats": dict(index_of(opened).stats),
    }


def _range(index: PrefixTable, prefix: str) -> tuple[int, int]:
    """The ranks of what lies under a prefix as it is written on the command line."""
    lengths = None
    if index.kind == "bits":
        word, _, bits = prefix.partition("/")
        if not (word.isdecimal() and bits.isdecimal() and len(word) <= _WORD_DIGITS and len(bits) <= _WORD_DIGITS):
            raise ArgumentError(f"PREFIX {prefix!r} is not WORD/LENGTH", hint="Two whole numbers, such as 6148914691236517205/8")
        asked, lengths = int(word), int(bits)
    else:
        asked = written_key(prefix, written_kind(index))
    low, high = index.range_many([asked], lengths=lengths)
    return int(low[0]), int(high[0])


def _prefix_text(prefix: Any) -> str:
    if isinstance(prefix, tuple):
        return f"{prefix[0]}/{prefix[1]}"
    return prefix.decode(errors="backslashreplace") if isinstance(prefix, bytes) else str(prefix)


def _row_records(opened: Table, rows: list[int], columns: list[str]) -> list[dict[str, Any]]:
    return opened.record_many(rows, columns) if isinstance(opened, RouteTable) else [{"row": row} for row in rows]


def _described(stats: dict[str, Any]) -> dict[str, str]:
    """The statistics in lines for people: pilots as one number, floats short, what was said already left out."""
    said = ("entries", "kind", "pilot_histogram")
    # A table that was loaded does not know how long its build took.
    unknown = {name for name, value in stats.items() if isinstance(value, float) and math.isnan(value)}
    told = {name: value for name, value in stats.items() if name not in said and name not in unknown}
    lines = {name.replace("_", " "): f"{v:.4g}" if isinstance(v, float) else str(v) for name, v in told.items()}
    if "pilot_histogram" not in stats:
        return lines
    pilots = np.asarray(stats["pilot_histogram"])
    mean = float(pilots @ np.arange(len(pilots)) / pilots.sum()) if pilots.sum() else 0.0
    return lines | {"mean pilot": f"{mean:.1f}"}
