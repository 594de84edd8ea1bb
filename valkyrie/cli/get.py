"""``valkyrie get``: keys looked up in a table file, or in the tables of a snapshot."""

from __future__ import annotations

import codecs
import re
import sys
import uuid
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from valkyrie.cli.exit_codes import ExitCode
from valkyrie.cli.opening import chosen_columns, open_tables
from valkyrie.cli.options import Columns, Json, TableFile, TableName
from valkyrie.cli.reporting import emit_json
from valkyrie.cli.reporting import table as draw_table
from valkyrie.errors import AmbiguousKeyError, ArgumentError, SourceError
from valkyrie.snapshot import Table
from valkyrie.snapshot.kinds import table_kind
from valkyrie.tables import IdTable, PrefixTable, RouteTable, index_of

__all__ = ["get", "written_key", "written_kind"]


def get(
    table: TableFile,
    keys: Annotated[
        list[str],
        typer.Argument(metavar="KEY...", help="Keys; - reads them from standard input, one a line.", show_default=False),
    ],
    name: TableName = None,
    columns: Columns = None,
    as_json: Json = False,
) -> None:
    """Look keys up; exit code 1 says one is missing, or is no key at all.

    Those of a snapshot are tried in order, as long as all that could hold the
    key are of one kind; --table names one. Put -- before negative numbers.
    """
    tables = open_tables(table, table=name)
    if len(tables) > 1 and columns is not None:
        raise ArgumentError(
            f"--columns {columns}: the file holds several tables", hint=f"Name one with --table: {', '.join(tables)}"
        )
    chosen = {each: chosen_columns(opened, columns) for each, opened in tables.items()}
    written = {written_kind(index_of(each)) for each in tables.values()}
    answers = [_answer(tables, text, chosen) for text in _asked(keys, written)]
    if as_json:
        emit_json({"keys": answers})
    elif len(tables) > 1:
        draw_table("", ["key", "table", "record"], [[a["key"], a["table"], _told(a)] for a in answers], numbers=0)
    else:
        (wanted,) = chosen.values()
        lines = []
        for answer in answers:
            absent = [f"({answer.get('error', 'not in the table')})"] + [""] * (len(wanted) - 1)
            lines.append([answer["key"], *(answer["record"].values() if answer["found"] else absent)])
        draw_table("", ["key", *wanted], lines, numbers=0)
    if not all(answer["found"] for answer in answers):
        raise typer.Exit(ExitCode.MISSING_KEY)


def _told(answer: dict[str, Any]) -> str:
    if not answer["found"]:
        return f"({answer.get('error', 'in no table')})"
    return ", ".join(f"{name} {'null' if value is None else value}" for name, value in answer["record"].items())


def _answer(tables: Mapping[str, Table], text: str, columns: Mapping[str, list[str]]) -> dict[str, Any]:
    """What one key maps to; ``error`` says why a text is no key. Of several tables, ``table`` is the one that answered."""
    read, errors = {}, []
    for name, opened in tables.items():
        try:
            read[name] = written_key(text, written_kind(index_of(opened)))
        except ValueError as error:
            errors.append(str(error))
    kinds = {name: table_kind(tables[name]) for name in read}
    if len(set(kinds.values())) > 1:
        named = ", ".join(f"{name} ({kind})" for name, kind in kinds.items())
        raise AmbiguousKeyError(
            f"KEY {text!r}: tables of several kinds could hold it: {named}",
            hint=f"Name one, such as --table {next(iter(read))}",
            tables=list(read),
        )
    several = len(tables) > 1
    for name, key in read.items():
        record = _record(tables[name], key, columns[name])
        if record is not None:
            return {"key": text, "found": True, "record": record} | ({"table": name} if several else {})
    absent = {"key": text, "found": False, "record": None} | ({"table": None} if several else {})
    return absent if read else absent | {"error": " and ".join(dict.fromkeys(errors))}


def written_kind(index: IdTable | PrefixTable) -> str:
    """What a key on the command line is read as."""
    if isinstance(index, PrefixTable):
        return {"bits": "int", "bytes": "bytes", "path": "bytes"}.get(index.kind, "text")
    return index.kind


def _asked(keys: list[str], kinds: set[str]) -> list[str]:
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
            if line if "bytes" in kinds else line.strip():
                texts.append(line.decode(errors="surrogateescape"))
    return texts


def _record(opened: Table, key: Any, columns: list[str]) -> dict[str, Any] | None:
    if isinstance(opened, RouteTable):
        record: dict[str, Any] | None = opened.route(key)
        return None if record is None else {name: record[name] for name in columns}
    row = opened.lookup(key) if isinstance(opened, PrefixTable) else opened.get(key)
    return None if row is None else {"row": row}


def written_key(text: str, kind: str) -> Any:
    """A key from its text on the command line; ValueError says why it is none."""
    if kind == "int":
        if re.fullmatch(r"[-+]?[0-9]+", text.strip()) is None:
            raise ValueError("not an integer")
        sign, digits = ("-" if "-" in text else ""), text.strip().lstrip("+-").lstrip("0")
        # Beyond some length Python refuses; no table holds such a number.
        return int(f"{sign}{digits or 0}") if len(digits) < 1000 else 1 << 70
    if kind == "b16":
        try:
            return uuid.UUID(text.strip())
        except ValueError:
            raise ValueError("not a UUID") from None
    if kind == "text":
        return text.strip()
    return text.encode(errors="surrogateescape")
