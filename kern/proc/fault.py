# SPDX-License-Identifier: GPL-2.0-or-later
"""A fault of user code that stays one: the process dies, with a message on its own standard error and in the log; nobody else does.

No locks. May block.
"""

from lang import Error, Span, Text, Uaddr, array, text, u64
from arch.abi import FRAME_RECORD, UserContext
from kern.abi.proc import KILLED_EXIT_CODE
from kern.arch_api import TrapKind
from kern.core.percore import core
from kern.debug import log
from kern.mm.fault import ran_out
from kern.mm.umem import load_u64
from kern.ns.chan import Chan, chan_put, write_chan
from kern.ns.fd import get_chan
from kern.ns.node import Node
from kern.ns.transfer import Transfer, set_kernel
from kern.proc.destroy import destroy_self
from kern.proc.proc import Proc
from kern.proc.user_symbols import UserSymbols, open_program, write_symbol

MAX_FRAMES: u64 = 16
STDERR = 2


def handle_user_trap(ctx: UserContext, kind: TrapKind) -> None:
    """The current process did what it may not, at `ctx`. Its core leaves it on the way out."""
    p = core.mine.cur_proc
    if p is None:
        return
    report = text(2048)
    describe(p, ctx, kind, report)
    frames = array(MAX_FRAMES, u64)
    count = walk_stack(ctx, frames[0:MAX_FRAMES])
    pc = ctx.pc
    sp = ctx.sp
    chan = standard_error(p)
    # First of all it must not run on: telling may block, and then the core would go back to the same instruction.
    destroy_self(p, KILLED_EXIT_CODE)
    write_backtrace(p, pc, sp, frames[:count], report)
    log.warn(f"{report.view}")
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


def walk_stack(ctx: UserContext, frames: Span[u64]) -> u64:
    """Collect return addresses along the chain of frame pointers, as far as it can be read; returns how many."""
    frame = ctx.frame_pointer
    count: u64 = 0
    try:
        while count < len(frames) and frame != 0 and frame % 8 == 0:
            caller = load_u64(Uaddr(frame - FRAME_RECORD + 8))
            next = load_u64(Uaddr(frame - FRAME_RECORD))
            if caller == 0:
                break
            frames[count] = caller
            count += 1
            if next <= frame:
                break
            frame = next
    except Error:
        return count
    return count


def write_backtrace(p: Proc, pc: u64, sp: u64, frames: Span[u64], report: Text) -> None:
    """Where it was and who called, with names if the program's file tells them."""
    symbols = UserSymbols()
    node = open_program(p, symbols)
    report.write(f"\n  at {pc:#x}")
    write_name(node, symbols, pc, report)
    report.write(f", stack {sp:#x}\n")
    last: u64 = 0
    for caller in frames:
        if caller != last:
            report.write(f"  called from {caller:#x}")
            write_name(node, symbols, caller - 1, report)
            report.append("\n")
        last = caller
    if node is not None:
        node.put()


def write_name(node: Node | None, symbols: UserSymbols, address: u64, report: Text) -> None:
    if node is not None:
        write_symbol(node, symbols, address, report)


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
