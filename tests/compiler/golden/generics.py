from typing import Generic, TypeVar

from lang import Array, Ref, Span, array, i32, struct, u64

T = TypeVar("T")


@struct
class Pair(Generic[T]):
    first: T
    second: T

    def biggest(self) -> T:
        return max(self.first, self.second)


@struct
class Thing:
    x: u64


def pick(items: Span[T], index: u64) -> T:
    return items[index]


def nothing() -> T:
    pass


def main() -> i32:
    a = Pair[u64](first=1, second=2)
    b = Pair[u64, u64](first=1)
    c = Pair(first=1)
    d: Pair[Thing] = Pair[Thing]()
    e = d.biggest()
    f = nothing()
    g = pick(3, 4)
    print(a.biggest())
    return 0
