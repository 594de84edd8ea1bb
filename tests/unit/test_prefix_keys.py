"""Prefixes and queries of prefix tables, from every container: what is taken, what is refused, and in which words."""

from __future__ import annotations

import ipaddress as ip
import uuid
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from tests.address_texts import address_of, word_of
from tests.containers import INTS, TEXTS, listed
from valkyrie.errors import ArgumentError, KeyTypeError
from valkyrie.tables.prefixes.bit_keys import bit_prefixes, bit_queries
from valkyrie.tables.prefixes.digit_keys import digit_prefixes, digit_queries
from valkyrie.tables.prefixes.ip_keys import ip_queries
from valkyrie.tables.prefixes.ip_networks import ip_prefixes
from valkyrie.tables.prefixes.keys import IpColumn, IpPrefixes, leading_ones

MIXED = ["10.0.0.1", None, "2001:db8::1", "nonsense", "255.255.255.255", "", "::", "0.0.0.0"]
FOURS = ["10.0.0.1", None, "192.168.3.4", "255.255.255.255"]
SIXES = ["::1", None, "2001:db8::ff", "ffff::"]


class Exporter:
    """An Arrow array of a library that is not known."""

    def __init__(self, column: Any) -> None:
        self.column = column

    def __getattr__(self, name: str) -> Any:
        if name == ("__arrow_c_stream__" if isinstance(self.column, pa.ChunkedArray) else "__arrow_c_array__"):
            return getattr(self.column, name)
        raise AttributeError(name)


def objects(items: list[Any]) -> Any:
    array = np.empty(len(items), object)
    array[:] = items
    return array


def rows(column: IpColumn) -> list[Any]:
    """Family and number by row; None where null, "bad" where malformed. Checks what the class promises."""
    for array in (column.family, column.v4, column.v6):
        if array is not None:
            flags = array.flags
            assert flags.c_contiguous
            assert flags.aligned
            assert not flags.writeable
            assert array.dtype.isnative
    out: list[Any] = []
    for row in range(column.n):
        value = row if column.codes is None else int(column.codes[row])
        if column.nulls is not None and column.nulls[row]:
            out.append(None)
        elif column.bad is not None and column.bad[value]:
            out.append("bad")
        elif column.v4 is not None and (column.family is None or column.family[value] == 4):
            out.append((4, int(column.v4[value])))
        else:
            assert column.v6 is not None
            out.append((6, int.from_bytes(column.v6[2 * value : 2 * value + 2].tobytes(), "big")))
    return out


def expected(texts: list[Any]) -> list[Any]:
    return [None if text is None else address_of(text) or "bad" for text in texts]


@pytest.mark.parametrize("form", TEXTS)
@pytest.mark.parametrize("texts", [MIXED, FOURS, SIXES, ["bad"], [None, None], [None, "x"], [], ["::1", "::1", "1.1.1.1", "::1"]])
def test_text_of_addresses_in_every_container(form: str, texts: list[Any]) -> None:
    keys = TEXTS[form](texts)
    column = ip_queries(keys)
    assert rows(column) == expected(texts)
    assert rows(column.expanded()) == expected(texts)
    families = {address[0] for text in texts if text is not None and (address := address_of(text))}
    assert (column.family is None) == (len(families) < 2)
    assert (column.v6 is not None) == (6 in families)
    assert len(listed(column.box.column(np.arange(len(texts), dtype=np.int32)))) == len(texts)


def test_text_in_numpy_arrays() -> None:
    texts = [text for text in MIXED if text is not None]
    for keys in (np.array(texts), np.array(texts, "S"), np.array(texts, np.dtypes.StringDType()), objects(texts)):
        assert rows(ip_queries(keys)) == expected(texts)
        assert rows(ip_queries(keys[::-2])) == expected(texts[::-2])
        assert rows(ip_queries(keys[:0])) == []
    assert rows(ip_queries(np.ma.MaskedArray(objects(texts), [True] + [False] * 6))) == [None, *expected(texts)[1:]]


