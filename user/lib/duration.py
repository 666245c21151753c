# SPDX-License-Identifier: LGPL-2.1-or-later
"""Lengths of time as people write them."""

from kern.abi.time import NS_PER_SEC
from lang import u64
from lib.strings import is_digit, number_or_none

LONGEST_S: u64 = 1_000_000_000


def parse_duration_ns(value: str) -> u64 | None:
    """`2`, `0.25`, `.5` seconds in nanoseconds; None for anything else."""
    whole, fraction = value.split1(".")
    if len(value) == 0 or value == ".":
        return None
    seconds = number_or_none(whole) if len(whole) > 0 else 0
    if seconds is None or seconds > LONGEST_S:
        return None
    result = seconds * NS_PER_SEC
    unit = NS_PER_SEC // 10
    for byte in fraction:
        if not is_digit(byte):
            return None
        result += u64(byte - ord("0")) * unit
        unit //= 10
    return result
