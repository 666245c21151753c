# SPDX-License-Identifier: GPL-2.0-or-later
"""matrix N ROUNDS: products of two N by N matrices of f64, row by row."""

import sys

from lang import Span, array, f64, i32, new, u64


def multiply(into: Span[f64], a: Span[f64], b: Span[f64], n: u64) -> None:
    for i in range(n):
        row = into[i * n : (i + 1) * n]
        for j in range(n):
            row[j] = 0.0
        for k in range(n):
            factor = a[i * n + k]
            other = b[k * n : (k + 1) * n]
            for j in range(n):
                row[j] += factor * other[j]


def main() -> i32:
    n = u64(sys.argv[1])
    rounds = u64(sys.argv[2])
    a = new(array(n * n, f64))
    b = new(array(n * n, f64))
    c = new(array(n * n, f64))
    for i in range(n * n):
        a[i] = f64(i % 7) / 8.0
        b[i] = f64(i % 5) - 2.0
    total: f64 = 0.0
    for _ in range(rounds):
        multiply(c, a, b, n)
        total += c[n + 1]
        a[0] += 1.0
    trace: f64 = total
    for i in range(n):
        trace += c[i * n + i]
    print(f"{trace:.3f}")
    return 0
