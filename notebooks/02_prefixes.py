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
# # Route by prefix
#
# A `PrefixTable` answers with the *longest* stored prefix that a key begins with: the price of a call by the first
# digits of its number, the network of an address, the handler of a path. This notebook routes calls to the cheapest of
# three carriers, names the autonomous system behind every address of a log, and ends with paths and domains.

# %%
import gzip
import importlib.util
import pickle
import time
from functools import partial
from ipaddress import ip_address
from itertools import chain
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from phonenumbers import COUNTRY_CODE_TO_REGION_CODE
from phonenumbers.carrierdata import CARRIER_DATA
from phonenumbers.geodata import GEOCODE_DATA

import valkyrie as vk

rng = np.random.default_rng(164)

# %% [markdown]
# ## Calls
#
# The prefixes are real: those that `phonenumbers` (Google's libphonenumber) knows places and mobile carriers for. The
# prices are made up, but behave like real ones: each country has its own, and mobile numbers are dearer. Which country a
# prefix lies in, and whether it is mobile, are prefix lookups themselves.

# %%
prefixes = np.array(sorted({*GEOCODE_DATA, *CARRIER_DATA, *map(str, COUNTRY_CODE_TO_REGION_CODE)}))
codes = np.array(list(COUNTRY_CODE_TO_REGION_CODE))
countries = vk.PrefixTable.build(codes, kind="digits")
country = countries.lookup_many(prefixes)
mobile = vk.PrefixTable.build(list(CARRIER_DATA), kind="digits").lookup_many(prefixes) >= 0

cents = rng.lognormal(0.0, 0.8, len(codes))[country] * np.where(mobile, 4.0, 1.0) * rng.lognormal(0.0, 0.25, len(prefixes))
print(f"{len(prefixes):,} prefixes, {len(codes)} country codes, {mobile.mean():.0%} mobile, {cents.mean():.2f} cents a minute")

# %% [markdown]
# Three carriers sell these destinations. Alder prices every prefix by itself, Birch up to six digits, Cedar up to four, and
# the two leave countries out. A coarse price is a blend: the mean of what lies under the prefix. `enumerate_many` gives
# just that, for all prefixes at once.

# %%
real = vk.PrefixTable.build(prefixes, kind="digits")


def price_list(digits, share, margin):
    """Prices of one carrier: prefixes of at most so many digits, in a share of the countries."""
    served = rng.random(len(codes)) < share
    own = np.unique(prefixes[served[country]].astype(f"U{digits}"))
    offsets, rows = real.enumerate_many(own)
    blend = np.add.reduceat(cents[rows], offsets[:-1]) / np.diff(offsets)
    dearer = rng.lognormal(np.log(margin), 0.15, len(codes))[countries.lookup_many(own)]
    return pd.DataFrame({"prefix": own, "price": (blend * dearer).round(4)})


lists = {"Alder": price_list(9, 1.0, 1.15), "Birch": price_list(6, 0.8, 1.10), "Cedar": price_list(4, 0.6, 1.05)}
tables = {name: vk.RouteTable.build(prices, key="prefix", kind="digits") for name, prices in lists.items()}
pd.DataFrame({
    name: {
        "prefixes": len(prices),
        "longest": prices["prefix"].str.len().max(),
        "most inside one another": tables[name].index.stats.deepest,
        "bytes a prefix": round(tables[name].index.stats.bytes_per_entry),
    }
    for name, prices in lists.items()
})

# %% [markdown]
# Half a million calls: numbers under real prefixes, twelve digits long, and one in a hundred to a country that does not
# exist. Countries with many prefixes count for less a prefix, so that they do not drown the others.

# %%
n = 500_000
weight = 1 / np.sqrt(np.bincount(country)[country])
begin = rng.choice(prefixes, n, p=weight / weight.sum()).astype(np.int64)
room = 10 ** (12 - np.char.str_len(begin.astype("U12")))
number = np.where(rng.random(n) < 0.99, begin * room + rng.integers(0, room), 999 * 10**9 + rng.integers(0, 10**9, n))
calls = pd.DataFrame({"number": "+" + pd.Series(number).astype(str), "minutes": rng.exponential(3.0, n).round(2)})
calls.head()

