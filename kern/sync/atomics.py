# SPDX-License-Identifier: GPL-2.0-or-later
"""What counts need beside the operations of `Atomic` itself (load, store, swap, add, sub, and_, or_, xor, min, max, cas)."""

from typing import TypeVar

from lang import RELAXED, Atomic, must_use

N = TypeVar("N", bound=int)


@must_use
def add_not_zero(count: Atomic[N], amount: N) -> bool:
    """Add, unless the count is zero: that stays. Whether it was added."""
    seen = count.load(order=RELAXED)
    while seen != 0:
        if count.cas(seen, seen + amount):
            return True
        seen = count.load(order=RELAXED)
    return False


@must_use
def sub_and_test(count: Atomic[N], amount: N) -> bool:
    """Subtract. Whether that left zero."""
    return count.sub(amount) == amount
