"""Prefixes of text answer as a dict tried for every length does: any bytes, any nesting, compiled or not, built or stored."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.prefix_texts import WAYS, NaivePrefixes, build, one_way
from valkyrie.tables.prefixes.text_prefixes import TextPrefixes

# A few letters nest deeply; NULs, 0xFF, terminators and capitals are where the order of bytes and the kinds have their corners.
ALPHABETS = (b"ab", b"ab\0", b"a/", b"a.B", b"\xff\xfea", b"abcdefgh/.")


@st.composite
def nested_texts(draw):
    """Texts made of one another: repeated, cut, continued."""
    letters = st.sampled_from(list(draw(st.sampled_from(ALPHABETS))))
    piece = st.lists(letters, max_size=20).map(bytes)
    texts = draw(st.lists(piece, min_size=1, max_size=6))
    rng = random.Random(draw(st.integers(0, 2**32)))
    for _ in range(draw(st.integers(0, 120))):
        a, b = rng.choice(texts), rng.choice(texts)
        texts.append((a * rng.randint(1, 3) if rng.random() < 0.3 else a[: rng.randint(0, len(a))] + b)[:90])
    return texts


@settings(max_examples=60, deadline=None)
@given(nested_texts(), st.sampled_from(["bytes", "path", "suffix"]), st.data())
def test_answers_are_those_of_a_dict(texts, kind, data):
    prefixes = texts[:: data.draw(st.integers(1, 3))]
    queries = [*texts, *(text + tail for text, tail in zip(texts, reversed(texts), strict=True))]
    engine, order, _ = build(prefixes, kind)
    naive = NaivePrefixes(prefixes, kind)
    assert engine.key_texts(range(engine.n)) == naive.texts
    assert [naive.stored(prefixes[i]) for i in order] == naive.texts
    assert engine.parents.tolist() == naive.parents()
    assert engine.lengths.tolist() == [len(text) for text in naive.texts]
    for way in WAYS:
        with one_way(engine, way):
            naive.assert_answers(engine, queries)
            naive.assert_answers(TextPrefixes.from_columns(engine.to_columns()), queries[:5])


@settings(max_examples=40, deadline=None)
@given(st.lists(st.binary(max_size=12), max_size=30), st.booleans())
def test_one_of_equal_prefixes_is_kept(texts, keep_last):
    engine, order, duplicates = build(texts, "bytes", keep_last=keep_last)
    last = {text: i for i, text in enumerate(texts)}
    first = {text: i for i, text in reversed(list(enumerate(texts)))}
    assert order.tolist() == [(last if keep_last else first)[text] for text in sorted(first)]
    assert len(duplicates) == len(texts) - len(first)
    for a, b in duplicates.tolist():
        assert a < b
        assert texts[a] == texts[b]
    assert engine.n == len(first)


@pytest.mark.parametrize("kind", ["bytes", "path", "suffix"])
def test_many_random_texts(kind):
    """More than any line, any inner line, and any block of queries holds."""
    rng = np.random.default_rng(11)
    word = [bytes(rng.integers(97, 123, size).astype(np.uint8)) for size in rng.integers(1, 9, 400)]
    mark = b"." if kind == "suffix" else b"/"
    rows = zip(rng.integers(0, 400, (9000, 4)), rng.integers(1, 5, 9000), strict=True)
    texts = [mark.join(word[i] for i in row[:n]) for row, n in rows]
    prefixes, queries = texts[:6000], [text + mark + text[:3] for text in texts] + texts
    engine, _, _ = build(prefixes, kind)
    assert engine.nodes["count"].max() > 72
    naive = NaivePrefixes(prefixes, kind)
    for way in WAYS:
        with one_way(engine, way):
            naive.assert_answers(engine, queries)
