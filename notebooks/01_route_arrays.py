# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Route arrays of ids
#
# A *table* maps keys to rows. Routing is looking up a whole column of keys at once: which shard, which host, which
# price. This notebook builds a table, routes a column of a DataFrame through it, looks at how the table lies in
# memory, and measures what a call costs by the size of the batch and of the table.

# %%
import tempfile
import time
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

import valkyrie as vk
from valkyrie._scan import hash as numpy_hash
from valkyrie.display import line_diagram, throughput_plot

rng = np.random.default_rng(20130101)

# %% [markdown]
# ## Build, and route a column
#
# A million accounts, and where each of them lives.

# %%
n = 1_000_000
accounts = pd.DataFrame({"account": np.unique(rng.integers(0, 2**63, n + n // 100))[:n]}).sample(frac=1, random_state=1)
accounts["shard"] = rng.integers(0, 64, n).astype(np.uint16)
accounts["region"] = np.array(["eu-west", "us-east", "ap-south"])[accounts["shard"] % 3]
accounts.head()

# %%
table = vk.RouteTable.build(accounts, key="account")
table

# %% [markdown]
# Events come with an account; one in ten is of an account nobody knows.

# %%
m = 2_000_000
known = rng.choice(accounts["account"].to_numpy(), m)
events = pd.DataFrame({"account": np.where(rng.random(m) < 0.9, known, rng.integers(0, 2**63, m))})
events["shard"] = table.route_many(events["account"], "shard")
events.head()

# %% [markdown]
# One column in gives one column out: a `Series` with the index and the name of the keys. Keys that are not in the
# table are null, so integers come back nullable. Several columns give a `DataFrame`.

# %%
print(events["shard"].dtype, "with", events["shard"].isna().mean().round(3), "missing")
table.route_many(events["account"].head(3), ["shard", "region"])

# %% [markdown]
# ## The container that came in
#
# The same call takes lists, numpy, Arrow, pandas and polars, and answers in kind. numpy has no nulls: what is missing
# there is the largest number of an unsigned column, -1, NaN, NaT, or what `missing=` says.

# %%
few = np.append(known[:3], 42)  # nobody has account 42
print(table.route_many(few, "shard"), table.route_many(few, "shard", missing=0))
print(table.route_many(few.tolist(), "region"))
print(table.route_many(pa.array(few), "region").to_pylist())
print(table.route_many(few, ["shard", "region"]).dtype)

# %% [markdown]
# A null key routes to null, whatever the table holds. Floats are refused: above 2**53 they are no longer the id they
# came from.

# %%
print(table.route_many(pa.array([int(few[0]), None]), "shard"))
try:
    table.route_many(few.astype(float), "shard")
except vk.errors.KeyTypeError as error:
    print(error)

# %% [markdown]
# One key, for the hot path of a service, is a method of its own; so are the rows without any payload.

# %%
account = int(accounts["account"].iloc[0])
print(table.route(account))
print(table.index.get(account), table.index.get_many(few), table.index.contains_many(few))

# %% [markdown]
# ## Inside a table
#
# `table.index.lines` is a numpy array of 64-byte lines, one cache line each: five fingerprints, five rows, and a
# guard that is always -1. The hash of a key names a bucket, the bucket's one-byte pilot names the line, and there the
# key is, or it is not in the table.

# %%
lines = table.index.lines
print(lines.dtype.itemsize, "bytes a line,", f"{len(lines):,} lines,", len(table.index.pilots), "pilots")
print(line_diagram(lines, 0))

# %% [markdown]
# A fingerprint of an integer is a bijection of the key, chosen by the seed of the table. So the lines *are* the keys,
# and numpy reads them all back.

# %%
used = lines["row"] >= 0
keys = numpy_hash.unmix64(lines["fp"][used], numpy_hash.key_from_seed(table.index.seed)).view(np.int64)
rows = lines["row"][used]
assert np.array_equal(keys[np.argsort(rows)], accounts["account"].to_numpy())
print(f"{used.mean():.1%} of the slots are used; {table.index.nbytes / n:.2f} bytes a key")

# %% [markdown]
# How hard was it to build? Buckets take the first pilot that sends all their keys to lines with room; most take one
# of the first.

# %%
stats = table.index.stats
tried = pd.Series(stats.pilot_histogram, name="buckets")
tried.groupby(pd.cut(tried.index, [-1, 0, 3, 15, 63, 255], labels=["0", "1-3", "4-15", "16-63", "64-255"]), observed=True).sum()

# %% [markdown]
# ## Save and map
#
# A `.vks` file is written whole or not at all, checked over every byte, and mapped: processes that load it share its
# memory.

# %%
folder = tempfile.TemporaryDirectory()
path = Path(folder.name, "accounts.vks")
table.save(path)
started = time.perf_counter()
mapped = vk.load(path, verify="header")
print(f"{path.stat().st_size / 2**20:.0f} MiB, mapped in {(time.perf_counter() - started) * 1e3:.1f} ms")
assert np.array_equal(mapped.index.get_many(known), table.index.get_many(known))

# %% [markdown]
# ## What a call costs
#
# The best of a few rounds, on one thread. The time of a small batch is that of the call; of a large one, that of the
# memory: a table that fits in cache is faster than one that does not, and no key waits for the one before it.


# %%
def best_seconds(calls, rounds=5):
    """Seconds of one of the calls, in the best round."""
    best = float("inf")
    for _ in range(rounds):
        started = time.perf_counter()
        for call in calls:
            call()
        best = min(best, (time.perf_counter() - started) / len(calls))
    return best


measured = []
for entries in (1_000, 100_000, 5_000_000):
    held = rng.integers(0, 2**63, entries)
    index = vk.IdTable.build(held, on_duplicate="first")
    queries = rng.choice(held, 2_000_000)  # no batch is asked twice in a round, so none is still in cache
    for batch in (1, 10, 100, 1_000, 10_000, 100_000, 1_000_000):
        starts = range(0, len(queries), batch)[:2_000]
        calls = [partial(index.get_many, queries[at : at + batch]) for at in starts]
        measured.append((entries, batch, best_seconds(calls)))
figures = vk.Columns(dict(zip(("entries", "batch", "seconds"), map(np.array, zip(*measured, strict=True)), strict=True)))
_ = throughput_plot(figures)

# %% [markdown]
# ## Next to pandas
#
# The same column of events through `Series.map` and `DataFrame.merge`: first the answers are compared, then timed.

# %%
shard_of = accounts.set_index("account")["shard"]
column, frame, right = events["account"], events[["account"]], accounts[["account", "shard"]]
questions = {
    "valkyrie route_many": lambda: table.route_many(column, "shard"),
    "pandas Series.map": lambda: column.map(shard_of),
    "pandas merge": lambda: frame.merge(right, on="account", how="left")["shard"],
}
expected = questions["pandas Series.map"]()
for ask in questions.values():
    answer = ask()
    assert (answer.isna() == expected.isna()).all()
    assert np.array_equal(answer.dropna().astype(int), expected.dropna().astype(int))
pd.Series({name: best_seconds([ask], rounds=3) / m * 1e9 for name, ask in questions.items()}, name="ns per key").round(1)

# %%
del mapped
folder.cleanup()