# %% [markdown]
# ### The right order: longest match per carrier, then the cheapest
#
# A carrier bills a call by the longest of *its own* prefixes that the number begins with. So each carrier's table is asked
# first, and only these prices may be compared. That is one call of `route_many` a carrier.

# %%
names = np.array(list(tables))
price = pd.DataFrame({name: table.route_many(calls["number"], "price") for name, table in tables.items()}).to_numpy()
served = ~np.isnan(price).all(axis=1)
right = np.where(served, np.nanargmin(np.where(served[:, None], price, 0.0), axis=1), -1)
calls["carrier"] = pd.Series(names[right]).where(served)
print(calls["carrier"].value_counts(dropna=False).to_string())

# %% [markdown]
# Half a million answers came from compiled code. Here are two thousand of them once more, with a dict and a loop.

# %%
of_prefix = {name: dict(zip(prices["prefix"], prices["price"], strict=True)) for name, prices in lists.items()}
for text, row in zip(calls["number"][:2000], price[:2000], strict=True):
    for name, found in zip(names, row, strict=True):
        known = (of_prefix[name][text[1:end]] for end in range(10, 1, -1) if text[1:end] in of_prefix[name])
        assert np.array_equal(next(known, np.nan), found, equal_nan=True)

# %% [markdown]
# ### The wrong orders
#
# *Longest first*: all price lists are merged into one table, and the longest prefix of any carrier wins. Whoever lists the
# finest prefixes gets the calls, whatever they cost there.

# %%
merged = pd.concat([prices.assign(carrier=at) for at, prices in enumerate(lists.values())])
merged = merged.sort_values("price", kind="stable").drop_duplicates("prefix")  # equal prefixes: the cheapest
longest_first = vk.RouteTable.build(merged, key="prefix", kind="digits").route_many(calls["number"], "carrier")
longest_first = longest_first.fillna(-1).to_numpy(int)

# %% [markdown]
# *Cheapest first*: of all prefixes in any list that the number begins with, the cheapest wins. The blended price of a whole
# country hides the mobile numbers in it: that price is never billed, because the same carrier lists a longer prefix too.
# `all_matches_many` gives all prefixes of each number.


# %%
def cheapest_prefix(name):
    """The least price of any of a carrier's prefixes that each number begins with, infinite without one."""
    offsets, rows = tables[name].index.all_matches_many(calls["number"])
    least, some = np.full(n, np.inf), np.diff(offsets) > 0
    least[some] = np.minimum.reduceat(lists[name]["price"].to_numpy()[rows], offsets[:-1][some])
    return least


promised = np.column_stack([cheapest_prefix(name) for name in names])
cheapest_first = np.where(served, promised.argmin(axis=1), -1)

one = next(number for number in calls["number"] if number.startswith("+447"))
pd.DataFrame({
    name: {prices["prefix"][row]: prices["price"][row] for row in tables[name].index.all_matches(one)}
    for name, prices in lists.items()
}).rename_axis(one)

# %% [markdown]
# Above are all the prefixes that one number begins with and their prices; a carrier bills the last that it has. Below is what
# each rule costs: every call is billed at its carrier's own longest match.

# %%
minutes = calls["minutes"].to_numpy()


def bill(choice):
    """Euros of each call."""
    return np.where(served, price[np.arange(n), choice], 0.0) * minutes / 100


rules = {"longest per carrier, then cheapest": right, "longest first": longest_first, "cheapest first": cheapest_first}
euros = pd.Series({rule: bill(choice).sum() for rule, choice in rules.items()})
quoted = euros.copy()
quoted["cheapest first"] = (promised.min(axis=1)[served] * minutes[served]).sum() / 100
misrouted = pd.Series({rule: np.count_nonzero(choice != right) for rule, choice in rules.items()})
pd.DataFrame({
    "calls misrouted": misrouted,
    "% of calls": (misrouted / np.count_nonzero(served) * 100).round(1),
    "quoted, euros": quoted.round().astype(int),
    "billed, euros": euros.round().astype(int),
    "too much, %": ((euros / euros.iloc[0] - 1) * 100).round(1),
})

# %% [markdown]
# By the first digit of the number, which is the zone of the world:

