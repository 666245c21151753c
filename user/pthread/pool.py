# SPDX-License-Identifier: LGPL-2.1-or-later
"""Memory of threads: one mapping each, kept for the next thread when one has gone.

From low to high: a guard page, the stack, the thread-local block, the Uthread itself. The size of the stack is the same for all.
Lock: `lock`, a leaf.
"""

from typing import Callable

from lang import Raises, Ref, Uaddr, at, sizeof, struct, u32, u64
from kern.abi.mman import MapFlags, Prot
from parlib.debug import describe_thread
from parlib.pages import PAGE_SIZE, make_guard
from parlib.pdr import PdrLock
from parlib.tls import current_of, init_tls_block, tls_block_size
from parlib.uthread import Uthread, init_uthread
from syscalls import sys_mmap

STACK_SIZE: u64 = 16 * 4096
ALIGN: u64 = 64


@struct
class Pool:
    lock: PdrLock
    free: Ref[Uthread] | None               # gone threads, linked by `next`
    all: Ref[Uthread] | None                # all that were ever mapped, linked by `mapped_before`
    made: u32                               # thread numbers given out


pool = Pool()


def map_thread() -> Uthread:
    """Memory for one more thread. Raises ENOMEM."""
    above = tls_block_size() + sizeof(Uthread) + ALIGN
    size = PAGE_SIZE + STACK_SIZE + (above + PAGE_SIZE - 1) // PAGE_SIZE * PAGE_SIZE
    memory = u64(sys_mmap(Uaddr(0), size, Prot.READ | Prot.WRITE, MapFlags.PRIVATE | MapFlags.ANONYMOUS, -1, 0))
    make_guard(memory)
    uthread = at(Uthread, (memory + size - sizeof(Uthread)) // ALIGN * ALIGN)
    uthread.memory = memory
    with pool.lock:
        uthread.mapped_before = pool.all
        pool.all = uthread
    return uthread


def take_thread(fn: Callable[[u64], Raises[None]], arg: u64) -> Uthread:
    """A fresh thread that will run fn(arg), not known to the scheduler yet. Raises ENOMEM."""
    uthread: Uthread | None = None
    with pool.lock:
        uthread = pool.free
        if uthread is not None:
            pool.free = uthread.next
        pool.made += 1
        number = pool.made
    if uthread is None:
        uthread = map_thread()
    block = uthread.memory + PAGE_SIZE + STACK_SIZE
    tp = init_tls_block(block)
    init_uthread(uthread, block, tp, current_of(tp), fn, arg)
    uthread.id = number
    return uthread


def give_thread(uthread: Uthread) -> None:
    """The thread is gone; nobody runs on its stack. Any context."""
    with pool.lock:
        uthread.next = pool.free
        pool.free = uthread


def describe_threads() -> None:
    """A line for each thread that there ever was, on standard error. In vcore context, without the lock: the list only grows."""
    uthread = pool.all
    while uthread is not None:
        describe_thread(uthread)
        uthread = uthread.mapped_before