def test_many_texts_in_pieces_and_on_threads() -> None:
    texts = [f"{i >> 16 & 255}.{i >> 8 & 255}.{i & 255}.7" if i % 20_001 else "::1" for i in range(1, 50_000)]
    column = ip_queries(texts)
    numbers = np.array([address_of(text)[1] for text in texts])  # type: ignore[index]
    for other in (column, *(ip_queries(np.array(texts), threads=threads) for threads in (1, 2, None))):
        assert other.bad is None
        assert other.family is not None
        assert other.v4 is not None
        assert other.v6 is not None
        assert np.array_equal(np.flatnonzero(other.family == 6), [20_000, 40_001])
        assert np.array_equal(other.v4, np.where(other.family == 4, numbers, 0))
        assert np.flatnonzero(other.v6.view(np.uint8)).tolist() == [16 * 20_000 + 15, 16 * 40_001 + 15]


@pytest.mark.parametrize("form", ["list", "tuple", "array", "pandas", "index", "polars", "masked"])
@pytest.mark.parametrize("texts", [MIXED[:3], MIXED, FOURS, SIXES])
def test_objects_of_ipaddress(form: str, texts: list[Any]) -> None:
    def parsed(text: str | None) -> Any:
        return text if text is None or address_of(text) is None else ip.ip_address(text)

    make: Any = {
        "list": list,
        "tuple": tuple,
        "array": objects,
        "pandas": lambda items: pd.Series(objects(items), name="key"),
        "index": lambda items: pd.Index(objects(items)),
        "polars": lambda items: pl.Series("key", items, dtype=pl.Object),
        "masked": lambda items: np.ma.MaskedArray(objects(items), [item is None for item in items]),
    }[form]
    for items in ([parsed(text) for text in texts], [text if i % 2 else parsed(text) for i, text in enumerate(texts)]):
        assert rows(ip_queries(make(items))) == expected(texts)
    assert rows(ip_queries(make([ip.ip_interface("1.2.3.4/8"), ip.ip_address("fe80::1%eth0")]))) == [(4, 0x01020304), "bad"]


def test_packed_addresses() -> None:
    fours, sixes = [b"\1\2\3\4", b"\xff\0\0\0"], [bytes(range(16)), b"\0" * 15 + b"\1"]
    for packed, width, family in ((fours, 4, 4), (sixes, 16, 6)):
        numbers: list[Any] = [(family, int.from_bytes(raw, "big")) for raw in packed]
        array = np.array(packed, f"V{width}")
        matrix = np.frombuffer(b"".join(packed), np.uint8).reshape(-1, width)
        arrow = pa.array([*packed, None], pa.binary(width))
        series = pd.Series(arrow.to_pylist(), dtype=pd.ArrowDtype(pa.binary(width)))
        for keys in (array, matrix, np.asfortranarray(matrix), np.repeat(array, 2)[::2]):
            assert rows(ip_queries(keys)) == numbers
        chunked = pa.chunked_array([arrow[:1], arrow[1:]])
        for keys in (arrow, chunked, arrow.dictionary_encode(), series, Exporter(arrow), Exporter(chunked)):
            assert rows(ip_queries(keys)) == [*numbers, None]
        assert rows(ip_queries(arrow[1:])) == [numbers[1], None]
        assert rows(ip_queries(np.ma.MaskedArray(array, [False, True]))) == [numbers[0], None]
        with pytest.raises(ArgumentError, match="one dimension"):
            ip_queries(array.reshape(1, -1))
    offset = np.zeros(33, np.uint8)
    offset[1:17] = range(16)
    assert rows(ip_queries(offset[1:].view("V16")))[0] == (6, int.from_bytes(bytes(range(16)), "big"))
    assert rows(ip_queries(np.array(fours, "S4"))) == ["bad", "bad"]
    assert rows(ip_queries(fours)) == ["bad", "bad"]
    assert rows(ip_queries(Exporter(pa.array(["1.2.3.4", None])))) == [(4, 0x01020304), None]


