"""How much the oracle tests compare: enough for every change by default, and as much as the environment says for a long run."""

from __future__ import annotations

import os

__all__ = ["EXAMPLES", "MUTANTS", "READS", "ROWS"]

ROWS = int(os.environ.get("VALKYRIE_TEST_ROWS", "150000"))
"""Keys of each large table; it is asked up to twice as many queries, in a dozen ways, and there are fifteen of them."""

EXAMPLES = int(os.environ.get("VALKYRIE_TEST_EXAMPLES", "120"))
"""Examples of each hypothesis test."""

MUTANTS = int(os.environ.get("VALKYRIE_TEST_MUTANTS", "1000"))
"""Hostile tables that are loaded and asked."""

READS = int(os.environ.get("VALKYRIE_TEST_READS", "2000000"))
"""Reads of the current snapshot under a hot writer, with all their checks."""
