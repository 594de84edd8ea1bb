"""Prefixes of text in pure Python: what a kind stores and asks, and every answer by trying all lengths."""

from __future__ import annotations

import bisect
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

from valkyrie._scan import slice_tree
from valkyrie._scan.compiled import Kernel
from valkyrie.tables.prefixes import text_prefixes
from valkyrie.tables.prefixes.text_build import FORMS, normalised
from valkyrie.tables.prefixes.text_prefixes import TextBuild, TextPrefixes

__all__ = ["WAYS", "NaivePrefixes", "addresses", "build", "one_way", "ranges"]

WAYS = ("numba", "numpy")


def addresses(texts: Sequence[bytes]) -> tuple[Any, Any, Any]:
    """Address and length of each text, and what must stay alive."""
    data = np.frombuffer(b"".join(texts) + b"\0", np.uint8)
    offsets = np.concatenate([[0], np.cumsum([len(text) for text in texts])]).astype(np.int64)
    return (data.ctypes.data + offsets[:-1]).astype(np.uint64), np.diff(offsets).astype(np.uint64), data


def build(prefixes: Sequence[bytes], kind: str, **options: Any) -> TextBuild:
    address, length, owner = addresses(prefixes)
    data, offsets = normalised(address, length, FORMS[kind])
    del owner
    return TextPrefixes.build(data, offsets, FORMS[kind], **options)


@contextmanager
def one_way(engine: TextPrefixes, way: str) -> Iterator[None]:
    """Answer in one form, compiled or not, whatever the number of rows."""
    if way == "numba":
        assert engine.warm_up()
        yield
        return
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VALKYRIE_JIT", "0")
        patch.setattr(text_prefixes, "_LONGEST", Kernel("", "", slice_tree.longest_prefixes))
        patch.setattr(text_prefixes, "_RANGES", Kernel("", "", slice_tree.prefix_ranges))
        yield


def ranges(engine: TextPrefixes, address: Any, length: Any) -> tuple[Any, Any]:
    """What lies under each prefix: the ranks [low, high)."""
    low, high = np.empty(len(address), np.int32), np.empty(len(address), np.int32)
    engine.ranges(address, length, low, high)
    return low, high


class NaivePrefixes:
    """Stored prefixes in a sorted list and a dict."""

    def __init__(self, prefixes: Sequence[bytes], kind: str) -> None:
        self.kind = kind
        self.texts = sorted({self.stored(prefix) for prefix in prefixes})
        self.ranks = {text: rank for rank, text in enumerate(self.texts)}

    def _read(self, text: bytes) -> bytes:
        return text[::-1].lower() if self.kind == "suffix" else text

    def stored(self, prefix: bytes) -> bytes:
        mark = {"bytes": b"", "path": b"/", "suffix": b"."}[self.kind]
        text = self._read(prefix.removesuffix(mark)) if mark else prefix
        return text + mark if text else text

    def longest(self, text: bytes, *, other_than: bytes | None = None) -> int:
        found = [self.ranks[text[:n]] for n in range(len(text) + 1) if text[:n] in self.ranks and text[:n] != other_than]
        return found[-1] if found else -1

    def lookup(self, query: bytes) -> int:
        if self.kind == "suffix":
            query = self._read(query.removesuffix(b".")) + b"."
        return self.longest(query + b"/" if self.kind == "path" else query)

    def find(self, prefix: bytes) -> int:
        return self.ranks.get(self.stored(prefix), -1)

    def range(self, prefix: bytes) -> tuple[int, int]:
        text = self.stored(prefix)
        low = high = bisect.bisect_left(self.texts, text)
        while high < len(self.texts) and self.texts[high].startswith(text):
            high += 1
        return low, high

    def parents(self) -> list[int]:
        return [self.longest(text, other_than=text) for text in self.texts]

    def assert_answers(self, engine: TextPrefixes, queries: Sequence[bytes]) -> None:
        """Everything an engine says of some queries is right."""
        address, length, owner = addresses(queries)
        out = np.empty(len(queries), np.int32)
        engine.lookup(address, length, out)
        assert out.tolist() == [self.lookup(query) for query in queries]
        assert engine.find(address, length).tolist() == [self.find(query) for query in queries]
        low, high = ranges(engine, address, length)
        assert (low.dtype, high.dtype) == (np.int32, np.int32)
        assert list(zip(low.tolist(), high.tolist(), strict=True)) == [self.range(query) for query in queries]
        del owner
