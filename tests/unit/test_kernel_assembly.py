"""What is promised of the code of every kernel: one version of it, whole lines compared by vector instructions, plain loops."""

from __future__ import annotations

from dataclasses import dataclass

import llvmlite.binding as llvm
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import valkyrie as vk
from tests.kernel_assembly import KERNELS, call_every_kernel, compiled_code
from valkyrie._scan.compiled import COMPILE_FROM

LINE = {"find_ipv4": "<16 x i32>", "find_uint64": "<8 x i64>", "find_ipv6": "<8 x i64>"}
"""A line of 64 bytes; that of texts is one of eight slices."""


@dataclass(frozen=True)
class Loops:
    """What the loops over queries may hold beside arithmetic, loads and stores.

    calls
        What they may call for a query. What all of a block of 64 need may be called, and counted as a reference, outside them.
    branches
        Whether what is found may decide where the code goes.
    """

    calls: frozenset[str] = frozenset()
    branches: bool = False


LOOPS = {
    "find_ipv4": Loops(),
    "find_uint64": Loops(),
    "find_ipv6": Loops(),
    "longest_prefixes": Loops(frozenset({"common_from"}), branches=True),
    "prefix_ranges": Loops(frozenset({"common_from", "prefix_range"}), branches=True),
}


@pytest.fixture(scope="module", params=KERNELS)
def kernel(request):
    call_every_kernel()
    return request.param, compiled_code(request.param)


def test_each_compare_of_a_line_is_one_instruction_for_as_much_as_the_machine_can(kernel):
    name, code = kernel
    compares = sum(block.count(rf"icmp u\w+ {LINE.get(name, '<8 x i64>')}") for block in code.blocks())
    counts = sum(block.count(r"call .*ctpop\.i(8|16)\b") for block in code.blocks())
    assert 0 < counts == compares  # the bits of each compare are counted, and nothing compares otherwise
    features = llvm.get_host_cpu_features()
    texts = sum(block.count(r"icmp (?:ne|eq) <64 x i8>") for block in code.blocks())
    of_texts = [text for text in code.compares if text.split("\t")[0].endswith("b")]
    of_lines = [text for text in code.compares if text not in of_texts]
    assert len(of_lines) >= compares
    if features.get("avx2"):
        assert all("%ymm" in text or "%zmm" in text for text in code.compares)
    if features.get("avx512f"):  # one for a line, or two where the processor would clock down for the widest
        assert all(text.startswith("vpcmp") and "u" in text.split("\t")[0] for text in of_lines)
        assert len(of_lines) == compares * (1 if "%zmm" in of_lines[0] else 2)
    if features.get("avx512bw"):
        assert len(of_texts) == texts * (1 if "%zmm" in of_lines[0] else 2)


def test_no_loop_raises_or_tests_bounds(kernel):
    """An error is told by storing what it is; kernels may run out of memory for their room, before and behind their loops."""
    _, code = kernel
    assert sum(block.count("picklebuf") for block in code.blocks()) > 0
    assert sum(block.count("picklebuf") for block in code.in_loops()) == 0


def test_loops_over_queries_call_no_more_than_they_must(kernel):
    name, code = kernel
    inner = code.in_inner_loops()
    assert sum(block.count(r"call .*prefetch") for block in inner) > 0
    assert set().union(*(block.calls for block in inner)) <= LOOPS[name].calls
    if name != "prefix_ranges":  # it hands whole arrays to the search of the root, twice a block
        assert not {called for block in code.in_loops() for called in block.calls if called.startswith(("NRT_", "Py"))}


