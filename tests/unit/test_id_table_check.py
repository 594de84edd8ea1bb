"""Arrays behind right checksums that make no sense as a table are refused; those of every table that was built are not."""

from __future__ import annotations

import numpy as np
import pytest

import valkyrie as vk
from tests.hostile.table_mutator import sample_tables
from tests.key_sets import names
from valkyrie import vks
from valkyrie.errors import SnapshotFormatError

RNG = np.random.default_rng(3)
TABLES = {
    "direct": vk.IdTable.build(np.arange(1000) * 2),
    "flat": vk.IdTable.build(RNG.integers(0, 2**63, 900), seed=1),
    "lines": vk.IdTable.build(np.unique(RNG.integers(0, 2**63, 18_000)), seed=1),
    "b16": vk.IdTable.build(np.frombuffer(RNG.bytes(16 * 5000), "V16"), seed=1),
    "text": vk.IdTable.build(names(4000), seed=1),
}


def guard(columns, at):
    columns["lines"]["guard"][at] = 77


def last_slot(columns, at):
    columns["lines"]["row"][-1] = 5


def one_key_more(columns, at):
    columns["header"]["entries"] += 1


def negative_row(columns, at):
    columns["lines"]["row"].reshape(len(columns["lines"]), -1)[at, 0] = -7


def swapped_lines(columns, at):
    columns["lines"][[at, at + 1]] = columns["lines"][[at + 1, at]]


def other_pilot(columns, at):
    columns["pilots"][:] += np.uint8(1)


def other_text(columns, at):
    columns["arena"][9] ^= 1


def row_of_a_text(columns, at):
    columns["arena"][4:8] = 255


DAMAGES = {
    "direct": [last_slot, one_key_more, negative_row],
    "flat": [guard, one_key_more, negative_row, swapped_lines, other_pilot],
    "lines": [guard, one_key_more, negative_row, swapped_lines, other_pilot],
    "b16": [guard, one_key_more, negative_row, swapped_lines, other_pilot],
    "text": [guard, one_key_more, swapped_lines, other_pilot, other_text, row_of_a_text],
}


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_what_was_built_is_sound(table):
    table.check()
    table.check(sample=7)


def test_the_tables_of_an_attack_are_sound():
    for table, _ in sample_tables():
        (table.index if isinstance(table, vk.RouteTable) else table).check()


@pytest.mark.parametrize(("name", "damage"), [(name, damage) for name, them in DAMAGES.items() for damage in them])
def test_damage_behind_a_right_checksum_is_found(name, damage, tmp_path):
    columns = {key: values.copy() for key, values in TABLES[name].to_columns().items()}
    used = np.flatnonzero(columns["lines"]["row"].reshape(len(columns["lines"]), -1)[:-1, 0] >= 0)
    damage(columns, int(used[len(used) // 2]))
    table = vk.IdTable.from_columns(columns)
    with pytest.raises(SnapshotFormatError, match="makes no sense"):
        table.check()
    path = tmp_path / "t.vks"
    vks.write(path, [vks.Section("index", key, values) for key, values in columns.items()], content="id_table")
    with pytest.raises(SnapshotFormatError, match=r"t\.vks.*makes no sense"):
        vk.load(path)
    assert len(vk.load(path, verify="header")) == len(table)
