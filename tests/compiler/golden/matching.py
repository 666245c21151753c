from lang import i32, struct, u32, u64, Ref
from enum import Enum, auto
class Color(Enum):
    RED = auto()
    GREEN = auto()
    BLUE = auto()
@struct
class Point:
    x: u32
    c: Color
def f(c: Color, b: bool) -> i32:
    match (c, b):
        case (Color.RED, True):
            return 1
        case (Color.GREEN, _):
            return 2
        case (_, False):
            return 3
def g(c: Color | None) -> i32:
    match c:
        case None:
            return 1
        case Color.RED | Color.GREEN:
            return 2
def h(c: Color) -> i32:
    match c:
        case Color.RED:
            return 1
        case Color.RED:
            return 2
        case Color.GREEN | Color.BLUE:
            return 3
        case _:
            return 4
def k(t: tuple[u32, Color]) -> i32:
    match t:
        case (0, Color.RED):
            return 1
        case (_, Color.GREEN | Color.BLUE):
            return 1
def m(p: Point) -> i32:
    match p:
        case Color(x=3):
            return 1
        case (1, 2):
            return 2
        case Point(z=3):
            return 3
        case Point(c=Color.RED):
            return 3
        case [a, *b]:
            return 4
        case {"a": 3}:
            return 4
    return 3
def n(u: u32) -> i32:
    match u:
        case None:
            return 1
        case 1:
            return 2
        case 1:
            return 3
    return 3
def main() -> i32:
    return 0