def test_uint32_arrays_are_ipv4() -> None:
    numbers = np.array([0, 1, 2**32 - 1, 0x0A000001], np.uint32)
    want: list[Any] = [(4, int(number)) for number in numbers]
    raw = np.zeros(17, np.uint8)
    raw[1:] = numbers.view(np.uint8)
    for keys in (numbers, numbers.astype(">u4"), numbers[::-1].copy()[::-1], raw[1:].view(np.uint32), pa.array(numbers)):
        assert rows(ip_queries(keys)) == want
    assert rows(ip_queries(pl.Series(numbers))) == want
    assert rows(ip_queries(pd.Series([1, None], dtype="UInt32"))) == [(4, 1), None]
    assert rows(ip_queries(pd.Series(numbers, dtype="category"))) == want
    v4 = ip_queries(numbers).v4
    assert v4 is not None
    assert np.shares_memory(v4, numbers)
    assert numbers.flags.writeable


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ([1, 2], "keys: an address expected at position 0, got int. A number alone is no address: give uint32 arrays"),
        (["::1", 2.5], "keys: an address expected at position 1, got float. Give text, or objects of ipaddress"),
        (["::1", ip.ip_network("10.0.0.0/8")], "position 1, got IPv4Network. An address has one longest match"),
        ([uuid.UUID(int=1)], "keys: an address expected at position 0, got UUID"),
        ([True], "keys: an address expected at position 0, got bool. Give text"),
        (np.arange(3), "keys: addresses are needed, got int64 numbers. A number alone is no address"),
        (np.arange(3, dtype=np.uint64), "got uint64 numbers"),
        (np.array([1.5]), "keys: numpy float64 cannot be keys"),
        (["1.2.3.4", "\ud800"], "keys: the value at position 1 is neither text nor bytes, or has no UTF-8 form"),
    ],
)
def test_what_is_no_address_is_refused(keys: Any, message: str) -> None:
    with pytest.raises(KeyTypeError) as caught:
        ip_queries(keys)
    assert message in str(caught.value)
    with pytest.raises(KeyTypeError, match="^targets: "):
        ip_queries(keys, argument="targets")


@pytest.mark.parametrize("form", TEXTS)
def test_malformed_addresses_are_an_error_on_request(form: str) -> None:
    keys = TEXTS[form](["::1", None, "10.0.0.01", "x", "::1"])
    with pytest.raises(ArgumentError) as caught:
        ip_queries(keys, errors="raise")
    text = b"10.0.0.01" if "UTF-8" in form else "10.0.0.01"
    assert "at position 2 is not an IP address (2 in all). IPv4 is four numbers without leading zeros" in str(caught.value)
    assert caught.value.data["position"] == 2
    assert caught.value.data["count"] == 2
    assert caught.value.data["value"] in (text, "10.0.0.01")
    assert ip_queries(TEXTS[form](["::1", None]), errors="raise").bad is None


def test_what_no_row_names_is_no_error() -> None:
    texts = pa.DictionaryArray.from_arrays(pa.array([0, None, 0], pa.int32()), pa.array(["::1", "x"]))
    assert rows(ip_queries(texts, errors="raise")) == [(6, 1), None, (6, 1)]
    assert ip_queries(texts).bad is None
    parts = [b"\1", np.array([0, 3, 4], np.int32), b"::1x"]  # validity, offsets, data: "x" lies under a null
    hidden = pa.Array.from_buffers(pa.string(), 2, [pa.py_buffer(part) for part in parts])
    assert rows(ip_queries(hidden, errors="raise")) == [(6, 1), None]
    with pytest.raises(ArgumentError, match="errors must be"):
        ip_queries(["::1"], errors="ignore")  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match=r"'x{80}'\.\.\. at position 0 is not an IP address\."):
        ip_queries(["x" * 200], errors="raise")


NETWORKS = ["10.0.0.0/8", "0.0.0.0/0", "1.2.3.4", "2001:db8::/32", "::/0", "::1"]
NETWORKS += ["2001:db8:0:1::/64", "2001:db8:0:0:8000::/65", "1::/128"]


