# SPDX-License-Identifier: GPL-2.0-or-later
"""Classes with storage: `struct`, and the polymorphic ones (the importer marks those with `plain_class`).

A field of class type is embedded: it is built with its owner and assigned by content. `Ref[T]` fields point.
"""

from __future__ import annotations

import builtins
import enum
import sys
import typing
from typing import Any, TypeVar

from lang.errors import going_on
from lang.integers import Int, i64, u8
from lang.memory import Array, ArrayStorage, Place, Ptr, Ref, Span, _addresses
from lang.text import Format, Sink, Str, Text


def is_storage(ty: Any) -> bool:
    """Whether a variable of this type is storage itself (embedded), not a value or pointer."""
    return isinstance(ty, type) and (hasattr(ty, "__field_types__") or hasattr(ty, "__assign_storage__"))


def zero_value(ty: Any) -> Any:
    if isinstance(ty, type):
        if issubclass(ty, enum.Enum):
            return ty._value2member_map_.get(0, 0) if not issubclass(ty, enum.Flag) else ty(0)
        if issubclass(ty, Int):
            return ty.of(0)
        if issubclass(ty, (Ref, Sink)) and not hasattr(ty, "__field_types__"):
            return None
        if issubclass(ty, str):
            return Str("")
        if issubclass(ty, (bool, float, Span, Ptr)):
            return ty()
        if ty is int:
            return i64(0)
        if hasattr(ty, "zeroed"):
            return ty.zeroed()
        if is_storage(ty):
            return ty() if not hasattr(ty, "__field_types__") else blank(ty)
    if typing.get_origin(ty) is tuple:
        return tuple(zero_value(a) for a in typing.get_args(ty))
    return None


def blank(cls: Any) -> Any:
    """An instance with its fields at their defaults, no `__init__`."""
    return cls.__new__(cls)


def copy(x: Any) -> Any:
    """A copy of storage; pointers in it point where they did."""
    if hasattr(x, "__copy_storage__"):
        return x.__copy_storage__()
    return x


def assign(target: Any, source: Any) -> None:
    """Copy a whole struct over another."""
    target.__assign_storage__(source)


# -- fields -------------------------------------------------------------------------------------------------------
class _Names(dict):
    """Where an annotation is evaluated: the class's module, its type variables, and Python's own names."""

    def __init__(self, cls: type, tvars: dict[str, Any]) -> None:
        super().__init__(vars(sys.modules[cls.__module__]) if cls.__module__ in sys.modules else {})
        self.update(cls.__dict__.get("__home__", {}))
        self.update(tvars)
        self.setdefault(cls.__name__, cls)

    def __missing__(self, name: str) -> Any:
        return getattr(builtins, name)


def field_types(cls: Any) -> dict[str, Any]:
    """The resolved annotation of each field, base classes first; worked out on first use."""
    known = cls.__dict__.get("_types")
    if known is not None:
        return known
    found: dict[str, Any] = {}
    cls._types = found
    for base in reversed(cls.__mro__):
        if "__annotations__" not in base.__dict__ or not hasattr(base, "__field_types__"):
            continue
        names = _Names(base, getattr(cls, "__tvars__", {}))
        for name, annotation in base.__dict__["__annotations__"].items():
            if isinstance(annotation, str):
                if annotation.startswith(("Final", "ClassVar")):
                    continue
                annotation = eval(annotation, names, names)  # the program's own annotation, in its own module
            found[name] = typing.get_args(annotation)[0] if typing.get_origin(annotation) is typing.Annotated else annotation
    return found


def field_names(cls: Any) -> tuple[str, ...]:
    """In order, base classes first: what positional patterns of `match` mean."""
    found: dict[str, None] = {}
    for base in reversed(cls.__mro__[:-1]):
        for name, annotation in base.__dict__.get("__annotations__", {}).items():
            if not str(annotation).startswith(("Final", "ClassVar")):
                found[name] = None
    return tuple(found)


def default_of(cls: Any, name: str, ty: Any) -> Any:
    given = getattr(cls, name, None)
    if isinstance(given, ArrayStorage):
        if given.elem is None:
            elem = ty.elem if isinstance(ty, type) and issubclass(ty, Array) else u8
            return ArrayStorage(given.count, elem)
        return copy(given)
    if given is not None and not isinstance(given, property):
        if isinstance(ty, type) and (issubclass(ty, Ref)):
            return given
        return copy(given) if is_storage(type(given)) else convert_field(ty, given)
    return zero_value(ty)


def convert_field(ty: Any, value: Any) -> Any:
    from lang.convert import moved, to

    return to(ty, moved(value))


def _new(cls: Any, *args: Any, **kwargs: Any) -> Any:
    self = object.__new__(cls)
    types = field_types(cls)
    for name, ty in types.items():
        value = default_of(cls, name, ty)
        if hasattr(type(value), "__field_types__") and is_storage(ty):
            object.__setattr__(value, "_owner", self)
        object.__setattr__(self, name, value)
    return self


def _init(self: Any, *args: Any, **kwargs: Any) -> None:
    types = field_types(type(self))
    if len(args) > len(types):
        raise TypeError(f"`{type(self).__name__}` has {len(types)} fields, not {len(args)}")
    for name, value in [*zip(types, args, strict=False), *kwargs.items()]:
        if name not in types:
            raise TypeError(f"`{type(self).__name__}` has no field `{name}`")
        setattr(self, name, value)


def _setattr(self: Any, name: str, value: Any) -> None:
    types = field_types(type(self))
    if name not in types:
        found = getattr(type(self), name, None)
        if isinstance(found, property):
            found.__set__(self, value)
            return
        raise AttributeError(f"`{type(self).__name__}` has no field `{name}`")
    ty = types[name]
    if is_storage(ty) or isinstance(ty, type) and issubclass(ty, Array):
        have = self.__dict__[name]
        if have is not value:
            assign(have, value)
        return
    object.__setattr__(self, name, convert_field(ty, value))


