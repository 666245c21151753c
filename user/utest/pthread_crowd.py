# SPDX-License-Identifier: LGPL-2.1-or-later
"""The threads of the tests of suite `pthread`, and what they count."""

from lang import Atomic, array, u32, u64
from pthread import Thread, yield_now

MANY: u64 = 16

threads = array(MANY, Thread)
count = Atomic[u64](0)
cleaned = Atomic[u64](0)                    # sums of what handlers of cancelled threads were given
ready = Atomic[u32](0)


def join_all() -> None:
    for t in threads:
        t.join()


def note_cleanup(value: u64) -> None:
    cleaned.add(value)


def wait_until_ready(wanted: u32) -> None:
    while ready.load() < wanted:
        yield_now()
