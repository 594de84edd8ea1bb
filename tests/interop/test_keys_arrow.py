import uuid

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.interop.key_decoding import decoded
from valkyrie.arrays import ArrowBox, key_column
from valkyrie.arrays.arrow_buffers import dictionary_codes
from valkyrie.errors import ArgumentError, KeyTypeError

TEXT_TYPES = [pa.string(), pa.large_string(), pa.string_view(), pa.binary(), pa.large_binary(), pa.binary_view()]
TEXTS = ["", "a", None, "é", "a\0b", "日本語", None, "longer than twelve bytes", "z"]
INTEGER_TYPES = [getattr(pa, f"{sign}int{width}")() for sign in ("", "u") for width in (8, 16, 32, 64)]


def as_bytes(items):
    return [item.encode() if isinstance(item, str) else item for item in items]


def starts(array, buffer):
    return array.buffers()[buffer].address


@pytest.mark.parametrize("arrow_type", TEXT_TYPES, ids=str)
def test_texts_of_every_arrow_type_slice_and_chunking(arrow_type):
    array = pa.array(as_bytes(TEXTS), pa.large_binary()).cast(arrow_type)
    for start in range(len(TEXTS) + 1):
        assert decoded(key_column(array[start:])) == as_bytes(TEXTS[start:])
        assert decoded(key_column(array[:start])) == as_bytes(TEXTS[:start])
    for chunks in ([array], [array[:3], array[3:]], [array[:0], array], []):
        chunked = pa.chunked_array(chunks, type=arrow_type)
        assert decoded(key_column(chunked)) == as_bytes(chunked.to_pylist())


@pytest.mark.parametrize("arrow_type", [pa.string(), pa.large_string(), pa.binary(), pa.large_binary()], ids=str)
def test_texts_are_borrowed(arrow_type):
    array = pa.array(["a", "bc", "def"]).cast(arrow_type)
    width = 8 if "large" in str(arrow_type) else 4
    for keys, skipped in ((array, 0), (array[1:], 1), (pa.chunked_array([array]), 0)):
        column = key_column(keys)
        assert column.values.ctypes.data == starts(array, 2)
        assert column.offsets.ctypes.data == starts(array, 1) + skipped * width
        assert column.offsets.itemsize == width


@pytest.mark.parametrize("arrow_type", INTEGER_TYPES, ids=str)
def test_integers_are_borrowed(arrow_type):
    array = pa.array([1, 2, 3], arrow_type)
    for keys, skipped in ((array, 0), (array[2:], 2), (pa.chunked_array([array]), 0)):
        column = key_column(keys)
        assert column.values.ctypes.data == starts(array, 1) + skipped * arrow_type.bit_width // 8
        assert column.values.dtype == arrow_type.to_pandas_dtype()
        assert column.nulls is None
        assert decoded(column) == keys.to_pylist()


@settings(max_examples=100, deadline=None)
@given(st.lists(st.none() | st.integers(-(2**63), 2**63 - 1), max_size=40), st.integers(0, 40), st.integers(0, 40))
def test_nulls_of_sliced_integers(items, start, stop):
    array = pa.array(items, pa.int64())[start:stop]
    column = key_column(array)
    assert decoded(column) == items[start:stop]
    chunked = pa.chunked_array([array, array])
    assert decoded(key_column(chunked)) == items[start:stop] * 2


def test_integers_with_nulls_borrow_their_values():
    array = pa.array([1, None, 3])
    column = key_column(array)
    assert column.values.ctypes.data == starts(array, 1)
    assert column.nulls.tolist() == [False, True, False]


@pytest.mark.parametrize("index_type", INTEGER_TYPES, ids=str)
@pytest.mark.parametrize("value_type", [*TEXT_TYPES[:2], pa.int64()], ids=str)
def test_dictionaries_give_codes(index_type, value_type):
    values = pa.array([7, 8, 9]) if value_type == pa.int64() else pa.array(["x", "y", "z"], value_type)
    array = pa.DictionaryArray.from_arrays(pa.array([2, None, 0, 2], index_type), values)
    column = key_column(array)
    assert column.codes.tolist() == [2, -1, 0, 2]
    assert decoded(column) == as_bytes(array.to_pylist())
    assert decoded(key_column(array[1:3])) == as_bytes(array[1:3].to_pylist())
    other = pa.DictionaryArray.from_arrays(pa.array([0], index_type), values[1:])
    chunked = pa.chunked_array([array, other, array[:0]])
    assert decoded(key_column(chunked)) == as_bytes(chunked.to_pylist())


