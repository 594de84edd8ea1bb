"""What changes between snapshots, and what would: on the user's own keys, weighted by load."""

from valkyrie.analysis.diff import Diff, diff
from valkyrie.analysis.moves import Moves
from valkyrie.analysis.table_diff import TableDiff
from valkyrie.analysis.what_if import WhatIf, what_if

__all__ = ["Diff", "Moves", "TableDiff", "WhatIf", "diff", "what_if"]
