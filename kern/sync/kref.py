# SPDX-License-Identifier: GPL-2.0-or-later
"""Kref: a reference count. One may only go from a counted reference to another; from a table, `get_not_zero`.

`put` says whether that was the last one; who gets True releases the object. No locks.
"""

from lang import Atomic, i64, must_use, struct


@struct
class Kref:
    count: Atomic[i64]

    def init(self, count: i64) -> None:
        self.count.store(count)

    def get(self) -> None:
        """One more, from a reference that the caller has."""
        old = self.count.add(1)
        assert old > 0, "reference taken from none"

    @must_use
    def get_not_zero(self) -> bool:
        """One more, unless the object is going away."""
        seen = self.count.load()
        while seen > 0:
            if self.count.cas(seen, seen + 1):
                return True
            seen = self.count.load()
        return False

    @must_use
    def put(self) -> bool:
        """One less. True if it was the last."""
        old = self.count.sub(1)
        assert old > 0, "reference given back twice"
        return old == 1

    def value(self) -> i64:
        return self.count.load()
