# SPDX-License-Identifier: GPL-2.0-or-later
"""Kernel threads: a stack that can be left in the middle of a call, and resumed later, on any core.

A core always has a current thread, whose stack is the one that traps from user space start on; user contexts are never
on it. Blocking leaves the stack, makes the core's spare thread current and goes to the idle loop: the *core* goes on,
with the process that owns it. Waking sends the thread, as a routine message, to a core that resumes it.
There is no kernel preemption.

How to block, in an object with a lock of its own (see semaphore.py):
    kthread = prepare_to_block()            # checks that blocking is allowed, makes sure of a spare; may raise ENOMEM
    with self.lock.irqs_off() as held:
        if not ready:
            self.waiters.push(kthread)
            park(kthread, releasing=held)   # the lock is held again when it returns
Code after a block may run on another core: take `core.mine` anew.
Locks: `all_lock` (list and pool of threads) is a leaf. park() is entered with exactly one lock held.
"""

from enum import IntFlag
from typing import Callable, Literal, NoReturn

from lang import (
    CHECKED,
    Error,
    ErrorSlot,
    PerCore,
    Ref,
    Uaddr,
    addr_of,
    assign,
    at,
    blocks,
    free,
    hook,
    i32,
    interrupt_context,
    new,
    panic,
    struct,
    u32,
    u64,
)
from arch import context, cpu, mmu
from arch.context import KthreadContext
from kern.abi.syscall import SyscallWords
from kern.core import idle
from kern.core.kmsg import Kmsg, post_routine, routine_pending, send_routine
from kern.core.percore import core
from kern.lib.list import IntrusiveList, ListLink
from kern.lib.queue import Queue
from kern.mm.shootdown import relax
from kern.mm.kmap import STACK_SIZE, alloc_stack, free_stack
from kern.proc.proc import Proc, proc_get, proc_put
from kern.sync.lockcheck import HeldLocks, check_none_held
from kern.sync.spinlock import IrqsOffLock, SpinLock

CANARY: u64 = 0x5AFE_57AC_C0DE_D00D         # at the low end of every stack
KTASK_CORE: u32 = 0                         # where ktasks wake
POOL_LIMIT: u64 = 128                       # idle stacks that are kept; more go back to memory


class KthreadFlag(IntFlag):
    KTASK = 1                               # works for the kernel, not for a process: wakes on core 0
    BLOCKED = 2                             # has left its stack
    PARKED = 4                              # has done so since it was plain: what the core does has nothing to do with it any more


@struct
class Canary:
    value: u64


@struct
class Kthread:
    next: Ref["Kthread"] | None             # in the queue of what it waits for, or in the pool
    everyone: ListLink["Kthread"]           # in the list of all threads
    context: KthreadContext                 # registers, while it is blocked
    stack_top: u64
    proc: Ref[Proc] | None                  # address space to come back into, with a counted reference, while blocked
    sysc: Uaddr                             # the user's Syscall that it works on; 0 for none
    finished: Uaddr                         # the one that it has worked on last, while its end is told
    call: SyscallWords                      # with `sysc`: what was asked for
    fd: i32 = -1                            # the descriptor that the call has looked up last
    must_finish: u32                        # how deep in sections that may take the last memory (kern/event/finish.py)
    was_parked: bool                        # the call waits without this thread (kern/syscall/parked.py)
    errors: ErrorSlot                       # where `raise` keeps errno and message
    flags: KthreadFlag
    borrowing: u32                          # depth of switch_to(): a ktask inside comes back into that address space
    home: Ref[Proc] | None                  # while it borrows one: the process that it works for; `switch_to` holds a reference
    name: str = "kthread"
    waits_for: str = "nothing"              # while it is blocked: the kind of object that it sleeps on,
    wait_object: u64                        # ... and its address
    launch: Kmsg                            # so that waking needs no memory
    qlocks: HeldLocks                       # checked builds: the sleeping locks that it holds

    @property
    def is_ktask(self) -> bool:
        return KthreadFlag.KTASK in self.flags

    def become_plain(self) -> None:
        """Forget what the last user of this stack was: it is about to do something new."""
        self.flags = KthreadFlag(0)
        self.sysc = Uaddr(0)
        self.fd = -1
        self.borrowing = 0
        self.must_finish = 0
        self.name = "kthread"

    def become_ktask(self, name: str) -> None:
        self.flags = KthreadFlag.KTASK
        self.name = name

    def sleeps_on(self, kind: str, object: u64) -> None:
        """About to be parked: what to show of it meanwhile."""
        self.waits_for = kind
        self.wait_object = object

    def check_canary(self) -> None:
        if at(Canary, self.stack_top - STACK_SIZE).value != CANARY:
            panic(f"kernel stack of {self.name} overflowed")


