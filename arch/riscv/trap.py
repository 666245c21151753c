# SPDX-License-Identifier: GPL-2.0-or-later
"""Traps and interrupts: who handles which cause, and the way back to user space.

trap.S saves the registers and calls `handle_syscall` of kern/syscall/dispatch.py, or one of three functions here: `trap_from_user` and
`resume_from_user` (context in the core's `actual_ctx`; end in `leave_kernel`) and `trap_from_kernel` (a TrapFrame; returns to what was
interrupted).
Interrupts of devices come through the board's controller (ioapic.py), timer and other cores through the firmware.
Locks: none. Handlers come at boot or with the line still masked; one caller at a time.
"""

from typing import Callable, NoReturn

from lang import Array, Error, Ptr, Ref, Text, Uaddr, addr_of, array, at, export, extern, extern_symbol
from lang import entry, interrupt_context, sizeof, struct, text, u32, u64
from arch import apic, context, cpu, ioapic, page_table, timer, usercopy
from arch.abi import UserContext
from kern.abi.errno import Errno
from kern.abi.fault import TrapKind
from kern.abi.proc import USER_TOP
from kern.arch_api import PageFlag
from kern.core.cpu_state import CpuState, current_state, enter_state
from kern.core.idle import leave_kernel
from kern.core.kmsg import handle_ipi
from kern.core.noise import note_event
from kern.core.percore import core
from kern.core.smp import call_on_core
from kern.debug import log
from kern.debug.panic import panic_at
from kern.mm.fault import handle_page_fault
from kern.mm.kmap import STACK_SIZE, is_guard_page
from kern.proc.fault import handle_user_trap
from kern.time.alarm import timer_interrupt

INTERRUPT: u64 = 1 << 63
FETCH_PAGE: u64 = 12
LOAD_PAGE: u64 = 13
STORE_PAGE: u64 = 15

OPCODE: u64 = 0x7F                          # of an instruction
SYSTEM_OPCODE: u64 = 0x73
MAX_HANDLERS: u32 = 32
EMERGENCY_STACK: u64 = 16384                # the boot core's first (boot.S); later ones are larger
TRAP_FRAME: u64 = 304                       # TrapFrame, as trap.S makes it

extable_start = extern_symbol("extable_start")
extable_end = extern_symbol("extable_end")


@struct
class TrapFrame:
    """What trap.S leaves on the stack."""

    pc: u64
    x: Array[u64] = array(31)               # x1 to x31
    status: u64
    cause: u64
    value: u64                              # the address of a fault, or the instruction


@struct
class IrqHandler:
    line: u32
    handler: Callable[[u64], None] | None
    arg: u64
    target: u32
    count: u64


handlers = array(MAX_HANDLERS, IrqHandler)
handler_count: u32 = 0


@extern("pop_user_context")
def pop_user(ctx: Ref[UserContext]) -> NoReturn:
    """Resume user code. Interrupts are off, the address space is loaded, the context is sane."""
    ...


def attach_core() -> None:
    """Tell the entry paths where this core keeps the user's registers. Once per core."""
    cpu.set_actual_ctx(addr_of(core.mine.actual_ctx))


def register_irq(irq: u32, handler: Callable[[u64], None], arg: u64, target: u32) -> None:
    """Call handler(arg) with interrupts off for line `irq`, on core `target`, or another if the controller does not reach that. Lines may
    be shared. Raises ENOSPC."""
    entry = free_slot(irq)
    entry.line = irq
    entry.arg = arg
    entry.target = ioapic.reached_core(target)
    entry.count = 0
    entry.handler = handler
    ioapic.route(irq, entry.target)


def take_lines(number: u32) -> None:
    """This core, which begins to run, gets the lines that go to one that the controller does not reach, if it is reached itself."""
    for i in range(handler_count):
        entry = handlers[i]
        if ioapic.reaches(number) and not ioapic.reaches(entry.target):
            entry.target = number
            ioapic.route(entry.line, number)


def free_slot(irq: u32) -> IrqHandler:
    """For a handler more. Raises ENOSPC."""
    global handler_count
    for i in range(handler_count):
        if handlers[i].handler is None:
            return handlers[i]
    if handler_count == MAX_HANDLERS:
        raise Error(Errno.ENOSPC, f"no room for a handler of interrupt {irq}")
    handler_count += 1
    return handlers[handler_count - 1]


