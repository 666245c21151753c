# SPDX-License-Identifier: GPL-2.0-or-later
"""Traps and interrupts: who handles which vector, and the way back to user space.

trap.S saves the registers and calls `handle_syscall` of kern/syscall/dispatch.py, or one of three functions here: `trap_from_user`
(context in the core's `actual_ctx`; ends in `leave_kernel`), `trap_from_kernel` (a TrapFrame; returns to what was interrupted) and
`trap_on_ist` (NMI, double fault, machine check, kernel debug).
Vectors: 0-31 faults, 0x20-0x2f the masked PIC's, from IRQ_VECTOR on the I/O interrupt controller's lines, then
system calls by `int`, then our own.
Locks: none. Handlers come at boot or with the line still masked; one caller at a time.
"""

from typing import Callable, NoReturn

from lang import (
    Error,
    Ptr,
    Ref,
    Text,
    Uaddr,
    addr_of,
    array,
    at,
    entry,
    export,
    extern,
    extern_symbol,
    interrupt_context,
    struct,
    text,
    u32,
    u64,
)
from arch import apic, cpu, ioapic
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
from kern.debug.panic import handle_nmi, panic_at
from kern.mm.fault import handle_page_fault
from kern.mm.kmap import STACK_SIZE, is_guard_page
from kern.proc.fault import handle_user_trap
from kern.syscall.dispatch import handle_syscall
from kern.time.alarm import timer_interrupt

DEBUG: u64 = 1
NMI: u64 = 2
DOUBLE_FAULT: u64 = 8
PROTECTION: u64 = 13
PAGE_FAULT: u64 = 14
FIRST_INTERRUPT: u64 = 32

IRQ_VECTOR: u64 = 0x30                      # + global interrupt number
IRQ_LINES: u32 = 160
TIMER_VECTOR: u64 = 0xF0
IPI_VECTOR: u64 = 0xF1
APIC_ERROR_VECTOR: u64 = 0xF2
SPURIOUS_VECTOR: u64 = 0xFF

# Page-fault error code.
FAULT_PRESENT: u64 = 1
FAULT_WRITE: u64 = 2
FAULT_FETCH: u64 = 16

MAX_HANDLERS: u32 = 32

TRAP_FRAME: u64 = 200                       # what trap.S has pushed: TrapFrame, a frame record, and up to 8 bytes to align
IST_STEP: u64 = 16384                       # what a handler has on an IST stack before one that interrupts it would overwrite it

extable_start = extern_symbol("extable_start")
extable_end = extern_symbol("extable_end")


@struct
class TrapFrame:
    """What trap.S leaves on the stack."""

    r15: u64
    r14: u64
    r13: u64
    r12: u64
    r11: u64
    r10: u64
    r9: u64
    r8: u64
    rdi: u64
    rsi: u64
    rbp: u64
    rdx: u64
    rcx: u64
    rbx: u64
    rax: u64
    vector: u64
    error_code: u64
    rip: u64
    cs: u64
    rflags: u64
    rsp: u64
    ss: u64


@struct
class IrqHandler:
    line: u32                               # global interrupt number
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
    """Call handler(arg) with interrupts off for ISA line `irq`, on core `target`. Lines may be shared. Raises ENOSPC."""
    line = ioapic.line_of(irq)
    if line >= IRQ_LINES:
        raise Error(Errno.ENOSPC, f"there is no vector for interrupt {irq}")
    entry = free_slot(irq)
    entry.line = line
    entry.arg = arg
    entry.target = target
    entry.count = 0
    entry.handler = handler
    ioapic.route(line, IRQ_VECTOR + u64(line), target)


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
    line = ioapic.line_of(irq)
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
    """Line, vector, core, and how often the handler ran; empty if it is gone."""
    entry = handlers[index]
    if entry.handler is not None:
        into.write(f"line {entry.line} vector {IRQ_VECTOR + u64(entry.line):#x} core {entry.target} count {entry.count}")


