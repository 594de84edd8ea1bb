"""Columns as text and as HTML: a head of rows, aligned; names and texts of others are escaped."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

__all__ = ["html_table", "text_table"]

_WIDTH = 40
_COLUMNS = 12


def text_table(title: str, n: int, names: Sequence[str], kinds: Sequence[str], cells: Sequence[Sequence[Any]]) -> str:
    """Draw columns as aligned text.

    Parameters
    ----------
    title : str
        What the columns are.
    n : int
        Rows in all.
    names, kinds : sequence of str, length m
        Name and type of each column.
    cells : sequence of m sequences
        The first rows of each column; None is missing.
    """
    lines = [_summary(title, n, len(names))]
    shown = [[_printable(name), kind, *map(_cell, column)] for name, kind, column in _first(names, kinds, cells)]
    if not shown:
        return lines[0]
    widths = [max(map(len, column)) for column in shown]
    right = [_is_number(kind) for kind in kinds]
    for row in zip(*shown, strict=True):
        parts = [cell.rjust(w) if r else cell.ljust(w) for cell, w, r in zip(row, widths, right, strict=False)]
        lines.append(("  " + "  ".join(parts)).rstrip())
    lines.extend(_rest(n, len(cells[0]), len(names)))
    return "\n".join(lines)


def html_table(title: str, n: int, names: Sequence[str], kinds: Sequence[str], cells: Sequence[Sequence[Any]]) -> str:
    """Draw columns as an HTML table in the colours of the page; parameters as ``text_table``."""
    import html

    rule = "border-bottom:1px solid currentColor"
    columns = _first(names, kinds, cells)
    aligned = ["right" if _is_number(kind) else "left" for _, kind, _ in columns]
    titles = [f"{html.escape(_printable(name))}<br><small>{html.escape(kind)}</small>" for name, kind, _ in columns]
    head = "".join(f'<th style="text-align:{side};{rule}">{label}</th>' for label, side in zip(titles, aligned, strict=True))
    rows = [
        "".join(
            f'<td style="text-align:{side}">{html.escape(_cell(value))}</td>' for value, side in zip(row, aligned, strict=True)
        )
        for row in zip(*(column for _, _, column in columns), strict=True)
    ]
    body = "".join(f"<tr>{row}</tr>" for row in rows)
    rest = "".join(f"<div>{line.strip()}</div>" for line in _rest(n, len(rows), len(names)))
    caption = html.escape(_summary(title, n, len(names)))
    return (
        f'<div>{caption}</div><table style="color:currentColor"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{rest}'
    )


def _first(names: Sequence[str], kinds: Sequence[str], cells: Sequence[Sequence[Any]]) -> list[tuple[str, str, Sequence[Any]]]:
    return list(zip(names, kinds, cells, strict=True))[:_COLUMNS]


def _summary(title: str, n: int, m: int) -> str:
    return f"{title}: {n:,} row{'s' * (n != 1)}, {m} column{'s' * (m != 1)}"


def _rest(n: int, shown_rows: int, m: int) -> list[str]:
    lines = []
    if n > shown_rows and m:
        lines.append(f"  … {n - shown_rows:,} more rows")
    if m > _COLUMNS:
        lines.append(f"  … {m - _COLUMNS} more columns")
    return lines


def _is_number(kind: str) -> bool:
    return kind.startswith(("int", "uint", "float", "complex"))


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    return _printable(value if isinstance(value, str) else str(value))


def _printable(text: str) -> str:
    # control characters would move the cursor of a terminal or break the line
    clean = "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text[: _WIDTH + 1])
    return clean if len(clean) <= _WIDTH else clean[: _WIDTH - 1] + "…"
