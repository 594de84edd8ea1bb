"""``valkyrie snapshot history``, ``rollback``: a directory that snapshots are published to."""

from __future__ import annotations

import math
import time
from typing import Annotated, Any

import typer

from valkyrie.cli.options import Json
from valkyrie.cli.reporting import bytes_text, emit_json, facts
from valkyrie.cli.reporting import table as draw_table
from valkyrie.snapshot import SnapshotManager
from valkyrie.snapshot.published_directory import directory_history

__all__ = ["history", "rollback"]

Directory = Annotated[str, typer.Argument(metavar="DIR", help="What a manager publishes to.", show_default=False)]


def history(directory: Directory, as_json: Json = False) -> None:
    """List the versions that a directory keeps, the oldest first."""
    versions = [dict(zip(rows, row, strict=True)) for rows in [_versions(directory)] for row in zip(*rows.values(), strict=True)]
    if as_json:
        emit_json({"directory": directory, "versions": versions})
        return
    lines = [
        [each["version"], _date(each["created_at"]), bytes_text(each["bytes"]), bytes_text(each["new_bytes"]), _state(each)]
        for each in versions
    ]
    draw_table("", ["version", "published", "bytes", "new bytes", "digest"], lines, numbers=0)


def rollback(
    directory: Directory,
    version: Annotated[int, typer.Argument(metavar="VERSION", help="Whose content to publish again.", show_default=False)],
    as_json: Json = False,
) -> None:
    """Publish an old version again, under a new number; followers take it up.

    Refused, with code 6, while another process publishes to DIR.
    """
    kept = len(_versions(directory)["version"])
    # All that is there stays there: how much is kept is for the directory's own publisher to say.
    options: dict[str, Any] = {"history": kept + 1, "history_bytes": 1 << 62}
    with SnapshotManager.resume(directory, **options) as manager, manager.publish_to(directory, retain=kept + 1):
        before = manager.current.version
        published = manager.rollback(version)
    report = {"directory": directory, "version": published.version, "content_of": version, "before": before}
    if as_json:
        emit_json(report | {"digest": published.digest})
    else:
        facts({"published": f"version {published.version}, with the content of {version}; it was at {before}"})


def _versions(directory: str) -> dict[str, list[Any]]:
    found = directory_history(directory)
    return {name: found[name].tolist() for name in found.names}


def _date(created_at: float) -> str:
    return "" if math.isnan(created_at) else time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(created_at))


def _state(version: dict[str, Any]) -> str:
    return str(version["digest"] if version["error"] is None else f"unreadable: {version['error']}")
