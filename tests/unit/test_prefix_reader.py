"""One key of a prefix table, without numba: answered as in a batch, from memory, a file or a forked child; what is refused."""

from __future__ import annotations

import copy
import gc
import ipaddress
import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import valkyrie as vk
from tests.hostile.fenced_memory import fenced, fenced_bytes
from valkyrie._native import IpReader, PrefixChains, PrefixReader, TextReader, WordReader, cpu_levels, kernel
from valkyrie.errors import ArgumentError, KeyTypeError

CHECKOUT = Path(__file__).resolve().parents[2]
NOT_TAKEN = -2

NETWORKS = [
    "0.0.0.0/0", "0.0.0.0/1", "0.0.0.0/32", "10.0.0.0/8", "10.0.0.0/9", "10.0.0.0/24", "10.0.0.128/25", "10.0.0.255/32",
    "255.255.255.255/32", "::/0", "::/64", "::/65", "::/128", "::1/128", "2001:db8::/32", "2001:db8::/64", "2001:db8:0:1::/64",
    "2001:db8::8000:0:0:0/65", "2001:db8::ff/128", "ffff:ffff:ffff:ffff::/64", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128",
]  # fmt: skip
ADDRESSES = [
    "0.0.0.0", "0.0.0.1", "9.255.255.255", "10.0.0.0", "10.0.0.127", "10.0.0.128", "10.0.0.255", "10.0.1.0", "10.128.0.0",
    "11.0.0.0", "127.255.255.255", "128.0.0.0", "255.255.255.254", "255.255.255.255", "::", "::1", "::2", "::8000:0:0:0",
    "0:0:0:1::", "2001:db8::", "2001:db8::ff", "2001:db8::8000:0:0:1", "2001:db8:0:1::7", "2001:db8:0:2::", "2001:db9::",
    "::ffff:10.0.0.1", "ffff:ffff:ffff:ffff::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
]  # fmt: skip
NO_ADDRESSES = ["", "10", "10.0.0", "10.0.0.256", "10.0.0.0/8", "1" * 200, "::1::", "é", "10.0.0.1\0", "fe80::1%eth0"]
LONG = "a segment of some length/" * 4
KINDS: dict[str, tuple[list[Any], list[Any]]] = {
    "ip": (NETWORKS, ADDRESSES + NO_ADDRESSES),
    "digits": (
        ["", "4", "49", "+4930", "0", "00", "1234567890123456", 44],
        ["", "+", "4", "49", "+49301", "000", "1234567890123456", "12345678901234567", "9" * 40, "12x", "x" * 20, "é", 44, 493012,
         0, 2**63, 2**64 - 1, -1, -(2**63)],
    ),
    "bytes": (
        ["", "a", "ab", "a\0", "a\0\0", b"a\0b", b"\xff", "é", "日本", "x" * 9, "x" * 65, "x" * 64 + "y", LONG, LONG + "/b"],
        ["", "a", "abc", "a\0", "a\0\0\0", b"a\0bc", b"\xff\xfe", b"\xfe", "été", "日本語", "x" * 8, "x" * 64, "x" * 66,
         LONG + "/bc", LONG[:-1], "\0", "b"],
    ),
    "path": (
        ["/api", "/api/v1/", "/api/v1/users", "x", "/" + LONG, "//", "/a\0"],
        ["/api", "/api/", "/api//", "/apix", "/api/v1", "/api/v1/users/7", "x/", "xy", "", "/", "//", "/" + LONG + "//z",
         "/a\0/b", "/a"],
    ),
    "suffix": (
        ["com", "co.uk", "UK", "bbc.co.uk.", "é.fr", "xn--p1ai", "a." * 40 + "b", "a.b.c.d.e.f.g"],
        ["BBC.CO.UK", "x.bbc.co.uk.", "abbc.co.uk", "com", ".com", "com.", "com..", "", ".", "É.FR", "é.FR", "w.é.fr",
         "a." * 40 + "B", "a.b.c.D.E.f.g", "[UK", "@uk", "z.b.c.d.e.f.g"],
    ),
    "bits": (
        [(0, 0), (0, 1), (0, 64), (1 << 63, 1), (0xAABBCC << 40, 24), (0xAABBCC << 40, 28), (2**64 - 1, 64)],
        [0, 1, 2**62, 2**63, 2**63 - 1, 0xAABBCCDDEEFF << 16, 0xAABBCC << 40, 2**64 - 1, 2**64 - 2],
    ),
}  # fmt: skip