def unregister_irq(irq: u32, handler: Callable[[u64], None], arg: u64) -> None:
    """Undo `register_irq`. When it returns the handler does not run, nor will. Raises ENOENT. Interrupts are on."""
    line = irq
    for i in range(handler_count):
        entry = handlers[i]
        found = entry.handler
        if found is not None and entry.line == line and found is handler and entry.arg == arg:
            entry.handler = None
            call_on_core(entry.target, come_by, 0)  # it is not in the middle of an interrupt any more
            return
    raise Error(Errno.ENOENT, f"nothing of the kind handles interrupt {irq}")


def come_by(unused: u64) -> None:
    pass


def irq_count() -> u32:
    """How many handlers there are to describe."""
    return handler_count


def describe_irq(index: u32, into: Text) -> None:
    """Line, controller, core, and how often the handler ran; empty if it is gone."""
    entry = handlers[index]
    if entry.handler is not None:
        into.write(f"line {entry.line} {ioapic.describe()} core {entry.target} count {entry.count}")


@entry(stack=STACK_SIZE)
@export("trap_from_user")
def trap_from_user(ctx_address: u64) -> NoReturn:
    """Any trap or interrupt of user code: interrupts off, the kernel stack empty."""
    enter_state(CpuState.KERNEL)
    ctx = at(UserContext, ctx_address)
    core.mine.cur_ctx = ctx
    if ctx.trap_number & INTERRUPT != 0:
        dispatch_interrupt(ctx.trap_number, ctx.pc, 0)
    else:
        user_fault(ctx)
    leave_kernel()


@entry(stack=STACK_SIZE)
@export("resume_from_user")
def resume_from_user(source: u64, unused: u64, ctx_address: u64) -> NoReturn:
    """The fast call: the caller becomes the context at `source`. No instruction of user code can load all registers and jump."""
    enter_state(CpuState.KERNEL)
    ctx = at(UserContext, ctx_address)
    core.mine.cur_ctx = ctx
    core.mine.system_calls += 1
    resume_context(ctx, source)
    leave_kernel()


def resume_context(ctx: UserContext, source: u64) -> None:
    copy = UserContext()
    if source >= u64(USER_TOP) - sizeof(UserContext) or usercopy.copy_user(addr_of(copy), source, sizeof(UserContext)) != 0:
        handle_user_trap(ctx, TrapKind.PROTECTION, Errno.OK)
        return
    # What is in the core's context may be saved by an interrupt that preempts us.
    cpu.irqs_off()
    current = core.mine.cur_ctx
    if current is not None and current is ctx:
        context.copy_sanitised(ctx, copy)


def user_fault(ctx: UserContext) -> None:
    """A fault of user code: page it in, or have the process answer for it."""
    cause = ctx.trap_number
    core.mine.faults += 1
    cpu.irqs_on()
    problem = Errno.OK
    if is_page_fault(cause):
        problem = handle_page_fault(Uaddr(ctx.fault_address), wanted_access(cause))
        if problem == Errno.OK:
            return
    handle_user_trap(ctx, trap_kind(ctx), problem)


def is_page_fault(cause: u64) -> bool:
    return cause == FETCH_PAGE or cause == LOAD_PAGE or cause == STORE_PAGE


def wanted_access(cause: u64) -> PageFlag:
    if cause == STORE_PAGE:
        return PageFlag.USER | PageFlag.WRITE
    if cause == FETCH_PAGE:
        return PageFlag.USER | PageFlag.EXEC
    return PageFlag.USER | PageFlag.READ


def trap_kind(ctx: UserContext) -> TrapKind:
    """RISC-V privileged 1.12, table 4.2. Of an illegal instruction `fault_address` is the instruction itself, where the processor tells; a
    system one is most likely privileged."""
    match ctx.trap_number:
        case 0 | 4 | 6:
            return TrapKind.ALIGNMENT
        case 1 | 5 | 7:
            return TrapKind.PROTECTION
        case 2:
            return TrapKind.PROTECTION if ctx.fault_address & OPCODE == SYSTEM_OPCODE else TrapKind.ILLEGAL_INSTRUCTION
        case 3:
            return TrapKind.BREAKPOINT
        case 12 | 13 | 15:
            return TrapKind.PAGE_FAULT
        case _:
            return TrapKind.OTHER


