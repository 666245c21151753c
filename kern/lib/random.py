# SPDX-License-Identifier: GPL-2.0-or-later
"""Random numbers that are fast, not secret: xorshift64*, seeded from the cycle counter and whatever drivers add.

For spreading hashes and choosing victims. `stir` may be called from interrupt handlers. No locks: a torn update only
loses a step of the sequence.
"""

from lang import Atomic, cycle_counter, u64

state = Atomic[u64](0x2545_F491_4F6C_DD1D)


def stir(value: u64) -> None:
    """Mix something unpredictable in."""
    mixed = state.load() ^ (value * 0x9E37_79B9_7F4A_7C15) ^ cycle_counter()
    state.store(mixed if mixed != 0 else 1)


def random() -> u64:
    x = state.load()
    x ^= x >> 12
    x ^= x << 25
    x ^= x >> 27
    state.store(x)
    return x * 0x2545_F491_4F6C_DD1D


def random_below(limit: u64) -> u64:
    """A number from 0 to limit - 1, even enough for small limits."""
    return random() % limit