def table_of(kind: str, prefixes: list[Any], **options: Any) -> vk.PrefixTable:
    if kind == "bits":
        words, lengths = [word for word, _ in prefixes], [length for _, length in prefixes]
        return vk.PrefixTable.build(np.array(words, np.uint64), kind="bits", lengths=np.array(lengths), **options)
    as_text = [str(prefix) for prefix in prefixes] if kind == "digits" else prefixes
    return vk.PrefixTable.build(as_text, kind=kind, **options)  # type: ignore[arg-type]


def one_by_one(table: vk.PrefixTable, keys: list[Any]) -> list[int]:
    """What a batch says of each key alone, which is too small to be compiled for."""
    return [int(table.lookup_many([key])[0]) for key in keys]


def scalar(table: vk.PrefixTable, keys: list[Any]) -> list[int]:
    return [-1 if (row := table.lookup(key)) is None else row for key in keys]


@pytest.mark.parametrize("kind", KINDS)
def test_one_key_is_answered_as_in_a_batch(kind: str, tmp_path: Path) -> None:
    prefixes, keys = KINDS[kind]
    table = table_of(kind, prefixes, rows=np.arange(len(prefixes))[::-1] * 7)
    table.save(tmp_path / "table.vks")
    expected = one_by_one(table, keys)
    assert scalar(table, keys) == expected
    assert len(set(expected)) > len(prefixes) // 2
    for other in (vk.load(tmp_path / "table.vks"), pickle.loads(pickle.dumps(table)), copy.copy(table)):
        assert scalar(other, keys) == expected
    stored = {name: fenced(array) for name, array in table.to_columns().items()}
    asked = [key.encode() if isinstance(key, str) else key for key in keys]
    assert scalar(vk.PrefixTable.from_columns(stored), asked) == expected


@pytest.mark.parametrize("kind", KINDS)
def test_all_matches_of_one_key_are_those_of_a_batch(kind: str) -> None:
    prefixes, keys = KINDS[kind]
    for rows in (None, np.arange(len(prefixes))[::-1] * 3):
        table = table_of(kind, prefixes, rows=rows)
        for key in keys:
            offsets, matched = table.all_matches_many([key])
            found = table.all_matches(key)
            assert found.dtype == np.int32
            assert found.tolist() == matched.tolist()
            assert offsets[1] == len(found)


@pytest.mark.parametrize("kind", KINDS)
def test_a_prefix_itself_is_found_as_in_a_batch(kind: str) -> None:
    prefixes, keys = KINDS[kind]
    table = table_of(kind, prefixes)
    assert [table.get(prefix) for prefix in prefixes] == list(range(len(prefixes)))
    assert all(prefix in table for prefix in prefixes)
    others = [(key, 64) for key in keys] if kind == "bits" else keys
    for prefix in others:
        given = {"prefixes": [prefix[0]], "lengths": [64]} if kind == "bits" else {"prefixes": [prefix]}
        try:
            row = int(table.get_many(**given)[0])
        except ArgumentError:  # a batch names what is malformed; one alone is in no table
            row = -1
        except KeyTypeError:
            with pytest.raises(KeyTypeError, match="prefix"):
                table.get(prefix)
            continue
        assert table.get(prefix, -1) == row
        assert (prefix in table) == (row >= 0)


@pytest.mark.parametrize("kind", KINDS)
def test_an_empty_table_has_nothing(kind: str) -> None:
    table = table_of(kind, [])
    prefixes, keys = KINDS[kind]
    assert scalar(table, keys) == [-1] * len(keys)
    assert [table.get(prefix) for prefix in prefixes] == [None] * len(prefixes)
    assert table.all_matches(keys[0]).tolist() == []


@pytest.mark.parametrize("kind", ["bytes", "path", "suffix", "digits"])
def test_only_the_prefix_of_everything(kind: str) -> None:
    table = table_of(kind, [""], rows=[5])
    assert [table.lookup(key) for key in ("", "7", "77777777777777777", "7" * 70)] == [5] * 4
    assert (table.get(""), table.get("7")) == (5, None)


def test_addresses_of_either_family_alone() -> None:
    fours, sixes = (table_of("ip", [network for network in NETWORKS if (":" in network) == six]) for six in (False, True))
    for table in (fours, sixes):
        assert scalar(table, ADDRESSES) == one_by_one(table, ADDRESSES)
    assert fours.lookup("::1") is None
    assert sixes.lookup("10.0.0.1") is None


