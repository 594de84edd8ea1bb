"""PrefixTable: what it answers, in every kind and container; what it refuses; how it is stored."""

from __future__ import annotations

import ipaddress
import pickle
import subprocess
import sys

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import valkyrie as vk
from valkyrie import vks
from valkyrie.errors import ArgumentError, DuplicateKeyError, KeyTypeError, SnapshotFormatError

NETWORKS = ["10.0.0.0/8", "10.1.0.0/16", "::/0", "2001:db8::/32", "0.0.0.0/0", "192.0.2.1/32", "2001:db8::1/128"]
IPS = {
    "10.1.2.3": 1, "10.9.2.3": 0, "8.8.8.8": 4, "192.0.2.1": 5, "2001:db8::2": 3, "2001:db8::1": 6, "fe80::1": 2,
    "nonsense": -1, "10.1.2": -1,
}  # fmt: skip


@pytest.fixture(scope="module")
def networks():
    return vk.PrefixTable.build(NETWORKS, kind="ip")


def test_both_families_are_in_one_table(networks):
    assert networks.lookup_many(list(IPS)).tolist() == list(IPS.values())
    assert [networks.lookup(address) for address in IPS] == [None if row < 0 else row for row in IPS.values()]


def test_addresses_come_in_any_form(networks):
    good = [address for address, row in IPS.items() if row >= 0]
    rows = [IPS[address] for address in good]
    objects = [ipaddress.ip_address(address) for address in good]
    forms = [
        tuple(good), np.array(good), np.array(good, "S"), np.array(good, object), np.array(good, np.dtypes.StringDType()),
        pa.array(good), pa.array(good, pa.large_string()), pa.array(good, pa.string_view()), pa.array(good).dictionary_encode(),
        pd.Series(good), pd.Series(good, dtype="category"), pl.Series(good), objects, np.array(objects), pd.Series(objects),
    ]  # fmt: skip
    for form in forms:
        assert networks.lookup_many(form).tolist() == rows, type(form)
    numbers = np.array([int(a) for a in objects if a.version == 4], np.uint32)
    assert networks.lookup_many(numbers).tolist() == [r for a, r in zip(objects, rows, strict=True) if a.version == 4]
    packed = np.frombuffer(b"".join(a.packed for a in objects if a.version == 6), "V16")
    for form in (packed, pa.array(packed.tolist(), pa.binary(16)), packed.view(np.uint8).reshape(-1, 16)):
        assert networks.lookup_many(form).tolist() == [r for a, r in zip(objects, rows, strict=True) if a.version == 6]
    for address, row in zip(objects, rows, strict=True):
        assert networks.lookup(address) == row
    assert networks.lookup(int(objects[0])) == rows[0]
    assert networks.lookup(np.void(objects[-1].packed)) == rows[-1]


def test_nulls_and_malformed_addresses_are_misses(networks):
    asked = [None, "10.1.0.0", "10.1.0.256", "::1::"]
    for form in (asked, pa.array(asked), pd.Series(asked), pl.Series(asked)):
        rows, lengths = networks.lookup_many(form, missing=-7, return_length=True)
        assert rows.tolist() == [-7, 1, -7, -7]
        assert lengths.tolist() == [-1, 16, -1, -1]
    with pytest.raises(ArgumentError, match=r"keys: '10\.1\.0\.256' at position 2.*2 in all"):
        networks.lookup_many(asked, errors="raise")
    with pytest.raises(ArgumentError, match="errors"):
        networks.lookup_many(asked, errors="ignore")


def test_all_matches_are_given_shortest_first(networks):
    assert networks.all_matches("10.1.2.3").tolist() == [4, 0, 1]
    assert networks.all_matches("nonsense").tolist() == []
    offsets, rows = networks.all_matches_many(["10.1.2.3", "x", "2001:db8::1", None, "8.8.8.8"])
    assert offsets.tolist() == [0, 3, 3, 6, 6, 7]
    assert rows.tolist() == [4, 0, 1, 2, 3, 6, 4]


