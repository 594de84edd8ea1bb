"""Where numba is installed and does not work, and in a child of a process that was compiling, numpy answers."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ASK = """
import warnings
import numpy as np
import valkyrie as vk
table = vk.PrefixTable.build(["10.0.0.0/8", "10.1.0.0/16"], kind="ip")
asked = np.tile(np.array([0x0A010203, 0x0A020304, 0x0B000001], np.uint32), 2000)
expected = [1, 0, -1] * 2000
"""


def run(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", ASK + code], env=os.environ | environment, capture_output=True, text=True, timeout=120, check=False
    )


def test_a_numba_that_cannot_be_imported_is_warned_of_once(tmp_path: Path) -> None:
    (tmp_path / "numba").mkdir()
    (tmp_path / "numba" / "__init__.py").write_text("raise ImportError('Numba needs another NumPy')")
    code = """
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    for _ in range(3):
        assert table.lookup_many(asked).tolist() == expected
    assert not table.warm_up()
print([str(warning.message)[:60] for warning in caught], caught[0].category.__name__)
"""
    done = run(code, PYTHONPATH=os.pathsep.join([str(tmp_path), *sys.path]))
    assert done.returncode == 0, done.stderr
    assert done.stdout == "['numba is installed but does not work here (ImportError: Numb'] RuntimeWarning\n"


def test_a_child_that_was_forked_during_compilation_answers() -> None:
    code = """
import os, threading
from valkyrie._scan import compiled
under_way, go_on = threading.Event(), threading.Event()
numba_lock = __import__("numba.core.compiler_lock", fromlist=["global_compiler_lock"]).global_compiler_lock
def slowly(self, warm, compile=compiled.Kernel._compile):
    with numba_lock:  # as numba holds it while it compiles
        under_way.set()
        go_on.wait(60)
        return compile(self, warm)
compiled.Kernel._compile = slowly
thread = threading.Thread(target=lambda: table.lookup_many(asked))
thread.start()
assert under_way.wait(60)
assert table.lookup_many(asked).tolist() == expected  # another thread compiles: numpy answers here too
child = os.fork()
if child == 0:
    os._exit(0 if table.lookup_many(asked).tolist() == expected and not table.warm_up() else 1)
_, status = os.waitpid(child, 0)
go_on.set()
thread.join()
assert table.lookup_many(asked).tolist() == expected
print(os.waitstatus_to_exitcode(status))
"""
    done = run(code)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "0\n"