@struct
class KtaskStart:
    fn: Callable[[u64], None]
    arg: u64
    name: str


all_lock = SpinLock()
yielding = PerCore[SpinLock]()              # held by who gives way, since park drops one
all_kthreads = IntrusiveList[Kthread, Literal["everyone"]]()
pool = Queue[Kthread]()                     # threads with stacks that no core needs now
pool_count: u64 = 0
boot_errors = ErrorSlot()                   # before a core has its first thread


@hook
def error_slot() -> ErrorSlot:
    """Where `raise` leaves errno and message: the current thread's own, since a thread may block while it handles one."""
    kthread = core.mine.cur_kthread
    return boot_errors if kthread is None else kthread.errors


def current_kthread() -> Kthread:
    """The thread whose stack this code runs on."""
    kthread = core.mine.cur_kthread
    assert kthread is not None, "no kernel thread yet"
    return kthread


@struct
class BlockedCall:
    """A system call that sleeps."""

    sysc: Uaddr
    words: SyscallWords


def copy_blocked(p: Proc, index: u64, into: BlockedCall) -> bool:
    """The index'th blocked call of a process; False past the last. Who wakes meanwhile may be missed, or shown as he was."""
    seen: u64 = 0
    with all_lock.irqs_off():
        kthread = all_kthreads.first()
        while kthread is not None:
            if KthreadFlag.BLOCKED in kthread.flags and kthread.proc is p and u64(kthread.sysc) != 0:
                if seen == index:
                    into.sysc = kthread.sysc
                    assign(into.words, kthread.call)
                    return True
                seen += 1
            kthread = all_kthreads.after(kthread)
    return False


@struct
class RunningThread:
    """The thread whose stack a core uses."""

    address: u64
    name: str = "-"
    sysc: Uaddr


def copy_running(core_id: u32, into: RunningThread) -> None:
    """Of another core, which may go on to another thread meanwhile: a thread is in the list as long as it may be looked at."""
    with all_lock.irqs_off():
        wanted = core[core_id].cur_kthread
        kthread = all_kthreads.first()
        while kthread is not None:
            if kthread is wanted:
                into.address = addr_of(kthread)
                into.name = kthread.name
                into.sysc = kthread.sysc
                return
            kthread = all_kthreads.after(kthread)


def prepare_to_block() -> Kthread:
    """Check that this code may block, and make sure of a spare thread for the core. May raise ENOMEM.

    Returns the current thread, to be queued and parked.
    """
    mine = core.mine
    if mine.irq_depth > 0 or mine.lock_depth > 0:
        if CHECKED:
            check_none_held("blocking")
        panic(f"blocking with {mine.lock_depth} spinlocks held, interrupt depth {mine.irq_depth}")
    if mine.spare is None:
        mine.spare = new_kthread()
    kthread = current_kthread()
    kthread.check_canary()
    return kthread


def core_is_free() -> bool:
    """Whether nothing but this thread wants the core: no message waits, and no process has user code to go on with."""
    return core.mine.owning_proc is None and not routine_pending()


@blocks
def park(kthread: Kthread, releasing: IrqsOffLock) -> None:
    """Leave this stack until someone calls `wake(kthread)`. Comes back with `releasing` held again, interrupts off.

    Caller holds: `releasing`, taken with interrupts off, and no other; it has queued `kthread`.
    """
    mine = core.mine
    fresh = mine.spare
    assert fresh is not None, "park without prepare_to_block"
    assert mine.lock_depth == 1, "park with another spinlock held"
    if not kthread.is_ktask or kthread.borrowing > 0:
        keep_address_space(kthread)
    kthread.flags = kthread.flags | KthreadFlag.BLOCKED | KthreadFlag.PARKED
    saved = releasing.spin.saved
    mine.spare = None
    mine.switches += 1
    mine.cur_kthread = fresh
    cpu.set_kernel_stack(fresh.stack_top)
    # The lock is dropped on the new stack: a waker on another core may run this thread the instant it can
    # see it queued, and two cores must never share a stack.
    context.save_and_switch(kthread.context, fresh.stack_top, finish_park, addr_of(releasing))
    releasing.spin.lock()
    releasing.spin.saved = saved


def finish_park(lock: u64) -> NoReturn:
    at(SpinLock, lock).unlock()
    idle.idle_loop(0)


def keep_address_space(kthread: Kthread) -> None:
    p = core.mine.cur_proc
    if p is not None:
        proc_get(p)
    kthread.proc = p


@interrupt_context
def wake(kthread: Kthread) -> None:
    """Make a parked thread run again: on this core, or on core 0 for a ktask. Callable from interrupt handlers.

    The caller has taken it from where it was queued, holding that lock, and holds it no longer; it must not touch
    the object afterwards, which may stand on the stack of the woken thread.
    """
    target = KTASK_CORE if kthread.is_ktask else core.mine.core_id
    wake_on(target, kthread)