def test_addresses_in_every_form() -> None:
    table = table_of("ip", NETWORKS)
    for address in map(ipaddress.ip_address, ADDRESSES):
        row = table.lookup(str(address))
        number = int(address)
        same = [address, str(address).encode(), np.str_(address), ipaddress.ip_interface(address).ip]
        if address.version == 4:
            same += [number, np.uint32(number), np.uint64(number)]
        else:
            same += [np.void(address.packed), address.exploded]
        assert [table.lookup(key) for key in same] == [row] * len(same)
    assert table.lookup(ipaddress.IPv6Address("fe80::1%eth0")) is None
    text = "2001:db8:1:2::99"  # of 16 bytes, and no packed address
    assert table.lookup(text.encode()) == table.lookup(text) == int(table.lookup_many([text.encode()])[0])
    assert (table.get("10.0.0.255"), table.get("::1"), table.get(b"10.0.0.0/9")) == (7, 13, 4)
    assert (table.get("10.0.0.0/10"), table.get("::/66"), table.get("2001:db8::/31")) == (None, None, None)
    assert table.get(ipaddress.ip_network("10.0.0.0/8")) == 3


def test_numbers_of_numpy_are_numbers() -> None:
    digits, bits = table_of("digits", ["49", "4930", "7"]), table_of("bits", [(0, 1), (1 << 63, 1)])
    assert [digits.lookup(kind(49)) for kind in (np.int8, np.int64, np.uint16, np.uint64)] == [0] * 4
    assert digits.lookup(np.int64(-49)) is None
    assert [bits.lookup(np.uint64(word)) for word in (1, 2**63, 2**64 - 1)] == [0, 1, 1]


def test_what_is_no_key_is_refused() -> None:
    tables = {kind: table_of(kind, prefixes) for kind, (prefixes, _) in KINDS.items()}
    wrong = {
        "ip": [1.5, -1, 2**32, True, object(), ipaddress.ip_network("10.0.0.0/8")],
        "digits": [1.5, object(), True],
        "bits": ["1", -1, 2**64, 1.5, True],
        "bytes": [1, 1.5, object()],
        "path": [1, ["/api"], ("/api",), np.array(["/api"])],
        "suffix": [1, np.int64(1)],
    }
    for kind, keys in wrong.items():
        for key in keys:
            assert tables[kind]._index.reader.rank_of(key) == NOT_TAKEN
            with pytest.raises(KeyTypeError):
                tables[kind].lookup(key)
            with pytest.raises(KeyTypeError):
                tables[kind].all_matches(key)
    for prefix in (5, (1, 2, 3), [0, 1], "ab"):
        with pytest.raises(KeyTypeError):
            tables["bits"].get(prefix)


def outcome(call: Callable[[], Any]) -> Any:
    """The row that a call gives, -1 for none, or the type of its error."""
    try:
        answer = call()
    except (ArgumentError, KeyTypeError) as error:
        return type(error)
    return -1 if answer is None else int(answer)


@pytest.mark.parametrize("kind", KINDS)
def test_nulls_and_lone_surrogates_are_answered_as_in_a_batch(kind: str) -> None:
    table = table_of(kind, KINDS[kind][0])
    assert outcome(lambda: table.lookup(None)) == outcome(lambda: table.lookup_many([None])[0]) == -1
    assert table.all_matches(None).tolist() == []
    for text in ("\ud800", "a\ud800", "4\udfff", "/api/\ud800"):
        assert table._index.reader.rank_of(text) == NOT_TAKEN
        assert outcome(lambda text=text: table.lookup(text)) == outcome(lambda text=text: table.lookup_many([text])[0])  # type: ignore[misc]
        assert outcome(lambda text=text: table.lookup(text)) is KeyTypeError  # type: ignore[misc]