def networks(prefixes: IpPrefixes) -> list[Any]:
    out: list[Any] = []
    for i in range(prefixes.n):
        length = int(prefixes.lengths[i])
        if prefixes.v4 is not None and (prefixes.family is None or prefixes.family[i] == 4):
            out.append(ip.ip_network((int(prefixes.v4[i]), length)))
        else:
            assert prefixes.high is not None
            assert prefixes.low is not None
            packed = (int(prefixes.high[i]) << 64 | int(prefixes.low[i])).to_bytes(16, "big")
            out.append(ip.ip_network((packed, length)))
    return out


@pytest.mark.parametrize("form", TEXTS)
@pytest.mark.parametrize("texts", [NETWORKS, NETWORKS[:3], NETWORKS[3:], ["10.0.0.0/8"] * 3, []])
def test_text_of_networks_in_every_container(form: str, texts: list[str]) -> None:
    prefixes = ip_prefixes(TEXTS[form](texts))
    assert networks(prefixes) == [ip.ip_network(text) for text in texts]
    families = {ip.ip_network(text).version for text in texts} or {4}
    assert (prefixes.family is not None, prefixes.v4 is not None, prefixes.high is not None) == (
        len(families) == 2,
        4 in families,
        6 in families,
    )


def test_objects_of_networks() -> None:
    want = [ip.ip_network(text) for text in NETWORKS]
    assert networks(ip_prefixes(want)) == want
    assert networks(ip_prefixes(pd.Series(want))) == want
    mixed = [text if i % 2 else network for i, (text, network) in enumerate(zip(NETWORKS, want, strict=True))]
    assert networks(ip_prefixes(mixed)) == want
    assert networks(ip_prefixes([ip.ip_address("1.2.3.4"), ip.ip_interface("::/1")])) == [want[2], ip.ip_network("::/1")]
    with pytest.raises(ArgumentError, match="1.2.3.4/24 at position 0 has bits set .* the network is 1.2.3.0/24"):
        ip_prefixes([ip.ip_interface("1.2.3.4/24")])
    with pytest.raises(KeyTypeError, match="an IP network expected at position 0, got IPv6Address"):
        ip_prefixes([ip.ip_address("fe80::1%eth0")])


def test_addresses_with_lengths() -> None:
    fours = np.array([0x0A000000, 0, 0x01020304], np.uint32)
    for keys in (fours, ["10.0.0.0", "0.0.0.0", "1.2.3.4"], pa.array(fours), [ip.IPv4Address(int(four)) for four in fours]):
        for lengths in ([8, 0, 32], np.array([8, 0, 32], np.uint8), pd.Series([8, 0, 32]), pl.Series([8, 0, 32])):
            assert networks(ip_prefixes(keys, lengths)) == [ip.ip_network(text) for text in NETWORKS[:3]]
    assert networks(ip_prefixes(np.array([1 << 31], np.uint32), 1)) == [ip.ip_network("128.0.0.0/1")]
    sixes = np.array([ip.ip_network(text).network_address.packed for text in NETWORKS[3:]], "V16")
    assert networks(ip_prefixes(sixes, [32, 0, 128, 64, 65, 128])) == [ip.ip_network(text) for text in NETWORKS[3:]]
    assert networks(ip_prefixes(["10.0.0.0", "2001:db8::"], [8, 32])) == [ip.ip_network(NETWORKS[0]), ip.ip_network(NETWORKS[3])]
    repeated = pa.array(["10.0.0.0", "2001:db8::", "10.0.0.0"]).dictionary_encode()
    want = ["10.0.0.0/8", "2001:db8::/32", "10.0.0.0/9"]
    assert networks(ip_prefixes(repeated, [8, 32, 9])) == [ip.ip_network(text) for text in want]


