# SPDX-License-Identifier: GPL-2.0-or-later
"""The integers: `int` subclasses of a fixed width that wrap, and refuse to mix.

Arithmetic keeps the type of its operands; an untyped `int` (a literal) adapts to the other side. Unsigned results wrap;
a signed result that does not fit is a failed check, or wraps when checks are off (`CHECKED`).
"""

from __future__ import annotations

import enum
import math
import os
from typing import Any

CHECKED = os.environ.get("PYKAROS_CHECKED", "1") != "0"


class CheckFailed(Exception):
    """A run-time check that failed: the compiled program would print `file:line: in function: what` and leave with status 101."""


class Int(int):
    """Base of u8 … i64. `base` is the integer type itself, also for enums that mix it in."""

    __slots__ = ()

    bits = 64
    signed = False
    low = 0
    high = 0
    base: Any = None

    @classmethod
    def of(cls, value: int) -> Any:
        """The value, known to fit."""
        return int.__new__(cls.base, value)

    @classmethod
    def truncated(cls, value: int) -> Any:
        """The low bits."""
        value &= (1 << cls.bits) - 1
        return int.__new__(cls.base, value - (1 << cls.bits) if value > cls.high else value)

    def __repr__(self) -> str:
        return int.__repr__(self)

    __str__ = __repr__

    def __reduce__(self) -> Any:
        return (type(self), (int(self),))

    def __truediv__(self, other: Any) -> Any:
        raise TypeError("`/` divides floats; `//` divides integers")

    __rtruediv__ = __truediv__


def number_of(value: Any, target: type[Int]) -> int:
    """The plain integer in whatever converts explicitly."""
    if isinstance(value, str) or hasattr(value, "as_text"):
        from lang.text import parse_number

        return parse_number(value, target.signed)
    if isinstance(value, float):
        return from_float(value, target)
    if isinstance(value, enum.Enum):
        return int(value.value)
    if hasattr(value, "address_number"):
        return value.address_number()
    return int.__index__(value)


def from_float(value: float, target: type[Int]) -> int:
    """Towards zero. What is out of range, or no number, is a failed check; without checks the nearest there is, or 0."""
    if math.isfinite(value) and target.low <= int(value) <= target.high:
        return int(value)
    if CHECKED:
        raise CheckFailed(f"{target.base.__name__}({value}): does not fit ({target.low} to {target.high})")
    return 0 if math.isnan(value) else target.high if value > 0 else target.low


def convert(cls: Any, value: Any = 0) -> Any:
    number = int(value) if type(value) in (int, bool) else number_of(value, cls)
    if not cls.low <= number <= cls.high:
        if CHECKED:
            raise CheckFailed(f"{cls.base.__name__}({number}): does not fit ({cls.low} to {cls.high})")
        number &= (1 << cls.bits) - 1
        number = number - (1 << cls.bits) if number > cls.high else number
    return int.__new__(cls, number)


def operand(self: Int, other: Any) -> int | None:
    """The other side of an operator as a plain int; None if it is not a number at all."""
    base = self.base
    kind = type(other)
    if kind is base:
        return int(other)
    if kind is int:
        if not base.low <= other <= base.high:
            raise TypeError(f"{other} does not fit in `{base.__name__}`")
        return other
    if isinstance(other, enum.Enum):
        return int(other) if isinstance(other, int) else None
    if isinstance(other, Int):
        if isinstance(self, enum.Enum):
            return NotImplemented
        raise TypeError(f"`{base.__name__}` and `{kind.__name__}` do not mix")
    if kind is bool:
        raise TypeError(f"`{base.__name__}` and `bool` do not mix")
    return None


def settle(self: Int, other: Any, value: int, shown: Any) -> Any:
    """Give a result its type; of an enum and an integer, the integer's. `shown`: the operation, if it may overflow."""
    base = type(other).base if isinstance(self, enum.Enum) and isinstance(other, Int) else self.base
    if base.low <= value <= base.high:
        return int.__new__(base, value)
    if base.signed and CHECKED and shown:
        raise CheckFailed(f"{base.__name__} overflow: {' '.join(map(str, shown))}")
    return base.truncated(value)


