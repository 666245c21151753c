# SPDX-License-Identifier: GPL-2.0-or-later
"""spectral N 1: the spectral norm of an infinite matrix, as in the Computer Language Benchmarks Game."""

import sys

from lang import Span, array, f64, i32, new, sqrt, u64


def a(i: u64, j: u64) -> f64:
    return 1.0 / f64((i + j) * (i + j + 1) // 2 + i + 1)


def multiply(v: Span[f64], into: Span[f64]) -> None:
    for i in range(len(v)):
        total: f64 = 0.0
        for j in range(len(v)):
            total += a(i, j) * v[j]
        into[i] = total


def multiply_transposed(v: Span[f64], into: Span[f64]) -> None:
    for i in range(len(v)):
        total: f64 = 0.0
        for j in range(len(v)):
            total += a(j, i) * v[j]
        into[i] = total


def both(v: Span[f64], into: Span[f64], between: Span[f64]) -> None:
    multiply(v, between)
    multiply_transposed(between, into)


def main() -> i32:
    n = u64(sys.argv[1])
    u = new(array(n, f64))
    v = new(array(n, f64))
    between = new(array(n, f64))
    for i in range(n):
        u[i] = 1.0
    for _ in range(10):
        both(u, v, between)
        both(v, u, between)
    vbv: f64 = 0.0
    vv: f64 = 0.0
    for i in range(n):
        vbv += u[i] * v[i]
        vv += v[i] * v[i]
    print(f"{sqrt(vbv / vv):.9f}")
    return 0
