"""The native extensions, as a list, and two switches; everything else is in pyproject.toml.

VALKYRIE_DEBUG=1                    every Cython check on, -O1 -g
VALKYRIE_SANITIZE=address|thread    instrument with ASan + UBSan, or with TSan
"""

import os
import platform
import sys

import numpy
from Cython.Build import cythonize
from setuptools import Extension, setup

DEBUG = os.environ.get("VALKYRIE_DEBUG") == "1"
SANITIZE = os.environ.get("VALKYRIE_SANITIZE", "")

X86_64 = platform.machine().lower() in ("x86_64", "amd64") and sys.platform != "win32"
LEVELS = {"": [], "_v3": ["-march=x86-64-v3"], "_v4": ["-march=x86-64-v4"]} if X86_64 else {"": []}

HEADERS = [os.path.join("_ext", "include", name) for name in sorted(os.listdir("_ext/include"))]
SHARED = [os.path.join("_ext", name) for name in sorted(os.listdir("_ext")) if name.endswith(".pxd")]
FLAGS = ["-ffp-contract=off", "-fno-semantic-interposition", "-fno-strict-aliasing", "-Wno-unused-function"]
FLAGS += ["-O1", "-g", "-UNDEBUG"] if DEBUG or SANITIZE else ["-O3", "-g0"]
LINK = []
if SANITIZE:
    kinds = "address,undefined" if SANITIZE == "address" else SANITIZE
    FLAGS += [f"-fsanitize={kinds}", "-fno-omit-frame-pointer"]
    FLAGS += ["-fno-sanitize-recover=undefined"] if SANITIZE == "address" else []
    LINK += [f"-fsanitize={kinds}"]

DIRECTIVES = {
    "language_level": 3,
    "freethreading_compatible": True,
    "boundscheck": DEBUG,
    "wraparound": DEBUG,
    "initializedcheck": DEBUG,
    "cdivision": not DEBUG,
    "embedsignature": True,
}


def extension(noun, level="", numpy_api=False):
    """One extension module, ``valkyrie._native.<noun><level>``."""
    macros = [("NPY_NO_DEPRECATED_API", "NPY_2_0_API_VERSION"), ("NPY_TARGET_VERSION", "NPY_2_0_API_VERSION")]
    return Extension(
        f"valkyrie._native.{noun}{level}",
        [f"_ext/{noun}{level}.pyx"],
        depends=[*HEADERS, *SHARED, f"_ext/{noun}.pyx"],
        include_dirs=["_ext/include", *([numpy.get_include()] if numpy_api else [])],
        define_macros=macros if numpy_api else [],
        extra_compile_args=FLAGS + LEVELS[level],
        extra_link_args=LINK,
    )


EXTENSIONS = [
    extension("hashing"),
    extension("id_build"),
    extension("id_patch"),
    extension("gather"),
    extension("plan_reader"),
    extension("prefix_build"),
    extension("prefix_texts"),
    extension("slice_tree"),
    *(extension(noun, level) for noun in ("addresses", "picking", "prefix_table") for level in LEVELS),
    *(extension(noun, level, numpy_api=True) for noun in ("strings", "id_table") for level in LEVELS),
]

setup(ext_modules=cythonize(EXTENSIONS, build_dir="build/cython", compiler_directives=DIRECTIVES, include_path=["_ext"]))
