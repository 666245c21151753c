# SPDX-License-Identifier: GPL-2.0-or-later
"""Silent conversions: what happens where a value meets a declared type."""

from __future__ import annotations

import enum
import types
import typing
from typing import Any

from lang.integers import CheckFailed, Int, i64, u64
from lang.memory import Ptr, Ref, Span, bytes_span
from lang.text import Str, Text, text_of


def to(target: Any, value: Any) -> Any:
    """`value` as a `target`, if the language converts it silently; a TypeError if it does not."""
    kind = type(value)
    if kind is target:
        return value
    if target is int:
        target = i64
    if isinstance(target, type):
        if issubclass(target, Int):
            return to_integer(target, value, kind)
        if target is str:
            return Str(text_of(value)) if not isinstance(value, Str) else value
        if target is float:
            return float(value) if kind is int else value
        if issubclass(target, Span):
            return to_span(target, value)
        return value
    if isinstance(target, types.UnionType) or typing.get_origin(target) is typing.Union:
        inner = [a for a in typing.get_args(target) if a is not type(None)]
        return None if value is None else to(inner[0], value)
    if typing.get_origin(target) is tuple and isinstance(value, tuple):
        if typing.get_args(target)[-1:] == (...,):
            return tuple(to(typing.get_args(target)[0], v) for v in value)
        return tuple(to(t, v) for t, v in zip(typing.get_args(target), value, strict=True))
    return value


def to_integer(target: Any, value: Any, kind: Any) -> Any:
    if kind is int:
        if issubclass(target, enum.Enum):
            return value
        if not target.low <= value <= target.high:
            if target.base is i64 and value > target.high:  # an untyped intermediate; compiled it has wrapped or failed
                raise CheckFailed("i64 overflow")
            raise TypeError(f"{value} does not fit in `{target.__name__}`")
        return target.of(value)
    if isinstance(value, enum.Enum) and isinstance(value, int):
        return target.of(int(value)) if not issubclass(target, enum.Enum) else value
    if value is None or isinstance(value, target):
        return value
    if isinstance(value, enum.Enum) or issubclass(target, enum.Enum):
        return value
    raise TypeError(f"this must be `{target.__name__}`, but it is `{kind.__name__}`")


def to_span(target: Any, value: Any) -> Any:
    if isinstance(value, (str, Text)):
        return bytes_span(text_of(value).encode(errors="surrogateescape"))
    if isinstance(value, bytes):
        return bytes_span(value)
    return value


def bind(value: Any, old: Any) -> Any:
    """A value on its way into a variable: an untyped integer takes the variable's type, or `i64`; bit-fields are copied."""
    kind = type(value)
    if kind is int:
        try:
            known = type(old())
        except NameError:
            known = i64
        if known is type(None):  # an optional: of what, only its declaration says
            return value if value <= i64.high else u64.of(value)
        if issubclass(known, Int):
            return to_integer(known.base, value, kind)
        return float(value) if known is float else to_integer(i64, value, kind)
    return moved(value)


def moved(value: Any) -> Any:
    """What arrives where a value is put: of bit-fields, which are changed in place, a copy."""
    return value.__copy_value__() if hasattr(type(value), "__copy_value__") else value


__all__ = ["Ptr", "Ref", "bind", "moved", "to"]
