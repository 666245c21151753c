# SPDX-License-Identifier: GPL-2.0-or-later
"""Arrays, spans, pointers. A pointer is a list and a position in it; an address is made up when a program asks for one."""

from __future__ import annotations

import struct as packing
from typing import Any, TypeVar

from lang import integers
from lang.integers import CheckFailed, Int, u8, u64
from lang.text import Str, Text, text_of

_addresses: dict[int, Any] = {}
_by_object: dict[int, int] = {}
_next_address = 0x10_0000


def checked_index(key: Any, length: int) -> int:
    index = int.__index__(key)
    if not 0 <= index < length:
        raise CheckFailed(f"index {index} is not below {length}")
    return index


def bounds(key: slice, length: int) -> tuple[int, int]:
    start = 0 if key.start is None else int.__index__(key.start)
    stop = length if key.stop is None else int.__index__(key.stop)
    if not 0 <= stop <= length:
        raise CheckFailed(f"slice end {stop} is past the length {length}")
    if not 0 <= start <= stop:
        raise CheckFailed(f"slice start {start} is past its end {stop}")
    return start, stop


class _Of(type):
    """Metaclass of `Span[T]`, `Ptr[T]`, `Ref[T]` …: one class for each `T`, made on first use."""

    def __getitem__(cls, elem: Any) -> Any:
        made = cls.__dict__.get("_made")
        if made is None:
            made = {}
            cls._made = made  # type: ignore[attr-defined]
        try:
            return made[elem]
        except KeyError:
            name = getattr(elem, "__name__", str(elem))
            made[elem] = _Of(f"{cls.__name__}[{name}]", (cls,), {"elem": elem, "_made": None})
            return made[elem]


class Ref(metaclass=_Of):
    """`Ref[T]` in a field: a pointer."""

    elem: Any = None


class Array(metaclass=_Of):
    """`field: Array[T] = array(n)`."""

    elem: Any = None


class User(metaclass=_Of):
    """A pointer from user space; only the kernel has any."""

    elem: Any = None


class Raises(metaclass=_Of):
    """`Callable[[A], Raises[R]]`."""

    elem: Any = None


class Span(metaclass=_Of):
    """A piece of a list, shared with whoever else sees it."""

    elem: Any = None
    store: Any
    start: int
    count: int

    def __init__(self, address: Any = 0, length: Any = 0) -> None:
        if isinstance(address, Ptr):
            self.store, self.start = address.store, address.start
        elif int(address) == 0:
            self.store, self.start = [], 0
        else:
            found = _addresses[int(address)]
            self.store, self.start = found.store, found.start
        self.count = int(length)

    @classmethod
    def over(cls, store: Any, start: int, count: int, elem: Any) -> Any:
        made = object.__new__(Span[elem] if elem is not None else Span)
        made.store, made.start, made.count = store, start, count
        return made

    def __len__(self) -> int:
        return self.count

    def __bool__(self) -> bool:
        return self.count > 0

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, slice):
            start, stop = bounds(key, self.count)
            return Span.over(self.store, self.start + start, stop - start, self.elem)
        return self.store[self.start + checked_index(key, self.count)]

    def __setitem__(self, key: Any, value: Any) -> None:
        from lang.classes import assign, is_storage

        at = self.start + checked_index(key, self.count)
        if is_storage(self.elem):
            assign(self.store[at], value)
        else:
            self.store[at] = coerce(self.elem, value)

    def __iter__(self) -> Any:
        return self._items(range(self.start, self.start + self.count))

    def __reversed__(self) -> Any:
        return self._items(range(self.start + self.count - 1, self.start - 1, -1))

    def _items(self, places: range) -> Any:
        if hasattr(self.elem, "__copy_value__"):
            return (self.store[i].__copy_value__() for i in places)
        return (self.store[i] for i in places)

    def __contains__(self, item: Any) -> bool:
        return any(x == item for x in self)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, str):
            return bytes(self) == other.encode(errors="surrogateescape")
        if isinstance(other, (Span, bytes)):
            return self.count == len(other) and all(a == b for a, b in zip(self, other, strict=True))
        return NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __bytes__(self) -> bytes:
        return bytes(int(b) for b in self)

    def as_text(self) -> str:
        if self.elem is not u8:
            raise TypeError(f"`{type(self).__name__}` is not text")
        return bytes(self).decode(errors="surrogateescape")

    def __str__(self) -> str:
        return self.as_text()

    def __format__(self, spec: str) -> str:
        return format(self.as_text(), spec)

    @property
    def ptr(self) -> Any:
        return Ptr[self.elem].into(self.store, self.start)

    def address_number(self) -> int:
        return self.ptr.address_number()

    def __getattr__(self, name: str) -> Any:
        if name in ("startswith", "endswith", "find", "rfind", "strip", "lstrip", "rstrip", "isdigit", "split1") and self.elem is u8:
            return getattr(Str(self.as_text()), name)
        raise AttributeError(f"`{type(self).__name__}` has no `{name}`")


