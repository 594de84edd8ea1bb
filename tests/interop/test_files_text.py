"""UUID text and JSON text against Python's own."""

import io
import json
import math
import uuid

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from valkyrie.interop.key_text import KeyText, text_of_uuids
from valkyrie.interop.ndjson import write_ndjson
from valkyrie.interop.uuid_text import uuids_from_text, uuids_to_text

FORMS = [str, lambda u: str(u).upper(), lambda u: u.hex, lambda u: f"{{{u}}}", lambda u: u.urn]
uuid_texts = st.builds(lambda u, form: form(u), st.uuids(), st.sampled_from(FORMS))
near_misses = st.text(alphabet="0123456789abcdefABCDEFg-{}é", min_size=30, max_size=40)


def parsed(text):
    try:
        return uuid.UUID(text).bytes
    except ValueError:
        return None


@settings(max_examples=300, deadline=None)
@given(st.lists(st.none() | uuid_texts | near_misses | st.just(""), max_size=20), st.integers(0, 3))
def test_uuids_from_text_as_the_standard_library(texts, cut):
    column = pa.array(texts, pa.string()).slice(min(cut, len(texts)))
    reader = KeyText("b16", False, "coerce", "file", "column")
    assert reader.keys(column, 0).to_pylist() == [None if t is None else parsed(t) for t in column.to_pylist()]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.none() | st.uuids(), max_size=20), st.integers(0, 3))
def test_uuids_to_text_and_back(ids, cut):
    column = pa.array([None if u is None else u.bytes for u in ids], pa.binary(16)).slice(min(cut, len(ids)))
    texts = text_of_uuids(column)
    texts.validate(full=True)
    assert texts.to_pylist() == [None if b is None else str(uuid.UUID(bytes=b)) for b in column.to_pylist()]


def test_a_hyphen_is_a_hyphen_and_a_digit_a_digit():
    text = str(uuid.UUID(int=2**127 + 5))
    for position in range(36):
        wrong = text[:position] + ("-" if text[position] != "-" else "0") + text[position + 1 :]
        data = np.frombuffer(wrong.encode(), np.uint8)
        uuids, valid = uuids_from_text(data, np.array([0, 36]))
        # Python takes hyphens anywhere as long as 32 digits remain; that is the one form of 36 characters it adds.
        assert bool(valid[0]) == (parsed(wrong) is not None)
        assert not uuids[~valid].any()
    assert uuids_to_text(np.zeros((0, 16), np.uint8)).shape == (0, 36)


integers = st.integers(-(2**64), 2**65).map(str)
spelled = st.builds(
    lambda sign, zeros, n: f"{sign}{'0' * zeros}{n}",
    st.sampled_from(["", "-", "+"]),
    st.integers(0, 3),
    st.integers(0, 2**64),
)
noise = st.text(alphabet="0123456789+-.eExX _", max_size=8)


def as_integer(text, low, high):
    text = text.strip(" ")
    digits = text[1:] if text[:1] in ("+", "-") else text
    if not (digits.isascii() and digits.isdigit()):
        return None
    return int(text) if low <= int(text) <= high else None


@settings(max_examples=300, deadline=None)
@given(st.lists(st.none() | integers | spelled | noise, max_size=12), st.booleans(), st.integers(0, 3))
def test_integers_from_text_by_value(texts, unsigned, cut):
    column = pa.array(texts, pa.string()).slice(min(cut, len(texts)))
    low, high = (0, 2**64 - 1) if unsigned else (-(2**63), 2**63 - 1)
    reader = KeyText("int", unsigned, "coerce", "file", "column")
    wanted = [None if text is None else as_integer(text, low, high) for text in column.to_pylist()]
    assert reader.keys(column, 0).to_pylist() == wanted


values = st.fixed_dictionaries(
    {
        "text": st.none() | st.text(max_size=8),
        "int": st.none() | st.integers(-(2**63), 2**63 - 1),
        "real": st.none() | st.floats(),
        "flag": st.none() | st.booleans(),
        "nested": st.none() | st.lists(st.integers(0, 9), max_size=3),
        'a "name"\n': st.none() | st.text(alphabet='"\\/\b\n\té\U0001f600', max_size=6),
    }
)
SCHEMA = pa.schema(
    [
        ("text", pa.string()),
        ("int", pa.int64()),
        ("real", pa.float64()),
        ("flag", pa.bool_()),
        ("nested", pa.list_(pa.int8())),
        ('a "name"\n', pa.large_string()),
    ]
)


@settings(max_examples=300, deadline=None)
@given(st.lists(values, max_size=6), st.integers(0, 2))
def test_json_text_reads_back(rows, cut):
    batch = pa.RecordBatch.from_pylist(rows, schema=SCHEMA).slice(min(cut, len(rows)))
    file = io.BytesIO()
    write_ndjson(file, batch)
    lines = [json.loads(line) for line in file.getvalue().split(b"\n")[:-1]]
    wanted = rows[min(cut, len(rows)) :]
    for row in wanted:
        if row["real"] is not None and not math.isfinite(row["real"]):
            row["real"] = None
    assert lines == wanted
    assert all(isinstance(line["real"], (float, type(None))) for line in lines)