def _copy_storage(self: Any) -> Any:
    made = blank(type(self))
    made.__assign_storage__(self)
    return made


def _assign_storage(self: Any, other: Any) -> None:
    for name in field_types(type(self)):
        setattr(self, name, other.__dict__[name])


class _Collector(Sink):
    def __init__(self) -> None:
        self.parts: list[str] = []

    def put(self, data: str) -> None:
        self.parts.append(str.__str__(data) if isinstance(data, str) else str(data))


def _shown(self: Any, spec: str = "") -> str:
    sink = _Collector()
    self.format(sink)
    return format("".join(sink.parts), spec)


def _specialise(cls: Any, args: Any) -> Any:
    """`Ring[Message]`: a class of its own, with its type variables known."""
    args = args if isinstance(args, tuple) else (args,)
    if all(isinstance(a, TypeVar) for a in args):
        return cls
    made = cls.__dict__.get("_instances")
    if made is None:
        made = cls._instances = {}
    key = tuple(map(repr, args))
    if key not in made:
        names = [v.__name__ for v in cls.__parameters__]
        tvars = {n: _literal(a) for n, a in zip(names, args, strict=True)}
        shown = ", ".join(getattr(a, "__name__", str(a)) for a in args)
        made[key] = type(
            f"{cls.__name__}[{shown}]", (cls,), {"__tvars__": tvars, "__module__": cls.__module__, "_types": None, "__parameters__": ()}
        )
    return made[key]


def _literal(argument: Any) -> Any:
    return typing.get_args(argument)[0] if typing.get_origin(argument) is typing.Literal else argument


def _build(cls: Any) -> Any:
    cls.__field_types__ = classmethod(field_types)
    if not any(
        "__init__" in base.__dict__ and base.__init__ is not _init and hasattr(base, "__field_types__") for base in cls.__mro__[:-1]
    ):
        cls.__init__ = _init
    cls.__new__ = _new
    cls.__setattr__ = _setattr
    cls.__copy_storage__ = _copy_storage
    cls.__match_args__ = field_names(cls)
    cls.__assign_storage__ = _assign_storage
    leave = cls.__dict__.get("__exit__")
    if leave is not None and leave.__code__.co_argcount == 1:
        cls.__exit__ = lambda self, *reason: leave(self) if going_on() else None
    if "format" in cls.__dict__:
        cls.__format__ = _shown
        cls.__str__ = _shown
    if getattr(cls, "__parameters__", ()):
        cls.__class_getitem__ = classmethod(_specialise)
    return cls


def struct(cls: Any = None, **options: Any) -> Any:
    """`@struct`, `@struct(align=64)`: layout options matter to the compiled program only."""
    return _build if cls is None else _build(cls)


def plain_class(cls: Any) -> Any:
    """What the importer puts on a class without `@struct`."""
    from lang.bits import Bits, Mmio

    if issubclass(cls, (enum.Enum, BaseException, Bits, Mmio)) or getattr(cls, "_is_protocol", False):
        return cls
    return _build(cls)


# -- allocation and sizes -----------------------------------------------------------------------------------------
def new(ty: Any, *args: Any, **fields: Any) -> Any:
    if isinstance(ty, ArrayStorage):
        return ty[:]
    return ty(*args, **fields)


def unset(ty: Any) -> Any:
    return ty()


def free(x: Any) -> None:
    """Nothing to do: Python collects."""


def extent(ty: Any) -> tuple[int, int]:
    """Size and alignment, as the compiler lays it out."""
    if isinstance(ty, type):
        if issubclass(ty, Int):
            return (ty.bits // 8,) * 2
        if ty is bool:
            return 1, 1
        if issubclass(ty, (Span, str)):
            return 16, 8
        if issubclass(ty, enum.Enum):
            return 4, 4
        if hasattr(ty, "raw_type"):
            return (ty.raw_type.bits // 8,) * 2
        if hasattr(ty, "__field_types__"):
            return struct_extent(ty)
        if hasattr(ty, "__atomic_elem__"):
            return extent(ty.elem)
    return 8, 8


def struct_extent(cls: Any) -> tuple[int, int]:
    offset, align = (0, 1) if not issubclass(cls, Sink) else (8, 8)
    for name, ty in field_types(cls).items():
        size, step = field_extent(cls, name, ty)
        offset = (offset + step - 1) // step * step + size
        align = max(align, step)
    return (offset + align - 1) // align * align, align


def field_extent(cls: Any, name: str, ty: Any) -> tuple[int, int]:
    given = getattr(cls, name, None)
    if isinstance(given, ArrayStorage):
        size, step = extent(ty.elem)
        return size * given.count, step
    if isinstance(given, Text):
        return 40 + (given.room + 7) // 8 * 8, 8
    return extent(ty)


def sizeof(ty: Any) -> int:
    return extent(ty)[0]


def alignof(ty: Any) -> int:
    return extent(ty)[1]


def offsetof(ty: Any, field: str) -> int:
    offset = 8 if issubclass(ty, Sink) else 0
    for name, part in field_types(ty).items():
        size, step = field_extent(ty, name, part)
        offset = (offset + step - 1) // step * step
        if name == field:
            return offset
        offset += size
    raise AttributeError(field)


def lend(x: Any) -> Any:
    """For a store that is undone before the function ends."""
    return x


def offset(stated: int) -> int:
    """`flags: Annotated[u32, offset(8)]`: checked by the compiler."""
    return stated


def container_of(ty: Any, field: str, ref: Any) -> Any:
    return ref._owner


__all__ = ["Format", "Place", "_addresses"]
