"""Data frame libraries and engines, each by its fastest way from keys to rows."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from ..data import Keys, Rows
from .contender import Contender
from .forms import as_list, in_form


class Pandas(Contender):
    """``Index.get_indexer``; text as object array, which pandas looks up faster than its own string type."""

    name = "pandas"
    forms = ("u64", "b16", "object", "stringdtype")

    def build(self, keys: Keys) -> None:
        """Make the index and, by a first lookup, its hash table."""
        import pandas

        held = np.array(as_list(keys, "b16"), dtype=object) if self.form == "b16" else keys
        index = pandas.Index(held, dtype=held.dtype)
        index.get_indexer(held[:1])
        if self.form == "stringdtype":
            self.answer = lambda queries: index.get_indexer(queries.astype(object))
        else:
            self.answer = index.get_indexer

    def prepare(self, queries: Keys) -> Any:
        """16-byte ids as bytes objects."""
        return np.array(as_list(queries, "b16"), dtype=object) if self.form == "b16" else in_form(queries, self.form)


class PandasText(Contender):
    """``Index.get_indexer`` with Arrow-backed text on both sides."""

    name = "pandas str"
    forms = ("arrow",)

    def build(self, keys: Keys) -> None:
        """Make the index and, by a first lookup, its hash table."""
        import pandas

        self.index_type = pandas.Index
        index = self.prepare(keys)
        index.get_indexer(index[:1])
        self.answer = index.get_indexer

    def prepare(self, queries: Keys) -> Any:
        """An index of pandas strings."""
        return self.index_type(queries, dtype="str")


class PolarsJoin(Contender):
    """A left join that keeps the order of the queries."""

    name = "polars join"
    forms: ClassVar[tuple[str, ...]] = ("u64", "arrow", "b16")
    indexes_each_call = True

    def build(self, keys: Keys) -> None:
        """Keep the two-column frame that is joined."""
        import polars

        self.series = polars.Series
        held = polars.DataFrame({"key": self._column(keys), "row": np.arange(len(keys), dtype=np.int32)})
        self.answer = lambda queries: queries.join(held, on="key", how="left", maintain_order="left")["row"]

    def _column(self, keys: Keys) -> Any:
        return self.series(as_list(keys, self.form)) if self.form == "b16" else self.series(in_form(keys, self.form))

    def prepare(self, queries: Keys) -> Any:
        """A frame of one column."""
        return self._column(queries).alias("key").to_frame()

    def rows(self, answer: Any) -> Rows:
        """A miss is null."""
        return np.asarray(answer.fill_null(-1).to_numpy(), dtype=np.int64)


class PolarsReplace(PolarsJoin):
    """``replace_strict`` with the keys as the old values."""

    name = "polars replace_strict"
    forms = ("u64", "arrow")

    def build(self, keys: Keys) -> None:
        """Keep both columns."""
        import polars

        self.series = polars.Series
        held, rows = self._column(keys), self.series(np.arange(len(keys), dtype=np.int32))
        dtype = polars.Int32
        self.answer = lambda queries: queries.replace_strict(held, rows, default=-1, return_dtype=dtype)

    def prepare(self, queries: Keys) -> Any:
        """A series."""
        return self._column(queries)


class PolarsWide(PolarsJoin):
    """16-byte ids as 128-bit integers, which join faster than binary."""

    name = "polars join i128"
    forms = ("b16",)

    def _column(self, keys: Keys) -> Any:
        import polars

        words = keys.view("<u8").reshape(-1, 2)
        wide = polars.DataFrame({"low": words[:, 0].copy(), "high": words[:, 1].view("<i8").copy()})
        high = polars.col("high").cast(polars.Int128) * (1 << 64)
        return wide.select(high + polars.col("low").cast(polars.Int128)).to_series()


class PyarrowIndexIn(Contender):
    """``compute.index_in`` with the keys as value set."""

    name = "pyarrow index_in"
    forms = ("u64", "b16", "arrow")
    indexes_each_call = True

    def build(self, keys: Keys) -> None:
        """Keep the value set."""
        from pyarrow import compute

        options, index_in = compute.SetLookupOptions(self.prepare(keys)), compute.index_in
        self.answer = lambda queries: index_in(queries, options=options)

    def prepare(self, queries: Keys) -> Any:
        """An Arrow array."""
        import pyarrow

        if self.form == "b16":
            return pyarrow.array(as_list(queries, "b16"), pyarrow.binary(16))
        return pyarrow.array(queries) if self.form == "u64" else in_form(queries, "arrow")

    def rows(self, answer: Any) -> Rows:
        """A miss is null."""
        return np.asarray(answer.fill_null(-1), dtype=np.int64)


class DuckdbJoin(Contender):
    """A left join of a registered Arrow table on one thread; its rows come in any order, beside their positions."""

    name = "duckdb join"
    forms = ("u64",)
    indexes_each_call = True

    def build(self, keys: Keys) -> None:
        """Store the keys in an in-memory database."""
        import duckdb
        import pyarrow

        self.make_table = pyarrow.table
        database = duckdb.connect(config={"threads": 1})
        database.register("held", pyarrow.table({"key": keys, "row": np.arange(len(keys), dtype=np.int32)}))
        database.execute("create table stored as select * from held")

        def answer(queries: Any) -> Any:
            database.register("queries", queries)
            return database.execute("select position, row from queries left join stored using (key)").fetchnumpy()

        self.answer = answer

    def prepare(self, queries: Keys) -> Any:
        """An Arrow table of the keys and their positions."""
        return self.make_table({"key": queries, "position": np.arange(len(queries), dtype=np.int32)})

    def rows(self, answer: Any) -> Rows:
        """Rows put in the order of the queries; a miss is masked."""
        rows = np.empty(len(answer["row"]), np.int64)
        rows[answer["position"]] = np.ma.filled(answer["row"], -1)
        return rows