@pytest.mark.parametrize("length", [0, 1, 7, 31, 32, 33, 63, 64, 65, 100, 127, 128])
def test_bits_behind_the_length_are_an_error_or_cleared(length: int) -> None:
    for ones in ("255.255.255.255", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")[length > 32 :]:
        text = f"{ones}/{length}"
        network = ip.ip_network(text, strict=False)
        assert networks(ip_prefixes([text], strict=False)) == [network]
        if str(network) == text:
            assert networks(ip_prefixes([text])) == [network]
            continue
        with pytest.raises(ArgumentError) as caught:
            ip_prefixes(["::/0", text, text], argument="routes")
        assert str(caught.value) == (
            f"routes: {text} at position 1 has bits set behind its length: the network is {network} (2 in all). "
            "Correct it; build(strict=False) clears such bits"
        )
        assert caught.value.data["network"] == str(network)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((["10.0.0.0/255.0.0.0"],), ArgumentError, "'10.0.0.0/255.0.0.0' at position 0 is not an IP network. Write it as"),
        ((["::/0", "1.2.3.0/33", "x"],), ArgumentError, "'1.2.3.0/33' at position 1 is not an IP network (2 in all)"),
        ((["::/0", None, None],), KeyTypeError, "prefixes: null at position 1 (2 in all). A prefix cannot be null"),
        ((pa.array(["::/0", None]),), KeyTypeError, "null at position 1 (1 in all)"),
        ((pa.nulls(2),), KeyTypeError, "null at position 0 (2 in all)"),
        (([1],), KeyTypeError, "an IP network expected at position 0, got int"),
        ((np.array([1], np.uint32),), ArgumentError, "prefixes: addresses without text need their prefix lengths. Give lengths="),
        ((np.zeros(1, "V16"),), ArgumentError, "need their prefix lengths"),
        ((np.array([1], np.uint32), [33]), ArgumentError, "lengths: 33 at position 0 is not between 0 and 32"),
        ((np.array([1], np.uint32), -7), ArgumentError, "lengths: -7 at position 0 is not between 0 and 32"),
        ((["1.2.3.4", "::"], [32, 129]), ArgumentError, "lengths: 129 at position 1 is not between 0 and 128"),
        ((["::", "::"], [1]), ArgumentError, "lengths: one length for each of 2 prefixes is needed, got 1"),
        ((["::"], [1.5]), ArgumentError, "lengths must be whole numbers of bits, one for each prefix or one for all; got [1.5]"),
        ((["::"], [None]), KeyTypeError, "lengths: null at position 0"),
        ((["::", None], 0), KeyTypeError, "prefixes: null at position 1"),
        ((["::/0"], 0), ArgumentError, "prefixes: '::/0' at position 0 is not an IP address"),
        (("::/0",), ArgumentError, "prefixes: an array of keys is needed, got a single str"),
    ],
)  # fmt: skip
def test_networks_that_are_refused(arguments: tuple[Any, ...], error: type[Exception], message: str) -> None:
    with pytest.raises(error) as caught:
        ip_prefixes(*arguments)
    assert message in str(caught.value)


NUMBERS = ["4912", None, "+4912", "", "1-2", "0049", "+", "12345678901234567", "9" * 16]


@pytest.mark.parametrize("form", TEXTS)
def test_digits_in_every_container(form: str) -> None:
    for column in (digit_queries(TEXTS[form](NUMBERS)), digit_queries(TEXTS[form](NUMBERS)).expanded()):
        values = range(len(NUMBERS)) if column.codes is None else column.codes.tolist()
        assert column.nulls is not None
        assert column.bad is not None
        assert column.nulls.tolist() == [text is None for text in NUMBERS]
        for text, value in zip(NUMBERS, values, strict=True):
            if text is not None:
                assert bool(column.bad[value]) == (text in ("1-2", "+"))
                if not column.bad[value]:
                    assert column.words[value] == word_of(text.removeprefix("+"))
    with pytest.raises(ArgumentError, match=r"at position 4 is not a string of digits \(2 in all\). Only digits count"):
        digit_queries(TEXTS[form](NUMBERS), errors="raise")
    good = ["49", "491", "", "+49", "0"]
    prefixes = digit_prefixes(TEXTS[form](good))
    assert prefixes.lengths.tolist() == [2, 3, 0, 2, 1]
    assert prefixes.words.tolist() == [word_of(text.removeprefix("+")) for text in good]


