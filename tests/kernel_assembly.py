"""What numba made of the kernels of `valkyrie._scan`: their loops, what is called in them, and their vector compares.

Kernels are compiled here once more, for the types they were called with: what comes from numba's cache has no assembly. Loops
are read off the optimised code of LLVM, where blocks and calls have names; the width of the instructions off the assembly.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass

import llvmlite.binding as llvm
import numba

import valkyrie as vk
from valkyrie._scan import interval_tree_jit, ipv4_jit, slice_ranges_jit, slice_tree_jit

__all__ = ["KERNELS", "Code", "call_every_kernel", "code_for", "compiled_code"]

KERNELS = {
    "find_ipv4": ipv4_jit.find_ipv4,
    "find_uint64": interval_tree_jit.find_uint64,
    "find_ipv6": interval_tree_jit.find_ipv6,
    "longest_prefixes": slice_tree_jit.longest_prefixes,
    "prefix_ranges": slice_ranges_jit.prefix_ranges,
}
"""All kernels that tables call; the other compiled functions of those files are parts of them."""

COMPARE = re.compile(r"^\t(?:v?pcmp\w+|cmh[is])\t.*", re.MULTILINE)
"""Of x86 and ARM."""


@dataclass(frozen=True)
class Block:
    """A basic block: its instructions as (opcode, text, name of what is called), and the blocks that may follow."""

    instructions: list[tuple[str, str, str]]
    next: list[str]

    def count(self, pattern: str) -> int:
        """How many instructions have a pattern in their text."""
        return sum(re.search(pattern, text) is not None for _, text, _ in self.instructions)

    @property
    def calls(self) -> set[str]:
        """What is called, by its name in Python where it has one; what LLVM turns into instructions is no call."""
        names = {called for opcode, _, called in self.instructions if opcode in ("call", "invoke")}
        return {_python_name(name) for name in names if not name.startswith("llvm.")}


class Code:
    """The compiled code of a kernel with all its parts, without the wrappers by which Python calls it."""

    def __init__(self, name: str, ir: str, assembly: str) -> None:
        self.assembly = _without_wrappers(assembly)
        found = [function for function in llvm.parse_assembly(ir).functions if not function.is_declaration]
        self.functions = [_blocks(function) for function in found if not _is_wrapper(function.name)]
        assert name in {_python_name(function.name) for function in found}

    def blocks(self) -> list[Block]:
        """All blocks."""
        return [block for function in self.functions for block in function.values()]

    def in_loops(self) -> list[Block]:
        """The blocks of loops."""
        return [function[name] for function in self.functions for name in _cyclic(function)]

    def in_inner_loops(self) -> list[Block]:
        """The blocks of loops in loops: what is done for each query, where the outer loop is that over blocks of 64."""
        inner = []
        for function in self.functions:
            loops = _cyclic(function)
            entered = {after for name, block in function.items() if name not in loops for after in block.next}
            rest = {name: function[name] for name in loops - entered}
            inner += [rest[name] for name in _cyclic(rest)]
        return inner

    def straight_loops(self) -> list[Block]:
        """Loops that are a single block: nothing in them branches but their end."""
        return [block for function in self.functions for name, block in function.items() if name in block.next]

    @property
    def compares(self) -> list[str]:
        """The vector compares in the assembly."""
        return [found[0].strip() for found in COMPARE.finditer(self.assembly)]


def compiled_code(name: str) -> Code:
    """A kernel compiled for this machine, or what ``NUMBA_CPU_NAME`` says."""
    dispatcher = KERNELS[name]
    (signature,) = dispatcher.signatures
    fresh = numba.njit(nogil=True, boundscheck=False)(dispatcher.py_func)
    fresh.compile(signature)
    return Code(name, fresh.inspect_llvm(signature), fresh.inspect_asm(signature))


def code_for(cpu: str, features: str, cache: str) -> dict[str, list[str]]:
    """The vector compares of every kernel, compiled for a processor by a process of its own that only compiles."""
    environ = os.environ | {"NUMBA_CPU_NAME": cpu, "NUMBA_CPU_FEATURES": features, "NUMBA_CACHE_DIR": cache}
    done = subprocess.run([sys.executable, "-m", __name__], env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def call_every_kernel() -> None:
    """Have every kernel compiled for the types that tables call it with."""
    for prefixes, kind in ((["10.0.0.0/8", "2001:db8::/32"], "ip"), (["49"], "digits"), (["/a"], "path")):
        assert vk.PrefixTable.build(prefixes, kind=kind).warm_up()


def _is_wrapper(symbol: str) -> bool:
    return symbol.startswith(("_ZN7cpython", "cfunc.", "NRT_"))


def _without_wrappers(assembly: str) -> str:
    """The functions that are no wrappers; on formats without these marks, everything."""
    functions = re.findall(r"\t\.type\t(\S+),@function\n(.*?)\.Lfunc_end", assembly, re.DOTALL)
    return "".join(text for symbol, text in functions if not _is_wrapper(symbol)) if functions else assembly


def _python_name(symbol: str) -> str:
    """``_ZN8valkyrie5_scan8ipv4_jit9find_ipv4B2v1...`` is find_ipv4; other symbols stay."""
    parts, rest = [], symbol.removeprefix("_ZN")
    while symbol.startswith("_ZN") and (size := re.match(r"\d+", rest)):
        end = size.end() + int(size[0])
        parts.append(rest[size.end() : end])
        rest = rest[end:]
    return parts[-1] if parts else symbol


def _blocks(function) -> dict[str, Block]:
    blocks = {}
    for block in function.blocks:
        read = []
        for instruction in block.instructions:
            called = list(instruction.operands)[-1].name if instruction.opcode in ("call", "invoke") else ""
            read.append((instruction.opcode, str(instruction), called))
        blocks[block.name] = Block(read, re.findall(r'label %"?([\w.$-]+)', read[-1][1]))
    return blocks


def _cyclic(function: dict[str, Block]) -> set[str]:
    """The blocks from which a way leads back to themselves."""

    def reached(name: str) -> set[str]:
        seen: set[str] = set()
        ahead = list(function[name].next)
        while ahead:
            there = ahead.pop()
            if there in function and there not in seen:
                seen.add(there)
                ahead += function[there].next
        return seen

    return {name for name in function if name in reached(name)}


if __name__ == "__main__":
    call_every_kernel()
    print(json.dumps({name: compiled_code(name).compares for name in KERNELS}))
