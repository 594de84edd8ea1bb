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

__all__ = [
    "byte_swap",
    "compiled",
    "count_le",
    "count_le_at",
    "count_lt",
    "count_lt32",
    "differing64",
    "field",
    "inlined",
    "item",
    "leading_zeros",
    "load8",
    "load32",
    "load64",
    "load_int32",
    "popcount",
    "prefetch",
    "prefetch_at",
    "trailing_zeros",
    "which_equal64",
]


def compiled(function):
    """Compile a kernel without the GIL, kept on disk where that is possible."""
    try:
        return njit(nogil=True, cache=True, boundscheck=False)(function)
    except RuntimeError:  # nowhere to keep it: a read-only install without a home
        return njit(nogil=True, boundscheck=False)(function)


def inlined(function):
    """Compile a part of kernels, always into its callers. It should take addresses and numbers: an array that is passed on is
    counted as a reference, which costs more than most parts do.
    """
    return njit(nogil=True, boundscheck=False, forceinline=True)(function)


def _element(builder, array_type, array, index, context):
    from numba.core import cgutils

    data = context.make_array(array_type)(context, builder, array).data
    return builder.gep(data, [index]), cgutils


def _count_le(context, builder, pointer, key, wanted=None):
    wide = ir.VectorType(ir.IntType(64), 8)
    loaded = builder.load(builder.bitcast(pointer, wide.as_pointer()), align=8)
    one = builder.insert_element(ir.Constant(wide, ir.Undefined), key, ir.Constant(ir.IntType(32), 0))
    zeros = ir.Constant(ir.VectorType(ir.IntType(32), 8), [0] * 8)
    keys = builder.shuffle_vector(one, ir.Constant(wide, ir.Undefined), zeros)
    mask = builder.bitcast(builder.icmp_unsigned("<=", loaded, keys), ir.IntType(8))
    if wanted is not None:
        mask = builder.and_(mask, builder.trunc(wanted, ir.IntType(8)))
    return builder.zext(builder.ctpop(mask), context.get_value_type(types.intp))


@intrinsic
def count_le(typingctx, lines, at, key):
    """How many of the eight uint64 at ``lines[at:at + 8]`` are at most `key`: one vector compare."""
    if not isinstance(lines, types.Array) or lines.dtype != types.uint64:
        return None
    signature = types.intp(lines, types.intp, types.uint64)

    def codegen(context, builder, sig, args):
        pointer, _ = _element(builder, sig.args[0], args[0], args[1], context)
        return _count_le(context, builder, pointer, args[2])

    return signature, codegen


@intrinsic
def count_le_at(typingctx, address, key, wanted):
    """As `count_le` of the line at an address, counting only those whose bit of `wanted` is set (the first: bit 0)."""
    signature = types.intp(types.uint64, types.uint64, types.intp)

    def codegen(context, builder, sig, args):
        pointer = builder.inttoptr(args[0], ir.IntType(64).as_pointer())
        return _count_le(context, builder, pointer, args[1], args[2])

    return signature, codegen


def _prefetch(builder, pointer):
    i8p, i32 = ir.IntType(8).as_pointer(), ir.IntType(32)
    kind = ir.FunctionType(ir.VoidType(), [i8p, i32, i32, i32])
    function = builder.module.declare_intrinsic("llvm.prefetch", [i8p], fnty=kind)
    builder.call(function, [builder.bitcast(pointer, i8p), *(ir.Constant(i32, v) for v in (0, 2, 1))])


@intrinsic
def prefetch(typingctx, array, at):
    """Ask for the cache line of ``array[at]`` (second level); `at` may lie outside, nothing is read."""
    signature = types.void(array, types.intp)

    def codegen(context, builder, sig, args):
        pointer, _ = _element(builder, sig.args[0], args[0], args[1], context)
        _prefetch(builder, pointer)
        return context.get_dummy_value()

    return signature, codegen


@intrinsic
def prefetch_at(typingctx, address):
    """Ask for the cache line of an address (second level); nothing is read."""
    signature = types.void(types.uint64)

    def codegen(context, builder, sig, args):
        _prefetch(builder, builder.inttoptr(args[0], ir.IntType(8).as_pointer()))
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


@intrinsic
def item(typingctx, items, i, size):
    """The address of item i of those at an address, of `size` bytes each."""
    signature = types.uint64(types.uint64, types.intp, types.intp)

    def codegen(context, builder, sig, args):
        return builder.add(args[0], builder.mul(args[1], args[2]))

    return signature, codegen


