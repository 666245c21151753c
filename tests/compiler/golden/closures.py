from typing import Callable
from lang import i32, i64, u64, struct, Ref
@struct
class Keep:
    f: Callable[[i64], i64]
def apply(f: Callable[[i64], i64], n: i64) -> i64:
    return f(n)
def store(f: Callable[[i64], i64], k: Keep) -> None:
    k.f = f
def make(n: i64) -> Callable[[i64], i64]:
    def add(x: i64) -> i64:
        return x + n
    return add
def early() -> i64:
    def use() -> i64:
        return later
    later = 3
    return use()
def maybe(n: i64) -> i64:
    if n:
        def f() -> i64:
            return n
    return f()
def wrong(n: i64) -> i64:
    def g(x: u64) -> i64:
        return n
    return apply(g, 3)
def main() -> i32:
    k = Keep(f=lambda x: x)
    n = 4
    store(lambda x: x + n, k)
    k.f = lambda x: x + n
    z = lambda x: x
    apply(lambda: 3, 4)
    def q() -> None:
        nonlocal nope
        nope = 3
    return 0
