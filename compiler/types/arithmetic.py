# SPDX-License-Identifier: GPL-2.0-or-later
"""What the instructions of the typed tree give for known operands: for evaluation at compile time, bit for bit as compiled."""

from __future__ import annotations

import math
import struct
from typing import Any

from compiler.types.model import BOOL, F32, FloatType, IntType, Type

INTRINSICS = {
    *("likely", "unlikely", "ctpop", "ctlz", "cttz", "bswap", "mul_high", "fabs", "fneg", "floor", "sqrt"),
    *("sadd.overflow", "ssub.overflow", "smul.overflow"),
}


def binary(op: str, ty: Type, a: Any, b: Any) -> Any:
    """Raises ZeroDivisionError for integers."""
    if isinstance(ty, FloatType):
        return _floats(op, ty, a, b)
    if ty is BOOL:
        return a and b if op == "and" else a or b if op == "or" else a != b
    assert isinstance(ty, IntType)
    op = op.removesuffix(".wrap")
    if op in ("shl", "lshr", "ashr"):
        b &= ty.bits - 1
        return ty.wrap(a << b if op == "shl" else (a & (1 << ty.bits) - 1) >> b if op == "lshr" else a >> b)
    if op in ("floordiv", "floormod"):
        return ty.wrap(a // b if op == "floordiv" else a % b)
    found = {"add": a + b, "sub": a - b, "mul": a * b, "and": a & b, "or": a | b, "xor": a ^ b}[op]
    return ty.wrap(found)


def _floats(op: str, ty: FloatType, a: float, b: float) -> float:
    try:
        found = a + b if op == "fadd" else a - b if op == "fsub" else a * b if op == "fmul" else a / b if op == "fdiv" else a % b
    except ZeroDivisionError:
        found = math.nan if a == 0 or a != a or op == "fmod" else math.copysign(math.inf, a) * math.copysign(1, b)
    return as_single(found) if ty is F32 else found


def compare(pred: str, a: Any, b: Any) -> bool:
    if pred in ("eq", "oeq", "ne", "une"):
        return bool((a == b) == (pred in ("eq", "oeq")))
    return bool(a < b if pred[1:] == "lt" else a <= b if pred[1:] == "le" else a > b if pred[1:] == "gt" else a >= b)


def convert(op: str, have: Type, want: Type, value: Any) -> Any:
    """LLVM's casts; what is no number stays as it is."""
    if op in ("sitofp", "uitofp", "fpext", "fptrunc"):
        return as_single(float(value)) if want is F32 else float(value)
    if op in ("fptosi", "fptoui"):
        assert isinstance(want, IntType)
        if not math.isfinite(value):
            return 0 if value != value else want.high if value > 0 else want.low
        return max(want.low, min(want.high, math.trunc(value)))
    if isinstance(want, IntType) and isinstance(value, int):
        if op == "zext" and isinstance(have, IntType):
            value &= (1 << have.bits) - 1
        return want.wrap(int(value))
    return value


def intrinsic(name: str, ty: Any, args: list[Any]) -> Any:
    if name.endswith(".overflow"):
        exact = args[0] + args[1] if name[1:4] == "add" else args[0] - args[1] if name[1:4] == "sub" else args[0] * args[1]
        return ty.wrap(exact), not ty.low <= exact <= ty.high
    bits = args[0] & (1 << ty.bits) - 1 if isinstance(ty, IntType) else 0
    match name:
        case "ctpop":
            return bits.bit_count()
        case "ctlz":
            return ty.bits - bits.bit_length()
        case "cttz":
            return (bits & -bits).bit_length() - 1 if bits else ty.bits
        case "bswap":
            return ty.wrap(int.from_bytes(bits.to_bytes(ty.size, "little"), "big"))
        case "mul_high":
            return args[0] * args[1] >> 64
        case "fabs":
            return abs(args[0])
        case "fneg":
            return -args[0]
        case "sqrt":
            return math.sqrt(args[0]) if args[0] >= 0 else math.nan
        case "floor":
            return float(math.floor(args[0])) if math.isfinite(args[0]) else args[0]
    return args[0]


def as_single(value: float) -> float:
    try:
        return float(struct.unpack("<f", struct.pack("<f", value))[0])
    except OverflowError:
        return math.copysign(math.inf, value)
