"""``valkyrie info``, ``verify``, ``get``: one table file, looked at, checked, asked."""

from __future__ import annotations

import codecs
import math
import os
import re
import sys
import time
import uuid
from typing import Annotated, Any, TypeAlias

import numpy as np
import typer

from valkyrie.arrays import require_column
from valkyrie.cli.exit_codes import ExitCode
from valkyrie.cli.opening import open_table
from valkyrie.cli.options import Columns, Json, TableFile, names
from valkyrie.cli.progress import progress_bar
from valkyrie.cli.reporting import bytes_text, emit_json, facts
from valkyrie.cli.reporting import table as draw_table
from valkyrie.errors import ArgumentError, SourceError
from valkyrie.tables import IdTable, PrefixTable, RouteTable

__all__ = ["enumerate_prefixes", "get", "info", "verify", "warm_up"]

_LISTED_AT_ONCE = 4096

Opened: TypeAlias = IdTable | PrefixTable | RouteTable


def info(table: TableFile, as_json: Json = False) -> None:
    """Say what a table file holds."""
    opened = open_table(table)
    index = _index(opened)
    stats = dict(index.stats)
    report: dict[str, Any] = {
        "file": table,
        "bytes": os.path.getsize(table),
        "content": _content(opened),
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
    index = _index(open_table(table, verify="full"))
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
    opened = open_table(table)
    chosen = _chosen(opened, columns)
    kind = _written_kind(_index(opened))
    answers = [_answer(opened, text, kind, chosen) for text in _asked(keys, kind)]
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


def enumerate_prefixes(
    table: TableFile,
    prefix: Annotated[str, typer.Argument(metavar="PREFIX", help="A prefix; bits as WORD/LENGTH.", show_default=False)],
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="Most prefixes to list.", show_default=False)] = None,
    columns: Columns = None,
    as_json: Json = False,
) -> None:
    """List the prefixes that lie under one, itself included, in sorted order.

    Exit code 1 says there is none.
    """
    opened = open_table(table)
    index = _index(opened)
    if not isinstance(index, PrefixTable):
        raise ArgumentError(f"{table}: its keys are looked up whole", hint="Build it with --kind ip, digits, path or the like")
    chosen = _chosen(opened, columns)
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


def _range(index: PrefixTable, prefix: str) -> tuple[int, int]:
    """The ranks of what lies under a prefix as it is written on the command line."""
    lengths = None
    if index.kind == "bits":
        word, _, bits = prefix.partition("/")
        if not (word.isdecimal() and bits.isdecimal()):
            raise ArgumentError(f"PREFIX {prefix!r} is not WORD/LENGTH", hint="Two whole numbers, such as 6148914691236517205/8")
        asked, lengths = int(word), int(bits)
    else:
        asked = _key(prefix, _written_kind(index))
    low, high = index.range_many([asked], lengths=lengths)
    return int(low[0]), int(high[0])


def _chosen(opened: Opened, columns: str | None) -> list[str]:
    """The columns of an answer."""
    wanted = names(columns)
    if not isinstance(opened, RouteTable):
        if wanted is not None:
            raise ArgumentError(f"--columns {columns}: the table has no payload", hint="It maps keys to rows")
        return ["row"]
    chosen = opened.column_names if wanted is None else wanted
    for name in chosen:
        require_column(opened.column_names, name)
    return chosen


def _content(opened: Opened) -> str:
    if isinstance(opened, RouteTable):
        return "route_table"
    return "prefix_table" if isinstance(opened, PrefixTable) else "id_table"


def _written_kind(index: IdTable | PrefixTable) -> str:
    """What a key on the command line is read as."""
    if isinstance(index, PrefixTable):
        return {"bits": "int", "bytes": "bytes", "path": "bytes"}.get(index.kind, "text")
    return index.kind


def _prefix_text(prefix: Any) -> str:
    if isinstance(prefix, tuple):
        return f"{prefix[0]}/{prefix[1]}"
    return prefix.decode(errors="backslashreplace") if isinstance(prefix, bytes) else str(prefix)


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


def _answer(opened: Opened, text: str, kind: str, columns: list[str]) -> dict[str, Any]:
    """What one key maps to; ``error`` says why a text is no key."""
    try:
        key = _key(text, kind)
    except ValueError as error:
        return {"key": text, "found": False, "record": None, "error": str(error)}
    record = _record(opened, key, columns)
    return {"key": text, "found": record is not None, "record": record}


def _index(opened: Opened) -> IdTable | PrefixTable:
    return opened.index if isinstance(opened, RouteTable) else opened


def _record(opened: Opened, key: Any, columns: list[str]) -> dict[str, Any] | None:
    if isinstance(opened, RouteTable):
        record: dict[str, Any] | None = opened.route(key)
        return None if record is None else {name: record[name] for name in columns}
    row = opened.lookup(key) if isinstance(opened, PrefixTable) else opened.get(key)
    return None if row is None else {"row": row}


def _row_records(opened: Opened, rows: list[int], columns: list[str]) -> list[dict[str, Any]]:
    return opened.record_many(rows, columns) if isinstance(opened, RouteTable) else [{"row": row} for row in rows]


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
    if kind == "text":
        return text.strip()
    return text.encode(errors="surrogateescape")


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
