"""Topologies and the strategies over them: next hops, paths and costs for columns of sources and destinations."""

from valkyrie.routing.topology.adaptive import Adaptive
from valkyrie.routing.topology.constraints import Constraints
from valkyrie.routing.topology.strategies import CostOptimized, LatencyOptimized, LoadAware, PathStrategy, ShortestPath
from valkyrie.routing.topology.topology import Topology

__all__ = [
    "Adaptive",
    "Constraints",
    "CostOptimized",
    "LatencyOptimized",
    "LoadAware",
    "PathStrategy",
    "ShortestPath",
    "Topology",
]
