"""``valkyrie info``, ``verify``, ``get``: one table file, looked at, checked, asked."""

from __future__ import annotations

import codecs
import math
import os
import re
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
from valkyrie.errors import ArgumentError, SourceError
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
    """Look keys up; exit code 1 says one is missing, or is no key at all.

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
    answers = [_answer(opened, text, index.kind, chosen) for text in _asked(keys, index.kind)]
    if as_json:
        emit_json({"keys": answers})
    else:
        lines = []
        for answer in answers:
            absent = [f"({answer.get('error', 'not in the table')})"] + [""] * (len(chosen) - 1)
            lines.append([answer["key"], *(answer["record"].values() if answer["found"] else absent)])
        draw_table("", ["key", *chosen], lines, numbers=0)
    if not all(answer["found"] for answer in answers):
        raise typer.Exit(ExitCode.MISSING_KEY)


def _asked(keys: list[str], kind: str) -> list[str]:
    """The texts of the keys, with the lines of standard input for ``-``; bytes that are no UTF-8 as Python has them."""
    texts = []
    for key in keys:
        if key != "-":
            texts.append(key)
            continue
        if sys.stdin is None:
            raise SourceError("cannot read standard input: it is closed", hint="Redirect it from a file, or name the keys")
        # Only a line feed ends a line: a key may hold whatever else is called a line break.
        for line in sys.stdin.buffer.read().removeprefix(codecs.BOM_UTF8).split(b"\n"):
            line = line.removesuffix(b"\r")
            if line if kind == "bytes" else line.strip():
                texts.append(line.decode(errors="surrogateescape"))
    return texts


def _answer(opened: IdTable | RouteTable, text: str, kind: str, columns: list[str]) -> dict[str, Any]:
    """What one key maps to; ``error`` says why a text is no key."""
    try:
        key = _key(text, kind)
    except ValueError as error:
        return {"key": text, "found": False, "record": None, "error": str(error)}
    record = _record(opened, key, columns)
    return {"key": text, "found": record is not None, "record": record}


def _index(opened: IdTable | RouteTable) -> IdTable:
    return opened.index if isinstance(opened, RouteTable) else opened


def _record(opened: IdTable | RouteTable, key: Any, columns: list[str]) -> dict[str, Any] | None:
    if isinstance(opened, RouteTable):
        record: dict[str, Any] | None = opened.route(key)
        return None if record is None else {name: record[name] for name in columns}
    row = opened.get(key)
    return None if row is None else {"row": row}


def _key(text: str, kind: str) -> Any:
    if kind == "int":
        if re.fullmatch(r"[-+]?[0-9]+", text.strip()) is None:
            raise ValueError("not an integer")
        # Beyond some length Python refuses; no table holds such a number.
        return int(text) if len(text) < 1000 else 1 << 70
    if kind == "b16":
        try:
            return uuid.UUID(text.strip())
        except ValueError:
            raise ValueError("not a UUID") from None
    return text.encode(errors="surrogateescape")


def _described(stats: dict[str, Any]) -> dict[str, str]:
    """The statistics in lines for people: pilots as one number, floats short, what was said already left out."""
    pilots = np.asarray(stats["pilot_histogram"])
    mean = float(pilots @ np.arange(len(pilots)) / pilots.sum()) if pilots.sum() else 0.0
    said = ("entries", "kind", "pilot_histogram")
    # A table that was loaded does not know how long its build took.
    unknown = {name for name, value in stats.items() if isinstance(value, float) and math.isnan(value)}
    told = {name: value for name, value in stats.items() if name not in said and name not in unknown}
    lines = {name.replace("_", " "): f"{v:.4g}" if isinstance(v, float) else str(v) for name, v in told.items()}
    return lines | {"mean pilot": f"{mean:.1f}"}