def field(size, offset, *, signed=False):
    """Make a function of an address and a number i: the 32-bit field at an offset in item i of those there, as int64.

    The items are of `size` bytes each.
    """

    @intrinsic
    def read(typingctx, items, i):
        signature = types.int64(types.uint64, types.intp)

        def codegen(context, builder, sig, args):
            word = ir.IntType(64)
            at = builder.add(builder.mul(args[1], ir.Constant(word, size)), ir.Constant(word, offset))
            value = builder.load(builder.inttoptr(builder.add(args[0], at), ir.IntType(32).as_pointer()), align=1)
            return builder.sext(value, word) if signed else builder.zext(value, word)

        return signature, codegen

    return read


@intrinsic
def differing64(typingctx, one, other):
    """Which of the 64 bytes at two addresses differ, the first in bit 0. The caller answers for all of them."""
    signature = types.uint64(types.uint64, types.uint64)

    def codegen(context, builder, sig, args):
        wide = ir.VectorType(ir.IntType(8), 64)
        loaded = [builder.load(builder.inttoptr(address, wide.as_pointer()), align=1) for address in args]
        return builder.bitcast(builder.icmp_unsigned("!=", *loaded), ir.IntType(64))

    return signature, codegen


@intrinsic
def which_equal64(typingctx, array, value):
    """Which of the first 64 bytes of an array of bytes are `value`, the first in bit 0. There must be 64."""
    if not isinstance(array, types.Array) or array.dtype != types.uint8:
        return None
    signature = types.uint64(array, types.uint8)

    def codegen(context, builder, sig, args):
        zero = ir.Constant(ir.IntType(64), 0)
        pointer, _ = _element(builder, sig.args[0], args[0], zero, context)
        wide = ir.VectorType(ir.IntType(8), 64)
        loaded = builder.load(builder.bitcast(pointer, wide.as_pointer()), align=1)
        one = builder.insert_element(ir.Constant(wide, ir.Undefined), args[1], ir.Constant(ir.IntType(32), 0))
        zeros = ir.Constant(ir.VectorType(ir.IntType(32), 64), [0] * 64)
        values = builder.shuffle_vector(one, ir.Constant(wide, ir.Undefined), zeros)
        return builder.bitcast(builder.icmp_unsigned("==", loaded, values), ir.IntType(64))

    return signature, codegen


load64 = _load(64)
"""The little-endian uint64 at an address. The caller answers for all eight bytes."""
load32 = _load(32)
"""The little-endian uint32 at an address, as uint64. The caller answers for all four bytes."""
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
            if name == "ctlz":
                return builder.ctlz(args[0], ir.Constant(ir.IntType(1), 0))
            return builder.cttz(args[0], ir.Constant(ir.IntType(1), 0))

        return signature, codegen

    return function


popcount = _unary("ctpop")
"""Bits set in a uint64."""
byte_swap = _unary("bswap")
"""A uint64 with its bytes reversed."""
trailing_zeros = _unary("cttz")
"""Zero bits below the lowest set bit of a uint64; 64 if there is none."""
leading_zeros = _unary("ctlz")
"""Zero bits above the highest set bit of a uint64; 64 if there is none."""


def _count_below(width):
    @intrinsic
    def count_lt(typingctx, lines, at, key):
        word = getattr(types, f"uint{width}")
        if not isinstance(lines, types.Array) or lines.dtype != word:
            return None
        signature = types.intp(lines, types.intp, word)
        lanes = 512 // width

        def codegen(context, builder, sig, args):
            pointer, _ = _element(builder, sig.args[0], args[0], args[1], context)
            wide = ir.VectorType(ir.IntType(width), lanes)
            loaded = builder.load(builder.bitcast(pointer, wide.as_pointer()), align=width // 8)
            one = builder.insert_element(ir.Constant(wide, ir.Undefined), args[2], ir.Constant(ir.IntType(32), 0))
            zeros = ir.Constant(ir.VectorType(ir.IntType(32), lanes), [0] * lanes)
            keys = builder.shuffle_vector(one, ir.Constant(wide, ir.Undefined), zeros)
            mask = builder.bitcast(builder.icmp_unsigned("<", loaded, keys), ir.IntType(lanes))
            return builder.zext(builder.ctpop(mask), context.get_value_type(types.intp))

        return signature, codegen

    return count_lt


count_lt = _count_below(64)
"""How many of the eight uint64 at ``lines[at:at + 8]`` are less than `key`: one vector compare."""
count_lt32 = _count_below(32)
"""How many of the sixteen uint32 at ``lines[at:at + 16]`` are less than `key`: one vector compare."""


@intrinsic
def load_int32(typingctx, array, at):
    """The little-endian int32 at ``array[at:at + 4]``, an array of bytes, at any alignment."""
    if not isinstance(array, types.Array) or array.dtype != types.uint8:
        return None
    signature = types.int32(array, types.intp)

    def codegen(context, builder, sig, args):
        pointer, _ = _element(builder, sig.args[0], args[0], args[1], context)
        return builder.load(builder.bitcast(pointer, ir.IntType(32).as_pointer()), align=1)

    return signature, codegen
