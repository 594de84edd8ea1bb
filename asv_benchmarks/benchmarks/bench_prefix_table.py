"""PrefixTable: lookups, ranges, builds and memory, on drawn prefixes that need no package."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

import valkyrie as vk
from asv_benchmarks import prefix_data, prefix_sources
from asv_benchmarks.prefix_data import PrefixSet

N_PREFIXES = 30_000
N_QUERIES = 100_000
KINDS = ["ip4", "ip6", "bits", "digits", "bytes", "path", "suffix"]


@cache
def draw(kind: str) -> PrefixSet:
    """A set of each kind."""
    if kind == "ip4":
        return prefix_data.drawn_networks4(N_PREFIXES)
    if kind == "ip6":
        return prefix_data.drawn_networks6(N_PREFIXES)
    if kind == "bits":
        return prefix_data.drawn_macs(N_PREFIXES)
    if kind == "digits":
        return prefix_data.drawn_digits(N_PREFIXES)
    names = prefix_data.drawn_names(N_PREFIXES)
    if kind == "bytes":
        return prefix_data.name_set(names)
    if kind == "path":
        return prefix_data.path_set(prefix_sources.name_paths(names, N_PREFIXES), names)
    return prefix_data.suffix_set([f"{name[4:]}.{name[:4]}" if len(name) > 4 else name for name in names], names)


def as_ours(kind: str, keys: Any) -> Any:
    """Keys of a set in the array that `valkyrie.PrefixTable` takes."""
    return np.ascontiguousarray(keys.astype(">u8")).view("V16").reshape(-1) if kind == "ip6" else keys


def build(prefixes: PrefixSet) -> vk.PrefixTable:
    """Rows are the positions."""
    kind: Any = "ip" if prefixes.kind in ("ip4", "ip6") else prefixes.kind
    return vk.PrefixTable.build(as_ours(prefixes.kind, prefixes.keys), kind=kind, lengths=prefixes.lengths)


class LookupMany:
    """Batches of 1e5 queries by kind, nine of ten inside a prefix; kernels are compiled, or loaded, in the setup."""

    params = (KINDS,)
    param_names = ("kind",)
    timeout = 300

    def setup(self, kind: str) -> None:
        """Build, ask and warm up."""
        prefixes = draw(kind)
        self.table = build(prefixes)
        queries = prefixes.asked(N_QUERIES, 90)
        self.keys = as_ours(kind, queries.keys)
        self.table.warm_up()
        assert np.array_equal(self.table.lookup_many(self.keys), queries.rows)

    def time_lookup_many(self, kind: str) -> None:
        """Fresh output."""
        self.table.lookup_many(self.keys)


class Options:
    """What options of a batch of 1e5 addresses cost."""

    timeout = 120

    def setup(self) -> None:
        """Build and warm up."""
        prefixes = draw("ip4")
        self.table = build(prefixes)
        self.keys = prefixes.asked(N_QUERIES, 90).keys
        self.out = np.empty(N_QUERIES, np.int32)
        self.table.warm_up()

    def time_into(self) -> None:
        """The caller's output."""
        self.table.lookup_many(self.keys, out=self.out)

    def time_with_length(self) -> None:
        """Rows and lengths."""
        self.table.lookup_many(self.keys, return_length=True)


class OneKey:
    """Keys one by one, as a program has them."""

    params = (["ip4", "bits", "digits", "path"],)
    param_names = ("kind",)
    timeout = 120

    def setup(self, kind: str) -> None:
        """Build, and draw a thousand keys."""
        from asv_benchmarks.peers.prefix_forms import each_key

        prefixes = draw(kind)
        self.table = build(prefixes)
        self.keys = each_key(kind, prefixes.asked(1_000, 100).keys)

    def time_lookup_1000(self, kind: str) -> None:
        """A thousand calls."""
        lookup = self.table.lookup
        for key in self.keys:
            lookup(key)


class Texts:
    """Addresses and numbers as lists of text, from the list to the rows."""

    params = (["ip4", "ip6", "digits"],)
    param_names = ("kind",)
    timeout = 120

    def setup(self, kind: str) -> None:
        """Build, and write 1e5 queries out."""
        from asv_benchmarks.peers.prefix_forms import each_key

        prefixes = draw(kind)
        self.table = build(prefixes)
        self.table.warm_up()
        self.keys = each_key(kind, prefixes.asked(N_QUERIES, 90).keys)
        self.table.lookup_many(self.keys)

    def time_lookup_many(self, kind: str) -> None:
        """Parsing and search."""
        self.table.lookup_many(self.keys)


class Under:
    """What lies under the first bytes of names."""

    params = ([2, 8],)
    param_names = ("length",)
    timeout = 120

    def setup(self, length: int) -> None:
        """Build, and cut 1e4 beginnings off."""
        prefixes = draw("bytes")
        self.table = build(prefixes)
        self.table.warm_up()
        drawn = np.random.default_rng(length).integers(0, len(prefixes), 10_000)
        self.prefixes = prefixes.keys[drawn].astype(f"S{length}")
        self.table.range_many(self.prefixes)

    def time_range_many(self, length: int) -> None:
        """Ranges of ranks."""
        self.table.range_many(self.prefixes)

    def time_enumerate_many(self, length: int) -> None:
        """Rows."""
        self.table.enumerate_many(self.prefixes[:1_000])


class Build:
    """Building from arrays."""

    params = (KINDS,)
    param_names = ("kind",)
    timeout = 120

    def setup(self, kind: str) -> None:
        """Draw the prefixes."""
        self.prefixes = draw(kind)

    def time_build(self, kind: str) -> None:
        """Rows are the positions."""
        build(self.prefixes)


class Memory:
    """What a build takes, and what is held then."""

    params = (["ip4", "ip6", "path"],)
    param_names = ("kind",)
    timeout = 120

    def setup(self, kind: str) -> None:
        """Draw the prefixes."""
        self.prefixes = draw(kind)

    def peakmem_build(self, kind: str) -> None:
        """Compare with ``peakmem_prefixes_only``: peak memory counts everything since the process began."""
        build(self.prefixes)

    def peakmem_prefixes_only(self, kind: str) -> None:
        """The baseline: interpreter, imports and prefixes."""

    def track_bytes_per_prefix(self, kind: str) -> float:
        """Of what a longest-match lookup reads."""
        return float(build(self.prefixes).stats.index_bytes_per_entry)

    track_bytes_per_prefix.unit = "bytes/prefix"  # type: ignore[attr-defined]
