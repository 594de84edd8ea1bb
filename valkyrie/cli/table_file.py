"""``valkyrie info``, ``verify``, ``get``: one table file, looked at, checked, asked."""

from __future__ import annotations

import os
import sys
import time
import uuid
from typing import Annotated, Any

import numpy as np
import typer

import valkyrie as vk
from valkyrie.arrays import require_column
from valkyrie.cli.exit_codes import ExitCode
from valkyrie.cli.options import Columns, Json, TableFile, names
from valkyrie.cli.reporting import bytes_text, emit_json, facts
from valkyrie.cli.reporting import table as draw_table
from valkyrie.errors import ArgumentError, KeyTypeError
from valkyrie.tables import IdTable, RouteTable

__all__ = ["get", "info", "verify"]


def info(table: TableFile, as_json: Json = False) -> None:
    """Say what a table file holds."""
    opened = vk.load(table)
    index = _index(opened)
    stats = dict(index.stats)
    report: dict[str, Any] = {
        "file": table,
        "bytes": os.path.getsize(table),
        "content": "route_table" if isinstance(opened, RouteTable) else "id_table",
        "kind": index.kind,
        "key": opened.key_name if isinstance(opened, RouteTable) else None,
        "columns": list(opened.column_names) if isinstance(opened, RouteTable) else [],
    }
    if as_json:
        emit_json(report | {"stats": stats})
        return
    facts(
        {
            "table": f"{table}, {bytes_text(report['bytes'])}",
            "keys": f"{len(index):,} ({index.kind}{', column ' + repr(report['key']) if report['key'] else ''})",
            "columns": ", ".join(report["columns"]) or "none: keys map to rows",
            **_described(stats),
        }
    )


def verify(table: TableFile, as_json: Json = False) -> None:
    """Check every byte and every key of a table file; exit code 4 says it is damaged."""
    started = time.perf_counter()
    index = _index(vk.load(table, verify="full"))
    index.check()
    seconds, size = time.perf_counter() - started, os.path.getsize(table)
    if as_json:
        emit_json({"file": table, "ok": True, "bytes": size, "entries": len(index), "seconds": seconds})
    else:
        facts({"ok": f"{table}: {bytes_text(size)}, {len(index):,} keys, {seconds:.2f} s"})


def get(
    table: TableFile,
    keys: Annotated[
        list[str],
        typer.Argument(metavar="KEY...", help="Keys; - reads them from standard input, one a line.", show_default=False),
    ],
    columns: Columns = None,
    as_json: Json = False,
) -> None:
    """Look keys up; exit code 1 says one is missing.

    Put -- before negative numbers.
    """
    opened = vk.load(table)
    index = _index(opened)
    wanted = names(columns)
    if isinstance(opened, RouteTable):
        chosen = opened.column_names if wanted is None else wanted
        for name in chosen:
            require_column(opened.column_names, name)
    elif wanted is None:
        chosen = ["row"]
    else:
        raise ArgumentError(f"--columns {columns}: the table has no payload", hint="It maps keys to rows")
    texts = [line for key in keys for line in (sys.stdin.read().splitlines() if key == "-" else [key])]
    records = [_record(opened, _key(text, index.kind), chosen) for text in texts]
    if as_json:
        answers = zip(texts, records, strict=True)
        emit_json({"keys": [{"key": t, "found": r is not None, "record": r} for t, r in answers]})
    else:
        blank = ["(not in the table)"] + [""] * (len(chosen) - 1)
        lines = [[t, *(r.values() if r is not None else blank)] for t, r in zip(texts, records, strict=True)]
        draw_table("", ["key", *chosen], lines, numbers=0)
    if None in records:
        raise typer.Exit(ExitCode.MISSING_KEY)


def _index(opened: IdTable | RouteTable) -> IdTable:
    return opened.index if isinstance(opened, RouteTable) else opened


def _record(opened: IdTable | RouteTable, key: Any, columns: list[str]) -> dict[str, Any] | None:
    if isinstance(opened, RouteTable):
        record: dict[str, Any] | None = opened.route(key)
        return None if record is None else {name: record[name] for name in columns}
    row = opened.get(key)
    return None if row is None else {"row": row}


def _key(text: str, kind: str) -> Any:
    try:
        if kind == "int":
            return int(text)
        return uuid.UUID(text) if kind == "b16" else text
    except ValueError:
        wanted = "an integer" if kind == "int" else "a UUID"
        raise KeyTypeError(f"KEY {text!r} is not {wanted}", hint=f"The table holds keys of kind {kind!r}") from None


def _described(stats: dict[str, Any]) -> dict[str, str]:
    """The statistics in lines for people: pilots as one number, floats short, what was said already left out."""
    pilots = np.asarray(stats["pilot_histogram"])
    mean = float(pilots @ np.arange(len(pilots)) / pilots.sum()) if pilots.sum() else 0.0
    told = {name: value for name, value in stats.items() if name not in ("entries", "kind", "pilot_histogram")}
    lines = {name.replace("_", " "): f"{v:.4g}" if isinstance(v, float) else str(v) for name, v in told.items()}
    return lines | {"mean pilot": f"{mean:.1f}"}
