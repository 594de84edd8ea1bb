"""What ``import valkyrie`` costs beyond ``import numpy``: time, memory and modules."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys

HEAVY = ("numba", "pandas", "pyarrow", "polars", "pydantic", "matplotlib", "asyncio", "typer")


def import_seconds(statement: str) -> float:
    """Median CPU time of a fresh interpreter running `statement`, as that interpreter itself counts it."""
    code = f"import time; {statement}; print(time.process_time())"
    runs = [subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True) for _ in range(7)]
    return statistics.median(float(run.stdout) for run in runs)


class Import:
    """A fresh interpreter each."""

    timeout = 120

    def track_ms_over_numpy(self) -> float:
        """CPU time of the import less that of numpy's."""
        return 1000 * (import_seconds("import valkyrie") - import_seconds("import numpy"))

    track_ms_over_numpy.unit = "ms"  # type: ignore[attr-defined]

    def track_modules_over_numpy(self) -> int:
        """How many more modules are loaded."""
        return len(loaded_modules("import valkyrie")) - len(loaded_modules("import numpy"))

    track_modules_over_numpy.unit = "modules"  # type: ignore[attr-defined]

    def track_heavy_modules(self) -> int:
        """How many of the libraries that must wait for their use are loaded: none."""
        return len(set(HEAVY) & loaded_modules("import valkyrie"))

    track_heavy_modules.unit = "modules"  # type: ignore[attr-defined]

    def timeraw_import_numpy(self) -> str:
        """The baseline."""
        return "import numpy"

    def timeraw_import_valkyrie(self) -> str:
        """Compare with ``timeraw_import_numpy``."""
        return "import valkyrie"


def loaded_modules(statement: str) -> set[str]:
    """Names of all modules in a fresh interpreter after `statement`."""
    code = f"{statement}; import sys, json; print(json.dumps(list(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(json.loads(run.stdout))