def test_codes_are_borrowed_where_they_can_be():
    array = pa.DictionaryArray.from_arrays(pa.array([1, 0], pa.int32()), ["x", "y"])
    assert key_column(array).codes.ctypes.data == array.indices.buffers()[1].address


def test_nulls_within_a_dictionary_are_null():
    array = pa.DictionaryArray.from_arrays(pa.array([0, 1, None, 2]), pa.array(["x", None, "z"]))
    assert decoded(key_column(array)) == [b"x", None, None, b"z"]
    empty = pa.DictionaryArray.from_arrays(pa.array([None, None], pa.int8()), pa.array([], pa.string()))
    assert decoded(key_column(empty)) == [None, None]


def test_run_end_encoding_is_decoded():
    array = pa.RunEndEncodedArray.from_arrays([2, 5], ["x", None])
    assert decoded(key_column(array)) == [b"x", b"x", None, None, None]


UUIDS = pa.array([uuid.UUID(int=1).bytes, uuid.UUID(int=2).bytes], pa.binary(16)).cast(pa.uuid())
WORDS = pa.array(["x", None])
ENTRIES = {
    "string": WORDS,
    "string_view": WORDS.cast(pa.string_view()),
    "binary_view": WORDS.cast(pa.binary()).cast(pa.binary_view()),
    "int64": pa.array([1, None]),
    "uuid": UUIDS,
    "dictionary": WORDS.dictionary_encode(),
    "dictionary of views": pa.DictionaryArray.from_arrays([1, 0], WORDS.cast(pa.string_view())),
    "dictionary of uuids": pa.DictionaryArray.from_arrays([1, 0], UUIDS),
}


def keys_of(entries):
    """What one entry after the other means as keys."""
    return [decoded(key_column(entries[i : i + 1]))[0] for i in range(len(entries))]


@pytest.mark.parametrize("name", ENTRIES)
def test_runs_of_every_type(name):
    first, second = keys_of(ENTRIES[name])
    runs = pa.RunEndEncodedArray.from_arrays([2, 5], ENTRIES[name])
    expected = [first, first, second, second, second]
    assert decoded(key_column(runs)) == expected
    assert decoded(key_column(runs[1:3])) == expected[1:3]
    assert decoded(key_column(runs[3:])) == expected[3:]
    assert decoded(key_column(runs[5:])) == []
    assert decoded(key_column(pa.chunked_array([runs[1:], runs[:1]]))) == [*expected[1:], first]


@pytest.mark.parametrize("name", ENTRIES)
def test_chunks_of_dictionaries_of_every_type(name):
    entries = ENTRIES[name]
    first, second = keys_of(entries)
    one = pa.DictionaryArray.from_arrays(pa.array([1, 0, None]), entries)
    other = pa.DictionaryArray.from_arrays(pa.array([0, 0]), entries[1:])
    assert decoded(key_column(one)) == [second, first, None]
    assert decoded(key_column(pa.chunked_array([one, other]))) == [second, first, None, second, second]
    for arrow_type in (one.type, pa.run_end_encoded(pa.int32(), entries.type)):
        column = key_column(pa.chunked_array([], type=arrow_type))
        assert decoded(column) == []
        assert column.kind == key_column(entries).kind


def test_dictionaries_that_outgrow_their_codes_when_joined():
    chunks = [pa.array([f"{i}-{j}" for j in range(100)]).dictionary_encode() for i in range(2)]
    chunks = [pa.DictionaryArray.from_arrays(chunk.indices.cast(pa.int8()), chunk.dictionary) for chunk in chunks]
    assert decoded(key_column(pa.chunked_array(chunks)))[::100] == [b"0-0", b"1-0"]


def test_a_dictionary_of_an_empty_dictionary_holds_nulls():
    empty = pa.array([], pa.string()).dictionary_encode()
    array = pa.DictionaryArray.from_arrays(pa.array([None, None], pa.int8()), empty)
    assert decoded(key_column(array)) == [None, None]


def test_128_bit_forms_agree():
    ids = [uuid.UUID(int=i).bytes for i in (0, 2**128 - 1, 5 << 64)]
    fixed = pa.array([ids[0], None, *ids[1:]], pa.binary(16))
    expected = fixed.to_pylist()
    column = key_column(fixed)
    assert column.values.ctypes.data == starts(fixed, 1)
    assert decoded(key_column(fixed[2:])) == expected[2:]
    assert decoded(key_column(fixed.cast(pa.uuid()))) == expected
    assert decoded(key_column(pa.chunked_array([fixed, fixed]))) == expected * 2
    for arrow_type in (pa.binary(), pa.large_binary(), pa.binary_view()):
        array = pa.array(expected, arrow_type)
        assert key_column(array).kind == "bytes"
        for part in (array, array[:1], array[1:], array[2:]):
            column = key_column(part, kind="b16")
            assert column.kind == "b16"
            assert decoded(column) == part.to_pylist()


