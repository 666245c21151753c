# SPDX-License-Identifier: GPL-2.0-or-later
"""Strings as spans of UTF-8, sinks, and `Text`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from lang.integers import i64, u8, u64

WHITE = " \t\n\r\x0b\x0c\x1c\x1d\x1e\x1f"


def clip(value: str, room: int) -> tuple[str, bool]:
    """What fits into `room` bytes of UTF-8, never ending in half a character; whether something was left off."""
    data = value.encode(errors="surrogateescape")
    if len(data) <= room:
        return value, False
    end = room
    while end > 0 and data[end] & 0xC0 == 0x80:
        end -= 1
    return data[:end].decode(errors="surrogateescape"), True


class Str(str):
    """A `str` of the language: indices, lengths and slices count bytes."""

    __slots__ = ()

    def data(self) -> bytes:
        return str.encode(self, errors="surrogateescape")

    def __len__(self) -> int:
        return len(self.data())

    def __bool__(self) -> bool:
        return str.__len__(self) > 0

    def __getitem__(self, key: Any) -> Any:
        from lang.memory import bounds, checked_index

        data = self.data()
        if isinstance(key, slice):
            start, stop = bounds(key, len(data))
            return Str(data[start:stop].decode(errors="surrogateescape"))
        return u8(data[checked_index(key, len(data))])

    def __iter__(self) -> Any:
        return (u8(b) for b in self.data())

    def __contains__(self, item: Any) -> bool:
        return int(item) in self.data() if isinstance(item, int) else str.__contains__(self, item)

    def find(self, part: Any) -> Any:  # type: ignore[override]
        return i64(self.data().find(text_of(part).encode(errors="surrogateescape")))

    def rfind(self, part: Any) -> Any:  # type: ignore[override]
        return i64(self.data().rfind(text_of(part).encode(errors="surrogateescape")))

    def strip(self) -> Str:  # type: ignore[override]
        return Str(str.strip(self, WHITE))

    def lstrip(self) -> Str:  # type: ignore[override]
        return Str(str.lstrip(self, WHITE))

    def rstrip(self) -> Str:  # type: ignore[override]
        return Str(str.rstrip(self, WHITE))

    def startswith(self, part: Any) -> bool:  # type: ignore[override]
        return str.startswith(self, text_of(part))

    def endswith(self, part: Any) -> bool:  # type: ignore[override]
        return str.endswith(self, text_of(part))

    def split1(self, sep: Any) -> tuple[Str, Str]:
        before, _, after = str.partition(self, text_of(sep))
        return Str(before), Str(after)

    @property
    def ptr(self) -> Any:
        from lang.memory import Ptr

        return Ptr[u8].into(list(self), 0)


def text_of(value: Any) -> str:
    """The plain string in a str, a Text or a span of bytes."""
    if hasattr(value, "as_text"):
        return value.as_text()
    return str.__str__(value) if isinstance(value, str) else str(value)


def parse_number(value: Any, signed: bool) -> int:
    """`u64("12")`: decimal digits and nothing else."""
    from lang.errors import Errno, Error

    text = text_of(value)
    digits = text[1:] if text.startswith("-" if signed and text.startswith("-") else "+") else text
    if not digits.isascii() or not digits.isdigit():
        raise Error(Errno.EINVAL, f"not a number: {text!r}")
    number = -int(digits) if text.startswith("-") else int(digits)
    if not -(1 << 63) <= number < (1 << 63 if signed else 1 << 64):
        raise Error(Errno.EINVAL, f"number too large: {text}")
    return number


class Sink(ABC):
    """Whatever takes text."""

    @abstractmethod
    def put(self, data: str) -> None: ...

    def print(self, message: Any) -> None:
        self.put(Str(format(message)))


class Format:
    """An f-string as a parameter is a plain `str` here; this names the type."""


class FormatSpec:
    """Only the compiled program takes format specs apart."""


class Text(Sink):
    """Text in storage of a fixed size; what does not fit is dropped."""

    def __init__(self, room: int = 0) -> None:
        self.room = int(room)
        self.data = b""
        self.truncated = False

    @property
    def view(self) -> Str:
        return Str(self.as_text())

    @property
    def len(self) -> Any:
        return u64(len(self.data))

    def __len__(self) -> int:
        return len(self.data)

    def as_text(self) -> str:
        return self.data.decode(errors="surrogateescape")

    def put(self, data: Any) -> None:
        if self.truncated:  # nothing goes behind a gap
            return
        kept, dropped = clip(text_of(data), self.room - len(self.data))
        self.truncated = self.truncated or dropped
        self.data += kept.encode(errors="surrogateescape")

    append = put
    write = put

    def clear(self) -> None:
        self.data = b""
        self.truncated = False

    def pop(self, count: Any) -> None:
        self.data = self.data[: max(0, len(self.data) - int(count))]
        self.truncated = self.truncated and int(count) == 0

    def __str__(self) -> str:
        return self.as_text()

    def __format__(self, spec: str) -> str:
        return format(self.as_text(), spec)

    def __getitem__(self, key: Any) -> Any:
        return self.view[key]

    def __iter__(self) -> Any:
        return iter(self.view)

    def __eq__(self, other: object) -> bool:
        return self.as_text() == text_of(other)

    __hash__ = None  # type: ignore[assignment]

    def __copy_storage__(self) -> Text:
        made = Text(self.room)
        made.data, made.truncated = self.data, self.truncated
        return made

    def __assign_storage__(self, other: Text) -> None:
        self.data, self.truncated = other.data, other.truncated

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self.view, name)


def text(room: Any) -> Text:
    return Text(room)
