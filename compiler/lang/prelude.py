# SPDX-License-Identifier: GPL-2.0-or-later
"""The builtins of the language, where they differ from Python's: lengths and ranges are typed, texts are bytes."""

from __future__ import annotations

import builtins
import enum
import sys
from typing import Any, TypeVar

from lang.convert import bind, moved, to
from lang.errors import Error, going_on
from lang.integers import CheckFailed, Int, i64, new_type, u64
from lang.memory import bytes_span, place
from lang.text import Str


def type_among(values: Any) -> Any:
    """The width of the first typed integer; None if all are literals."""
    for value in values:
        if isinstance(value, Int):
            return type(value).base
    return None


def len_(x: Any) -> Any:
    if isinstance(x, enum.EnumType):
        return u64.of(builtins.len(x))
    return u64.of(x.__len__())


class Range:
    """`range` over one integer type."""

    def __init__(self, *ends: Any) -> None:
        self.type = type_among(ends) or i64
        plain = [int(e) for e in ends]
        if builtins.len(plain) == 3 and plain[2] == 0:
            raise CheckFailed("the step of a range is 0")
        self.numbers = builtins.range(*plain)

    def __iter__(self) -> Any:
        make = self.type.of
        return (make(n) for n in self.numbers)

    def __reversed__(self) -> Any:
        make = self.type.of
        return (make(n) for n in builtins.reversed(self.numbers))

    def __contains__(self, item: Any) -> bool:
        return int(item) in self.numbers

    def __len__(self) -> int:
        return builtins.len(self.numbers)


def unify(values: Any, found: Any) -> Any:
    if type(found) is int:
        kind = type_among(values)
        return kind.of(found) if kind is not None else found
    return found


def extreme(choose: Any, values: Any, default: Any, key: Any) -> Any:
    values = values if builtins.len(values) > 1 else tuple(values[0])
    if not values:
        if default:
            return default[0]
        raise CheckFailed(f"{choose.__name__} of nothing")
    return unify(values, choose(values, key=key))


def min_(*values: Any, key: Any = None, **default: Any) -> Any:
    return extreme(builtins.min, values, [*default.values()], key)


def max_(*values: Any, key: Any = None, **default: Any) -> Any:
    return extreme(builtins.max, values, [*default.values()], key)


def enumerate_(items: Any, start: Any = 0) -> Any:
    index = int(start)
    for item in items:
        yield u64.of(index), item
        index += 1


def getattr_(item: Any, name: Any) -> Any:
    """`getattr(item, L)`: the field that a `Literal` type argument names."""
    if isinstance(name, TypeVar):
        owner = sys._getframe(1).f_locals["self"]
        name = owner.__tvars__[name.__name__]
    return builtins.getattr(item, name)


def print_(*values: Any, sep: str = " ", end: str = "\n", file: Any = None) -> None:
    builtins.print(*[format(v) for v in values], sep=str.__str__(sep), end=str.__str__(end), file=file)


BUILTINS: dict[str, Any] = {
    **vars(builtins),
    "len": len_,
    "range": Range,
    "min": min_,
    "max": max_,
    "enumerate": enumerate_,
    "getattr": getattr_,
    "print": print_,
    "__to__": to,
    "__bind__": bind,
    "__value__": moved,
    "__Error__": Error,
    "__going_on__": going_on,
    "__Str__": Str,
    "__bytes__": bytes_span,
    "__place__": place,
    "__new_type__": new_type,
}


def _late() -> None:
    from lang.atomics import AtomicPlace
    from lang.classes import plain_class

    BUILTINS["__class__of__"] = plain_class
    BUILTINS["__atomic__"] = AtomicPlace


_late()
