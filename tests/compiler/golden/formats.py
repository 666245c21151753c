from enum import IntEnum

from lang import i32, struct, text, u32, u64


class Kind(IntEnum):
    A = 1


@struct
class Point:
    x: u64


def name(value: str) -> None:
    pass


def main() -> i32:
    p = Point(x=3)
    print(f"{p}")
    print(f"{p.x:zz}")
    print(f"{p.x!a}")
    name(f"{p.x}")
    line = text(20)
    line.write(f"{p.x:>8}")
    name(line)
    print("a".upper())
    print("a".split(","))
    print(("a", p))
    print(f"{p.x:.2f} {p.x!s:>5} {p.x:.2}")
    print(f"{p.x:,x}")
    print(f"{Kind.A!r}")
    print(f"{Kind.A:d} {Kind.A:+}")
    print(f"{'a':=5}")
    print(f"{1.5:d}")
    width: u32 = 5
    print(f"{1.5:{width}s}")
    return 0
