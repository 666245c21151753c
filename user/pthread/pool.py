# SPDX-License-Identifier: LGPL-2.1-or-later
"""Memory of threads: one mapping each, kept for the next thread with a stack of that size when one has gone.

From low to high: a guard, the stack, the thread-local block, the Uthread itself.
Lock: `lock`, a leaf.
"""

from typing import Callable

from lang import Atomic, Errno, Error, Raises, Ref, Uaddr, addr_of, at, inline, sizeof, struct, u32, u64
from kern.abi.mman import MapFlags, Prot
from parlib.current import my_vcore
from parlib.debug import describe_thread
from parlib.pdr import PdrLock
from parlib.tls import current_of, init_tls_block, tls_block_size
from parlib.uthread import EXITED, Uthread, forget, init_uthread
from parlib.vcore import Vcore, disable_notifs, enable_notifs
from pthread.attr import DEFAULT_STACK_SIZE, MIN_STACK_SIZE, PAGE_SIZE, Attr
from syscalls import sys_mmap, sys_mprotect, sys_munmap

ALIGN: u64 = 64
MAX_SIZE: u64 = 1 << 36                     # of a stack, and of a guard


@struct
class PooledThread(Uthread):
    """`memory` is where its mapping starts."""

    mapped: u64                             # bytes
    stack_size: u64
    guard_size: u64
    usual: bool                             # of the default sizes


@struct
class Pool:
    lock: PdrLock
    usual: Ref[Uthread] | None              # gone threads, linked by `next`: with the default sizes
    others: Ref[Uthread] | None
    all: Ref[Uthread] | None                # all that were ever mapped, linked by `mapped_before`
    made: Atomic[u32]                       # thread numbers given out


pool = Pool()


def pages_for(size: u64) -> u64:
    """In bytes."""
    return (size + PAGE_SIZE - 1) // PAGE_SIZE * PAGE_SIZE


def map_thread(stack_size: u64, guard_size: u64) -> PooledThread:
    """Memory for one more thread. Raises ENOMEM."""
    size = guard_size + stack_size + pages_for(tls_block_size() + sizeof(PooledThread) + ALIGN)
    memory = u64(sys_mmap(Uaddr(0), size, Prot.READ | Prot.WRITE, MapFlags.PRIVATE | MapFlags.ANONYMOUS, -1, 0))
    if guard_size > 0:
        try:
            sys_mprotect(Uaddr(memory), guard_size, Prot.NONE)
        except Error:
            sys_munmap(Uaddr(memory), size)
            raise
    thread = at(PooledThread, (memory + size - sizeof(PooledThread)) // ALIGN * ALIGN)
    thread.memory = memory
    thread.mapped = size
    thread.stack_size = stack_size
    thread.guard_size = guard_size
    thread.usual = stack_size == DEFAULT_STACK_SIZE and guard_size == PAGE_SIZE
    with pool.lock:
        thread.mapped_before = pool.all
        pool.all = thread
    return thread


def take_usual(vcore: Vcore) -> Uthread | None:
    """Notifications are disabled."""
    pool.lock.lock_on(vcore)
    uthread = pool.usual
    if uthread is not None:
        pool.usual = uthread.next
    pool.lock.unlock_on()
    return uthread


def take_other(stack_size: u64, guard_size: u64) -> Uthread | None:
    """One of those sizes."""
    with pool.lock:
        before: Uthread | None = None
        uthread = pool.others
        while uthread is not None:
            thread = at(PooledThread, addr_of(uthread))
            if thread.stack_size == stack_size and thread.guard_size == guard_size:
                if before is None:
                    pool.others = uthread.next
                else:
                    before.next = uthread.next
                return uthread
            before = uthread
            uthread = uthread.next
    return None


def take_thread(fn: Callable[[u64], Raises[None]], arg: u64) -> Uthread:
    """A fresh thread that will run fn(arg), not known to the scheduler yet. Raises ENOMEM."""
    disable_notifs()
    uthread = take_thread_pinned(fn, arg)
    enable_notifs()
    return uthread


@inline
def take_thread_pinned(fn: Callable[[u64], Raises[None]], arg: u64) -> Uthread:
    """`take_thread` for who has disabled notifications, once for this and more: they are on for a while if memory must be mapped."""
    uthread = take_usual(my_vcore())
    if uthread is None:
        enable_notifs()
        uthread = map_thread(DEFAULT_STACK_SIZE, PAGE_SIZE)
        disable_notifs()
    begin_thread(uthread, fn, arg)
    return uthread


def take_thread_with(attr: Attr, fn: Callable[[u64], Raises[None]], arg: u64) -> Uthread:
    """The same with sizes of one's own. Raises EINVAL for a stack that is too small, ENOMEM."""
    if attr.stack_size < MIN_STACK_SIZE or attr.stack_size > MAX_SIZE or attr.guard_size > MAX_SIZE:
        raise Error(Errno.EINVAL, f"no thread has a stack of {attr.stack_size} bytes and a guard of {attr.guard_size}")
    stack_size = pages_for(attr.stack_size)
    guard_size = pages_for(attr.guard_size)
    if stack_size == DEFAULT_STACK_SIZE and guard_size == PAGE_SIZE:
        return take_thread(fn, arg)
    uthread = take_other(stack_size, guard_size)
    if uthread is None:
        uthread = map_thread(stack_size, guard_size)
    begin_thread(uthread, fn, arg)
    return uthread


@inline
def begin_thread(uthread: Uthread, fn: Callable[[u64], Raises[None]], arg: u64) -> None:
    # Right below the Uthread, so that a thread with little on its stack touches one page, or two.
    block = (addr_of(uthread) - tls_block_size()) // ALIGN * ALIGN
    tp = init_tls_block(block)
    init_uthread(uthread, block, tp, current_of(tp), fn, arg)
    uthread.id = pool.made.add(1) + 1


def give_thread(uthread: Uthread) -> None:
    """The thread is gone; nobody runs on its stack. Any context."""
    with pool.lock:
        if at(PooledThread, addr_of(uthread)).usual:
            uthread.next = pool.usual
            pool.usual = uthread
        else:
            uthread.next = pool.others
            pool.others = uthread


def forget_all() -> None:
    """In the copy that a fork made: all threads but the calling one."""
    thread = pool.all
    while thread is not None:
        forget(thread)
        thread = thread.mapped_before


def find_willing(signals: u64) -> Uthread | None:
    """A living thread that does not block all of these signals; if there are several, one that does not wait for other threads, if there is
    such. In vcore context, without the lock: the list only grows."""
    found: Uthread | None = None
    uthread = pool.all
    while uthread is not None:
        if uthread.vars != 0 and uthread.join.load() != EXITED and signals & ~uthread.signals.mask != 0:
            found = uthread
            if not uthread.waits_for_threads:
                break
        uthread = uthread.mapped_before
    return found


def describe_threads() -> None:
    """A line for each thread that there ever was, on standard error. In vcore context, without the lock: the list only grows."""
    uthread = pool.all
    while uthread is not None:
        describe_thread(uthread)
        uthread = uthread.mapped_before