def test_loops_over_bits_do_not_branch(kernel):
    """Each stage that asks for memory is one block that ends where it began, and no index is tested for its sign."""
    name, code = kernel
    if LOOPS[name].branches:
        # The search of the root, which has most of the slices, goes down all the same.
        assert sum(block.count(r"icmp u\w+ <8 x i64>") for block in code.straight_loops()) > 0
        return
    straight = code.straight_loops()
    # Behind a stage the bits of a mask are counted once, to know how many addresses go down a tree of their own.
    for wanted, blocks in ((r"call .*prefetch", code.blocks()), (r"call .*ctpop\.i64", code.in_inner_loops())):
        assert sum(block.count(wanted) for block in straight) == sum(block.count(wanted) for block in blocks)
    assert sum(block.count(r"icmp slt i64 [^,]*, 0$") for block in code.in_inner_loops()) == 0


def ip(texts):
    return vk.PrefixTable.build(texts, kind="ip")


def test_one_version_serves_every_table_and_container(tmp_path):
    """Types of arguments are part of what numba compiles for: another layout or dtype would be compiled for seconds."""
    n = COMPILE_FROM
    words = np.arange(n, dtype=np.uint64) << np.uint64(50)
    numbers = [f"49{i:08d}" for i in range(n)]
    texts = [f"/a/{i}" for i in range(n)]
    hosts = [f"www.{i}.co.uk" for i in range(n)]
    v4, v6 = [f"10.0.{i >> 8 & 255}.{i & 255}" for i in range(n)], [f"2001:db8::{i:x}" for i in range(n)]
    packed = np.arange(n, dtype=np.uint32)
    wide = np.frombuffer(b"".join(i.to_bytes(16) for i in range(n)), "V16")
    bits = vk.PrefixTable.build(words[:5], kind="bits", lengths=np.full(5, 16, np.uint8))
    asked = [
        (ip(["10.0.0.0/8", "10.0.0.0/25", "2001:db8::/32", "2001:db8::1/128"]), [v4, v6, v4[: n // 2] + v6, packed, wide]),
        (ip(["2001:db8::/32"]), [v6, wide]),
        (ip([]), [v4, v6]),
        (bits, [words, np.repeat(words, 2)[::2], words.astype(">u8"), words.tolist()]),
        (vk.PrefixTable.build(["49", "493"], kind="digits"), [numbers, [int(text) for text in numbers]]),
        (vk.PrefixTable.build(["/a", "/a/1", ""], kind="path"), [texts, [text.encode() for text in texts]]),
        (vk.PrefixTable.build(["uk", "*.uk"], kind="suffix", wildcards=True), [hosts]),
        (vk.PrefixTable.build(["/", "/a/"], [7, 5]), [texts]),
        (vk.PrefixTable.build([]), [texts]),
    ]
    for i, (table, batches) in enumerate(asked):
        table.save(tmp_path / f"{i}.vks")
        mapped = vk.load(tmp_path / f"{i}.vks")
        for batch in batches:
            expected = table.lookup_many(batch).tolist()
            for keys in (batch, *containers(batch)):
                assert table.lookup_many(keys).tolist() == expected
                assert mapped.lookup_many(keys, threads=2).tolist() == expected
            if isinstance(batch, list) and isinstance(batch[0], str):
                assert len(table.count_many(batch)) == len(batch)
    assert {name: len(dispatcher.signatures) for name, dispatcher in KERNELS.items()} == dict.fromkeys(KERNELS, 1)


def containers(batch):
    """The batch in other libraries, and in layouts of numpy that are read otherwise."""
    if isinstance(batch, np.ndarray):
        frozen = batch.copy()
        frozen.flags.writeable = False
        late = np.frombuffer(b"\0" + batch.tobytes(), np.uint8)[1:].view(batch.dtype)
        return [frozen, batch.reshape(1, -1)[0], late]
    if isinstance(batch[0], str):
        return [np.array(batch), np.array(batch, object), pd.Series(batch), pl.Series(batch), pa.array(batch)]
    if isinstance(batch[0], bytes):
        return [np.array(batch, object), pa.array(batch)]
    return [np.array(batch, np.uint64), pa.array(batch, pa.uint64()), pl.Series(batch, dtype=pl.UInt64)]
