"""No damaged or hostile file crashes the reader, and with ``verify="full"`` none is taken for a good one."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from tests.hostile.vks_mutator import judge, mutate, regions, reseal, sample_sections
from valkyrie import vks
from valkyrie.errors import SnapshotFormatError
from valkyrie.typing import LoadMode, Verify


@pytest.fixture
def good(tmp_path: Path) -> bytes:
    path = tmp_path / "good.vks"
    vks.write(path, sample_sections(np.random.default_rng(0)), content="sample")
    return path.read_bytes()


@pytest.fixture
def small(tmp_path: Path) -> bytes:
    path = tmp_path / "small.vks"
    sections = [vks.Section("index", "a", np.arange(3, dtype="u4")), vks.Section("payload", "b", np.array([True]))]
    vks.write(path, sections, content="sample")
    return path.read_bytes()


def test_mutants_of_every_part_are_refused_or_stay_within_the_file(good: bytes, tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    outcomes: Counter[str] = Counter()
    seen: set[str] = set()
    for _ in range(2_000):
        mutant = mutate(good, rng)
        seen.add(mutant.region)
        outcomes += judge(mutant, good, tmp_path / "mutant.vks")
    assert seen == set(regions(good))
    # The structural checks are only exercised if some resealed files get past the checksums, and not all of them pass.
    assert outcomes["resealed, read to the end"] > 400
    assert outcomes["refused"] > 4_000


def test_every_flipped_bit_is_found(small: bytes, tmp_path: Path) -> None:
    path = tmp_path / "flipped.vks"
    changed = bytearray(small)
    for at in range(len(small)):
        for bit in range(8):
            changed[at] ^= 1 << bit
            path.write_bytes(changed)
            with pytest.raises(SnapshotFormatError):
                vks.read(path, mode="copy", verify="full")
            changed[at] ^= 1 << bit
    path.write_bytes(changed)
    assert vks.read(path, verify="full").get("a").tolist() == [0, 1, 2]


@pytest.mark.parametrize("verify", ["full", "header", "none"])
@pytest.mark.parametrize("mode", ["mmap", "copy"])
def test_every_truncation_is_found_even_without_checksums(
    small: bytes, tmp_path: Path, mode: LoadMode, verify: Verify
) -> None:
    path = tmp_path / "cut.vks"
    for length in range(len(small)):
        path.write_bytes(small[:length])
        with pytest.raises(SnapshotFormatError) as caught:
            vks.read(path, mode=mode, verify=verify)
        assert 0 <= caught.value.data["offset"] <= length


def test_a_bool_that_is_neither_is_refused_behind_right_checksums(small: bytes, tmp_path: Path) -> None:
    changed = bytearray(small)
    at = regions(small)["section 1"][0]
    changed[at] = 2
    reseal(changed)
    path = tmp_path / "bool.vks"
    path.write_bytes(changed)
    with pytest.raises(SnapshotFormatError, match="no value of dtype bool") as caught:
        vks.read(path, verify="full")
    assert caught.value.data["offset"] == at


def test_a_header_of_many_sections_in_a_short_file_is_refused_at_once(small: bytes, tmp_path: Path) -> None:
    path = tmp_path / "many.vks"
    for n_sections in (3, 65_536, 65_537, 2**32 - 1):
        changed = bytearray(small)
        changed[12:16] = n_sections.to_bytes(4, "little")
        path.write_bytes(changed)
        with pytest.raises(SnapshotFormatError):
            vks.read(path, verify="none")
