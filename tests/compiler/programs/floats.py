# SPDX-License-Identifier: GPL-2.0-or-later
"""f64: arithmetic, conversions, formatting, comparison."""

from lang import array, f64, i32, i64, sqrt, u64


def newton(x: f64) -> f64:
    guess = x / 2.0
    for _ in range(20):
        guess = (guess + x / guess) / 2.0
    return guess


def pi(terms: u64) -> f64:
    total = 0.0
    sign = 1.0
    for i in range(terms):
        total += sign / f64(2 * i + 1)
        sign = -sign
    return total * 4.0


def main() -> i32:
    a = 0.1
    b = 0.2
    print(a + b, a * b, a / b, a - b, -a, abs(-2.5), a < b, a == 0.1, 1e300 * 1e10)
    print(newton(2.0), newton(144.0), pi(1000))
    print(f"{a:.3f} {newton(2.0):10.4f}| {1234567.891:,.2f} {a:e} {a:.2e} {12345.678:g} {1e-7:g} {1e20:g}")
    print(sqrt(2.0), sqrt(a), sqrt(0.0), sqrt(-0.0), sqrt(-1.0), sqrt(1e300 * 1e10))
    for shift in range(u64(50), u64(64)):
        for less in range(u64(3)):
            print(f64((u64(1) << shift) + (u64(1) << shift - 50) - less), f64(u64(0) - (u64(1) << shift - 50) - less))
    print(1e16, 1e15, 123456789012345680.0)
    print(f"{0.5:.0f} {1.5:.0f} {2.5:.0f} {-0.0} {5e-324} {1.7976931348623157e308} {3.0} {1e22}")
    print(f"{2.5:+} {2.5:08.2f} {2.5:<8}|{2.5:>8}|{2.5:^8}|")
    print(7.5 // 2.0, -7.5 // 2.0, 7.5 % 2.0, -7.5 % 2.0, i64(7.9), i64(-7.9), f64(3) + 1, f64(i64(-5)))
    values = array(4, f64)
    for i in range(4):
        values[i] = f64(i) * 1.25
    print(sum(v for v in values), max(values), values[3] > values[2] > values[1])
    x: f64 = 3
    x += 1
    print(x, min(x, 2.0), x if x > 3.5 else 0.0)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
