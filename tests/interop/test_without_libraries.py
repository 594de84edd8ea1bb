"""numpy and lists work with nothing else installed; pandas and polars without pyarrow as far as they can."""

import subprocess
import sys
import textwrap

BLOCK = "import sys\nfor name in {names!r}:\n    sys.modules[name] = None\n"


def run(names, body):
    code = BLOCK.format(names=names) + textwrap.dedent(body)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr


def test_numpy_and_lists_need_nothing():
    run(
        ["pandas", "polars", "pyarrow", "numba", "matplotlib"],
        """
        import uuid
        import numpy as np
        from valkyrie.arrays import Columns, Strings, key_column, payload_column, read_frame
        from valkyrie.errors import MissingExtraError

        for keys in ([1, None], ["a", b"b"], [uuid.UUID(int=1)], np.array([1]), np.array(["a"]), range(3), []):
            column = key_column(keys)
            column.box.column(np.zeros(column.n), np.ones(column.n, dtype=bool))
            column.box.table({"x": (Strings.from_texts(["a"] * column.n), None)})
        names, raw = read_frame({"id": [1, 2], "name": ["a", None]})
        columns = Columns({name: payload_column(part, name)[0] for name, part in zip(names, raw)})
        assert columns["name"].tolist() == ["a", None]
        assert "name" in repr(columns)

        class Exporter:
            def __arrow_c_array__(self, requested_schema=None): ...

        class Stream:
            def __len__(self): return 1
            def __arrow_c_stream__(self, requested_schema=None): ...

        for call in (
            lambda: key_column(Exporter()),
            lambda: key_column(Stream()),
            lambda: payload_column(Exporter(), "x"),
            lambda: payload_column(Stream(), "x"),
            lambda: read_frame(Stream()),
            columns.to_arrow,
        ):
            try:
                call()
            except MissingExtraError as error:
                assert 'pip install "valkyrie-routing[arrow]"' in str(error)
            else:
                raise AssertionError("no error")
        """,
    )


def test_the_import_loads_no_library():
    run(
        [],
        """
        import valkyrie.arrays
        heavy = {"pandas", "polars", "pyarrow", "numba", "matplotlib", "asyncio", "pydantic", "typer"}
        assert not heavy & set(sys.modules)
        """,
    )


def test_pandas_without_pyarrow():
    run(
        ["pyarrow", "polars"],
        """
        import numpy as np
        import pandas as pd
        from valkyrie.arrays import Columns, Strings, key_column, payload_column

        missing = np.array([False, True, False])
        for items, dtype in (
            (["a", None, "b"], "str"), (["a", None, "b"], object), (["a", None, "b"], "category"),
            (["a", None, "b"], "string[python]"), ([1, None, 3], "Int64"), ([1, 2, 3], "int64"),
        ):
            series = pd.Series(items, dtype=dtype, index=[5, 6, 7])
            column = key_column(series)
            assert column.n == 3
            assert (column.nulls is not None) == (None in items)
            out = column.box.column(Strings.from_texts(["x", "y", "z"]), missing)
            assert out.isna().tolist() == missing.tolist()
            assert out.index.tolist() == [5, 6, 7]
            payload_column(series, "x")
        assert key_column(pd.Series(["a", None])).values.tolist() == ["a", None]
        assert Columns({"a": ["x", None]}).to_pandas()["a"].isna().tolist() == [False, True]
        """,
    )


def test_polars_without_pyarrow():
    run(
        ["pyarrow", "pandas"],
        """
        import numpy as np
        import polars as pl
        from valkyrie.arrays import Columns, Strings, key_column, payload_column

        missing = np.array([False, True, False])
        for items, dtype, kind in (
            (["a", None, "b"], pl.String, "bytes"), (["a", None, "b"], pl.Categorical, "bytes"),
            (["a", None, "b"], pl.Enum(["a", "b"]), "bytes"), ([b"a", None, b"b"], pl.Binary, "bytes"),
            ([1, None, 3], pl.Int64, "int"), ([None, None, None], pl.String, "bytes"),
            ([b"x" * 16, None, b"y" * 16], pl.Binary, "b16"), ([None, None, None], pl.Binary, "b16"),
        ):
            series = pl.Series("id", items, dtype=dtype)
            column = key_column(series, kind=kind)
            assert (column.kind, column.n, column.untyped) == (kind, 3, False)
            assert column.nulls.tolist() == [item is None for item in items]
            out = column.box.column(Strings.from_texts(["x", "y", "z"]), missing)
            assert out.to_list() == ["x", None, "z"]
            payload_column(series, "x")
        assert key_column(pl.Series(["a", None])).values.tolist() == ["a", None]
        assert Columns({"a": ["x", None], "b": [1, None]}).to_polars().to_dicts()[1] == {"a": None, "b": None}
        """,
    )
