"""Hash maps with a call for whole arrays, and the builtin dict."""

from __future__ import annotations

import ctypes
from itertools import repeat
from typing import Any

import numpy as np

from ..data import Keys, Rows
from .contender import Contender
from .forms import as_list, in_form


def import_phashmap() -> Any:
    """phashmap's binary names no OpenMP runtime although it needs one, so that is loaded first."""
    ctypes.CDLL("libgomp.so.1", ctypes.RTLD_GLOBAL)
    import phashmap

    return phashmap


class Phashmap(Contender):
    """parallel-hashmap by Gregory Popovitch, bound by phashmap."""

    name = "phashmap"
    forms = ("u64",)

    def build(self, keys: Keys) -> None:
        """Store the rows under `keys`."""
        values = np.dtype("u4")
        table = import_phashmap().Dict(np.dtype("u8"), values, 2**32 - 1)
        table[keys] = np.arange(len(keys), dtype=values)
        self.answer = table.__getitem__

    def rows(self, answer: Any) -> Rows:
        """A miss is the default value, all ones."""
        return np.asarray(answer).view(np.int32).astype(np.int64)


class Cykhash(Contender):
    """khash bound by cykhash; its source package builds with Cython before 3 only."""

    name = "cykhash"
    forms = ("u64",)

    def build(self, keys: Keys) -> None:
        """Store the rows under `keys`."""
        import cykhash

        self.table = cykhash.Int64toInt64Map_from_buffers(keys.view(np.int64), np.arange(len(keys), dtype=np.int64))
        table, fill, empty = self.table, cykhash.Int64toInt64Map_to, np.empty

        def answer(queries: Keys) -> Rows:
            out = empty(len(queries), np.int64)
            fill(table, queries, out, False, -1)
            return out

        self.answer = answer

    def prepare(self, queries: Keys) -> Any:
        """Signed, the only width and sign it knows."""
        return queries.view(np.int64)


class Arraymap(Contender):
    """``FrozenAutoMap.get_all``, which raises on a miss (``get_any`` leaves misses out without saying which)."""

    name = "arraymap"
    forms = ("u64", "b16", "S", "U")
    answers_misses = False

    def build(self, keys: Keys) -> None:
        """Map `keys` to their positions."""
        import arraymap

        held = self.prepare(keys).copy()
        held.flags.writeable = False
        self.table = arraymap.FrozenAutoMap(held)
        self.answer = self.table.get_all

    def prepare(self, queries: Keys) -> Any:
        """16-byte ids as ``S16``."""
        return queries.view("S16") if self.form == "b16" else in_form(queries, self.form)


class Hirola(Contender):
    """``HashTable.get`` of a table that is half full."""

    name = "hirola"
    forms = ("u64", "b16", "S", "U")

    def build(self, keys: Keys) -> None:
        """Add `keys` in order."""
        import hirola

        held = in_form(keys, self.form)
        table = hirola.HashTable(2 * len(keys), held.dtype)
        table.add(held)
        self.answer = table.get


class Dict(Contender):
    """The fastest way through a dict: ``map`` over its ``get``, a list in and a list out."""

    name = "dict"
    forms = ("u64", "b16", "arrow", "S", "U", "object", "stringdtype")

    def build(self, keys: Keys) -> None:
        """Map each Python object to its position."""
        get = dict(zip(as_list(keys, self.form), range(len(keys)), strict=True)).get
        if self.form == "stringdtype":
            self.answer = lambda queries: list(map(get, queries.tolist(), repeat(-1)))
        else:
            self.answer = lambda queries: list(map(get, queries, repeat(-1)))

    def prepare(self, queries: Keys) -> Any:
        """A list; a StringDType array stays one, since nothing can look it up as it is."""
        return in_form(queries, self.form) if self.form == "stringdtype" else as_list(queries, self.form)
