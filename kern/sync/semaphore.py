# SPDX-License-Identifier: GPL-2.0-or-later
"""Counting semaphore: blocks the calling kernel thread, never the core.

Where the signal is about to come from another core, a switch of stacks costs more than a short wait. `spin_before_sleeping` (boot option
`sem_spin=USEC`) lets `down` spin so long first, as long as the core has no message to run and no owner to go on with.
Guarantees: each `up` lets exactly one `down` through; sleepers leave in FIFO order.
Locks: `lock` is a leaf and is taken with interrupts off, since `up` may run in a handler.
"""

from lang import RELAXED, Error, addr_of, atomic, i32, interrupt_context, must_use, struct, u64
from kern.boot.cmdline import option_or
from kern.boot.main import inits
from kern.debug import log
from kern.lib.queue import Queue
from kern.mm.shootdown import relax
from kern.sync.kthread import Kthread, core_is_free, park, prepare_to_block, wake
from kern.sync.spinlock import SpinLock
from kern.time.clock import NS_PER_USEC, now_ns

spin_limit_ns: u64 = 0                      # how long `down` spins before it sleeps


@struct
class Semaphore:
    signals: i32                            # < 0: that many threads sleep in `waiters`
    lock: SpinLock
    waiters: Queue[Kthread]

    def down(self) -> None:
        """Take one signal; sleep until there is one. May block; may raise ENOMEM, and then took nothing."""
        kthread = prepare_to_block()
        if spin_limit_ns > 0 and self.spin_for_signal():
            return
        with self.lock.irqs_off() as held:
            self.signals -= 1
            if self.signals < 0:
                kthread.sleeps_on("semaphore", addr_of(self))
                self.waiters.push(kthread)
                park(kthread, releasing=held)

    def spin_for_signal(self) -> bool:
        """Wait for a signal without leaving the stack, while this core has nothing better to do. Whether one came, and was taken."""
        end = now_ns() + spin_limit_ns
        while core_is_free() and now_ns() < end:
            if atomic(self.signals).load(order=RELAXED) > 0 and self.try_down():
                return True
            relax()
        return False

    @must_use
    def try_down(self) -> bool:
        """Take one signal if there is one. Never blocks."""
        with self.lock.irqs_off():
            if self.signals <= 0:
                return False
            self.signals -= 1
            return True

    @interrupt_context
    def up(self) -> None:
        """Give one signal, and wake the longest sleeper. Callable from interrupt handlers."""
        sleeper = self.take_one()
        # From here on the semaphore may be gone: it may stand on the sleeper's stack.
        if sleeper is not None:
            wake(sleeper)

    def take_one(self) -> Kthread | None:
        with self.lock.irqs_off():
            self.signals += 1
            return self.waiters.pop() if self.signals <= 0 else None


@must_use
def spin_before_sleeping(limit_ns: u64) -> u64:
    """Let every `down` spin so long before it sleeps; 0: not at all. What it was before."""
    global spin_limit_ns
    old = spin_limit_ns
    spin_limit_ns = limit_ns
    return old


@inits
def read_option() -> None:
    try:
        _ = spin_before_sleeping(u64(option_or("sem_spin", "0")) * NS_PER_USEC)
    except Error as e:
        log.warn(f"sem_spin: {e.message}")
