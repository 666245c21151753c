# SPDX-License-Identifier: GPL-2.0-or-later
"""Optionals of scalars, strings and tuples; tuples as results; interfaces by Protocol; a class with state and callbacks."""

from typing import Callable, Protocol

from lang import Array, Errno, Error, Ref, array, i32, i64, struct, u8, u32, u64


class Reader(Protocol):
    def read(self) -> u8 | None: ...


class Source(Reader):
    text: str
    at: u64

    def read(self) -> u8 | None:
        if self.at == len(self.text):
            return None
        self.at += 1
        return self.text[self.at - 1]


class Upper(Reader):
    below: Ref[Reader]

    def read(self) -> u8 | None:
        byte = self.below.read()
        if byte is None:
            return None
        if ord("a") <= byte <= ord("z"):
            return byte - 32
        return byte


@struct
class Settings:
    size: u32 | None
    name: str | None
    limit: i64 | None = 5
    marks: Array[u8] = array(3)

    def size_or(self, other: u32) -> u32:
        if self.size is None:
            return other
        return self.size


def split(n: u64) -> tuple[u64, u64, bool]:
    return n // 10, n % 10, n > 9


def find(text: str, byte: u8) -> u64 | None:
    for i, b in enumerate(text):
        if b == byte:
            return i
    return None


def first_word(text: str) -> str | None:
    word, _ = text.split1(" ")
    return word if word else None


def pick(settings: Settings, big: bool) -> tuple[Settings, u32]:
    return settings, settings.size_or(1 if big else 2)


def each(text: str, visit: Callable[[u8], None]) -> None:
    for byte in text:
        visit(byte)


seen: u64 = 0


def add_byte(byte: u8) -> None:
    global seen
    seen += u64(byte)


def need(n: u64 | None) -> u64:
    if n is None:
        raise Error(Errno.ENOENT, "nothing")
    return n


def main() -> i32:
    reader = Upper(below=Source(text="mixed Case!"))
    while (byte := reader.read()) is not None:
        print(f"{byte:c}", end="")
    print()
    s = Settings()
    print(s.size is None, s.size_or(3), s.name is None, s.limit == 5, s.limit is not None)
    s.size = 0
    s.name = "x"
    s.limit = None
    if s.name is not None and s.limit is None:
        print(s.name, s.size_or(3), s.size == 0, s.size == 1)
    tens, ones, big = split(57)
    print(tens, ones, big, split(3)[2])
    at = find("hello", ord("l"))
    if at:
        print("found", at)
    missing = find("hello", ord("z"))
    print(missing is None, need(find("abc", ord("a"))))
    try:
        need(missing)
    except Error as e:
        print(e.message)
    word = first_word("two words")
    print(word if word is not None else "none", first_word("") is None)
    same, size = pick(s, True)
    same.marks[1] = 4
    print(s.marks[1], size)
    each("abc", add_byte)
    print(seen)
    value: u32 | None = 7
    value = None if seen > 5 else value
    print(value is None)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
