"""What is written is read: every dtype, layout in memory, name and order, in both modes."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from valkyrie import vks
from valkyrie.records import B16_LINE, ID_LINE
from valkyrie.typing import LoadMode, Verify
from valkyrie.vks.format import UNITS

MODES: tuple[LoadMode, ...] = ("mmap", "copy")
VERIFIES: tuple[Verify, ...] = ("full", "header", "none")

dtypes = st.one_of(
    hnp.boolean_dtypes(),
    hnp.integer_dtypes(endianness="?"),
    hnp.unsigned_integer_dtypes(endianness="?"),
    hnp.floating_dtypes(endianness="?", sizes=(16, 32, 64)),
    hnp.complex_number_dtypes(endianness="?", sizes=(64, 128)),
    hnp.byte_string_dtypes(endianness="?", max_len=9),
    hnp.unicode_string_dtypes(endianness="?", max_len=9),
    hnp.datetime64_dtypes(endianness="?"),
    hnp.timedelta64_dtypes(endianness="?"),
    st.sampled_from([np.dtype("V1"), np.dtype("V16"), np.dtype("m8[25s]"), np.dtype(">M8[7D]"), ID_LINE, B16_LINE]),
)


@st.composite
def columns(draw: st.DrawFn) -> np.ndarray[Any, Any]:
    dtype = draw(dtypes)
    if dtype.kind == "V":
        n = draw(st.integers(0, 20))
        data = draw(st.binary(min_size=n * dtype.itemsize, max_size=n * dtype.itemsize))
        values = np.frombuffer(bytearray(data), dtype) if n else np.zeros(0, dtype)
    else:
        values = draw(hnp.arrays(dtype, st.integers(0, 20)))
    step = draw(st.sampled_from([1, 2, -1, -3]))
    values = values[::step]
    if len(values) and draw(st.booleans()):
        values = np.broadcast_to(values[:1], (5,))
    values.flags.writeable = False
    return values


def same(written: np.ndarray[Any, Any], got: np.ndarray[Any, Any]) -> bool:
    little = np.ascontiguousarray(written, written.dtype.newbyteorder("<"))
    return got.dtype == little.dtype and got.shape == little.shape and got.tobytes() == little.tobytes()


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(arrays=st.lists(columns(), max_size=5), mode=st.sampled_from(MODES), verify=st.sampled_from(VERIFIES))
def test_any_columns_come_back_bit_for_bit(
    tmp_path: Path, arrays: list[np.ndarray[Any, Any]], mode: LoadMode, verify: Verify
) -> None:
    path = tmp_path / "any.vks"
    vks.write(
        path, [vks.Section("payload", f"p/{i}", values) for i, values in enumerate(arrays)], content="any_columns"
    )
    file = vks.read(path, mode=mode, verify=verify)
    assert file.content == "any_columns"
    assert list(file.sections) == [f"p/{i}" for i in range(len(arrays))]
    for values, section, entry in zip(arrays, file.sections.values(), file.directory, strict=True):
        assert same(values, section.values)
        assert entry.offset % 64 == 0
        if values.nbytes:
            assert section.values.__array_interface__["data"][0] % 64 == 0


@pytest.mark.parametrize("mode", MODES)
def test_nobody_can_make_an_array_writable(tmp_path: Path, mode: LoadMode) -> None:
    path = tmp_path / "fixed.vks"
    flat = np.ndarray((3,), np.dtype("U0"), buffer=b"")
    arrays = [np.arange(9), np.array(["a"]), np.zeros(0), flat]
    vks.write(path, [vks.Section("payload", str(i), values) for i, values in enumerate(arrays)], content="sample")
    file = vks.read(path, mode=mode)
    for section in file.sections.values():
        for values in (section.values, section.values[:], section.values.view()):
            assert not values.flags.writeable
            with pytest.raises(ValueError, match="WRITEABLE"):
                values.setflags(write=True)
    with pytest.raises(TypeError):
        file.sections["0"] = file.sections["1"]  # type: ignore[index]


@pytest.mark.parametrize("mode", MODES)
def test_arrays_outlive_the_file_object_and_a_replaced_file(tmp_path: Path, mode: LoadMode) -> None:
    path = tmp_path / "old.vks"
    old, new = np.arange(100_000), np.arange(7)
    vks.write(path, [vks.Section("payload", "x", old)], content="sample")
    values = vks.read(path, mode=mode).get("x")
    vks.write(path, [vks.Section("payload", "x", new)], content="sample")
    assert np.array_equal(values, old)
    path.unlink()
    assert np.array_equal(values, old)


@pytest.mark.parametrize("dtype", ["S0", "U0", "V0"])
def test_items_without_bytes_are_counted(tmp_path: Path, dtype: str) -> None:
    path = tmp_path / "flat.vks"
    flat = np.ndarray((1_000,), np.dtype(dtype), buffer=b"")
    vks.write(path, [vks.Section("payload", "x", flat), vks.Section("payload", "y", np.arange(3))], content="sample")
    file = vks.read(path, verify="full")
    assert file.get("x").shape == (1_000,)
    assert file.get("x").dtype == np.dtype(dtype)
    assert file.get("y").tolist() == [0, 1, 2]


def test_every_unit_and_multiple_of_time_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "time.vks"
    arrays = {}
    for kind in "Mm":
        for unit in UNITS.values():
            name = f"{kind}8" if unit == "generic" else f"{kind}8[{unit}]"
            arrays[name] = np.array([1, 2**62, np.iinfo("i8").min]).view(name)
        arrays[f"{kind}8[2147483647s]"] = np.array([3]).view(f"{kind}8[2147483647s]")
    vks.write(path, [vks.Section("payload", name, values) for name, values in arrays.items()], content="sample")
    file = vks.read(path, verify="full")
    assert all(same(values, file.get(name)) for name, values in arrays.items())


def test_sections_longer_than_a_slice_are_written_and_checked_whole(tmp_path: Path) -> None:
    path = tmp_path / "long.vks"
    values = np.arange(5_000_003, dtype=">u8")[::-1]
    wide = np.array([b"x" * (20 * 2**20), b"y"])
    vks.write(path, [vks.Section("payload", "x", values), vks.Section("payload", "wide", wide)], content="sample")
    for mode in MODES:
        file = vks.read(path, mode=mode, verify="full")
        assert np.array_equal(file.get("x"), values)
        assert np.array_equal(file.get("wide"), wide)


def test_equal_content_gives_equal_bytes_and_digest(tmp_path: Path) -> None:
    a, b, c = (tmp_path / name for name in "abc")
    vks.write(a, [vks.Section("payload", "x", np.arange(6, dtype="<i4"))], content="sample")
    vks.write(b, [vks.Section("payload", "x", np.arange(12, dtype=">i4")[::2] // 2)], content="sample")
    vks.write(c, [vks.Section("payload", "x", np.arange(1, 7, dtype="<i4"))], content="sample")
    assert a.read_bytes() == b.read_bytes()
    digests = [vks.read(path).digest for path in (a, b, c)]
    assert digests[0] == digests[1] != digests[2]
    assert len(digests[0]) == 32


@pytest.mark.parametrize("name", ["x", "payload/spalte ä", "日本", "new\nline\0nul", "n" * 4096])
def test_any_unicode_text_is_a_name(tmp_path: Path, name: str) -> None:
    path = tmp_path / "name.vks"
    vks.write(path, [vks.Section("payload", name, np.arange(2))], content="sample")
    assert list(vks.read(path).sections) == [name]
    assert vks.read(path).get(name).tolist() == [0, 1]


def test_thousands_of_sections(tmp_path: Path) -> None:
    path = tmp_path / "many.vks"
    vks.write(path, [vks.Section("payload", f"p/{i}", np.full(i % 3, i)) for i in range(3_000)], content="sample")
    file = vks.read(path, verify="full")
    assert len(file.directory) == 3_000
    assert file.get("p/2999").tolist() == [2999, 2999]
    assert file.nbytes == path.stat().st_size


def test_no_container_library_is_imported() -> None:
    import subprocess

    heavy = "{'pandas', 'pyarrow', 'polars', 'numba', 'asyncio', 'matplotlib', 'pydantic', 'typer'}"
    code = f"import sys, valkyrie.vks; print({heavy} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"
