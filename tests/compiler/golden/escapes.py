from typing import Callable
from lang import Array, Ptr, Ref, Span, Text, array, i32, lend, new, ptr_of, struct, text, u32, u64, u8
@struct
class A:
    a: u64
    inner: B
    data: Array[u8] = array(8)
    next: Ref[A] | None
    span: Span[u8]
@struct
class B:
    x: u32
g: Ref[A] | None = None
def ret1() -> A:
    return A(a=1)
def ret2() -> A:
    x = A(a=1)
    y = x
    return y
def ret3() -> B:
    x = A(a=1)
    return x.inner
def ret4() -> str:
    t = text(10)
    t.write("x")
    return t.view
def ret5() -> Span[u8]:
    a = array(10, u8)
    return a[2:4]
def ret6() -> Ptr[u8]:
    a = array(10, u8)
    return ptr_of(a[3])
def ret7() -> tuple[u64, A]:
    x = A()
    return 3, x
def ret8(c: bool, p: A) -> A:
    x = A()
    return x if c else p
def ret9() -> A | None:
    items = array(3, A)
    for item in items:
        if item.a == 3:
            return item
    return None
def store1() -> None:
    global g
    x = A()
    g = x
def store2(p: A) -> None:
    x = A()
    p.next = x
    x.next = p
    p.span = x.data[0:3]
    x.span = x.data[0:3]
def store3() -> A:
    x = A()
    return new(A, next=x)
def store4(p: A) -> None:
    x = A()
    p.next = lend(x)
    p.next = None
def store5(ps: Span[A]) -> None:
    x = A()
    ps[0].next = x
def nested(f: Callable[[], None]) -> None:
    f()
def capture() -> A | None:
    found: A | None = None
    def look() -> None:
        nonlocal found
        found = A()
    nested(look)
    return found
def fine(p: A, t: Text) -> str:
    x = A(next=p)
    q = x.next
    t.write("abc")
    if q is not None:
        return t.view
    return "none"
def main() -> i32:
    return 0
