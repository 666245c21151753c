# SPDX-License-Identifier: GPL-2.0-or-later
"""Functions within functions, and lambdas: what they capture, who takes them."""

from typing import Callable, TypeVar
from lang import i32, i64, u64, u32, struct, array, wrap, Span, Error, Errno

T = TypeVar("T")
U = TypeVar("U")


def apply(f: Callable[[i64], i64], n: i64) -> i64:
    return f(n)


def twice(f: Callable[[i64], i64], n: i64) -> i64:
    return apply(f, apply(f, n))


def total(xs: Span[T], f: Callable[[T], U]) -> U:
    s = f(xs[0])
    for i in range(1, len(xs)):
        s += f(xs[i])
    return s


def each(xs: Span[T], f: Callable[[T], None]) -> None:
    for x in xs:
        f(x)


@struct
class Box:
    n: u64

    def visit(self, f: Callable[[u64], None]) -> None:
        f(self.n)

    def add(self, k: u64) -> u64:
        def inner(z: u64) -> u64:
            return self.n + k + z

        return inner(1)


def sort(xs: Span[T], less: Callable[[T, T], bool]) -> None:
    for i in range(1, len(xs)):
        j = i
        while j > 0 and less(xs[j], xs[j - 1]):
            xs[j], xs[j - 1] = xs[j - 1], xs[j]
            j -= 1


def double(n: i64) -> i64:
    return n * 2


def main() -> i32:
    base = 10

    def add(x: i64) -> i64:
        return x + base

    print(add(3), apply(add, 5), twice(add, 1), twice(double, 3))
    base = 20
    print(add(3))
    total_ = 0

    def bump(n: i64) -> None:
        nonlocal total_
        total_ += n
        if n > 3:
            raise Error(Errno.EINVAL, f"{n}")

    bump(1)
    bump(2)
    try:
        bump(5)
    except Error as e:
        print(e)
    print(total_)

    def fact(n: u64) -> u64:
        return 1 if n < 2 else n * fact(n - 1)

    print(fact(10))
    a = array(6, u64)
    for i in range(u64(6)):
        a[i] = (i * 7) % 5
    seen: u64 = 0

    def look(x: u64) -> None:
        nonlocal seen
        seen += x * u64(base)

    each(a, look)
    print(seen)
    print(total(a, lambda x: x * 2), total(a[1:], lambda x: wrap(u32, x) + 1))
    k: u64 = 3
    print(total(a, lambda x: x + k))
    b = Box(n=5)
    b.visit(look)
    b.visit(lambda x: look(x))
    print(seen, b.add(4))
    sort(a, lambda x, y: x > y)
    for x in a:
        print(x, end=" ")
    print()

    def outer(m: i64) -> i64:
        def mid(q: i64) -> i64:
            nonlocal total_
            total_ += q

            def leaf(r: i64) -> i64:
                return r + q + m + base + add(1)

            return leaf(q * 2)

        return mid(m + 1)

    print(outer(3), total_)
    g = add
    print(g(7), apply(g, 1))

    def plain(z: i64) -> i64:
        return z * z

    h: Callable[[i64], i64] = plain
    print(h(5), apply(plain, 4), apply(h, 2))
    for i in range(3):

        def sq(v: i64) -> i64:
            return v * i  # noqa: B023  the one of this turn

        print(sq(2), end=" ")
    print()

    def defaults(p: i64, q: i64 = 4) -> i64:
        return p * base + q

    print(defaults(1), defaults(q=2, p=3))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
