"""Parsers of addresses, networks and digits agree with Python's own on what is valid and what it means, at every CPU level."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.address_texts import (
    address_of,
    addresses,
    digits_of,
    nearly,
    network_of,
    networks,
    parsed_addresses,
    parsed_digits,
    parsed_networks,
    word_of,
)
from tests.sizes import EXAMPLES
from valkyrie._native import addresses as native
from valkyrie._native import cpu_levels
from valkyrie.tables.prefixes.digit_keys import digit_prefixes, digit_queries
from valkyrie.tables.prefixes.ip_keys import ip_queries

LEVELS = cpu_levels()


@pytest.mark.parametrize("level", LEVELS)
@settings(max_examples=EXAMPLES, deadline=None)
@given(texts=st.lists(addresses, max_size=20))
def test_addresses_are_what_python_takes_for_addresses(level: str, texts: list[str]) -> None:
    assert parsed_addresses(texts, level) == [address_of(text) for text in texts]


@pytest.mark.parametrize("level", LEVELS)
@settings(max_examples=EXAMPLES, deadline=None)
@given(texts=st.lists(networks, max_size=20))
def test_networks_are_what_python_takes_for_interfaces(level: str, texts: list[str]) -> None:
    assert parsed_networks(texts, level) == [network_of(text) for text in texts]


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.lists(nearly(st.from_regex(r"\+?[0-9]{0,20}", fullmatch=True)), max_size=20))
def test_digits_are_ascii_digits_with_one_plus_at_most(texts: list[str]) -> None:
    words, counts = parsed_digits(texts)
    for text, word, count in zip(texts, words, counts, strict=True):
        digits = digits_of(text)
        if digits is None:
            assert count == native.MALFORMED
        else:
            assert count == (len(digits) if len(digits) <= 16 else native.MORE_DIGITS)
            assert word == word_of(digits)


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.lists(st.integers(0, 2**64 - 1) | st.integers(0, 20).map(lambda e: 10**e % 2**64) | st.integers(0, 2000), max_size=30))
def test_numbers_have_the_digits_of_their_text(values: list[int]) -> None:
    assert digit_queries(values).words.tolist() == [word_of(str(value)) for value in values]
    short = [value for value in values if value < 10**16]
    read = digit_prefixes(short)
    assert read.lengths.tolist() == [len(str(value)) for value in short]
    assert read.words.tolist() == digit_prefixes([f"+{value}" for value in short]).words.tolist()


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.text("0123456789", max_size=16), st.text("0123456789", max_size=20))
def test_a_word_lies_in_the_range_of_exactly_its_prefixes(prefix: str, digits: str) -> None:
    first, word = word_of(prefix), int(digit_queries([digits]).words[0])
    assert (first <= word < first + 16 ** (16 - len(prefix))) == digits.startswith(prefix)


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.lists(st.none() | addresses, max_size=30))
def test_columns_say_of_each_row_what_it_is(texts: list[str | None]) -> None:
    column = ip_queries(texts)
    for i, text in enumerate(texts):
        address = None if text is None else address_of(text)
        assert (column.nulls is not None and bool(column.nulls[i])) == (text is None)
        assert (column.bad is not None and bool(column.bad[i])) == (text is not None and address is None)
        if address is None:
            continue
        family, number = address
        assert column.family is None or column.family[i] == family
        if family == 4:
            assert column.v4 is not None
            assert column.v4[i] == number
        else:
            assert column.v6 is not None
            assert column.v6[2 * i : 2 * i + 2].tobytes() == number.to_bytes(16, "big")
