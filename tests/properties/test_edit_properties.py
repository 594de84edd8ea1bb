"""Any edits of any table: it answers, counts, lists and sums up as one that was built from what is left, whatever was pending."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import valkyrie as vk
from tests import naive
from tests.containers import INTS, TEXTS, WIDES
from tests.strategies import keys_of
from tests.ways import scalar_rows
from valkyrie.tables.ids import patch

FORMS = {"int": INTS, "b16": WIDES, "bytes": TEXTS}
ROWS = st.integers(0, 2**31 - 1)


@pytest.fixture(params=["patched", "built again"], autouse=True)
def way_of_editing(request, monkeypatch):
    """Small tables are always built again; here they are patched too."""
    if request.param == "patched":
        monkeypatch.setattr(patch, "FLAT_UP_TO", 0)
    return request.param


def assert_holds(table, expected, kind, queries):
    assert len(table) == len(expected)
    assert dict(zip(map(naive.canonical, table.keys().tolist()), table.rows().tolist(), strict=True)) == expected
    wanted = naive.get_many(expected, queries)
    assert np.array_equal(table.get_many(queries), wanted)
    assert np.array_equal(table.get_many(queries, missing=7, threads=2), naive.get_many(expected, queries, 7))
    assert scalar_rows(table, queries) == wanted.tolist()
    table.check()
    again = vk.IdTable.from_columns(table.to_columns())
    assert np.array_equal(again.get_many(queries), wanted)
    assert again.pending == table.pending
    keys, rows = list(expected), list(expected.values())
    if kind == "int":
        built = vk.IdTable.build(np.array(keys, np.int64 if table.is_signed else np.uint64), rows)
    else:
        built = vk.IdTable.build(keys, rows, kind=kind)
    assert built.content_sum() == table.content_sum() == again.content_sum() == table.merged().content_sum()
    assert table.merged().pending == 0
    assert np.array_equal(table.merged().get_many(queries), wanted)


@pytest.mark.parametrize("kind", FORMS)
@given(data=st.data())
def test_edits_of_ids_in_any_container(way_of_editing, kind, data):
    numbers = st.integers(-(2**63), 2**63 - 1) if kind == "int" else keys_of(kind)
    pool = data.draw(st.lists(numbers, min_size=1, max_size=30, unique_by=naive.canonical))
    some = st.lists(st.sampled_from(pool), max_size=12, unique_by=naive.canonical)

    def listed(keys):
        return np.array(keys, np.int64) if kind == "int" else keys

    first = data.draw(some)
    expected = naive.rows_of(first)
    table = vk.IdTable.build(listed(first), kind=kind)
    seen_pending = False
    for _ in range(data.draw(st.integers(1, 6))):
        keys = data.draw(some)
        before, was = table, dict(expected)
        if data.draw(st.booleans()):
            rows = data.draw(st.lists(ROWS, min_size=len(keys), max_size=len(keys)))
            only_text = kind == "bytes" and not all(isinstance(key, str) for key in keys)
            form = data.draw(st.sampled_from(list(FORMS[kind])))
            table = table.replace(keys if only_text or not keys else FORMS[kind][form](keys), rows)
            expected |= naive.rows_of(keys, rows)
        else:
            table = table.without(listed(keys), errors="ignore")
            expected = {key: row for key, row in expected.items() if key not in set(map(naive.canonical, keys))}
        seen_pending |= table.pending > 0
        assert_holds(table, expected, kind, pool)
        assert np.array_equal(before.get_many(pool), naive.get_many(was, pool))
    assert not (seen_pending and way_of_editing == "built again")


@given(
    st.lists(st.integers(0, 2**64 - 1), unique=True, max_size=20),
    st.lists(st.integers(-(2**63), 2**64 - 1), unique=True, min_size=1, max_size=20),
    st.booleans(),
)
def test_integers_that_a_table_cannot_hold_are_refused(keys, changed, signed):
    low, high = (-(2**63), 2**63 - 1) if signed else (0, 2**64 - 1)
    table = vk.IdTable.build(np.array([key >> 1 for key in keys], np.int64) if signed else np.array(keys, np.uint64),
                             on_duplicate="first")  # fmt: skip
    expected = naive.rows_of(table.keys().tolist(), table.rows().tolist())
    fitting = [key for key in changed if low <= key <= high]
    if len(fitting) < len(changed):
        with pytest.raises((vk.errors.ArgumentError, vk.errors.KeyTypeError)):
            table.replace(changed, range(len(changed)))
    if fitting:
        edited = table.replace(fitting, range(len(fitting)))
        assert_holds(edited, expected | naive.rows_of(fitting), "int", fitting)
        for query in changed:
            wanted = (expected | naive.rows_of(fitting)).get(query, -1)
            assert edited.get(query, -1) == wanted
            assert edited.get_many([query]).tolist() == [wanted]


PREFIXES = {
    "bytes": st.text("ab", max_size=5) | st.binary(max_size=4),
    "path": st.lists(st.sampled_from("abc"), max_size=4).map("/".join),
    "suffix": st.lists(st.sampled_from(["a", "b", "com"]), max_size=4).map(".".join),
    "digits": st.text("0159", min_size=1, max_size=6),
    "ip": st.builds(
        lambda first, length: f"{first >> (8 - length) << (8 - length)}.0.0.0/{length}", st.integers(0, 255), st.integers(0, 8)
    ) | st.builds(lambda number, length: f"{number:x}::/{length}", st.integers(0x2000, 0x2003), st.integers(16, 128)),
}  # fmt: skip


@pytest.mark.parametrize("kind", [*PREFIXES, "wildcards"])
@given(data=st.data())
def test_edits_of_prefixes(kind, data):
    wildcards = kind == "wildcards"
    options = {"kind": "suffix", "wildcards": True} if wildcards else {"kind": kind}
    texts = PREFIXES["suffix"].filter(bool) if wildcards else PREFIXES[kind]
    if wildcards:
        texts = st.builds(str.__add__, st.sampled_from(["", "*.", "!"]), texts)
    pool = data.draw(st.lists(texts, min_size=1, max_size=20))
    canonical = {text: next(vk.PrefixTable.build([text], **options).items())[0] for text in pool}
    table, expected = vk.PrefixTable.build([], **options), {}
    for _ in range(data.draw(st.integers(1, 5))):
        keys = data.draw(st.lists(st.sampled_from(pool), max_size=8, unique_by=lambda text: canonical[text]))
        if data.draw(st.booleans()):
            rows = data.draw(st.lists(ROWS, min_size=len(keys), max_size=len(keys)))
            table = table.replace(keys, rows)
            expected |= {canonical[key]: row for key, row in zip(keys, rows, strict=True)}
        else:
            table = table.without(keys, errors="ignore")
            expected = {key: row for key, row in expected.items() if key not in {canonical[text] for text in keys}}
        built = vk.PrefixTable.build(list(expected), list(expected.values()), **options)
        assert dict(table.items()) == dict(built.items()) == expected
        assert [prefix for prefix, _ in table.items()] == [prefix for prefix, _ in built.items()]
        asked = pool
        if kind in ("ip", "wildcards"):
            asked = [text.removeprefix("*.").removeprefix("!").partition("/")[0] for text in pool]
        assert np.array_equal(table.lookup_many(asked), built.lookup_many(asked))
        assert table.content_sum() == built.content_sum()
        table.check()


def test_edits_of_bits():
    table = vk.PrefixTable.build(np.array([1 << 63, 3 << 62], np.uint64), [4, 5], kind="bits", lengths=[1, 2])
    edited = table.replace(np.array([0, 3 << 62], np.uint64), [6, 7], lengths=[1, 2])
    assert dict(edited.items()) == {(0, 1): 6, (1 << 63, 1): 4, (3 << 62, 2): 7}
    assert dict(edited.without(np.array([1 << 63], np.uint64), lengths=[1]).items()) == {(0, 1): 6, (3 << 62, 2): 7}
    assert dict(table.items()) == {(1 << 63, 1): 4, (3 << 62, 2): 5}