@entry(stack=STACK_SIZE)
@export("trap_from_user")
def trap_from_user(ctx_address: u64) -> NoReturn:
    """Any trap or interrupt of user code: interrupts off, the kernel stack empty."""
    enter_state(CpuState.KERNEL)
    ctx = at(UserContext, ctx_address)
    core.mine.cur_ctx = ctx
    if ctx.trap_number >= FIRST_INTERRUPT:
        if ctx.trap_number == cpu.SYSCALL_VECTOR:
            call_by_trap(ctx)
        else:
            dispatch_interrupt(ctx.trap_number)
    else:
        user_fault(ctx)
    leave_kernel()


def call_by_trap(ctx: UserContext) -> None:
    """The system call by `int`: as by `syscall`, but that the caller keeps all registers except rax, and leaves a hardware context."""
    ctx.rax = 0
    cpu.irqs_on()
    handle_syscall(ctx.rdi, ctx.rsi, addr_of(ctx))


def user_fault(ctx: UserContext) -> None:
    """A fault of user code: page it in, or have the process answer for it."""
    vector = ctx.trap_number
    core.mine.faults += 1
    if vector == PAGE_FAULT:
        ctx.fault_address = cpu.read_cr2()
    cpu.irqs_on()
    problem = Errno.OK
    if vector == PAGE_FAULT:
        problem = handle_page_fault(Uaddr(ctx.fault_address), wanted_access(ctx.error_code))
        if problem == Errno.OK:
            return
    handle_user_trap(ctx, trap_kind(ctx), problem)


def wanted_access(error_code: u64) -> PageFlag:
    access = PageFlag.USER
    if error_code & FAULT_PRESENT != 0:
        access = access | PageFlag.PRESENT
    if error_code & FAULT_WRITE != 0:
        return access | PageFlag.WRITE
    if error_code & FAULT_FETCH != 0:
        return access | PageFlag.EXEC
    return access | PageFlag.READ


def trap_kind(ctx: UserContext) -> TrapKind:
    """What Intel SDM vol. 3, table 6-1 calls it, in the words of every architecture."""
    match ctx.trap_number:
        case 0:
            return TrapKind.DIVIDE
        case 1:
            return TrapKind.DEBUG
        case 3:
            return TrapKind.BREAKPOINT
        case 4:
            return TrapKind.OVERFLOW
        case 6:
            return TrapKind.ILLEGAL_INSTRUCTION
        case 12 | 13:                       # stack fault, general protection
            return TrapKind.PROTECTION
        case 14:
            return TrapKind.PAGE_FAULT
        case 16 | 19:                       # x87, SIMD
            return TrapKind.FLOATING_POINT
        case 17:
            return TrapKind.ALIGNMENT
        case _:
            return TrapKind.OTHER


@entry(used=TRAP_FRAME)
@export("trap_from_kernel")
def trap_from_kernel(frame_address: u64) -> None:
    """A trap or interrupt of kernel code. Returns to it, or panics."""
    frame = at(TrapFrame, frame_address)
    if frame.vector >= FIRST_INTERRUPT:
        dispatch_interrupt(frame.vector)
        return
    if frame.vector == PAGE_FAULT or frame.vector == PROTECTION:
        if recover(frame):
            return
    kernel_fault(frame)


def recover(frame: TrapFrame) -> bool:
    """A fault at one of the few instructions that may: page the user's memory in, or go on at the fixup."""
    address = cpu.read_cr2()
    fixup = find_fixup(frame.rip)
    if fixup == 0:
        return False
    core.mine.faults += 1
    problem = Errno.EFAULT
    if frame.vector == PAGE_FAULT and address < u64(USER_TOP):
        # As the interrupted code had it: a copy by a system call may wait for a page with interrupts on.
        cpu.irqs_restore(frame.rflags)
        problem = handle_page_fault(Uaddr(address), wanted_access(frame.error_code))
        cpu.irqs_off()
        if problem == Errno.OK:
            return True
    core.mine.copy_fault = problem
    frame.rip = fixup
    return True


