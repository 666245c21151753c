# SPDX-License-Identifier: GPL-2.0-or-later
"""Widths: wrapping, flooring, conversions, mixed literals."""

from lang import i8, i16, i32, i64, u8, u16, u32, u64, wrap

LIMIT = 200
MASK = (1 << 12) - 1
STEP: u8 = 7


def add8(a: u8, b: u8) -> u8:
    return a + b


def negate(x: i32) -> i32:
    return -x


def show_division(a: i32, b: i32) -> None:
    print(f"{a} // {b} = {a // b}, {a} % {b} = {a % b}")
    q, r = divmod(a, b)
    print(q, r, q * b + r == a)


def show_widths() -> None:
    a: u8 = 255
    a += 1
    print(a)
    b: u16 = 0
    b -= 1
    print(b)
    c: u32 = 1 << 31
    c *= 2
    print(c)
    d: u64 = 0
    d = ~d
    print(d, d + 1, d * d)
    e: i8 = -128
    print(e, e // 3, e % 3, e >> 1)
    f: i16 = 0x7FFF
    print(f, f - 1, -f)
    g = 5
    g = g - 9
    print(g, g * g, abs(g))


def show_conversions(n: i64) -> None:
    print(u8(n), u16(n), i8(n), wrap(u8, n + 250), wrap(i8, n + 125), wrap(u64, -n))
    wide: u32 = 0xDEADBEEF
    print(wrap(u16, wide), wrap(i16, wide), wrap(u64, wide), wrap(i64, wrap(i32, wide)))
    print(u64(True), i32(False), u64("12345"), i64("-77"))
    flag = wide > 5
    print(u8(flag) + 1, flag)


def show_bits(x: u32, n: u8) -> None:
    print(x & 0xFF, x | 0x100, x ^ x >> 3, ~x, x << 4, x >> n, x << n)
    y: i32 = -1000
    print(y >> 3, y & 0xFFF, y | 1, y ^ -1, ~y)


def main() -> i32:
    print(add8(200, 100), add8(STEP, STEP), LIMIT, MASK)
    print(negate(5), negate(-2147483647))
    for a in range(-7, 8, 7):
        for b in (-3, 3, 2):
            show_division(i32(a), i32(b))
    show_widths()
    show_conversions(3)
    show_bits(0x12345678, 3)
    print(1 < 2 < 3, 3 > 2 >= 2 != 1, min(3, 1, 2), max(u8(4), 9))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
