"""What a call of a prefix table costs and where it writes; what it refuses, alone and in a batch; what its arrays weigh."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

import valkyrie as vk
from tests.prefix_texts import NaivePrefixes
from valkyrie.errors import ArgumentError, KeyTypeError, SnapshotFormatError, UnknownColumnError

N = 20_000
KINDS = ("ip", "digits", "bits", "bytes", "path", "suffix", "wildcards")


def large(kind: str, rows: Any = None) -> tuple[vk.PrefixTable, Any, Any]:
    """A table of N prefixes, one key under the last of them, and that prefix."""
    numbers = range(N)
    if kind == "ip":
        prefixes = [f"10.{i >> 8}.{i & 255}.0/24" for i in numbers[: N // 2]]
        prefixes += [f"2001:db8:{i:x}::/48" for i in numbers[N // 2 :]]
        return vk.PrefixTable.build(prefixes, rows, kind="ip"), f"2001:db8:{N - 1:x}::1", prefixes[-1]
    if kind == "bits":
        words = np.arange(N, dtype=np.uint64) << np.uint64(40)
        return vk.PrefixTable.build(words, rows, kind="bits", lengths=24), int(words[-1]) + 5, (int(words[-1]), 24)
    texts = [f"{i:05}" for i in numbers]
    if kind == "digits":
        return vk.PrefixTable.build(texts, rows, kind="digits"), texts[-1] + "77", texts[-1]
    if kind == "wildcards":
        rules = [f"*.{text}.org" for text in texts]
        return vk.PrefixTable.build(rules, rows, kind="suffix", wildcards=True), f"a.{texts[-1]}.org", rules[-1]
    key = texts[-1] + {"bytes": "x", "path": "/x", "suffix": ""}[kind]
    return vk.PrefixTable.build(texts, rows, kind=kind), key, texts[-1]  # type: ignore[arg-type]


def most_bytes(call: Callable[[], object]) -> int:
    """The most memory that a call had at once, the second time it is made."""
    call()
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("kind", KINDS)
def test_one_answer_costs_nothing_that_grows_with_the_table(kind: str) -> None:
    table, key, prefix = large(kind, np.arange(N)[::-1])
    keys = np.array([key], np.uint64) if kind == "bits" else [key]
    calls: dict[str, Callable[[], Any]] = {
        "lengths": lambda: table.lookup_many(keys, return_length=True),
        "all_matches": lambda: table.all_matches(key),
        "all_matches_many": lambda: table.all_matches_many(keys),
        "match": lambda: table.match(key),
        "get": lambda: table.get(prefix),
        "in": lambda: prefix in table,
        "enumerate": lambda: table.enumerate(prefix),
    }
    assert {name: cost for name, call in calls.items() if (cost := most_bytes(call)) >= N} == {}
    assert (table.get(prefix), table.lookup(key), prefix in table) == (0, 0, True)
    assert table.all_matches(key).tolist() == table.enumerate(prefix).tolist() == [0]


@pytest.mark.parametrize("rows", [None, np.arange(N)[::-1]], ids=["ranks", "rows"])
@pytest.mark.parametrize("kind", ["bits", "ip"])
def test_answers_are_written_where_the_caller_says(kind: str, rows: Any) -> None:
    table, _, _ = large(kind, rows)
    table.warm_up()
    m = 200_000
    keys: Any = np.arange(m, dtype=np.uint64) << np.uint64(38)
    if kind == "ip":
        keys = np.arange(m, dtype=np.uint32) * np.uint32(13) + np.uint32(10 << 24)
    out = np.empty(m, np.int32)
    # Less than a second array of answers, which would be 4 m; a mask of those that are missing is m.
    assert most_bytes(lambda: table.lookup_many(keys, out=out, missing=-3)) < 2 * m
    expected = table.lookup_many(keys, missing=-3)
    assert out.tolist() == expected.tolist()
    assert len(np.unique(expected)) > 1000
    rows_again, lengths = table.lookup_many(keys, out=out, missing=-3, return_length=True)
    assert rows_again is out
    assert ((lengths == -1) == (out == -3)).all()


@pytest.mark.parametrize("kind", KINDS)
def test_a_wrong_out_is_refused_before_anything_is_searched(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    table, key, _ = large(kind)
    index = table._index
    read = type(index).queries

    def unsearchable(self: Any, keys: Any, **options: Any) -> Any:
        def search(out: Any) -> None:
            raise AssertionError("searched")

        return read(self, keys, **options)._replace(search=search)

    monkeypatch.setattr(type(index), "queries", unsearchable)
    keys = np.array([key, key], np.uint64) if kind == "bits" else [key, key]
    for wrong in (np.empty(3, np.int32), np.empty(2, np.int64), np.empty((2, 1), np.int32), [0, 0]):
        with pytest.raises(ArgumentError, match="out must be an int32 array"):
            table.lookup_many(keys, out=wrong)  # type: ignore[arg-type]
    with pytest.raises(AssertionError, match="searched"):
        table.lookup_many(keys, out=np.empty(2, np.int32))


def test_out_may_not_be_the_memory_of_a_series() -> None:
    numbers = np.zeros(4, np.uint32)
    with pytest.raises(ArgumentError, match="out shares memory"):
        large("ip")[0].lookup_many(pd.Series(numbers, copy=False), out=numbers.view(np.int32))


def test_nulls_and_dictionaries_are_answered_in_out() -> None:
    table = vk.PrefixTable.build(["a", "b", "ab"], [30, 20, 10])
    asked = ["abc", None, "b", "x", "ac"] * 3
    for keys in (asked, pd.Series(asked), pd.Series(asked, dtype="category")):
        out = np.full(15, 99, np.int32)
        assert table.lookup_many(keys, out=out, missing=-5) is out
        assert out.tolist() == [10, -5, 20, -5, 30] * 3


@pytest.mark.parametrize("kind", KINDS)
def test_bytes_are_those_of_all_arrays(kind: str) -> None:
    for rows in (None, np.arange(N)[::-1]):
        table, _, _ = large(kind, rows)
        stored = sum(array.nbytes for array in table.to_columns().values())
        winners = 4 * (N + 1) + 2 * 4 * N if kind == "wildcards" else 0
        assert table.nbytes == stored + winners == sum(array.nbytes for array in table.arrays())
        assert table.stats.bytes_per_entry * N == pytest.approx(table.nbytes)
        for array in table.arrays():
            assert not array.flags.writeable
    if kind in ("bytes", "path", "suffix"):
        assert table.stats.index_bytes_per_entry * N >= table.arena["search/arena"].nbytes + table.arena["search/texts"].nbytes


def test_words_of_bits_have_one_width_alone_and_in_a_batch() -> None:
    table, key, (word, length) = large("bits")
    for narrow in (np.uint32(7), np.int64(7), np.uint8(7)):
        for call in (
            lambda narrow=narrow: table.lookup(narrow), lambda narrow=narrow: table.match(narrow),
            lambda narrow=narrow: table.all_matches(narrow), lambda narrow=narrow: table.get((narrow, 64)),
            lambda narrow=narrow: (narrow, 64) in table, lambda narrow=narrow: table.enumerate((narrow, 64)),
            lambda narrow=narrow: table.lookup_many([narrow]), lambda narrow=narrow: table.lookup_many([narrow, 2**63]),
            lambda narrow=narrow: table.lookup_many(np.array([narrow])),
            lambda narrow=narrow: table.lookup_many(np.array([narrow], object)),
            lambda narrow=narrow: vk.PrefixTable.build([narrow], kind="bits", lengths=64),
        ):  # fmt: skip
            with pytest.raises(KeyTypeError, match=f"words of bits are uint64, got {narrow.dtype}"):
                call()
    for wide in (key, np.uint64(key), np.ulonglong(key)):
        assert table.lookup(wide) == N - 1
        assert table.lookup_many([wide, wide]).tolist() == [N - 1] * 2
    assert table.get((np.uint64(word), length)) == N - 1


MALFORMED: dict[str, list[Any]] = {
    "ip": ["", "nonsense", "10.0.0.0/33", "10.0.0.1/8", "::1/64", "\ud800", b"\xff", None],
    "digits": ["12x", "1" * 17, -1, "\ud800", None],
    "bits": [(1, 8), (0, 65), (0, -1), (0, 2**70)],
    "bytes": ["\ud800", None],
    "path": ["a\ud800", None],
    "suffix": ["\ud800", None],
    "wildcards": ["*", "a.*.b", "!", "\ud800", None],
}
WRONG: dict[str, list[Any]] = {
    "ip": [1.5, 7, np.uint32(7), object(), ["10.0.0.0/8"]],
    "digits": [1.5, object(), True],
    "bits": [7, "a", (1, 2, 3), ("a", 8), (1.5, 8)],
    "bytes": [7, 1.5, ["a"]],
    "path": [7, object()],
    "suffix": [7, ("com",)],
    "wildcards": [7, 1.5],
}


@pytest.mark.parametrize("kind", KINDS)
def test_what_can_be_no_prefix_is_in_no_table(kind: str) -> None:
    table, _, _ = large(kind)
    for prefix in MALFORMED[kind]:
        assert prefix not in table
        assert table.get(prefix) is None
        assert table.get(prefix, "none") == "none"
    for prefix in WRONG[kind]:
        with pytest.raises(KeyTypeError):
            table.get(prefix)
        with pytest.raises(KeyTypeError):
            assert prefix not in table


PATHS = ["", "/", "//", "///", "/a", "/a/", "//a", "/a//", "/a/b", "a", "a/"]


@pytest.mark.parametrize("kind", ["path", "suffix", "bytes"])
def test_the_length_of_a_match_is_that_of_the_prefix_without_what_ends_it(kind: str) -> None:
    mark = {"path": "/", "suffix": ".", "bytes": "/"}[kind]
    texts = [text.replace("/", mark) for text in PATHS]
    asked = [*texts, *(text + mark + "b" for text in texts), *("b" + mark + text for text in texts), "b" + mark * 3]
    for some in (texts, *([text] for text in texts)):
        naive = NaivePrefixes([text.encode() for text in some], kind)
        distinct = list({naive.stored(text.encode()): text for text in some}.values())
        table = vk.PrefixTable.build(distinct, kind=kind)  # type: ignore[arg-type]
        lengths = table.lookup_many(asked, return_length=True)[1].tolist()
        ended = 0 if kind == "bytes" else 1
        sizes = [max(0, len(text) - ended) for text in naive.texts]
        found = [naive.lookup(key.encode()) for key in asked]
        assert lengths == [-1 if rank < 0 else sizes[rank] for rank in found]
        assert all(length <= len(key) for length, key in zip(lengths, asked, strict=True))
        assert table.stats.longest == max(sizes)


def test_a_path_of_slashes_is_as_long_as_documented() -> None:
    for prefix, length in {"": 0, "/": 0, "//": 1, "///": 2, "/api/": 4, "/api": 4}.items():
        table = vk.PrefixTable.build([prefix], kind="path")
        assert table.lookup_many([prefix], return_length=True)[1].tolist() == [length]


@pytest.mark.parametrize("limit", [-1, 1.0, True, "2", np.float64(2), np.timedelta64(2, "s")])
def test_a_limit_is_a_whole_number(limit: Any) -> None:
    table = vk.PrefixTable.build(["a", "ab", "abc"])
    with pytest.raises(ArgumentError, match="limit must be a whole number of 0 or more; got"):
        table.enumerate("a", limit=limit)
    assert [table.enumerate("a", limit=most).tolist() for most in (0, 2, np.int8(2), 9)] == [[], [0, 1], [0, 1], [0, 1, 2]]


def test_arguments_that_cannot_be_are_named() -> None:
    for kind in (["ip"], {"ip"}, 5, None):
        with pytest.raises(ArgumentError, match="kind: .* is not a kind of prefixes"):
            vk.PrefixTable.build(["10.0.0.0/8"], kind=kind)  # type: ignore[arg-type]
    words, addresses = np.array([1], np.uint64), np.array([1], np.uint32)
    for given, kind, limit in ((words, "bits", 64), (words[:0], "bits", 64), (addresses, "ip", 32), (addresses[:0], "ip", 128)):
        for length in (2**70, -(2**70), 129):
            with pytest.raises(ArgumentError, match=f"lengths: {length} at position 0 is not between 0 and {limit}"):
                vk.PrefixTable.build(given, kind=kind, lengths=length)  # type: ignore[arg-type]


@pytest.mark.parametrize("lengths", [[2**70], 2.5, [2.5], True, [True], "8", [[8]], object()])
def test_lengths_are_whole_numbers(lengths: Any) -> None:
    with pytest.raises(ArgumentError, match="lengths must be whole numbers of bits, one for each prefix or one for all; got"):
        vk.PrefixTable.build(np.array([1], np.uint64), kind="bits", lengths=lengths)


def test_kinds_that_are_no_names_are_refused_by_a_route_table_too() -> None:
    with pytest.raises(ArgumentError, match="kind"):
        vk.RouteTable.build({"id": ["10.0.0.0/8"]}, kind=["ip"])  # type: ignore[arg-type]


def test_columns_come_by_name() -> None:
    with pytest.raises(ArgumentError, match="columns: arrays by name are needed, got list"):
        vk.PrefixTable.from_columns([1, 2])  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", KINDS)
def test_columns_that_are_no_arrays_are_refused(kind: str) -> None:
    table, _, _ = large(kind, np.arange(N)[::-1])
    columns = table.to_columns()
    for name, array in columns.items():
        for wrong in (array.tolist(), tuple(array.tolist()), array[:, None], "none"):
            with pytest.raises(SnapshotFormatError):
                vk.PrefixTable.from_columns(columns | {name: wrong})


def test_records_of_rows_come_together_as_one_by_one() -> None:
    payload = {"id": [1, 2, 3], "n": pd.array([5, None, 7], "Int64"), "t": ["a", None, "c"], "x": np.array([1.5, 2, 3])}
    table = vk.RouteTable.build(pd.DataFrame(payload), "id")
    asked = [2, 0, 1, -1, 0]
    assert table.record_many(asked) == [table.record(row) for row in asked]
    assert table.record_many(asked)[:3] == [
        {"n": 7, "t": "c", "x": 3.0}, {"n": 5, "t": "a", "x": 1.5}, {"n": None, "t": None, "x": 2.0},
    ]  # fmt: skip
    assert table.record_many(asked, ["x"]) == [{"x": table.record(row)["x"]} for row in asked]
    assert vk.RouteTable.build({"id": [1]}).record_many([0, 0]) == [{}, {}]
    assert table.record_many([]) == []
    with pytest.raises(UnknownColumnError):
        table.record_many([0], ["y"])
