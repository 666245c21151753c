# SPDX-License-Identifier: GPL-2.0-or-later
"""Arithmetic that no processor has as an instruction: integer powers."""

from lang import mul_high, u64


def int_power(base: u64, exponent: u64) -> u64:
    """The low 64 bits of `base ** exponent`, by squaring; those of a narrower or signed type are among them."""
    result: u64 = 1
    square = base
    left = exponent
    while left > 0:
        if left & 1 != 0:
            result *= square
        square *= square
        left >>= 1
    return result


def power_exceeds(base: u64, exponent: u64, limit: u64) -> bool:
    """Whether `base ** exponent` is above the limit. At most 64 rounds: from 2 on each doubles it at the least."""
    if base < 2:
        return False
    result: u64 = 1
    for _ in range(exponent):
        if mul_high(result, base) != 0 or result * base > limit:
            return True
        result *= base
    return False