# %%
zone = calls["number"].str[1]
extra = pd.DataFrame({rule: bill(choice) - bill(right) for rule, choice in list(rules.items())[1:]}).groupby(zone).sum()
share = extra.div(pd.Series(bill(right)).groupby(zone).sum(), axis=0) * 100
axes = share.plot.bar(figsize=(7, 3), rot=0, color=["#355f8d", "#fde725"], edgecolor="#444")
axes.set(xlabel="first digit of the number", ylabel="too much, % of the bill")
axes.grid(axis="y", alpha=0.3)

# %% [markdown]
# ## Addresses
#
# Networks of IPv4 and IPv6 are in one table. These are real too: the announced networks that the package `geoip2fast` ships
# (MaxMind's GeoLite2) and the autonomous systems that announce them. Only its file is read.

# %%
package = Path(importlib.util.find_spec("geoip2fast").origin).parent
with gzip.open(package / "geoip2fast-asn-ipv6.dat.gz") as file:
    parts = pickle.load(file)[3]
starts, systems, lengths = (list(chain.from_iterable(parts[at])) for at in (5, 7, 9))
announced = pd.DataFrame({
    "network": [f"{ip_address(start)}/{length}" for start, length in zip(starts, lengths, strict=True)],
    "system": pd.Categorical.from_codes(systems, parts[3]),
})
announced = announced[announced["system"] != "IANA.ORG"].reset_index(drop=True)  # reserved, not announced
announced.sample(4, random_state=1)

# %%
origin = vk.RouteTable.build(announced, key="network", kind="ip")
pd.Series(dict(origin.index.stats), name="stats").drop("build_seconds")

# %% [markdown]
# A log of half a million requests with the address as text, as logs have it: IPv4 from anywhere, as scanners come, and one in
# ten IPv6.

