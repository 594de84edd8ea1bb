"""PrefixTable beside what nobody here wrote: radix trees, the telephone and vendor libraries, bisection, on real data."""

from __future__ import annotations

import bisect
import ipaddress
from pathlib import Path

import airportsdata
import manuf
import numpy as np
import phonenumbers
import publicsuffix2
import pytest
import pytricia
import radix
from phonenumbers import timezone

import valkyrie as vk
from asv_benchmarks import prefix_sources

N_QUERIES = 1_000_000


def texts4(starts, lengths):
    octets = starts.astype(">u4").view(np.uint8).reshape(-1, 4).tolist()
    return [f"{a}.{b}.{c}.{d}/{n}" for (a, b, c, d), n in zip(octets, lengths.tolist(), strict=True)]


@pytest.fixture(scope="module")
def networks4():
    starts, lengths = prefix_sources.networks4()
    return starts, lengths, vk.PrefixTable.build(starts, kind="ip", lengths=lengths)


@pytest.fixture(scope="module")
def networks6():
    words, lengths = prefix_sources.networks6()
    packed = words.astype(">u8").view(np.uint8).reshape(-1).view("V16")
    return packed, lengths, vk.PrefixTable.build(packed, kind="ip", lengths=lengths)


def test_ipv4_is_pytricia(networks4):
    starts, lengths, table = networks4
    tree = pytricia.PyTricia(32)
    for row, network in enumerate(texts4(starts, lengths)):
        tree[network] = row
    rng = np.random.default_rng(0)
    inside = starts[rng.integers(0, len(starts), N_QUERIES // 2)] + rng.integers(0, 300, N_QUERIES // 2, dtype=np.uint32)
    asked = np.concatenate([inside, rng.integers(0, 2**32, N_QUERIES // 2, dtype=np.uint32)])
    expected = [tree.get(address, -1) for address in map(int, asked)]
    rows, found = table.lookup_many(asked, return_length=True)
    assert rows.tolist() == expected
    hits = rows >= 0
    assert np.array_equal(found[hits], lengths[rows[hits]])
    assert 0 < hits.mean() < 1
    some = asked[:20_000]
    assert table.lookup_many([str(ipaddress.IPv4Address(int(a))) for a in some]).tolist() == expected[:20_000]
    offsets, chains = table.all_matches_many(some)
    for address, begin, end in zip(some.tolist(), offsets, offsets[1:], strict=False):
        parents, key = [], tree.get_key(address)
        while key is not None:
            parents.append(tree[key])
            key = tree.parent(key)
        assert chains[begin:end].tolist() == parents[::-1]


def test_ipv6_is_py_radix(networks6):
    packed, lengths, table = networks6
    tree = radix.Radix()
    for row, (raw, length) in enumerate(zip(packed.tolist(), lengths.tolist(), strict=True)):
        tree.add(packed=raw, masklen=length).data["row"] = row
    rng = np.random.default_rng(1)
    asked = packed[rng.integers(0, len(packed), N_QUERIES // 4)].view(np.uint8).reshape(-1, 16).copy()
    asked[:, 4:] ^= rng.integers(0, 2, (len(asked), 12), dtype=np.uint8) * rng.integers(0, 256, (len(asked), 12), dtype=np.uint8)
    expected = [-1 if (node := tree.search_best(packed=bytes(raw))) is None else node.data["row"] for raw in asked]
    assert table.lookup_many(asked).tolist() == expected
    assert table.lookup_many([str(ipaddress.IPv6Address(bytes(raw))) for raw in asked[:5000]]).tolist() == expected[:5000]
    assert [table.lookup(np.void(bytes(raw))) for raw in asked[:500]] == [None if row < 0 else row for row in expected[:500]]


def test_what_lies_under_a_network_is_pytricia(networks4):
    starts, lengths, table = networks4
    some = slice(0, 60_000)
    table = vk.PrefixTable.build(starts[some], kind="ip", lengths=lengths[some])
    tree = pytricia.PyTricia(32)
    networks = texts4(starts[some], lengths[some])
    for row, network in enumerate(networks):
        tree[network] = row
    wide = [network for network, length in zip(networks, lengths[some], strict=True) if length <= 18][:3000]
    offsets, rows = table.enumerate_many(wide)
    for network, begin, end in zip(wide, offsets, offsets[1:], strict=False):
        assert sorted(rows[begin:end].tolist()) == sorted([tree[network], *(tree[child] for child in tree.children(network))])


def test_phone_numbers_are_in_the_zones_that_phonenumbers_says():
    zones = prefix_sources.phone_zones()
    table = vk.PrefixTable.build([prefix for prefix, _ in zones], kind="digits")
    numbers = [n for r in phonenumbers.SUPPORTED_REGIONS if (n := phonenumbers.example_number(r)) is not None]
    rng = np.random.default_rng(2)
    at, tails = rng.integers(0, len(zones), N_QUERIES // 20), rng.integers(10**6, 10**8, N_QUERIES // 20)
    numbers += [phonenumbers.parse(f"+{zones[i][0]}{tail}"[:16]) for i, tail in zip(at.tolist(), tails.tolist(), strict=True)]
    texts = [phonenumbers.format_number(n, phonenumbers.PhoneNumberFormat.E164) for n in numbers]
    rows = table.lookup_many(texts).tolist()
    for number, row in zip(numbers, rows, strict=True):
        expected = timezone.time_zones_for_geographical_number(number)
        assert (zones[row][1] if row >= 0 else ("Etc/Unknown",)) == expected


def test_hardware_addresses_are_of_the_vendors_that_manuf_says():
    prefixes, lengths = prefix_sources.mac_prefixes()
    table = vk.PrefixTable.build(prefixes, kind="bits", lengths=lengths)
    rng = np.random.default_rng(3)
    asked = prefixes | (rng.integers(0, 2**63, len(prefixes), dtype=np.uint64) >> lengths.astype(np.uint64))
    asked &= np.uint64(0xFFFFFFFFFFFF0000)
    rows = table.lookup_many(asked)
    parser = manuf.MacParser()
    vendor = {
        (int(p), int(n)): parser._masks[64 - 16 - int(n), int(p) >> 16 >> (48 - int(n))]
        for p, n in zip(prefixes, lengths, strict=True)
    }
    for word, row in zip(asked[::7].tolist(), rows[::7].tolist(), strict=True):
        text = ":".join(f"{word >> 56 - 8 * i & 255:02x}" for i in range(6))
        found = parser.search(text)
        assert found[0] == vendor[int(prefixes[row]), int(lengths[row])]


def test_public_suffixes_are_those_of_publicsuffix2():
    rules = [rule for rule in _every_rule() if rule[0] not in "*!"]
    table = vk.PrefixTable.build(rules, kind="suffix")
    rng = np.random.default_rng(4)
    labels = ["www", "a", "xn--bcher-kva", "Shop", "deep.er"]
    chosen = zip(rng.integers(0, len(rules), 10_000).tolist(), rng.integers(0, 5, 10_000).tolist(), strict=True)
    hosts = [f"{labels[j]}.example.{rules[i]}" for i, j in chosen]
    rows = table.lookup_many(hosts).tolist()
    oracle = publicsuffix2.PublicSuffixList(idna=False)
    special = {rule.lstrip("*!").lstrip(".") for rule in _every_rule() if rule[0] in "*!"}
    plain = 0
    for host, row in zip(hosts, rows, strict=True):
        if any(host.lower().endswith("." + base) for base in special):
            continue
        plain += 1
        assert rules[row] == oracle.get_tld(host.lower(), strict=False)
    assert plain > 8000


def test_rules_with_wildcards_and_exceptions_are_those_of_publicsuffix2():
    rules = _every_rule()
    table = vk.PrefixTable.build(rules, kind="suffix", wildcards=True)
    oracle = publicsuffix2.PublicSuffixList(idna=False)
    rng = np.random.default_rng(5)
    marked = [rule for rule in rules if rule[0] in "*!"]
    bases = [rule.lstrip("*!").lstrip(".") for rule in [*marked * 40, *(rules[i] for i in rng.integers(0, len(rules), 8000))]]
    fronts = rng.choice(["", "a.", "a.b.", "www.", "city.", "x.city."], len(bases)).tolist()
    hosts = [front + base for front, base in zip(fronts, bases, strict=True)]
    rows = table.lookup_many(hosts).tolist()
    stars = {rule[2:] for rule in rules if rule[0] == "*"}
    for host, row in zip(hosts, rows, strict=True):
        if host in stars:  # publicsuffix2 takes *.ck to hold for ck too; by the algorithm of the list it does not
            assert row < 0 or rules[row][0] != "*" or host.endswith("." + rules[row][2:])
            continue
        expected = oracle.get_tld(host, strict=True)
        if row < 0:
            assert expected is None
            continue
        rule = rules[row].lstrip("!")
        labels = rule.count(".") + (rules[row][0] != "!")
        assert ".".join(host.split(".")[-labels:]) == expected, (host, rules[row])


def _every_rule():
    text = (Path(publicsuffix2.__file__).parent / "public_suffix_list.dat").read_text(encoding="utf-8")
    return [line.split()[0] for line in text.splitlines() if line.strip() and not line.startswith("//")]


@pytest.mark.parametrize("length", [1, 3, 5, 8, 11])
def test_ranges_are_those_of_bisection(length):
    names = sorted({airport["name"].encode() for airport in airportsdata.load().values()})
    table = vk.PrefixTable.build(names)
    assert not table.stats.rows_stored
    rng = np.random.default_rng(length)
    asked = [names[i][:length] for i in rng.integers(0, len(names), 5000)] + [b"\xff", b"", b"zzzzzz", b"\0"]
    lo, hi = table.range_many(asked)
    assert lo.tolist() == [bisect.bisect_left(names, prefix) for prefix in asked]
    # what follows all that begin with a prefix: itself, and as many of the highest byte as any name is long
    assert hi.tolist() == [bisect.bisect_right(names, prefix + b"\xff" * 99) for prefix in asked]
