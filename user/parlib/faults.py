# SPDX-License-Identifier: LGPL-2.1-or-later
"""A fault that the kernel handed to the 2LS: a page that is on its way from a file blocks its thread; anything else is a signal, and
ends the process if that has no handler.

The page is asked for by an asynchronous call that blocks just the thread; it makes the same access again then. Should the page not come,
the repeated fault is one of the other kind, or the same once more: then what reading the file gave is why the thread cannot go on.
"""

from typing import NoReturn

from lang import Uaddr, pause, u32, u64
from arch.abi import ContextFlag, UserContext
from kern.abi.errno import Errno
from kern.abi.fault import TrapKind, is_backed, kind_of, problem_of, told
from kern.abi.signal import Signal
from kern.abi.syscall import Syscall
from parlib import sched
from parlib.signal_delivery import prepare_fault
from parlib.uthread import Uthread
from rt.syscall import reset
from syscalls import submit_fault_exit, submit_populate_va

PAGE_MASK: u64 = 4095


def settle_fault(uthread: Uthread) -> None:
    """In vcore context; the thread is saved, with its fault. The usual `reflected_fault` of a 2LS."""
    ctx = uthread.ctx
    if is_backed(ctx.error_code) and ask_for_page(uthread, ctx.fault_address & ~PAGE_MASK):
        return
    if not prepare_fault(uthread, signal_of(ctx), u64(ctx.fault_address)):
        die_of_fault(uthread)
    sched.current.paused(uthread)


def ask_for_page(uthread: Uthread, page: u64) -> bool:
    """Block the thread on having the page brought in. False, with the reason in its context, if it was asked for before in vain."""
    ctx = uthread.ctx
    call = uthread.call
    if uthread.page_asked == page and call.err != 0:
        ctx.error_code = told(ctx.error_code, TrapKind.PAGE_FAULT, Errno(call.err))
        uthread.page_asked = 0
        return False
    ctx.flags &= ~u32(ContextFlag.FAULTED)
    uthread.page_asked = page
    reset(call)
    submit_populate_va(call, Uaddr(page), 1)
    sched.current.block_on_call(uthread, call)
    return True


def signal_of(ctx: UserContext) -> Signal:
    """POSIX's name for a fault."""
    match kind_of(ctx.error_code):
        case TrapKind.DIVIDE | TrapKind.OVERFLOW | TrapKind.FLOATING_POINT:
            return Signal.FPE
        case TrapKind.ILLEGAL_INSTRUCTION:
            return Signal.ILL
        case TrapKind.BREAKPOINT | TrapKind.DEBUG:
            return Signal.TRAP
        case TrapKind.ALIGNMENT:
            return Signal.BUS
        case TrapKind.PAGE_FAULT:
            problem = problem_of(ctx.error_code)
            return Signal.SEGV if problem == u32(Errno.EFAULT) or problem == u32(Errno.EPERM) else Signal.BUS
        case TrapKind.PROTECTION | TrapKind.OTHER:
            return Signal.SEGV


def die_of_fault(uthread: Uthread) -> NoReturn:
    """In vcore context. The kernel tells of the fault, as of one that is not reflected, and ends the process."""
    call = Syscall()
    submit_fault_exit(call, uthread.ctx)
    while True:
        pause()