@pytest.mark.parametrize("form", INTS)
def test_digits_of_integers_in_every_container(form: str) -> None:
    numbers = [4912, None, 0, 10**18 - 1, -5]
    column = digit_queries(INTS[form](numbers)).expanded()
    assert column.nulls is not None
    assert column.nulls.tolist() == [False, True, False, False, False]
    assert column.bad is not None
    assert column.bad.tolist() == [False, False, False, False, True]
    assert [int(column.words[i]) for i in (0, 2, 3)] == [word_of("4912"), word_of("0"), word_of("9" * 18)]
    with pytest.raises(ArgumentError, match="-5 at position 4 is not a string of digits"):
        digit_queries(INTS[form](numbers), errors="raise")
    assert digit_prefixes(INTS[form]([4912, 0])).lengths.tolist() == [4, 1]


def test_integers_of_any_width_have_digits() -> None:
    for dtype in ("u1", "i1", ">i2", "u4", ">u8", "i8"):
        assert digit_queries(np.array([7, 0, 100], dtype)[::-1]).words.tolist() == [word_of(text) for text in ("100", "0", "7")]


@pytest.mark.parametrize(
    ("prefixes", "error", "message"),
    [
        (["12", "1 2", "x"], ArgumentError, "prefixes: '1 2' at position 1 is not a string of digits (2 in all)"),
        (["12", "1" * 17], ArgumentError, "'11111111111111111' at position 1 has more than 16 digits"),
        ([10**16, 10**17], ArgumentError, "10000000000000000 at position 0 has more than 16 digits (2 in all)"),
        (["12", None], KeyTypeError, "null at position 1"),
        ([uuid.UUID(int=1)], KeyTypeError, "digit strings are needed, got 128-bit ids"),
        ([1.5], KeyTypeError, "got float"),
    ],
)
def test_digits_that_are_refused(prefixes: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error) as caught:
        digit_prefixes(prefixes)
    assert message in str(caught.value)


def test_words_of_bits() -> None:
    words = [0, 1, 2**63, 2**64 - 1]
    array = np.array(words, np.uint64)
    raw = np.zeros(33, np.uint8)
    raw[1:] = array.view(np.uint8)
    forms = [words, tuple(words), array, objects(words), array.astype(">u8"), np.repeat(array, 2)[::2], raw[1:].view(np.uint64)]
    for keys in [*forms, pa.array(array), pl.Series(array), pd.Series(array)]:
        column = bit_queries(keys)
        assert column.words.tolist() == words
        assert column.words.flags.aligned
        assert not column.words.flags.writeable
        assert bit_prefixes(keys, 64).words.tolist() == words
    assert bit_queries([5, None]).nulls is not None
    assert bit_queries([5, 6]).words.tolist() == [5, 6]
    assert bit_queries([]).words.tolist() == []
    assert bit_queries(pa.array(array).dictionary_encode()).expanded().words.tolist() == words
    assert bit_prefixes(array, [0, 0, 1, 2], strict=False).words.tolist() == [0, 0, 2**63, 3 << 62]
    assert bit_prefixes([], []).n == 0


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((np.arange(3), 8), KeyTypeError, "prefixes: words of bits are uint64, got int64. Bits count from the left"),
        ((np.arange(3, dtype=np.uint32), 8), KeyTypeError, "got uint32"),
        (([-1], 8), KeyTypeError, "-1 at position 0 is negative"),
        ((["a"], 8), KeyTypeError, "words of bits are uint64, got text or bytes. Make numbers of text"),
        (([uuid.UUID(int=1)], 8), KeyTypeError, "words of bits are uint64, got 128-bit ids"),
        (([0], None), ArgumentError, "need their lengths. Give lengths="),
        (([0], 65), ArgumentError, "lengths: 65 at position 0 is not between 0 and 64"),
        (([0, None], 8), KeyTypeError, "null at position 1"),
        (([0, 2**63 + 1], 8), ArgumentError, "0x8000000000000001/8 at position 1 has bits set behind its length"),
    ],
)  # fmt: skip
def test_bits_that_are_refused(arguments: tuple[Any, ...], error: type[Exception], message: str) -> None:
    with pytest.raises(error) as caught:
        bit_prefixes(*arguments)
    assert message in str(caught.value)


def test_leading_ones() -> None:
    lengths = np.arange(65, dtype=np.uint8)
    assert leading_ones(lengths).tolist() == [2**64 - 2 ** (64 - n) for n in range(65)]
