# SPDX-License-Identifier: GPL-2.0-or-later
"""Time as system calls show it."""

from lang import struct, u64

NS_PER_SEC: u64 = 1_000_000_000
NS_PER_USEC: u64 = 1_000


@struct(size=16)
class TimeSpec:
    sec: u64
    nsec: u64
