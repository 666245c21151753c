# SPDX-License-Identifier: LGPL-2.1-or-later
"""The clocks that deadlines may be told by."""

from enum import Enum, auto

from lang import u32, u64
from rt.time import now_ns, wall_ns


class Clock(u32, Enum):
    MONOTONIC = auto()                      # since the machine started; `rt.time.now_ns`
    REALTIME = auto()                       # since 1970; `rt.time.wall_ns`

    def to_monotonic(self, when_ns: u64) -> u64:
        """The time of `now_ns` at which this clock will show `when_ns`, as it goes now."""
        if self == Clock.MONOTONIC:
            return when_ns
        now = wall_ns()
        return now_ns() + when_ns - now if when_ns > now else u64(0)
