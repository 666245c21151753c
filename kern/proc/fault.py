# SPDX-License-Identifier: GPL-2.0-or-later
"""A fault of user code that stays one: the process dies, with a message on its own standard error and in the log; nobody else does.

No locks. May block.
"""

from lang import Error, Text, Uaddr, text, u64
from arch.abi import UserContext
from kern.abi.proc import KILLED_EXIT_CODE
from kern.arch_api import TrapKind
from kern.core.percore import core
from kern.debug import log
from kern.mm.fault import ran_out
from kern.mm.umem import load_u64
from kern.ns.chan import Chan, chan_put, write_chan
from kern.ns.fd import get_chan
from kern.ns.transfer import Transfer, set_kernel
from kern.proc.destroy import destroy_self
from kern.proc.proc import Proc

MAX_FRAMES: u64 = 16
STDERR = 2


def handle_user_trap(ctx: UserContext, kind: TrapKind) -> None:
    """The current process did what it may not, at `ctx`. Its core leaves it on the way out."""
    p = core.mine.cur_proc
    if p is None:
        return
    report = text(1024)
    describe(p, ctx, kind, report)
    backtrace(ctx, report)
    log.warn(f"{report.view}")
    chan = standard_error(p)
    # First of all it must not run on: telling may block, and then the core would go back to the same instruction.
    destroy_self(p, KILLED_EXIT_CODE)
    if chan is not None:
        tell(chan, report)
        chan_put(chan)


def describe(p: Proc, ctx: UserContext, kind: TrapKind, report: Text) -> None:
    report.write(f"{p.name} (process {p.pid}, vcore {core.mine.owning_vcoreid}) killed: ")
    match kind:
        case TrapKind.PAGE_FAULT:
            what = "out of memory for" if ran_out.mine else "bad memory access to"
            report.write(f"{what} {ctx.fault_address:#x}")
        case TrapKind.DIVIDE:
            report.append("division by zero")
        case TrapKind.PROTECTION:
            report.append("privileged instruction, or a wild address")
        case TrapKind.ILLEGAL_INSTRUCTION:
            report.append("illegal instruction")
        case TrapKind.BREAKPOINT:
            report.append("breakpoint")
        case TrapKind.FLOATING_POINT:
            report.append("floating-point error")
        case _:
            report.write(f"trap {ctx.trap_number}")
    report.write(f"\n  at {ctx.pc:#x}, stack {ctx.sp:#x}\n")


def backtrace(ctx: UserContext, report: Text) -> None:
    """Return addresses along the chain of frame pointers, as far as it can be read."""
    frame = ctx.frame_pointer
    try:
        for _ in range(MAX_FRAMES):
            if frame == 0 or frame % 8 != 0:
                return
            caller = load_u64(Uaddr(frame + 8))
            next = load_u64(Uaddr(frame))
            if caller == 0:
                return
            report.write(f"  called from {caller:#x}\n")
            if next <= frame:
                return
            frame = next
    except Error:
        report.append("  (no further)\n")


def standard_error(p: Proc) -> Chan | None:
    try:
        return get_chan(p.fds, STDERR)
    except Error:
        return None


def tell(chan: Chan, report: Text) -> None:
    try:
        io = Transfer()
        set_kernel(io, report.view)
        write_chan(chan, io)
    except Error as e:
        log.debug(f"could not tell the process' standard error: {e.message}")