class ArrayStorage(Span):
    """`array(n, T)`: the storage itself."""

    def __init__(self, count: int, elem: Any) -> None:
        self.elem = elem
        self.store = [zero(elem) for _ in range(int(count))] if elem is not None else [None] * int(count)
        self.start, self.count = 0, int(count)

    def __copy_storage__(self) -> ArrayStorage:
        from lang.classes import copy, is_storage

        made = object.__new__(ArrayStorage)
        made.elem, made.start, made.count = self.elem, 0, self.count
        made.store = [copy(x) if is_storage(self.elem) else x for x in self.store]
        return made

    def __assign_storage__(self, other: ArrayStorage) -> None:
        for i in range(self.count):
            self[i] = other[i]


def array(count: Any, elem: Any = None) -> Any:
    return ArrayStorage(int(count), elem)


def bytes_span(data: bytes) -> Any:
    return Span.over([u8(b) for b in data], 0, len(data), u8)


class Ptr(metaclass=_Of):
    """A raw pointer to a scalar: into a list, or to one place (see `place`)."""

    elem: Any = None
    store: Any
    start: int

    def __init__(self, address: Any = 0) -> None:
        if isinstance(address, Ptr):
            self.store, self.start = address.store, address.start
        elif int(address) == 0:
            self.store, self.start = None, 0
        else:
            found = _addresses[int(address)]
            self.store, self.start = found.store, found.start

    @classmethod
    def into(cls, store: Any, start: int) -> Any:
        made = object.__new__(cls)
        made.store, made.start = store, start
        return made

    def __getitem__(self, index: Any) -> Any:
        return self.store[self.start + int(index)]

    def __setitem__(self, index: Any, value: Any) -> None:
        self.store[self.start + int(index)] = coerce(self.elem, value)

    def __add__(self, count: Any) -> Any:
        return type(self).into(self.store, self.start + int(count))

    def __sub__(self, other: Any) -> Any:
        if isinstance(other, Ptr):
            return u64(self.start - other.start)
        return type(self).into(self.store, self.start - int(other))

    def __bool__(self) -> bool:
        return self.store is not None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Ptr) and self.store is other.store and self.start == other.start

    __hash__ = None  # type: ignore[assignment]

    def address_number(self) -> int:
        if self.store is None:
            return 0
        address = address_of(self.store) + self.start * size_of_scalar(self.elem)
        _addresses[address] = self
        return address


class Place:
    """One attribute or element, as a list of length one."""

    def __init__(self, owner: Any, key: Any) -> None:
        self.owner, self.key = owner, key

    def __getitem__(self, index: int) -> Any:
        if index != 0:
            raise CheckFailed("pointer past its object")
        return getattr(self.owner, self.key) if isinstance(self.key, str) else self.owner[self.key]

    def __setitem__(self, index: int, value: Any) -> None:
        if isinstance(self.key, str):
            setattr(self.owner, self.key, value)
        else:
            self.owner[self.key] = value


def place(owner: Any, key: Any) -> Any:
    """`ptr_of(x.field)`, `ptr_of(a[i])`."""
    if not isinstance(key, str):
        return Ptr[owner.elem].into(owner.store, owner.start + checked_index(key, owner.count))
    return Ptr[type(getattr(owner, key))].into(Place(owner, key), 0)


