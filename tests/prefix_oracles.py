"""What packages that nobody here wrote say of real prefixes, beside `PrefixTable`: each comparison, at any size.

A comparison is made once, which reads its data and builds both sides. Called with a number of lookups and a source of random
numbers, as often as wanted, it gives the lookups on which the two disagree: what was asked, what the package says, what the
table says. Half of the questions are chosen where prefixes begin and end, the others at random.
"""

from __future__ import annotations

import bisect
import ipaddress
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import manuf
import numpy as np
import phonenumbers
import publicsuffix2
import pytricia
import radix
from phonenumbers import timezone

import valkyrie as vk
from asv_benchmarks import prefix_sources

__all__ = ["ORACLES", "Compare", "Mismatch"]

Mismatch = tuple[object, object, object]
Compare = Callable[[int, np.random.Generator], list[Mismatch]]

AS_TEXT = 2_000
"""Addresses of each call that are asked once more as text, and their chains with them: packages need longer for these."""


def ipv4_beside(tree: PytriciaTree | RadixTree, starts: np.ndarray, lengths: np.ndarray) -> Compare:
    """Longest match, its length, and the chain of all matches."""
    table = vk.PrefixTable.build(starts, kind="ip", lengths=lengths)
    raw = starts.astype(">u4").view("V4").tolist()
    tree.fill(raw, lengths.tolist())

    def compare(count: int, rng: np.random.Generator) -> list[Mismatch]:
        near = _near([int(start) for start in starts], lengths, 32, count // 2, rng)
        asked = np.concatenate([np.array(near, np.uint32), rng.integers(0, 2**32, count - count // 2, dtype=np.uint32)])
        packed = asked.astype(">u4").view("V4").tolist()
        expected = [tree.longest(address) for address in packed]
        rows, found = table.lookup_many(asked, return_length=True)
        wrong = _differences(asked, expected, rows)
        said = np.where(rows < 0, -1, lengths[rows].astype(int))
        wrong += _differences(asked, said.tolist(), np.where(rows < 0, -1, found))
        return wrong + _as_text(table, tree, packed, expected)

    return compare


def ipv6_beside(tree: PytriciaTree | RadixTree, words: np.ndarray, lengths: np.ndarray) -> Compare:
    """As `ipv4_beside`; words of shape (n, 2)."""
    raw = words.astype(">u8").view(np.uint8).reshape(-1).view("V16")
    table = vk.PrefixTable.build(raw, kind="ip", lengths=lengths)
    tree.fill(raw.tolist(), lengths.tolist())
    starts = [int.from_bytes(packed) for packed in raw.tolist()]

    def compare(count: int, rng: np.random.Generator) -> list[Mismatch]:
        near = b"".join(address.to_bytes(16) for address in _near(starts, lengths, 128, count // 2, rng))
        others = rng.integers(0, 256, (count - count // 2, 16), dtype=np.uint8)
        # Of random addresses hardly one would be in any network, so these share the first two bytes of one.
        others[:, :2] = raw.view(np.uint8).reshape(-1, 16)[rng.integers(0, len(raw), len(others)), :2]
        asked = np.frombuffer(near + others.tobytes(), "V16")
        expected = [tree.longest(address) for address in asked.tolist()]
        wrong = _differences(asked, expected, table.lookup_many(asked))
        return wrong + _as_text(table, tree, asked.tolist(), expected)

    return compare


class PytriciaTree:
    """Networks in pytricia; a row is the place of a network."""

    def __init__(self, bits: int) -> None:
        self._tree = pytricia.PyTricia(bits)

    def fill(self, packed: list[bytes], lengths: list[int]) -> None:
        for row, (address, length) in enumerate(zip(packed, lengths, strict=True)):
            self._tree[address, length] = row

    def longest(self, address: bytes) -> int:
        return self._tree.get(address, -1)

    def chain(self, address: bytes) -> list[int]:
        rows, network = [], self._tree.get_key(address)
        while network is not None:
            rows.append(self._tree[network])
            network = self._tree.parent(network)
        return rows[::-1]

    def below(self, network: str) -> list[int]:
        return sorted([self._tree[network], *(self._tree[child] for child in self._tree.children(network))])


class RadixTree:
    """Networks in py-radix; a row is the place of a network."""

    def __init__(self) -> None:
        self._tree = radix.Radix()

    def fill(self, packed: list[bytes], lengths: list[int]) -> None:
        for row, (address, length) in enumerate(zip(packed, lengths, strict=True)):
            self._tree.add(packed=address, masklen=length).data["row"] = row

    def longest(self, address: bytes) -> int:
        node = self._tree.search_best(packed=address)
        return -1 if node is None else node.data["row"]

    def chain(self, address: bytes) -> list[int]:
        return [node.data["row"] for node in self._tree.search_covering(packed=address, masklen=8 * len(address))][::-1]


def ranges_of_networks() -> Compare:
    """What lies under a network, as rows and as a count."""
    starts, lengths = prefix_sources.networks4()
    table = vk.PrefixTable.build(starts, kind="ip", lengths=lengths)
    tree = PytriciaTree(32)
    tree.fill(starts.astype(">u4").view("V4").tolist(), lengths.tolist())

    def compare(count: int, rng: np.random.Generator) -> list[Mismatch]:
        at = rng.integers(0, len(starts), count)
        chosen = zip(starts[at].tolist(), lengths[at].tolist(), strict=True)
        networks = [f"{ipaddress.IPv4Address(start)}/{n}" for start, n in chosen]
        expected = [tree.below(network) for network in networks]
        offsets, rows = table.enumerate_many(networks)
        found = [sorted(rows[a:b].tolist()) for a, b in zip(offsets, offsets[1:], strict=False)]
        return _differences(networks, expected, found) + _differences(
            networks, [len(under) for under in expected], table.count_many(networks)
        )

    return compare


def phone_zones() -> Compare:
    """Time zones of numbers; every example number of the package comes first in each call."""
    zones = prefix_sources.phone_zones()
    table = vk.PrefixTable.build([prefix for prefix, _ in zones], kind="digits")
    of_row = [names for _, names in zones]
    examples = list(_example_numbers())
    codes = [str(code) for code in phonenumbers.COUNTRY_CODE_TO_REGION_CODE]
    heads = [prefix for prefix, _ in zones] + codes * (len(zones) // len(codes))

    def compare(count: int, rng: np.random.Generator) -> list[Mismatch]:
        numbers = examples[:count]
        chosen, lengths = rng.integers(0, len(heads), count - len(numbers)), rng.integers(9, 16, count - len(numbers))
        tails = rng.integers(10**15, 10**16, len(chosen))
        written = (f"{heads[i]}{tail}"[:n] for i, n, tail in zip(chosen.tolist(), lengths.tolist(), tails.tolist(), strict=True))
        numbers += [_number(digits) for digits in written]
        texts = [phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164) for number in numbers]
        expected = [timezone.time_zones_for_geographical_number(number) for number in numbers]
        found = [(of_row[row] if row >= 0 else ("Etc/Unknown",)) for row in table.lookup_many(texts).tolist()]
        return _differences(texts, expected, found)

    return compare


def _example_numbers() -> Iterator[phonenumbers.PhoneNumber]:
    of = itertools.product(sorted(phonenumbers.SUPPORTED_REGIONS), phonenumbers.PhoneNumberType.values())
    found = [phonenumbers.example_number_for_type(region, kind) for region, kind in of]
    found += [phonenumbers.example_number_for_non_geo_entity(code) for code in phonenumbers.COUNTRY_CODES_FOR_NON_GEO_REGIONS]
    return (number for number in found if number is not None)


def _number(digits: str) -> phonenumbers.PhoneNumber:
    """A number of E.164 digits as the package keeps it: the zeros that its national part begins with are counted apart."""
    code = next(digits[:n] for n in (1, 2, 3) if int(digits[:n]) in phonenumbers.COUNTRY_CODE_TO_REGION_CODE)
    national = digits[len(code) :]
    zeros = min(len(national) - len(national.lstrip("0")), len(national) - 1)
    return phonenumbers.PhoneNumber(
        int(code), int(national), italian_leading_zero=zeros > 0 or None, number_of_leading_zeros=zeros if zeros > 1 else None
    )


def vendors() -> Compare:
    """Vendors of hardware addresses, of every line of the package's file, and of addresses around those that it names."""
    parser = manuf.MacParser()
    names = dict(_vendor_lines(Path(parser.get_packaged_manuf_file_path())))
    words = np.array([word for word, _ in names], np.uint64)
    lengths = np.array([length for _, length in names], np.uint8)
    table = vk.PrefixTable.build(words, kind="bits", lengths=lengths)
    of_row = list(names.values())
    begins = [int(word) >> 16 for word in words]

    def compare(count: int, rng: np.random.Generator) -> list[Mismatch]:
        near = begins[:count] + _near(begins, lengths, 48, max(count - len(begins), 0) * 3 // 4, rng)
        asked = np.array(near + rng.integers(0, 2**48, count - len(near)).tolist(), np.uint64)
        texts = [f"{address:012x}" for address in asked.tolist()]
        expected = [parser.get_manuf(text) for text in texts]
        found = [of_row[row] if row >= 0 else None for row in table.lookup_many(asked << np.uint64(16)).tolist()]
        return _differences(texts, expected, found)

    return compare


def _vendor_lines(path: Path) -> Iterator[tuple[tuple[int, int], str]]:
    """Left-aligned prefix and length, and the short name. Of a length beyond the digits that stand there, the digits count."""
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.strip() and not line.strip().startswith("#"):
            address, name, *_ = line.strip().replace("\t\t", "\t").split("\t")
            written, _, bits = address.partition("/")
            digits = written.translate({ord(mark): None for mark in ":-."})
            length = min(int(bits or 48), 4 * len(digits))
            yield (int(digits.ljust(16, "0"), 16) >> 64 - length << 64 - length, length), name.strip()


def public_suffixes() -> Compare:
    """Public suffixes of hosts by the plain rules; hosts under rules with ``*`` or ``!`` are left to the comparison of those."""
    rules = [rule for rule in _rules() if rule[0] not in "*!"]
    table = vk.PrefixTable.build(rules, kind="suffix")
    oracle = publicsuffix2.PublicSuffixList(idna=False)
    special = {rule.lstrip("*!").lstrip(".") for rule in _rules() if rule[0] in "*!"}
    plain = [rule for rule in rules if special.isdisjoint(_endings(rule))]

    def compare(count: int, rng: np.random.Generator) -> list[Mismatch]:
        labels = ["www", "a", "xn--bcher-kva", "Shop", "deep.er"]
        chosen, fronts = rng.integers(0, len(plain), count), rng.integers(0, len(labels), count)
        hosts = [f"{labels[j]}.example.{plain[i]}" for i, j in zip(chosen.tolist(), fronts.tolist(), strict=True)]
        expected = [oracle.get_tld(host.lower(), strict=False) for host in hosts]
        return _differences(hosts, expected, [rules[row] for row in table.lookup_many(hosts).tolist()])

    return compare


def public_suffixes_with_marks() -> Compare:
    """Public suffixes by all rules, half of the hosts under rules with ``*`` or ``!``.

    publicsuffix2 takes ``*.ck`` to hold for ``ck`` itself. By the algorithm of the list it does not, so for such hosts the
    algorithm is asked.
    """
    rules = _rules()
    known = set(rules)
    table = vk.PrefixTable.build(rules, kind="suffix", wildcards=True)
    oracle = publicsuffix2.PublicSuffixList(idna=False)
    marked = [rule for rule in rules if rule[0] in "*!"]
    stars = {rule[2:] for rule in rules if rule[0] == "*"}

    def suffix(host: str, row: int) -> str | None:
        """What the rule of a row makes of a host: as many of its last labels as the rule has, one less for an exception."""
        if row < 0:
            return None
        labels = rules[row].count(".") + (rules[row][0] != "!")
        return ".".join(host.split(".")[-labels:])

    def compare(count: int, rng: np.random.Generator) -> list[Mismatch]:
        of = [*rng.choice(marked, count // 2).tolist(), *rng.choice(rules, count - count // 2).tolist()]
        fronts = rng.choice(["", "a.", "a.b.", "www.", "city.", "x.city."], count).tolist()
        hosts = [front + rule.lstrip("*!").lstrip(".") for front, rule in zip(fronts, of, strict=True)]
        expected = [_by_algorithm(host, known) if host in stars else oracle.get_tld(host, strict=True) for host in hosts]
        found = [suffix(host, row) for host, row in zip(hosts, table.lookup_many(hosts).tolist(), strict=True)]
        return _differences(hosts, expected, found)

    return compare


def ranges_by_bisection() -> Compare:
    """The ranks of the surnames that begin with some bytes."""
    names = [name.encode() for name in prefix_sources.names()]
    table = vk.PrefixTable.build(names)

    def compare(count: int, rng: np.random.Generator) -> list[Mismatch]:
        chosen, lengths = rng.integers(0, len(names), count), rng.integers(0, 16, count)
        asked = [names[i][:n] + b"\xff" * (n > 12) for i, n in zip(chosen.tolist(), lengths.tolist(), strict=True)]
        expected = [
            # What follows all that begin with a prefix: itself, and more of the highest byte than any name is long.
            (bisect.bisect_left(names, prefix), bisect.bisect_right(names, prefix + b"\xff" * 99))
            for prefix in asked
        ]
        low, high = table.range_many(asked)
        return _differences(asked, expected, list(zip(low.tolist(), high.tolist(), strict=True)))

    return compare


def _rules() -> list[str]:
    text = (Path(publicsuffix2.__file__).parent / "public_suffix_list.dat").read_text(encoding="utf-8")
    return [line.split()[0] for line in text.splitlines() if line.strip() and not line.startswith("//")]


def _by_algorithm(host: str, rules: set[str]) -> str | None:
    """The public suffix as https://publicsuffix.org/list defines it, without the rule for hosts that no rule matches."""
    for ending in _endings(host):
        parent = ending.partition(".")[2]
        if "!" + ending in rules:
            return parent
        if ending in rules or "*." + parent in rules:
            return ending
    return None


def _endings(host: str) -> Iterator[str]:
    while host:
        yield host
        host = host.partition(".")[2]


def _near(starts: list[int], lengths: np.ndarray, bits: int, count: int, rng: np.random.Generator) -> list[int]:
    """Numbers where prefixes begin and end, beside them, and inside: `count` of them."""
    sizes = [1 << bits - length for length in lengths.tolist()]
    at, where = rng.integers(0, len(starts), count).tolist(), rng.integers(0, 6, count).tolist()
    inside = rng.integers(0, 2**62, count).tolist()
    offsets = (
        (0, sizes[i] - 1, -1, sizes[i], r % sizes[i], (r << 64 | r) % sizes[i])[w]
        for i, w, r in zip(at, where, inside, strict=True)
    )
    return [(starts[i] + offset) % (1 << bits) for i, offset in zip(at, offsets, strict=True)]


def _as_text(table: vk.PrefixTable, tree: PytriciaTree | RadixTree, packed: list[bytes], expected: list[int]) -> list[Mismatch]:
    """Some of the addresses as text, one by one and with all their matches."""
    texts = [str(ipaddress.ip_address(address)) for address in packed[: AS_TEXT // 2] + packed[-AS_TEXT // 2 :]]
    said = expected[: AS_TEXT // 2] + expected[-AS_TEXT // 2 :]
    offsets, rows = table.all_matches_many(texts)
    chains = [rows[a:b].tolist() for a, b in zip(offsets, offsets[1:], strict=False)]
    return (
        _differences(texts, said, table.lookup_many(texts))
        + _differences(texts, said, [-1 if (row := table.lookup(text)) is None else row for text in texts])
        + _differences(texts, [tree.chain(ipaddress.ip_address(text).packed) for text in texts], chains)
    )


def _differences(asked, expected, found) -> list[Mismatch]:
    return [answer for answer in zip(asked, expected, found, strict=True) if answer[1] != answer[2]]


ORACLES: dict[str, Callable[[], Compare]] = {
    "IPv4, pytricia": lambda: ipv4_beside(PytriciaTree(32), *prefix_sources.networks4()),
    "IPv4, py-radix": lambda: ipv4_beside(RadixTree(), *prefix_sources.networks4()),
    "IPv6, pytricia": lambda: ipv6_beside(PytriciaTree(128), *prefix_sources.networks6()),
    "IPv6, py-radix": lambda: ipv6_beside(RadixTree(), *prefix_sources.networks6()),
    "under IPv4 networks, pytricia": ranges_of_networks,
    "time zones of numbers, phonenumbers": phone_zones,
    "vendors, manuf": vendors,
    "public suffixes, publicsuffix2": public_suffixes,
    "public suffixes with * and !, publicsuffix2": public_suffixes_with_marks,
    "ranges of names, bisect": ranges_by_bisection,
}
