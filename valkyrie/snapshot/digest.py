"""What a snapshot holds, as one digest: equal for equal content, whatever versions, edits, seeds and layouts led there."""

from __future__ import annotations

from collections.abc import Mapping

import xxhash

from valkyrie.tables import IdTable, RouteTable, Table, index_of

__all__ = ["content_digest"]

_FORMAT = b"valkyrie snapshot 1\n"


def content_digest(tables: Mapping[str, Table]) -> str:
    """XXH3-128 over the tables in their order: name, type, kind, number of keys, content sum, payload. 32 hexadecimal digits.

    Notes
    -----
    The content sums do not depend on how a table was built (`valkyrie.tables.content_sum`). The order of the tables counts, since
    lookups try them in it; and so do the values of a payload row by row, rows being what keys lead to.
    """
    digest = xxhash.xxh3_128(_FORMAT)
    for name, table in tables.items():
        index = index_of(table)
        sort = "ids" if isinstance(index, IdTable) else "prefixes"
        words = [name, sort, index.kind, str(len(table)), table.key_name if isinstance(table, RouteTable) else ""]
        for word in words:
            raw = word.encode()
            digest.update(len(raw).to_bytes(4, "little") + raw)
        digest.update(table.content_sum().to_bytes())
        digest.update(table.payload_digest() if isinstance(table, RouteTable) else bytes(16))
    return digest.hexdigest()