def test_fixed_size_binary_of_other_widths_is_bytes():
    array = pa.array([b"abc", None, b"x\0\0"], pa.binary(3))
    assert decoded(key_column(array)) == [b"abc", None, b"x\0\0"]
    assert decoded(key_column(array[2:])) == [b"x\0\0"]
    assert decoded(key_column(array, kind="bytes")) == [b"abc", None, b"x\0\0"]


@pytest.mark.parametrize("kind", [None, "int", "b16", "bytes"])
def test_null_columns_fit_any_kind(kind):
    for keys in (pa.nulls(3), pa.nulls(0), pa.nulls(2).dictionary_encode()):
        column = key_column(keys, kind=kind)
        assert column.untyped
        assert decoded(column) == [None] * len(keys)


@pytest.mark.parametrize("arrow_type", [pa.string(), pa.int32(), pa.binary(16)], ids=str)
def test_typed_columns_keep_their_kind_without_a_value(arrow_type):
    for keys in (pa.array([], arrow_type), pa.array([None], arrow_type)):
        column = key_column(keys)
        assert not column.untyped
        assert column.kind == key_column(pa.array([], arrow_type)).kind
        assert decoded(column) == [None] * len(keys)


class ArrayExporter:
    def __init__(self, array):
        self.array = array

    def __arrow_c_array__(self, requested_schema=None):
        return self.array.__arrow_c_array__(requested_schema)


class StreamExporter:
    def __init__(self, chunked):
        self.chunked = chunked

    def __arrow_c_stream__(self, requested_schema=None):
        return self.chunked.__arrow_c_stream__(requested_schema)


@pytest.mark.parametrize("array", [pa.array([1, 2, 3]), pa.array(["a", "b"])], ids=str)
def test_objects_of_the_arrow_interface_are_borrowed(array):
    column = key_column(ArrayExporter(array))
    assert decoded(column) == as_bytes(array.to_pylist())
    assert column.values.ctypes.data == array.buffers()[-1].address
    assert isinstance(column.box, ArrowBox)
    assert not column.box.chunked
    column = key_column(StreamExporter(pa.chunked_array([array])))
    assert column.values.ctypes.data == array.buffers()[-1].address
    assert column.box.chunked
    assert decoded(key_column(StreamExporter(pa.chunked_array([array, array])))) == as_bytes(array.to_pylist()) * 2


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (pa.array([1.5]), "double cannot be keys.*Arrow int64"),
        (pa.array([True]), "bool cannot be keys"),
        (pa.array([0], pa.timestamp("us")), "timestamp.*integer value"),
        (pa.array([0], pa.date32()), "date32"),
        (pa.array([1], pa.decimal128(5)), "decimal128.*int64"),
        (pa.array([[1]]), "list.*flat column"),
        (pa.array([{"a": 1}]), "struct.*flat column"),
        (pa.array([1.5]).dictionary_encode(), "double cannot be keys"),
        (StreamExporter(pa.table({"a": [1]})), "struct"),
    ],
    ids=lambda value: "" if isinstance(value, str) else str(getattr(value, "type", "table")),
)
def test_types_that_are_no_keys_are_refused(array, message):
    with pytest.raises(KeyTypeError, match=f"ids: Arrow .*{message}"):
        key_column(array, argument="ids")


@pytest.mark.parametrize(
    ("array", "kind"),
    [
        (pa.array([1]), "bytes"),
        (pa.array(["a"]), "int"),
        (pa.array(["a"]), "b16"),
        (pa.array([b"x" * 16], pa.binary(16)), "int"),
        (pa.array([b"x" * 16], pa.binary(16)), "bytes"),
        (pa.array([b"x" * 16], pa.binary(16)).cast(pa.uuid()), "bytes"),
        (pa.array([b"x" * 16], pa.binary(16)).dictionary_encode(), "bytes"),
    ],
    ids=str,
)
def test_arrays_of_another_kind_are_refused(array, kind):
    with pytest.raises(KeyTypeError, match=f"kind '{kind}'"):
        key_column(array, kind=kind)


