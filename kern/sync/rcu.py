# SPDX-License-Identifier: GPL-2.0-or-later
"""RCU: readers that take no lock, write nothing that others read, and wait for nobody; who removes something waits for them.

    with reading():                         table[pid].store(None)              # nobody finds it from now on
        p = table[pid].load(order=ACQUIRE)  call_rcu(p.rcu, free_proc)          # or: synchronize_rcu(); free(p)
        …                                   # when nobody can still look at it
A section is brief and does not block, which the compiler checks; sections nest, and interrupt handlers may have them. What is found in one
is valid to its end, or longer with a reference taken by `get_not_zero`.

Each core says in a word of its own since which epoch it reads. Who waits begins a new epoch, and then waits for each core that reads
since an older one; a core in user space, halted or busy elsewhere says 0 and is not disturbed. This is the general scheme of Desnoyers,
McKenney, Stern, Dagenais and Walpole, User-level implementations of read-copy update (IEEE TPDS 23, 2012). Callbacks run in a kernel task
on core 0, in the order in which they were given.
Locks: `pending_lock`, a leaf, taken with interrupts off.
"""

from typing import Callable

from lang import (
    ACQUIRE,
    RELAXED,
    RELEASE,
    SEQ_CST,
    Atomic,
    Error,
    PerCore,
    Ref,
    atomic_section,
    container_of,
    fence,
    panic,
    struct,
    u32,
    u64,
)
from arch import smp
from kern.boot.main import inits
from kern.core.percore import core
from kern.lib.queue import Queue
from kern.mm.shootdown import relax
from kern.sync.completion import Completion
from kern.sync.kthread import prepare_to_block, spawn_ktask
from kern.sync.rendez import sleep_ns
from kern.sync.semaphore import Semaphore
from kern.sync.spinlock import SpinLock

NAP_NS: u64 = 1_000_000                     # between two looks whether readers are past


@struct(align=64)
class Reader:
    """A core's own. A handler may come between any two lines of enter and leave: it leaves both fields as it found them, or
    stores an epoch where the interrupted code is about to."""

    since: Atomic[u64]                      # the epoch in which the outermost section began; 0: the core reads nothing
    depth: u32

    def enter(self) -> None:
        self.depth += 1
        if self.since.load(order=RELAXED) == 0:
            self.since.store(epoch.load(order=RELAXED), order=RELEASE)  # release: keeps the section before this one before it
            # Pairs with the fence in begin_epoch: either are_past sees `since`, or we see what was removed before.
            fence(SEQ_CST)

    def leave(self) -> None:
        self.depth -= 1
        if self.depth == 0:
            self.since.store(0, order=RELEASE)  # pairs with the load in are_past: our reads are over before it says so


@struct
class Section:
    """What `with reading():` enters and leaves. It has no state: the core has."""

    @atomic_section
    def __enter__(self) -> None:
        readers.mine.enter()

    def __exit__(self) -> None:
        readers.mine.leave()


@struct
class RcuHead:
    """To be embedded in what `call_rcu` is to be called for."""

    next: Ref["RcuHead"] | None
    callback: Callable[["RcuHead"], None] | None


readers = PerCore[Reader]()
epoch = Atomic[u64](1)
section = Section()
pending = Queue[RcuHead]()
pending_lock = SpinLock()
work = Semaphore()


def reading() -> Section:
    """`with reading():` nothing that was found in it goes away before its end."""
    return section


def synchronize_rcu() -> None:
    """Wait until every section that began before has ended. Spins, for as long as a section lasts. No spinlock is held."""
    assert core.mine.lock_depth == 0 and readers.mine.depth == 0, "waiting for readers who may wait for us"
    target = begin_epoch()
    while not are_past(target):
        relax()


def begin_epoch() -> u64:
    """What was removed until now is seen by every section that begins in this epoch or later."""
    begun = epoch.add(1) + 1
    fence(SEQ_CST)                          # pairs with the fence in Reader.enter
    return begun


def are_past(target: u64) -> bool:
    """Whether no core is in a section that began before that epoch."""
    for i in range(u32(0), smp.core_count()):
        if 0 < readers[i].since.load(order=ACQUIRE) < target:  # pairs with the store in Reader.leave
            return False
    return True


def call_rcu(head: RcuHead, callback: Callable[[RcuHead], None]) -> None:
    """Have `callback(head)` called when every section that began before has ended. Any context. `container_of` finds the object."""
    head.callback = callback
    with pending_lock.irqs_off():
        was_empty = pending.is_empty()
        pending.push(head)
    if was_empty:
        work.up()


def rcu_barrier() -> None:
    """Sleep until every callback given before has run. May raise ENOMEM."""
    barrier = Barrier()
    prepare_to_block()                      # raises here, not in the wait: by then the barrier is the task's as well
    barrier.done.expect(1)
    call_rcu(barrier.head, open_barrier)
    barrier.done.wait()


@struct
class Barrier:
    head: RcuHead                           # first, so that its address is the barrier's
    done: Completion


def open_barrier(head: RcuHead) -> None:
    container_of(Barrier, "head", head).done.done()


def rcu_task(unused: u64) -> None:
    """The kernel task that runs callbacks, batch by batch."""
    while True:
        try:
            work.down()
        except Error:
            continue                        # no memory for a stack to leave to: try again
        run_callbacks()


def run_callbacks() -> None:
    batch = Queue[RcuHead]()
    with pending_lock.irqs_off():
        batch.take_all(pending)
    if batch.is_empty():
        return
    target = begin_epoch()
    while not are_past(target):
        nap()
    while (head := batch.pop()) is not None:
        callback = head.callback
        assert callback is not None, "an RCU callback without a function"
        callback(head)


def nap() -> None:
    """A section that lasts must not keep core 0 from everything else."""
    try:
        sleep_ns(NAP_NS)
    except Error:
        relax()


@inits
def start_rcu() -> None:
    try:
        spawn_ktask("rcu", rcu_task, 0)
    except Error as e:
        panic(f"no RCU task: {e.message}")
