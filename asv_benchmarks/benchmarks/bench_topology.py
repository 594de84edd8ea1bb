"""Paths over a topology of 1,000 nodes and 5,000 links, for columns of sources and destinations."""

from __future__ import annotations

import numpy as np

from valkyrie.routing.topology import Constraints, CostOptimized, LatencyOptimized, LoadAware, ShortestPath, Topology

SEED = 7
NODES = 1_000
LINKS = 5_000
PAIRS = 1_000_000
SOURCES = 100
STRATEGIES = {each.name: each for each in (ShortestPath, LatencyOptimized, CostOptimized, LoadAware)}


def topology() -> Topology:
    """A random one, each link drawn alike."""
    rng = np.random.default_rng(SEED)
    names = np.array([f"node-{i:04d}" for i in range(NODES)])
    source = rng.integers(0, NODES, LINKS)
    target = (source + rng.integers(1, NODES, LINKS)) % NODES
    facts = {"latency_us": rng.random(LINKS) * 100, "cost": rng.random(LINKS), "load": rng.random(LINKS)}
    return Topology({"name": names}, {"source": names[source], "target": names[target]} | facts)


class Batches:
    """1e6 pairs from 100 sources; names in lists, or positions in arrays."""

    params = (list(STRATEGIES), ["names", "positions"])
    param_names = ("strategy", "ends")
    timeout = 120

    def setup(self, strategy: str, ends: str) -> None:
        """Draw pairs, and search once, so that scipy is loaded."""
        rng = np.random.default_rng(SEED)
        self.topology = topology()
        self.a = rng.choice(NODES, SOURCES, replace=False)[rng.integers(0, SOURCES, PAIRS)]
        self.b = rng.integers(0, NODES, PAIRS)
        if ends == "names":
            texts = self.topology.names.texts
            self.a, self.b = ([texts[i] for i in column] for column in (self.a, self.b))
        self.warm = STRATEGIES[strategy](self.topology)
        self.warm.route_many(self.a, self.b)

    def time_first_search(self, strategy: str, ends: str) -> None:
        """Over a topology that nobody has searched."""
        fresh = self.topology.with_load(self.topology.links["load"])
        self.warm.on(fresh).route_many(self.a, self.b)

    def time_searched_before(self, strategy: str, ends: str) -> None:
        """Over one whose trees are kept."""
        self.warm.route_many(self.a, self.b)

    def time_paths(self, strategy: str, ends: str) -> None:
        """All nodes of all paths."""
        self.warm.paths_many(self.a[:100_000], self.b[:100_000])


class Constrained:
    """1e4 pairs from ten sources, of which some need a way round."""

    params = (["filters", "bounds"],)
    param_names = ("constraints",)
    timeout = 120

    def setup(self, constraints: str) -> None:
        """Draw pairs, and load scipy."""
        rng = np.random.default_rng(SEED)
        self.topology = topology()
        self.a, self.b = rng.integers(0, SOURCES // 10, 10_000), rng.integers(0, NODES, 10_000)
        avoided = self.topology.names.texts[500:510]
        filters, bounds = Constraints(avoid_nodes=avoided), Constraints(max_latency_us=250)
        self.constraints = filters if constraints == "filters" else bounds
        LoadAware(self.topology).route_many(self.a[:1], self.b[:1])

    def time_first_search(self, constraints: str) -> None:
        """Over a topology that nobody has searched."""
        fresh = self.topology.with_load(self.topology.links["load"])
        LoadAware(fresh).route_many(self.a, self.b, self.constraints)