def test_binary_of_another_length_is_no_128_bit_id():
    array = pa.array([None, b"x" * 16, b"short"])
    with pytest.raises(KeyTypeError, match="16 bytes expected at position 2, got 5"):
        key_column(array, kind="b16")


def test_whole_tables_are_refused():
    for keys in (pa.table({"a": [1]}), pa.record_batch({"a": [1]})):
        with pytest.raises(ArgumentError, match=r'one column is needed.*frame\["id"\]'):
            key_column(keys)


@pytest.mark.parametrize("offsets", [[0, 5, 2], [-4, 1, 2], [0, 1, 99], [2, 1, 2]])
def test_damaged_offsets_are_refused(offsets):
    sound = np.array([0, 1, 2], dtype=np.int32)
    array = pa.Array.from_buffers(pa.string(), 2, [None, pa.py_buffer(sound), pa.py_buffer(b"abcdef")])
    # Arrow checks what it builds, not what a file or another library hands it
    sound[:] = offsets
    with pytest.raises(ArgumentError, match="offsets of the Arrow array leave its data|the Arrow array is damaged"):
        key_column(array)


def test_damaged_codes_are_refused():
    array = pa.DictionaryArray.from_arrays(pa.array([0, 9], pa.int8()), pa.array(["a"]), safe=False)
    with pytest.raises(ArgumentError, match="outside the dictionary of 1 entries"):
        key_column(array)


def sound_then_damaged(arrow_type, offsets):
    """An array, and what makes its offsets point outside: Arrow checks what it builds itself."""
    kept = np.zeros(len(offsets), np.int64 if "large" in str(arrow_type) else np.int32)
    array = pa.Array.from_buffers(arrow_type, len(offsets) - 1, [None, pa.py_buffer(kept), pa.py_buffer(b"abc")])
    return array, lambda: np.copyto(kept, offsets)


def damaged(arrow_type, offsets):
    array, damage = sound_then_damaged(arrow_type, offsets)
    damage()
    return array


def damaged_view(arrow_type):
    """A view of 40 bytes at a place far outside its only buffer."""
    view = np.frombuffer(np.array([40, 0, 0, 1 << 28], np.int32).tobytes(), np.uint8)
    return pa.Array.from_buffers(arrow_type, 1, [None, pa.py_buffer(view), pa.py_buffer(b"abc")])


@pytest.mark.parametrize("arrow_type", [pa.string_view(), pa.binary_view()], ids=str)
def test_damaged_views_are_refused(arrow_type):
    whole = pa.array(["a text of more than twelve bytes"]).cast(arrow_type)
    for column in (damaged_view(arrow_type), pa.chunked_array([whole, damaged_view(arrow_type)])):
        with pytest.raises(ArgumentError, match=r"ids: the Arrow array is damaged \(.*validate\(full=True\)"):
            key_column(column, argument="ids")


@pytest.mark.parametrize("arrow_type", TEXT_TYPES[:2], ids=str)
def test_damaged_chunks_are_refused_before_they_are_joined(arrow_type):
    chunked = pa.chunked_array([pa.array(["a"], arrow_type), damaged(arrow_type, [0, 1, 1 << 30])])
    with pytest.raises(ArgumentError, match="damaged"):
        key_column(chunked)


def test_damaged_dictionaries_are_refused_before_they_are_unified():
    codes = pa.array([0, 1], pa.int32())
    texts = pa.DictionaryArray.from_arrays(codes, damaged(pa.string(), [0, 1 << 30, 2]), safe=False)
    outside = pa.DictionaryArray.from_arrays(pa.array([0, 1 << 30], pa.int32()), pa.array(["a", "b"]), safe=False)
    whole = pa.array(["c"]).dictionary_encode()
    for broken in (texts, outside):
        with pytest.raises(ArgumentError, match="damaged"):
            key_column(pa.chunked_array([whole, broken]))


def test_damaged_runs_are_refused():
    texts, damage = sound_then_damaged(pa.string(), [0, 1 << 30, 2])
    runs = pa.RunEndEncodedArray.from_arrays(pa.array([2, 3], pa.int32()), texts)
    damage()
    with pytest.raises(ArgumentError, match="damaged"):
        key_column(runs)


@pytest.mark.parametrize("code", [-(2**32) + 1, -(2**31) - 1, -(2**63)])
def test_codes_keep_their_sign_when_they_are_cut_to_32_bits(code):
    codes, nulls = dictionary_codes(np.array([1, code]), None, None, 2, "keys")
    assert codes.tolist() == [1, -1]
    assert nulls.tolist() == [False, True]