def test_what_lies_under_a_prefix(networks):
    assert networks.enumerate("10.0.0.0/8").tolist() == [0, 1]
    assert networks.enumerate("10.0.0.0/9").tolist() == [1]
    assert networks.enumerate("0.0.0.0/0").tolist() == [4, 0, 1, 5]
    assert networks.enumerate("0.0.0.0/0", limit=2).tolist() == [4, 0]
    assert networks.enumerate("::/0").tolist() == [2, 3, 6]
    asked = ["10.0.0.0/8", "11.0.0.0/8", "::/0"]
    offsets, rows = networks.enumerate_many(asked)
    assert (offsets.tolist(), rows.tolist()) == ([0, 2, 2, 5], [0, 1, 2, 3, 6])
    assert networks.count_many(asked).tolist() == [2, 0, 3]
    lo, hi = networks.range_many(asked)
    assert [networks.rows_by_rank[a:b].tolist() for a, b in zip(lo, hi, strict=True)] == [[0, 1], [], [2, 3, 6]]


def test_prefixes_themselves(networks):
    assert [networks.get(network) for network in NETWORKS] == list(range(7))
    assert networks.get_many([*NETWORKS, "10.0.0.0/9"], missing=-5).tolist() == [*range(7), -5]
    assert "10.0.0.0/9" not in networks
    assert "::/0" in networks
    assert networks.get("10.0.0.0/9", "no") == "no"
    assert dict(networks.items()) == {network: row for row, network in enumerate(NETWORKS)}
    assert [ipaddress.ip_network(network).version for network, _ in networks.items()] == [4, 4, 4, 4, 6, 6, 6]


