# SPDX-License-Identifier: GPL-2.0-or-later
"""A fault of user code that stays one: the process is asked (reflect.py), or dies, with a message on its own standard error, which is there
before its parent learns of the end; the log has all of it, registers and mappings too. Nobody else dies.

Fatal are faults in vcore context, and of a process that is not ready for vcore context: there is nobody in it who could be asked.
No locks but `vm.lock`, for the list of mappings. May block.
"""

from lang import Error, Span, Text, Uaddr, array, noinline, text, u64, valid
from arch import serial
from arch.abi import FRAME_RECORD, UserContext
from kern.abi.errno import Errno
from kern.abi.fault import TrapKind, problem_of, told
from kern.abi.file import OpenMode
from kern.abi.proc import KILLED_EXIT_CODE
from kern.core.percore import core
from kern.debug import log
from kern.mm.umem import load_u64
from kern.mm.vmr import print_regions
from kern.ns.chan import chan_put, write_chan
from kern.ns.fd import get_chan
from kern.ns.node import Node
from kern.ns.transfer import Transfer, set_kernel
from kern.proc.destroy import destroy_self_saying
from kern.proc.proc import Proc
from kern.proc.reflect import reflect, wait_for_page
from kern.proc.user_symbols import UserSymbols, open_program, write_symbol

MAX_FRAMES: u64 = 16
STDERR = 2

on_console: bool = False                    # Akaros' printx: each is told on the console, even if the process is asked


def printx() -> bool:
    return on_console


def set_printx(on: bool) -> None:
    global on_console
    on_console = on


def handle_user_trap(ctx: UserContext, kind: TrapKind, problem: Errno) -> None:
    """The current process did what it may not, at `ctx`, or needs a page that must be read first. `problem`: of a page fault, why.
    If its core does not go on in vcore context it leaves the process on the way out."""
    p = core.mine.cur_proc
    if p is None:
        return
    ctx.error_code = told(ctx.error_code, kind, problem)
    if problem == Errno.EAGAIN and not p.is_mcp:
        wait_for_page(p, ctx.fault_address)
        return
    if on_console and problem != Errno.EAGAIN:
        print_trap(p, ctx, kind)
    if not reflect(p, ctx):
        die(p, ctx, kind)


def print_trap(p: Proc, ctx: UserContext, kind: TrapKind) -> None:
    """A line on the console, whatever the process makes of the fault."""
    line = text(300)
    line.write(f"trap of {p.name} (process {p.pid}, vcore {core.mine.owning_vcoreid}) at {ctx.pc:#x}: ")
    describe_cause(ctx, kind, line)
    line.append("\n")
    serial.put(line.view)


def die(p: Proc, ctx: UserContext, kind: TrapKind) -> None:
    """End the calling process, for the fault that `ctx` tells of."""
    log_state(p, ctx)
    report = text(2048)
    describe(p, ctx, kind, report)
    frames = array(MAX_FRAMES, u64)
    count = walk_stack(ctx, frames[0:MAX_FRAMES])
    pc = ctx.pc
    sp = ctx.sp

    def tell(p: Proc) -> None:
        write_backtrace(p, pc, sp, frames[:count], report)
        log.warn(f"{report.view}")
        tell_standard_error(p, report)

    # Not before p has lost its cores: telling may block, and then the core would go back to the same instruction.
    destroy_self_saying(p, KILLED_EXIT_CODE, tell)


@noinline
def log_state(p: Proc, ctx: UserContext) -> None:
    """A function of its own, so that the text is off the stack when the process ends."""
    dump = text(4096)
    dump.write(f"{p.name} (process {p.pid}):\n{ctx}")
    print_regions(p, dump)
    log.warn(f"{dump.view}")


def describe(p: Proc, ctx: UserContext, kind: TrapKind, report: Text) -> None:
    report.write(f"{p.name} (process {p.pid}, vcore {core.mine.owning_vcoreid}) killed: ")
    describe_cause(ctx, kind, report)


def describe_cause(ctx: UserContext, kind: TrapKind, report: Text) -> None:
    match kind:
        case TrapKind.PAGE_FAULT:
            describe_page_fault(ctx, report)
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


def describe_page_fault(ctx: UserContext, report: Text) -> None:
    number = problem_of(ctx.error_code)
    problem = Errno(number) if valid(Errno, number) else Errno.EFAULT
    if problem == Errno.ENOMEM:
        report.write(f"out of memory for {ctx.fault_address:#x}")
        return
    report.write(f"bad memory access to {ctx.fault_address:#x}")
    match problem:
        case Errno.EFAULT:
            report.append(": nothing is mapped there")
        case Errno.EPERM:
            report.append(": the mapping there does not allow that")
        case Errno.ESPIPE:
            report.append(": beyond the end of the file that is mapped there")
        case Errno.EAGAIN:
            report.append(": in vcore context, which cannot wait for a file")
        case _:
            report.write(f": its file cannot be read ({problem})")


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


def tell_standard_error(p: Proc, report: Text) -> None:
    """As much as it takes at once: who reads a full pipe may wait for p's end before it does."""
    io = Transfer()
    set_kernel(io, report.view)
    try:
        chan = get_chan(p.fds, STDERR)
    except Error:
        return
    try:
        if chan.node.is_seekable():
            write_chan(chan, io)
        elif OpenMode.WRITE in chan.mode:
            chan.node.write(io, 0, chan.mode | OpenMode.NONBLOCK)
    except Error as e:
        log.debug(f"could not tell the process' standard error: {e.message}")
    finally:
        chan_put(chan)