def kthread_yield() -> None:
    """Let what else waits on this core go first: its messages, the threads that they wake, and its owner's user code. May raise ENOMEM."""
    kthread = prepare_to_block()
    with yielding.mine.irqs_off() as held:
        # Onto this core's own messages, which run once the stack is left and not before.
        wake_on(core.mine.core_id, kthread)
        park(kthread, releasing=held)


def give_way() -> None:
    """What to do in a loop that waits for what a thread or a routine message does, somewhere: it may stand in line here. May block."""
    try:
        kthread_yield()
    except Error:
        relax()                             # no memory for a stack to leave to


def wake_on(target: u32, kthread: Kthread) -> None:
    kthread.launch.routine = launch_kthread
    kthread.launch.a0 = addr_of(kthread)
    post_routine(target, kthread.launch)


def launch_kthread(address: u64, unused1: u64, unused2: u64) -> None:
    """Routine message: resume the thread here. Never returns; whoever owns the core goes on from the idle loop later."""
    kthread = at(Kthread, address)
    mine = core.mine
    old_spare = mine.spare
    # We stand on the current thread's stack until the switch: it can be the spare, but not be freed.
    mine.spare = mine.cur_kthread
    if old_spare is not None:
        give_back(old_spare)
    p = kthread.proc
    if p is not None:
        kthread.proc = None
        take_over_address_space(p)
    kthread.flags = kthread.flags & ~KthreadFlag.BLOCKED
    core.mine.cur_kthread = kthread
    cpu.set_kernel_stack(kthread.stack_top)
    context.resume(kthread.context)


def take_over_address_space(p: Proc) -> None:
    """Make p current, with the reference that the caller has. Interrupts are off."""
    old = core.mine.cur_proc
    if old is None or old is not p:
        core.mine.cur_proc = p              # first: a shootdown that does not see us here precedes the load
        mmu.load(p.space)                   # before the old one can go
    if old is not None:
        proc_put(old)                       # the old process', or one too many of the same


def new_kthread() -> Kthread:
    """A thread with a guarded stack, from the pool or fresh. May raise ENOMEM."""
    global pool_count
    with all_lock.irqs_off():
        pooled = pool.pop()
        if pooled is not None:
            pool_count -= 1
    if pooled is not None:
        return pooled
    top = alloc_stack()
    try:
        kthread = new(Kthread, stack_top=top)
    except Error:
        free_stack(top)
        raise
    at(Canary, top - STACK_SIZE).value = CANARY
    with all_lock.irqs_off():
        all_kthreads.push_back(kthread)
    return kthread


def drop_spare() -> None:
    """This core keeps no thread for its next block. From a routine message."""
    spare = core.mine.spare
    core.mine.spare = None
    if spare is not None:
        give_back(spare)


def drop_pool() -> None:
    """Keep no idle threads."""
    global pool_count
    while True:
        with all_lock.irqs_off():
            kthread = pool.pop()
            if kthread is not None:
                pool_count -= 1
                all_kthreads.remove(kthread)
        if kthread is None:
            return
        free_stack(kthread.stack_top)
        free(kthread)


def give_back(kthread: Kthread) -> None:
    """Done with a thread that nobody stands on: keep it for later, or free it if enough are kept."""
    global pool_count
    kthread.check_canary()
    kthread.become_plain()
    with all_lock.irqs_off():
        keep = pool_count < POOL_LIMIT
        if keep:
            pool.push(kthread)
            pool_count += 1
        else:
            all_kthreads.remove(kthread)
    if not keep:
        free_stack(kthread.stack_top)
        free(kthread)


def spawn_ktask(name: str, fn: Callable[[u64], None], arg: u64) -> None:
    """Run `fn(arg)` as a kernel task on core 0: without a process, allowed to block. May raise ENOMEM."""
    start = new(KtaskStart, fn=fn, arg=arg, name=name)
    send_routine(KTASK_CORE, run_ktask, addr_of(start), 0, 0)


def run_ktask(address: u64, unused1: u64, unused2: u64) -> None:
    start = at(KtaskStart, address)
    fn = start.fn
    arg = start.arg
    current_kthread().become_ktask(start.name)
    free(start)
    cpu.irqs_on()
    fn(arg)
    cpu.irqs_off()


def adopt_boot_stack() -> None:
    """Give this core its first thread, with a fresh stack; the caller then leaves the boot stack for good."""
    kthread = new_kthread()
    core.mine.cur_kthread = kthread
    cpu.set_kernel_stack(kthread.stack_top)
