# SPDX-License-Identifier: GPL-2.0-or-later
"""Noise: the exact moments at which interrupts come, which nobody can foretell, kept until the random numbers are fed with them.

An interrupt costs a read of the cycle counter, a multiplication and a store. Each core has a ring of its own; what is not harvested in
time is folded into what comes later, not lost. No locks: a harvest that meets a store takes the word before it or after it.
"""

from typing import Callable

from lang import Array, PerCore, array, cycle_counter, struct, u32, u64
from arch import smp

WORDS: u64 = 32
MIX: u64 = 0x9E37_79B9_7F4A_7C15


@struct(align=64)
class Noise:
    count: u64                              # events so far
    harvested: u64                          # ... of which somebody has taken the words
    words: Array[u64] = array(WORDS)


noise = PerCore[Noise]()


def note_event() -> None:
    """In an interrupt handler: it comes now."""
    mine = noise.mine
    place = mine.count % WORDS
    mine.words[place] = mine.words[place] * MIX + cycle_counter()
    mine.count += 1


def harvest(take: Callable[[u64], None]) -> None:
    """Hand over every word that an interrupt has changed since the last time. Callers take turns."""
    for id in range(u32(0), smp.core_count()):
        there = noise[id]
        count = there.count
        for i in range(min(count - there.harvested, WORDS)):
            take(there.words[(there.harvested + i) % WORDS])
        there.harvested = count
