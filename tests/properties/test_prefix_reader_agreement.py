"""One key is answered as a batch that the numpy twins search: every kind, any prefixes, any keys."""

from __future__ import annotations

import ipaddress
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import valkyrie as vk

KINDS = ("ip", "digits", "bits", "bytes", "path", "suffix")


@st.composite
def networks(draw: st.DrawFn) -> tuple[list[Any], list[Any]]:
    """Networks that nest and touch, and addresses at and around their ends."""
    prefixes, keys = set(), []
    for bits, address_of in ((32, ipaddress.IPv4Address), (128, ipaddress.IPv6Address)):
        top = (1 << bits) - 1
        edges = (0, 1, 7, 8, 12, 16, 20, 24, 31, 32, 33, 63, 64, 65, 96, 127, 128)
        lengths = st.sampled_from([length for length in edges if length <= bits])
        seeds = [0, top, *draw(st.lists(st.integers(0, top), max_size=6))]
        for length in draw(st.lists(lengths, max_size=30)):
            start = draw(st.sampled_from(seeds)) >> (bits - length) << (bits - length)
            prefixes.add(f"{address_of(start)}/{length}")
            end = start | (top >> length)
            keys += [str(address_of(near)) for near in (start, start - 1, end, end + 1) if 0 <= near <= top]
        keys += [str(address_of(near)) for near in seeds]
    return sorted(prefixes), [*keys, draw(st.text(max_size=20)), "10.0.0.0/8"]


@st.composite
def numbers(draw: st.DrawFn) -> tuple[list[Any], list[Any]]:
    digits = st.text("0123456789", max_size=16)
    few = st.text("12", max_size=16)
    prefixes = draw(st.lists(digits | few, unique=True, max_size=40))
    keys: list[Any] = [prefix + draw(st.text("0129", max_size=3)) for prefix in prefixes]
    keys += ["+" + key for key in keys[:5]] + draw(st.lists(st.text("0123456789+x", max_size=24), max_size=5))
    keys += draw(st.lists(st.integers(-(2**63), 2**64 - 1), max_size=5)) + [int(key) for key in prefixes if key]
    return prefixes, keys


@st.composite
def words(draw: st.DrawFn) -> tuple[list[Any], list[Any]]:
    seeds = [0, 2**64 - 1, *draw(st.lists(st.integers(0, 2**64 - 1), max_size=6))]
    prefixes = {
        (draw(st.sampled_from(seeds)) >> (64 - length) << (64 - length), length)
        for length in draw(st.lists(st.integers(0, 64), max_size=40))
    }
    keys = [near for word, length in prefixes for end in (word, word | (2**64 - 1) >> length) for near in (end - 1, end, end + 1)]
    return sorted(prefixes), [key for key in keys + seeds if 0 <= key < 2**64]


@st.composite
def texts(draw: st.DrawFn) -> tuple[list[Any], list[Any]]:
    """Texts over few letters, which nest, and some over any; some begin with a long one that all share."""
    some = st.text("aB/.\0é", max_size=24) | st.lists(st.sampled_from(["a", "B", "co", "v1", ""]), max_size=8).map("/".join)
    some |= st.lists(st.sampled_from(["a", "B", "co", "uk"]), max_size=8).map(".".join)
    some |= st.text(st.characters(exclude_categories=["Cs"]), max_size=70)
    shared = draw(st.sampled_from(["", "a", "/api/", "a" * 8, "a.b" * 30]))
    stems = draw(st.lists(some, max_size=40))
    prefixes = [shared + stem for stem in stems] + draw(st.lists(some, max_size=5))
    keys = [prefix + draw(some) for prefix in prefixes] + [prefix[:-1] for prefix in prefixes]
    keys += prefixes + draw(st.lists(some, max_size=9))
    raw = draw(st.lists(st.binary(max_size=30), max_size=5))
    return prefixes + raw, keys + raw + [key.encode() for key in keys[:5]]


def table_of(kind: str, prefixes: list[Any]) -> Any:
    if kind == "bits":
        given_words, lengths = np.array([word for word, _ in prefixes], np.uint64), np.array([n for _, n in prefixes], np.int64)
        return vk.PrefixTable.build(given_words, kind="bits", lengths=lengths)
    return vk.PrefixTable.build(prefixes, kind=kind, on_duplicate="first")  # type: ignore[arg-type]


def check(kind: str, table: Any, prefixes: list[Any], keys: list[Any], patch: pytest.MonkeyPatch) -> None:
    patch.setenv("VALKYRIE_JIT", "0")
    for form in (str | bytes, int):
        asked = [key for key in keys if isinstance(key, form)]
        if form is int and kind == "digits":  # a column has one type, so not both signs beyond 63 bits
            asked = [key for key in asked if key < 2**63]
        rows = table.lookup_many(asked).tolist()
        assert [-1 if (row := table.lookup(key)) is None else row for key in asked] == rows
        offsets, matched = table.all_matches_many(asked)
        found = [table.all_matches(key).tolist() for key in asked]
        assert found == [matched[a:b].tolist() for a, b in zip(offsets, offsets[1:], strict=False)]
    if kind == "bits":
        assert [table.get(prefix) for prefix in prefixes] == list(range(len(prefixes)))
        others = [(word >> (64 - length) << (64 - length), length) for word in keys for length in (3, 64)]
        words, lengths = np.array([word for word, _ in others], np.uint64), np.array([length for _, length in others])
        assert [table.get(prefix, -1) for prefix in others] == table.get_many(words, lengths=lengths).tolist()
        return
    others = prefixes
    if kind in ("bytes", "path", "suffix"):
        others = prefixes + keys
    elif kind == "digits":
        others = prefixes + [key for key in keys if isinstance(key, str) and key.isdecimal() and len(key) <= 16]
    assert [table.get(prefix, -1) for prefix in others] == table.get_many(others).tolist()
    assert all(prefix in table for prefix in prefixes)


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
def test_one_key_is_answered_as_in_a_batch(kind: str, data: st.DataObject) -> None:
    prefixes, keys = data.draw({"ip": networks(), "digits": numbers(), "bits": words()}.get(kind, texts()))
    table = table_of(kind, prefixes)
    with pytest.MonkeyPatch.context() as patch:
        check(kind, table, prefixes, keys, patch)
        check(kind, vk.PrefixTable.from_columns(table.to_columns()), prefixes, keys[:20], patch)
