# SPDX-License-Identifier: GPL-2.0-or-later
"""f-strings: every kind of spec on integers, strings, bools, enums, texts."""

from enum import Enum, auto

from lang import Sink, Text, i8, i32, i64, struct, text, u8, u32, u64


class State(Enum):
    READY = auto()
    RUNNING = auto()


@struct
class Version:
    major: u8
    minor: u8

    def format(self, sink: Sink) -> None:
        line = text(20)
        line.write(f"v{self.major}.{self.minor:02}")
        sink.put(line.view)


def rule(width: u64) -> None:
    dash = "-"
    print(f"{dash:->{width}}")


def table() -> None:
    name = "pid"
    print(f"{name:<10}|{name:>10}|{name:^10}|{name:*^9}|{name:.2}|{name:>6.1}|")
    for n in (0, 7, 4095, 123456789):
        print(f"{n:>12}|{n:<12}|{n:^12}|{n:012}|{n:,}|{n:_}|{n:+}|{n: }|{n:#x}|{n:#X}|{n:#o}|{n:#b}|{n:08x}|{n:#010x}|{n:_x}")
        print(f"{-n:>12}|{-n:<12}|{-n:^+12}|{-n:012}|{-n:012,}|{-n:=10}|{-n:*=10}|{-n:x}|{-n:#b}")


def extremes() -> None:
    big: u64 = 0xFFFFFFFFFFFFFFFF
    low = wrap_low()
    print(f"{big} {big:x} {big:,} {big:_b}")
    print(f"{low} {low:x} {low:,} {low:+}")
    small: i8 = -128
    print(f"{small} {small:x} {small:08b} {small:5}|")


def wrap_low() -> i64:
    return -9223372036854775807 - 1


def main() -> i32:
    table()
    extremes()
    rule(30)
    flag = True
    print(f"{flag} {not flag} {flag:d} {flag:>6}")
    print(f"{State.READY} {State.RUNNING:>10} {State.READY:d}|{State.RUNNING.name:.3}")
    version = Version(1, 2)
    print(f"{version}", version)
    line = text(16)
    line.write(f"{65:c}{0x1F600:c}|{233:c}")
    print(line, line.len, len(line), f"[{line:>12}]", line.truncated)
    line.write("0123456789")
    print(line.view, line.truncated, line.len)
    line.pop(3)
    line.append("ü")
    print(line, line.len)
    line.clear()
    line.put("abc")
    print(f"{line.view!r}", line == "abc", line.truncated)
    word = 'it\'s "x"\n'
    print(f"{word!r} {word!r:>20} {{}} {5:{3}} {word.strip()!r:.4}")
    width: u32 = 6
    precision: u32 = 2
    print(f"{width:{width}}|{word:{width}.{precision}}|{width:<{width}}|{width:0{width}}")
    print("a", 1, True, State.READY, sep="-", end="!\n")
    print()
    print(show(line), sep="")
    return 0


def show(line: Text) -> u64:
    return line.len


if __name__ == "__main__":
    raise SystemExit(main())
