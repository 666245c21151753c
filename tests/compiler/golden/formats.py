from lang import i32, struct, text, u64


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
    return 0
