# SPDX-License-Identifier: LGPL-2.1-or-later
"""Reference counts, with a function that is called when the last reference goes. After Documentation/kref.txt of Akaros."""

from typing import Callable

from lang import ACQ_REL, RELAXED, Atomic, must_use, struct, u64


@struct
class Kref:
    count: Atomic[u64]
    release: Callable[["Kref"], None]

    def init(self, release: Callable[["Kref"], None], count: u64) -> None:
        """`release` is called by whoever drops the last of them; `container_of` gives it the object."""
        self.release = release
        self.count.store(count)

    def get(self, count: u64) -> None:
        """For who holds a reference already."""
        before = self.count.add(count, order=RELAXED)  # nothing is learnt of the object that the caller did not know
        assert before > 0, "a reference to an object that is gone"

    @must_use
    def get_not_zero(self, count: u64) -> bool:
        """For who only knows where it is: False if the last reference has gone."""
        while True:
            before = self.count.load(order=RELAXED)
            if before == 0:
                return False
            if self.count.cas(before, before + count):
                return True

    def put(self) -> bool:
        """Drop one. True if it was the last: the object is gone."""
        before = self.count.sub(1, order=ACQ_REL)  # what others did with it comes before its end
        assert before > 0, "more references are dropped than there were"
        if before == 1:
            self.release(self)
            return True
        return False
