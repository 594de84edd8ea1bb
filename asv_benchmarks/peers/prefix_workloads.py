"""The sets of prefixes and the rows that each fills."""

from __future__ import annotations

from .. import prefix_data, prefix_sources
from ..prefix_data import PrefixSet
from .prefix_batches import PrefixWorkload, address_texts, batch, building, held_bytes, single
from .prefix_kernels import kernel
from .prefix_ranges import listed, ranges

N_PATHS = 900_000
N_PHONE_ZONES = 200_000
LENGTHS_LISTED = (3, 5, 8)


def _zones() -> PrefixSet:
    return prefix_data.zones()[0]


def _names() -> PrefixSet:
    return prefix_data.name_set(prefix_sources.names())


def _paths() -> PrefixSet:
    surnames = prefix_sources.names()
    return prefix_data.path_set(prefix_sources.name_paths(surnames, N_PATHS), surnames)


def _routes() -> PrefixSet:
    return prefix_data.route_set(prefix_sources.route_templates())


def _suffixes() -> PrefixSet:
    suffixes = prefix_sources.public_suffixes()
    # What stands before a suffix is mostly a word: the letters of the surnames would need another package.
    words = [suffix.replace(".", "-") for suffix in suffixes]
    return prefix_data.suffix_set(suffixes, words)


PREFIX_WORKLOADS: tuple[PrefixWorkload, ...] = (
    PrefixWorkload("prefix-ip4", prefix_data.networks4, (
        batch("prefix-ip4-uniform", 0), batch("prefix-ip4-table", 100), address_texts("prefix-ip4-text"),
        single("prefix-ip4-one"), held_bytes("prefix-ip4-bytes"),
    )),
    PrefixWorkload("prefix-nested", lambda: prefix_data.networks4(nested=True), (
        batch("prefix-nested-uniform", 0), batch("prefix-nested-table", 100), building("prefix-nested-build"),
        held_bytes("prefix-nested-bytes"),
    )),
    PrefixWorkload("prefix-shuffled", lambda: prefix_data.networks4(shuffled=True), (batch("prefix-shuffled-table", 100),)),
    PrefixWorkload("prefix-ip6", prefix_data.networks6, (
        batch("prefix-ip6", 90), single("prefix-ip6-one"), held_bytes("prefix-ip6-bytes"),
    )),
    PrefixWorkload("prefix-mac", prefix_data.macs, (
        batch("prefix-mac", 90), kernel("prefix-mac-kernel"), single("prefix-mac-one"), held_bytes("prefix-mac-bytes"),
    )),
    PrefixWorkload("prefix-phones", prefix_data.phones, (
        batch("prefix-phones", 90), single("prefix-phones-one"), held_bytes("prefix-phones-bytes"),
    )),
    PrefixWorkload("prefix-zones", _zones, (batch("prefix-zones", 90, N_PHONE_ZONES), single("prefix-zones-one"))),
    PrefixWorkload("prefix-paths", _paths, (
        batch("prefix-paths", 80), single("prefix-paths-one"), held_bytes("prefix-paths-bytes"),
    )),
    PrefixWorkload("prefix-names", _names, (
        batch("prefix-names", 80), single("prefix-names-one"), held_bytes("prefix-names-bytes"),
        *(ranges(f"prefix-range-{length}", length) for length in LENGTHS_LISTED),
        *(listed(f"prefix-rows-{length}", length) for length in LENGTHS_LISTED),
    )),
    PrefixWorkload("prefix-routes", _routes, (batch("prefix-routes", 90), single("prefix-routes-one"))),
    PrefixWorkload("prefix-suffixes", _suffixes, (batch("prefix-suffixes", 90), single("prefix-suffixes-one"))),
)  # fmt: skip