def find_fixup(rip: u64) -> u64:
    """Where to go on after a fault at `rip`, 0 if that instruction may not fault."""
    table = Ptr[u64](addr_of(extable_start))
    count = (addr_of(extable_end) - addr_of(extable_start)) // 16
    for i in range(count):
        if table[i * 2] == rip:
            return table[i * 2 + 1]
    return 0


@interrupt_context
@entry(stack=IST_STEP, used=TRAP_FRAME, masked=True)
@export("trap_on_ist")
def trap_on_ist(frame_address: u64) -> None:
    """Something that may hit anywhere, on a stack of its own. Takes no lock that the interrupted code may hold."""
    frame = at(TrapFrame, frame_address)
    if frame.vector == NMI:
        core.mine.nmis += 1
        apic.stop_if_asked()
        handle_nmi(frame.rip, frame.rbp)
    elif frame.vector != DEBUG:
        kernel_fault(frame)


def kernel_fault(frame: TrapFrame) -> NoReturn:
    """The kernel did what it must not."""
    log.raw(f"rip {frame.rip:016x} rsp {frame.rsp:016x} rflags {frame.rflags:08x} cr2 {cpu.read_cr2():016x} cr3 {cpu.read_cr3():016x}")
    log.raw(f"rax {frame.rax:016x} rbx {frame.rbx:016x} rcx {frame.rcx:016x} rdx {frame.rdx:016x}")
    log.raw(f"rsi {frame.rsi:016x} rdi {frame.rdi:016x} rbp {frame.rbp:016x} r8  {frame.r8:016x}")
    log.raw(f"r9  {frame.r9:016x} r10 {frame.r10:016x} r11 {frame.r11:016x} r12 {frame.r12:016x}")
    log.raw(f"r13 {frame.r13:016x} r14 {frame.r14:016x} r15 {frame.r15:016x} gs+ {cpu.percore_delta():016x}")
    message = text(120)
    if frame.vector == DOUBLE_FAULT and is_guard_page(cpu.read_cr2()):
        message.append("kernel stack overflow")
    else:
        message.append(fault_name(frame.vector))
        message.write(f" in the kernel, error code {frame.error_code:#x}")
    if frame.vector == PAGE_FAULT:
        message.write(f", address {cpu.read_cr2():#018x}")
    panic_at(message.view, frame.rip, frame.rbp)


def fault_name(vector: u64) -> str:
    match vector:
        case 0:
            return "division by zero"
        case 2:
            return "non-maskable interrupt"
        case 3:
            return "breakpoint"
        case 6:
            return "illegal instruction"
        case 8:
            return "double fault"
        case 12:
            return "stack fault"
        case 13:
            return "general protection fault"
        case 14:
            return "page fault"
        case 18:
            return "machine check"
        case _:
            return "unexpected trap"


@interrupt_context
def dispatch_interrupt(vector: u64) -> None:
    """An interrupt, with interrupts off."""
    core.mine.irq_depth += 1
    note_event()
    interrupted = current_state()
    enter_state(CpuState.IRQ)
    if vector == TIMER_VECTOR:
        apic.end_of_interrupt()
        timer_interrupt()
    elif vector == IPI_VECTOR:
        # Acknowledged first: a message posted after we looked must raise a new interrupt.
        apic.end_of_interrupt()
        handle_ipi()
    else:
        core.mine.device_irqs += 1
        device_interrupt(vector)
    enter_state(interrupted)
    core.mine.irq_depth -= 1


def device_interrupt(vector: u64) -> None:
    if vector >= IRQ_VECTOR and vector < IRQ_VECTOR + u64(IRQ_LINES):
        run_handlers(u32(vector - IRQ_VECTOR))
        apic.end_of_interrupt()
    elif vector == APIC_ERROR_VECTOR:
        apic.clear_error()
        apic.end_of_interrupt()
    elif vector < IRQ_VECTOR:
        apic.take_pic(u32(vector - FIRST_INTERRUPT))
    # What remains is spurious, from the local controller, which wants no acknowledgement.


def run_handlers(line: u32) -> None:
    for i in range(handler_count):
        entry = handlers[i]
        if entry.line == line:
            handler = entry.handler
            if handler is not None:
                entry.count += 1
                handler(entry.arg)
