# SPDX-License-Identifier: GPL-2.0-or-later
"""Enums, int enums, flags, match."""

from enum import Enum, IntEnum, IntFlag, auto

from lang import Array, array, i32, struct, u8, u16, u32, u64, valid


class Color(Enum):
    RED = auto()
    GREEN = auto()
    BLUE = auto()


class Level(IntEnum):
    LOW = 1
    MIDDLE = 5
    HIGH = 10


class Kind(u8, Enum):
    FILE = 1
    DIR = 2
    LINK = 7


class Mode(u16, IntFlag):
    NONE = 0
    READ = 1
    WRITE = 2
    EXEC = 4
    ALL = 7


@struct
class Entry:
    kind: Kind = Kind.FILE
    mode: Mode = Mode.READ
    color: Color = Color.GREEN
    history: Array[Level] = array(2)


def mix(color: Color) -> str:
    match color:
        case Color.RED:
            return "warm"
        case Color.GREEN | Color.BLUE:
            return "cold"


def classify(n: i32) -> str:
    match n:
        case 0:
            return "zero"
        case 1 | 2 | 3:
            return "few"
        case x if x < 0:
            return "negative"
        case _:
            return "many"


def command(word: str) -> u32:
    match word:
        case "go":
            return 1
        case "stop" | "halt":
            return 2
        case _:
            return 0


def main() -> i32:
    for color in (Color.RED, Color.GREEN, Color.BLUE):
        print(color, color.name, mix(color), f"[{color:>6}]")
    print(Color(2), Color.RED == Color.RED, Color.RED != Color.BLUE, u32(Color.BLUE))
    print(Level.HIGH + 1, Level.LOW < Level.HIGH, u64(Level.MIDDLE) * 3, Level.MIDDLE, f"{Level.HIGH:04d}")
    print(Kind(7), valid(Kind, 3), valid(Kind, 2), u8(Kind.LINK))
    mode = Mode.READ | Mode.EXEC
    print(Mode.READ in mode, Mode.WRITE in mode, Mode.WRITE not in mode, u16(mode), u16(mode & ~Mode.READ), u16(mode ^ Mode.ALL))
    mode |= Mode.WRITE
    print(mode == Mode.ALL, mode)
    if mode & Mode.WRITE:
        print("writable")
    entry = Entry(kind=Kind.DIR)
    entry.mode |= Mode.WRITE
    entry.history[1] = Level.HIGH
    print(entry.kind, u16(entry.mode), entry.color, entry.history[1])
    for n in (-5, 0, 2, 9):
        print(classify(i32(n)), end=" ")
    print(command("go"), command("halt"), command("x"))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