KINDS = {
    "digits": (["49", "4930", "1", "+44", ""], {"+493012": 1, "49": 0, "4": 4, "447": 3, "1" * 30: 2, "12x": -1, "": 4}),
    "path": (
        ["/api", "/api/v1", "x", "/with/slash/"],
        {"/api/v1/z": 1, "/apix": -1, "/api": 0, "/api/": 0, "x/y": 2, "xy": -1, "/with/slash": 3, "/with/slash/": 3},
    ),
    "suffix": (
        ["com", "co.uk", "UK", "bbc.co.uk."],
        {"BBC.co.UK": 3, "x.bbc.co.uk": 3, "abbc.co.uk": 1, "x.uk.": 2, "uk": 2, "com.au": -1, "": -1},
    ),
    "bytes": (
        ["", "a", "ab", "a\0", b"\xff", "é", "x" * 100],
        {"abc": 2, "b": 0, "a\0c": 3, "": 0, b"\xff\xfe": 4, "été": 5, "x" * 99: 0, "x" * 101: 6},
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_kinds_of_text(kind, tmp_path):
    prefixes, expected = KINDS[kind]
    table = vk.PrefixTable.build(prefixes, kind=kind)
    assert table.lookup_many(list(expected)).tolist() == list(expected.values())
    assert [table.lookup(key) for key in expected] == [None if row < 0 else row for row in expected.values()]
    assert [table.get(prefix) for prefix in prefixes] == list(range(len(prefixes)))
    assert sorted(row for _, row in table.items()) == list(range(len(prefixes)))
    assert [table.get(prefix) for prefix, _ in table.items()] == [row for _, row in table.items()]
    table.save(tmp_path / "p.vks")
    for again in (vk.load(tmp_path / "p.vks"), vk.load(tmp_path / "p.vks", mode="copy"), pickle.loads(pickle.dumps(table))):
        assert isinstance(again, vk.PrefixTable)
        assert again.kind == kind
        assert again.lookup_many(list(expected)).tolist() == list(expected.values())
        assert list(again.items()) == list(table.items())


def test_wildcards_of_the_public_suffix_list(tmp_path):
    rules = ["ck", "*.ck", "!www.ck", "*.kobe.jp", "jp", "!city.kobe.jp", "com"]
    table = vk.PrefixTable.build(rules, kind="suffix", wildcards=True)
    expected = {
        "ck": 0, "a.ck": 1, "b.a.ck": 1, "www.ck": 2, "x.www.ck.": 2, "kobe.jp": 4, "a.kobe.jp": 3, "city.kobe.jp": 5,
        "X.City.Kobe.jp": 5, "b.jp": 4, "b.com": 6, "net": -1, "": -1,
    }  # fmt: skip
    assert table.lookup_many(list(expected)).tolist() == list(expected.values())
    assert [table.lookup(host) for host in expected] == [None if row < 0 else row for row in expected.values()]
    assert [table.get(rule) for rule in rules] == list(range(7))
    assert table.get("*.com") is None
    assert dict(table.items()) == {rule: row for row, rule in enumerate(rules)}
    assert table.all_matches("a.kobe.jp").tolist() == [4, 3]
    assert sorted(table.enumerate("jp").tolist()) == [3, 4, 5]
    table.save(tmp_path / "s.vks")
    assert vk.load(tmp_path / "s.vks").lookup_many(list(expected)).tolist() == list(expected.values())
    for bad in ("*", "a.*.b", "!", "*.", "a!"):
        with pytest.raises(ArgumentError, match="no rule"):
            vk.PrefixTable.build(["com", bad], kind="suffix", wildcards=True)
    with pytest.raises(ArgumentError, match="wildcards"):
        vk.PrefixTable.build(["com"], kind="path", wildcards=True)
    with pytest.raises(DuplicateKeyError, match=r"'\*\.CK' at 0 and 1"):
        vk.PrefixTable.build(["*.ck", "*.CK"], kind="suffix", wildcards=True)


def test_digits_may_be_numbers():
    table = vk.PrefixTable.build(np.array([49, 4930, 1]), kind="digits")
    assert table.lookup_many(np.array([493012, 49, 4, 11], np.uint32)).tolist() == [1, 0, -1, 2]
    assert table.lookup_many(pd.Series([493012, None, 7], dtype="Int64"), return_length=True)[1].tolist() == [4, -1, -1]
    assert table.lookup(49123) == 0


def test_bits_are_aligned_to_the_left(rng):
    table = vk.PrefixTable.build(np.array([0xAABB << 48, 0xAA << 56], np.uint64), [7, 9], kind="bits", lengths=[16, 8])
    asked = np.array([0xAABBCC << 40, 0xAAFF << 48, 5], np.uint64)
    assert table.lookup_many(asked).tolist() == [7, 9, -1]
    assert [table.lookup(int(word)) for word in asked] == [7, 9, None]
    assert table.get((0xAA << 56, 8)) == 9
    assert table.get((0xAA << 56, 9)) is None
    assert list(table.items()) == [((0xAA << 56, 8), 9), ((0xAABB << 48, 16), 7)]
    assert table.enumerate((0, 0)).tolist() == [9, 7]
    assert table.get_many(np.array([0xAA << 56], np.uint64), lengths=8).tolist() == [9]


def test_as_many_levels_as_prefixes():
    table = vk.PrefixTable.build(["a" * n for n in range(3000, 0, -1)], kind="bytes")
    assert table.stats.deepest == 3000
    offsets, rows = table.all_matches_many(["a" * 2999 + "b", "b"])
    assert (offsets.tolist(), rows.tolist()) == ([0, 2999, 2999], list(range(2999, 0, -1)))


def test_public_names_say_how_deep_and_how_large(networks):
    stats = networks.stats
    assert (stats.entries, stats["kind"], stats.deepest, stats.longest) == (7, "ip", 3, 128)
    assert stats.bytes_per_entry * 7 == pytest.approx(networks.nbytes)
    assert set(networks.arena) >= {"header", "rows", "search/v4/starts", "search/v6/high"}
    assert "7 prefixes" in repr(networks)
    assert "deepest" in networks._repr_html_()
    with pytest.raises(TypeError):
        networks.arena["rows"] = None
    with pytest.raises(ValueError, match="read-only"):
        networks.rows_by_rank[0] = 1


def test_rows_that_are_ranks_cost_nothing():
    table = vk.PrefixTable.build(["a", "b", "c"])
    assert not table.stats.rows_stored
    assert "rows" not in table.arena
    assert table.rows_by_rank.tolist() == [0, 1, 2]
    assert vk.PrefixTable.build(["b", "a"]).stats.rows_stored


def test_every_prefix_and_row_can_be_read_with_numpy_alone(networks):
    arena = networks.arena
    v4 = zip(arena["search/v4/starts"].tolist(), arena["search/v4/lengths"].tolist(), strict=True)
    v6 = zip(arena["search/v6/high"].tolist(), arena["search/v6/low"].tolist(), arena["search/v6/lengths"].tolist(), strict=True)
    read = [ipaddress.ip_network((start, length)) for start, length in v4]
    read += [ipaddress.ip_network((ipaddress.IPv6Address(high << 64 | low), length)) for high, low, length in v6]
    assert dict(zip(map(str, read), arena["rows"].tolist(), strict=True)) == dict(networks.items())
    texts = vk.PrefixTable.build(["b", "", "a\0", "é"]).arena
    every, data = texts["search/texts"], texts["search/arena"].tobytes()
    ends = every["offset"] + every["length"]
    assert [data[a:b] for a, b in zip(every["offset"], ends, strict=True)] == [b"", b"a\0", b"b", "é".encode()]


@pytest.mark.parametrize("kind", ["ip", "digits", "bits", "bytes", "path", "suffix"])
def test_an_empty_table_knows_nothing(kind, tmp_path):
    lengths = [] if kind == "bits" else None
    table = vk.PrefixTable.build([], kind=kind, lengths=lengths)
    asked = np.array([1, 2], np.uint64) if kind == "bits" else ["1.2.3.4", "5"]
    assert len(table) == 0
    assert table.lookup_many(asked).tolist() == [-1, -1]
    assert table.lookup_many(asked[:0]).tolist() == []
    assert table.all_matches_many(asked)[0].tolist() == [0, 0, 0]
    assert list(table.items()) == []
    assert np.isnan(table.stats.bytes_per_entry)
    table.save(tmp_path / "p.vks")
    assert vk.load(tmp_path / "p.vks").lookup_many(asked).tolist() == [-1, -1]


@pytest.mark.parametrize(
    ("prefixes", "kind"),
    [
        (["10.0.0.0/8", "::/0", "10.0.0.0/8", "::/0"], "ip"),
        (["49", "1", "+49", "1"], "digits"),
        (["a", "b", b"a", "b"], "bytes"),
        (["/a", "b", "/a/", "b"], "path"),
        (["Com", "uk", "com.", "uk"], "suffix"),
    ],
)
def test_duplicates(prefixes, kind):
    with pytest.raises(DuplicateKeyError, match="prefixes: 2 duplicates: .* at 0 and 2, .* at 1 and 3"):
        vk.PrefixTable.build(prefixes, kind=kind)
    first = vk.PrefixTable.build(prefixes, [5, 6, 7, 8], kind=kind, on_duplicate="first")
    last = vk.PrefixTable.build(prefixes, [5, 6, 7, 8], kind=kind, on_duplicate="last")
    assert first.get_many(prefixes[:2]).tolist() == [5, 6]
    assert last.get_many(prefixes[:2]).tolist() == [7, 8]
    assert len(first) == len(last) == 2


@pytest.mark.parametrize(
    ("arguments", "error", "says"),
    [
        ({"prefixes": ["10.0.0.1/8"], "kind": "ip"}, ArgumentError, r"10\.0\.0\.1/8 at position 0.*10\.0\.0\.0/8.*strict=False"),
        ({"prefixes": ["10.0.0.0/8", "x"], "kind": "ip"}, ArgumentError, "'x' at position 1"),
        ({"prefixes": ["10.0.0.0/33"], "kind": "ip"}, ArgumentError, "position 0"),
        ({"prefixes": [None], "kind": "ip"}, KeyTypeError, "null at position 0"),
        ({"prefixes": ["12", "1-2"], "kind": "digits"}, ArgumentError, "'1-2' at position 1"),
        ({"prefixes": ["1" * 17], "kind": "digits"}, ArgumentError, "16"),
        ({"prefixes": ["a", None]}, KeyTypeError, "null at position 1"),
        ({"prefixes": [1, 2]}, KeyTypeError, "prefixes.*int"),
        ({"prefixes": [1], "kind": "bits"}, ArgumentError, "lengths"),
        ({"prefixes": [1], "kind": "bits", "lengths": [65]}, ArgumentError, "lengths.*65 at position 0"),
        ({"prefixes": [1], "kind": "bits", "lengths": [8]}, ArgumentError, "bits set behind"),
        ({"prefixes": np.array([1], np.uint32), "kind": "ip", "lengths": [8, 9]}, ArgumentError, "lengths"),
        ({"prefixes": ["a"], "lengths": [1]}, ArgumentError, "lengths"),
        ({"prefixes": ["a"], "kind": "trie"}, ArgumentError, "kind: 'trie'"),
        ({"prefixes": ["a"], "rows": [1, 2]}, ArgumentError, "rows"),
        ({"prefixes": ["a"], "rows": [-1]}, ArgumentError, "rows"),
        ({"prefixes": ["a"], "on_duplicate": "any"}, ArgumentError, "on_duplicate"),
        ({"prefixes": "abc"}, ArgumentError, "single str"),
    ],
)
def test_what_a_build_refuses(arguments, error, says):
    with pytest.raises(error, match=f"(?s){says}") as caught:
        vk.PrefixTable.build(**arguments)
    assert caught.value.hint


def test_host_bits_can_be_cleared():
    table = vk.PrefixTable.build(["10.0.0.1/8", "2001:db8::1/32"], kind="ip", strict=False)
    assert [prefix for prefix, _ in table.items()] == ["10.0.0.0/8", "2001:db8::/32"]


@pytest.mark.parametrize(
    ("keys", "error", "says"),
    [
        (["a", 1], KeyTypeError, "position 1"),
        (np.array([1]), KeyTypeError, "uint32"),
        ([1, 2], KeyTypeError, "uint32"),
        (np.array([1.5]), KeyTypeError, "keys"),
        ("10.0.0.1", ArgumentError, "single str"),
    ],
)
def test_queries_of_another_kind(networks, keys, error, says):
    with pytest.raises(error, match=says):
        networks.lookup_many(keys)


def test_one_key_of_another_kind(networks):
    for key in (1.5, object(), ["10.0.0.1"], -1, 2**32):
        with pytest.raises(KeyTypeError, match="key"):
            networks.lookup(key)
    with pytest.raises(KeyTypeError):
        vk.PrefixTable.build(["a"]).lookup(5)


def test_out_and_missing_and_threads(networks):
    asked = ["10.1.2.3", "x", "8.8.8.8"] * 5000
    expected = [1, -9, 4] * 5000
    out = np.empty(len(asked), np.int32)
    assert networks.lookup_many(asked, out=out, missing=-9) is out
    assert out.tolist() == expected
    for threads in (2, None):
        assert networks.lookup_many(asked, missing=-9, threads=threads).tolist() == expected
    numbers = np.zeros(4, np.uint32)
    for bad in (np.empty(3, np.int32), np.empty(4, np.int64), numbers.view(np.int32), [0, 0, 0, 0]):
        with pytest.raises(ArgumentError, match="out"):
            networks.lookup_many(numbers, out=bad)
    for arguments in ({"missing": True}, {"missing": 2**31}, {"threads": 0}):
        with pytest.raises(ArgumentError, match=next(iter(arguments))):
            networks.lookup_many(numbers, **arguments)


def test_a_route_table_of_prefixes(tmp_path):
    frame = pd.DataFrame({"net": NETWORKS, "asn": range(7), "name": list("abcdefg")})
    table = vk.RouteTable.build(frame, "net", kind="ip")
    asked = pd.Series([*IPS, None], index=range(10, 11 + len(IPS)), name="ip")
    routed = table.route_many(asked, "name")
    assert routed.index.equals(asked.index)
    assert routed.isna().tolist() == [row < 0 for row in [*IPS.values(), -1]]
    assert routed.dropna().tolist() == ["abcdefg"[row] for row in IPS.values() if row >= 0]
    assert table.route("10.1.2.3") == {"asn": 1, "name": "b"}
    assert table.route("x") is None
    assert pl.DataFrame(table.route_many(pl.Series(list(IPS)), ["asn"]))["asn"].null_count() == 2
    table.save(tmp_path / "r.vks")
    again = vk.load(tmp_path / "r.vks")
    assert isinstance(again, vk.RouteTable)
    assert again.route_many(list(IPS), "name") == table.route_many(list(IPS), "name")
    bits = {"mac": np.array([0xAA << 56], np.uint64), "bits": [8], "vendor": ["V"]}
    by_bits = vk.RouteTable.build(bits, "mac", kind="bits", lengths="bits")
    assert by_bits.column_names == ["vendor"]
    assert by_bits.route_many(np.array([0xAABB << 48, 1], np.uint64), "vendor").tolist() == ["V", None]
    texts = vk.RouteTable.build({"p": ["/a", "/a/b"], "to": [1, 2]}, "p", kind="prefix")
    assert texts.route_many(["/a/bc", "/ab", "x"], "to") == [2, 1, None]
    with pytest.raises(ArgumentError, match="lengths"):
        vk.RouteTable.build({"id": [1], "v": [2]}, lengths=8)


def test_arrays_that_are_no_prefix_table_are_refused(networks):
    good = networks.to_columns()
    header = good["header"].copy()
    header["kind"] = 77
    more = good["header"].copy()
    more["entries"] = 8
    for changes in (
        {"header": header}, {"header": more}, {"header": good["header"][:0]}, {"rows": good["rows"][:3]},
        {"rows": good["rows"].astype(np.int64)}, {"rows": np.full(7, -2, np.int32)}, {"search/v4/root": None},
    ):  # fmt: skip
        columns = {name: array for name, array in (good | changes).items() if array is not None}
        with pytest.raises(SnapshotFormatError) as caught:
            vk.PrefixTable.from_columns(columns)
        assert caught.value.hint is not None


def test_stored_prefixes_that_are_none_are_no_table(tmp_path):
    columns = {name: array.copy() for name, array in vk.PrefixTable.build(["12", "34"], kind="digits").to_columns().items()}
    columns["search/starts"][1] = 0xF3 << 56  # a digit of 14
    table = vk.PrefixTable.from_columns(columns)
    with pytest.raises(SnapshotFormatError, match="makes no sense"):
        table.check()
    sections = [vks.Section("index", name, array) for name, array in columns.items()]
    vks.write(tmp_path / "p.vks", sections, content="prefix_table")
    with pytest.raises(SnapshotFormatError, match=r"p\.vks.*makes no sense"):
        vk.load(tmp_path / "p.vks")


WITHOUT = """
import os, sys
SETUP
import numpy as np, valkyrie as vk
assert sys.modules.get("numba") is None
words = (np.arange(20_000, dtype=np.uint64) << np.uint64(40))
tables = [vk.PrefixTable.build(words[::3], kind="bits", lengths=24), vk.PrefixTable.build([str(i) for i in range(500)]),
          vk.PrefixTable.build([f"10.{i}.0.0/16" for i in range(250)] + ["2001:db8::/32"], kind="ip")]
asked = [words, [str(i) for i in range(20_000)], [f"10.{i % 256}.1.1" for i in range(10_000)] + ["2001:db8::1"] * 9]
print([int(t.lookup_many(q).astype(np.int64).sum()) for t, q in zip(tables, asked)], sys.modules.get("numba") is not None)
"""


# numba asks of each place for its cache whether a file can be made there.
NOWHERE_TO_KEEP_KERNELS = """
import atexit, tempfile
refused = []
def refuse(*args, **options):
    refused.append(options)
    raise OSError("read-only")
tempfile.TemporaryFile = refuse
atexit.register(lambda: refused or print("no place was asked for", file=sys.stderr))
"""


def _without(setup, tmp_path, **environment):
    import os

    code = WITHOUT.replace("SETUP", setup)
    env = os.environ | environment
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout.rsplit(" ", 1)


def test_without_numba_and_without_a_place_for_its_cache_the_answers_are_the_same(tmp_path):
    compiled, loaded = _without("", tmp_path)
    assert loaded == "True\n"
    for environment in ({"VALKYRIE_JIT": "0"}, {"NUMBA_DISABLE_JIT": "1"}):
        assert _without("", tmp_path, **environment) == [compiled, "False\n"]
    assert _without("sys.modules['numba'] = None", tmp_path)[0] == compiled
    assert _without(NOWHERE_TO_KEEP_KERNELS, tmp_path) == [compiled, "True\n"]
    fork = "\n".join(["import valkyrie as vk", "if os.fork(): os._exit(os.waitstatus_to_exitcode(os.wait()[1]))"])
    assert _without(fork, tmp_path)[0] == compiled


def test_warm_up_compiles_ahead():
    code = (
        "import valkyrie as vk, sys; t = vk.PrefixTable.build(['a']); assert t.warm_up(); assert 'numba' in sys.modules;"
        "import os; os.environ['VALKYRIE_JIT'] = '0'"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    import os

    done = subprocess.run(
        [sys.executable, "-c", "import valkyrie as vk; print(vk.PrefixTable.build(['a']).warm_up())"],
        env=os.environ | {"VALKYRIE_JIT": "0"}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout == "False\n"


@pytest.mark.parametrize(("prefixes", "options"), [
    (["10.0.0.0/8", "2001:db8::/32"], {"kind": "ip"}),
    (["4", "49"], {"kind": "digits"}),
    (np.array([1 << 63], np.uint64), {"kind": "bits", "lengths": 1}),
    (["a", "b"], {"kind": "bytes"}),
    (["/a"], {"kind": "path"}),
    (["uk"], {"kind": "suffix"}),
    (["*.ck", "!www.ck"], {"kind": "suffix", "wildcards": True}),
])  # fmt: skip
def test_nobody_can_change_an_arena(prefixes, options):
    table = vk.PrefixTable.build(prefixes, np.arange(len(prefixes))[::-1] + 3, **options)
    for name, array in table.arena.items():
        if len(array):
            with pytest.raises(ValueError, match="WRITEABLE"):
                array.flags.writeable = True
            assert not array.flags.writeable, name


def test_errors_name_the_position_among_all_that_was_given():
    mixed = [ipaddress.ip_network("10.0.0.0/8"), "::/0", "bogus"]
    with pytest.raises(vk.errors.ArgumentError, match="'bogus' at position 2"):
        vk.PrefixTable.build(mixed, kind="ip")


def test_unknown_words_for_errors_are_refused_by_every_kind():
    for kind in ("bytes", "path", "suffix", "ip", "digits"):
        table = vk.PrefixTable.build(["1.0.0.0/8" if kind == "ip" else "1"], kind=kind)
        for ask in (table.lookup_many, table.all_matches_many, table.locate):
            with pytest.raises(vk.errors.ArgumentError, match="errors"):
                ask(["1"], errors="ignore")


def test_routes_of_malformed_keys_can_be_errors():
    table = vk.RouteTable.build({"net": ["10.0.0.0/8"], "name": ["ten"]}, key="net", kind="ip")
    assert table.route_many(["10.1.1.1", "bogus"], "name") == ["ten", None]
    with pytest.raises(vk.errors.ArgumentError, match="'bogus' at position 1"):
        table.route_many(["10.1.1.1", "bogus"], "name", errors="raise")


@pytest.mark.parametrize("kind", ["bytes", "path", "suffix", "digits"])
def test_lengths_are_refused_where_prefixes_have_their_own(kind):
    table = vk.PrefixTable.build(["1", "12"], kind=kind)
    for ask in (table.get_many, table.enumerate_many, table.count_many, table.range_many, table.without):
        with pytest.raises(vk.errors.ArgumentError, match="have their own lengths"):
            ask(["1"], lengths=[9])
    with pytest.raises(vk.errors.ArgumentError, match="have their own lengths"):
        table.replace(["1"], [5], lengths=[9])
