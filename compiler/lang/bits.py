# SPDX-License-Identifier: GPL-2.0-or-later
"""Bit-fields and device registers."""

from __future__ import annotations

import enum
from typing import Any

from lang import integers
from lang.integers import u64


class Field:
    """`present = bit(0)`, `pfn = bits(12, 51)`."""

    def __init__(self, low: int, high: int, ty: Any) -> None:
        self.low, self.mask, self.ty = low, (1 << (high - low + 1)) - 1, ty

    def __set_name__(self, owner: Any, name: str) -> None:
        self.name = f"{owner.__name__}.{name}"

    def __get__(self, owner: Any, cls: Any) -> Any:
        if owner is None:
            return self
        value = int(owner.raw) >> self.low & self.mask
        if self.ty is None:
            return cls.raw_type.of(value)
        return self.ty(value)

    def __set__(self, owner: Any, value: Any) -> None:
        number = int(value.value) if isinstance(value, enum.Enum) else int(value)
        if integers.CHECKED and number & ~self.mask:
            raise integers.CheckFailed(f"{self.name} = {number}: does not fit (0 to {self.mask})")
        raw = int(owner.raw) & ~(self.mask << self.low) | (number & self.mask) << self.low
        object.__setattr__(owner, "raw", owner.raw_type.truncated(raw))


def bit(index: Any) -> Any:
    return Field(int(index), int(index), bool)


def bits(first: Any, last: Any, ty: Any = None) -> Any:
    return Field(int(first), int(last), ty)


class Bits:
    """A value type over one integer."""

    raw_type: Any = u64
    raw: Any

    def __class_getitem__(cls, raw: Any) -> Any:
        return type(f"Bits[{raw.__name__}]", (cls,), {"raw_type": raw})

    def __init__(self, **fields: Any) -> None:
        object.__setattr__(self, "raw", self.raw_type.of(0))
        for name, value in fields.items():
            setattr(self, name, value)

    @classmethod
    def zeroed(cls) -> Any:
        return cls()

    @classmethod
    def from_raw(cls, raw: Any) -> Any:
        made = cls()
        object.__setattr__(made, "raw", cls.raw_type.of(int(raw)))
        return made

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "raw":
            object.__setattr__(self, "raw", self.raw_type.of(int(value)))
        elif isinstance(getattr(type(self), name, None), (Field, property)):
            object.__setattr__(self, name, value)
        else:
            raise AttributeError(f"`{type(self).__name__}` has no field `{name}`")

    def __copy_value__(self) -> Any:
        return type(self).from_raw(self.raw)

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and self.raw == other.raw  # type: ignore[attr-defined]

    __hash__ = None  # type: ignore[assignment]


class Reg:
    def __class_getitem__(cls, ty: Any) -> Any:
        return ty


class Register:
    """One register of a device that does not exist here: it keeps what was written."""

    def __init__(self, offset: int, count: int) -> None:
        self.offset, self.count = offset, count

    def __get__(self, owner: Any, cls: Any) -> Any:
        if owner is None:
            return self
        return owner.values.setdefault(self.offset, [0] * self.count if self.count else 0)

    def __set__(self, owner: Any, value: Any) -> None:
        owner.values[self.offset] = value


def reg(offset: Any, count: int = 0, stride: int = 0) -> Any:
    return Register(int(offset), count)


class Mmio:
    def __init__(self, at: Any) -> None:
        self.at = at
        self.values: dict[int, Any] = {}
