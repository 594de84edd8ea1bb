"""Vector instructions for numba kernels, and the one decorator that compiles them. Importing this module imports numba.

numba does not turn a loop of eight compares into vector code, so the kernels say it: each function here is a few LLVM
instructions. Loads are declared aligned to 8 bytes only, since arrays may come from a mapped file or a slice; on hardware an
unaligned load of an aligned line costs nothing.
"""
# mypy: ignore-errors

from __future__ import annotations

from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

__all__ = ["byte_swap", "compiled", "count_le", "load8", "load64", "popcount", "prefetch", "trailing_zeros"]


def compiled(function):
    """Compile a kernel without the GIL, kept on disk where that is possible."""
    try:
        return njit(nogil=True, cache=True, boundscheck=False)(function)
    except RuntimeError:  # nowhere to keep it: a read-only install without a home
        return njit(nogil=True, boundscheck=False)(function)


def _element(builder, array_type, array, index, context):
    from numba.core import cgutils

    data = context.make_array(array_type)(context, builder, array).data
    return builder.gep(data, [index]), cgutils


@intrinsic
def count_le(typingctx, lines, at, key):
    """How many of the eight uint64 at ``lines[at:at + 8]`` are at most `key`: one vector compare."""
    if not isinstance(lines, types.Array) or lines.dtype != types.uint64:
        return None
    signature = types.intp(lines, types.intp, types.uint64)

    def codegen(context, builder, sig, args):
        pointer, _ = _element(builder, sig.args[0], args[0], args[1], context)
        wide = ir.VectorType(ir.IntType(64), 8)
        loaded = builder.load(builder.bitcast(pointer, wide.as_pointer()), align=8)
        one = builder.insert_element(ir.Constant(wide, ir.Undefined), args[2], ir.Constant(ir.IntType(32), 0))
        zeros = ir.Constant(ir.VectorType(ir.IntType(32), 8), [0] * 8)
        keys = builder.shuffle_vector(one, ir.Constant(wide, ir.Undefined), zeros)
        mask = builder.bitcast(builder.icmp_unsigned("<=", loaded, keys), ir.IntType(8))
        return builder.zext(builder.ctpop(mask), context.get_value_type(types.intp))

    return signature, codegen


@intrinsic
def prefetch(typingctx, array, at):
    """Ask for the cache line of ``array[at]`` (second level); `at` may lie outside, nothing is read."""
    signature = types.void(array, types.intp)

    def codegen(context, builder, sig, args):
        pointer, _ = _element(builder, sig.args[0], args[0], args[1], context)
        i8p, i32 = ir.IntType(8).as_pointer(), ir.IntType(32)
        function = builder.module.declare_intrinsic(
            "llvm.prefetch", [i8p], fnty=ir.FunctionType(ir.VoidType(), [i8p, i32, i32, i32])
        )
        builder.call(function, [builder.bitcast(pointer, i8p), *(ir.Constant(i32, v) for v in (0, 2, 1))])
        return context.get_dummy_value()

    return signature, codegen


def _load(width):
    @intrinsic
    def load(typingctx, address):
        signature = types.uint64(types.uint64)

        def codegen(context, builder, sig, args):
            kind = ir.IntType(width)
            value = builder.load(builder.inttoptr(args[0], kind.as_pointer()), align=1)
            return value if width == 64 else builder.zext(value, ir.IntType(64))

        return signature, codegen

    return load


load64 = _load(64)
"""The little-endian uint64 at an address. The caller answers for all eight bytes."""
load8 = _load(8)
"""The byte at an address."""


def _unary(name):
    @intrinsic
    def function(typingctx, x):
        signature = types.uint64(types.uint64)

        def codegen(context, builder, sig, args):
            if name == "ctpop":
                return builder.ctpop(args[0])
            if name == "bswap":
                return builder.bswap(args[0])
            return builder.cttz(args[0], ir.Constant(ir.IntType(1), 0))

        return signature, codegen

    return function


popcount = _unary("ctpop")
"""Bits set in a uint64."""
byte_swap = _unary("bswap")
"""A uint64 with its bytes reversed."""
trailing_zeros = _unary("cttz")
"""Zero bits below the lowest set bit of a uint64; 64 if there is none."""
