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
# # Change routes while they are read
#
# A `Snapshot` holds tables at one version and never changes. A `SnapshotManager` holds the current one: readers take it with
# one attribute load, writers publish the next. Because every version that was kept can still be asked, three questions have
# answers that they rarely have: *which keys move if I change this, where did this key go before, and since when?*
#
# The example is a fleet of eight databases that share two million tenants. The tenants' sizes follow a power law, as
# customers do, so that a key is not a key: what counts is the load that moves.

# %%
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt

import valkyrie as vk

rng = np.random.default_rng(14)
n, shards = 2_000_000, 8
tenants = rng.permutation(n * 4)[:n] * 977
load = rng.pareto(1.3, n) + 1
table = vk.IdTable.build(tenants, np.arange(n) % shards)
snapshot = vk.Snapshot.build({"tenants": table})
snapshot

# %% [markdown]
# The rows of the table are the databases themselves, so a lookup says where a tenant lives. The digest names the content: any
# snapshot of the same tenants and databases has it, however it came about.

# %%
reversed_ = vk.Snapshot.build({"tenants": vk.IdTable.build(tenants[::-1], (np.arange(n) % shards)[::-1])})
print(snapshot.digest, reversed_.digest == snapshot.digest)
manager = vk.SnapshotManager(snapshot)
manager.current.lookup_many(tenants[:5])

# %% [markdown]
# ## A change costs what changes
#
# A hundred tenants move. The big arrays are shared; what changed waits in a small table beside them, and a mark among the
# pilots, a byte that every lookup reads anyway, tells lookups to ask it too.

# %%
moving = rng.choice(tenants, 100, replace=False)
began = time.perf_counter()
manager.update(lambda now: now.with_routes((moving, np.full(100, 3))))
print(f"version {manager.current.version} after {(time.perf_counter() - began) * 1e6:.0f} us: {manager.current.pending} pending")

both = {id(array): array.nbytes for version in (snapshot, manager.current) for array in version.arrays()}
print(f"one version {snapshot.nbytes / 1e6:.1f} MB, both together {sum(both.values()) / 1e6:.1f} MB")

# %% [markdown]
# Writers that do not want to wait leave their changes to the manager's thread, which works all that has come together into
# one version. `flush` waits for it, and raises the error of a change that could not be made; all others are made.

# %%
new = np.arange(1, 401)
for start in range(0, 400, 4):
    manager.schedule(vk.Insert(new[start : start + 4], np.full(4, 5)))
manager.schedule(vk.Remove(moving[:10]))
manager.schedule(vk.Remove([-1]))
try:
    manager.flush()
except vk.errors.KeyNotFoundError as error:
    print(error)
print(manager.current.lookup(400), manager.current.lookup(int(moving[0])), manager.current)

# %% [markdown]
# ## What moved?
#
# `diff` compares two versions. Without keys it says which routes differ; with keys, where each of *them* went, by count and
# by load. The tenants' table has no payload, so a route is a row; of a `RouteTable` the records are compared, whatever rows they
# lie in.

# %%
vk.diff(manager.at(version=1), manager.current)

# %% [markdown]
# A plan for database 7: its tenants go to the seven others. The snapshot with the plan is not published; it is only asked.

# %%
on_seven = tenants[manager.current.targets_of(tenants) == 7]
drained = manager.current.with_routes((on_seven, np.arange(len(on_seven)) % 7))
plan = vk.diff(manager.current, drained, tenants, load=load)
plan

# %%
plan.plot()

# %% [markdown]
# ## What if?
#
# The same question for every database at once: if it is lost, how much moves, and how full is the fullest of the others?


# %%
def without(shard):
    """The scenario in which a database's tenants go to the others, in turn."""

    def change(now):
        lost = tenants[now.targets_of(tenants) == shard]
        others = np.delete(np.arange(shards), shard)
        return now.with_routes((lost, others[np.arange(len(lost)) % len(others)]))

    return change


scenarios = {f"without {shard}": without(shard) for shard in range(shards)}
outcome = vk.what_if(manager.current, tenants, scenarios, load=load)
outcome

# %% [markdown]
# ## Where was it at 14:03?
#
# The history keeps versions, bounded by count and bytes. A time or a version gets one back; `explain` says which rule leads a
# key where it leads, and since when; `rollback` makes an old content the newest version.

# %%
published = time.time()
manager.publish(drained)
tenant = int(on_seven[0])
before = manager.at(time=published).lookup(tenant)
print(f"{tenant} was on {before} and is on {manager.current.lookup(tenant)}")
print(manager.explain(tenant))
back = manager.rollback(manager.current.version - 1)
print(back.version, back.lookup(tenant), back.digest == manager.at(version=back.version - 2).digest)

# %% [markdown]
# ## Other processes
#
# A manager that publishes to a directory writes what changed, and the name of the newest version last. Followers map the
# same files, so a hundred of them share one copy of the tables, and answer with a new version some milliseconds later.

# %%
with tempfile.TemporaryDirectory() as folder:
    publication = manager.publish_to(folder)
    follower = vk.SnapshotManager.follow(folder)
    first = sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file())
    began = time.perf_counter()
    version = manager.update(lambda now: now.with_routes((moving, np.full(100, 6)))).version
    while follower.current.version < version:
        time.sleep(0.001)
    waited = time.perf_counter() - began
    second = sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file())
    print(f"first version {first / 1e6:.1f} MB, the next {(second - first) / 1e3:.0f} kB, followed after {waited * 1e3:.0f} ms")
    print(follower.current.lookup_many(moving[:3]))
    follower.close()
    publication.close()
manager.close()

# %% [markdown]
# ## Publishing by number of changes
#
# What waits costs a publish a copy, and lookups a little; what has been merged costs nothing any more.

# %%
costs = []
for changed in (1, 10, 100, 1_000, 10_000):
    keys = rng.choice(tenants, changed, replace=False)
    began = time.perf_counter()
    pending = snapshot.with_routes((keys, np.zeros(changed, np.int32)))
    publish_us = (time.perf_counter() - began) * 1e6
    ratios = []
    for _ in range(5):
        began = time.perf_counter()
        table.get_many(tenants)
        between = time.perf_counter()
        pending.targets_of(tenants)
        ratios.append((time.perf_counter() - between) / (between - began))
    costs.append({"changed": changed, "publish_us": publish_us, "lookup ratio": np.median(ratios)})
costs = pd.DataFrame(costs).set_index("changed")
figure, axes = plt.subplots(1, 2, figsize=(9, 3))
costs["publish_us"].plot(ax=axes[0], logx=True, marker="o", title="an edit, in us")
costs["lookup ratio"].plot(ax=axes[1], logx=True, marker="o", title="lookups, against none pending")
axes[0].set_ylim(0)
axes[1].set_ylim(0)
figure.tight_layout()
