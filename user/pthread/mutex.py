# SPDX-License-Identifier: LGPL-2.1-or-later
"""The kinds of mutex that POSIX has beside the normal one: recursive, and one that checks its user's errors."""

from lang import RELAXED, Atomic, Errno, Error, must_use, struct, u64
from parlib import mutex
from parlib.current import me, my_uthread


@struct
class ErrorCheckMutex:
    """Locking it twice, or unlocking what another thread holds, raises instead of waiting for ever or breaking things.

    Unlocking may raise, so it is not for `with`."""

    inner: mutex.Mutex
    holder: Atomic[u64]                     # address of the Uthread that has it

    def lock(self) -> None:
        """Raises EDEADLK if the caller has it."""
        self.refuse_twice()
        self.inner.lock()
        self.take()

    @must_use
    def try_lock(self) -> bool:
        if not self.inner.try_lock():
            return False
        self.take()
        return True

    @must_use
    def lock_until(self, deadline_ns: u64) -> bool:
        """Raises EDEADLK if the caller has it."""
        self.refuse_twice()
        if not self.inner.lock_until(deadline_ns):
            return False
        self.take()
        return True

    def unlock(self) -> None:
        """Raises EPERM if the caller does not have it."""
        self.give_up()
        self.inner.unlock()

    def give_up(self) -> None:
        """Before the inner one is unlocked. Raises EPERM if the caller does not have it."""
        if self.holder.load(order=RELAXED) != me.mine.uthread:
            raise Error(Errno.EPERM, f"thread {my_uthread().id} unlocks a mutex that it does not hold")
        self.holder.store(0, order=RELAXED)

    def take(self) -> None:
        """When the inner one has been locked."""
        self.holder.store(me.mine.uthread, order=RELAXED)  # only one's own address means something to who reads it

    def refuse_twice(self) -> None:
        if self.holder.load(order=RELAXED) == me.mine.uthread:
            raise Error(Errno.EDEADLK, f"thread {my_uthread().id} locks a mutex that it holds")
