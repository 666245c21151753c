# SPDX-License-Identifier: LGPL-2.1-or-later
"""The lines that programs of measurements print, and which of them are wanted: `NAME   123.4 ns   345 cycles`.

`make bench` reads them: scripts/bench/system.py. A program's first argument chooses those with it in their names.
"""

from lang import Span, u64
from rt.args import args
from rt.io import flush_stdout
from rt.time import tsc_to_ns


def is_wanted(name: str) -> bool:
    return len(args()) < 2 or name.find(args()[1]) >= 0


def begin(name: str) -> None:
    """Whoever traces the machine waits for the name."""
    print(f"{name:<56} ", end="")
    flush_stdout()


def tell(cycles: u64, times: u64) -> None:
    """What `times` of them took, a piece."""
    tenths = tsc_to_ns(cycles * 10) // times
    print(f"{tenths // 10:>9,}.{tenths % 10} ns {cycles // times:>10,} cycles")


def tell_median(samples: Span[u64]) -> None:
    """Of cycles that single operations took. Sorts them."""
    for i in range(1, len(samples)):
        at = i
        while at > 0 and samples[at] < samples[at - 1]:
            samples[at], samples[at - 1] = samples[at - 1], samples[at]
            at -= 1
    tell(samples[len(samples) // 2], 1)
