# SPDX-License-Identifier: LGPL-2.1-or-later
"""A fault that the kernel handed to the 2LS: a page that is on its way from a file blocks its thread, anything else ends the process.

The page is asked for by an asynchronous call that blocks just the thread; it repeats the instruction then. Should the page not come, the
repeated fault is one of the other kind.
"""

from typing import NoReturn

from lang import Uaddr, i32, u32, u64
from arch.abi import ContextFlag
from kern.abi.mman import FAULT_BACKED
from kern.abi.signal import Signal
from parlib import sched
from parlib.signal_delivery import prepare_fault
from parlib.uthread import Uthread
from rt.exit import exit_now
from rt.hooks import print_frames
from rt.io import STDERR, print_to
from rt.syscall import reset
from syscalls import submit_populate_va

FAULT_STATUS: i32 = 139
PAGE_MASK: u64 = 4095


def settle_fault(uthread: Uthread) -> None:
    """In vcore context; the thread is saved, with its fault. The usual `reflected_fault` of a 2LS."""
    ctx = uthread.ctx
    if ctx.error_code & FAULT_BACKED == 0:
        if not prepare_fault(uthread, Signal.SEGV, u64(ctx.fault_address)):
            die_of_fault(uthread)
        sched.current.paused(uthread)
        return
    ctx.flags &= ~u32(ContextFlag.FAULTED)
    call = uthread.call
    reset(call)
    submit_populate_va(call, Uaddr(u64(ctx.fault_address) & ~PAGE_MASK), 1)
    sched.current.block_on_call(uthread, call)


def die_of_fault(uthread: Uthread) -> NoReturn:
    """In vcore context."""
    ctx = uthread.ctx
    print_to(
        STDERR, f"thread {uthread.id}: trap {ctx.trap_number} (error {ctx.error_code:#x}, address {ctx.fault_address:#x}) at {ctx.pc:#x}\n"
    )
    print_frames(ctx.frame_pointer)
    exit_now(FAULT_STATUS)
