"""Sets of prefixes and the queries put to them: real ones (see `prefix_sources`) and drawn ones that need no package.

A set holds one kind of keys:

    ip4       uint32 and lengths
    ip6       uint64 of shape (n, 2), high and low word, and lengths
    bits      uint64 aligned to the left, and lengths
    digits    numpy S
    bytes     numpy S, byte by byte
    path      numpy S, whole segments
    suffix    numpy S, whole labels from the right

Queries come in random order, since peers that sort them gain from any order there is. Their answers are those of
`prefix_oracle`, which shares no code with a contender.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import prefix_oracle, prefix_sources
from .data import Keys, Queries, Rows
from .prefix_sources import Lengths

WORD = np.uint64(2**64 - 1)
MOST_DIGITS = 12
N_DRAWN = 1 << 16
"""How many tails there are to draw from, each as likely as the others."""


@dataclass(frozen=True)
class PrefixSet:
    """Distinct prefixes of one kind.

    Parameters
    ----------
    kind : str
    keys : ndarray
    lengths : ndarray of uint8, shape (n,), optional
        Of the kinds that count bits.
    rows : ndarray of int64, shape (n,)
        The answer that each stands for; by default its position.
    tails, others : sequence of bytes
        Of text: what is put behind a prefix (before it, with "suffix") for a query, and what stands in place of a prefix where a
        query shall be no child of one.
    width : int
        Bits of an address.
    """

    kind: str
    keys: Keys
    lengths: Lengths | None = None
    rows: Rows | None = None
    tails: Sequence[bytes] = ()
    others: Sequence[bytes] = ()
    width: int = 64

    def __post_init__(self) -> None:
        if self.rows is None:
            object.__setattr__(self, "rows", np.arange(len(self.keys)))

    def __len__(self) -> int:
        return len(self.keys)

    def asked(self, m: int, inside_percent: int, seed: int = 1) -> Queries:
        """`m` queries of which so many per cent lie inside a prefix that is drawn uniformly; the others may too."""
        rng = np.random.default_rng([seed, inside_percent, 31])
        inside = rng.permutation(m) < m * inside_percent // 100
        at = rng.integers(0, len(self), m)
        drawn = self._words(rng, at, inside) if self.lengths is not None else self._texts(rng, at, inside)
        return Queries(drawn, prefix_oracle.longest(self, drawn))

    def _words(self, rng: np.random.Generator, at: Rows, inside: Any) -> Keys:
        assert self.lengths is not None
        length = self.lengths[at]
        if self.kind == "ip4":
            free = rng.integers(0, 2**32, len(at), np.uint32)
            return np.where(inside, self.keys[at] | free & low_ones(32 - length).astype(np.uint32), free)
        if self.kind == "bits":
            free = rng.integers(0, 2**64, len(at), np.uint64) & ~low_ones(np.full(len(at), 64 - self.width))
            return np.where(inside, self.keys[at] | free & low_ones(64 - length), free)
        free = rng.integers(0, 2**64, (len(at), 2), np.uint64)
        host = np.stack([low_ones(64 - np.minimum(length, 64)), low_ones(128 - np.maximum(length, 64))], axis=1)
        elsewhere = free.copy()
        elsewhere[:, 0] = free[:, 0] >> np.uint64(3) | np.uint64(1 << 61)  # 2000::/3, where all public addresses are
        return np.where(inside[:, None], self.keys[at] | free & host, elsewhere)

    def _texts(self, rng: np.random.Generator, at: Rows, inside: Any) -> Keys:
        heads = self.keys[at].tolist()
        others = rng.integers(0, len(self.others), len(at)).tolist()
        tails = rng.integers(0, len(self.tails), len(at)).tolist()
        texts = []
        for head, other, tail, is_inside in zip(heads, others, tails, inside.tolist(), strict=True):
            first, second = head if is_inside else self.others[other], self.tails[tail]
            texts.append(second + first if self.kind == "suffix" else first + second)
        return np.array([text[:MOST_DIGITS] for text in texts] if self.kind == "digits" else texts)


def low_ones(counts: Any) -> Keys:
    """Words whose lowest bits are set, as many as `counts` say, 0 to 64."""
    counts = np.asarray(counts).astype(np.uint64)
    return np.where(counts == 0, np.uint64(0), WORD >> (np.uint64(64) - counts & np.uint64(63)))


def networks4(nested: bool = False, shuffled: bool = False) -> PrefixSet:
    """Real IPv4 networks, of systems or also of countries, in sorted order or in any."""
    starts, lengths = prefix_sources.networks4(nested)
    order = np.random.default_rng(32).permutation(len(starts)) if shuffled else slice(None)
    return PrefixSet("ip4", starts[order], lengths[order], width=32)


def networks6() -> PrefixSet:
    """Real IPv6 networks."""
    return PrefixSet("ip6", *prefix_sources.networks6(), width=128)


def macs() -> PrefixSet:
    """Real prefixes of hardware addresses."""
    return PrefixSet("bits", *prefix_sources.mac_prefixes(), width=48)


def phones() -> PrefixSet:
    """Real prefixes of telephone numbers."""
    return digit_set(prefix_sources.phone_prefixes())


def zones() -> tuple[PrefixSet, list[tuple[str, ...]]]:
    """The prefixes of time zones, whose rows are the positions of their zones in the list given beside."""
    prefixes = prefix_sources.phone_zones()
    every = sorted({zones for _, zones in prefixes})
    position = {zones: i for i, zones in enumerate(every)}
    rows = np.array([position[zones] for _, zones in prefixes])
    return digit_set([prefix for prefix, _ in prefixes], rows), every


def digit_set(prefixes: Sequence[str], rows: Rows | None = None, seed: int = 0) -> PrefixSet:
    """Prefixes of digits, asked for by numbers of up to 12 digits."""
    drawn = np.random.default_rng([seed, 33]).integers(10**9, 10**10, (2, N_DRAWN)).astype("S").tolist()
    return PrefixSet("digits", np.array(prefixes, "S"), rows=rows, tails=drawn[0], others=drawn[1])


def name_set(surnames: Sequence[str], seed: int = 0) -> PrefixSet:
    """Names, many of which begin with others, byte by byte; queries are names with more behind them."""
    keys = [name.encode() for name in surnames]
    drawn = np.random.default_rng([seed, 34]).integers(0, len(keys), N_DRAWN).tolist()
    tails = [b" " + keys[i] for i in drawn]
    return PrefixSet("bytes", np.array(keys), tails=tails, others=[backwards(keys[i]) for i in drawn])


def path_set(paths: Sequence[str], surnames: Sequence[str], seed: int = 0) -> PrefixSet:
    """Paths of names; queries are one or two segments longer."""
    drawn = np.random.default_rng([seed, 35]).integers(0, len(surnames), (2, N_DRAWN)).tolist()
    names = [[surnames[i].encode() for i in row] for row in drawn]
    tails = [b"/" + a + (b"/" + b if i % 2 else b"") for i, (a, b) in enumerate(zip(*names, strict=True))]
    others = [b"/" + backwards(a) for a in names[0]]
    return PrefixSet("path", np.array([path.encode() for path in paths]), tails=tails, others=others)


def backwards(text: bytes) -> bytes:
    """Its letters from the last to the first."""
    return text.decode()[::-1].encode()


def route_set(templates: Sequence[str], seed: int = 0) -> PrefixSet:
    """What stands before the first placeholder of each route; queries are filled in."""
    rng = np.random.default_rng([seed, 36])
    parts = [template.partition("{") for template in templates]
    keys = sorted({whole_segments(before) for before, _, _ in parts} - {""}, key=str.encode)
    tails = [filled(brace + after, int(rng.integers(10**8))) for _, brace, after in parts if brace]
    return PrefixSet("path", np.array([key.encode() for key in keys]), tails=tails, others=[b"/" + tail for tail in tails])


def whole_segments(path: str) -> str:
    """`path` up to its last slash."""
    return path[: path.rfind("/")] if path.rfind("/") >= 0 else ""


def filled(template: str, number: int) -> bytes:
    """The rest of a route with `number` in place of its placeholders."""
    pieces = template.split("{")
    text = pieces[0] + "".join(f"item-{number:08d}{piece.partition('}')[2]}" for piece in pieces[1:])
    return f"/{text}".encode()


def suffix_set(suffixes: Sequence[str], labels: Sequence[str], seed: int = 0) -> PrefixSet:
    """Suffixes of domains; queries are hosts of one or two `labels` more."""
    hosts = [label.lower().encode() for label in labels]
    tails = [a + b"." + (b"www." if i % 3 == 0 else b"") for i, a in enumerate(hosts)]
    return PrefixSet("suffix", np.array([suffix.encode() for suffix in suffixes]), tails=tails, others=hosts)


def drawn_networks4(n: int, seed: int = 0) -> PrefixSet:
    """`n` networks, most of them /16 to /24 in blocks of /8 to /15, so that they nest: no package is needed."""
    rng = np.random.default_rng([seed, 37])
    lengths = np.minimum(rng.integers(16, 29, 2 * n), 24 + (rng.random(2 * n) < 0.05) * 8)
    lengths[: n // 50] = rng.integers(8, 16, n // 50)
    starts = rng.integers(0, 2**32, 2 * n, np.uint64) & ~low_ones(32 - lengths)
    kept = np.unique(starts << np.uint64(8) | lengths.astype(np.uint64))
    kept = np.sort(rng.permutation(kept)[:n])
    return PrefixSet("ip4", (kept >> np.uint64(8)).astype(np.uint32), (kept & np.uint64(255)).astype(np.uint8), width=32)


def drawn_networks6(n: int, seed: int = 0) -> PrefixSet:
    """`n` networks of 2000::/3, a few of them longer than /64."""
    rng = np.random.default_rng([seed, 38])
    lengths = np.where(rng.random(n) < 0.01, rng.integers(65, 129, n), rng.integers(20, 65, n))
    words = rng.integers(0, 2**64, (n, 2), np.uint64)
    words[:, 0] = words[:, 0] >> np.uint64(3) | np.uint64(1 << 61)
    words &= ~np.stack([low_ones(64 - np.minimum(lengths, 64)), low_ones(128 - np.maximum(lengths, 64))], axis=1)
    kept = np.unique(np.column_stack([words, lengths.astype(np.uint64)]), axis=0)
    return PrefixSet("ip6", kept[:, :2].copy(), kept[:, 2].astype(np.uint8), width=128)


def drawn_macs(n: int, seed: int = 0) -> PrefixSet:
    """`n` prefixes of 24, 28 and 36 bits."""
    rng = np.random.default_rng([seed, 39])
    lengths = rng.choice([24, 24, 24, 28, 36], n)
    words = rng.integers(0, 2**64, n, np.uint64) & ~low_ones(64 - lengths)
    kept = np.unique(np.column_stack([words, lengths.astype(np.uint64)]), axis=0)
    return PrefixSet("bits", kept[:, 0].copy(), kept[:, 1].astype(np.uint8), width=48)


def drawn_digits(n: int, seed: int = 0) -> PrefixSet:
    """About `n` prefixes of 1 to 7 digits."""
    rng = np.random.default_rng([seed, 40])
    numbers = (rng.integers(10**6, 10**7, n) // 10 ** np.minimum(rng.geometric(0.5, n) - 1, 6)).astype(str)
    return digit_set(sorted(set(numbers.tolist())), seed=seed)


def drawn_names(n: int, seed: int = 0) -> list[str]:
    """`n` distinct names of syllables, many of which begin with others, sorted."""
    rng = np.random.default_rng([seed, 41])
    syllables = np.array([consonant + vowel for consonant in "bdfgklmnprstvz" for vowel in "aeiou"])
    names: set[str] = set()
    while len(names) < n:
        counts = rng.integers(2, 6, n).tolist()
        letters = rng.integers(0, len(syllables), (n, 5)).tolist()
        names.update("".join(syllables[row[:count]]) for row, count in zip(letters, counts, strict=True))
    return sorted(rng.permutation(sorted(names))[:n].tolist())
