# SPDX-License-Identifier: GPL-2.0-or-later
"""Enums as the language has them: a width may be mixed in, and a member prints as its name."""

from __future__ import annotations

import enum
import sys
from typing import Any

from lang.integers import CheckFailed, Int


def valid(kind: Any, value: Any) -> bool:
    """Whether an integer is the value of a member (for flags: of members together)."""
    number = int(value)
    if issubclass(kind, enum.Flag):
        known = 0
        for member in kind:
            known |= member.value
        return number & ~known == 0
    return any(m.value == number for m in kind)


def name_of(self: Any) -> Any:
    """`kind.name` is a `str` of the language."""
    from lang.text import Str

    return Str(self._name_ or "")


def shown(self: Any) -> str:
    """An enum prints as its member's name; flags as the names of their bits, and what has none as a number."""
    left = int(self._value_)
    members = type(self).__members__
    for name, member in members.items():
        if int(member._value_) == left:
            return name
    if not isinstance(self, enum.Flag):
        return str(left)
    names = []
    for name, member in members.items():
        value = int(member._value_)
        if value & (value - 1) == 0 and left & value:
            names.append(name)
            left &= ~value
    return "|".join([*names, *([str(left)] if left or not names else [])])


def formatted(self: Any, spec: str) -> str:
    if spec and spec[-1] in "dxXobcn":
        return format(int(self._value_), spec)
    return format(shown(self), spec)


def inverted(self: Any) -> Any:
    """`~flags`: the known flags change; what else there is stays."""
    cls = type(self)
    return cls(int(cls._flag_mask_) ^ int(self._value_))


def missing(cls: Any, value: Any) -> Any:
    raise CheckFailed(f"{cls.__name__}({int(value)}): no such member")


def missing_flags(cls: Any, value: Any) -> Any:
    """Members together, given as an integer of any width."""
    number, width = int(value), cls._member_type_
    if issubclass(width, Int) and not width.low <= number <= width.high:
        raise CheckFailed(f"{cls.__name__}({number}): does not fit ({width.low} to {width.high})")
    return enum.Flag._missing_.__func__(cls, number)  # type: ignore[attr-defined]


def _uses_lang(module: str) -> bool:
    if module.startswith("lang."):
        return True
    space = vars(sys.modules.get(module)) if module in sys.modules else {}
    return any(
        getattr(v, "__module__", None) == "lang" or str(getattr(v, "__module__", "")).startswith("lang.") for v in list(space.values())
    )


_find_data_type = enum.EnumType._find_data_type_.__func__  # type: ignore[attr-defined]
_new_enum = enum.EnumType.__new__


def find_data_type(mcls: Any, class_name: str, bases: Any) -> Any:
    """`class Kind(u8, IntEnum)`: the width is the data type, where plain Python sees two."""
    for base in bases:
        for part in base.__mro__:
            if isinstance(part, type) and issubclass(part, Int) and not issubclass(part, enum.Enum) and part is not Int:
                return part
    return _find_data_type(mcls, class_name, bases)


def new_enum(metacls: Any, cls: str, bases: Any, classdict: Any, **kwds: Any) -> Any:
    made = _new_enum(metacls, cls, bases, classdict, **kwds)
    if bases and (_uses_lang(made.__module__) or any(issubclass(b, Int) for b in bases)):
        made.name = property(name_of)  # type: ignore[assignment, misc]
        made.__str__ = shown  # type: ignore[assignment, method-assign]
        made.__format__ = formatted  # type: ignore[assignment, method-assign]
        if not issubclass(made, enum.Flag):
            made._missing_ = classmethod(missing)  # type: ignore[assignment, method-assign]
        if issubclass(made, enum.Flag):
            made._missing_ = classmethod(missing_flags)  # type: ignore[assignment, method-assign]
            made.__invert__ = inverted  # type: ignore[assignment, method-assign]
    return made


def install() -> None:
    """Teach `enum` about the widths; enums of other programs in the process keep their ways."""
    enum.EnumType._find_data_type_ = classmethod(find_data_type)  # type: ignore[attr-defined, method-assign]
    enum.EnumType.__new__ = staticmethod(new_enum)  # type: ignore[assignment, method-assign]


install()
