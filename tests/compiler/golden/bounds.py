from typing import Annotated, TypeVar, Generic, Protocol
from lang import i32, u8, u32, u64, struct, must_use, array, offset
class Sized(Protocol):
    def size(self) -> u64: ...
class Base:
    n: u64
class Der(Base):
    m: u64
B = TypeVar("B", bound=Base)
S = TypeVar("S", bound=Sized)
N = TypeVar("N", u64, i32)
I = TypeVar("I", bound=int)
@struct
class Plain:
    n: u64
    @property
    def two(self) -> u64:
        return 2
@struct
class Wrong:
    def size(self) -> u32:
        return 1
@struct
class Right:
    def size(self) -> u64:
        return 1
@struct
class Box(Generic[N]):
    v: N
@struct
class Off:
    a: u32
    b: Annotated[u64, offset(4)]
def f(x: B) -> u64:
    return x.n
def g(x: S) -> u64:
    return x.size()
def h(x: N) -> N:
    return x
def k(x: I) -> I:
    return x
@must_use
def m() -> u64:
    return 3
def main() -> i32:
    f(Der())
    f(Plain())
    g(Right())
    g(Wrong())
    g(Plain())
    h(u64(3))
    h(u8(3))
    b = Box[u8]()
    k(u8(3))
    k(2.5)
    m()
    p = Plain()
    p.two = 4
    print(min(3, 4, key=5), sum(array(3, u8), stat=4))
    return 0