# %%
m = 500_000
v4 = rng.integers(0, 2**32, m * 9 // 10)
v6 = rng.choice(np.array([start for start in starts if start >= 2**32], object), m - len(v4))
log = pd.DataFrame({"address": [str(ip_address(int(address))) for address in (*v4, *v6)], "bytes": rng.integers(100, 10**5, m)})
log = log.sample(frac=1, random_state=1, ignore_index=True)
log["system"] = origin.route_many(log["address"], "system")
log.head()

# %% [markdown]
# The new column is null where nobody announces the address; `groupby` leaves those out.

# %%
print(f"{log['system'].isna().mean():.1%} of the requests come from addresses that nobody announces")
log.groupby("system", observed=True)["bytes"].agg(["size", "sum"]).nlargest(8, "size")

# %% [markdown]
# ### What lies under a network
#
# Prefixes are kept in sorted order, and what lies under one is a range of it: `range_many` gives the two ends, `count_many`
# how many, `enumerate` the rows.

# %%
lo, hi = origin.index.range_many(["8.8.0.0/16", "2001:4860::/32", "10.0.0.0/8"])
print(list(zip(lo.tolist(), hi.tolist(), strict=True)), origin.index.count_many(["0.0.0.0/0", "::/0"]))
announced.iloc[origin.index.enumerate("8.8.0.0/16", limit=4)]

# %%
under = origin.index.count_many([f"{first}.0.0.0/8" for first in range(256)])
_, axes = plt.subplots(figsize=(7, 2.5), layout="constrained")
axes.bar(range(256), under / 1000, width=1.0, color="#355f8d")
axes.set(xlabel="first octet", ylabel="thousand announced networks", xlim=(-1, 256))
axes.grid(axis="y", alpha=0.3)

# %% [markdown]
# ### Networks inside networks, and the default route
#
# `0.0.0.0/0` and `::/0` hold every address, so with them in the table nothing is missing. `all_matches` gives the whole chain,
# shortest first.

# %%
own = {"0.0.0.0/0": "transit", "::/0": "transit", "10.0.0.0/8": "company", "10.20.0.0/16": "Oslo", "10.20.30.0/24": "laboratory"}
routes = pd.concat([announced.astype(str), pd.DataFrame(own.items(), columns=announced.columns)], ignore_index=True)
to = vk.RouteTable.build(routes, key="network", kind="ip")
assert not to.route_many(log["address"], "system").isna().any()
for address in ("10.20.30.40", "10.99.0.1", "8.8.8.8", "2001:db8::1"):
    print(f"{address:12}", " > ".join(routes["network"][row] for row in to.index.all_matches(address)))
rows, bits = to.index.lookup_many(log["address"], return_length=True)
print(f"{(bits == 0).mean():.1%} of the log takes the default route")

# %% [markdown]
# ### Inside the table
#
# `arena` holds the arrays of the table. The prefixes are there in sorted order, and numpy reads them without any help; the rest
# is what a lookup goes through. `nodes` are 16 bytes each: 64 slots, and where in `leaves` each of them leads to.

# %%
arena = origin.index.arena
pd.DataFrame({
    name: {"items": len(array), "bytes": array.nbytes, "type": " ".join(array.dtype.names or [str(array.dtype)])}
    for name, array in arena.items()
}).T

# %%
start, length = arena["search/v4/starts"], arena["search/v4/lengths"]
again = [f"{ip_address(int(a))}/{b}" for a, b in zip(start[:1000], length[:1000], strict=True)]
assert again == announced["network"].iloc[origin.index.rows_by_rank[:1000]].tolist()
print(arena["search/v4/nodes"].dtype, again[:3])

# %% [markdown]
# ### What a call costs
#
# Announced networks do not overlap, so for them a search in their sorted starts does the same, and `np.searchsorted` is the
# usual way to do that. Below is the best of a few rounds on one thread, for IPv4 addresses as uint32, in
# random order; the answers are compared first. `warm_up` compiles the search ahead. The checks of a call take some ten
# microseconds, so the table pays from about a hundred addresses a call on.

# %%
origin.index.warm_up()
asked = rng.integers(0, 2**32, 2_000_000, dtype=np.uint32)
end = (start + (2**32 >> length.astype(np.int64)) - 1).astype(np.uint32)


def by_searchsorted(addresses):
    """The rank of the network of each address, -1 without one."""
    at = np.searchsorted(start, addresses, side="right") - 1
    return np.where((at >= 0) & (addresses <= end[at]), at, -1)


def by_table(addresses):
    """The row of the network of each address, -1 without one."""
    return origin.index.lookup_many(addresses)


def best_seconds(ask, batch, rounds=3):
    """Seconds of one call, in the best round; no batch is asked twice in a round."""
    calls = [partial(ask, asked[at : at + batch]) for at in range(0, len(asked), batch)[:500]]
    best = float("inf")
    for _ in range(rounds):
        began = time.perf_counter()
        for call in calls:
            call()
        best = min(best, (time.perf_counter() - began) / len(calls))
    return best


ranks = by_searchsorted(asked)
assert np.array_equal(np.where(ranks >= 0, origin.index.rows_by_rank[ranks], -1), by_table(asked))

batches = np.array([1, 10, 100, 1_000, 10_000, 100_000, 1_000_000])
_, axes = plt.subplots(figsize=(7, 3.5), layout="constrained")
for label, ask, colour in (("PrefixTable", by_table, "#355f8d"), ("numpy searchsorted", by_searchsorted, "#c0504d")):
    axes.plot(batches, [batch / best_seconds(ask, batch) / 1e6 for batch in batches], "o-", color=colour, label=label)
axes.set(xscale="log", yscale="log", xlabel="addresses in a call", ylabel="million addresses per second")
axes.legend()
axes.grid(alpha=0.3)

# %% [markdown]
# ## Paths and domains
#
# A path matches whole segments only: `/api` holds `/api/v1` and not `/apix`.

# %%
handlers = {"path": ["/", "/api", "/api/v1/users", "/static"], "handler": ["home", "api", "users", "files"]}
router = vk.RouteTable.build(handlers, key="path", kind="path")
print(router.route_many(["/api/v1/users/7", "/api/v2", "/apix", "/static/a.css"], "handler"))

# %% [markdown]
# A domain is read from the right, label by label, in any case. With `wildcards=True` the rules `*` and `!` of the public suffix
# list hold, and `all_matches` lists what applies.

# %%
rules = ["com", "uk", "co.uk", "ck", "*.ck", "!www.ck"]
suffixes = vk.PrefixTable.build(rules, kind="suffix", wildcards=True)
for host in ("www.bbc.co.uk", "Example.COM", "shop.gov.ck", "www.ck", "localhost"):
    print(f"{host:14}", [rules[row] for row in suffixes.all_matches(host)])
