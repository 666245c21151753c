# SPDX-License-Identifier: GPL-2.0-or-later
"""Atomics, per-core and per-thread storage, registries. CPython runs one thread of a program at a time here."""

from __future__ import annotations

import time
from typing import Any

from lang.classes import zero_value
from lang.convert import to
from lang.memory import _Of, checked_index

RELAXED, ACQUIRE, RELEASE, ACQ_REL, SEQ_CST = "relaxed", "acquire", "release", "acq_rel", "seq_cst"


class Atomic(metaclass=_Of):
    elem: Any = None
    __atomic_elem__ = True

    def __init__(self, value: Any = None) -> None:
        self.value = zero_value(self.elem) if value is None else to(self.elem, value)

    def load(self, order: str = SEQ_CST) -> Any:
        return self.value

    def store(self, value: Any, order: str = SEQ_CST) -> None:
        self.value = to(self.elem, value)

    def swap(self, value: Any, order: str = SEQ_CST) -> Any:
        old, self.value = self.value, to(self.elem, value)
        return old

    def add(self, value: Any, order: str = SEQ_CST) -> Any:
        old, self.value = self.value, self.elem.truncated(int(self.value) + int(value))
        return old

    def sub(self, value: Any, order: str = SEQ_CST) -> Any:
        old, self.value = self.value, self.elem.truncated(int(self.value) - int(value))
        return old

    def or_(self, value: Any, order: str = SEQ_CST) -> Any:
        old, self.value = self.value, self.value | value
        return old

    def and_(self, value: Any, order: str = SEQ_CST) -> Any:
        old, self.value = self.value, self.value & value
        return old

    def xor(self, value: Any, order: str = SEQ_CST) -> Any:
        old, self.value = self.value, self.value ^ value
        return old

    def cas(self, expected: Any, new: Any, order: str = SEQ_CST) -> bool:
        same = self.value == expected if isinstance(self.value, int) else self.value is expected
        if same:
            self.value = to(self.elem, new)
        return same

    def __copy_storage__(self) -> Any:
        return type(self)(self.value)

    def __assign_storage__(self, other: Any) -> None:
        """From an atomic, or from what it shall hold."""
        self.value = other.value if isinstance(other, Atomic) else to(self.elem, other)


class AtomicPlace(Atomic):
    """`atomic(x.flags)`: an atomic's operations on a plain place."""

    def __init__(self, owner: Any, key: Any) -> None:
        object.__setattr__(self, "owner", owner)
        object.__setattr__(self, "key", key)
        object.__setattr__(self, "elem", type(self.value).base if hasattr(type(self.value), "base") else type(self.value))

    @property
    def value(self) -> Any:  # type: ignore[override]
        return getattr(self.owner, self.key) if isinstance(self.key, str) else self.owner[self.key]

    @value.setter
    def value(self, new: Any) -> None:
        if isinstance(self.key, str):
            setattr(self.owner, self.key, new)
        else:
            self.owner[self.key] = new


class _Own(metaclass=_Of):
    """`x.mine` is this core's (thread's) own."""

    elem: Any = None

    def __init__(self) -> None:
        self.slots: dict[int, Any] = {}

    def __getitem__(self, core: Any) -> Any:
        return self.slots.setdefault(int(core), zero_value(self.elem))

    def __setitem__(self, core: Any, value: Any) -> None:
        self.slots[int(core)] = to(self.elem, value)

    @property
    def mine(self) -> Any:
        return self[0]

    @mine.setter
    def mine(self, value: Any) -> None:
        self[0] = value


class PerCore(_Own):
    pass


class ThreadLocal(_Own):
    pass


class Registry(metaclass=_Of):
    """What the program's modules registered, by decorating a class or a function with it."""

    elem: Any = None

    def __init__(self) -> None:
        self.entries: list[Any] = []

    def __call__(self, item: Any) -> Any:
        self.entries.append(item() if isinstance(item, type) else item)
        return item

    def __iter__(self) -> Any:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)

    def __getitem__(self, index: Any) -> Any:
        return self.entries[checked_index(index, len(self.entries))]


def fence(order: str = SEQ_CST) -> None: ...


def compiler_fence() -> None: ...


def pause() -> None: ...


def cycle_counter() -> Any:
    from lang.integers import u64

    return u64(time.perf_counter_ns())
