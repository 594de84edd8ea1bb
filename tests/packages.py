"""Checks an sdist and a wheel of it: ``python tests/packages.py dist/*``. What is in them, and how large they are."""

from __future__ import annotations

import sys
import tarfile
import zipfile
from pathlib import Path

WHEEL_MB = 5
IN_WHEEL = ("valkyrie/py.typed", "valkyrie/_native/id_table.pyi", "valkyrie/cli/main.py", "licenses/LICENSE", "entry_points.txt")
IN_SDIST = (
    "setup.py", "LICENSE", "README.md", "_ext/id_table.pyx", "_ext/lookup.pxd", "_ext/include/vk_hash.h", "tests/packages.py",
    "asv_benchmarks/asv.conf.json", "notebooks/01_route_arrays.ipynb", "CONTRIBUTING.md", "RELIABILITY.md", ".ci/run",
)  # fmt: skip


def check(names: list[str], wanted: tuple[str, ...], unwanted: tuple[str, ...]) -> None:
    """Raise AssertionError for files that are missing, or that do not belong."""
    absent = [end for end in wanted if not any(name.endswith(end) for name in names)]
    assert not absent, f"missing: {absent}"
    foreign = [name for name in names if name.endswith(unwanted)]
    assert not foreign, f"does not belong: {foreign}"


def main(paths: list[Path]) -> None:
    """Check the packages and print their sizes."""
    wheel = next(path for path in paths if path.suffix == ".whl")
    sdist = next(path for path in paths if path.name.endswith(".tar.gz"))
    names = zipfile.ZipFile(wheel).namelist()
    check(names, IN_WHEEL, (".pyx", ".pxd", ".c", ".h"))
    assert any("id_table." in name and name.endswith((".so", ".pyd")) for name in names), "no compiled id_table"
    assert {name.split("/")[0].split("-")[0] for name in names} == {"valkyrie", "valkyrie_routing"}, "other top-level names"
    with tarfile.open(sdist) as archive:
        check(archive.getnames(), IN_SDIST, (".so", ".pyc"))
    megabytes = wheel.stat().st_size / 1e6
    print(f"wheel {megabytes:.2f} MB, sdist {sdist.stat().st_size / 1e6:.2f} MB")
    assert megabytes <= WHEEL_MB, f"the wheel must not exceed {WHEEL_MB} MB"


if __name__ == "__main__":
    main([Path(argument) for argument in sys.argv[1:]])
