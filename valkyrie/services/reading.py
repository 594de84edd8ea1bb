"""Services in bulk, from a table with a row an endpoint."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from valkyrie.arrays import Strings, payload_column, read_frame
from valkyrie.errors import ArgumentError, ValkyrieError
from valkyrie.services.endpoint import Endpoint
from valkyrie.services.service import Service
from valkyrie.services.services import Services

__all__ = ["read_services"]

_COLUMNS = ("port", "protocol", "version", "weight", "zone", "region", "priority", "capacity", "hash_key", "health", "admin")


def read_services(table: Any, *, policy: Any = "maglev", **settings: Any) -> Services:
    """Services from a table of endpoints.

    Parameters
    ----------
    table : DataFrame of pandas or polars, Arrow table, Columns, structured array or mapping of columns
        A row an endpoint. Columns ``service`` and ``address`` must be there; ``port``, ``protocol``, ``version``, ``weight``,
        ``zone``, ``region``, ``priority``, ``capacity``, ``hash_key``, ``health`` and ``admin`` may be, and nulls in them are
        their defaults. Any other column is metadata, as text; a null is no entry.
    policy : str, Policy, or mapping of service name to either
    **settings
        ``tags``, ``panic_threshold``, ``overprovision``, ``max_ejected`` of `Service`, for all of them.

    Returns
    -------
    Services
        In the order in which they first occur.

    Raises
    ------
    ArgumentError
        A column is missing, or a row is no endpoint; the message names the row.
    """
    frame = read_frame(table, "table")
    columns = {name: _items(name, frame.column(name)) for name in frame.names}
    for name in ("service", "address"):
        if name not in columns:
            raise ArgumentError(f"table: there is no column {name!r}", hint=f"The columns are {', '.join(map(repr, columns))}")
    others = [name for name in columns if name not in (*_COLUMNS, "service", "address")]
    endpoints: dict[str, list[Endpoint]] = {}
    for row, (service, address) in enumerate(zip(columns["service"], columns["address"], strict=True)):
        facts = {name: columns[name][row] for name in _COLUMNS if name in columns and columns[name][row] is not None}
        metadata = {name: str(columns[name][row]) for name in others if columns[name][row] is not None}
        try:
            if not isinstance(service, str):
                raise ArgumentError(f"service: {service!r} is no name", hint="Give every row one")
            endpoints.setdefault(service, []).append(Endpoint(address=address, metadata=metadata, **facts))
        except ValkyrieError as error:
            raise ArgumentError(f"table: row {row}: {error.message}", hint=error.hint, row=row) from error
    policies = policy if isinstance(policy, Mapping) else dict.fromkeys(endpoints, policy)
    return Services.of(
        Service(name, tuple(members), policies.get(name, "maglev"), **settings) for name, members in endpoints.items()
    )


def _items(name: str, column: Any) -> list[Any]:
    values, nulls = payload_column(column, name)
    if isinstance(values, Strings):
        return list(values.to_objects().tolist())
    items = values.tolist()
    if values.dtype.kind == "f":
        nulls = np.isnan(values) if nulls is None else nulls | np.isnan(values)
        if name in ("port", "priority"):  # integers that pandas made floats, for the sake of nulls
            items = [int(item) if item == item and item == int(item) else item for item in items]
    return items if nulls is None else [None if gone else item for item, gone in zip(items, nulls.tolist(), strict=True)]