PACKED = {"u8": "<B", "u16": "<H", "u32": "<I", "u64": "<Q", "i8": "<b", "i16": "<h", "i32": "<i", "i64": "<q", "float": "<d", "bool": "<?"}


def size_of_scalar(elem: Any) -> int:
    if isinstance(elem, type) and issubclass(elem, Int):
        return elem.bits // 8
    return 1 if elem is bool else 8


class Reinterpreted:
    """The same bytes seen as another scalar type: `cast(Ptr[u64], p)`."""

    def __init__(self, pointer: Ptr, elem: Any) -> None:
        self.pointer, self.elem = pointer, elem
        self.have, self.want = size_of_scalar(pointer.elem), size_of_scalar(elem)

    def __getitem__(self, index: int) -> Any:
        start, end = index * self.want, (index + 1) * self.want
        first, last = start // self.have, (end - 1) // self.have
        code = PACKED[self.pointer.elem.__name__]
        data = b"".join(packing.pack(code, self.pointer[i]) for i in range(first, last + 1))
        skip = start - first * self.have
        return self.elem(packing.unpack(PACKED[self.elem.__name__], data[skip : skip + self.want])[0])

    def __setitem__(self, index: int, value: Any) -> None:
        data = packing.pack(PACKED[self.elem.__name__], value)
        if self.want == self.have:
            self.pointer[index] = self.pointer.elem(packing.unpack(PACKED[self.pointer.elem.__name__], data)[0])
        elif self.have == 1:
            for i, byte in enumerate(data):
                self.pointer[index * self.want + i] = u8(byte)
        else:
            raise TypeError("this write through a cast needs the compiled program")


def cast(target: Any, x: Any) -> Any:
    if isinstance(target, type) and issubclass(target, Ptr):
        if not isinstance(x, Ptr):
            return target(x)
        if x.elem is target.elem:
            return x
        return target.into(Reinterpreted(x, target.elem), 0)
    if isinstance(target, type) and issubclass(target, Int):
        return target(address_of(x) if not isinstance(x, (int, Ptr)) else x)
    if isinstance(x, int):
        return _addresses[int(x)]
    return x


def address_of(x: Any) -> int:
    """A made-up address, always the same for the same object, 64-byte aligned."""
    global _next_address
    found = _by_object.get(id(x))
    if found is None:
        found = _next_address
        _next_address += 0x1_0000
        _by_object[id(x)] = found
        _addresses[found] = x  # keeps it alive, so that its id stays its own
    return found


def addr_of(x: Any) -> Any:
    if isinstance(x, (Span, Ptr)):
        return u64(x.address_number())
    return u64(address_of(x))


def at(target: Any, address: Any) -> Any:
    if int(address) == 0:
        raise CheckFailed(f"at({target.__name__}, 0): a null address")
    return _addresses[int(address)]


def span_of(pointer: Ptr, count: Any) -> Any:
    return Span.over(pointer.store, pointer.start, int(count), pointer.elem)


def memcpy(target: Any, source: Any) -> None:
    data = list(source) if not isinstance(source, (str, Text)) else list(Str(text_of(source)))
    if len(data) > target.count and integers.CHECKED:
        raise CheckFailed(f"memcpy of {len(data)} elements into {target.count}")
    target.store[target.start : target.start + len(data)] = data


copy_bytes = memcpy


def memset(target: Any, value: Any) -> None:
    for i in range(target.count):
        target[i] = value


def volatile_load(pointer: Any) -> Any:
    return pointer[0]


def volatile_store(pointer: Any, value: Any) -> None:
    pointer[0] = value


def as_bytes(x: Any) -> Any:
    raise TypeError("only the compiled program has bytes behind a struct")


def zero(elem: Any) -> Any:
    """What zeroed storage of that type holds."""
    from lang.classes import zero_value

    return zero_value(elem)


def coerce(target: Any, value: Any) -> Any:
    from lang.convert import moved, to

    return to(target, moved(value))


T = TypeVar("T")