def test_texts_beside_memory_that_nobody_may_read() -> None:
    """Keys of every length that end where memory ends: a search that reads beyond one, but for its NUL, ends the process."""
    for size in range(1, 40):
        text = bytes(range(65, 65 + size))
        for kind in ("bytes", "path", "suffix"):
            table = table_of(kind, [text])
            assert table.lookup(fenced_bytes(text)) == 0
            assert table.get(fenced_bytes(text)) == 0
            assert [table.lookup(fenced_bytes(text[:n])) for n in (0, size // 2, size - 1)] == [None] * 3
    for kind in ("ip", "digits"):
        table = table_of(kind, KINDS[kind][0])
        texts = [key.encode() for key in KINDS[kind][1] if isinstance(key, str)]
        assert [table.lookup(fenced_bytes(key)) for key in texts] == [table.lookup(key) for key in texts]


def test_rules_of_public_suffixes() -> None:
    rules = ["", "jp", "*.ck", "!www.ck", "uk", "*.uk", "*.kobe.jp", "!city.kobe.jp", "kobe.jp"]
    names = ["ck", "a.ck", "www.ck", "x.www.ck", "uk", "co.uk", "a.co.uk.", "jp", "kobe.jp", "x.kobe.jp", "CITY.kobe.jp",
             "a.city.kobe.jp", "com", "", ".", "b.jp"]  # fmt: skip
    for some in (rules, rules[1:], rules[:1]):
        table = vk.PrefixTable.build(some, kind="suffix", wildcards=True)
        assert scalar(table, names) == one_by_one(table, names)
        assert [table.get(rule) for rule in some] == list(range(len(some)))


def test_every_cpu_level_answers_the_same() -> None:
    for level in cpu_levels():
        module = kernel("prefix_table", level)
        for kind, (prefixes, keys) in KINDS.items():
            index = table_of(kind, prefixes)._index
            if kind == "ip":
                reader = module.IpReader(index.v4.reader_arguments(), index.v6.reader_arguments())  # type: ignore[attr-defined]
            elif kind in ("digits", "bits"):
                reader = module.WordReader(index.engine.reader_arguments(), digits=kind == "digits")  # type: ignore[attr-defined]
            else:
                reader = module.TextReader(index.engine.reader_arguments())  # type: ignore[attr-defined]
            assert [reader.rank_of(key) for key in keys] == [index.reader.rank_of(key) for key in keys]


def test_a_reader_keeps_its_arrays() -> None:
    index = table_of("path", KINDS["path"][0])._index
    reader = index.reader
    del index
    gc.collect()
    assert reader.rank_of("/api/x") >= 0


def test_arrays_that_do_not_fit_are_refused() -> None:
    ip, word, text = (table_of(kind, KINDS[kind][0])._index for kind in ("ip", "digits", "path"))
    four, six = ip.v4.reader_arguments(), ip.v6.reader_arguments()  # type: ignore[attr-defined]
    makers = [
        (lambda a: IpReader(a, six), four),
        (lambda a: IpReader(four, a), six),
        (lambda a: WordReader(a, digits=True), word.engine.reader_arguments()),  # type: ignore[attr-defined]
        (lambda a: TextReader(a), text.engine.reader_arguments()),  # type: ignore[attr-defined]
    ]
    refused = 0
    for make, arguments in makers:
        make(arguments)
        with pytest.raises(ValueError, match="values to unpack"):
            make(arguments[:-1])
        for at, array in enumerate(arguments):
            if isinstance(array, np.ndarray):
                for wrong in (array[:-1], array.astype(np.float32)):
                    try:
                        make((*arguments[:at], wrong, *arguments[at + 1 :]))
                    except ValueError:
                        refused += 1
    assert refused > 30
    winners = np.zeros(3, np.int32)
    with pytest.raises(ValueError, match="winners"):
        TextReader(text.engine.reader_arguments(), winners=(winners, winners))  # type: ignore[attr-defined]
    assert PrefixReader().rank_of("anything") == NOT_TAKEN


def test_chains_end_whatever_the_parents_are() -> None:
    parents = np.array([-1, 0, 1, 3, 9, 2, -7], np.int32)
    chains = PrefixChains(parents, None)
    assert [chains.of(rank) for rank in range(-2, 9)] == [[], [], [0], [0, 1], [0, 1, 2], [3], [4], [0, 1, 2, 5], [6], [], []]
    assert PrefixChains(parents, parents * 10).of(5) == [-10, 0, 10, 20]
    with pytest.raises(ValueError, match="as long as"):
        PrefixChains(parents, parents[:3])


def test_threads_and_forked_children_answer() -> None:
    tables = {kind: (table_of(kind, prefixes), keys) for kind, (prefixes, keys) in KINDS.items()}
    expected = {kind: scalar(table, keys) for kind, (table, keys) in tables.items()}
    answers: list[bool] = []

    def ask() -> None:
        answers.extend(scalar(table, keys) == expected[kind] for _ in range(20) for kind, (table, keys) in tables.items())

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 4 * 20 * len(tables)
    assert all(answers)
    if hasattr(os, "fork"):
        child = os.fork()
        if child == 0:
            os._exit(0 if all(scalar(table, keys) == expected[kind] for kind, (table, keys) in tables.items()) else 1)
        assert os.waitpid(child, 0)[1] == 0


@pytest.mark.parametrize("without", ["sys.modules['numba'] = None", "os.environ['VALKYRIE_JIT'] = '0'"])
def test_no_compiler_is_needed(without: str) -> None:
    code = f"""
import os, sys
{without}
import valkyrie as vk
table = vk.PrefixTable.build(["10.0.0.0/8", "::/0"], kind="ip")
paths = vk.PrefixTable.build(["/api", "/api/v1"], kind="path")
print(table.lookup("10.1.2.3"), table.get("::/0"), paths.lookup("/api/v1/x"), paths.all_matches("/api/v1").tolist())
print(sys.modules.get("numba"))
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert done.stdout.splitlines() == ["0 1 1 [0, 1]", "None"], done.stderr
