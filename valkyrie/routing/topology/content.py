"""What a topology holds, as one digest: equal for equal content, in whatever order nodes and links were given."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import xxhash

from valkyrie.records import LINK, NODE, REGION
from valkyrie.routing.topology.names import Names
from valkyrie.typing import AnyArray, Int32Array

__all__ = ["topology_digest"]

_FORMAT = b"valkyrie topology 1\n"


def topology_digest(
    names: Names, nodes: AnyArray, links: AnyArray, region_names: Names, regions: AnyArray, directed: bool
) -> str:
    """XXH3-128 over regions and nodes in the order of their names, then links by their ends and fields. 32 hexadecimal digits.

    Positions count as ranks among the names, so the order of the rows does not. A link without a direction runs from the lower
    rank to the higher.
    """
    node_rank, region_rank = names.ranks(), region_names.ranks()
    digest = xxhash.xxh3_128(_FORMAT + bytes([directed]))
    places = np.zeros(len(regions), REGION)
    places["parent"][region_rank] = _translated(region_rank, regions["parent"])
    points = np.zeros(len(nodes), NODE)
    points[node_rank] = nodes
    points["region"][node_rank] = _translated(region_rank, nodes["region"])
    lines = links.astype(LINK)
    ends = np.stack([node_rank[links["source"]], node_rank[links["target"]]])
    lines["source"], lines["target"] = ends if directed else (ends.min(0), ends.max(0))
    lines = lines[np.lexsort([lines[name] for name in reversed(LINK.names or ()) if name != "reserved"])]
    for texts, records in ((region_names, places), (names, points), ((), lines)):
        for part in (*_texts(texts), records.tobytes()):
            digest.update(len(part).to_bytes(8, "little") + part)
    return digest.hexdigest()


def _texts(names: Names | tuple[()]) -> Iterable[bytes]:
    return sorted(text.encode() for text in (names.texts if names else ()))


def _translated(ranks: Int32Array, positions: Int32Array) -> Int32Array:
    return np.append(ranks, np.int32(-1))[positions]
