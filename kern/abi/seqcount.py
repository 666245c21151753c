# SPDX-License-Identifier: GPL-2.0-or-later
"""SeqCounter: one writes, any number read what it guards without a lock, and read again if they met a change.

    counter.begin_write()                   while True:
    info.a = 1                                  start = counter.begin_read()
    info.b = 2                                  a, b = info.a, info.b
    counter.end_write()                         if not counter.must_retry(start):
                                                    break
Writers exclude each other by other means. What is read may be half changed until `must_retry` says no: do nothing with it before, follow no
reference in it. The kernel writes, and processes read as well, so it is shared. Two words are never torn by one of the two orders alone:
Boehm, Can seqlocks get along with programming language memory models? (MSPC 2012).
"""

from lang import ACQUIRE, RELAXED, RELEASE, Atomic, fence, pause, struct, u64


@struct(size=8)
class SeqCounter:
    value: Atomic[u64]                      # odd while a change is under way

    def begin_write(self) -> None:
        """Announce a change. Caller excludes other writers."""
        before = self.value.load(order=RELAXED)
        assert before % 2 == 0, "a change begins inside another"
        self.value.store(before + 1, order=RELAXED)
        # Pairs with the fence in must_retry: who sees any of the values written after this sees the odd number.
        fence(RELEASE)

    def end_write(self) -> None:
        # Pairs with the load in begin_read: who sees this number sees all that was written before it.
        before = self.value.load(order=RELAXED)
        assert before % 2 == 1, "a change ends that has not begun"
        self.value.store(before + 1, order=RELEASE)

    def begin_read(self) -> u64:
        """Wait until no change is under way. The number to give to `must_retry`."""
        while True:
            seen = self.value.load(order=ACQUIRE)  # pairs with end_write
            if seen % 2 == 0:
                return seen
            pause()

    def must_retry(self, start: u64) -> bool:
        """Whether a change came by since `begin_read`, so that what was read in between is to be forgotten."""
        fence(ACQUIRE)                      # pairs with the fence in begin_write
        return self.value.load(order=RELAXED) != start