def divide(a: int, b: int) -> int:
    if b == 0:
        raise CheckFailed(f"{a} // 0")
    return a // b


def remainder(a: int, b: int) -> int:
    if b == 0:
        raise CheckFailed(f"{a} % 0")
    return a % b


def power(a: int, b: int) -> int:
    """`a ** b`; of what no type can hold, a number that is too large and has the same low 64 bits."""
    if b < 0:
        raise CheckFailed(f"{a} ** {b}: a negative power")
    return a**b if -2 < a < 2 or b < 64 else pow(a, b, 1 << 64) + (1 << 65)


# Each operator with its sign if its result may not fit: a signed one is then checked.
ARITHMETIC = {
    "add": (lambda a, b: a + b, "+"),
    "sub": (lambda a, b: a - b, "-"),
    "mul": (lambda a, b: a * b, "*"),
    "pow": (power, "**"),
    "floordiv": (divide, "//"),
    "mod": (remainder, ""),
    "and": (lambda a, b: a & b, ""),
    "or": (lambda a, b: a | b, ""),
    "xor": (lambda a, b: a ^ b, ""),
}


def forward(name: str, operate: Any, sign: str) -> Any:
    flag_method = getattr(enum.IntFlag, f"__{name}__", None) if name in ("and", "or", "xor") else None

    def method(self: Int, other: Any) -> Any:
        if flag_method is not None and isinstance(self, enum.Flag):
            return flag_method(self, other)
        right = operand(self, other)
        if right is None:
            return NotImplemented
        if right is NotImplemented:  # an enum beside another width: the integer's type wins
            right = int(other)
        return settle(self, other, operate(int(self), right), sign and (int(self), sign, right))

    return method


def backward(name: str, operate: Any, sign: str) -> Any:
    flag_method = getattr(enum.IntFlag, f"__{name}__", None) if name in ("and", "or", "xor") else None

    def method(self: Int, other: Any) -> Any:
        if flag_method is not None and isinstance(self, enum.Flag):
            return flag_method(self, other)
        left = operand(self, other)
        if left is None or left is NotImplemented:
            return NotImplemented
        return settle(self, other, operate(left, int(self)), sign and (left, sign, int(self)))

    return method


for _name, (_operate, _sign) in ARITHMETIC.items():
    setattr(Int, f"__{_name}__", forward(_name, _operate, _sign))
    setattr(Int, f"__r{_name}__", backward(_name, _operate, _sign))


def shift_amount(kind: Any, amount: Any) -> int:
    number = int.__index__(amount)
    if not 0 <= number < kind.bits:
        raise CheckFailed(f"shift of {kind.__name__} by {number}")
    return number


def shift_left(self: Int, amount: Any) -> Any:
    return self.base.truncated(int(self) << shift_amount(self.base, amount))


def shift_right(self: Int, amount: Any) -> Any:
    return self.base.truncated(int(self) >> shift_amount(self.base, amount))


def negative(self: Int) -> Any:
    return settle(self, None, -int(self), (f"-({int(self)})",))


def inverted(self: Int) -> Any:
    return self.base.truncated(~int(self))


def quotient_and_remainder(self: Int, other: Any) -> Any:
    return self // other, self % other


Int.__lshift__ = shift_left  # type: ignore[method-assign, assignment]
Int.__rshift__ = shift_right  # type: ignore[method-assign, assignment]
Int.__rlshift__ = lambda self, other: int(other) << shift_amount(i64, self)  # type: ignore[method-assign, assignment]
Int.__rrshift__ = lambda self, other: int(other) >> shift_amount(i64, self)  # type: ignore[method-assign, assignment]
Int.__neg__ = negative  # type: ignore[method-assign]
Int.__pos__ = lambda self: self  # type: ignore[method-assign, assignment]
Int.__abs__ = lambda self: -self if self < 0 else self  # type: ignore[method-assign, assignment]
Int.__invert__ = inverted  # type: ignore[method-assign]
Int.__divmod__ = quotient_and_remainder  # type: ignore[method-assign, assignment]
Int.__new__ = convert  # type: ignore[method-assign, assignment]


