from lang import i32, struct, u32, u64


@struct
class Box:
    width: u64
    height: u64

    def area(self) -> u64:
        return self.width * self.height

    @property
    def wide(self) -> bool:
        return self.width > self.height


def add(a: u64, b: u64 = 1) -> u64:
    return a + b


def untyped(a, b: u64) -> u64:
    return b


def main() -> i32:
    add()
    add(1, 2, 3)
    add(a=1, c=2)
    add(1, a=2)
    add("x")
    Box(1, 2, 3)
    Box(depth=4)
    box = Box()
    box.volume()
    box.wide()
    f = box.area
    n: u32 = 3
    n.grow()
    n()
    len(n)
    add(*box)
    print(box)
    print(1, colour=2)
    untyped(1, 2)
    box[3]
    for x in n:
        pass
    with box:
        pass
    a, b = add(1)
    a, b, c = 1, 2
    return 0
