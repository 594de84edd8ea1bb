"""C beside the benchmarks, compiled for this machine when it is first needed."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import tempfile
from pathlib import Path


def compile_c(name: str) -> ctypes.CDLL:
    """Compile ``name``, a file in this folder, with the system's C compiler, and load it.

    Raises
    ------
    RuntimeError
        If there is no compiler, or it fails.
    """
    compiler = shutil.which("cc")
    if compiler is None:
        raise RuntimeError(f"{name} needs a C compiler (cc)")
    directory = Path(tempfile.mkdtemp(prefix="valkyrie-benchmark-"))
    library = directory / "compiled.so"
    try:
        subprocess.run(
            [compiler, "-O3", "-march=native", "-shared", "-fPIC", "-o", library, Path(__file__).with_name(name)],
            check=True, capture_output=True, text=True,
        )  # fmt: skip
        return ctypes.CDLL(str(library))
    except subprocess.CalledProcessError as error:
        raise RuntimeError(f"{name} does not compile: {error.stderr}") from error
    finally:
        shutil.rmtree(directory)