@entry(used=TRAP_FRAME)
@entry(stack=EMERGENCY_STACK, used=TRAP_FRAME, masked=True)
@export("trap_from_kernel")
def trap_from_kernel(frame_address: u64) -> None:
    """A trap or interrupt of kernel code. Returns to it, or panics."""
    frame = at(TrapFrame, frame_address)
    if frame.cause & INTERRUPT != 0:
        dispatch_interrupt(frame.cause, frame.pc, frame.x[7])
        return
    if not recover(frame):
        kernel_fault(frame)


def recover(frame: TrapFrame) -> bool:
    """A fault at one of the few instructions that may: page the user's memory in, or go on at the fixup."""
    fixup = find_fixup(frame.pc)
    if fixup == 0:
        return False
    core.mine.faults += 1
    problem = Errno.EFAULT
    if is_page_fault(frame.cause) and frame.value < u64(USER_TOP):
        # As the interrupted code had it: a copy by a system call may wait for a page with interrupts on.
        cpu.irqs_restore((frame.status >> 4) & cpu.STATUS_SIE)
        problem = handle_page_fault(Uaddr(frame.value), wanted_access(frame.cause))
        cpu.irqs_off()
        if problem == Errno.OK:
            return True
    core.mine.copy_fault = problem
    frame.pc = fixup
    return True


def find_fixup(pc: u64) -> u64:
    """Where to go on after a fault at `pc`, 0 if that instruction may not fault."""
    table = Ptr[u64](addr_of(extable_start))
    count = (addr_of(extable_end) - addr_of(extable_start)) // 16
    for i in range(count):
        if table[i * 2] == pc:
            return table[i * 2 + 1]
    return 0


def kernel_fault(frame: TrapFrame) -> NoReturn:
    """The kernel did what it must not."""
    log.raw(
        f"pc {frame.pc:016x} sp {frame.x[1]:016x} status {frame.status:08x} address {frame.value:016x} root {page_table.kernel_root:016x}"
    )
    for i in range(u64(0), 28, 4):
        log.raw(f"x{i + 1:<2} {frame.x[i]:016x} {frame.x[i + 1]:016x} {frame.x[i + 2]:016x} {frame.x[i + 3]:016x}")
    message = text(120)
    if is_page_fault(frame.cause) and is_guard_page(frame.value):
        message.append("kernel stack overflow")
    else:
        message.append(fault_name(frame.cause))
        message.write(f" in the kernel, cause {frame.cause}")
    if is_page_fault(frame.cause):
        message.write(f", address {frame.value:#018x}")
    panic_at(message.view, frame.pc, frame.x[7])


def fault_name(cause: u64) -> str:
    match cause:
        case 0 | 4 | 6:
            return "misaligned access"
        case 1 | 5 | 7:
            return "access fault"
        case 2:
            return "illegal instruction"
        case 3:
            return "breakpoint"
        case 12 | 13 | 15:
            return "page fault"
        case _:
            return "unexpected trap"


@interrupt_context
def dispatch_interrupt(cause: u64, pc: u64, frame: u64) -> None:
    """An interrupt, with interrupts off. `pc` and `frame`: where it came."""
    core.mine.irq_depth += 1
    note_event()
    interrupted = current_state()
    enter_state(CpuState.IRQ)
    source = cause & ~INTERRUPT
    if source == cpu.INTERRUPT_TIMER:
        timer.set_core_timer(0)             # or it stays pending
        timer_interrupt()
    elif source == cpu.INTERRUPT_SOFTWARE:
        # Acknowledged first, as claimed lines are: a message posted after we looked must raise a new interrupt.
        cpu.clear_software_interrupt()
        apic.serve_requests(pc, frame)
        handle_ipi()
    elif source == cpu.INTERRUPT_EXTERNAL:
        while (line := ioapic.claim()) != 0:
            if line == apic.IPI_LINE:
                apic.serve_requests(pc, frame)
                handle_ipi()
            else:
                core.mine.device_irqs += 1
                run_handlers(line)
                ioapic.complete(line)
    enter_state(interrupted)
    core.mine.irq_depth -= 1


def run_handlers(line: u32) -> None:
    for i in range(handler_count):
        entry = handlers[i]
        if entry.line == line:
            handler = entry.handler
            if handler is not None:
                entry.count += 1
                handler(entry.arg)