def _width(name: str, bits: int, signed: bool) -> Any:
    made = type(name, (Int,), {"__slots__": (), "bits": bits, "signed": signed, "__module__": "lang", "__new__": convert})
    made.low = -(1 << (bits - 1)) if signed else 0  # type: ignore[attr-defined]
    made.high = (1 << (bits - 1)) - 1 if signed else (1 << bits) - 1  # type: ignore[attr-defined]
    made.base = made  # type: ignore[attr-defined]
    return made


u8, u16, u32, u64 = (_width(f"u{n}", n, False) for n in (8, 16, 32, 64))
i8, i16, i32, i64 = (_width(f"i{n}", n, True) for n in (8, 16, 32, 64))
usize, isize = u64, i64


class Address(Int):
    """A distinct 64-bit type: it goes with untyped literals and its base, and differences are plain."""

    __slots__ = ()


def _address_forward(name: str, operate: Any) -> Any:
    def method(self: Address, other: Any) -> Any:
        plain = self.plain.truncated  # type: ignore[attr-defined]
        if type(other) is type(self):
            if name == "sub":
                return plain(operate(int(self), int(other)))
            if name in ("and", "or", "xor"):
                return self.base.truncated(operate(int(self), int(other)))
        elif type(other) in (int, self.plain):  # type: ignore[attr-defined]
            value = operate(int(self), int(other))
            return plain(value) if name in ("floordiv", "mod") else self.base.truncated(value)
        raise TypeError(f"`{type(self).__name__}` and `{type(other).__name__}` do not mix")

    return method


for _name, (_operate, _sign) in ARITHMETIC.items():
    setattr(Address, f"__{_name}__", _address_forward(_name, _operate))
    if _name in ("add", "and", "or"):
        setattr(Address, f"__r{_name}__", _address_forward(_name, _operate))


def new_type(name: str, plain: Any) -> Any:
    """`Pfn = NewType("Pfn", u64)`."""
    made = type(
        name,
        (Address,),
        {
            "__slots__": (),
            "bits": plain.bits,
            "signed": plain.signed,
            "low": plain.low,
            "high": plain.high,
            "plain": plain,
            "__new__": convert,
        },
    )
    made.base = made  # type: ignore[attr-defined]
    return made


Paddr, Kaddr, Uaddr = (new_type(n, u64) for n in ("Paddr", "Kaddr", "Uaddr"))


def wrap(target: Any, value: Any) -> Any:
    """Keep the low bits, or extend."""
    number = int(value.value) if isinstance(value, enum.Enum) else int.__index__(value)
    return target.truncated(number)


def _bits_of(x: Any) -> tuple[int, int, Any]:
    kind = type(x).base if isinstance(x, Int) else i64
    return int(x) & ((1 << kind.bits) - 1), kind.bits, kind


def popcount(x: Any) -> Any:
    raw, _, kind = _bits_of(x)
    return kind.truncated(raw.bit_count())


def clz(x: Any) -> Any:
    raw, bits, kind = _bits_of(x)
    return kind.truncated(bits - raw.bit_length())


def ctz(x: Any) -> Any:
    raw, bits, kind = _bits_of(x)
    return kind.truncated((raw & -raw).bit_length() - 1 if raw else bits)


def bswap(x: Any) -> Any:
    raw, bits, kind = _bits_of(x)
    return kind.truncated(int.from_bytes(raw.to_bytes(bits // 8, "little"), "big"))


def mul_high(a: Any, b: Any) -> Any:
    return u64.of(int(a) * int(b) >> 64)
